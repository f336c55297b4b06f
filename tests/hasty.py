"""The command functions with retries that do not wait: for faults by the hundred."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from pathlib import Path

from clients import IMPATIENT
from driving import Driver

from migrate.api.retry import Retrier
from migrate.commands.context import Context
from migrate.commands.rollback import RollbackOptions, rollback
from migrate.core.progress import Progress
from migrate.report.model import Report
from migrate.simulator import Simulator
from migrate.store import journal


class Hasty(Context):
    """A context whose retries do not wait."""

    def retrier(self) -> Retrier:
        """See `Context.retrier`."""
        return Retrier(IMPATIENT, stop=self.stop)


@dataclass(frozen=True)
class HastyDriver(Driver):
    """A driver whose retries do not wait; with `stop`, its commands can be interrupted."""

    stop: threading.Event | None = None

    @property
    def context(self) -> Context:
        """See `Driver.context`."""
        return Hasty(self.db, self.environ, Progress(quiet=True), self.stop or threading.Event())

    def rollback(self, run_id: int | None = None, **options: object) -> Report:
        """`rollback --yes`."""
        context = self.context
        with context.locked_store("rollback") as store:
            undone = journal.get(store, run_id) if run_id else journal.find_latest_to_undo(store)
            report = rollback(context, store, undone, RollbackOptions(**options), lambda: None)
            return replace(report, services=tuple(report.services))


def hasten(folder: Path, simulator: Simulator, target: str | None = None, **environ: str) -> HastyDriver:
    """A hasty driver with an empty database that is led to a simulator."""
    return HastyDriver(folder / "chat-migrate.db", {**simulator.environment(target), **environ})
