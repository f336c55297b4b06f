"""What must hold before anything is sent. A guard that cannot be evaluated refuses."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from mappings import MAPPING_VERSION
from migrate.core.clock import now, seconds_since
from migrate.core.errors import CallFailed, SafetyRefusal
from migrate.core.pool import parallel
from migrate.execute.attempts import Work
from migrate.kinds import registry as kinds
from migrate.model.step import Finding, Step
from migrate.plan.destinations import NEW
from migrate.store import Store, journal, plans, sids, snapshots
from migrate.store.plans import Plan

AGAIN = "Run `chat-migrate diff` again and review the new plan."


@dataclass(frozen=True)
class Thresholds:
    """The most that may be changed without a second thought; None means no bound.

    Attributes:
        changes: steps.
        percent: services to change, as a percentage of the services examined.
    """

    changes: int | None = None
    percent: float | None = None


def check_plan(plan: Plan, account_sid: str) -> None:
    """Refuse a plan that this program, or this account, cannot execute.

    Args:
        plan: to be applied, or to be continued.
        account_sid: of the credentials that will write.

    Raises:
        SafetyRefusal: it was made offline, by other mappings, or for another account.
    """
    if plan.offline:
        raise SafetyRefusal(f"Plan {plan.id[:12]} was made offline, without a look at the targets. {AGAIN}")
    if plan.mapping_version != MAPPING_VERSION:
        raise SafetyRefusal(f"Plan {plan.id[:12]} was made by another version of the mappings. {AGAIN}")
    if plan.target_account_sid != account_sid:
        raise SafetyRefusal(
            f"Plan {plan.id[:12]} is for account {plan.target_account_sid}, but the credentials are for {account_sid}."
        )


def check_fresh(store: Store, plan: Plan) -> None:
    """Refuse to begin with a plan that is not what was reviewed any more.

    A run that was begun may end all the same: its steps look at the target before they write.

    Raises:
        SafetyRefusal: a newer snapshot shows other settings, or another run has created since what it creates.
    """
    _check_snapshot(store, plan)
    _check_creates(store, plan)


def check_undecided(store: Store, account_sid: str, plan: Plan | None = None) -> None:
    """Refuse to create services while nobody knows what an earlier run has created.

    Args:
        store: the database.
        account_sid: that services are to be created in.
        plan: whose own run may go on.

    Raises:
        SafetyRefusal: the outcome of a create is not known.
    """
    undecided = journal.undecided_create(store, account_sid)
    if undecided is not None and (plan is None or undecided.plan != plan.number):
        raise SafetyRefusal(
            f"Run {undecided.id} may have created services that are not recorded yet; another run could create them "
            "twice. Run `chat-migrate resume` first."
        )


def _check_creates(store: Store, plan: Plan) -> None:
    if plan.target == NEW:
        check_undecided(store, plan.target_account_sid, plan)
    created = sids.created_besides(store, plan.target_account_sid, plan.number, plan.created_at)
    if created is not None:
        raise SafetyRefusal(
            f"Plan {plan.id[:12]} is stale: run {created['run']} has created {created['target_sid']} of "
            f"{created['source_sid']} since, and the plan would create it once more. {AGAIN}"
        )


def _check_snapshot(store: Store, plan: Plan) -> None:
    newest = snapshots.latest_of(store, plan.account_sid)
    planned = snapshots.get(store, plan.snapshot_id)
    if newest.digest == planned.digest:
        return
    known = set(snapshots.sids_of(store, planned.id))
    for fresh in snapshots.services_of(store, newest.id):
        if fresh.sid not in known:
            continue
        reviewed = snapshots.service(store, planned.id, fresh.sid)
        if snapshots.digest_of(fresh) != snapshots.digest_of(reviewed):
            raise SafetyRefusal(
                f"Plan {plan.id[:12]} is stale: snapshot {newest.id} shows other settings of {fresh.sid} than "
                f"snapshot {planned.id}, which it was made from. {AGAIN}"
            )


def check_thresholds(store: Store, plan: Plan, thresholds: Thresholds) -> None:
    """Refuse a plan that changes more than was allowed.

    Raises:
        SafetyRefusal: with the numbers, the bound and the option that set it.
    """
    steps = plans.step_count(store, plan.number)
    if thresholds.changes is not None and steps > thresholds.changes:
        raise SafetyRefusal(
            f"The plan has {steps} changes, more than --max-changes {thresholds.changes}; nothing was sent. "
            "Raise the bound if they are all meant."
        )
    services = plans.service_count(store, plan.number)
    changing = len(plans.sids_to_change(store, plan.number))
    percent = 100 * changing / services if services else 0.0
    if thresholds.percent is not None and percent > thresholds.percent:
        raise SafetyRefusal(
            f"The plan changes {changing} of {services} services ({percent:.0f} %), more than "
            f"--max-change-percent {thresholds.percent:g}; nothing was sent. Raise the bound if they are all meant."
        )


def check_targets(work: Work) -> str | None:
    """Read again every target whose before-image is old, and refuse if one has changed since.

    Returns:
        The moment before the readings, or None if no before-image was old.

    Raises:
        SafetyRefusal: a target holds other values than when the plan was made.
    """
    sids = [sid for sid in plans.sids_to_change(work.store, work.plan.number) if _is_old(work, sid)]
    if not sids:
        return None
    moment = now()
    changed = [
        key
        for keys in parallel(lambda sid: _changed(work, sid), sids, work.limits.concurrency)
        for key in keys
    ]
    if changed:
        shown = ", ".join(sorted(changed)[:5]) + (f" and {len(changed) - 5} more" if len(changed) > 5 else "")
        raise SafetyRefusal(
            f"Plan {work.plan.id[:12]} is stale: the target has changed since ({shown}); nothing was sent. "
            f"{AGAIN} With --allow-drift the plan is applied all the same."
        )
    return moment


def _is_old(work: Work, sid: str) -> bool:
    moment = plans.read_at(work.store, work.plan.number, sid)
    return moment is not None and seconds_since(moment) > work.limits.trust_seconds


def _changed(work: Work, sid: str) -> list[str]:
    steps = plans.steps_of(work.store, work.plan.number, sid)
    return [step.key for step in steps if step.before and _finding(work, step) is Finding.OTHER]


def _finding(work: Work, step: Step) -> Finding:
    try:
        return step.compare(work.retrier.call(partial(kinds.read, work.writer, step)))
    except CallFailed as error:
        if error.failure.status != 404:
            raise
        return Finding.OTHER
