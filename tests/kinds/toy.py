# ruff: noqa: ARG002, D102 - its methods are explained where `Kind` declares them
"""A kind that only tests know: Chat users, re-created in a new Conversation Service with the role that they had.

Its parent is the service, and each item depends on a role.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import aclosing
from typing import Any
from urllib.parse import quote

from mappings import Outcome
from migrate.api.messages import Calls, Request, Surface
from migrate.api.pages import Listing, pages, walk
from migrate.core.config import is_sid
from migrate.core.errors import CallFailed
from migrate.kinds.base import Found, Kind, Planning, Share, SourcePage
from migrate.kinds.registry import KINDS
from migrate.model.item import Item
from migrate.model.plan import ItemCount
from migrate.model.step import Action, Form, ReadyStep, Step, Values, counterpart_of


class Users(Kind):
    """A user of a service; the identity stands for one user."""

    name = "users"
    phase = 1
    inventory = True
    many = True
    named = True

    async def _pages(self, calls: Calls, api: str, sid: str, where: str | None) -> AsyncIterator[SourcePage]:
        path = f"/{api}/Services/{sid}/Users"
        listing = Listing(Surface.CHAT, path, "users", 50, start=where)
        async with aclosing(walk(calls, listing)) as found:
            async for page, following in found:
                yield SourcePage([Item(self.name, one["sid"], sid, one, api) for one in page], following)

    def read_inventory(
        self, calls: Calls, api: str, service_sid: str, where: str | None
    ) -> AsyncIterator[SourcePage]:
        return self._pages(calls, api, service_sid, where)

    def is_planned(self, options: Mapping[str, Any]) -> bool:
        return self.name in options

    def plan(self, planning: Planning, outcomes: tuple[Outcome, ...], items: Iterator[Item]) -> Share:
        found = 0

        def steps() -> Iterator[Step]:
            nonlocal found
            for item in items:
                found += 1
                yield self._step(planning, item.payload)

        return Share((), steps(), count=lambda: ItemCount(found, found))

    def _step(self, planning: Planning, user: Mapping[str, Any]) -> Step:
        sid, role = planning.service.sid, user["role_sid"]
        return Step(
            key=f"{sid}/{self.name}/{user['sid']}",
            kind=self.name,
            action=Action.CREATE,
            source_sid=sid,
            item_sid=user["sid"],
            service_sid=planning.destination.sid,
            target_sid=None,
            before={},
            after={"identity": user["identity"], "role_sid": counterpart_of(role)},
            needs=(f"{sid}/service", f"{sid}/roles/{role}"),
        )

    def same(self, path: str, a: Any, b: Any) -> bool:
        return a == b

    def form(self, step: Step | ReadyStep) -> Form:
        return {"Identity": step.after["identity"], "RoleSid": step.after["role_sid"]}

    def request(self, step: ReadyStep) -> Request:
        path = f"/v1/Services/{step.service_sid}/Users"
        if step.target_sid is None:
            return Request(
                "POST",
                Surface.CONVERSATIONS,
                path,
                self.form(step),
                check=lambda user: is_sid("US", user["sid"]),
            )
        form = {"RoleSid": step.after["role_sid"]}
        return Request("POST", Surface.CONVERSATIONS, f"{path}/{step.target_sid}", form)

    async def read(self, calls: Calls, step: ReadyStep) -> Mapping[str, Any]:
        path = f"/v1/Services/{step.service_sid}/Users/{step.target_sid}"
        return (await calls.get(Surface.CONVERSATIONS, path)).payload

    def values(self, payload: Mapping[str, Any]) -> Values:
        return {"identity": payload.get("identity"), "role_sid": payload.get("role_sid")}

    async def look_for(self, calls: Calls, step: ReadyStep) -> list[Found]:
        path = f"/v1/Services/{step.service_sid}/Users/{quote(step.after['identity'])}"
        try:
            user = (await calls.get(Surface.CONVERSATIONS, path)).payload
        except CallFailed as error:
            if error.failure.status != 404:
                raise
            return []
        return [Found(user["sid"], self.values(user))]

    def title(self, step: ReadyStep) -> str:
        return step.after["identity"]

    def removal(self, step: ReadyStep, sid: str) -> str:
        return f"/v1/Services/{step.service_sid}/Users/{sid}"

    async def count_differing(self, calls: Calls, service_sid: str, steps: Iterator[Step]) -> int:
        listing = Listing(Surface.CONVERSATIONS, f"/v1/Services/{service_sid}/Users", "users", 50)
        there = {user["identity"] async for page in pages(calls, listing) for user in page}
        return sum(step.after["identity"] not in there for step in steps)


def register() -> None:
    """Make the kind known, as its row in the registry would."""
    KINDS[Users.name] = Users()
