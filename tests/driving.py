"""The plain command functions, called in this process where the process itself is not the point."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from clients import IMPATIENT

from migrate.commands.apply import ApplyOptions, apply
from migrate.commands.context import Context
from migrate.commands.diff import DiffOptions, diff
from migrate.commands.ending import code_of_run
from migrate.commands.export import ExportOptions, export
from migrate.commands.rollback import RollbackOptions, preview_rollback, rollback
from migrate.commands.run import ResumeOptions, RunOptions, resume, run
from migrate.commands.status import Status, report_of_run, status
from migrate.commands.verify import VerifyOptions, verify
from migrate.core.progress import Progress
from migrate.core.stop import StopToken
from migrate.execute.guards import Thresholds
from migrate.execute.work import Bounds
from migrate.model.plan import Plan
from migrate.model.state import Run
from migrate.report.assembly import diff_report, rollback_report, verify_report
from migrate.report.model import Report, ServiceReport
from migrate.simulator import Simulator
from migrate.source.live import ExportRequest
from migrate.store import open_store, runs


@dataclass(frozen=True)
class Ended(Report):
    """The report on a run or rollback, with the exit code that the command would have ended with."""

    code: int = 0


@dataclass(frozen=True)
class Driver:
    """One database and one environment, with the commands as methods that return their reports.

    `asked` collects the plans that a person would have been asked about; `meanwhile` happens while they think.
    Retries hardly wait, but are bounded as ever; nothing lags unless a test says so, so there is no settle time.
    """

    db: Path
    environ: dict[str, str]
    asked: list[Plan] = field(default_factory=list)
    settle: float = 0.0
    stop: StopToken | None = None
    meanwhile: Callable[[], None] | None = None

    @property
    def context(self) -> Context:
        """A context as the shell makes one, but silent and in a hurry."""
        return Context(
            self.db,
            self.environ,
            Progress(quiet=True),
            stop=self.stop or StopToken(),
            settle_seconds=self.settle,
            patience=IMPATIENT,
        )

    def export(self, files: tuple[Path, ...] = (), **request: Any) -> None:
        """`export`; keyword arguments are fields of `ExportRequest`."""
        export(self.context, ExportOptions(ExportRequest(**request), files))

    def diff(self, **options: Any) -> Report:
        """`diff` of the latest snapshot."""
        return self.report_of_plan(diff(self.context, DiffOptions(**options)))

    def run(
        self, *, export: ExportRequest | None = None, bounds: Bounds | None = None, **options: Any
    ) -> Ended:
        """`run --yes`; the options are those of the diff."""
        everything = RunOptions(
            ExportOptions(export or ExportRequest()),
            DiffOptions(**options),
            ApplyOptions(bounds=bounds or Bounds()),
        )
        return self.report_of(run(self.context, everything, self._agree, lambda _store, _plan: None))

    def apply(
        self, plan_id: str | None = None, *, thresholds: Thresholds | None = None, **bounds: Any
    ) -> Ended:
        """`apply --yes`, the latest plan or another; `bounds` are fields of `Bounds`."""
        options = ApplyOptions(plan_id, Bounds(**bounds), thresholds or Thresholds())
        return self.report_of(apply(self.context, options, self._agree))

    def resume(self, **options: Any) -> Ended | None:
        """`resume`; None if there was nothing to continue."""
        done = resume(self.context, ResumeOptions(**options), self._agree, lambda _store, _plan: None)
        return self.report_of(done) if done else None

    def status(self) -> Status:
        """`status`."""
        with open_store(self.db) as store:
            return status(self.context, store)

    def verify(self, plan_id: str | None = None) -> Report:
        """`verify`."""
        plan = verify(self.context, VerifyOptions(plan_id)).plan
        with open_store(self.db) as store:
            return _whole(verify_report(store, plan))

    def rollback(self, run_id: int | None = None, **options: Any) -> Ended | None:
        """`rollback --yes`; None if there was nothing to undo."""
        done = rollback(self.context, RollbackOptions(run_id, **options), lambda _store, _asked: None)
        return self.report_of(done) if done else None

    def preview(self, run_id: int | None = None, **options: Any) -> Report | None:
        """`rollback --dry-run`; None if there was nothing to undo."""
        wanted = RollbackOptions(run_id, **options)
        found = preview_rollback(self.context, wanted)
        if found is None:
            return None
        undone, entries = found
        with open_store(self.db) as store:
            report = rollback_report(store, undone, lambda _: entries, delete_created=wanted.delete_created)
            return _whole(report)

    def report_of(self, run: Run) -> Ended:
        """The report on a run or rollback, whole, as it stands now."""
        with open_store(self.db) as store:
            whole = _whole(report_of_run(store, run))
            facts = {each.name: getattr(whole, each.name) for each in fields(whole)}
            return Ended(**facts, code=code_of_run(store, run))

    def code(self) -> int:
        """The exit code that the newest run stands for, also where the command has raised."""
        with open_store(self.db) as store:
            newest = runs.find_latest(store, None)
            return code_of_run(store, newest) if newest else 0

    def rows(self, sql: str, *parameters: object) -> list[sqlite3.Row]:
        """Look at the database from outside, with plain sqlite3."""
        return rows_of(self.db, sql, *parameters)

    def report_of_plan(self, plan: Plan) -> Report:
        """The report on a plan, whole."""
        with open_store(self.db) as store:
            return _whole(diff_report(store, plan))

    def _agree(self, _store: object, plan: Plan, _bounds: Bounds) -> None:
        self.asked.append(plan)
        if self.meanwhile is not None:
            self.meanwhile()


def drive(folder: Path, simulator: Simulator, target: str | None = None, **environ: str) -> Driver:
    """A driver with an empty database that is led to a simulator."""
    return Driver(folder / "chat-migrate.db", {**simulator.environment(target), **environ})


def _whole(report: Report) -> Report:
    """The report with its services in memory, so that it outlives the database connection."""
    services = tuple(
        replace(service, item_steps=tuple(service.item_steps), item_troubles=tuple(service.item_troubles))
        for service in report.services
    )
    return replace(report, services=services, glances=None)


def rows_of(db: Path, sql: str, *parameters: object) -> list[sqlite3.Row]:
    """The rows of a query, read with plain sqlite3."""
    with closing(sqlite3.connect(f"file:{db}?mode=ro", uri=True)) as connection:
        connection.row_factory = sqlite3.Row
        return connection.execute(sql, parameters).fetchall()


def code_of(report: Ended | None) -> int:
    """The exit code of a command that had something to do."""
    assert report is not None, "there was nothing to do"
    return report.code


def about(report: Report, source_sid: str) -> ServiceReport:
    """What the report says of one service."""
    return next(service for service in report.services if service.source_sid == source_sid)


def states(report: Report, source_sid: str) -> dict[str, str]:
    """State by resource (roles: by key) of one service's steps."""
    steps = about(report, source_sid).steps
    return {step.key.split("/", 1)[1]: step.state.value for step in steps}


def verdicts(report: Report) -> Counter[str]:
    """How many fields have each verdict."""
    return Counter(row.verdict.value for service in report.services for row in service.fields)
