"""Chat → snapshot: every service through v1 and v2, and what belongs to it, as raw JSON."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from typing import Any

from migrate.api.gateway import Reader
from migrate.api.messages import Surface
from migrate.api.pages import Listing, pages
from migrate.api.patient import Patient
from migrate.api.retry import Retrier
from migrate.core.errors import BadInput, CallFailed, ChatUnavailable, Trouble
from migrate.core.progress import Progress
from migrate.core.together import in_order
from migrate.kinds.base import Kind
from migrate.kinds.registry import KINDS
from migrate.model.item import Examined, Item, Snapshot
from migrate.store import Store, snapshots

Json = Any
SERVICES_PAGE_SIZE = 100
"""Twilio's maximum for Chat Services, v1 and v2 (Twilio's OpenAPI documents, ListService)."""
GONE_STATUSES = frozenset({403, 404, 410})
SERVICE_KIND = "service"
BATCH = 500
"""So many items, of however many services, are stored with one commit."""


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
    store: Store, reader: Reader, retrier: Retrier, request: ExportRequest, progress: Progress
) -> Snapshot:
    """Read the account's Chat Services into a new snapshot.

    Raises:
        BadInput: a SID in `request.services` is not a service of the account.
        ChatUnavailable: the Chat API refuses to answer.
        CallFailed: a request failed for good.
    """
    return await _LiveExport(store, reader, retrier, request, progress).run()


class _LiveExport:
    """One export: the lists of services through all versions, and meanwhile what belongs to each service."""

    def __init__(
        self, store: Store, reader: Reader, retrier: Retrier, request: ExportRequest, progress: Progress
    ) -> None:
        self._store = store
        self._account_sid = reader.account_sid
        self._calls = Patient(reader, retrier)
        self._retrier = retrier
        self._request = request
        self._progress = progress
        self._warnings: list[str] = []
        self._waiting: list[Item] = []
        self._snapshot_id = snapshots.begin(store, account_sid=reader.account_sid, source="live")

    async def run(self) -> Snapshot:
        *others, last = self._request.apis
        gone: dict[str, CallFailed] = {}
        listed = [asyncio.ensure_future(self._list_only(api, gone)) for api in others]
        try:
            api = await self._details_through(last, gone)
            await asyncio.gather(*listed)
        finally:
            for task in listed:
                task.cancel()
            await asyncio.gather(*listed, return_exceptions=True)
        answered = [version for version in self._request.apis if version not in gone]
        if not answered:
            raise _unavailable(gone)
        if api is None:
            sids = snapshots.service_sids(self._store, self._snapshot_id)
            await self._details(answered[-1], sids)
        for version, reason in gone.items():
            self._warn(f"Chat {version} refused to answer; what only it shows was not examined. {reason}")
        self._check_all_found()
        examined = Examined(
            apis=tuple(sorted(answered)),
            channels="channels" in self._request.inventory,
            warnings=tuple(self._warnings),
        )
        return snapshots.finish(self._store, self._snapshot_id, examined)

    async def _list_only(self, api: str, gone: dict[str, CallFailed]) -> None:
        try:
            async for _ in self._services(api):
                pass
        except CallFailed as error:
            self._note_gone(api, error, gone)

    async def _details_through(self, api: str, gone: dict[str, CallFailed]) -> str | None:
        """List the services of one version and read what belongs to each; None if the version is gone."""
        try:
            await self._details(api, self._services(api))
        except CallFailed as error:
            self._note_gone(api, error, gone)
            return None
        return api

    def _note_gone(self, api: str, error: CallFailed, gone: dict[str, CallFailed]) -> None:
        failure = error.failure
        is_gone = failure.trouble is Trouble.REFUSED and failure.status in GONE_STATUSES
        # Half a list is no list: what it lacks would be taken for settings that do not exist.
        if not is_gone or snapshots.has_items(self._store, self._snapshot_id, SERVICE_KIND, api):
            raise error
        gone[api] = error

    async def _services(self, api: str) -> AsyncIterator[str]:
        listing = Listing(Surface.CHAT, f"/{api}/Services", "services", SERVICES_PAGE_SIZE)
        chosen = self._request.services
        async for page in pages(self._calls, listing):
            items = [
                Item(SERVICE_KIND, service["sid"], None, service, api, f"GET {listing.path}")
                for service in page
                if not chosen or service["sid"] in chosen
            ]
            snapshots.add_items(self._store, self._snapshot_id, self._account_sid, items)
            for item in items:
                yield item.sid

    async def _details(self, api: str, sids: Iterable[str] | AsyncIterator[str]) -> None:
        async def read(sid: str) -> None:
            for kind in KINDS.values():
                if not kind.inventory or kind.name in self._request.inventory:
                    await self._items(kind, api, sid)

        with self._progress.bar("Reading services") as bar:
            async for _ in in_order(read, sids, self._retrier.stop, self._calls.ahead):
                bar.advance()
        self._store_waiting()

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
            if error.failure.status != 404:
                raise
            self._warn(f"{sid} was deleted during the export; its {kind.name} were not examined. {error}")

    def _store_waiting(self) -> None:
        snapshots.add_items(self._store, self._snapshot_id, self._account_sid, self._waiting)
        self._waiting = []

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
