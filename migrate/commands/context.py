"""What every command works with."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from migrate.api.gateway import DEFAULT_CONCURRENCY, Reader, Remover, Writer
from migrate.api.retry import Retrier
from migrate.core import config
from migrate.core.errors import Failure, Interrupted
from migrate.core.progress import Progress
from migrate.store import Store, lock, open_store


class RunInterrupted(Interrupted):
    """Ctrl-C after a run has begun: there is something to resume."""


@dataclass(frozen=True)
class Context:
    """Where a command works and whom it tells.

    Attributes:
        db: path of the database.
        environ: the environment variables.
        progress: bars and notices for people.
        stop: set by the first Ctrl-C: no new request is begun.
    """

    db: Path
    environ: Mapping[str, str]
    progress: Progress
    stop: threading.Event = field(default_factory=threading.Event)

    def retrier(self) -> Retrier:
        """Return the retry layer that Ctrl-C ends."""
        return Retrier(stop=self.stop, on_retry=self._tell_of_retry)

    def source_reader(self, concurrency: int = DEFAULT_CONCURRENCY) -> Reader:
        """Return a client of the source account that cannot write."""
        return Reader(
            config.source_credentials(self.environ), config.endpoints(self.environ), concurrency=concurrency
        )

    def target_reader(self, concurrency: int = DEFAULT_CONCURRENCY) -> Reader:
        """Return a client of the target account that cannot write."""
        return Reader(
            config.target_credentials(self.environ), config.endpoints(self.environ), concurrency=concurrency
        )

    def target_writer(self, concurrency: int = DEFAULT_CONCURRENCY, *, deletes: bool = False) -> Writer:
        """Return a client of the target account, one that can delete only if `deletes`."""
        return (Remover if deletes else Writer)(
            config.target_credentials(self.environ), config.endpoints(self.environ), concurrency=concurrency
        )

    @contextmanager
    def locked_store(self, command: str, *, must_exist: bool = True) -> Iterator[Store]:
        """Open the database and hold its lock, with Ctrl-C made gentle.

        Raises:
            Interrupted: Ctrl-C; the message says what to type to go on.
        """
        with (
            open_store(self.db, must_exist=must_exist) as store,
            lock.held(store, command, self.stop),
            self._gentle_interrupt(),
        ):
            try:
                yield store
            except RunInterrupted:
                raise
            except Interrupted as error:
                raise Interrupted(
                    f"Interrupted before anything was written to Twilio. Run `chat-migrate {command}` again."
                ) from error

    def _tell_of_retry(self, failure: Failure) -> None:
        self.progress.detail(f"Trying again: {failure}")

    @contextmanager
    def _gentle_interrupt(self) -> Iterator[None]:
        """Let the first Ctrl-C finish what is in flight; the second one ends the process at once."""

        def interrupted(_signal: int, _frame: FrameType | None) -> None:
            if self.stop.is_set():
                os._exit(130)
            self.stop.set()
            self.progress.note("Interrupted: finishing the calls in flight. Ctrl-C again stops at once.")

        if threading.current_thread() is not threading.main_thread():
            yield
            return
        previous = signal.signal(signal.SIGINT, interrupted)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, previous)
