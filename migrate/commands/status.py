"""`status`: where things stand, what is left, the last errors, and the next command to type."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from migrate.commands.rollback import report_of as rollback_of
from migrate.core.errors import BadInput, answer_facts
from migrate.report.advice import advice_for
from migrate.core.masking import mask_secrets
from migrate.report.model import Report
from migrate.report.reporting import diff_report, run_report
from migrate.store import Store, journal, plans, snapshots
from migrate.store.journal import Run, State
from migrate.store.plans import Plan, Verification
from migrate.store.snapshots import Snapshot

LAST_ERRORS = 5


@dataclass(frozen=True)
class Status:
    """What the database says about the migration.

    Attributes:
        snapshot: the newest, or None.
        plan: the plan of the newest run, or the newest plan where there is a later one, or None.
        run: the newest run of that plan, or the rollback of it, or None.
        steps: how many steps the plan has.
        states: how many of them are in each state.
        errors: the last ones, one line each.
        verification: the last one of the plan, or None.
    """

    snapshot: Snapshot | None
    plan: Plan | None
    run: Run | None
    steps: int
    states: dict[str, int]
    errors: tuple[str, ...]
    verification: Verification | None

    @property
    def left(self) -> int:
        """How many steps are not settled."""
        settled = {state.value for state in self.run.settled} if self.run else set()
        return sum(count for state, count in self.states.items() if state not in settled)

    @property
    def next_command(self) -> str:
        """The command to type next."""
        situations = (
            (self.snapshot is None, "chat-migrate export"),
            (self._needs_a_plan, "chat-migrate diff"),
            (self.run is not None and self.run.finished_at is None, "chat-migrate resume"),
            (self.run is None and self.steps > 0, "chat-migrate apply"),
            (self._is_verified, "nothing: all is as planned"),
        )
        return next((command for applies, command in situations if applies), "chat-migrate verify")

    @property
    def _needs_a_plan(self) -> bool:
        if self.plan is None or self.plan.offline:
            return True
        rolled_back = (
            self.run is not None and self.run.undoes is not None and self.run.finished_at is not None
        )
        newer_snapshot = self.snapshot is not None and self.snapshot.id > self.plan.snapshot_id
        return rolled_back or newer_snapshot or self._only_drift_is_left

    @property
    def _only_drift_is_left(self) -> bool:
        """Whether a resume would leave everything as it is."""
        return self.run is not None and self.left > 0 and self.left == self.states.get(State.DRIFTED.value)

    @property
    def _is_verified(self) -> bool:
        return self.verification is not None and not self.verification.differences


def status(store: Store) -> Status:
    """Look at the database; nothing is sent and nothing is changed."""
    plan = plans.find_latest(store)
    run = _run_of(store, plan) if plan else None
    steps = plans.step_count(store, plan.number) if plan else 0
    return Status(
        snapshot=snapshots.find_latest(store),
        plan=plan,
        run=run,
        steps=steps,
        states=journal.counts(store, run) if run else {State.PLANNED.value: steps} if steps else {},
        errors=tuple(_errors(store, run)) if run else (),
        verification=plans.last_verification(store, plan) if plan else None,
    )


def report_of(store: Store, found: Status) -> Report:
    """Return the whole report behind a status: of the run, of its rollback, or of the plan.

    Raises:
        BadInput: there is no plan yet.
    """
    if found.plan is None:
        raise BadInput(
            f"There is no plan in {store.path} yet, so there is nothing to report: {found.next_command}."
        )
    if found.run is None:
        return diff_report(store, found.plan)
    return (
        run_report(store, found.plan, found.run)
        if found.run.undoes is None
        else rollback_of(store, found.run)
    )


def _run_of(store: Store, plan: Plan) -> Run | None:
    run = journal.find_latest_of(store, plan)
    return (journal.find_rollback_of(store, run) or run) if run else None


def _errors(store: Store, run: Run) -> Iterator[str]:
    for key, entry in journal.last_troubles(store, run, LAST_ERRORS):
        detail = answer_facts(entry.status, entry.code, entry.request_id)
        advice = advice_for(entry.state.value, entry.status, entry.code)
        message = mask_secrets(entry.message) or "no answer was recorded"
        yield f"{key} {entry.state.value}: {message}{detail}. {advice}"


def as_text(found: Status) -> str:
    """Return the status as a person reads it."""
    lines = [_snapshot_line(found.snapshot), _plan_line(found.plan, found.steps), _run_line(found.run)]
    if found.verification is not None:
        lines.append(f"verified   {found.verification.at}, {found.verification.differences} services differ")
    if found.states:
        lines.append(
            "steps      " + ", ".join(f"{count} {state}" for state, count in sorted(found.states.items()))
        )
        lines.append(f"left       {found.left}")
    lines += [f"error      {error}" for error in found.errors]
    lines.append(f"next       {found.next_command}")
    return "\n".join(lines)


def _snapshot_line(snapshot: Snapshot | None) -> str:
    if snapshot is None:
        return "snapshot   none"
    return (
        f"snapshot   {snapshot.id}, {snapshot.services} services of {snapshot.account_sid}, "
        f"{snapshot.source} ({snapshot.apis or 'no service'}), taken {snapshot.taken_at}"
    )


def _plan_line(plan: Plan | None, steps: int) -> str:
    if plan is None:
        return "plan       none"
    offline = ", offline" if plan.offline else ""
    return f"plan       {plan.id[:12]}, {steps} steps, target {plan.target}{offline}, made {plan.created_at}"


def _run_line(run: Run | None) -> str:
    if run is None:
        return "run        none"
    name = f"{run.id}" if run.undoes is None else f"{run.id}, the rollback of run {run.undoes}"
    end = f"finished {run.finished_at}" if run.finished_at else "unfinished"
    return f"run        {name}, started {run.started_at}, {end}"
