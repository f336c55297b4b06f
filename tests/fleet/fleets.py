"""What the tests of the fleet share: many simulated accounts, a workspace, and a look from outside."""

from __future__ import annotations

import copy
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from clients import IMPATIENT
from variables import CLEAN
from worlds import differences_elsewhere, differences_in_place, posts

from migrate.commands.context import Context
from migrate.commands.diff import DiffOptions
from migrate.commands.fleet import (
    Chosen,
    FleetOptions,
    FleetQuestion,
    Workplace,
    code_of_fleet,
    fleet,
    resume_fleet,
)
from migrate.commands.run import RunOptions
from migrate.core.progress import Progress
from migrate.core.stop import StopToken
from migrate.fleet.record import FleetRecord
from migrate.fleet.task import AccountOutcome
from migrate.simulator import Service, Simulator

LONG = os.environ.get("CHAT_MIGRATE_LONG") == "1"
"""Whether the sizes are those that the fleet is made for."""


@dataclass
class Fleet:
    """A workspace and a simulator, with the fleet's commands in this process; settles at once if not told otherwise."""

    simulator: Simulator
    workspace: Path
    environ: dict[str, str]
    executor: str = "threads"
    asked: list[FleetQuestion] = field(default_factory=list)
    stop: StopToken = field(default_factory=StopToken)
    lock_wait_seconds: float = 30.0
    shared: bool = False
    settle: float = 0.0

    @property
    def context(self) -> Context:
        """A context as the shell makes one."""
        return Context(
            Path("unused.db"),
            self.environ,
            Progress(quiet=True),
            stop=self.stop,
            settle_seconds=self.settle,
            patience=IMPATIENT,
        )

    @property
    def workplace(self) -> Workplace:
        """Where and on what."""
        return Workplace(
            self.workspace, self.executor, shared=self.shared, lock_wait_seconds=self.lock_wait_seconds
        )

    def __call__(
        self, command: str = "run", accounts: Path | None = None, target: str = "same", **options: Any
    ) -> FleetRecord:
        """Run a command for the accounts of a file, or for all sub-accounts."""
        chosen = Chosen(accounts) if accounts else Chosen(sub_accounts=True)
        run = options.pop("run", RunOptions(diff=DiffOptions(target=target)))
        wanted = FleetOptions(run, **options)
        return fleet(self.context, command, self.workplace, chosen, wanted, self.asked.append)

    def resume(self) -> FleetRecord:
        """Take up what did not end well."""
        return resume_fleet(self.context, self.workplace, self.asked.append)

    def code(self, record: FleetRecord) -> int:
        """The exit code."""
        return code_of_fleet(record, interrupted=self.stop.is_set())

    @property
    def sub_accounts(self) -> list[str]:
        """All simulated accounts but the parent."""
        return list(self.simulator.world.accounts)[1:]

    def services(self, account_sid: str) -> list[Service]:
        """What an account holds."""
        return list(self.simulator.world.accounts[account_sid].services.values())


@contextmanager
def many(folder: Path, accounts: int, services: int = 3, **options: Any) -> Iterator[Fleet]:
    """A parent with so many sub-accounts of so many services each."""
    with Simulator(
        accounts=accounts + 1, services=1, account_services=services, seed=5, **options
    ) as simulator:
        yield Fleet(simulator, folder / "fleet", simulator.environment())


def before(fleet: Fleet) -> dict[str, Service]:
    """All services of all sub-accounts as they are now, by SID."""
    return {each.sid: copy.deepcopy(each) for sid in fleet.sub_accounts for each in fleet.services(sid)}


def differences(fleet: Fleet, held: dict[str, Service]) -> list[str]:
    """What Conversations does not hold as Chat did, over all sub-accounts."""
    return [
        f"{sid} {service.sid} {found}"
        for sid in fleet.sub_accounts
        for service in fleet.services(sid)
        for found in differences_in_place(held[service.sid], service)
    ]


def not_recreated_once(fleet: Fleet, sources: dict[str, list[Service]], pairs: dict[str, str]) -> list[str]:
    """What is not there exactly once and equal, after accounts were re-created in empty ones (source → target)."""
    found = []
    for source_sid, target_sid in pairs.items():
        targets = fleet.services(target_sid)
        for source in sources[source_sid]:
            equal = [target for target in targets if not differences_elsewhere(source, target)]
            if len(equal) != 1:
                found.append(f"{source_sid} {source.chat['friendly_name']} stands there {len(equal)} times")
        if len(targets) != len(sources[source_sid]):
            found.append(f"{target_sid} holds {len(targets)} services, not {len(sources[source_sid])}")
    return found


def outcome_of(record: FleetRecord, account_sid: str) -> AccountOutcome:
    """How one account ended."""
    return record.outcomes[account_sid]


@dataclass(frozen=True)
class Program:
    """`chat-migrate fleet …` as a process of its own, which can be killed."""

    folder: Path
    environ: dict[str, str]

    def __call__(self, *arguments: object, timeout: float = 120) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return subprocess.run(self._command(arguments), timeout=timeout, check=False, **self.settings)

    def alone(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        """Run a command for one account."""
        command = [part for part in self._command(arguments) if part != "fleet"]
        return subprocess.run(command, timeout=60, check=False, **self.settings)

    def begun(self, *arguments: object) -> subprocess.Popen[str]:
        """Start a command."""
        return subprocess.Popen(self._command(arguments), **self.settings)

    def wait_for_writes(self, simulator: Simulator, number: int, timeout: float = 60) -> None:
        """Wait until so many writes have arrived."""
        until = time.monotonic() + timeout
        while len(posts(simulator)) < number:
            assert time.monotonic() < until, f"{number} writes never arrived"
            time.sleep(0.002)

    def killed(self, simulator: Simulator, at_write: int, *arguments: object) -> bool:
        """Run a command and kill it as soon as so many more writes have arrived; whether it came so far."""
        already = len(posts(simulator))
        with self.begun(*arguments) as process:
            while process.poll() is None and len(posts(simulator)) - already < at_write:
                time.sleep(0.002)
            came = process.poll() is None
            process.send_signal(signal.SIGKILL)
            process.communicate()
        return came

    def _command(self, arguments: tuple[object, ...]) -> list[str]:
        return [sys.executable, "-m", "migrate", "fleet", *map(str, arguments)]

    @property
    def settings(self) -> dict[str, Any]:
        """Of a process: where it runs, and with what."""
        return {
            "cwd": self.folder,
            "env": {**CLEAN, **self.environ},
            "stdin": subprocess.DEVNULL,
            "stdout": subprocess.PIPE,
            "stderr": subprocess.PIPE,
            "text": True,
        }
