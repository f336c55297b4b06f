"""`verify`: reads the targets again and compares them with the plan, field by field."""

from __future__ import annotations

from collections.abc import Iterator

from migrate.api.gateway import DEFAULT_CONCURRENCY
from migrate.commands.context import Context
from migrate.core.errors import SafetyRefusal
from migrate.core.pool import parallel
from migrate.execute.reading import read_target
from migrate.store import Store, journal, plans, sids
from migrate.store.plans import Plan


def read_again(context: Context, store: Store, plan: Plan, concurrency: int = DEFAULT_CONCURRENCY) -> None:
    """Read the targets of a plan and keep the readings.

    Raises:
        SafetyRefusal: the credentials are for another account.
        CallFailed: a target cannot be read.
    """
    reader = context.target_reader(concurrency)
    if reader.account_sid != plan.target_account_sid:
        raise SafetyRefusal(
            f"Plan {plan.id[:12]} is for account {plan.target_account_sid}, "
            f"but the credentials are for {reader.account_sid}."
        )
    retrier = context.retrier()

    def read(pair: tuple[str, str]) -> None:
        source_sid, target_sid = pair
        plans.save_reading(store, plan, source_sid, read_target(reader, retrier, target_sid))

    done = parallel(read, _targets(store, plan), concurrency)
    for _ in context.progress.track(done, "Reading targets", total=plans.service_count(store, plan.number)):
        pass


def _targets(store: Store, plan: Plan) -> Iterator[tuple[str, str]]:
    run = journal.find_latest_of(store, plan)
    for service in plans.services_of(store, plan.number):
        created = sids.created_by(store, run.id, service.source_sid) if run else None
        target_sid = service.target_sid or created
        if target_sid is not None:
            yield service.source_sid, target_sid
