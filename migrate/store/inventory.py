"""Inventories: unfinished snapshots that a killed export goes on with, page by page."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from migrate.store.database import Store, delete, to_json
from migrate.store.snapshots import OWNED

Json = Any


def find_unfinished(store: Store, account_sid: str, request: Json, since: str) -> int | None:
    """Return the unfinished snapshot that was begun with this request at or after a moment, or None."""
    found: int | None = store.value(
        "SELECT max(id) FROM snapshots WHERE account_sid = :account AND completed_at IS NULL "
        "AND examined = :request AND taken_at >= :since",
        account=account_sid,
        request=to_json(request),
        since=since,
    )
    return found


def keep_inventory(store: Store, snapshot_id: int, kinds: Iterable[str]) -> None:
    """Remove all items of an unfinished snapshot but those of some kinds: they are read anew."""
    with store.writing() as db:
        where = "snapshot = :id AND kind NOT IN (SELECT value FROM json_each(:kinds))"
        delete(db, ["items"], where, id=snapshot_id, kinds=kinds)


def drop_orphans(store: Store, snapshot_id: int) -> None:
    """Remove what belongs to services that an unfinished snapshot does not hold."""
    with store.writing() as db:
        top = "SELECT sid FROM items WHERE snapshot = :id AND parent IS NULL"
        delete(db, OWNED, f"snapshot = :id AND parent IS NOT NULL AND parent NOT IN ({top})", id=snapshot_id)


def restart(store: Store, snapshot_id: int, kind: str, parent: str) -> None:
    """Forget what was read of one service's items of a kind."""
    with store.writing() as db:
        where = "snapshot = :id AND kind = :kind AND parent = :parent"
        delete(db, OWNED, where, id=snapshot_id, kind=kind, parent=parent)


def lacking(store: Store, snapshot_id: int, kind: str, sids: Iterable[str]) -> list[str]:
    """Return which of some items of a kind a snapshot does not hold, sorted."""
    rows = store.rows(
        "SELECT value AS sid FROM json_each(:sids) WHERE NOT EXISTS ("
        "SELECT 1 FROM items WHERE snapshot = :snapshot AND kind = :kind AND sid = value) ORDER BY 1",
        snapshot=snapshot_id,
        kind=kind,
        sids=sids,
    )
    return [row["sid"] for row in rows]
