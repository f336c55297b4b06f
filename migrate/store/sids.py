"""What became of what: old SID → new SID, for services and roles that were re-created elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlite_utils import Database

from migrate.core.clock import now
from migrate.store.database import Store

SERVICE = "service"
ROLE = "role"
CREATED = "created"
FOUND = "found"
MAPPED = "mapped"
CHUNK = 500


@dataclass(frozen=True)
class Became:
    """One pair.

    Attributes:
        kind: `service` or `role`.
        how: `created` by a run, `found` in the target, or `mapped` by a person. A rollback makes it `removed`.
        friendly_name: of the source.
        source_sid: the Chat SID.
        target_sid: the Conversations SID that stands for it.
        source_service_sid: the Chat Service that it is, or belongs to.
        target_service_sid: the Conversation Service that it is, or belongs to.
    """

    kind: str
    how: str
    friendly_name: str
    source_sid: str
    target_sid: str
    source_service_sid: str
    target_service_sid: str


def insert(db: Database, account_sid: str, run_id: int, became: Became) -> None:
    """Add a pair within the caller's transaction; the newest pair of a source is the one that holds.

    What is known of a pair already (which run has created it, when, its name) stays known.
    """
    same_pair = [account_sid, became.source_sid, became.target_sid]
    where = "account_sid = ? AND source_sid = ? AND target_sid = ?"
    known = next(db.table("sids").rows_where(where, same_pair), {})
    row = {
        **vars(became),
        "how": known.get("how") or became.how,
        "friendly_name": became.friendly_name or known.get("friendly_name"),
        "account_sid": account_sid,
        "run": known.get("run") or run_id,
        "at": known.get("at") or now(),
    }
    db.table("sids").delete_where(where, same_pair)
    db.table("sids").insert(row)


def created_by(store: Store, run_id: int, source_sid: str) -> str | None:
    """Return the Conversation Service that a run has made of a Chat Service, or None."""
    found = store.value(
        "SELECT target_sid FROM sids WHERE run = :run AND kind = 'service' AND source_sid = :sid",
        {"run": run_id, "sid": source_sid},
    )
    return str(found) if found else None


def latest_created(store: Store, account_sid: str, source_sid: str) -> str | None:
    """Return the newest Conversation Service in an account that a run has created of a Chat Service, or None."""
    found = store.value(
        "SELECT target_sid FROM sids WHERE account_sid = :account AND kind = 'service' AND how = 'created' "
        "AND source_sid = :sid ORDER BY id DESC LIMIT 1",
        {"account": account_sid, "sid": source_sid},
    )
    return str(found) if found else None


def roles_of(store: Store, target_service_sid: str, source_service_sid: str) -> dict[str, str]:
    """Return Chat role SID → SID of its counterpart in a Conversation Service, as far as it is there."""
    rows = store.rows(
        "SELECT source_sid, target_sid FROM sids WHERE kind = 'role' AND target_service_sid = :target "
        "AND source_service_sid = :source AND how != 'removed' ORDER BY id",
        {"target": target_service_sid, "source": source_service_sid},
    )
    return {row["source_sid"]: row["target_sid"] for row in rows}


def created_roles(store: Store, run_id: int, source_service_sid: str) -> dict[str, str]:
    """Return Chat role SID → SID of the role that a run has created for it, whether it is still there or not."""
    rows = store.rows(
        "SELECT source_sid, target_sid FROM sids WHERE run = :run AND kind = 'role' "
        "AND how IN ('created', 'removed') AND source_service_sid = :sid ORDER BY id",
        {"run": run_id, "sid": source_service_sid},
    )
    return {row["source_sid"]: row["target_sid"] for row in rows}


def mark_removed(db: Database, target_service_sid: str, target_sid: str) -> None:
    """Note within the caller's transaction that a role, or a service and with it all its roles, was deleted.

    The pair stays: reports go on to tell what the run had created.
    """
    db.execute(
        "UPDATE sids SET how = 'removed' WHERE target_service_sid = ? AND ? IN (target_service_sid, target_sid)",
        [target_service_sid, target_sid],
    )


def claimed(store: Store, account_sid: str) -> frozenset[str]:
    """Return the Conversation Services of an account that stand for a Chat Service already."""
    rows = store.rows(
        "SELECT target_sid FROM sids WHERE account_sid = :account AND kind = 'service'",
        {"account": account_sid},
    )
    return frozenset(row["target_sid"] for row in rows)


def created(store: Store, account_sid: str) -> frozenset[str]:
    """Return the Conversation Services of an account that runs have created and no rollback has removed."""
    rows = store.rows(
        "SELECT target_sid FROM sids WHERE account_sid = :account AND kind = 'service' AND how = 'created'",
        {"account": account_sid},
    )
    return frozenset(row["target_sid"] for row in rows)


def created_besides(store: Store, account_sid: str, plan: int, since: str) -> dict[str, Any] | None:
    """Return a pair that a run of another plan has created since, though this plan is to create it; None if none."""
    return store.row(
        "SELECT s.* FROM plan_steps p JOIN sids s ON s.source_sid = p.source_sid JOIN runs r ON r.id = s.run "
        "WHERE p.plan = :plan AND p.resource = 'service' AND s.kind = 'service' AND s.how = 'created' "
        "AND s.account_sid = :account AND s.at >= :since AND r.plan != :plan ORDER BY s.id LIMIT 1",
        {"plan": plan, "account": account_sid, "since": since},
    )


CURRENT = "SELECT * FROM sid_map WHERE id > :after ORDER BY id LIMIT :limit"


def current(store: Store) -> Iterator[dict[str, Any]]:
    """Yield the pairs that hold now: of each Chat Service and account, those of the newest target."""
    after = 0
    while chunk := store.rows(CURRENT, {"after": after, "limit": CHUNK}):
        yield from chunk
        after = chunk[-1]["id"]
