"""Chat → snapshot: every service through v1 and v2, and what belongs to it, as raw JSON."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from functools import partial
from itertools import chain
from typing import Any

from migrate.api.gateway import Reader
from migrate.api.messages import Surface
from migrate.api.pages import Listing, pages
from migrate.api.patient import Patient
from migrate.api.retry import Retrier
from migrate.core.clock import as_text
from migrate.core.errors import GONE_STATUSES, BadInput, CallFailed, ChatUnavailable, Trouble
from migrate.core.jsonable import to_json
from migrate.core.progress import Bar, Progress
from migrate.core.together import in_order
from migrate.kinds.base import Kind
from migrate.kinds.registry import KINDS, SERVICE
from migrate.model.item import Examined, Item, Snapshot
from migrate.store import Store, snapshots

Json = Any
SERVICES_PAGE_SIZE = 100
"""Twilio's maximum for Chat Services, v1 and v2 (Twilio's OpenAPI documents, ListService)."""
PLACE_LOST = frozenset({400, *GONE_STATUSES})
"""Statuses with which the place of a page that was named long ago may be refused."""
MOST_HOURS = 24
"""An inventory that was cut off longer ago is read anew."""
BATCH = 100
"""So many items, of however many services, are stored with one commit; more would keep answers waiting."""
Listed = Callable[[str, int], None]
"""Told that the services are all known: of which account, and in which snapshot."""


def tell_nobody(_account_sid: str, _snapshot: int) -> None:
    """Do nothing when the services are known."""


@dataclass(frozen=True)
class ExportRequest:
    """What to read.

    Attributes:
        apis: the Chat API versions to ask, in order.
        services: SIDs to narrow the snapshot to; all if empty.
        inventory: names of the kinds to read that are read on demand only.
    """

    apis: tuple[str, ...] = ("v1", "v2")
    services: tuple[str, ...] = ()
    inventory: frozenset[str] = field(default_factory=frozenset)


async def export_live(
    store: Store,
    reader: Reader,
    retrier: Retrier,
    request: ExportRequest,
    progress: Progress,
    listed: Listed = tell_nobody,
) -> Snapshot:
    """Read the account's Chat Services into a new snapshot.

    Args:
        listed: called when the services are known, unless an inventory is still to be read.

    Raises:
        BadInput: a SID in `request.services` is not a service of the account.
        ChatUnavailable: the Chat API refuses to answer.
        CallFailed: a request failed for good.
    """
    return await _LiveExport(store, reader, retrier, request, progress, listed).run()


class _LiveExport:
    """One export: the lists of services through all versions, and meanwhile what belongs to each service."""

    def __init__(
        self,
        store: Store,
        reader: Reader,
        retrier: Retrier,
        request: ExportRequest,
        progress: Progress,
        listed: Listed,
    ) -> None:
        self._store = store
        self._account_sid = reader.account_sid
        self._calls = Patient(reader, retrier)
        self._retrier = retrier
        self._request = request
        self._progress = progress
        self._when_listed = listed
        self._warnings: list[str] = []
        self._waiting: list[Item] = []
        self._snapshot_id = self._begin()

    def _begin(self) -> int:
        """Go on with the inventory that a killed export of the same request has begun, or begin a snapshot."""
        request = to_json(self._request) if self._request.inventory else None
        since = as_text(datetime.now(timezone.utc) - timedelta(hours=MOST_HOURS))
        found = snapshots.find_unfinished(self._store, self._account_sid, request, since) if request else None
        if found is None:
            return snapshots.begin(self._store, account_sid=self._account_sid, source="live", request=request)
        snapshots.keep_inventory(self._store, found, self._request.inventory)
        self._progress.note("Going on with the inventory that was cut off; the services are read again.")
        return found

    async def run(self) -> Snapshot:
        *others, last = self._request.apis
        gone: dict[str, CallFailed] = {}
        listed = [asyncio.ensure_future(self._list_only(api, gone)) for api in others]
        try:
            await self._details(last, self._all_listed(last, gone))
            await asyncio.gather(*listed)
        finally:
            for task in listed:
                task.cancel()
            await asyncio.gather(*listed, return_exceptions=True)
        answered = [version for version in self._request.apis if version not in gone]
        if not answered:
            raise _unavailable({version: gone[version] for version in self._request.apis})
        await self._details_of_unseen(last, answered)
        for version, reason in gone.items():
            self._warn(f"Chat {version} refused to answer; what only it shows was not examined. {reason}")
        self._check_all_found()
        await self._inventory(answered)
        examined = Examined(
            apis=tuple(sorted(answered)),
            inventory=tuple(sorted(self._request.inventory)),
            warnings=tuple(self._warnings),
        )
        # It goes through all that was read, and whoever was told of the services is reading targets meanwhile.
        return await asyncio.to_thread(snapshots.finish, self._store, self._snapshot_id, examined)

    async def _all_listed(self, api: str, gone: dict[str, CallFailed]) -> AsyncIterator[str]:
        """Yield what `_listed` yields, and tell when all are known and only small things are left to read."""
        async for sid in self._listed(api, gone):
            yield sid
        if not self._request.inventory:
            self._when_listed(self._account_sid, self._snapshot_id)

    async def _list_only(self, api: str, gone: dict[str, CallFailed]) -> None:
        async for _ in self._listed(api, gone):
            pass

    async def _listed(self, api: str, gone: dict[str, CallFailed]) -> AsyncIterator[str]:
        """Yield the services of one version; none if the version is gone, which is no reason to stop others."""
        try:
            async for sid in self._services(api):
                yield sid
        except CallFailed as error:
            self._note_gone(api, error, gone)

    def _note_gone(self, api: str, error: CallFailed, gone: dict[str, CallFailed]) -> None:
        failure = error.failure
        is_gone = failure.trouble is Trouble.REFUSED and failure.status in GONE_STATUSES
        # Half a list is no list: what it lacks would be taken for settings that do not exist.
        if not is_gone or snapshots.has_items(self._store, self._snapshot_id, SERVICE, api):
            raise error
        gone[api] = error

    async def _services(self, api: str) -> AsyncIterator[str]:
        listing = Listing(Surface.CHAT, f"/{api}/Services", "services", SERVICES_PAGE_SIZE)
        chosen = self._request.services
        async for page in pages(self._calls, listing):
            items = [
                Item(SERVICE, service["sid"], None, service, api, f"GET {listing.path}")
                for service in page
                if not chosen or service["sid"] in chosen
            ]
            snapshots.add_items(self._store, self._snapshot_id, self._account_sid, items)
            for item in items:
                yield item.sid

    async def _details(self, api: str, sids: Iterable[str] | AsyncIterator[str]) -> None:
        async def read(sid: str) -> None:
            for kind in KINDS.values():
                if not kind.inventory:
                    await self._items(kind, api, sid)

        with self._progress.bar("Reading services") as bar:
            async for _ in in_order(read, sids, self._retrier.stop, self._calls.ahead):
                bar.advance()
        self._store_waiting()

    async def _details_of_unseen(self, last: str, answered: list[str]) -> None:
        """Read what belongs to services that the last version has not listed, by the version that has.

        All of them, if the last version is gone; else what was made, or moved to another page, between two requests.
        """
        sids = snapshots.unseen_sids(self._store, self._snapshot_id, last)
        first = next(sids, None)
        if first is not None:
            *_, other = (api for api in answered if api != last)
            await self._details(other, chain([first], sids))

    async def _items(self, kind: Kind, api: str, sid: str) -> None:
        found = kind.read_source(self._calls, api, sid)
        if found is None:
            return
        try:
            async for items in found:
                self._waiting += items
                if len(self._waiting) >= BATCH:
                    self._store_waiting()
        except CallFailed as error:
            self._warn_if_deleted(kind, sid, error)

    def _store_waiting(self) -> None:
        snapshots.add_items(self._store, self._snapshot_id, self._account_sid, self._waiting)
        self._waiting = []

    async def _inventory(self, answering: list[str]) -> None:
        """Read what is read on demand only, page by page, services side by side."""
        if not self._request.inventory:
            return
        snapshots.drop_orphans(self._store, self._snapshot_id)
        stop = self._retrier.stop
        for name in sorted(self._request.inventory):
            kind = KINDS[name]
            apis = kind.inventory_apis(answering)
            with self._progress.bar(f"Reading {name}", unit="page") as bar:
                read = partial(self._inventory_of, kind, apis, bar)
                sids = snapshots.service_sids(self._store, self._snapshot_id)
                async for _ in in_order(read, sids, stop, self._calls.ahead):
                    pass

    async def _inventory_of(self, kind: Kind, apis: tuple[str, ...], bar: Bar, sid: str) -> None:
        known = snapshots.find_progress(self._store, self._snapshot_id, kind.name, sid)
        if known is not None and (
            known.next_page is None or await self._goes_on(kind, sid, known.next_page, bar)
        ):
            return
        snapshots.restart(self._store, self._snapshot_id, kind.name, sid)
        await self._from_the_start(kind, apis, sid, bar)

    async def _from_the_start(self, kind: Kind, apis: tuple[str, ...], sid: str, bar: Bar) -> None:
        *others, last = apis
        for api in others:
            try:
                return await self._follow(kind, api, sid, None, bar)
            except CallFailed as error:
                if error.failure.status not in GONE_STATUSES:
                    raise
        try:
            await self._follow(kind, last, sid, None, bar)
        except CallFailed as error:
            self._warn_if_deleted(kind, sid, error)

    async def _goes_on(self, kind: Kind, sid: str, where: str, bar: Bar) -> bool:
        """Read on from a page that an earlier process was told of; return whether Twilio still knows the place."""
        try:
            await self._follow(kind, where.split("/")[1], sid, where, bar)
        except CallFailed as error:
            if error.failure.status not in PLACE_LOST:
                raise
            return False
        return True

    async def _follow(self, kind: Kind, api: str, sid: str, where: str | None, bar: Bar) -> None:
        async for page in kind.read_inventory(self._calls, api, sid, where):
            progress = snapshots.InventoryProgress(kind.name, sid, page.following)
            snapshots.add_items(
                self._store, self._snapshot_id, self._account_sid, page.items, progress=progress
            )
            bar.advance()

    def _warn_if_deleted(self, kind: Kind, sid: str, error: CallFailed) -> None:
        if error.failure.status != 404:
            raise error
        self._warn(f"{sid} was deleted during the export; its {kind.name} were not examined. {error}")

    def _warn(self, sentence: str) -> None:
        self._warnings.append(sentence)
        self._progress.warn(sentence)

    def _check_all_found(self) -> None:
        found = snapshots.service_sids(self._store, self._snapshot_id)
        unknown = set(self._request.services) - set(found) if self._request.services else set()
        if unknown:
            raise BadInput(
                f"No such Chat Service in account {self._account_sid}: {', '.join(sorted(unknown))}."
            )


def _unavailable(gone: dict[str, CallFailed]) -> ChatUnavailable:
    first = next(iter(gone.values()))
    return ChatUnavailable(
        f"The Chat API ({' and '.join(gone)}) refuses to answer: {first}. If TWILIO_CHAT_URL is set, check it. If you "
        "have Chat's answers saved as JSON, use `chat-migrate export --from-file FILE`."
    )
