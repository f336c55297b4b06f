"""Plans: what is to be done for one snapshot and one state of its targets, immutable once finished."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from mappings import MAPPING_VERSION, Verdict
from migrate.core.clock import now
from migrate.core.errors import BadInput
from migrate.model.item import Snapshot
from migrate.model.plan import ItemCount, Plan, PlannedService
from migrate.model.rows import FieldRow
from migrate.store.codec import (
    image_from_json,
    image_to_json,
    packed,
    rows_from_text,
    rows_text,
    settings_of,
    unpacked,
)
from migrate.store.database import CHUNK, Store, insert_all, storable, to_json
from migrate.store.steps import BATCH, add_steps, source_sids_to_change, step, step_count, steps
from migrate.store.verified import (
    Verification,
    VerifiedService,
    last_verification,
    note_verified,
    save_verified,
    verified,
)

__all__ = [
    "BATCH",
    "Verification",
    "VerifiedService",
    "add_service",
    "add_steps",
    "begin",
    "by_number",
    "find_latest",
    "finish",
    "get",
    "last_verification",
    "latest",
    "note_verified",
    "save_verified",
    "service",
    "services",
    "services_elsewhere",
    "source_sids_to_change",
    "step",
    "step_count",
    "steps",
    "steps_by_kind",
    "verified",
]

Json = Any
SHORTEST_PREFIX = 8
NOTEWORTHY = frozenset({Verdict.MANUAL, Verdict.DROPPED, Verdict.LOSSY})
"""Verdicts that a person is to look at."""
HEAD = (
    "number, id, snapshot_id, account_sid, target_account_sid, target, mapping_version, options, created_at, offline, "
    "services, services_to_change, services_missing, changes, steps, verdicts"
)
SERVICES = """
SELECT s.source_sid, s.target_sid, s.friendly_name, s.read_at, s.refused, s.counterparts, s.items, r.image,
    r.receivers, r.rows
FROM plan_services s JOIN plan_rows r ON r.plan = s.plan AND r.source_sid = s.source_sid
WHERE s.plan = :plan
"""
TOTALS = """
SELECT count(*) AS services, coalesce(sum(missing), 0) AS services_missing, coalesce(sum(changes), 0) AS changes,
    (SELECT count(*) FROM plan_steps WHERE plan = :plan) AS steps,
    (SELECT count(DISTINCT source_sid) FROM plan_steps WHERE plan = :plan) AS services_to_change
FROM plan_services WHERE plan = :plan
"""


def begin(
    store: Store,
    *,
    snapshot: Snapshot,
    target: str,
    target_account_sid: str,
    offline: bool,
    options: Mapping[str, Json],
) -> int:
    """Start a plan and return its number; unfinished ones of the account that a killed diff left are removed.

    Args:
        store: the database.
        snapshot: what it is made from.
        target: `same`, `new` or `map`.
        target_account_sid: the account that is to be written to.
        offline: made without looking at the targets.
        options: every option that shapes its steps, as JSON.
    """
    abandoned = "account_sid = :account AND completed_at IS NULL"
    where = {"account": snapshot.account_sid}
    with store.writing() as db:
        for table in ("plan_services", "plan_rows", "findings", "step_needs", "plan_steps"):
            db.execute(
                f"DELETE FROM {table} WHERE plan IN (SELECT number FROM plans WHERE {abandoned})", where
            )
        db.execute(f"DELETE FROM plans WHERE {abandoned}", where)
        row = {
            "snapshot_id": snapshot.id,
            "account_sid": snapshot.account_sid,
            "target_account_sid": target_account_sid,
            "target": target,
            "mapping_version": MAPPING_VERSION,
            "options": to_json(options),
            "created_at": now(),
            "offline": int(offline),
        }
        return int(db.table("plans").insert(row).last_pk or 0)


def add_service(
    store: Store,
    number: int,
    account_sid: str,
    services: Sequence[PlannedService],
    *,
    masked: Callable[[FieldRow], FieldRow],
) -> None:
    """Add some services with their before-images and rows, in one transaction.

    Args:
        store: the database.
        number: of the plan.
        account_sid: the source account.
        services: what is known of them.
        masked: hides the secrets of a row, for people who look into the database.
    """
    both = [(service, rows_text(service.rows)) for service in services]
    heads = [_head_row(number, account_sid, *each) for each in both]
    bulk = [_bulk_row(number, account_sid, *each) for each in both]
    findings = [
        _finding_row(number, account_sid, service, masked(row))
        for service in services
        for row in service.rows
        if row.change or row.verdict in NOTEWORTHY
    ]
    with store.writing() as db:
        for table, rows in (("plan_services", heads), ("plan_rows", bulk), ("findings", findings)):
            insert_all(db, table, rows)


def finish(store: Store, number: int) -> Plan:
    """Seal the plan, give it its id and return it."""
    totals = store.row(TOTALS, {"plan": number}) or {}
    verdicts: Counter[str] = Counter()
    digest = hashlib.sha256(to_json(_facts(store, number)).encode())
    for row in store.scan(
        "SELECT source_sid, target_sid, digest, verdicts FROM plan_services "
        "WHERE plan = :plan AND source_sid > :source_sid ORDER BY source_sid LIMIT :limit",
        {"plan": number},
        after={"source_sid": ""},
        chunk=BATCH,
    ):
        verdicts.update(json.loads(row["verdicts"]))
        digest.update(f"{row['source_sid']} {row['target_sid']} {row['digest']}\n".encode())
    for each in steps(store, number):
        digest.update(to_json(vars(each)).encode())
    changes = {
        **totals,
        "verdicts": to_json(verdicts),
        "id": digest.hexdigest(),
        "completed_at": now(),
    }
    with store.writing() as db:
        db.table("plans").update(number, changes)
    return by_number(store, number)


def _facts(store: Store, number: int) -> list[Json]:
    """Return what a plan's id covers besides its services and steps."""
    row = store.row(
        "SELECT s.digest, p.account_sid, p.target_account_sid, p.target, p.options, p.mapping_version, p.offline "
        "FROM plans p JOIN snapshots s ON s.id = p.snapshot_id WHERE p.number = :number",
        {"number": number},
    )
    if row is None:
        raise AssertionError(f"plan number {number} was begun and is gone")
    return list(row.values())


def get(store: Store, account_sid: str | None, plan_id: str) -> Plan:
    """Return the newest plan, of an account or of any, with this id or with an id that begins so.

    Raises:
        BadInput: there is none, or the beginning fits several.
    """
    where = "completed_at IS NOT NULL AND id GLOB :prefix AND coalesce(:account, account_sid) = account_sid"
    matching = {"prefix": plan_id + "*", "account": account_sid}
    ids = store.rows(f"SELECT id, max(number) AS number FROM plans WHERE {where} GROUP BY id", matching)
    if not ids or len(plan_id) < SHORTEST_PREFIX or not plan_id.isalnum():
        raise BadInput(f"There is no plan {plan_id!r} in {store.path}. `chat-migrate history` lists them.")
    if len(ids) > 1:
        raise BadInput(f"{plan_id!r} fits {len(ids)} plans; give more of the id.")
    return by_number(store, ids[0]["number"])


def by_number(store: Store, number: int) -> Plan:
    """Return the plan that a run executes.

    Raises:
        BadInput: there is none with this number.
    """
    found = _find(store, "number = :number", {"number": number})
    if found is None:
        raise BadInput(f"There is no plan number {number} in {store.path}.")
    return found


def latest(store: Store, account_sid: str) -> Plan:
    """Return the newest plan of an account.

    Raises:
        BadInput: there is none.
    """
    found = find_latest(store, account_sid)
    if found is None:
        raise BadInput(f"There is no plan for {account_sid} in {store.path}. Run `chat-migrate diff` first.")
    return found


def find_latest(store: Store, account_sid: str | None) -> Plan | None:
    """Return the newest plan of an account, or of any with None; None if there is none."""
    if account_sid is None:
        return _find(store, "1", {})
    return _find(store, "account_sid = :account", {"account": account_sid})


def services_elsewhere(store: Store, number: int) -> Iterator[PlannedService]:
    """Yield the services of a plan that go to a service with another SID, which is known; likewise."""
    for row in store.scan(
        f"{SERVICES} AND s.target_sid != s.source_sid AND s.source_sid > :source_sid "
        "ORDER BY s.source_sid LIMIT :limit",
        {"plan": number},
        after={"source_sid": ""},
    ):
        yield _planned_service(row)


def services(store: Store, number: int, *, only: frozenset[str] = frozenset()) -> Iterator[PlannedService]:
    """Yield the services of a plan in the order of their source SIDs, read a few at a time.

    Args:
        store: the database.
        number: of the plan.
        only: the source SIDs of those that are wanted; all if it is empty. What is not there is left out.
    """
    wanted = sorted(only)
    for start in range(0, len(wanted), CHUNK):
        sids = json.dumps(wanted[start : start + CHUNK])
        for row in store.rows(
            f"{SERVICES} AND s.source_sid IN (SELECT value FROM json_each(:sids)) ORDER BY s.source_sid",
            {"plan": number, "sids": sids},
        ):
            yield _planned_service(row)
    if wanted:
        return
    for row in store.scan(
        f"{SERVICES} AND s.source_sid > :source_sid ORDER BY s.source_sid LIMIT :limit",
        {"plan": number},
        after={"source_sid": ""},
    ):
        yield _planned_service(row)


def service(store: Store, number: int, sid: str) -> PlannedService:
    """Return one service of a plan, by its source SID.

    Raises:
        BadInput: it is not in there.
    """
    found = next(services(store, number, only=frozenset({sid})), None)
    if found is None:
        raise BadInput(f"Service {sid} is not in plan number {number} of {store.path}.")
    return found


def _head_row(number: int, account_sid: str, service: PlannedService, rows: str) -> dict[str, Any]:
    image = settings_of(image_to_json(service.image)) if service.image else None
    refused = sorted(service.refused)
    items = {kind: asdict(count) for kind, count in service.items.items()}
    reviewed = to_json([image, refused, service.counterparts, items, service.receivers])
    return {
        "plan": number,
        "source_sid": service.source_sid,
        "account_sid": account_sid,
        "target_sid": service.target_sid,
        "friendly_name": storable(service.friendly_name),
        "read_at": service.image.read_at if service.image else None,
        "missing": int(service.is_missing),
        "changes": sum(row.change for row in service.rows),
        "verdicts": to_json(Counter(row.verdict.value for row in service.rows)),
        "refused": to_json(refused),
        "counterparts": to_json(service.counterparts),
        "items": to_json(items),
        "digest": hashlib.sha256(f"{reviewed}{rows}".encode()).hexdigest(),
    }


def _bulk_row(number: int, account_sid: str, service: PlannedService, rows: str) -> dict[str, Any]:
    return {
        "plan": number,
        "source_sid": service.source_sid,
        "account_sid": account_sid,
        "image": json.dumps(image_to_json(service.image)) if service.image else None,
        "receivers": to_json(service.receivers) if service.receivers is not None else None,
        "rows": packed(rows),
    }


def _finding_row(number: int, account_sid: str, service: PlannedService, row: FieldRow) -> dict[str, Any]:
    return {
        "plan": number,
        "account_sid": account_sid,
        "source_sid": service.source_sid,
        "friendly_name": storable(service.friendly_name),
        "source": storable(row.source),
        "value": _readable(row.value),
        "resource": row.resource,
        "target": row.target,
        "before": _readable(row.before),
        "after": _readable(row.after),
        "change": int(row.change),
        "verdict": row.verdict.value,
        "reason": storable(row.reason),
        "cause": ", ".join(reason.id for reason in row.reasons),
    }


def _readable(value: Json) -> str:
    """Return a value as JSON that a person can read: no letter is escaped that SQLite can hold."""
    return storable(_READABLE.encode(value))


_READABLE = json.JSONEncoder(ensure_ascii=False)


def _planned_service(row: Mapping[str, Any]) -> PlannedService:
    image, receivers = row["image"], row["receivers"]
    items = json.loads(row["items"])
    return PlannedService(
        source_sid=row["source_sid"],
        target_sid=row["target_sid"],
        friendly_name=row["friendly_name"],
        image=image_from_json(json.loads(image), row["read_at"]) if image else None,
        counterparts=json.loads(row["counterparts"]),
        refused=frozenset(json.loads(row["refused"])),
        rows=rows_from_text(unpacked(row["rows"])),
        receivers=json.loads(receivers) if receivers is not None else None,
        items={kind: ItemCount(**count) for kind, count in items.items()},
    )


def _find(store: Store, where: str, parameters: dict[str, Any]) -> Plan | None:
    row = store.row(
        f"SELECT {HEAD} FROM plans WHERE completed_at IS NOT NULL AND {where} ORDER BY number DESC LIMIT 1",
        parameters,
    )
    if row is None:
        return None
    facts = {name: json.loads(row[name]) for name in ("options", "verdicts")}
    return Plan(**{**row, **facts, "offline": bool(row["offline"])})


def steps_by_kind(store: Store, plan: Plan) -> dict[str, int]:
    """Return how many steps of each kind a plan has."""
    rows = store.rows(
        "SELECT kind, count(*) AS steps FROM plan_steps WHERE plan = :plan GROUP BY kind ORDER BY kind",
        {"plan": plan.number},
    )
    return {row["kind"]: row["steps"] for row in rows}
