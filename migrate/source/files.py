"""Saved files → snapshot: what they hold, united, with where each thing was read and what was not examined."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from migrate.core.errors import BadInput
from migrate.core.masking import mask_secrets
from migrate.core.progress import Progress
from migrate.kinds.registry import kind_of
from migrate.model.item import Examined, FileExamined, Item, Snapshot
from migrate.source.live import ExportRequest
from migrate.source.saved import Disagreement, Origin, SavedFiles, SavedItem, merge
from migrate.store import Store, snapshots

Json = Any
BATCH = 500
KINDS = {"service": "service", "role": "roles", "channel": "channels"}
"""What a file holds → the name of its kind."""
MOST_TOLD = 20


def export_files(
    store: Store,
    paths: Sequence[Path],
    request: ExportRequest,
    account_sid: str | None,
    *,
    partial: bool,
    progress: Progress,
) -> Snapshot:
    """Read saved Chat JSON into a new snapshot, in one pass; a file that cannot be used leaves nothing behind.

    Args:
        account_sid: the account to assume where the files name none.

    Raises:
        BadInput: a file is unusable, the files hold two accounts, or none that was asked for.
    """
    return _FileExport(store, request, account_sid, progress).run(SavedFiles(paths, partial=partial))


class _FileExport:
    """One export: items are united in batches, so that memory does not grow with the files."""

    def __init__(
        self, store: Store, request: ExportRequest, account_sid: str | None, progress: Progress
    ) -> None:
        self._store = store
        self._request = request
        self._assumed = account_sid
        self._progress = progress
        self._owners: dict[str, str] = {}
        self._batch: dict[tuple[str, str, str], SavedItem] = {}
        self._told: list[str] = []
        self._disagreements = 0
        self._services: set[str] = set()
        self._snapshot_id = snapshots.begin(store, account_sid=account_sid or "", source="file")

    def run(self, files: SavedFiles) -> Snapshot:
        try:
            for item in files:
                if self._is_wanted(item):
                    self._take(item)
            self._flush()
            owner = self._owner(files)
            self._check_chosen()
        except BaseException:
            snapshots.discard(self._store, self._snapshot_id)
            raise
        snapshots.set_owner(self._store, self._snapshot_id, owner)
        return snapshots.finish(self._store, self._snapshot_id, self._examined(files))

    def _is_wanted(self, item: SavedItem) -> bool:
        request = self._request
        is_chosen = not request.services or item.service_sid in request.services
        if item.kind == "service":
            return is_chosen and item.api in request.apis
        return is_chosen and (item.kind == "role" or KINDS[item.kind] in request.inventory)

    def _take(self, item: SavedItem) -> None:
        owner = item.account_sid or self._assumed
        if owner:
            self._owners.setdefault(owner, str(item.origin))
        if item.kind == "service" and len(self._services) < len(self._request.services) + 1:
            self._services.add(item.sid)
        earlier = self._batch.get(item.key) or self._stored(item)
        if earlier is not None:
            item, disagreements = merge(earlier, item)
            for found in disagreements:
                self._tell(found)
        self._batch[item.key] = item
        if len(self._batch) >= BATCH:
            self._flush()

    def _stored(self, item: SavedItem) -> SavedItem | None:
        found = snapshots.stored_item(self._store, self._snapshot_id, KINDS[item.kind], item.sid, item.api)
        if found is None:
            return None
        file, _, place = found.origin.rpartition(", ")
        return SavedItem(
            kind=item.kind,
            api=found.api,
            sid=found.sid,
            service_sid=found.parent or found.sid,
            account_sid=found.payload.get("account_sid"),
            payload=found.payload,
            origin=Origin(file, found.shape, place),
            not_held=found.not_held,
        )

    def _tell(self, found: Disagreement) -> None:
        self._disagreements += 1
        if self._disagreements <= MOST_TOLD:
            earlier, later = mask_secrets(found.earlier), mask_secrets(found.later)
            self._told.append(
                f"{found.item.sid} {found.path} is {earlier!r} in {found.earlier_origin} and {later!r} in "
                f"{found.later_origin}; the later one counts."
            )

    def _flush(self) -> None:
        items = [
            Item(
                kind=KINDS[item.kind],
                sid=item.sid,
                parent=None if item.kind == "service" else item.service_sid,
                payload=kind_of(KINDS[item.kind]).kept(item.payload),
                api=item.api,
                origin=str(item.origin),
                shape=item.origin.shape,
                not_held=item.not_held,
            )
            for item in self._batch.values()
        ]
        snapshots.add_items(self._store, self._snapshot_id, self._assumed or "", items)
        self._batch = {}

    def _owner(self, files: SavedFiles) -> str:
        if len(self._owners) > 1:
            places = ", ".join(f"{owner} ({place})" for owner, place in self._owners.items())
            raise BadInput(f"The files hold more than one account: {places}. Export one at a time.")
        if not self._owners:
            first = files.files[0].name if files.files else "The file"
            raise BadInput(
                f"{first} does not say which account its services belong to (no 'account_sid'). "
                "Set TWILIO_ACCOUNT_SID to it."
            )
        return next(iter(self._owners))

    def _check_chosen(self) -> None:
        found = set(snapshots.unfinished_sids(self._store, self._snapshot_id, self._request.services))
        unknown = sorted(set(self._request.services) - found)
        if unknown:
            raise BadInput(f"No such Chat Service in the files: {', '.join(unknown)}.")
        if not self._services:
            raise BadInput("The files hold no Chat Service that --service and --api leave.")

    def _examined(self, files: SavedFiles) -> Examined:
        apis = [api for api in ("v1", "v2") if api not in files.not_examined]
        warnings = [*files.warnings, *self._told]
        if self._disagreements > MOST_TOLD:
            warnings.append(f"{self._disagreements - MOST_TOLD} further fields differ between the files.")
        wanted = {"v1", "v2", "roles", *self._request.inventory}
        warnings += [sentence for what, sentence in files.not_examined.items() if what in wanted]
        warnings += self._lacking(files)
        for sentence in warnings:
            self._progress.warn(sentence)
        return Examined(
            apis=tuple(apis),
            roles="roles" not in files.not_examined,
            inventory=tuple(sorted(self._request.inventory - files.not_examined.keys())),
            files=tuple(FileExamined(file.name, file.shapes) for file in files.files),
            warnings=tuple(warnings),
        )

    def _lacking(self, files: SavedFiles) -> Iterator[str]:
        """Yield what single services lack; a service without roles is told by its plan."""
        left_out = _listed(snapshots.orphaned_sids(self._store, self._snapshot_id))
        if left_out:
            yield f"Services left out, because only roles or channels of them were read: {left_out}."
        for kind in sorted(self._request.inventory - files.not_examined.keys()):
            found = snapshots.childless_sids(self._store, self._snapshot_id, kind)
            unknown = _listed(sid for sid in found if sid not in files.without_channels)
            if unknown:
                yield f"{kind.capitalize()} of these services were not examined: no file holds any: {unknown}."


def _listed(sids: Iterable[str]) -> str:
    found = list(islice(sids, MOST_TOLD + 1))
    return ", ".join(found[:MOST_TOLD]) + (" and others" if len(found) > MOST_TOLD else "")
