"""The plan, executed by the real program in processes of its own, which are killed and started again."""

from __future__ import annotations

import os
import random
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from migrate.core.errors import Interrupted, MigrateError
from migrate.core.stop import StopToken
from migrate.kinds.registry import KINDS
from migrate.model.plan import Plan
from migrate.rehearsal.stage import KILLS, Disturbances, Seen, Stage
from migrate.store import open_store, plans, runs

LOOK_SECONDS = 0.05
FRUITLESS = 3
"""So many sessions in a row that change nothing show that another one would not either."""
OWN_PREFIXES = ("TWILIO_", "CHAT_MIGRATE_")
LEAST_REQUEST_SECONDS = 0.001
"""No processor is known to do better; a busy one may seem to, because starting took it long."""
KILLED_WITHIN = 0.9
"""Kills fall into this share of the requests that a run makes at least, so that it does not end before them."""


@dataclass(frozen=True)
class Pacing:
    """How the program is told to go about it."""

    settle: float
    concurrency: int | None = None


@dataclass(frozen=True)
class Session:
    """One process.

    Attributes:
        idle_seconds: from its start to its first request, and from its last request to its end.
        cpu_seconds: how long a processor worked for it.
    """

    complaint: str
    seconds: float
    idle_seconds: float
    cpu_seconds: float


@dataclass(frozen=True)
class Performance:
    """What came of executing the plan.

    Attributes:
        resumes: how many sessions followed the first one and did something.
        idle_seconds: how long a process takes before its first request and after its last one.
        request_seconds: how long a processor works for one request.
    """

    seen: Seen
    resumes: int
    seconds: float
    idle_seconds: float
    request_seconds: float
    finished: bool


@dataclass(frozen=True)
class _Reached:
    """How far the run has come: its steps by state, or None if it has not begun."""

    counts: Mapping[str, int] | None
    finished: bool = False


@dataclass(frozen=True)
class Performer:
    """Plays one plan, in a copy of the database, against one stage; `environ` leads nowhere else."""

    db: Path
    plan: Plan
    stage: Stage
    environ: Mapping[str, str]
    pacing: Pacing
    stop: StopToken

    def perform(self, disturbances: Disturbances, expected: int, tell: Callable[[int], None]) -> Performance:
        """Apply the plan, and resume until nothing is left or nothing moves any more.

        Args:
            expected: how many requests an undisturbed run makes.
            tell: is told now and then how many requests were made.

        Raises:
            MigrateError: the program refuses to begin.
            Interrupted: the stop token was set.
        """
        kills = kill_gaps(disturbances, expected)
        sessions: list[Session] = []
        reached, fruitless, killed = self._reached(), 0, -1
        patience = FRUITLESS if disturbances.fault_rate else 1
        while not reached.finished and fruitless < patience:
            seen = self.stage.seen()
            kill = next(kills, None) if seen.kills > killed else None
            killed = seen.kills
            sessions.append(self._session(reached, kill, tell))
            before, reached = reached, self._reached()
            if self.stage.seen().kills == killed:
                fruitless = fruitless + 1 if reached.counts == before.counts else 0
        if reached.counts is None:
            raise MigrateError(f"The rehearsal could not begin. {sessions[-1].complaint}")
        return _summed(sessions, self.stage.seen(), reached.finished, fruitless)

    def _reached(self) -> _Reached:
        with open_store(self.db, must_exist=True) as store:
            run = runs.find_latest_of(store, self.plan)
            if run is None:
                return _Reached(None)
            return _Reached(runs.counts(store, run), run.finished_at is not None)

    def _session(
        self, reached: _Reached, kill: tuple[int, str] | None, tell: Callable[[int], None]
    ) -> Session:
        command = ["resume"] if reached.counts is not None else self._apply()
        complaints = self.db.with_name("complaints.txt")
        cpu, began = _cpu_seconds(), time.monotonic()
        with complaints.open("w+", encoding="utf-8") as errors:
            child = subprocess.Popen(  # noqa: S603 - our own words
                [sys.executable, "-m", "migrate", "--db", str(self.db), *command, *self._options()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                env={**self.environ, **self.stage.variables},
                cwd=self.db.parent,
                start_new_session=True,
            )
            self.stage.expect(child.pid)
            if kill is not None:
                self.stage.kill_at(*kill)
            self._wait(child, tell)
        seconds, seen = time.monotonic() - began, self.stage.seen()
        asking = seen.last_at - seen.first_at if seen.first_at and seen.last_at else 0.0
        lines = complaints.read_text(encoding="utf-8").split("\n")
        return Session(
            complaint=next((line for line in reversed(lines) if line), f"It exited with {child.returncode}."),
            seconds=seconds,
            idle_seconds=max(0.0, seconds - asking),
            cpu_seconds=_cpu_seconds() - cpu,
        )

    def _wait(self, child: subprocess.Popen[bytes], tell: Callable[[int], None]) -> None:
        try:
            while True:
                try:
                    child.wait(LOOK_SECONDS)
                    return
                except subprocess.TimeoutExpired:
                    tell(self.stage.seen().requests)
                if self.stop.is_set():
                    raise Interrupted("Interrupted. Nothing was sent to Twilio, and the plan is as it was.")
        finally:
            if child.returncode is None:
                child.kill()
                child.wait()

    def _apply(self) -> list[str]:
        """Return the command that begins, with the consents without which some steps would be left out."""
        with open_store(self.db, must_exist=True) as store:
            kinds = plans.steps_by_kind(store, self.plan)
        consents = {KINDS[name].consent for name in kinds} - {None}
        return ["apply", "--plan", self.plan.id, *(f"--{consent}" for consent in sorted(map(str, consents)))]

    def _options(self) -> list[str]:
        pacing = self.pacing
        chosen = ["--yes", "--settle", f"{pacing.settle:g}"]
        return chosen if pacing.concurrency is None else [*chosen, "--concurrency", str(pacing.concurrency)]


def clean_environ(environ: Mapping[str, str]) -> dict[str, str]:
    """Return an environment without anything that leads to Twilio, in which this very program is found."""
    kept = {name: value for name, value in environ.items() if not name.startswith(OWN_PREFIXES)}
    return {**kept, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}


def kill_gaps(disturbances: Disturbances, expected: int) -> Iterator[tuple[int, str]]:
    """Yield the kills: after how many requests since the one before, and how; the seed chooses both.

    Args:
        expected: how many requests an undisturbed run makes.
    """
    chance = random.Random(disturbances.seed)  # noqa: S311 - a rehearsal wants to be repeated
    span = max(disturbances.kills, int(expected * KILLED_WITHIN))
    last = 0
    for moment in sorted(chance.sample(range(1, span + 1), disturbances.kills)):
        yield moment - last, chance.choice(KILLS)
        last = moment


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _summed(sessions: list[Session], seen: Seen, finished: bool, fruitless: int) -> Performance:
    worked = sum(max(0.0, each.cpu_seconds - each.idle_seconds) for each in sessions)
    return Performance(
        seen=seen,
        resumes=max(0, len(sessions) - 1 - fruitless),
        seconds=sum(each.seconds for each in sessions),
        # Only the last one was not killed, so that it has come to its end.
        idle_seconds=sessions[-1].idle_seconds,
        request_seconds=max(LEAST_REQUEST_SECONDS, worked / max(1, seen.requests)),
        finished=finished,
    )
