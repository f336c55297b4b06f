"""What the database knows, as reports: read from the rows, steps and states that a plan and its run have stored."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice

from migrate.execute.comparing import expected, is_in_place
from migrate.execute.undo import Undo, Undoes, plan_of, undos
from migrate.execute.verify import after_run, compared_rows, learnt
from migrate.kinds.registry import KINDS, few_kinds, kind_of
from migrate.model.plan import Plan, PlannedService
from migrate.model.rows import FieldRow
from migrate.model.state import SETTLED, Entry, Run, State, StepState
from migrate.model.step import Step
from migrate.plan.receivers import receivers_from_json
from migrate.report.advice import advice_for
from migrate.report.model import (
    DELETE,
    DIFFERING,
    LEAVE,
    AlteredValue,
    ItemsReport,
    PlanInfo,
    Rehearsed,
    Report,
    ReportKind,
    ServiceReport,
    SnapshotInfo,
    StepError,
    StepRow,
    Streamed,
    Summary,
)
from migrate.store import Store, plans, runs, snapshots
from migrate.store.plans import VerifiedService

PLANNED = Entry(State.PLANNED)
TOLD = 50
"""So many services are looked up together."""
CUT_OFF = "The run ended before the outcome was recorded."
FINE = (SETTLED - {State.ALTERED}) | {State.PLANNED, State.ROLLED_BACK}
"""States that nobody has to look at."""
Entries = Callable[[Collection[str]], Mapping[str, Entry]]
"""Returns what has become, or would become, of undoing some steps, by key."""
Rows = Callable[[PlannedService, Mapping[str, str], Mapping[str, StepState]], tuple[FieldRow, ...]]


def diff_report(store: Store, plan: Plan) -> Report:
    """Report what a plan would do."""
    return _Teller(store, plan, None).report(ReportKind.DIFF)


def run_report(store: Store, plan: Plan, run: Run) -> Report:
    """Report what a run has done, and what is left."""
    report = _Teller(store, plan, run).report(ReportKind.RUN)
    if not runs.has_other_outcomes(store, run):
        return report
    told = _counted(report)
    return replace(report, summary=replace(report.summary, changes=told.changes, verdicts=told.verdicts))


def rehearsal_report(store: Store, plan: Plan, run: Run, rehearsed: Rehearsed) -> Report:
    """Report what came of a plan in a rehearsal; `store` is the copy in which it was executed."""
    return replace(_Teller(store, plan, run).report(ReportKind.REHEARSAL), rehearsed=rehearsed)


def verify_report(store: Store, plan: Plan) -> Report:
    """Report what `verify` has read last: a field that `change`s differs from the plan."""
    same_account = plan.account_sid == plan.target_account_sid

    def rows(
        planned: PlannedService, known: Mapping[str, str], states: Mapping[str, StepState]
    ) -> tuple[FieldRow, ...]:
        found = _verified(store, plan, planned)
        return compared_rows(planned, found, known, states, same_account=same_account)

    run = runs.find_latest_of(store, plan)
    report = _Verifying(store, plan, run, rows, plans.services).report(ReportKind.VERIFY)
    return replace(report, summary=_counted(report))


def _verified(store: Store, plan: Plan, planned: PlannedService) -> VerifiedService:
    found = plans.verified(store, plan.number, [planned.source_sid]).get(planned.source_sid)
    return found or VerifiedService(planned.source_sid, exists=False, live=(None,) * len(planned.rows))


def rollback_report(store: Store, undone: Run, entries: Entries, *, delete_created: bool) -> Report:
    """Report what a rollback restores, removes and leaves.

    Args:
        store: the database.
        undone: the run that is rolled back.
        entries: tells what has become, or would become, of undoing some steps.
        delete_created: whether what the run has created is removed.
    """
    plan = plans.by_number(store, plan_of(undone))
    undoing = partial(undos, store, undone, delete_created=delete_created)
    report = _Undoing(store, plan, undone, undos=undoing, entries=entries).report(ReportKind.ROLLBACK)
    return replace(report, summary=_counted(report))


def rollback_entries(store: Store, rollback: Run) -> Entries:
    """Return what tells what has become of undoing some steps."""

    def entries(keys: Collection[str]) -> Mapping[str, Entry]:
        return {key: state.last for key, state in runs.states_by_key(store, rollback, keys).items()}

    return entries


def _counted(report: Report) -> Summary:
    """Count a report by its rows, where they are not those of the plan."""
    states, verdicts = Counter[State](), Counter[str]()
    number = changing = changes = missing = 0
    for service in report.services:
        number += 1
        missing += service.is_missing
        here = sum(row.change for row in service.fields)
        changes += here
        changing += bool(here)
        states.update(step.state for step in service.steps)
        for items in service.items:
            states.update(items.steps_by_state)
        verdicts.update(row.verdict.value for row in service.fields)
    return Summary(number, changing, missing, changes, states.total(), states, verdicts)


def _rows_of_run(
    planned: PlannedService, known: Mapping[str, str], states: Mapping[str, StepState]
) -> tuple[FieldRow, ...]:
    rows = (after_run(row, states.get(row.step or "")) for row in planned.rows)
    return tuple(_filled_in(row, planned, known) for row in rows)


def _filled_in(row: FieldRow, planned: PlannedService, known: Mapping[str, str]) -> FieldRow:
    """Put real SIDs where a plan could only say whose counterpart is meant."""
    if row.target == "sid" and planned.target_sid is None and row.item_sid is None:
        return row._replace(after=known.get(planned.source_sid))
    after = expected(row, known)
    return row if after is row.after else row._replace(after=after)


@dataclass(frozen=True)
class _Teller:
    """Tells of one service at a time, with the SIDs that the run has learnt."""

    store: Store
    plan: Plan
    run: Run | None
    rows: Rows = _rows_of_run
    glanced: Callable[[Store, int], Iterator[PlannedService]] = plans.glances

    def report(self, kind: ReportKind) -> Report:
        """Return the report, counted as the plan and its run are."""
        plan, snapshot = self.plan, snapshots.get(self.store, self.plan.snapshot_id)
        planned = {"planned": plan.steps} if plan.steps else {}
        counted = runs.counts(self.store, self.run) if self.run else planned
        return Report(
            kind=kind,
            account_sid=plan.account_sid,
            target_account_sid=plan.target_account_sid,
            snapshot=SnapshotInfo(
                snapshot.id, snapshot.source, snapshot.taken_at, snapshot.services, snapshot.examined
            ),
            plan=PlanInfo(plan.id, plan.target),
            summary=Summary(
                services=plan.services,
                services_to_change=plan.services_to_change,
                services_missing=plan.services_missing,
                changes=plan.changes,
                steps=plan.steps,
                steps_by_state={State(name): number for name, number in counted.items()},
                verdicts=plan.verdicts,
            ),
            services=Streamed(lambda: self._told(plans.services(self.store, plan.number))),
            glances=Streamed(lambda: self._told(self.glanced(self.store, plan.number))),
            planned_at=plan.created_at,
        )

    def _told(self, services: Iterator[PlannedService]) -> Iterator[ServiceReport]:
        while batch := list(islice(services, TOLD)):
            sids = [planned.source_sid for planned in batch]
            steps = plans.steps_of(self.store, self.plan.number, sids, few_kinds())
            states = runs.states(self.store, self.run, sids, few_kinds()) if self.run else {}
            for planned in batch:
                yield self.tell(planned, steps.get(planned.source_sid, ()), states)

    def tell(
        self, planned: PlannedService, steps: Iterable[Step], states: Mapping[str, StepState]
    ) -> ServiceReport:
        """Report one service, whose steps are these; where they stand is among `states`."""
        known = learnt(self.store, self.run, planned)
        same_account = self.plan.account_sid == self.plan.target_account_sid
        in_place = is_in_place(planned, same_account=same_account)
        others = {old: new for old, new in known.items() if old != planned.source_sid}
        return ServiceReport(
            source_sid=planned.source_sid,
            target_sid=known.get(planned.source_sid),
            friendly_name=planned.friendly_name,
            fields=self.rows(planned, known, states),
            steps=tuple(step_row(step, states.get(step.key)) for step in steps),
            counterparts={} if in_place else others,
            receivers=receivers_from_json(planned.receivers),
            is_missing=planned.is_missing,
            items=tuple(self._items(planned)),
            item_steps=Streamed(partial(self.item_steps, planned.source_sid)) if planned.items else (),
            item_troubles=Streamed(partial(self.item_troubles, planned.source_sid)) if planned.items else (),
            others=planned.others,
        )

    def item_steps(self, source_sid: str) -> Iterator[StepRow]:
        """Yield the steps of a service's kinds with many items."""
        found = plans.steps(self.store, self.plan.number, source_sid, kinds=KINDS.keys() - few_kinds())
        return (step_row(step, state) for step, state in runs.with_states(self.store, self.run, found))

    def item_troubles(self, source_sid: str) -> Iterator[StepRow]:
        """Yield those of them that somebody has to look at."""
        if self.run is not None:
            many = KINDS.keys() - few_kinds()
            found = runs.steps_in(self.store, self.run, source_sid, many, set(State) - FINE)
            yield from (step_row(step, state) for step, state in found)

    def _items(self, planned: PlannedService) -> Iterator[ItemsReport]:
        for name, counted in planned.items.items():
            by_state = runs.item_counts(self.store, self.run, name, planned.source_sid, counted.to_change)
            skipped = runs.skip_reasons(self.store, self.run, name, planned.source_sid) if self.run else {}
            reversible = kind_of(name).reversible
            found, to_change = counted.found, counted.to_change
            yield ItemsReport(name, found, to_change, by_state, reversible, counted.facts, skipped)


class _Verifying(_Teller):
    """Tells what `verify` has read last, and how many items of a kind with many differ."""

    def _items(self, planned: PlannedService) -> Iterator[ItemsReport]:
        for one in super()._items(planned):
            differing = _verified(self.store, self.plan, planned).items.get(one.kind, 0)
            yield replace(one, facts={**one.facts, DIFFERING: differing})


@dataclass(frozen=True, kw_only=True)
class _Undoing(_Teller):
    """Tells how the run is undone, service by service; `undos` takes a service and some kinds."""

    undos: Callable[[str, Collection[str]], Iterator[Undo]]
    entries: Entries

    def tell(
        self, planned: PlannedService, steps: Iterable[Step], states: Mapping[str, StepState]
    ) -> ServiceReport:
        """Report one service: what comes back, what goes, and what stays."""
        told = super().tell(planned, steps, states)
        undoing = list(self.undos(planned.source_sid, few_kinds()))
        known = self.entries([undo.step.key for undo in undoing])
        return replace(
            told,
            fields=tuple(_restored_rows(told.fields, undoing, known)),
            steps=tuple(_undo_row(undo, known) for undo in undoing),
            items=tuple(self._counted(told)),
            others={},
        )

    def item_steps(self, source_sid: str) -> Iterator[StepRow]:
        """Yield how the steps of a service's kinds with many items are undone."""
        undos = self.undos(source_sid, KINDS.keys() - few_kinds())
        while undoing := list(islice(undos, runs.BATCH)):
            known = self.entries([undo.step.key for undo in undoing])
            yield from (_undo_row(undo, known) for undo in undoing)

    def item_troubles(self, source_sid: str) -> Iterator[StepRow]:
        """Yield those of them that somebody has to look at."""
        return (row for row in self.item_steps(source_sid) if row.state not in FINE)

    def _counted(self, told: ServiceReport) -> Iterator[ItemsReport]:
        """Yield the counts of the run's items as a rollback tells them."""
        states: defaultdict[str, Counter[State]] = defaultdict(Counter)
        reasons: defaultdict[str, Counter[str]] = defaultdict(Counter)
        changing: Counter[str] = Counter()
        for row in told.item_steps:
            states[row.resource][row.state] += 1
            changing[row.resource] += row.action != LEAVE
            if row.action == LEAVE and row.error is not None:
                reasons[row.resource][row.error.message] += 1
        for one in told.items:
            kind = one.kind
            yield replace(one, to_change=changing[kind], steps_by_state=states[kind], skipped=reasons[kind])


def _restored_rows(
    rows: Iterable[FieldRow], undoing: list[Undo], entries: Mapping[str, Entry]
) -> Iterator[FieldRow]:
    """Yield what comes back; what the translation from Chat had lost is no matter of a rollback."""
    restored = {
        undo.step.key: undo.ready
        for undo in undoing
        if undo.ready is not None
        and undo.how is Undoes.RESTORE
        and entries.get(undo.step.key, PLANNED).state is not State.DRIFTED
    }
    for row in rows:
        inverse = restored.get(row.step or "")
        if inverse is not None and row.target is not None and row.target in inverse.after:
            before, after = inverse.before[row.target], inverse.after[row.target]
            kind, seen = kind_of(inverse.kind), entries.get(inverse.key, PLANNED).seen
            told = kind.told_restored(row, before, after)
            if seen is not None and not kind.same(row.target, seen.get(row.target), after):
                told = kind.told_altered(told, seen.get(row.target))
            yield told


def _undo_row(undo: Undo, entries: Mapping[str, Entry]) -> StepRow:
    reason = " ".join(reason.text for reason in undo.reasons)
    not_begun = PLANNED if undo.ready is not None else Entry(State.SKIPPED, reason)
    entry = entries.get(undo.step.key, not_begun)
    error = None if entry.state in FINE and entry.state is not State.SKIPPED else _error(entry, undoing=True)
    if undo.how is Undoes.RESTORE and undo.ready is not None:
        params = kind_of(undo.ready.kind).request(undo.ready).form
        return StepRow(
            undo.step.key, undo.step.kind, undo.step.action.value, params, True, entry.state, error
        )
    removed = undo.how is Undoes.REMOVE
    if entry.state is State.SKIPPED:
        # What is left on purpose asks nobody to do anything.
        error = StepError(message=entry.message or reason)
    elif not removed or entry.state is State.DRIFTED:
        error = error or StepError(message=reason)
    params = {"Sid": undo.sid} if undo.sid else {}
    action = DELETE if removed else LEAVE
    return StepRow(undo.step.key, undo.step.kind, action, params, removed, entry.state, error)


def step_row(step: Step, state: StepState | None) -> StepRow:
    """Return the row on one step."""
    entry = state.last if state else PLANNED
    return StepRow(
        key=step.key,
        resource=step.kind,
        action=step.action.value,
        params=kind_of(step.kind).form(step),
        reversible=step.reversible,
        state=entry.state,
        error=None if entry.state in FINE or entry.state is State.ALTERED else _error(entry),
        altered=_altered(step, entry),
    )


def _altered(step: Step, entry: Entry) -> tuple[AlteredValue, ...]:
    if entry.state is not State.ALTERED or entry.seen is None:
        return ()
    kind = kind_of(step.kind)
    return tuple(
        AlteredValue(path, sent, entry.seen.get(path))
        for path, sent in sorted(step.after.items())
        if not kind.same(path, sent, entry.seen.get(path))
    )


def _error(entry: Entry, *, undoing: bool = False) -> StepError:
    return StepError(
        message=entry.message or CUT_OFF,
        status=entry.status,
        code=entry.code,
        request_id=entry.request_id,
        advice=advice_for(entry.state.value, entry.status, entry.code, undoing=undoing),
    )
