"""Database → report model. Services are planned anew as they are printed: no report is held in memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from mappings import Verdict
from mappings.webhooks.receivers import receivers
from migrate.execute.rollback import How, Undo, undos
from migrate.model.step import Step, counterpart_of
from migrate.model.target import TargetState
from migrate.plan.planner import Destination, plan_service
from migrate.report.advice import advice_for
from migrate.report.model import (
    FieldRow,
    PlanInfo,
    Report,
    ServiceReport,
    SnapshotInfo,
    StepError,
    StepRow,
    Summary,
)
from migrate.store import Store, journal, plans, sids, snapshots
from migrate.store.journal import SETTLED, Entry, Run, State
from migrate.store.plans import Plan, PlannedService

PLANNED = Entry(State.PLANNED)
AS_BEFORE = "The target held this value before the run."


@dataclass(frozen=True)
class _Services:
    """The services of a plan, reported one by one at each iteration."""

    make: Callable[[PlannedService], ServiceReport]
    store: Store
    plan: Plan

    def __iter__(self) -> Iterator[ServiceReport]:
        return map(self.make, plans.services_of(self.store, self.plan.number))


def diff_report(store: Store, plan: Plan) -> Report:
    """Report what a plan would do."""
    return _report(store, plan, "diff", None)


def run_report(store: Store, plan: Plan, run: Run) -> Report:
    """Report what a run has done, and what is left."""
    report = _report(store, plan, "run", run)
    if not journal.refusals_since(store, plan.target_account_sid, plan.created_at):
        return report
    # What Twilio has refused meanwhile has another verdict than the plan has counted.
    verdicts = Counter(row.verdict for service in report.services for row in service.fields)
    return replace(report, summary=replace(report.summary, verdicts=verdicts))


def verify_report(store: Store, plan: Plan, run: Run | None) -> Report:
    """Report what `verify` has read last: a field that `change`s differs from the plan."""
    report = _report(store, plan, "verify", run)
    differing, verdicts = 0, Counter[str]()
    for service in report.services:
        differing += any(row.change for row in service.fields)
        verdicts.update(row.verdict for row in service.fields)
    return replace(report, summary=replace(report.summary, services_to_change=differing, verdicts=verdicts))


def rollback_report(
    store: Store, undone: Run, entries: Callable[[str], Mapping[str, Entry]], *, delete_created: bool
) -> Report:
    """Report what a rollback restores, removes and leaves.

    Args:
        store: the database.
        undone: the run that is rolled back.
        entries: source SID → step key → what has become, or would become, of undoing it.
        delete_created: whether what the run has created is removed.
    """
    plan = plans.by_number(store, undone.plan)
    teller = _RollbackTeller(store, plan, undone, entries, delete_created)
    report = _report(store, plan, "rollback", undone)
    services = _Services(teller.tell, store, plan)
    return replace(report, summary=_counted(services), services=services)


def _counted(services: _Services) -> Summary:
    states, verdicts = Counter[str](), Counter[str]()
    number = changing = 0
    for service in services:
        number += 1
        changing += bool(service.fields)
        states.update(step.state for step in service.steps)
        verdicts.update(row.verdict for row in service.fields)
    return Summary(number, changing, states.total(), states, verdicts)


@dataclass(frozen=True)
class _RollbackTeller:
    """Tells of the rollback of one service at a time: the fields that it restores, and its steps."""

    store: Store
    plan: Plan
    undone: Run
    entries: Callable[[str], Mapping[str, Entry]]
    delete_created: bool

    def tell(self, planned: PlannedService) -> ServiceReport:
        """Report one service."""
        told = _Teller(self.store, self.plan, self.undone, as_read=False).tell(planned)
        undoing = undos(self.store, self.undone, planned.source_sid, delete_created=self.delete_created)
        entries = self.entries(planned.source_sid)
        restored = [
            undo
            for undo in undoing
            if undo.how is How.RESTORE and entries.get(undo.step.key, PLANNED).state is not State.DRIFTED
        ]
        rows = (_restored(row, undo) for row in told.fields for undo in restored if _concerns(undo, row))
        return replace(told, fields=tuple(rows), steps=tuple(_undo_step(undo, entries) for undo in undoing))


def _concerns(undo: Undo, row: FieldRow) -> bool:
    step = undo.step
    if step.resource.value != row.resource or row.target not in step.after or not row.change:
        return False
    return step.item is None or row.after == step.before.get("permissions")


def _restored(row: FieldRow, undo: Undo) -> FieldRow:
    """Tell what comes back; what the translation from Chat had lost is no matter of a rollback."""
    path = row.target or ""
    before, after = undo.step.before[path], undo.step.after[path]
    return replace(row, before=before, after=after, verdict=Verdict.EXACT.value, reason=AS_BEFORE)


def _undo_step(undo: Undo, entries: Mapping[str, Entry]) -> StepRow:
    step = _step(undo.step, entries)
    if undo.how is How.RESTORE:
        return step
    removed = undo.how is How.REMOVE
    error = None if removed and not step.error else step.error or StepError(message=undo.reason)
    params = {"Sid": undo.sid} if undo.sid else {}
    return replace(
        step, action="delete" if removed else "leave", params=params, reversible=removed, error=error
    )


def _report(store: Store, plan: Plan, kind: str, run: Run | None) -> Report:
    snapshot = snapshots.get(store, plan.snapshot_id)
    steps = plans.step_count(store, plan.number)
    by_state = journal.counts(store, run) if run else {"planned": steps} if steps else {}
    teller = _Teller(store, plan, run, as_read=kind == "verify")
    return Report(
        kind=kind,
        account_sid=plan.account_sid,
        target_account_sid=plan.target_account_sid,
        snapshot=SnapshotInfo(snapshot.id, snapshot.source, snapshot.taken_at, snapshot.services),
        plan=PlanInfo(plan.id, plan.target),
        summary=Summary(
            services=plans.service_count(store, plan.number),
            services_to_change=len(plans.sids_to_change(store, plan.number)),
            steps=steps,
            steps_by_state=by_state,
            verdicts=plans.verdicts(store, plan.number),
        ),
        services=_Services(teller.tell, store, plan),
        planned_at=plan.created_at,
    )


@dataclass(frozen=True)
class _Teller:
    """Tells of one service at a time.

    Attributes:
        as_read: compare with the last readings of `verify` instead of the before-images.
    """

    store: Store
    plan: Plan
    run: Run | None
    as_read: bool

    def tell(self, planned: PlannedService) -> ServiceReport:
        """Report one service, with the SIDs that the run has learnt."""
        source = snapshots.service(self.store, self.plan.snapshot_id, planned.source_sid)
        target_sid = self._target_sid(planned)
        counterparts = self._counterparts(planned, target_sid)
        destination = self._destination(planned, target_sid, counterparts)
        explained = plan_service(source, destination)
        known = {counterpart_of(old): new for old, new in counterparts.items()}
        last = journal.last_entries(self.store, self.run, planned.source_sid) if self.run else {}
        steps = plans.steps_of(self.store, self.plan.number, planned.source_sid)
        return ServiceReport(
            source_sid=planned.source_sid,
            target_sid=target_sid,
            friendly_name=planned.friendly_name,
            fields=tuple(_filled_in(row, known, target_sid) for row in explained.fields),
            steps=tuple(_step(step, last) for step in steps),
            role_sids={} if self.plan.target == "same" else counterparts,
            receivers=receivers(source, destination.refused),
        )

    def _target_sid(self, planned: PlannedService) -> str | None:
        if planned.target_sid is not None or self.run is None:
            return planned.target_sid
        return sids.created_by(self.store, self.run.id, planned.source_sid)

    def _counterparts(self, planned: PlannedService, target_sid: str | None) -> dict[str, str]:
        if self.run is None or target_sid is None:
            return dict(planned.counterparts)
        return {**planned.counterparts, **sids.roles_of(self.store, target_sid, planned.source_sid)}

    def _destination(
        self, planned: PlannedService, target_sid: str | None, counterparts: dict[str, str]
    ) -> Destination:
        plan = self.plan
        here = plan.account_sid == plan.target_account_sid and plan.target != "new"
        # The before-image stays the point of comparison of a run: what it has created was not there before.
        sid = target_sid if self.as_read else planned.target_sid
        return Destination(
            account_sid=plan.target_account_sid,
            sid=planned.source_sid if plan.target == "same" else sid,
            in_place=plan.target == "same" or (here and planned.target_sid == planned.source_sid),
            state=self._reading(planned) if self.as_read else planned.state,
            offline=plan.offline and not self.as_read,
            refused=journal.refused(self.store, target_sid or "") if self.run else planned.refused,
            counterparts=counterparts,
        )

    def _reading(self, planned: PlannedService) -> TargetState | None:
        """Return what `verify` has read; None if nothing stands where the plan wants its values."""
        if planned.state is not None and not planned.state.exists:
            return planned.state
        reading = plans.reading_of(self.store, self.plan.number, planned.source_sid)
        return reading if reading is not None and reading.exists else None


def _filled_in(row: FieldRow, known: Mapping[str, str], target_sid: str | None) -> FieldRow:
    """Put real SIDs where a plan could only say whose counterpart is meant."""
    if row.resource == "service" and row.target == "sid":
        return replace(row, after=target_sid)
    return replace(row, after=known[row.after]) if isinstance(row.after, str) and row.after in known else row


def _step(step: Step, last: Mapping[str, Entry]) -> StepRow:
    entry = last.get(step.key, PLANNED)
    return StepRow(
        key=step.key,
        resource=step.resource.value,
        action=step.action.value,
        params=step.params,
        reversible=step.reversible,
        state=entry.state.value,
        error=None if entry.state in {*SETTLED, State.PLANNED, State.ROLLED_BACK} else _error(entry),
    )


def _error(entry: Entry) -> StepError:
    return StepError(
        message=entry.message or "The run ended before the outcome was recorded.",
        status=entry.status,
        code=entry.code,
        request_id=entry.request_id,
        advice=advice_for(entry.state.value, entry.status, entry.code),
    )
