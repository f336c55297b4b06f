"""The simulator in a process of its own, and the end of the program that plays against it.

It is started as `python -m migrate.rehearsal.stage FOLDER` and answers each line of JSON on its standard input with
one on its standard output.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from migrate.core.errors import MigrateError
from migrate.simulator import Fault, FaultPlan, RecordedRequest, Simulator, Unevenness, World, world_from

Json = Any
ACCOUNTS, SETTINGS, BEFORE, AFTER, STORY = (
    "accounts.json",
    "settings.json",
    "before.json",
    "after.json",
    "story.txt",
)
END = "end\n"
SILENCE_SECONDS = 1.0
"""How long a request that is not answered, or answered slowly, takes in a rehearsal."""
KILLS = ("edit", "reset_before")
"""Kinds of fault that come with a kill: the request that arrives takes effect all the same, or it is lost."""


@dataclass(frozen=True)
class Disturbances:
    """How Twilio behaves in a rehearsal, and what happens to the program. Times are seconds.

    Attributes:
        lag: reads and lists lag so far behind writes, and lost requests take effect so late.
        max_concurrent: requests at once above which Twilio answers 429; None: any number is accepted.
        seed: chooses the faults and the moments of the kills.
    """

    fault_rate: float = 0.0
    kills: int = 0
    lag: float = 0.0
    latency: float = 0.0
    max_concurrent: int | None = None
    seed: int = 0


@dataclass(frozen=True)
class Seen:
    """What the simulator has seen so far.

    Attributes:
        faults: kind of fault → how many requests it has struck.
        first_at: when the first request of the present process arrived, seconds since the epoch; None: none did.
    """

    requests: int
    reads: int
    faults: Mapping[str, int]
    kills: int
    first_at: float | None
    last_at: float | None


class Stage:
    """The simulator's process, seen from the rehearsal. Use it as a context manager.

    Args:
        folder: private; holds what goes in and comes out: `ACCOUNTS`, `BEFORE`, `AFTER` and `STORY`.
    """

    def __init__(self, folder: Path, disturbances: Disturbances, environ: Mapping[str, str]) -> None:
        self._folder = folder
        self._environ = environ
        (folder / SETTINGS).write_text(json.dumps(asdict(disturbances)), encoding="utf-8")
        self.variables: dict[str, str] = {}

    def __enter__(self) -> Stage:
        self._process = subprocess.Popen(  # noqa: S603 - our own words
            [sys.executable, "-m", "migrate.rehearsal.stage", str(self._folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=self._environ,
            cwd=self._folder,
            text=True,
            start_new_session=True,
        )
        self.variables = self._heard()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._process:
            if kind is None:
                self._pipe(self._process.stdin).write(END)
            else:
                self._process.kill()

    def expect(self, process_id: int) -> None:
        """Say which process plays from now on."""
        self._asked({"process": process_id})

    def kill_at(self, nth: int, how: str) -> None:
        """Kill the process that plays when the request of this number, counted from 1 and from now, arrives.

        `how` is one of `KILLS`.
        """
        self._asked({"kill_at": nth, "how": how})

    def seen(self) -> Seen:
        """Return what the simulator has seen so far."""
        return Seen(**self._asked({}))

    def _asked(self, question: Json) -> Json:
        self._pipe(self._process.stdin).write(json.dumps(question) + "\n")
        self._pipe(self._process.stdin).flush()
        return self._heard()

    def _heard(self) -> Json:
        line = self._pipe(self._process.stdout).readline()
        if not line:
            raise MigrateError("The simulator ended before the rehearsal did. Try again with another --seed.")
        return json.loads(line)

    @staticmethod
    def _pipe(pipe: IO[str] | None) -> IO[str]:
        if pipe is None:
            raise AssertionError("the process was started with pipes")
        return pipe


class Story(list[RecordedRequest]):
    """What the simulator records, kept as one line of text a request."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._file = path.open("w", encoding="utf-8")
        self.faults: Counter[str] = Counter()
        self.reads = self.requests = self.kills = 0
        self.first_at: float | None = None
        self.last_at: float | None = None
        self.process_id = 0
        self._killed = False

    def kill(self, _world: World) -> None:
        """End the process that plays, in the middle of its request."""
        os.kill(self.process_id, signal.SIGKILL)
        self._killed = True
        self.kills += 1

    def append(self, request: RecordedRequest) -> None:
        """Write a line on a request and forget it."""
        self.requests += 1
        self.reads += request.method == "GET"
        self.first_at, self.last_at = self.first_at or request.time, request.time
        fault = request.fault or ""
        if self._killed:
            fault = "killed" if request.processed else "killed, lost"
        elif fault:
            self.faults[fault] += 1
        self._killed = False
        sent = json.dumps([*request.query, *request.form])
        self._file.write(
            f"{request.method} {request.path} {sent} {request.status or '-'} {fault}".rstrip() + "\n"
        )

    def close(self) -> None:
        """Finish the file."""
        self._file.close()


def main(folder: Path) -> None:
    """Serve the accounts in the folder until the end is asked for; leave them there as they are then.

    Where standard input ends before, the rehearsal was killed: end the program that plays, and remove the folder.
    """
    world = world_from(json.loads((folder / ACCOUNTS).read_text(encoding="utf-8")))
    _save(folder / BEFORE, world)
    disturbances = Disturbances(**json.loads((folder / SETTINGS).read_text(encoding="utf-8")))
    simulator = _simulator(world, disturbances)
    story = Story(folder / STORY)
    simulator.requests = story
    with simulator:
        accounts = list(world.accounts)
        _say(simulator.environment(accounts[1] if len(accounts) > 1 else None))
        for line in sys.stdin:
            if line == END:
                break
            _answer(simulator, story, json.loads(line))
        else:
            _clear(folder, story.process_id)
            return
    story.close()
    _save(folder / AFTER, world)


def _clear(folder: Path, process_id: int) -> None:
    if process_id:
        with suppress(ProcessLookupError):
            os.kill(process_id, signal.SIGKILL)
    shutil.rmtree(folder, ignore_errors=True)


def _simulator(world: World, disturbances: Disturbances) -> Simulator:
    lag = disturbances.lag
    return Simulator(
        world=world,
        latency_ms=disturbances.latency * 1000,
        max_concurrent=disturbances.max_concurrent,
        faults=FaultPlan(
            rate=disturbances.fault_rate, seed=disturbances.seed, seconds=SILENCE_SECONDS, retry_after=1
        ),
        uneven=Unevenness(seed=disturbances.seed, reads_lag=lag, lists_lag=lag, late_effects=lag),
    )


def _answer(simulator: Simulator, story: Story, asked: Json) -> None:
    if "process" in asked:
        story.process_id, story.first_at, story.last_at = asked["process"], None, None
    if "kill_at" in asked:
        simulator.inject(Fault(asked["how"], nth=asked["kill_at"], edit=story.kill))
    seen = Seen(story.requests, story.reads, dict(story.faults), story.kills, story.first_at, story.last_at)
    _say(asdict(seen))


def _say(told: Json) -> None:
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()


def _save(path: Path, world: World) -> None:
    path.write_text(json.dumps(world.to_json()), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
