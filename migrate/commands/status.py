"""`status`: what is going on, what is left, the last errors, and the next command to type."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from migrate.commands.context import Context
from migrate.commands.ending import notes_on
from migrate.core.errors import BadInput, answer_facts
from migrate.core.masking import mask_secrets
from migrate.model.item import Snapshot
from migrate.model.plan import Plan
from migrate.model.state import Run, State
from migrate.report.advice import advice_for
from migrate.report.values import visible
from migrate.report.words import count, spoken
from migrate.store import Store, lock, plans, runs, snapshots
from migrate.store.lock import Holder
from migrate.store.plans import Verification

if TYPE_CHECKING:
    from migrate.report.model import Report

LAST_ERRORS = 5


@dataclass(frozen=True)
class Status:
    """What the database says about the migration of one account.

    Attributes:
        account_sid: the source account; "" where nothing is known yet.
        holder: who works on the account now, or None.
        snapshot: the newest, or None.
        plan: the plan of the newest run, or the newest plan where there is a later one, or None.
        run: the newest run of that plan, or a rollback since, be it of an older run, or a run that has no plan yet,
            or None.
        steps: how many steps the plan has.
        states: how many of them are in each state.
        done: of how many services all steps are settled, and how many services have steps.
        is_as_far_as_asked: whether the run was for some services only, and all that is left is in others.
        notes: what the run may have made, and nobody claims.
        errors: the last ones, one line each; empty while somebody works.
        verification: the last one of the plan, or None.
    """

    account_sid: str
    holder: Holder | None
    snapshot: Snapshot | None
    plan: Plan | None
    run: Run | None
    steps: int
    states: dict[str, int]
    done: tuple[int, int]
    is_as_far_as_asked: bool
    notes: tuple[str, ...]
    errors: tuple[str, ...]
    verification: Verification | None

    @property
    def left(self) -> int:
        """How many steps are not settled."""
        settled = {state.value for state in self.run.settled} if self.run else set()
        return sum(count for state, count in self.states.items() if state not in settled)

    @property
    def is_running(self) -> bool:
        """Whether somebody who may be alive works on the account."""
        return self.holder is not None and self.holder.alive is not False

    @property
    def next_command(self) -> str:
        """The command to type next."""
        is_unfinished = self.run is not None and self.run.finished_at is None
        situations = (
            (self.is_running, "nothing: wait for it to end"),
            (is_unfinished and not self._is_resume_in_vain, "chat-migrate resume"),
            (self.snapshot is None, "chat-migrate export"),
            (self._needs_a_plan, "chat-migrate diff"),
            (self.run is None and self.steps > 0, "chat-migrate apply"),
            (self._is_verified and bool(self.notes), "nothing: look at what is noted above"),
            (self._is_verified, "nothing: everything is as planned"),
        )
        return next((command for applies, command in situations if applies), "chat-migrate verify")

    @property
    def _needs_a_plan(self) -> bool:
        if self.plan is None or self.plan.offline:
            return True
        run = self.run
        rolled_back = run is not None and run.undoes is not None and run.finished_at is not None
        newer_snapshot = self.snapshot is not None and self.snapshot.id > self.plan.snapshot_id
        return rolled_back or newer_snapshot or self._is_resume_in_vain or self._differs

    @property
    def _is_resume_in_vain(self) -> bool:
        """Whether a resume would leave everything as it is."""
        only_drift = self.left > 0 and self.left == self.states.get(State.DRIFTED.value)
        return self.run is not None and (only_drift or self.is_as_far_as_asked)

    @property
    def _differs(self) -> bool:
        """Whether differences were found since the run has ended."""
        found, run = self.verification, self.run
        return (
            found is not None
            and found.differences > 0
            and run is not None
            and found.at > (run.finished_at or "")
        )

    @property
    def _is_verified(self) -> bool:
        return self.verification is not None and not self.verification.differences


def status(context: Context, store: Store) -> Status:
    """Look at the database; nothing is sent and nothing is changed."""
    known = context.account_sid or context.environ.get("TWILIO_ACCOUNT_SID") or snapshots.accounts(store)
    account_sid = context.account(store) if known else ""
    plan = plans.find_latest(store, account_sid)
    run = _run_of(store, account_sid, plan)
    steps = plan.steps if plan else 0
    planned = {State.PLANNED.value: steps} if steps else {}
    has_begun = run is not None and run.plan is not None
    holder = lock.holder(store, account_sid)
    return Status(
        account_sid=account_sid,
        holder=holder,
        snapshot=snapshots.find_latest(store, account_sid),
        plan=plan,
        run=run,
        steps=steps,
        states=runs.counts(store, run) if run and has_begun else planned,
        done=runs.services_done(store, run) if run and has_begun else (0, 0),
        is_as_far_as_asked=run is not None and has_begun and _is_as_far_as_asked(store, run),
        notes=notes_on(store, run) if run else (),
        errors=() if holder is not None or run is None or not has_begun else tuple(_errors(store, run)),
        verification=plans.last_verification(store, plan) if plan else None,
    )


def report_of(store: Store, found: Status) -> Report:
    """Return the whole report behind a status: of the run, of its rollback, or of the plan.

    Raises:
        BadInput: there is no plan yet.
    """
    from migrate.report.assembly import diff_report

    if found.plan is None:
        raise BadInput(
            f"There is no plan in {store.path} yet, so there is nothing to report: {found.next_command}."
        )
    if found.run is None or found.run.plan is None:
        return diff_report(store, found.plan)
    return report_of_run(store, found.run)


def report_of_run(store: Store, run: Run) -> Report:
    """Return the report on a run, or on a rollback."""
    from migrate.report.assembly import rollback_entries, rollback_report, run_report

    if run.undoes is None:
        return run_report(store, plans.by_number(store, run.plan or 0), run)
    undone = runs.get(store, run.undoes)
    delete_created = bool(run.options.get("delete_created"))
    return rollback_report(store, undone, rollback_entries(store, run), delete_created=delete_created)


def _run_of(store: Store, account_sid: str, plan: Plan | None) -> Run | None:
    newest = runs.find_latest(store, account_sid)
    if newest is not None and newest.plan is None and newest.finished_at is None:
        return newest
    run = runs.find_latest_of(store, plan) if plan else None
    if run is not None and newest is not None and newest.undoes is not None and newest.id > run.id:
        return newest
    return (runs.find_rollback_of(store, run) or run) if run else None


def _is_as_far_as_asked(store: Store, run: Run) -> bool:
    only = run.options.get("apply", {}).get("bounds", {}).get("only")
    return bool(only) and run.finished_at is None and not runs.is_left_within(store, run, only)


def _errors(store: Store, run: Run) -> Iterator[str]:
    for key, state in runs.troubles(store, run, LAST_ERRORS):
        entry = state.last
        detail = answer_facts(entry.status, entry.code, entry.request_id)
        advice = advice_for(entry.state.value, entry.status, entry.code)
        message = visible(mask_secrets(entry.message)) or "no answer was recorded"
        yield f"{key} {entry.state.value}: {message}{detail}. {advice}"


HANGING = 11
"""Where, in a line of the status, what it says begins."""


def as_lines(found: Status) -> list[str]:
    """Return the status as a person reads it."""
    lines = [*_running_lines(found), _snapshot_line(found.snapshot), _plan_line(found), _run_line(found.run)]
    if checked := found.verification:
        lines.append(f"verified   {checked.at}, {count(checked.differences, 'difference')}")
    if found.states:
        by_state = ", ".join(f"{number:,} {spoken(state)}" for state, number in sorted(found.states.items()))
        lines += [f"steps      {by_state}", f"left       {found.left}"]
    lines += [f"note       {note}" for note in found.notes]
    lines += [f"error      {error}" for error in found.errors]
    return [*lines, f"next       {found.next_command}"]


def _running_lines(found: Status) -> Iterator[str]:
    if found.account_sid:
        yield f"account    {found.account_sid}"
    if found.holder is None:
        return
    done, total = found.done
    is_on_its_way = total and found.run and not found.run.finished_at
    how_far = f", {done:,} of {count(total, 'service')}" if is_on_its_way else ""
    phase = f", {PHASES[found.run.phase]}" if found.run and found.run.phase in PHASES else ""
    alive = {True: "running", None: "perhaps running", False: "ended without its outcome"}[found.holder.alive]
    yield (
        f"now        {found.holder.command} {alive}, process {found.holder.pid} on {found.holder.host}"
        f"{phase}{how_far} (lock {found.holder.id})"
    )


PHASES = {
    "export": "reading Chat",
    "plan": "planning",
    "confirm": "waiting for confirmation",
    "apply": "writing",
}


def _snapshot_line(snapshot: Snapshot | None) -> str:
    if snapshot is None:
        return "snapshot   none"
    apis = ", ".join(snapshot.examined.apis) or "no service"
    services = count(snapshot.services, "service")
    return f"snapshot   {snapshot.id}, {services}, {snapshot.source} ({apis}), taken {snapshot.taken_at}"


def _plan_line(found: Status) -> str:
    plan = found.plan
    if plan is None:
        return "plan       none"
    offline = ", offline" if plan.offline else ""
    steps = count(plan.steps, "step")
    return f"plan       {plan.id[:12]}, {steps}, target {plan.target}{offline}, made {plan.created_at}"


def _run_line(run: Run | None) -> str:
    if run is None:
        return "run        none"
    name = f"{run.id}" if run.undoes is None else f"{run.id}, the rollback of run {run.undoes}"
    end = f"finished {run.finished_at}" if run.finished_at else "unfinished"
    return f"run        {name}, started {run.started_at}, {end}"
