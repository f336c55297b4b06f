"""`apply`: plan → Twilio, exactly as reviewed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from migrate.api.patient import Patient
from migrate.commands.context import Context, Working
from migrate.core.errors import BadInput, Interrupted, RunInterrupted, SafetyRefusal
from migrate.core.jsonable import from_json, to_json
from migrate.execute.evidence import prove_account
from migrate.execute.executor import Execution
from migrate.execute.guards import (
    Thresholds,
    check_fresh,
    check_not_rolled_back,
    check_plan,
    check_targets,
    check_thresholds,
)
from migrate.execute.leftovers import look_for_leftovers
from migrate.execute.pairs import pairs_of
from migrate.execute.undo import plan_of
from migrate.execute.work import Bounds, Work
from migrate.kinds.registry import KINDS, lasting_steps
from migrate.model.plan import Plan
from migrate.model.state import Run
from migrate.store import Store, plans, runs
from migrate.store.frontier import Frontier, Scope, skip_all
from migrate.store.journal import Journal
from migrate.store.lock import renew

Json = Any
Confirm = Callable[[Store, Plan, Bounds], None]
"""Asks a person whether to go on, naming what can't be undone among what the bounds allow; raises to refuse."""

NOT_OPTED_IN = "skipped (not opted in)"


@dataclass(frozen=True)
class ApplyOptions:
    """How to apply a plan: which one, bounds, and what is allowed."""

    plan_id: str | None = None
    bounds: Bounds = field(default_factory=Bounds)
    thresholds: Thresholds = field(default_factory=Thresholds)


def apply(context: Context, options: ApplyOptions, confirm: Confirm) -> Run:
    """Execute a plan exactly as reviewed; return the run, finished or not.

    A plan that a run has finished already is not executed again: that run is returned, unless something is allowed now
    that it was not allowed to do.

    Raises:
        BadInput: there is no such plan, or a run of it is unfinished.
        SafetyRefusal: a guard says no; nothing was sent.
        Interrupted: what was done is recorded.
    """
    with context.working("apply") as at:
        return apply_in(at, find_plan(at.store, at.account_sid, options.plan_id), options, confirm)


def find_plan(store: Store, account_sid: str, plan_id: str | None) -> Plan:
    """Return the plan with an id that begins so, or the account's newest.

    Raises:
        BadInput: there is none.
    """
    if plan_id is None:
        return plans.latest(store, account_sid)
    return plans.get(store, account_sid, plan_id)


def apply_in(
    at: Working,
    plan: Plan,
    options: ApplyOptions,
    confirm: Confirm,
    *,
    run: Run | None = None,
    read_at: Mapping[str, float] | None = None,
) -> Run:
    """Execute a plan in an open, locked database; see `apply`.

    Args:
        confirm: asks a person, after the guards have passed.
        run: that this plan was made for, by the command `run`.
        read_at: when that command has read the targets; None: they are read again first.

    Raises:
        BadInput: it is bounded to a service that is not in the plan.
        LockLost: another run has taken the lock meanwhile.
    """
    store = at.store
    check_plan(plan, at.context.target_account())
    for sid in sorted(options.bounds.only):
        plans.service(store, plan.number, sid)
    check_fresh(store, plan)
    check_thresholds(plan, options.thresholds)
    before = runs.find_latest_of(store, plan)
    if before is not None and (run is None or before.id != run.id):
        return _applied_before(store, before, plan, options.bounds)
    if read_at is None and not options.bounds.allow_drift:
        asyncio.run(_check_targets(at, plan, options.bounds))
    confirm(store, plan, options.bounds)
    # A person may have thought for long, and the machine may have slept.
    renew(store, at.lock)
    begun = _begin(store, plan, options, run)
    return asyncio.run(execute(at, begun, options.bounds, read_at or {}))


def _begin(store: Store, plan: Plan, options: ApplyOptions, run: Run | None) -> Run:
    if run is not None:
        return runs.set_phase(store, run, "apply", plan=plan)
    return runs.start(
        store,
        account_sid=plan.account_sid,
        target_account_sid=plan.target_account_sid,
        command="apply",
        phase="apply",
        plan=plan,
        options={"apply": to_json(options)},
    )


def _applied_before(store: Store, run: Run, plan: Plan, bounds: Bounds) -> Run:
    check_not_rolled_back(store, run)
    if run.finished_at is None:
        raise BadInput(f"Run {run.id} of this plan is unfinished. `chat-migrate resume` continues it.")
    agreed = from_json(ApplyOptions, run.options["apply"]).bounds.consents
    for name in bounds.allowed(lasting_steps(store, plan)):
        option = KINDS[name].consent
        if option not in agreed:
            raise SafetyRefusal(
                f"Run {run.id} has finished this plan without --{option}, so its {name} were skipped. Run "
                f"`chat-migrate diff --{option}` again, then apply the new plan with --{option}."
            )
    return run


async def _check_targets(at: Working, plan: Plan, bounds: Bounds) -> None:
    async with at.context.target_reader(bounds.concurrency) as reader:
        retrier = at.context.retrier(bounds.concurrency)
        await prove_account(reader, retrier)
        await check_targets(at.store, Patient(reader, retrier), plan, at.context.settle(), bounds.only)


async def execute(at: Working, run: Run, bounds: Bounds, read_at: Mapping[str, float]) -> Run:
    """Do what is left of a run, as far as its bounds go; return it as it stands afterwards.

    Raises:
        CredentialsRefused: Twilio refuses the credentials for good; what was done is recorded.
        RunInterrupted: the stop token was set; what was in flight is finished and recorded.
    """
    context, store = at.context, at.store
    plan = plans.by_number(store, plan_of(run))
    if not runs.sessions(store, run):
        runs.known_pairs(store, run, pairs_of(store, plan))
    # Only now: a kill before this would have lost the pairs for every resume.
    session = runs.new_session(store, run)
    missing = {kind.name for kind in KINDS.values() if kind.consent and kind.consent not in bounds.consents}
    skip_all(store, run, missing, NOT_OPTED_IN)
    scope = Scope(bounds.only or None, bounds.services, allow_drift=bounds.allow_drift, most=bounds.limits)
    frontier = Frontier(store, run, session, scope)
    async with (
        context.target_writer(bounds.concurrency) as writer,
        Journal(store, run, at.lock) as journal,
    ):
        retrier, settle = context.retrier(bounds.concurrency), context.settle()
        work = Work(store, journal, writer, retrier, settle, plan, run, session, bounds, read_at)
        with ending_well():
            await prove_account(writer, retrier)
            with context.progress.bar("Writing", total=plan.steps, unit="step") as bar:
                await Execution(work, frontier, bar.advance).run()
            leftovers = await look_for_leftovers(work)
    runs.note_leftovers(store, run, leftovers)
    return finished_if_done(store, run)


@contextmanager
def ending_well() -> Iterator[None]:
    """Say after an interruption of what a run does how to go on.

    Raises:
        RunInterrupted: the stop token was set.
    """
    try:
        yield
    except RunInterrupted:
        raise
    except Interrupted as error:
        raise RunInterrupted(
            "Interrupted. What was done is recorded; `chat-migrate resume` continues."
        ) from error


def finished_if_done(store: Store, run: Run) -> Run:
    """Mark a run as finished if nothing is left of it; return it as it stands."""
    settled = {state.value for state in run.settled}
    if set(runs.counts(store, run)) <= settled:
        runs.finish(store, run)
    return runs.get(store, run.id)
