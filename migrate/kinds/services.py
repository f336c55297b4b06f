"""The Conversation Service itself: it can be created, and never changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mappings import Outcome, Resource, Verdict
from mappings.reasons import Cause
from migrate.api.messages import Calls, Request, Surface
from migrate.api.pages import Listing, pages
from migrate.core.config import is_sid
from migrate.kinds.base import Found, Kind, Planning, Share
from migrate.kinds.settings import row_of
from migrate.model.item import Item
from migrate.model.rows import FieldRow
from migrate.model.state import Counterpart
from migrate.model.step import Action, Form, ReadyStep, Step, Values, wire

Json = Any

PAGE_SIZE = 100
"""Twilio's maximum (Twilio's OpenAPI documents, ListService)."""
KEEPS_ITS_NAME = Cause(
    "keeps_its_name",
    "A Service cannot be renamed",
    "The target keeps the name that it has: Conversations cannot rename a Service.",
)


class Services(Kind):
    """A Conversation Service."""

    name = "service"

    def plan(self, planning: Planning, outcomes: tuple[Outcome, ...], items: Iterator[Item]) -> Share:
        step = self._step(planning) if planning.destination.sid is None else None
        rows = tuple(self._row(planning, outcome, step) for outcome in outcomes)
        return Share(rows, (step,) if step else ())

    def _step(self, planning: Planning) -> Step:
        sid = planning.service.sid
        return Step(
            key=f"{sid}/service",
            kind=self.name,
            action=Action.CREATE,
            source_sid=sid,
            item_sid=sid,
            service_sid=None,
            target_sid=None,
            before={},
            after={"friendly_name": self._name(planning)},
        )

    def _name(self, planning: Planning) -> str:
        settings = planning.translation.settings.get(Resource.SERVICE, {})
        return str(settings.get("friendly_name", planning.service.sid))

    def _row(self, planning: Planning, outcome: Outcome, step: Step | None) -> FieldRow:
        destination = planning.destination
        if destination.in_place:
            return row_of(outcome, outcome.value, outcome.value)
        if outcome.target == "friendly_name" and step is not None:
            return row_of(outcome, None, self._name(planning))._replace(change=True, step=step.key)
        if outcome.target == "friendly_name":
            return row_of(outcome, None, None, Verdict.NOT_NEEDED, (KEEPS_ITS_NAME(),))
        after = {"sid": destination.sid, "account_sid": destination.account_sid}.get(outcome.target or "")
        return row_of(outcome, after, after)

    def same(self, path: str, a: Json, b: Json) -> bool:
        return bool(a == b)

    def form(self, step: Step | ReadyStep) -> Form:
        return {"FriendlyName": wire(step.after["friendly_name"])}

    def request(self, step: ReadyStep) -> Request:
        return Request(
            "POST",
            Surface.CONVERSATIONS,
            "/v1/Services",
            self.form(step),
            check=lambda payload: is_sid("IS", payload.get("sid")),
        )

    async def read(self, calls: Calls, step: ReadyStep) -> Mapping[str, Json]:
        path = f"/v1/Services/{step.target_sid}"
        answer = await calls.get(
            Surface.CONVERSATIONS, path, check=lambda payload: payload.get("sid") == step.target_sid
        )
        return answer.payload

    def values(self, payload: Mapping[str, Json]) -> Values:
        return {"friendly_name": payload.get("friendly_name")}

    async def look_for(self, calls: Calls, step: ReadyStep) -> list[Found]:
        wanted = _name_key(step.after["friendly_name"])
        listing = Listing(Surface.CONVERSATIONS, "/v1/Services", "services", PAGE_SIZE)
        return [
            Found(service["sid"], {"friendly_name": service.get("friendly_name")})
            async for page in pages(calls, listing)
            for service in page
            if _name_key(service.get("friendly_name")) == wanted
        ]

    def create_group(self, step: ReadyStep) -> str:
        return f"{self.name} {_name_key(step.after['friendly_name'])}"

    def counterpart(self, step: ReadyStep, target_sid: str, how: str) -> Counterpart:
        name = self.title(step)
        return Counterpart(self.name, how, name, step.item_sid, target_sid, step.source_sid, target_sid)

    def title(self, step: ReadyStep) -> str:
        return str(step.after["friendly_name"])

    def removal(self, step: ReadyStep, sid: str) -> str:
        return f"/v1/Services/{sid}"

    async def in_use(self, calls: Calls, sid: str) -> bool:
        """See `Kind.in_use`: deleting a service destroys its conversations and users."""
        for name, key in (("Conversations", "conversations"), ("Users", "users")):
            path = f"/v1/Services/{sid}/{name}"
            items, _ = await calls.page(Surface.CONVERSATIONS, path, key, query={"PageSize": 1})
            if items:
                return True
        return False


def _name_key(name: object) -> str:
    """Return what two names have in common that Twilio might not tell apart."""
    return str(name).strip()
