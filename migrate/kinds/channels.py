"""Channels: public ones become visible in Conversations when Chat v3 makes them private, which can't be undone."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import aclosing
from fnmatch import fnmatchcase
from typing import Any

from mappings import Outcome
from migrate.api.messages import Calls, Request, Surface
from migrate.api.pages import Listing, pages, walk
from migrate.core.errors import GONE_STATUSES, CallFailed, Failure
from migrate.kinds.base import Kind, Planning, Refusal, Share, SourcePage
from migrate.kinds.settings import row_of
from migrate.model.item import Item
from migrate.model.plan import ItemCount
from migrate.model.step import Action, Form, ReadyStep, Step, Values

Json = Any

PUBLIC = "public"
PRIVATE = "private"
BOTH_TYPES = {"Type": [PUBLIC, PRIVATE]}
"""A list that is not asked for both holds the public channels only (Twilio's OpenAPI documents, ListChannel)."""
SOURCE_PAGE_SIZES = {"v1": 1000, "v2": 100}
"""Twilio's maxima for Chat (Twilio's OpenAPI documents, ListChannel)."""
CONVERSATIONS_PAGE_SIZE = 100
"""Twilio's maximum (Twilio's OpenAPI documents, ListServiceConversation)."""
KEPT = (
    "sid",
    "account_sid",
    "friendly_name",
    "unique_name",
    "type",
    "members_count",
    "messages_count",
    "date_created",
    "date_updated",
    "created_by",
)
"""What an inventory keeps of a channel, besides the size of its attributes."""


class Channels(Kind):
    """A channel. Its type is all that is written, and what tells whether that was done."""

    name = "channels"
    phase = 1
    consent = "channels"
    does = "make {} private"
    inventory = True
    in_place_only = True
    many = True
    reversible = False
    gone = "The channel was deleted after the inventory was read, so there is nothing left to do."
    outage = "Chat v3 refuses to make channels private; those that are public stay invisible in Conversations"

    def inventory_apis(self, answering: Sequence[str]) -> tuple[str, ...]:
        """See `Kind.inventory_apis`: a page of v1 holds ten times as many."""
        return tuple(sorted(answering))

    async def read_inventory(
        self, calls: Calls, api: str, service_sid: str, where: str | None
    ) -> AsyncIterator[SourcePage]:
        path = f"/{api}/Services/{service_sid}/Channels"
        listing = Listing(Surface.CHAT, path, "channels", SOURCE_PAGE_SIZES[api], BOTH_TYPES, where)
        async with aclosing(walk(calls, listing)) as found:
            async for page, following in found:
                items = [
                    Item(self.name, one["sid"], service_sid, self.kept(one), api, f"GET {path}")
                    for one in page
                ]
                yield SourcePage(items, following)

    def kept(self, payload: Mapping[str, Json]) -> dict[str, Json]:
        """See `Kind.kept`. Of the attributes, how many bytes they take."""
        attributes, size = payload.get("attributes"), payload.get("attributes_size", 0)
        if isinstance(attributes, str):
            size = len(attributes.encode("utf-8", "surrogatepass"))
        return {**{name: payload.get(name) for name in KEPT}, "attributes_size": size}

    def is_planned(self, options: Mapping[str, Json]) -> bool:
        return self.name in options

    def asked_for(self, options: Mapping[str, Json]) -> frozenset[str]:
        return frozenset(options[self.name].get("only") or ())

    def plan(self, planning: Planning, outcomes: tuple[Outcome, ...], items: Iterator[Item]) -> Share:
        """See `Kind.plan`. One step for each public channel that the filters leave."""
        tally = _Tally(planning, planning.options[self.name], items)
        rows = tuple(row_of(outcome, None, None) for outcome in outcomes)
        return Share(rows, tally.steps(), count=tally.count)

    def same(self, path: str, a: Json, b: Json) -> bool:
        return bool(a == b)

    def form(self, step: Step | ReadyStep) -> Form:
        messaging = step.detail.get("messaging_service_sid")
        return {"Type": PRIVATE} | ({"MessagingServiceSid": messaging} if messaging else {})

    def request(self, step: ReadyStep) -> Request:
        """See `Kind.request` (Twilio docs, "Chat Channel Migration Resource")."""
        return Request(
            "POST",
            Surface.CHAT,
            f"/v3/Services/{step.source_sid}/Channels/{step.item_sid}",
            self.form(step),
            headers={"X-Twilio-Webhook-Enabled": "true"} if step.detail.get("fire_webhooks") else {},
            check=lambda channel: channel.get("sid") == step.item_sid and "type" in channel,
        )

    async def read(self, calls: Calls, step: ReadyStep) -> Mapping[str, Json]:
        """See `Kind.read`. Where Chat is gone, Conversations tells: what it shows is private."""
        try:
            return await _channel(calls, step)
        except CallFailed as error:
            if error.failure.status not in GONE_STATUSES or await _has_service(calls, step.source_sid):
                raise
        path = f"/v1/Services/{step.source_sid}/Conversations/{step.item_sid}"
        try:
            await calls.get(
                Surface.CONVERSATIONS, path, check=lambda found: found.get("sid") == step.item_sid
            )
        except CallFailed as error:
            if error.failure.status != 404:
                raise
            return {"type": PUBLIC}
        return {"type": PRIVATE}

    async def refused(self, calls: Calls, step: ReadyStep, failure: Failure) -> Refusal:
        """See `Kind.refused`: v2 tells a channel that is gone from an API that is."""
        if failure.status not in GONE_STATUSES:
            return Refusal.OF_STEP
        try:
            await _channel(calls, step)
        except CallFailed as error:
            if error.failure.status not in GONE_STATUSES:
                raise
            if error.failure.status == 404 and await _has_service(calls, step.source_sid):
                return Refusal.ITEM_GONE
        return Refusal.API_GONE

    def values(self, payload: Mapping[str, Json]) -> Values:
        return {"type": payload.get("type")}

    async def count_differing(self, calls: Calls, service_sid: str, steps: Iterator[Step]) -> int:
        """See `Kind.count_differing`. What is still public is listed, or, where Chat is gone, what is private."""
        try:
            listing = Listing(
                Surface.CHAT,
                f"/v2/Services/{service_sid}/Channels",
                "channels",
                SOURCE_PAGE_SIZES["v2"],
                {"Type": [PUBLIC]},
            )
            public = await _listed(calls, listing)
        except CallFailed as error:
            if error.failure.status not in GONE_STATUSES:
                raise
            path = f"/v1/Services/{service_sid}/Conversations"
            listing = Listing(Surface.CONVERSATIONS, path, "conversations", CONVERSATIONS_PAGE_SIZE)
            private = await _listed(calls, listing)
            return sum(_number(step.item_sid) not in private for step in steps)
        return sum(_number(step.item_sid) in public for step in steps)


class _Tally:
    """The steps for the channels of one service, and what is counted on the way."""

    def __init__(self, planning: Planning, options: Mapping[str, Json], items: Iterator[Item]) -> None:
        self._source_sid = planning.service.sid
        self._target_sid = planning.destination.sid
        self._items = items
        self._only = frozenset(options.get("only") or ())
        self._filter = options.get("filter")
        messaging = options.get("messaging_service_sid")
        self._detail = {"messaging_service_sid": messaging} if messaging else {}
        if options.get("fire_webhooks"):
            self._detail["fire_webhooks"] = True
        self._found = 0
        self._to_change = 0
        self._facts: Counter[str] = Counter()

    def steps(self) -> Iterator[Step]:
        for channel in self._counted():
            self._to_change += 1
            self._facts["members in them"] += channel.get("members_count") or 0
            self._facts["messages in them"] += channel.get("messages_count") or 0
            yield self._step(channel)

    def _counted(self) -> Iterator[Mapping[str, Json]]:
        """Count all channels, and yield those that are to be made private."""
        for item in self._items:
            self._found += 1
            channel = item.payload
            kind = channel.get("type")
            self._facts[kind if kind in (PUBLIC, PRIVATE) else "of unknown type"] += 1
            if kind != PUBLIC:
                continue
            if self._is_wanted(channel):
                yield channel
            else:
                self._facts["left out by the filters"] += 1

    def _is_wanted(self, channel: Mapping[str, Json]) -> bool:
        if self._only and channel["sid"] not in self._only:
            return False
        names = (channel.get("unique_name"), channel.get("friendly_name"))
        return self._filter is None or any(name and fnmatchcase(name, self._filter) for name in names)

    def _step(self, channel: Mapping[str, Json]) -> Step:
        return Step(
            key=f"{self._source_sid}/{Channels.name}/{channel['sid']}",
            kind=Channels.name,
            action=Action.MIGRATE,
            source_sid=self._source_sid,
            item_sid=channel["sid"],
            service_sid=self._target_sid,
            target_sid=channel["sid"],
            before={"type": PUBLIC},
            after={"type": PRIVATE},
            detail=self._detail,
            reversible=False,
        )

    def count(self) -> ItemCount:
        """Return the counts; where the plan has taken no step, the channels are counted now."""
        for _ in self._counted():
            pass
        return ItemCount(self._found, self._to_change, dict(self._facts))


async def _channel(calls: Calls, step: ReadyStep) -> Mapping[str, Json]:
    path = f"/v2/Services/{step.source_sid}/Channels/{step.item_sid}"
    answer = await calls.get(
        Surface.CHAT, path, check=lambda channel: channel.get("sid") == step.item_sid and "type" in channel
    )
    return answer.payload


async def _has_service(calls: Calls, service_sid: str) -> bool:
    """Whether Chat v2 answers for a service."""
    path = f"/v2/Services/{service_sid}"
    try:
        await calls.get(Surface.CHAT, path, check=lambda service: service.get("sid") == service_sid)
    except CallFailed as error:
        if error.failure.status not in GONE_STATUSES:
            raise
        return False
    return True


async def _listed(calls: Calls, listing: Listing) -> frozenset[bytes]:
    found: set[bytes] = set()
    async for page in pages(calls, listing):
        found.update(_number(one["sid"]) for one in page)
    return frozenset(found)


def _number(sid: str) -> bytes:
    """Return a SID as its sixteen bytes: a list may hold a million."""
    return bytes.fromhex(sid[2:])
