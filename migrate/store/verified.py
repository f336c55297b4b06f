"""What `verify` has seen: for each service of a plan the target's values beside the rows that were reviewed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from migrate.core.clock import now
from migrate.model.plan import Plan
from migrate.store.codec import made, packed, unpacked
from migrate.store.database import Store, insert, to_json

Json = Any


@dataclass(frozen=True)
class Verification:
    """One comparison of a plan with its targets: when (ISO 8601, UTC), and how many services differed."""

    at: str
    differences: int


@dataclass(frozen=True)
class VerifiedService:
    """What one target held when it was compared with the plan.

    Attributes:
        live: for each field row of the planned service, in its order, the target's value.
        items: kind with many items → how many of them differ.
    """

    source_sid: str
    exists: bool
    live: tuple[Json, ...]
    items: Mapping[str, int] = field(default_factory=dict)


def save_verified(store: Store, plan: Plan, services: Sequence[VerifiedService]) -> None:
    """Keep what was read of some targets, in one transaction; a later reading replaces it."""
    facts = {"plan": plan.number, "account_sid": plan.target_account_sid, "at": now()}
    rows = [
        {
            **facts,
            "source_sid": service.source_sid,
            "found": service.exists,
            "live": packed(to_json([service.live, service.items])),
        }
        for service in services
    ]
    with store.writing() as db:
        insert(db.conn, "verified_services", rows, unique=("plan", "source_sid"))


def verified(store: Store, number: int, source_sids: Iterable[str]) -> Mapping[str, VerifiedService]:
    """Return what was read last of some targets of a plan, by source SID; those that never were are left out."""
    found = {}
    where = "plan = :plan AND source_sid IN (SELECT value FROM json_each(:sids))"
    for row in store.rows(f"SELECT * FROM verified_services WHERE {where}", plan=number, sids=source_sids):
        live, items = json.loads(unpacked(row["live"]))
        found[row["source_sid"]] = VerifiedService(row["source_sid"], bool(row["found"]), tuple(live), items)
    return found


def note_verified(store: Store, plan: Plan, differences: int) -> None:
    """Note that a plan was compared with its targets, and how many services differed."""
    row = {
        "plan": plan.number,
        "account_sid": plan.target_account_sid,
        "at": now(),
        "differences": differences,
    }
    with store.writing() as db:
        insert(db.conn, "verifications", [row])


def last_verification(store: Store, plan: Plan) -> Verification | None:
    """Return the newest comparison of a plan with its targets, or None."""
    sql = "SELECT at, differences FROM verifications WHERE plan = :plan ORDER BY id DESC LIMIT 1"
    row = store.row(sql, plan=plan.number)
    return made(Verification, row) if row else None
