"""The accounts as a plan knows them: what the simulator is given before a rehearsal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mappings import ChatService
from migrate.kinds.registry import KINDS
from migrate.model.plan import Plan, PlannedService
from migrate.store import Store, plans, snapshots

Json = Any


def accounts_of(store: Store, plan: Plan) -> dict[str, dict[str, Json]]:
    """Return the plan's accounts, as `simulator.world_from` takes them: the source account first.

    Chat's side comes from the snapshot, Conversations' side from the before-images. A target that is still to be
    created is not there; one that Conversations was asked for and does not have is not there in Conversations.
    """
    accounts: dict[str, dict[str, Json]] = {plan.account_sid: {"services": []}}
    accounts.setdefault(plan.target_account_sid, {"services": []})
    source, target = (accounts[sid]["services"] for sid in (plan.account_sid, plan.target_account_sid))
    chat_services = {planned.source_sid for planned in plans.services(store, plan.number)}
    for planned in plans.services(store, plan.number):
        chat = snapshots.service(store, plan.snapshot_id, planned.source_sid)
        in_place = source is target and planned.image is not None and planned.image.sid == planned.source_sid
        source.append(_source(store, plan, chat, planned if in_place else None))
        elsewhere = planned.image is not None and planned.image.exists and not in_place
        if elsewhere and planned.image is not None and planned.image.sid not in chat_services:
            target.append({"sid": planned.image.sid, "roles": [], "conversations": _shown(planned)})
    return accounts


def _source(store: Store, plan: Plan, chat: ChatService, in_place: PlannedService | None) -> dict[str, Json]:
    told: dict[str, Json] = {"sid": chat.sid, "v1": chat.v1, "v2": chat.v2}
    if chat.roles:
        told["roles"] = [_whole(role) for role in chat.roles]
    if in_place is not None:
        told["conversations"] = _shown(in_place)
        shown = {role["sid"] for role in (told["conversations"] or {}).get("roles", ())}
        told["roles"] = [_whole(role) for role in chat.roles if role["sid"] in shown or not shown]
    return told | dict(_items(store, plan, chat.sid))


def _whole(role: Mapping[str, Json]) -> dict[str, Json]:
    """Return a role with all that the simulator needs of one: what a saved file lacks is in no step."""
    held = {name: value for name, value in role.items() if value is not None}
    return {"friendly_name": "", "type": "channel", "permissions": [], **held}


def _shown(planned: PlannedService) -> dict[str, Json] | None:
    """Return what Conversations shows of a target: each kind's resource, lists without their wrapping."""
    if planned.image is None or not planned.image.exists:
        return None
    return {kind: payload.get(kind, payload) for kind, payload in planned.image.payloads.items()}


def _items(store: Store, plan: Plan, source_sid: str) -> Iterator[tuple[str, list[Json]]]:
    """Yield what is read on demand only, such as channels, under the names of their kinds."""
    for name, kind in KINDS.items():
        if kind.inventory:
            found = {
                item.sid: item.payload for item in snapshots.items(store, plan.snapshot_id, name, source_sid)
            }
            yield name, list(found.values())
