"""Simulated accounts that are uneven in one way or another."""

from __future__ import annotations

import io
import json
import os
import sqlite3
import sys
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from migrate.cli.main import main
from migrate.simulator import Simulator, Unevenness


@pytest.fixture
def account():
    """Opens simulators: two accounts, the second one empty, uneven as the test says."""
    with ExitStack() as opened:

        def open_one(services=6, uneven=None, **options):
            if "world" not in options:
                options |= {"services": services, "seed": 7, "accounts": 2}
            return opened.enter_context(Simulator(uneven=uneven or Unevenness(), **options))

        yield open_one


@dataclass(frozen=True)
class Called:
    """`chat-migrate`, called as its user calls it, but in this process, and without a terminal."""

    folder: Path
    environ: dict[str, str]

    def __call__(self, *arguments: str, environ: dict[str, str] | None = None) -> Answered:
        """Run one command; `environ` adds to the variables, an empty value removes one."""
        out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2))
        variables = {name: value for name, value in {**self.environ, **(environ or {})}.items() if value}
        with pytest.MonkeyPatch.context() as patch, open(os.devnull) as nothing:  # noqa: PTH123
            patch.chdir(self.folder)
            patch.setattr(os, "environ", variables)
            streams = {"stdin": nothing, "stdout": out, "stderr": err, "argv": ["chat-migrate", *arguments]}
            for name, value in streams.items():
                patch.setattr(sys, name, value)
            with pytest.raises(SystemExit) as ended:
                main()
        texts = [stream.seek(0) or stream.read() for stream in (out, err)]
        return Answered(int(ended.value.code or 0), *texts)

    def rows(self, sql: str) -> list[sqlite3.Row]:
        """Look at the database from outside."""
        with closing(sqlite3.connect(f"file:{self.folder}/chat-migrate.db?mode=ro", uri=True)) as connection:
            return connection.execute(sql).fetchall()


@dataclass(frozen=True)
class Answered:
    """What the program answered."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Stdout as JSON."""
        return json.loads(self.out)


@pytest.fixture
def tool_at(lonely_tool):
    """The program, pointed at a simulator, in an empty folder."""

    def tool(simulator, **environ):
        variables = {**lonely_tool.environ, **simulator.environment(), **environ}
        return Called(lonely_tool.folder, variables)

    return tool
