"""`chat-migrate` as tests call it: in their own process, or in one of its own where the process is the point."""

from __future__ import annotations

import gc
import io
import json
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, TextIO
from unittest.mock import patch

import pytest
from driving import rows_of

from migrate.cli.main import main


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
    """`chat-migrate` as its user calls it, without a terminal."""

    folder: Path
    environ: dict[str, str]

    def __call__(
        self, *arguments: object, environ: dict[str, str] | None = None, timeout: float = 60
    ) -> Result:
        """Run one command in this process; `environ` adds to the variables, an empty value removes one.

        Where a defect could lie in the process itself (start-up, signals, streams, locale), `process` runs it.
        """
        out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2))
        with Path(os.devnull).open(encoding="utf-8") as nothing:
            code = called(arguments, self.folder, self._with(environ), (nothing, out, err), timeout)
        return Result(code, text_of(out), text_of(err))

    def process(
        self, *arguments: object, environ: dict[str, str] | None = None, timeout: float = 60
    ) -> Result:
        """Run one command as its user does: in a fresh process."""
        done = subprocess.run(
            [sys.executable, "-m", "migrate", *map(str, arguments)],
            cwd=self.folder,
            env=self._with(environ),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            timeout=timeout,
            check=False,
        )
        return Result(done.returncode, done.stdout, done.stderr)

    def _with(self, environ: dict[str, str] | None) -> dict[str, str]:
        return {name: value for name, value in {**self.environ, **(environ or {})}.items() if value}

    @property
    def db(self) -> Path:
        """The database that commands use unless told otherwise."""
        return self.folder / "chat-migrate.db"

    def rows(self, sql: str, *parameters: object) -> list[sqlite3.Row]:
        """Look at the database from outside, with plain sqlite3."""
        return rows_of(self.db, sql, *parameters)


def called(
    arguments: tuple[object, ...],
    folder: Path,
    environ: dict[str, str],
    streams: tuple[TextIO, TextIO, TextIO],
    timeout: float,
) -> int:
    """Run one command in this process, with these variables and no others, and return its exit code.

    Args:
        streams: its stdin, stdout and stderr.
        timeout: seconds after which the test fails.
    """
    argv = ["chat-migrate", *map(str, arguments)]
    names = ("stdin", "stdout", "stderr", "__stdout__")
    with (
        pytest.MonkeyPatch.context() as patched,
        patch.dict(os.environ, environ, clear=True),
        _same_collector(),
        _at_most(timeout, " ".join(argv)),
    ):
        patched.chdir(folder)
        patched.setattr(sys, "argv", argv)
        # Looked up in the environment once a process.
        patched.setattr(tempfile, "tempdir", None)
        for name, stream in zip(names, (*streams, streams[1]), strict=True):
            patched.setattr(sys, name, stream)
        try:
            main()
        except SystemExit as ended:
            return int(ended.code or 0)


def text_of(stream: io.TextIOWrapper) -> str:
    """All that was written into a stream in memory."""
    stream.seek(0)
    return stream.read()


@contextmanager
def _same_collector() -> Iterator[None]:
    """Undo what the program sets for the rest of its process."""
    thresholds = gc.get_threshold()
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
        gc.unfreeze()


@contextmanager
def _at_most(seconds: float, what: str) -> Iterator[None]:
    """Fail the test where something takes longer."""

    def overdue(_signal: int, _frame: FrameType | None) -> None:
        pytest.fail(f"{what} did not end within {seconds} s")

    before = signal.signal(signal.SIGALRM, overdue)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
