"""`diff`: snapshot + targets → plan. It is given clients that have no way to write."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import partial

from mappings import ChatService
from migrate.commands.context import Context
from migrate.errors import SafetyRefusal
from migrate.gateway import DEFAULT_CONCURRENCY, Reader
from migrate.planner import ServicePlan, plan_service
from migrate.pool import parallel
from migrate.retry import Retrier
from migrate.state import TargetState
from migrate.store import Store, journal, plans, snapshots
from migrate.store.plans import Plan, PlannedService
from migrate.store.snapshots import Snapshot
from migrate.target import read_target


@dataclass(frozen=True)
class DiffOptions:
    """How to compare.

    Attributes:
        target: `same`.
        offline: compare with nothing live.
        concurrency: targets read at once.
    """

    target: str = "same"
    offline: bool = False
    concurrency: int = DEFAULT_CONCURRENCY


def diff(context: Context, store: Store, snapshot: Snapshot, options: DiffOptions) -> Plan:
    """Plan a snapshot against its targets, and store the plan.

    Raises:
        SafetyRefusal: in place, the credentials are for another account than the snapshot.
        MigrateError: a target cannot be read.
    """
    reader = None if options.offline else context.target_reader(options.concurrency)
    if reader is not None and reader.account_sid != snapshot.account_sid:
        raise SafetyRefusal(
            f"Snapshot {snapshot.id} is of account {snapshot.account_sid}, but the credentials are for "
            f"{reader.account_sid}; a Service can be changed in place in its own account only."
        )
    number = plans.begin(
        store,
        snapshot,
        target=options.target,
        target_account_sid=reader.account_sid if reader else snapshot.account_sid,
        offline=options.offline,
    )
    services = snapshots.services_of(store, snapshot.id)
    look = partial(_look, reader, context.retrier())
    pairs = parallel(look, services, options.concurrency)
    for service, state in context.progress.track(pairs, "Reading targets", total=snapshot.services):
        _add(store, number, snapshot.account_sid, service, state)
    return plans.finish(store, number, snapshot)


def _look(
    reader: Reader | None, retrier: Retrier, service: ChatService
) -> tuple[ChatService, TargetState | None]:
    return service, read_target(reader, retrier, service.sid) if reader else None


def _add(
    store: Store, number: int, account_sid: str, service: ChatService, state: TargetState | None
) -> None:
    refused = journal.refused(store, service.sid)
    plan = plan_service(service, state, refused=refused)
    plans.add_service(store, number, account_sid, _planned(plan, state, refused), plan.steps)


def _planned(plan: ServicePlan, state: TargetState | None, refused: frozenset[str]) -> PlannedService:
    return PlannedService(
        source_sid=plan.source_sid,
        target_sid=plan.target_sid,
        friendly_name=plan.friendly_name,
        state=state,
        refused=refused,
        verdicts=Counter(row.verdict for row in plan.fields),
    )
