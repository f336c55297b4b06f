"""What all tests share: a simulator over real HTTP, and the real program in a process of its own."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from driving import rows_of
from variables import CLEAN

from migrate.simulator import Simulator

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # Started in the background: programs that the tests start would inherit that Ctrl-C means nothing.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@dataclass(frozen=True)
class Result:
    """What the program answered."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Stdout as JSON."""
        return json.loads(self.out)


@dataclass(frozen=True)
class Tool:
    """`chat-migrate`, run as a user runs it: a fresh process, no terminal."""

    folder: Path
    environ: dict[str, str]

    def __call__(
        self, *arguments: object, environ: dict[str, str] | None = None, timeout: float = 60
    ) -> Result:
        """Run one command; `environ` adds to the variables, an empty value removes one."""
        variables = {name: value for name, value in {**self.environ, **(environ or {})}.items() if value}
        done = subprocess.run(
            [sys.executable, "-m", "migrate", *map(str, arguments)],
            cwd=self.folder,
            env=variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            timeout=timeout,
            check=False,
        )
        return Result(done.returncode, done.stdout, done.stderr)

    @property
    def db(self) -> Path:
        """The database that commands use unless told otherwise."""
        return self.folder / "chat-migrate.db"

    def rows(self, sql: str, *parameters: object) -> list[sqlite3.Row]:
        """Look at the database from outside, with plain sqlite3."""
        return rows_of(self.db, sql, *parameters)


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    """A simulated account with the twelve archetypes."""
    with Simulator(services=12, seed=7) as running:
        yield running


@pytest.fixture
def tool(simulator: Simulator, tmp_path: Path) -> Tool:
    """The program, pointed at the simulator, in an empty folder."""
    return Tool(tmp_path, {**CLEAN, **simulator.environment()})


@pytest.fixture
def lonely_tool(tmp_path: Path) -> Tool:
    """The program without credentials and without any Twilio to talk to, in an empty folder."""
    return Tool(tmp_path, dict(CLEAN))
