"""Snapshots: Chat Services as they were read, immutable once finished."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mappings import ChatService
from migrate.core.clock import now
from migrate.core.errors import BadInput
from migrate.store.database import Store, to_json

Json = Any
CHUNK = 200
VOLATILE = frozenset({"date_created", "date_updated", "url", "links"})
"""Keys that say nothing about settings and change, or are written differently, by themselves."""


@dataclass(frozen=True)
class Snapshot:
    """The head of one snapshot.

    Attributes:
        id: its number in this database.
        account_sid: the account that the services belong to.
        source: `live` or `file`.
        apis: the Chat API versions that it holds, `v1,v2`.
        taken_at: when reading began, ISO 8601, UTC.
        services: how many services it holds.
        digest: SHA-256 over all settings in it.
    """

    id: int
    account_sid: str
    source: str
    apis: str
    taken_at: str
    services: int
    digest: str


@dataclass(frozen=True)
class ServiceView:
    """One Chat Service as one API version shows it. `provenance` says where it was read."""

    sid: str
    api: str
    payload: Mapping[str, Json]
    provenance: str


def begin(store: Store, *, account_sid: str, source: str) -> int:
    """Start a snapshot and return its id; unfinished ones that a killed export left are removed."""
    with store.writing() as db:
        for table in ("chat_services", "chat_roles"):
            db.table(table).delete_where(
                "snapshot_id IN (SELECT id FROM snapshots WHERE completed_at IS NULL)"
            )
        db.table("snapshots").delete_where("completed_at IS NULL")
        row = {"account_sid": account_sid, "source": source, "apis": "", "taken_at": now()}
        return int(db.table("snapshots").insert(row).last_pk or 0)


def add_views(store: Store, snapshot_id: int, account_sid: str, views: Iterable[ServiceView]) -> None:
    """Add what an API version says of some services, all in one transaction.

    The same view twice is kept once: a list may shift between two of its pages.
    """
    rows = [
        {
            "snapshot_id": snapshot_id,
            "service_sid": view.sid,
            "api": view.api,
            "account_sid": account_sid,
            "friendly_name": _text(view.payload.get("friendly_name")),
            "provenance": view.provenance,
            "payload": json.dumps(view.payload),
        }
        for view in views
    ]
    with store.writing() as db:
        db.table("chat_services").upsert_all(rows, pk=("snapshot_id", "service_sid", "api"))


def has_views(store: Store, snapshot_id: int, api: str) -> bool:
    """Whether a snapshot holds anything that one API version has shown."""
    where = {"id": snapshot_id, "api": api}
    return bool(
        store.value("SELECT 1 FROM chat_services WHERE snapshot_id = :id AND api = :api LIMIT 1", where)
    )


def add_roles(
    store: Store, snapshot_id: int, account_sid: str, service_sid: str, roles: Iterable[Mapping[str, Json]]
) -> None:
    """Add the Role resources of one service, in the order read."""
    with store.writing() as db:
        table = db.table("chat_roles")
        start = table.count_where("snapshot_id = ? AND service_sid = ?", [snapshot_id, service_sid])
        rows = [
            {
                "snapshot_id": snapshot_id,
                "service_sid": service_sid,
                "role_sid": role["sid"],
                "position": start + offset,
                "account_sid": account_sid,
                "friendly_name": _text(role.get("friendly_name")),
                "payload": json.dumps(role),
            }
            for offset, role in enumerate(roles)
        ]
        table.upsert_all(rows, pk=("snapshot_id", "service_sid", "role_sid"))


def finish(store: Store, snapshot_id: int) -> Snapshot:
    """Seal the snapshot and return it."""
    apis = store.value(
        "SELECT group_concat(api) FROM (SELECT DISTINCT api FROM chat_services "
        "WHERE snapshot_id = :id ORDER BY api)",
        {"id": snapshot_id},
    )
    digest = hashlib.sha256()
    services = 0
    for service in services_of(store, snapshot_id):
        digest.update(digest_of(service).encode())
        services += 1
    changes = {"apis": apis or "", "services": services, "digest": digest.hexdigest(), "completed_at": now()}
    with store.writing() as db:
        db.table("snapshots").update(snapshot_id, changes)
    return get(store, snapshot_id)


def get(store: Store, snapshot_id: int) -> Snapshot:
    """Return a finished snapshot.

    Raises:
        BadInput: there is none with this id.
    """
    found = _find(store, "id = :id", {"id": snapshot_id})
    if found is None:
        raise BadInput(f"There is no snapshot {snapshot_id} in {store.path}. Run `chat-migrate export`.")
    return found


def latest(store: Store) -> Snapshot:
    """Return the newest finished snapshot.

    Raises:
        BadInput: there is none.
    """
    found = find_latest(store)
    if found is None:
        raise BadInput(f"There is no snapshot in {store.path}. Run `chat-migrate export` first.")
    return found


def find_latest(store: Store) -> Snapshot | None:
    """Return the newest finished snapshot, or None."""
    return _find(store, "1", {})


def latest_of(store: Store, account_sid: str) -> Snapshot:
    """Return the newest finished snapshot of an account.

    Raises:
        BadInput: there is none.
    """
    found = _find(store, "account_sid = :account_sid", {"account_sid": account_sid})
    if found is None:
        raise BadInput(f"There is no snapshot of {account_sid} in {store.path}. Run `chat-migrate export`.")
    return found


def services_of(store: Store, snapshot_id: int) -> Iterator[ChatService]:
    """Return the services of a snapshot in the order of their SIDs, read one by one."""
    return (service(store, snapshot_id, sid) for sid in sids_of(store, snapshot_id))


def sids_of(store: Store, snapshot_id: int) -> Iterator[str]:
    """Yield the SIDs of a snapshot's services in order, a few at a time."""
    after = ""
    while chunk := _sids(store, snapshot_id, after):
        yield from chunk
        after = chunk[-1]


def service(store: Store, snapshot_id: int, sid: str) -> ChatService:
    """Return one service of a snapshot."""
    where = {"id": snapshot_id, "sid": sid}
    views = store.rows(
        "SELECT api, payload FROM chat_services WHERE snapshot_id = :id AND service_sid = :sid", where
    )
    roles = store.rows(
        "SELECT payload FROM chat_roles WHERE snapshot_id = :id AND service_sid = :sid ORDER BY position",
        where,
    )
    payloads = {view["api"]: json.loads(view["payload"]) for view in views}
    return ChatService(
        sid=sid,
        v1=payloads.get("v1"),
        v2=payloads.get("v2"),
        roles=tuple(json.loads(role["payload"]) for role in roles),
    )


def digest_of(service: ChatService) -> str:
    """Return a SHA-256 over the settings of a service: dates and addresses do not count."""
    documents = [_settings(document) for document in (service.v1, service.v2, *service.roles)]
    return _sha256([service.sid, *documents])


def payload_digest(payload: Mapping[str, Json]) -> str:
    """Return a SHA-256 over the settings in one resource."""
    return _sha256(_settings(payload))


def _sha256(value: Json) -> str:
    return hashlib.sha256(to_json(value).encode()).hexdigest()


def _settings(document: Mapping[str, Json] | None) -> Json:
    return None if document is None else {key: document[key] for key in document if key not in VOLATILE}


def _sids(store: Store, snapshot_id: int, after: str) -> list[str]:
    rows = store.rows(
        "SELECT DISTINCT service_sid FROM chat_services WHERE snapshot_id = :id AND service_sid > :after "
        "ORDER BY service_sid LIMIT :limit",
        {"id": snapshot_id, "after": after, "limit": CHUNK},
    )
    return [row["service_sid"] for row in rows]


def _find(store: Store, where: str, parameters: dict[str, Any]) -> Snapshot | None:
    row = store.row(
        "SELECT id, account_sid, source, apis, taken_at, services, digest FROM snapshots "
        f"WHERE completed_at IS NOT NULL AND {where} ORDER BY id DESC LIMIT 1",
        parameters,
    )
    return Snapshot(**row) if row else None


def _text(value: Json) -> str:
    return value if isinstance(value, str) else ""
