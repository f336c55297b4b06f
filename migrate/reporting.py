"""Database → report model. Services are planned anew as they are printed: no report is held in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from migrate.advice import advice_for
from migrate.planner import plan_service
from migrate.report.model import PlanInfo, Report, ServiceReport, SnapshotInfo, StepError, StepRow, Summary
from migrate.steps import Step
from migrate.store import Store, journal, plans, snapshots
from migrate.store.journal import SETTLED, Entry, Run, State
from migrate.store.plans import Plan, PlannedService

PLANNED = Entry(State.PLANNED)


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
    return _report(store, plan, "run", run)


def verify_report(store: Store, plan: Plan, run: Run | None) -> Report:
    """Report what `verify` has read last: a field that `change`s differs from the plan."""

    def as_read(service: PlannedService) -> PlannedService:
        return replace(service, state=plans.reading_of(store, plan.number, service.source_sid))

    report = _report(store, plan, "verify", run, as_read)
    differing = sum(any(row.change for row in service.fields) for service in report.services)
    return replace(report, summary=replace(report.summary, services_to_change=differing))


def _report(
    store: Store,
    plan: Plan,
    kind: str,
    run: Run | None,
    adjust: Callable[[PlannedService], PlannedService] = lambda service: service,
) -> Report:
    snapshot = snapshots.get(store, plan.snapshot_id)
    steps = plans.step_count(store, plan.number)
    by_state = journal.counts(store, run) if run else {"planned": steps} if steps else {}
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
        services=_Services(lambda service: _service(store, plan, run, adjust(service)), store, plan),
    )


def _service(store: Store, plan: Plan, run: Run | None, planned: PlannedService) -> ServiceReport:
    source = snapshots.service(store, plan.snapshot_id, planned.source_sid)
    refused = journal.refused(store, planned.target_sid or "") if run else planned.refused
    explained = plan_service(source, planned.state, refused=refused)
    last = journal.last_entries(store, run, planned.source_sid) if run else {}
    steps = plans.steps_of(store, plan.number, planned.source_sid)
    return ServiceReport(
        source_sid=planned.source_sid,
        target_sid=planned.target_sid,
        friendly_name=planned.friendly_name,
        fields=explained.fields,
        steps=tuple(_step(step, last) for step in steps),
    )


def _step(step: Step, last: Mapping[str, Entry]) -> StepRow:
    entry = last.get(step.key, PLANNED)
    return StepRow(
        key=step.key,
        resource=step.resource.value,
        action=step.action.value,
        params=step.params,
        reversible=step.reversible,
        state=entry.state.value,
        error=None if entry.state in {*SETTLED, State.PLANNED} else _error(entry),
    )


def _error(entry: Entry) -> StepError:
    return StepError(
        message=entry.message or "The run ended before the outcome was recorded.",
        status=entry.status,
        code=entry.code,
        request_id=entry.request_id,
        advice=advice_for(entry.state.value, entry.status, entry.code),
    )
