"""The plain command functions, called in this process where the process itself is not the point."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from migrate.api.retry import Patience, Retrier
from migrate.cli.present import exit_code_of
from migrate.commands.apply import ApplyOptions, apply, resume
from migrate.commands.context import Context
from migrate.commands.diff import DiffOptions, diff
from migrate.commands.export import ExportOptions, export
from migrate.commands.run import RunOptions, run
from migrate.commands.verify import read_again
from migrate.core.progress import Progress
from migrate.execute.attempts import Limits
from migrate.execute.guards import Thresholds
from migrate.report.model import Report, ServiceReport
from migrate.report.reporting import diff_report, run_report, verify_report
from migrate.simulator import Simulator
from migrate.store import journal, plans, snapshots
from migrate.store.plans import Plan


@dataclass(frozen=True)
class Hasty(Context):
    """A context whose retries hardly wait, but are bounded as ever."""

    def retrier(self) -> Retrier:
        """Return the retry layer, in a hurry."""
        return Retrier(Patience(first_wait=0.01), stop=self.stop)


@dataclass(frozen=True)
class Driver:
    """One database and one environment, with the commands as methods that return their reports."""

    db: Path
    environ: dict[str, str]
    asked: list[Plan] = field(default_factory=list)

    @property
    def context(self) -> Context:
        """A context as the shell makes one, but silent."""
        return Hasty(self.db, self.environ, Progress(quiet=True))

    def export(self, **options: Any) -> None:
        """`export`."""
        export(self.context, ExportOptions(**options))

    def diff(self, **options: Any) -> Report:
        """`diff` of the latest snapshot; the services are made while the database is open."""
        context = self.context
        with context.locked_store("diff") as store:
            plan = diff(context, store, snapshots.latest(store), DiffOptions(**options))
            return _whole(diff_report(store, plan))

    def run(self, *, limits: Limits | None = None, **options: Any) -> Report:
        """`run --yes`; the options are those of the diff."""
        context = self.context
        with context.locked_store("run", must_exist=False) as store:
            everything = RunOptions(diff=DiffOptions(**options), apply=ApplyOptions(limits or Limits()))
            plan, done = run(context, store, everything, self.asked.append, lambda _plan: None)
            return _whole(run_report(store, plan, done))

    def apply(
        self, plan_id: str | None = None, *, thresholds: Thresholds | None = None, **limits: Any
    ) -> Report:
        """`apply --yes`, the latest plan or another; `limits` are fields of `Limits`."""
        context = self.context
        with context.locked_store("apply") as store:
            plan = plans.get(store, plan_id) if plan_id else plans.latest(store)
            options = ApplyOptions(Limits(**limits), thresholds or Thresholds())
            return _whole(run_report(store, plan, apply(context, store, plan, options, self.asked.append)))

    def resume(self, **limits: Any) -> Report | None:
        """`resume`; None if there was nothing to continue."""
        context = self.context
        with context.locked_store("resume") as store:
            done = resume(context, store, Limits(**limits))
            return _whole(run_report(store, plans.by_number(store, done.plan), done)) if done else None

    def verify(self, plan_id: str | None = None) -> Report:
        """`verify`."""
        context = self.context
        with context.locked_store("verify") as store:
            plan = plans.get(store, plan_id) if plan_id else plans.latest(store)
            read_again(context, store, plan)
            return _whole(verify_report(store, plan, journal.find_latest_of(store, plan)))


def drive(folder: Path, simulator: Simulator, target: str | None = None, **environ: str) -> Driver:
    """A driver with an empty database that is led to a simulator."""
    return Driver(folder / "chat-migrate.db", {**simulator.environment(target), **environ})


def _whole(report: Report) -> Report:
    """The report with its services in memory, so that it outlives the database connection."""
    return replace(report, services=tuple(report.services))


def code_of(report: Report | None) -> int:
    """The exit code that a run's report stands for."""
    return exit_code_of(report.summary.steps_by_state) if report else 0


def about(report: Report, source_sid: str) -> ServiceReport:
    """What the report says of one service."""
    return next(service for service in report.services if service.source_sid == source_sid)


def states(report: Report, source_sid: str) -> dict[str, str]:
    """State by resource (roles: by key) of one service's steps."""
    steps = about(report, source_sid).steps
    return {step.key.split("/", 1)[1]: step.state for step in steps}


def verdicts(report: Report) -> Counter[str]:
    """How many fields have each verdict."""
    return Counter(row.verdict for service in report.services for row in service.fields)
