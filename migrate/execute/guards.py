"""What must hold before anything is sent. A guard that cannot be evaluated refuses."""

from __future__ import annotations

from dataclasses import dataclass

from mappings import MAPPING_VERSION
from migrate.api.patient import Patient
from migrate.core.errors import SafetyRefusal
from migrate.core.settle import Settle
from migrate.core.together import in_order
from migrate.execute.comparing import changed_since
from migrate.kinds.reading import Knowledge, read_image
from migrate.kinds.registry import planned_kinds
from migrate.model.plan import Plan, PlannedService
from migrate.model.state import Run
from migrate.store import Store, counterparts, plans, runs, snapshots

AGAIN = "Run `chat-migrate diff` again and review the new plan."
SHOWN = 5


@dataclass(frozen=True)
class Thresholds:
    """The most that may be changed without a second thought; None means no bound.

    Attributes:
        changes: fields.
        percent: services to change, as a percentage of the services examined.
    """

    changes: int | None = None
    percent: float | None = None


def check_plan(plan: Plan, account_sid: str) -> None:
    """Refuse a plan that this account cannot execute.

    Args:
        plan: to be applied, or to be continued.
        account_sid: of the credentials that will write.

    Raises:
        SafetyRefusal: it was made offline, or for another account.
    """
    if plan.offline:
        raise SafetyRefusal(
            f"Plan {plan.id[:12]} was made offline, without reading the targets, so it cannot be applied. {AGAIN}"
        )
    check_account(plan, account_sid)


def check_account(plan: Plan, account_sid: str) -> None:
    """Refuse a plan for another account than the credentials'.

    Raises:
        SafetyRefusal: it is.
    """
    if plan.target_account_sid != account_sid:
        raise SafetyRefusal(
            f"Plan {plan.id[:12]} is for account {plan.target_account_sid}, but the credentials are for {account_sid}."
        )


def check_fresh(store: Store, plan: Plan) -> None:
    """Refuse to begin with a plan that is not what was reviewed any more.

    A run that was begun may end all the same: its steps look at the target before they write.

    Raises:
        SafetyRefusal: it was made by another version of the mappings, a newer snapshot shows other settings, or
            another run has created since what it creates.
    """
    if plan.mapping_version != MAPPING_VERSION:
        raise SafetyRefusal(f"Plan {plan.id[:12]} was made by another version of the mappings. {AGAIN}")
    _check_snapshot(store, plan)
    check_undecided(store, plan.target_account_sid, plan)
    created = counterparts.created_besides(store, plan)
    if created is not None:
        raise SafetyRefusal(
            f"Plan {plan.id[:12]} is stale: run {created['run']} has created {created['target_sid']} of "
            f"{created['source_sid']} since, and the plan would create it once more. {AGAIN}"
        )


def check_undecided(store: Store, account_sid: str, plan: Plan | None = None) -> None:
    """Refuse to create anything while nobody knows what an earlier run has created.

    Args:
        store: the database.
        account_sid: that is written to.
        plan: whose own run may go on.

    Raises:
        SafetyRefusal: the outcome of a create is not known.
    """
    undecided = runs.undecided_create(store, account_sid)
    if undecided is not None and (plan is None or undecided.plan != plan.number):
        raise SafetyRefusal(
            f"Run {undecided.id} may have created something that is not recorded yet; another run could create it "
            "twice. Run `chat-migrate resume` first."
        )


def _check_snapshot(store: Store, plan: Plan) -> None:
    newest = snapshots.latest(store, plan.account_sid)
    planned = snapshots.get(store, plan.snapshot_id)
    if newest.digest == planned.digest:
        return
    reviewed = dict(snapshots.service_digests(store, planned.id))
    for sid, digest in snapshots.service_digests(store, newest.id):
        if reviewed.get(sid, digest) != digest:
            raise SafetyRefusal(
                f"Plan {plan.id[:12]} is stale: snapshot {newest.id} shows other settings of {sid} than snapshot "
                f"{planned.id}, which the plan was made from. {AGAIN}"
            )


def check_thresholds(plan: Plan, thresholds: Thresholds) -> None:
    """Refuse a plan that changes more than was allowed.

    Raises:
        SafetyRefusal: with the numbers, the bound and the option that set it.
    """
    if thresholds.changes is not None and plan.changes > thresholds.changes:
        raise SafetyRefusal(
            f"The plan changes {_fields(plan.changes)}, more than --max-changes {thresholds.changes}; nothing was "
            "sent. Raise the bound if all of them are intended."
        )
    percent = 100 * plan.services_to_change / plan.services if plan.services else 0.0
    if thresholds.percent is not None and percent > thresholds.percent:
        raise SafetyRefusal(
            f"The plan changes {plan.services_to_change} of {plan.services} services ({percent:.0f} %), more than "
            f"--max-change-percent {thresholds.percent:g}; nothing was sent. Raise the bound if all of them are "
            "intended."
        )


async def check_targets(
    store: Store, calls: Patient, plan: Plan, settle: Settle, only: frozenset[str]
) -> None:
    """Read again every target that a plan changes, and refuse if any field is not what was reviewed.

    Raises:
        SafetyRefusal: a target holds other values than when the plan was made; nothing was sent.
    """
    kinds = planned_kinds(plan.options)
    same_account = plan.account_sid == plan.target_account_sid

    async def look(planned: PlannedService) -> list[str]:
        if planned.image is None or planned.target_sid is None or not any(row.step for row in planned.rows):
            return []
        known = Knowledge.of(store, plan.target_account_sid, planned.target_sid, exists=True)
        image = await read_image(calls, kinds, planned.target_sid, known, settle)
        if not image.exists:
            return [planned.target_sid]
        changed = changed_since(planned, image, same_account=same_account)
        return [f"{planned.source_sid}/{row.resource}/{row.target}" for row in changed]

    found: list[str] = []
    services = plans.services(store, plan.number, only=only)
    async for keys in in_order(look, services, settle.stop, calls.ahead):
        found += keys
    if found:
        shown = ", ".join(sorted(found)[:SHOWN]) + (
            f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
        )
        raise SafetyRefusal(
            f"Plan {plan.id[:12]} is stale: the target has changed since ({shown}); nothing was sent. {AGAIN} "
            "With --allow-drift the plan is applied all the same."
        )


def check_not_rolled_back(store: Store, run: Run) -> None:
    """Refuse a plan whose run was rolled back.

    Raises:
        SafetyRefusal: it was.
    """
    if runs.find_rollback_of(store, run) is not None:
        raise SafetyRefusal(f"Run {run.id} of this plan was rolled back, so the plan is stale. {AGAIN}")


def _fields(count: int) -> str:
    return f"{count} field" if count == 1 else f"{count} fields"
