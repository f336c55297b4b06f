"""`verify`: reads the targets again and compares them with the plan, field by field."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from migrate.api.patient import Patient
from migrate.commands.apply import find_plan
from migrate.commands.context import Context
from migrate.core.together import in_order
from migrate.execute.evidence import prove_account
from migrate.execute.guards import check_account
from migrate.execute.verify import Verifier
from migrate.model.plan import Plan, PlannedService
from migrate.store import Store, plans, runs
from migrate.store.plans import VerifiedService

BATCH = 100


@dataclass(frozen=True)
class VerifyOptions:
    """Which plan to compare with (the account's newest if None), and how many requests at once."""

    plan_id: str | None = None
    concurrency: int | None = None


@dataclass(frozen=True)
class Verified:
    """A plan, and how many fields, items and services differ from it."""

    plan: Plan
    differences: int


def verify(context: Context, options: VerifyOptions) -> Verified:
    """Read the targets of a plan, keep the readings, and count what differs.

    Raises:
        BadInput: there is no such plan.
        SafetyRefusal: the credentials are for another account.
        CallFailed: a target cannot be read.
    """
    with context.opened() as store:
        account_sid = context.account(store)
        with context.locked(store, "verify", account_sid):
            plan = find_plan(store, account_sid, options.plan_id)
            return verify_in(context, store, plan, options.concurrency)


def verify_in(context: Context, store: Store, plan: Plan, concurrency: int | None) -> Verified:
    """Verify a plan in an open, locked database; see `verify`."""
    check_account(plan, context.target_account())
    differences = asyncio.run(_read_again(context, store, plan, concurrency))
    plans.note_verified(store, plan, differences)
    return Verified(plan, differences)


async def _read_again(context: Context, store: Store, plan: Plan, concurrency: int | None) -> int:
    differences = 0
    async with context.target_reader(concurrency) as reader:
        retrier = context.retrier(concurrency)
        await prove_account(reader, retrier)
        run = runs.find_latest_of(store, plan)
        verifier = Verifier(store, Patient(reader, retrier), plan, run, context.settle())

        async def look(planned: PlannedService) -> tuple[VerifiedService, int]:
            return await verifier.service(planned)

        batch: list[VerifiedService] = []
        with context.progress.bar("Reading targets", total=plan.services) as bar:
            services = plans.services(store, plan.number)
            async for found, differing in in_order(look, services, context.stop, reader.pace.ahead):
                bar.advance()
                differences += differing
                batch.append(found)
                if len(batch) == BATCH:
                    plans.save_verified(store, plan, batch)
                    batch = []
        plans.save_verified(store, plan, batch)
    return differences
