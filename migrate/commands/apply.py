"""`apply` and `resume`: plan → Twilio."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from migrate.commands.context import Context
from migrate.commands.finishing import finish
from migrate.commands.rollback import continue_rollback
from migrate.core.errors import BadInput, SafetyRefusal
from migrate.execute.attempts import Limits, Work
from migrate.execute.executor import execute
from migrate.execute.guards import AGAIN, Thresholds, check_fresh, check_plan, check_targets, check_thresholds
from migrate.store import Store, journal, plans
from migrate.store.journal import Run
from migrate.store.plans import Plan

Confirm = Callable[[Plan], None]
"""Asks a person whether to go on; raises to refuse."""


@dataclass(frozen=True)
class ApplyOptions:
    """How to apply a plan: bounds, and what is allowed."""

    limits: Limits = field(default_factory=Limits)
    thresholds: Thresholds = field(default_factory=Thresholds)


def apply(context: Context, store: Store, plan: Plan, options: ApplyOptions, confirm: Confirm) -> Run:
    """Execute a plan exactly as reviewed; return the run, finished or not.

    A plan that a run has finished already is not executed again: that run is returned.

    Raises:
        BadInput: a run of this plan is unfinished.
        SafetyRefusal: a guard says no; nothing was sent.
        Interrupted: Ctrl-C; what was done is recorded.
    """
    writer = context.target_writer(options.limits.concurrency)
    check_plan(plan, writer.account_sid)
    check_fresh(store, plan)
    check_thresholds(store, plan, options.thresholds)
    before = journal.find_latest_of(store, plan)
    if before is not None:
        return _applied_before(store, before)
    work = Work(store, writer, context.retrier(), plan, options.limits)
    if not options.limits.allow_drift:
        work = replace(work, checked_at=check_targets(work))
    confirm(plan)
    return finish(context, work, journal.start(store, plan), execute)


def resume(context: Context, store: Store, limits: Limits) -> Run | None:
    """Continue the last run if it is unfinished; return it, or None if there is nothing to continue.

    Raises:
        SafetyRefusal: the credentials are for another account.
        Interrupted: Ctrl-C; what was done is recorded.
    """
    writer = context.target_writer(limits.concurrency)
    run = journal.find_unfinished(store, writer.account_sid)
    if run is None:
        return None
    if run.undoes is not None:
        return continue_rollback(context, store, run, limits)
    plan = plans.by_number(store, run.plan)
    check_plan(plan, writer.account_sid)
    return finish(context, Work(store, writer, context.retrier(), plan, limits), run, execute)


def _applied_before(store: Store, run: Run) -> Run:
    if journal.find_rollback_of(store, run) is not None:
        raise SafetyRefusal(f"Run {run.id} of this plan was rolled back, so the plan is stale. {AGAIN}")
    if run.finished_at is None:
        raise BadInput(f"Run {run.id} of this plan is unfinished. `chat-migrate resume` continues it.")
    return run
