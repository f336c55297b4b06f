"""The simulated accounts after a rehearsal, beside what the plan said that they would hold.

What they hold is read from the simulator's own state, in the simulator's own words, and never through the program that
is judged.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from migrate.model.plan import Plan, PlannedService
from migrate.model.rows import FieldRow
from migrate.model.step import Step, lookup, marked_sid
from migrate.report.model import Difference
from migrate.simulator import words
from migrate.store import Store, plans, snapshots

Json = Any
Place = tuple[str, str, str]
"""A resource, the SID of one of its items or "", and a path."""
Roles = Sequence[Mapping[str, Json]]
"""The roles of a service as Chat shows them."""
ASSUMED_LIMIT = 178
"""Characters: documented for a rendered push text. For what is sent, the documents name none (50058, 50059)."""
LIMITED = ("template", "sound")


@dataclass(frozen=True)
class Judgement:
    """What a comparison has found."""

    differences: tuple[Difference, ...]
    doubles: tuple[str, ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class _Accounts:
    """Both states of the accounts: services by SID."""

    before: Mapping[str, Json]
    after: Mapping[str, Json]


def judge(store: Store, plan: Plan, before: Json, after: Json) -> Judgement:
    """Compare the accounts with a plan.

    Args:
        before: the simulator's state at first, as JSON.
    """
    accounts = _Accounts(_services(before), _services(after))
    made = [sid for sid in accounts.after if sid not in accounts.before]
    differences: list[Difference] = []
    warnings: list[str] = []
    for planned in plans.services(store, plan.number):
        warnings += _too_long(planned)
        if planned.is_missing:
            continue
        roles = snapshots.service(store, plan.snapshot_id, planned.source_sid).roles
        if planned.target_sid is not None:
            differences += _of_existing(planned, roles, accounts)
        else:
            differences += _of_created(planned, roles, accounts, made)
        differences += _of_items(store, plan, planned, accounts)
    doubles = [*_services_too_many(accounts, made), *_roles_twice(accounts)]
    return Judgement(tuple(differences), tuple(doubles), tuple(warnings))


def _services(world: Json) -> dict[str, Json]:
    return {service["sid"]: service for account in world["accounts"] for service in account["services"]}


# -- one service ---------------------------------------------------------------------------------------------


def _of_existing(planned: PlannedService, roles: Roles, accounts: _Accounts) -> Iterator[Difference]:
    """Compare all that a service holds: what the plan changes, and that nothing else has changed."""
    sid = planned.target_sid or ""
    after = accounts.after.get(sid)
    if after is None:
        yield _difference(planned, ("service", "", "sid"), sid, None)
        return
    items = _items(planned, roles, after)
    changes = {_place(row, items): _known(row.after, items) for row in planned.rows if row.change}
    yield from _compared(planned, {**_held(accounts.before[sid]), **changes}, _held(after))


def _of_created(
    planned: PlannedService, roles: Roles, accounts: _Accounts, unclaimed: list[str]
) -> list[Difference]:
    """Compare what the plan says of a service that it creates with the new service of its name that fits best."""
    name = next(row.after for row in planned.rows if row.step and row.target == "friendly_name")
    fitting: list[tuple[int, str, list[Difference]]] = []
    for sid in unclaimed:
        service = accounts.after[sid]
        if service["chat"]["friendly_name"] == name:
            items = _items(planned, roles, service)
            held_to = [row for row in planned.rows if row.held_to or row.change]
            wanted = {_place(row, items): _known(row.after, items) for row in held_to}
            found = list(_compared(planned, wanted, _held(service)))
            fitting.append((len(found), sid, found))
    if not fitting:
        return [_difference(planned, ("service", "", "friendly_name"), name, None)]
    _, sid, found = min(fitting, key=lambda one: one[:2])
    unclaimed.remove(sid)
    return found


def _items(planned: PlannedService, roles: Roles, service: Json) -> dict[str, str]:
    """Return Chat SID → SID in the target, for the roles of a service; those that were created go by their names."""
    named = {_key(role): role["sid"] for role in service["roles"]}
    by_name = {str(role["sid"]): str(named.get(_key(role), role["sid"])) for role in roles}
    return {**by_name, **planned.counterparts}


def _place(row: FieldRow, items: Mapping[str, str]) -> Place:
    item = items.get(row.item_sid, row.item_sid) if row.item_sid else ""
    return row.resource or "", item, row.target or ""


def _known(value: Json, items: Mapping[str, str]) -> Json:
    marked = marked_sid(value)
    return items.get(marked, value) if marked else value


def _compared(
    planned: PlannedService, wanted: Mapping[Place, Json], held: Mapping[Place, Json]
) -> Iterator[Difference]:
    for place, value in wanted.items():
        if _plain(value) != _plain(held.get(place)):
            yield _difference(planned, place, value, held.get(place))


def _difference(planned: PlannedService, place: Place, wanted: Json, held: Json) -> Difference:
    resource, item, path = place
    sources = {
        planned.counterparts.get(row.item_sid or "", row.item_sid or ""): row.source
        for row in planned.rows
        if (row.resource, row.target) == (resource, path)
    }
    return Difference(
        planned.source_sid, planned.friendly_name, resource, path, wanted, held, sources.get(item, "")
    )


def _plain(value: Json) -> Json:
    """Return a value in which the order of names and the ways to say "not set" make no difference.

    A flag that is off is not set, too: a plan does not switch off what a new service does not have yet.
    """
    if value is None or value is False or value in ("", [], {}):
        return None
    return frozenset(map(str, value)) if isinstance(value, list) else value


def _held(service: Json) -> dict[Place, Json]:
    """Return what Conversations would show of a service."""
    chat, found = service["chat"], {}
    for shown, stored in words.CONFIGURATION_SETTINGS.items():
        found["configuration", "", shown] = chat[stored]
    found["service", "", "friendly_name"] = chat["friendly_name"]
    found["service", "", "sid"] = service["sid"]
    found["service", "", "account_sid"] = service["account_sid"]
    for resource in ("notifications", "webhooks"):
        for path, value in _leaves(service[f"conversations_{resource}"]):
            found[resource, "", path] = value
    for role in service["roles"]:
        found["roles", role["sid"], "permissions"] = _permissions(role)
    return found


def _leaves(values: Mapping[str, Json], before: str = "") -> Iterator[tuple[str, Json]]:
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{before}{name}.")
        else:
            yield before + name, value


def _permissions(role: Json) -> list[str]:
    hidden = {"inviteMember", *role["untranslated"]}
    return [words.CONVERSATIONS_PERMISSION.get(one, one) for one in role["permissions"] if one not in hidden]


def _key(role: Mapping[str, Json]) -> tuple[str, str]:
    # A role from a saved file may lack either.
    return role.get("type") or "", (role.get("friendly_name") or "").strip().lower()


# -- items ---------------------------------------------------------------------------------------------------


def _of_items(store: Store, plan: Plan, planned: PlannedService, accounts: _Accounts) -> Iterator[Difference]:
    """Compare the items of the kinds that a service may have many of, such as channels, with their steps."""
    if not planned.items or planned.source_sid not in accounts.after:
        return
    for name in planned.items:
        before = _by_sid(accounts.before[planned.source_sid], name)
        after = _by_sid(accounts.after[planned.source_sid], name)
        steps = {
            step.item_sid: step for step in plans.steps(store, plan.number, planned.source_sid, kinds=[name])
        }
        for sid, was in before.items():
            yield from _of_item(planned, name, _wanted(was, steps.get(sid)), after.get(sid, {}))


def _by_sid(service: Json, name: str) -> dict[str, Json]:
    return {item["sid"]: item for item in service[name]["added"]}


def _wanted(was: Json, step: Step | None) -> Json:
    return {"type": was["type"], **(step.after if step else {})}


def _of_item(planned: PlannedService, name: str, wanted: Json, held: Json) -> Iterator[Difference]:
    for path, value in wanted.items():
        if lookup(held, path) != value:
            yield _difference(planned, (name, held.get("sid", ""), path), value, lookup(held, path))


# -- what stands twice, and what is open ---------------------------------------------------------------------


def _services_too_many(accounts: _Accounts, unclaimed: Iterable[str]) -> Iterator[str]:
    for sid in unclaimed:
        name = accounts.after[sid]["chat"]["friendly_name"]
        yield f"Service {name!r} was created once more than planned ({sid})."


def _roles_twice(accounts: _Accounts) -> Iterator[str]:
    for sid, service in accounts.after.items():
        before = Counter(map(_key, accounts.before.get(sid, {"roles": ()})["roles"]))
        after = Counter(map(_key, service["roles"]))
        for (role_type, name), number in after.items():
            if number > max(1, before[role_type, name]):
                yield f"Role {name!r} stands {number} times in service {sid}."


def _too_long(planned: PlannedService) -> Iterator[str]:
    for row in planned.rows:
        is_limited = (row.target or "").rpartition(".")[2] in LIMITED
        if row.change and is_limited and len(str(row.after)) > ASSUMED_LIMIT:
            yield (
                f"{planned.friendly_name} ({planned.source_sid}): {row.source} would have {len(str(row.after))} "
                f"characters. Twilio documents no limit; a limit of {ASSUMED_LIMIT} characters is assumed here. If "
                "Twilio refuses it, this step fails and the others go on."
            )
