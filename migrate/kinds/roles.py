"""Roles of a service, and the permissions that they grant."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from mappings import Outcome, Resource, RoleTranslation, Verdict, same
from mappings.reasons import Cause
from migrate.api.messages import Calls, Request, Surface
from migrate.api.pages import Listing, pages
from migrate.core.config import is_sid
from migrate.kinds.base import Found, Kind, Planning, Share
from migrate.kinds.settings import row_of, without_target
from migrate.model.destination import Destination
from migrate.model.item import Item
from migrate.model.rows import FieldRow
from migrate.model.step import Action, Form, ReadyStep, Step, Values, wire

Json = Any

PAGE_SIZE = 50
"""Twilio's maximum for Conversations (Twilio's OpenAPI documents, ListServiceRole)."""
SOURCE_PAGE_SIZES = {"v1": 1000, "v2": 100}
"""Twilio's maxima for Chat (Twilio's OpenAPI documents, ListRole)."""
MADE_WITH_SERVICE = frozenset(
    {
        ("service", "service admin"),
        ("service", "service user"),
        ("conversation", "channel admin"),
        ("conversation", "channel user"),
    }
)
"""Type and lower-cased name of the roles that Twilio makes with every new service (Chat docs, Roles)."""
ROLE_NOT_SHOWN = Cause(
    "role_not_shown",
    "Conversations does not show the role",
    "Conversations shows no role {role} in this Service. Look it up in the Console, then run `chat-migrate diff` "
    "again.",
)


class Roles(Kind):
    """A role: an update replaces its whole set of permissions; its name and type never change."""

    name = "roles"
    named = True
    not_clearable = frozenset({"permissions"})

    async def read_source(self, calls: Calls, api: str, service_sid: str) -> AsyncIterator[list[Item]]:
        path = f"/{api}/Services/{service_sid}/Roles"
        listing = Listing(Surface.CHAT, path, "roles", SOURCE_PAGE_SIZES[api])
        async for page in pages(calls, listing):
            yield [Item(self.name, role["sid"], service_sid, role, api, f"GET {path}") for role in page]

    def plan(self, planning: Planning, outcomes: tuple[Outcome, ...], items: Iterator[Item]) -> Share:
        if planning.destination.is_missing:
            return without_target(outcomes)
        return (_InPlace if planning.destination.in_place else _Elsewhere)(self, planning).share(outcomes)

    async def read_target(self, calls: Calls, service_sid: str) -> Mapping[str, Json]:
        """See `Kind.read_target`. In the order of their SIDs: the order of a list says nothing."""
        path = f"/v1/Services/{service_sid}/Roles"
        found: dict[str, Json] = {}
        async for page in pages(calls, Listing(Surface.CONVERSATIONS, path, "roles", PAGE_SIZE)):
            found.update((role["sid"], role) for role in page)
        return {"roles": [found[sid] for sid in sorted(found)]}

    def part(self, payload: Mapping[str, Json], target_sid: str) -> Mapping[str, Json] | None:
        return next((role for role in payload.get("roles", ()) if role["sid"] == target_sid), None)

    def agrees(self, path: str, expected: Json, live: Json, *, in_place: bool) -> bool:
        """See `Kind.agrees`. In place, nothing is taken away from a role, so it may grant more."""
        if in_place and isinstance(expected, list) and isinstance(live, list):
            return set(expected) <= set(live)
        return super().agrees(path, expected, live, in_place=in_place)

    def same(self, path: str, a: Json, b: Json) -> bool:
        return same(Resource.ROLES, path, a, b)

    def form(self, step: Step | ReadyStep) -> Form:
        form = {"Permission": wire(step.after["permissions"])}
        if step.action is Action.CREATE and step.target_sid is None:
            form |= {"FriendlyName": step.detail["friendly_name"], "Type": step.detail["type"]}
        return form

    def request(self, step: ReadyStep) -> Request:
        form, path = self.form(step), f"/v1/Services/{step.service_sid}/Roles"
        if step.target_sid is None:
            return Request(
                "POST",
                Surface.CONVERSATIONS,
                path,
                form,
                check=lambda role: (
                    is_sid("RL", role.get("sid")) and role.get("chat_service_sid") == step.service_sid
                ),
            )
        return Request(
            "POST",
            Surface.CONVERSATIONS,
            f"{path}/{step.target_sid}",
            form,
            check=lambda role: role.get("sid") == step.target_sid,
        )

    async def read(self, calls: Calls, step: ReadyStep) -> Mapping[str, Json]:
        answer = await calls.get(
            Surface.CONVERSATIONS,
            f"/v1/Services/{step.service_sid}/Roles/{step.target_sid}",
            check=lambda role: role.get("sid") == step.target_sid,
        )
        return answer.payload

    def values(self, payload: Mapping[str, Json]) -> Values:
        return {"permissions": payload.get("permissions")}

    async def look_for(self, calls: Calls, step: ReadyStep) -> list[Found]:
        wanted = _key(step.detail["type"], step.detail["friendly_name"])
        live = await self.read_target(calls, step.service_sid)
        return [
            Found(role["sid"], {"permissions": role.get("permissions")})
            for role in live["roles"]
            if _key(role.get("type"), role.get("friendly_name")) == wanted
        ]

    def is_touched(self, payload: Mapping[str, Json], known: frozenset[str]) -> bool:
        """See `Kind.is_touched`. Twilio puts one role of each of its own names there."""
        roles = sorted(payload.get("roles", ()), key=lambda role: role["sid"] not in known)
        keys = [_key(role.get("type"), role.get("friendly_name")) for role in roles]
        return any(
            role["sid"] not in known and (key not in MADE_WITH_SERVICE or key in keys[:place])
            for place, (role, key) in enumerate(zip(roles, keys, strict=True))
        )

    def create_group(self, step: ReadyStep) -> str:
        role_type, name = _key(step.detail["type"], step.detail["friendly_name"])
        return f"{self.name} {step.service_sid} {role_type} {name}"

    def title(self, step: ReadyStep) -> str:
        return str(step.detail.get("friendly_name", ""))

    def removal(self, step: ReadyStep, sid: str) -> str:
        return f"/v1/Services/{step.service_sid}/Roles/{sid}"


@dataclass(frozen=True)
class _InPlace:
    """The roles of the Conversation Service that is the Chat Service: the same ones, by SID."""

    kind: Roles
    planning: Planning

    def share(self, outcomes: tuple[Outcome, ...]) -> Share:
        """Give each role what it lacks, and take nothing away."""
        roles = {role.source_sid: role for role in self.planning.translation.roles}
        live = _by_sid(self.planning.destination)
        steps = {sid: step for sid in sorted(roles) if (step := self._step(roles[sid], live))}
        rows = tuple(self._row(outcome, roles, live, steps) for outcome in outcomes)
        return Share(rows, steps.values(), {sid: sid for sid in roles})

    def _step(self, role: RoleTranslation, live: Mapping[str, Json]) -> Step | None:
        sid = role.source_sid
        missing = _missing(role, live)
        if not missing or not (self.planning.destination.offline or sid in live):
            return None
        before = _permissions(live, sid)
        if self.kind.is_altered(self.planning.destination, sid, "permissions", before, before + missing):
            return None
        step = _step_of(self.planning, role, Action.UPDATE, sid)
        return replace(step, before={"permissions": before}, after={"permissions": before + missing})

    def _row(
        self,
        outcome: Outcome,
        roles: Mapping[str, RoleTranslation],
        live: Mapping[str, Json],
        steps: Mapping[str, Step],
    ) -> FieldRow:
        sid = outcome.role_sid or ""
        if not self.planning.destination.offline and sid not in live:
            return row_of(outcome, None, None, Verdict.MANUAL, (ROLE_NOT_SHOWN(role=sid),))
        before = _permissions(live, sid)
        missing = _missing(roles[sid], live) if sid in roles else []
        row = row_of(outcome, before, before + missing)._replace(held_to=sid in roles)
        if sid in steps:
            return row._replace(change=True, step=steps[sid].key)
        return self.kind.told_altered(row, before) if missing else row


@dataclass(frozen=True)
class _Elsewhere:
    """The roles of another Conversation Service: matched by type and lower-cased name, or created."""

    kind: Roles
    planning: Planning

    def share(self, outcomes: tuple[Outcome, ...]) -> Share:
        """Give each role exactly the translated permissions, or create it with them."""
        destination = self.planning.destination
        roles = {role.source_sid: role for role in self.planning.translation.roles}
        live = _by_sid(destination)
        matched = match_roles(self.planning.translation.roles, live, destination.counterparts)
        steps = {
            sid: step for sid in sorted(roles) if (step := self._step(roles[sid], matched.get(sid), live))
        }
        rows = tuple(
            self._row(outcome, roles, matched.get(outcome.role_sid or ""), live, steps)
            for outcome in outcomes
        )
        return Share(rows, steps.values(), matched)

    def _step(self, role: RoleTranslation, live_sid: str | None, live: Mapping[str, Json]) -> Step | None:
        destination, wanted = self.planning.destination, list(role.permissions)
        if live_sid and self._is_done(live_sid, _permissions(live, live_sid), wanted):
            return None
        comes_with_it = destination.sid is None and _key(role.type, role.friendly_name) in MADE_WITH_SERVICE
        action = Action.UPDATE if live_sid or comes_with_it else Action.CREATE
        step = _step_of(self.planning, role, action, live_sid)
        before = {"permissions": _permissions(live, live_sid)} if live_sid else {}
        return replace(step, before=before, after={"permissions": wanted})

    def _is_done(self, live_sid: str, held: list[str], wanted: list[str]) -> bool:
        path, destination = "permissions", self.planning.destination
        return self.kind.same(path, held, wanted) or self.kind.is_altered(
            destination, live_sid, path, held, wanted
        )

    def _row(
        self,
        outcome: Outcome,
        roles: Mapping[str, RoleTranslation],
        live_sid: str | None,
        live: Mapping[str, Json],
        steps: Mapping[str, Step],
    ) -> FieldRow:
        sid = outcome.role_sid or ""
        before = _permissions(live, live_sid) if live_sid else None
        if sid not in roles:
            return row_of(outcome, before, before)
        wanted = list(roles[sid].permissions)
        row = row_of(outcome, before, wanted)._replace(held_to=True)
        if sid in steps:
            return row._replace(change=True, step=steps[sid].key)
        if self.kind.same("permissions", before, wanted):
            return row._replace(after=before)
        return self.kind.told_altered(row, before)


def match_roles(
    roles: tuple[RoleTranslation, ...], live: Mapping[str, Json], recorded: Mapping[str, str]
) -> dict[str, str]:
    """Return which live role stands for which Chat role: as recorded, else by type and lower-cased name.

    A live role stands for one Chat role only. Where several fit, none is taken: a wrong role would get
    permissions that were meant for another.
    """
    matched = {
        role.source_sid: recorded[role.source_sid] for role in roles if recorded.get(role.source_sid) in live
    }
    for role in sorted(roles, key=lambda role: role.source_sid):
        if role.source_sid not in matched:
            wanted, taken = _key(role.type, role.friendly_name), set(matched.values())
            fitting = [
                sid
                for sid, found in live.items()
                if sid not in taken and _key(found.get("type"), found.get("friendly_name")) == wanted
            ]
            if len(fitting) == 1:
                matched[role.source_sid] = fitting[0]
    return matched


def _step_of(planning: Planning, role: RoleTranslation, action: Action, live_sid: str | None) -> Step:
    source_sid, destination = planning.service.sid, planning.destination
    return Step(
        key=f"{source_sid}/roles/{role.source_sid}",
        kind=Roles.name,
        action=action,
        source_sid=source_sid,
        item_sid=role.source_sid,
        service_sid=destination.sid,
        target_sid=live_sid,
        before={},
        after={},
        needs=(f"{source_sid}/service",) if destination.sid is None else (),
        detail={"friendly_name": role.friendly_name, "type": role.type},
    )


def _by_sid(destination: Destination) -> dict[str, Mapping[str, Json]]:
    return {role["sid"]: role for role in destination.payload(Roles.name).get("roles", ())}


def _permissions(live: Mapping[str, Json], sid: str) -> list[str]:
    found = live.get(sid, {}).get("permissions")
    return found if isinstance(found, list) else []


def _missing(role: RoleTranslation, live: Mapping[str, Json]) -> list[str]:
    present = _permissions(live, role.source_sid)
    return [name for name in role.permissions if name not in present]


def _key(role_type: object, friendly_name: object) -> tuple[str, str]:
    return str(role_type), str(friendly_name).strip().lower()
