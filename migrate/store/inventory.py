"""Inventories: unfinished snapshots that a killed export goes on with, page by page."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from typing import Any

from migrate.store.database import Store, to_json

Json = Any


def find_unfinished(store: Store, account_sid: str, request: Json, since: str) -> int | None:
    """Return the unfinished snapshot that was begun with this request at or after a moment, or None."""
    found = store.value(
        "SELECT max(id) FROM snapshots WHERE account_sid = :account AND completed_at IS NULL "
        "AND examined = :request AND taken_at >= :since",
        {"account": account_sid, "request": to_json(request), "since": since},
    )
    return int(found) if found else None


def keep_inventory(store: Store, snapshot_id: int, kinds: Collection[str]) -> None:
    """Remove all items of an unfinished snapshot but those of some kinds: they are read anew."""
    with store.writing() as db:
        db.execute(
            "DELETE FROM items WHERE snapshot = ? AND kind NOT IN (SELECT value FROM json_each(?))",
            [snapshot_id, json.dumps(list(kinds))],
        )


def drop_orphans(store: Store, snapshot_id: int) -> None:
    """Remove what belongs to services that an unfinished snapshot does not hold."""
    gone = (
        "snapshot = :snapshot AND parent IS NOT NULL AND parent NOT IN "
        "(SELECT sid FROM items WHERE snapshot = :snapshot AND parent IS NULL)"
    )
    with store.writing() as db:
        for table in ("items", "inventory_progress"):
            db.execute(f"DELETE FROM {table} WHERE {gone}", {"snapshot": snapshot_id})


def restart(store: Store, snapshot_id: int, kind: str, parent: str) -> None:
    """Forget what was read of one service's items of a kind."""
    with store.writing() as db:
        for table in ("items", "inventory_progress"):
            db.execute(
                f"DELETE FROM {table} WHERE snapshot = ? AND kind = ? AND parent = ?",
                [snapshot_id, kind, parent],
            )


def lacking(store: Store, snapshot_id: int, kind: str, sids: Iterable[str]) -> list[str]:
    """Return which of some items of a kind a snapshot does not hold, sorted."""
    rows = store.rows(
        "SELECT value AS sid FROM json_each(:sids) WHERE NOT EXISTS ("
        "SELECT 1 FROM items WHERE snapshot = :snapshot AND kind = :kind AND sid = value) ORDER BY 1",
        {"snapshot": snapshot_id, "kind": kind, "sids": json.dumps(sorted(sids))},
    )
    return [row["sid"] for row in rows]
