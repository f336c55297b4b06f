"""Chat → snapshot: every service through v1 and v2, and its roles, as raw JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from migrate.api.gateway import DEFAULT_CONCURRENCY, Reader, Surface
from migrate.api.pages import Listing, pages
from migrate.api.retry import Retrier
from migrate.core.errors import BadInput, CallFailed, ChatUnavailable, Trouble
from migrate.core.pool import parallel
from migrate.core.progress import Progress
from migrate.source import files as saved
from migrate.store import Store, snapshots
from migrate.store.snapshots import ServiceView, Snapshot

Json = Any
SERVICES_PAGE_SIZE = 100
"""Twilio's maximum for Chat Services, v1 and v2 (Twilio's OpenAPI documents, ListService)."""
ROLES_PAGE_SIZES = {"v1": 1000, "v2": 100}
"""Twilio's maxima for Chat roles (Twilio's OpenAPI documents, ListRole)."""
GONE_STATUSES = frozenset({403, 404, 410})
FILE_BATCH = 100
_Seen = tuple[str, str, str]
"""A resource in the files: kind, API version (services only), SID."""


@dataclass(frozen=True)
class ExportRequest:
    """What to read.

    Attributes:
        apis: the Chat API versions to ask, in order.
        services: SIDs to narrow the snapshot to; all if empty.
        concurrency: how many services' roles are read at once.
    """

    apis: tuple[str, ...] = ("v1", "v2")
    services: tuple[str, ...] = ()
    concurrency: int = DEFAULT_CONCURRENCY


def export_live(
    store: Store, reader: Reader, retrier: Retrier, request: ExportRequest, progress: Progress
) -> Snapshot:
    """Read the account's Chat Services into a new snapshot.

    Raises:
        BadInput: a SID in `request.services` is not a service of the account.
        ChatUnavailable: the Chat API does not answer any more.
        CallFailed: a request failed for good.
    """
    export = _LiveExport(store, reader, retrier, request, progress)
    return export.run()


class _LiveExport:
    """One export: the lists of services first, then each service's roles."""

    def __init__(
        self, store: Store, reader: Reader, retrier: Retrier, request: ExportRequest, progress: Progress
    ) -> None:
        self._store = store
        self._reader = reader
        self._retrier = retrier
        self._request = request
        self._progress = progress
        self._snapshot_id = snapshots.begin(store, account_sid=reader.account_sid, source="live")

    def run(self) -> Snapshot:
        api = self._services_of_all_apis()
        self._check_all_found()
        sids = list(snapshots.sids_of(self._store, self._snapshot_id))
        stop = self._retrier.stop.set
        results = parallel(lambda sid: self._roles(api, sid), sids, self._request.concurrency, stop=stop)
        for _ in self._progress.track(results, "Reading roles", total=len(sids)):
            pass
        return snapshots.finish(self._store, self._snapshot_id)

    def _services_of_all_apis(self) -> str:
        """Read the lists and return the API version that roles are to be read through."""
        gone: dict[str, CallFailed] = {}
        for api in self._request.apis:
            try:
                self._services(api)
            except CallFailed as error:
                if not _is_gone(error) or self._has_begun(api):
                    # Half a list is no list: what it lacks would be taken for settings that do not exist.
                    raise
                gone[api] = error
        answered = [api for api in self._request.apis if api not in gone]
        if not answered:
            raise _unavailable(gone)
        for api, reason in gone.items():
            self._progress.note(f"Chat {api} does not answer; what only it shows was not read. {reason}")
        return answered[-1]

    def _services(self, api: str) -> None:
        listing = Listing(Surface.CHAT, f"/{api}/Services", "services", SERVICES_PAGE_SIZE)
        for items in pages(self._reader, listing, self._retrier.call):
            views = [
                ServiceView(item["sid"], api, item, f"GET {listing.path}") for item in self._wanted(items)
            ]
            snapshots.add_views(self._store, self._snapshot_id, self._reader.account_sid, views)

    def _has_begun(self, api: str) -> bool:
        return snapshots.has_views(self._store, self._snapshot_id, api)

    def _wanted(self, items: list[Json]) -> list[Json]:
        chosen = self._request.services
        return [item for item in items if not chosen or item["sid"] in chosen]

    def _roles(self, api: str, sid: str) -> None:
        listing = Listing(Surface.CHAT, f"/{api}/Services/{sid}/Roles", "roles", ROLES_PAGE_SIZES[api])
        for items in self._role_pages(listing):
            snapshots.add_roles(self._store, self._snapshot_id, self._reader.account_sid, sid, items)

    def _role_pages(self, listing: Listing) -> Iterator[list[Json]]:
        try:
            yield from pages(self._reader, listing, self._retrier.call)
        except CallFailed as error:
            if error.failure.status != 404:
                raise
            self._progress.note(f"A service was deleted during the export; its roles were not read. {error}")

    def _check_all_found(self) -> None:
        unknown = set(self._request.services) - set(snapshots.sids_of(self._store, self._snapshot_id))
        if unknown:
            raise BadInput(
                f"No such Chat Service in account {self._reader.account_sid}: {', '.join(sorted(unknown))}."
            )


def _is_gone(error: CallFailed) -> bool:
    failure = error.failure
    return failure.status in GONE_STATUSES or failure.trouble is Trouble.NOT_SENT


def _unavailable(gone: dict[str, CallFailed]) -> ChatUnavailable:
    first = next(iter(gone.values()))
    return ChatUnavailable(
        f"The Chat API ({' and '.join(gone)}) does not answer any more: {first}. If you have its answers saved "
        "as JSON, use `chat-migrate export --from-file FILE`."
    )


def export_files(
    store: Store, paths: tuple[Path, ...], request: ExportRequest, account_sid: str | None
) -> Snapshot:
    """Read saved Chat JSON into a new snapshot; all of it is checked before anything is written.

    Args:
        store: the database.
        paths: files, see `migrate.source.files`.
        request: which services to take.
        account_sid: the account to assume where the resources name none.

    Raises:
        BadInput: a file is unusable, holds two accounts, or shows one service in two different ways.
    """
    owner = _check_files(paths, request, account_sid)
    snapshot_id = snapshots.begin(store, account_sid=owner, source="file")
    batch: list[ServiceView] = []
    for found in _wanted_objects(paths, request):
        if found.kind == "role":
            snapshots.add_roles(store, snapshot_id, owner, found.service_sid, [found.payload])
            continue
        batch.append(ServiceView(found.service_sid, found.api, found.payload, found.place))
        if len(batch) == FILE_BATCH:
            snapshots.add_views(store, snapshot_id, owner, batch)
            batch = []
    snapshots.add_views(store, snapshot_id, owner, batch)
    return snapshots.finish(store, snapshot_id)


def _wanted_objects(paths: tuple[Path, ...], request: ExportRequest) -> Iterator[saved.SavedObject]:
    for found in saved.read_files(paths):
        chosen = not request.services or found.service_sid in request.services
        if chosen and (found.kind == "role" or found.api in request.apis):
            yield found


def _check_files(paths: tuple[Path, ...], request: ExportRequest, account_sid: str | None) -> str:
    """Return the account that owns everything in the files."""
    owners: dict[str, str] = {}
    seen: dict[_Seen, tuple[str, str]] = {}
    for found in _wanted_objects(paths, request):
        _check_once(found, seen)
        owner = found.payload.get("account_sid") or account_sid
        if owner:
            owners.setdefault(owner, found.place)
    _check_chosen(request, {sid for kind, _, sid in seen if kind == "service"})
    if len(owners) > 1:
        places = ", ".join(f"{owner} ({place})" for owner, place in owners.items())
        raise BadInput(f"The files hold services of more than one account: {places}. Export one at a time.")
    if not owners:
        raise BadInput(
            f"{paths[0]} does not say which account its services belong to (no 'account_sid'). "
            "Set TWILIO_ACCOUNT_SID to it."
        )
    return next(iter(owners))


def _check_once(found: saved.SavedObject, seen: dict[_Seen, tuple[str, str]]) -> None:
    """Refuse one resource that two places show differently: nobody could say which is right."""
    # Both versions show the same of a role, and the snapshot keeps it once.
    api = found.api if found.kind == "service" else ""
    sid = str(found.payload["sid"])
    digest = snapshots.payload_digest(found.payload)
    before = seen.setdefault((found.kind, api, sid), (digest, found.place))
    if before[0] != digest:
        what = f"{sid} ({api})" if api else sid
        raise BadInput(f"{found.place} shows {what} differently from {before[1]}. Keep the right one.")


def _check_chosen(request: ExportRequest, found: Iterable[str]) -> None:
    unknown = sorted(set(request.services) - set(found))
    if unknown:
        raise BadInput(f"No such Chat Service in the files: {', '.join(unknown)}.")
    if not set(found):
        raise BadInput("The files hold no Chat Service that --service and --api leave over.")
