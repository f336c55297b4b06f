"""Snapshots: items as they were read from Chat, immutable once finished; a killed export goes on with one till then."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from mappings import ChatService
from migrate.core.clock import now
from migrate.core.jsonable import from_json
from migrate.model.item import Examined, Item, Snapshot
from migrate.store.codec import VOLATILE, made
from migrate.store.database import Row, Store, delete, insert, there, to_json

Json = Any
OWNED = ("items", "inventory_progress")
"""Tables whose rows belong to one snapshot."""
FEW = 40
"""So many services are put together at once: more would keep whatever else is to be done waiting."""
ROLES = "roles"
"""The kind whose items the mappings look at together with their service."""
VIEWS_OF = """
SELECT * FROM items WHERE snapshot = :snapshot AND parent IS NULL AND sid IN (SELECT value FROM json_each(:sids))
ORDER BY sid, api
"""
ITEMS = """
SELECT * FROM items i WHERE snapshot = :snapshot AND kind = :kind AND parent IS :parent AND id > :id AND NOT EXISTS (
    SELECT 1 FROM items o WHERE o.snapshot = i.snapshot AND o.kind = i.kind AND o.sid = i.sid AND o.id > i.id
) ORDER BY id LIMIT :limit
"""
LACKING = """
SELECT value AS sid FROM json_each(:sids)
WHERE NOT EXISTS (SELECT 1 FROM items WHERE snapshot = :snapshot AND kind = :kind AND sid = value) ORDER BY 1
"""
UNSEEN = """
SELECT DISTINCT sid FROM items i WHERE snapshot = :snapshot AND parent IS NULL AND sid > :sid AND NOT EXISTS (
    SELECT 1 FROM items o WHERE o.snapshot = i.snapshot AND o.kind = i.kind AND o.sid = i.sid AND o.api = :api
) ORDER BY sid LIMIT :limit
"""
ORPHANED = """
SELECT sid FROM (SELECT DISTINCT parent AS sid FROM items WHERE snapshot = :snapshot AND parent > :sid) i
WHERE NOT EXISTS (
    SELECT 1 FROM items o WHERE o.snapshot = :snapshot AND o.parent IS NULL AND o.sid = i.sid
) ORDER BY sid LIMIT :limit
"""
CHILDLESS = """
SELECT DISTINCT sid FROM items i WHERE snapshot = :snapshot AND parent IS NULL AND sid > :sid AND NOT EXISTS (
    SELECT 1 FROM items o WHERE o.snapshot = i.snapshot AND o.kind = :kind AND o.parent = i.sid
) ORDER BY sid LIMIT :limit
"""
DIGESTS = """
SELECT kind, sid, api, parent, digest FROM items
WHERE snapshot = :snapshot AND (kind, sid, api) > (:kind, :sid, :api) ORDER BY kind, sid, api LIMIT :limit
"""
CHILDREN_OF = """
SELECT * FROM items WHERE snapshot = :snapshot AND kind = :kind
    AND parent IN (SELECT value FROM json_each(:sids)) ORDER BY parent, id
"""


@dataclass(frozen=True)
class InventoryProgress:
    """How far an inventory that comes page by page has come.

    Attributes:
        parent: the service that is looked at.
        next_page: the address of the page to read next; None if there is no more.
    """

    kind: str
    parent: str
    next_page: str | None


def begin(store: Store, *, account_sid: str, source: str, request: Json = None) -> int:
    """Start a snapshot and return its id.

    What a killed export of the account left is removed, unless an unfinished run will go on with it.

    Args:
        source: `live` or `file`.
        request: what is asked for, so that `find_unfinished` finds it; None if nobody will go on with it.
    """
    abandoned = (
        "account_sid = :account AND completed_at IS NULL "
        "AND id NOT IN (SELECT snapshot FROM runs WHERE finished_at IS NULL AND snapshot IS NOT NULL)"
    )
    # Until it is finished, `examined` says what is to be examined.
    examined = None if request is None else to_json(request)
    row = {"account_sid": account_sid, "source": source, "taken_at": now(), "examined": examined}
    with store.writing() as db:
        delete(db, OWNED, f"snapshot IN (SELECT id FROM snapshots WHERE {abandoned})", account=account_sid)
        delete(db, ["snapshots"], abandoned, account=account_sid)
        return insert(db.conn, "snapshots", [row])


def add_items(
    store: Store,
    snapshot_id: int,
    account_sid: str,
    items: Iterable[Item],
    *,
    progress: InventoryProgress | None = None,
) -> None:
    """Add items, in the order read, and how far their inventory has come, all in one transaction.

    The same item from the same API version twice is kept once, as it was read last: a list may shift between two
    of its pages.
    """
    rows = [_item_row(snapshot_id, account_sid, item) for item in items]
    with store.writing() as db:
        insert(db.conn, "items", rows, unique=("snapshot", "kind", "sid", "api"))
        if progress is not None:
            row = {"snapshot": snapshot_id, "account_sid": account_sid, **vars(progress)}
            insert(db.conn, "inventory_progress", [row], unique=("snapshot", "kind", "parent"))


def discard(store: Store, snapshot_id: int) -> None:
    """Remove an unfinished snapshot, with all that it holds."""
    with store.writing() as db:
        delete(db, OWNED, "snapshot = :id", id=snapshot_id)
        delete(db, ["snapshots"], "id = :id", id=snapshot_id)


def set_owner(store: Store, snapshot_id: int, account_sid: str) -> None:
    """Say whose an unfinished snapshot is, once that is known."""
    with store.writing() as db:
        db.execute("UPDATE items SET account_sid = ? WHERE snapshot = ?", [account_sid, snapshot_id])
        db.table("snapshots").update(snapshot_id, {"account_sid": account_sid})


def unfinished_sids(store: Store, snapshot_id: int, wanted: Sequence[str]) -> list[str]:
    """Return which of some services a snapshot holds, finished or not."""
    where = "snapshot = :snapshot AND parent IS NULL AND sid IN (SELECT value FROM json_each(:sids))"
    rows = store.rows(f"SELECT DISTINCT sid FROM items WHERE {where}", snapshot=snapshot_id, sids=wanted)
    return [row["sid"] for row in rows]


def find_progress(store: Store, snapshot_id: int, kind: str, parent: str) -> InventoryProgress | None:
    """Return how far an inventory has come, or None if it has not begun."""
    sql = "SELECT * FROM inventory_progress WHERE snapshot = :snapshot AND kind = :kind AND parent = :parent"
    row = store.row(sql, snapshot=snapshot_id, kind=kind, parent=parent)
    return made(InventoryProgress, row) if row else None


def stored_item(store: Store, snapshot_id: int, kind: str, sid: str, api: str) -> Item | None:
    """Return one item of a snapshot, finished or not, or None."""
    sql = "SELECT * FROM items WHERE snapshot = :snapshot AND kind = :kind AND sid = :sid AND api = :api"
    row = store.row(sql, snapshot=snapshot_id, kind=kind, sid=sid, api=api)
    return made(Item, row) if row else None


def find_unfinished(store: Store, account_sid: str, request: Json, since: str) -> int | None:
    """Return the unfinished snapshot that was begun with this request at or after a moment, or None."""
    where = "account_sid = :account AND completed_at IS NULL AND examined = :request AND taken_at >= :since"
    sql = f"SELECT max(id) FROM snapshots WHERE {where}"
    found: int | None = store.value(sql, account=account_sid, request=to_json(request), since=since)
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
    rows = store.rows(LACKING, snapshot=snapshot_id, kind=kind, sids=sids)
    return [row["sid"] for row in rows]


def finish(store: Store, snapshot_id: int, examined: Examined) -> Snapshot:
    """Seal the snapshot and return it."""
    digest = hashlib.sha256()
    for row in store.scan(DIGESTS, after={"kind": "", "sid": "", "api": ""}, snapshot=snapshot_id):
        digest.update(to_json(list(row.values())).encode())
    top = "SELECT count(DISTINCT sid) FROM items WHERE snapshot = :id AND parent IS NULL"
    changes = {
        "services": store.value(top, id=snapshot_id),
        "digest": digest.hexdigest(),
        "examined": to_json(asdict(examined)),
        "completed_at": now(),
    }
    with store.writing() as db:
        db.table("snapshots").update(snapshot_id, changes)
    return get(store, snapshot_id)


def get(store: Store, snapshot_id: int) -> Snapshot:
    """Return a finished snapshot, or raise BadInput if there is none with this id."""
    return there(
        _find(store, "id = :id", id=snapshot_id),
        f"There is no snapshot {snapshot_id} in {store.path}. `chat-migrate history` lists them; "
        "`chat-migrate export` makes a new one.",
    )


def latest(store: Store, account_sid: str) -> Snapshot:
    """Return the newest finished snapshot of an account, or raise BadInput if there is none."""
    otherwise = f"There is no snapshot of {account_sid} in {store.path}. Run `chat-migrate export` first."
    return there(find_latest(store, account_sid), otherwise)


def find_latest(store: Store, account_sid: str | None) -> Snapshot | None:
    """Return the newest finished snapshot of an account, or of any with None; None if there is none."""
    return _find(store, "true" if account_sid is None else "account_sid = :account", account=account_sid)


def service_sids(store: Store, snapshot_id: int) -> Iterator[str]:
    """Yield the SIDs of a snapshot's services in order, a few at a time."""
    for sids in _sid_chunks(store, snapshot_id, frozenset()):
        yield from sids


def unseen_sids(store: Store, snapshot_id: int, api: str) -> Iterator[str]:
    """Yield the SIDs of a snapshot's services that one API version has not shown, in order, a few at a time."""
    return (row["sid"] for row in store.scan(UNSEEN, after={"sid": ""}, snapshot=snapshot_id, api=api))


def orphaned_sids(store: Store, snapshot_id: int) -> Iterator[str]:
    """Yield the SIDs of services that a snapshot holds items of and not the service, in order, a few at a time."""
    return (row["sid"] for row in store.scan(ORPHANED, after={"sid": ""}, snapshot=snapshot_id))


def childless_sids(store: Store, snapshot_id: int, kind: str) -> Iterator[str]:
    """Yield the SIDs of a snapshot's services that it holds no items of a kind of, in order, a few at a time."""
    return (row["sid"] for row in store.scan(CHILDLESS, after={"sid": ""}, snapshot=snapshot_id, kind=kind))


def services(store: Store, snapshot_id: int, *, only: frozenset[str] = frozenset()) -> Iterator[ChatService]:
    """Yield the services of a snapshot, or only some of them, in the order of their SIDs, read a few at a time.

    What is wanted and not there is left out.
    """
    for sids in _sid_chunks(store, snapshot_id, only):
        yield from _assembled(store, snapshot_id, sids)


def service(store: Store, snapshot_id: int, sid: str) -> ChatService:
    """Return one service of a snapshot, or raise BadInput if it is not in there."""
    found = next(_assembled(store, snapshot_id, [sid]), None)
    return there(found, f"Service {sid} is not in snapshot {snapshot_id} of {store.path}.")


def items(store: Store, snapshot_id: int, kind: str, parent: str | None) -> Iterator[Item]:
    """Yield the items of a kind that belong to a parent, in the order read, a few at a time.

    One that several API versions have shown comes once, as it was read last.
    """
    rows = store.scan(ITEMS, after={"id": 0}, snapshot=snapshot_id, kind=kind, parent=parent)
    return (made(Item, row) for row in rows)


def has_items(store: Store, snapshot_id: int, kind: str, api: str) -> bool:
    """Whether a snapshot holds anything of a kind that one API version has shown."""
    sql = "SELECT 1 FROM items WHERE snapshot = :snapshot AND kind = :kind AND api = :api LIMIT 1"
    return store.row(sql, snapshot=snapshot_id, kind=kind, api=api) is not None


def accounts(store: Store) -> list[str]:
    """Return the accounts that have a finished snapshot, sorted."""
    rows = store.rows("SELECT DISTINCT account_sid FROM snapshots WHERE completed_at IS NOT NULL ORDER BY 1")
    return [row["account_sid"] for row in rows]


def service_digests(store: Store, snapshot_id: int) -> Iterator[tuple[str, str]]:
    """Yield the SID of each service and a SHA-256 over its settings and roles, in the order of the SIDs.

    Dates and addresses do not count, nor does the order in which roles are listed.
    """
    for sids in _sid_chunks(store, snapshot_id, frozenset()):
        views, children = _rows_of(store, snapshot_id, sids)
        for sid in sids:
            parts = [(row["api"], row["sid"], row["digest"]) for row in (*views[sid], *children[sid])]
            yield sid, _sha256(sorted(parts))


def settings_digest(payload: Mapping[str, Json]) -> str:
    """Return a SHA-256 over the settings in one resource."""
    return _sha256({key: value for key, value in payload.items() if key not in VOLATILE})


def _sha256(value: Json) -> str:
    return hashlib.sha256(to_json(value).encode()).hexdigest()


def _item_row(snapshot_id: int, account_sid: str, item: Item) -> Row:
    name = item.payload.get("friendly_name")
    return {
        **vars(item),
        "snapshot": snapshot_id,
        "account_sid": account_sid,
        "name": name if isinstance(name, str) else "",
        "digest": settings_digest(item.payload),
        "payload": json.dumps(item.payload),
    }


def _sid_chunks(store: Store, snapshot_id: int, only: frozenset[str]) -> Iterator[list[str]]:
    if only:
        wanted = sorted(only)
        yield from (wanted[start : start + FEW] for start in range(0, len(wanted), FEW))
        return
    where = "snapshot = :snapshot AND parent IS NULL AND sid > :sid ORDER BY sid LIMIT :limit"
    sql = f"SELECT DISTINCT sid FROM items WHERE {where}"
    for rows in store.batches(sql, after={"sid": ""}, chunk=FEW, snapshot=snapshot_id):
        yield [row["sid"] for row in rows]


def _rows_of(
    store: Store, snapshot_id: int, sids: Sequence[str]
) -> tuple[dict[str, list[Row]], dict[str, list[Row]]]:
    """Return the rows of some services, by API version, and those of what belongs to them, by SID of the service."""
    views: dict[str, list[Row]] = {sid: [] for sid in sids}
    for row in store.rows(VIEWS_OF, snapshot=snapshot_id, sids=sids):
        views[row["sid"]].append(row)
    children: dict[str, list[Row]] = {sid: [] for sid in sids}
    for row in store.rows(CHILDREN_OF, snapshot=snapshot_id, sids=sids, kind=ROLES):
        children[row["parent"]].append(row)
    return views, children


def _assembled(store: Store, snapshot_id: int, sids: Sequence[str]) -> Iterator[ChatService]:
    views, children = _rows_of(store, snapshot_id, sids)
    for sid in sids:
        if views[sid]:
            yield _chat_service(sid, [made(Item, row) for row in views[sid]], children[sid])


def _chat_service(sid: str, views: Sequence[Item], roles: Sequence[Mapping[str, Any]]) -> ChatService:
    payloads = {view.api: view.payload for view in views}
    # A role that both API versions have shown is one role.
    distinct = {row["sid"]: json.loads(row["payload"]) for row in roles}
    return ChatService(
        sid=sid,
        v1=payloads.get("v1"),
        v2=payloads.get("v2"),
        roles=tuple(distinct.values()),
        not_examined=_not_examined(views, has_roles=bool(roles)),
    )


def _not_examined(views: Sequence[Item], *, has_roles: bool) -> dict[str, str]:
    """Return what no view of a service could show, and why. Every service has roles: a file may lack them."""
    shapes = " and ".join(dict.fromkeys(view.shape for view in views if view.shape))
    if not shapes:
        return {}
    paths = sorted(frozenset[str].intersection(*(view.not_held for view in views)))
    found = dict.fromkeys(paths, f"the {shapes} file does not hold it")
    return found if has_roles else {**found, ROLES: "no file holds them"}


def _find(store: Store, where: str, **values: Any) -> Snapshot | None:
    where = f"completed_at IS NOT NULL AND {where} ORDER BY id DESC LIMIT 1"
    row = store.row(f"SELECT * FROM snapshots WHERE {where}", **values)
    return made(Snapshot, row, examined=from_json(Examined, json.loads(row["examined"]))) if row else None
