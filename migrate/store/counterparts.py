"""Which item of a target account stands for which item of the source, newest last."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from migrate.core.clock import now
from migrate.model.plan import Plan
from migrate.model.state import CREATED, FOUND, REMOVED, Counterpart, Run
from migrate.store.database import Store, storable

ADD = """
INSERT OR REPLACE INTO counterparts (account_sid, kind, how, name, source_sid, target_sid, source_service_sid,
    target_service_sid, run, at)
SELECT :account, p.kind, CASE coalesce(k.how, :removed) WHEN :removed THEN p.how ELSE k.how END,
    coalesce(nullif(p.name, ''), k.name, ''), p.source_sid, p.target_sid, p.source_service_sid,
    p.target_service_sid, coalesce(k.run, :run), coalesce(k.at, :at)
FROM (
    SELECT json_extract(value, '$[0]') AS kind, json_extract(value, '$[1]') AS how,
        json_extract(value, '$[2]') AS name, json_extract(value, '$[3]') AS source_sid,
        json_extract(value, '$[4]') AS target_sid, json_extract(value, '$[5]') AS source_service_sid,
        json_extract(value, '$[6]') AS target_service_sid
    FROM json_each(:pairs)
) p
LEFT JOIN counterparts k
    ON k.account_sid = :account AND k.source_sid = p.source_sid AND k.target_sid = p.target_sid
"""
"""What is known of a pair already (which run has created it, when, its name) stays known."""

REMOVE = """
UPDATE counterparts SET how = :removed
WHERE +account_sid = :account AND id IN (
    SELECT id FROM counterparts WHERE account_sid = :account AND target_sid = :sid
    UNION ALL SELECT id FROM counterparts WHERE target_service_sid = :sid
)
"""
"""The pair stays: reports go on to tell what a run had created."""

TARGET_IN_USE = """
SELECT coalesce(
    (SELECT target_sid FROM plan_services WHERE plan = :plan AND source_sid = :source_service),
    (SELECT target_sid FROM counterparts WHERE source_sid = :source_service AND run = :run AND account_sid = :account
        AND how != :removed ORDER BY id DESC LIMIT 1)
)
"""
LOOKUP = """
SELECT source_sid, target_sid FROM counterparts
WHERE account_sid = :account AND source_sid IN (SELECT value FROM json_each(:sids))
    AND target_service_sid = :target AND how != :removed
ORDER BY id
"""
CREATED_BESIDES = """
SELECT c.* FROM plan_steps p
CROSS JOIN counterparts c ON c.source_sid = p.item_sid
JOIN runs r ON r.id = c.run
WHERE p.plan = :plan AND p.action = 'create' AND c.how = :created AND c.account_sid = :account AND c.at >= :since
    AND r.plan IS NOT :plan
LIMIT 1
"""
OF_RUN = """
SELECT kind, CASE WHEN how = :created AND run != :run THEN :found ELSE how END AS how, name, source_sid, target_sid,
    source_service_sid, target_service_sid
FROM counterparts
WHERE account_sid = :account AND {column} IN (SELECT value FROM json_each(:wanted))
    AND source_service_sid = :source AND target_service_sid = (
        SELECT target_sid FROM counterparts WHERE account_sid = :account AND source_sid = :source
        ORDER BY run = :run DESC, id DESC LIMIT 1
    )
ORDER BY run = :run, id
"""


def add(connection: sqlite3.Connection, account_sid: str, run_id: int, pairs: Sequence[Counterpart]) -> None:
    """Add pairs within the caller's transaction; the newest pair of a source is the one that holds."""
    values = [
        [
            pair.kind,
            pair.how,
            storable(pair.name),
            pair.source_sid,
            pair.target_sid,
            pair.source_service_sid,
            pair.target_service_sid,
        ]
        for pair in pairs
    ]
    parameters = {
        "account": account_sid,
        "run": run_id,
        "at": now(),
        "removed": REMOVED,
        "pairs": json.dumps(values),
    }
    connection.execute(ADD, parameters)


def mark_removed(connection: sqlite3.Connection, account_sid: str, sid: str) -> None:
    """Note within the caller's transaction that an item, or a service and with it all its items, was deleted."""
    connection.execute(REMOVE, {"account": account_sid, "sid": sid, "removed": REMOVED})


def lookup(
    store: Store, target_account_sid: str, run: Run, source_service_sid: str, sids: Iterable[str]
) -> dict[str, str]:
    """Return Chat SID → SID of its counterpart in the Conversation Service that a run uses, as far as it is known.

    Args:
        store: the database.
        target_account_sid: the account that is written to.
        run: its plan's target counts; else what the run has created. What another run has created does not.
        source_service_sid: the Chat Service.
        sids: Chat SIDs of it and of what belongs to it.
    """
    where = {
        "account": target_account_sid,
        "run": run.id,
        "plan": run.plan,
        "source_service": source_service_sid,
        "removed": REMOVED,
    }
    target = store.value(TARGET_IN_USE, where)
    return {
        row["source_sid"]: row["target_sid"]
        for row in store.rows(
            LOOKUP,
            {
                "account": target_account_sid,
                "target": target,
                "removed": REMOVED,
                "sids": json.dumps(list(sids)),
            },
        )
    }


def is_claimed(store: Store, account_sid: str, sids: Iterable[str]) -> set[str]:
    """Return which SIDs of an account stand for a source item, or stood for one that was removed."""
    return _sids(
        store,
        "SELECT target_sid FROM counterparts WHERE account_sid = :account "
        "AND target_sid IN (SELECT value FROM json_each(:sids))",
        {"account": account_sid, "sids": json.dumps(list(sids))},
    )


def are_sources(store: Store, sids: Iterable[str]) -> set[str]:
    """Return which SIDs are those of items in any snapshot."""
    return _sids(
        store,
        "SELECT DISTINCT sid FROM items WHERE sid IN (SELECT value FROM json_each(:sids))",
        {"sids": json.dumps(list(sids))},
    )


def latest_created(store: Store, target_account_sid: str, source_sid: str) -> str | None:
    """Return the newest item in an account that a run has created for a source item and that is there, or None."""
    found = store.value(
        "SELECT target_sid FROM counterparts WHERE account_sid = :account AND source_sid = :sid "
        "AND how = :created ORDER BY id DESC LIMIT 1",
        {"account": target_account_sid, "sid": source_sid, "created": CREATED},
    )
    return str(found) if found else None


def is_created(store: Store, account_sid: str, sid: str) -> bool:
    """Whether a run has created an item of an account that no rollback has removed."""
    where = {"account": account_sid, "sid": sid, "created": CREATED}
    sql = "SELECT 1 FROM counterparts WHERE account_sid = :account AND target_sid = :sid AND how = :created LIMIT 1"
    return bool(store.value(sql, where))


def within(
    store: Store, account_sid: str, source_service_sid: str, target_service_sid: str, kinds: Iterable[str]
) -> dict[str, str]:
    """Return Chat SID → SID of its counterpart of some kinds in one Conversation Service, as far as it is there."""
    rows = store.rows(
        "SELECT source_sid, target_sid FROM counterparts WHERE account_sid = :account "
        "AND source_service_sid = :source AND target_service_sid = :target AND how != :removed "
        "AND kind IN (SELECT value FROM json_each(:kinds)) ORDER BY id",
        {
            "kinds": json.dumps(sorted(kinds)),
            "account": account_sid,
            "source": source_service_sid,
            "target": target_service_sid,
            "removed": REMOVED,
        },
    )
    return {row["source_sid"]: row["target_sid"] for row in rows}


def items_within(
    store: Store, account_sid: str, target_service_sid: str, kinds: Iterable[str]
) -> tuple[tuple[str, str], ...]:
    """Return kind and SID of what is known to be in one Conversation Service, of some kinds."""
    rows = store.rows(
        "SELECT DISTINCT kind, target_sid FROM counterparts WHERE target_service_sid = :target "
        "AND +account_sid = :account AND how != :removed AND kind IN (SELECT value FROM json_each(:kinds))",
        {
            "account": account_sid,
            "target": target_service_sid,
            "removed": REMOVED,
            "kinds": json.dumps(sorted(kinds)),
        },
    )
    return tuple((row["kind"], row["target_sid"]) for row in rows)


def of_run(store: Store, run: Run, source_service_sid: str, kinds: Iterable[str]) -> list[Counterpart]:
    """Return what a run knows to stand for what in one service, of some kinds, what was removed since among it.

    What another run has created, this one has found.
    """
    return _of_run(store, run, source_service_sid, "kind", kinds)


def of_items(store: Store, run: Run, source_service_sid: str, sids: Iterable[str]) -> list[Counterpart]:
    """Return what a run knows to stand for some items of one service, likewise."""
    return _of_run(store, run, source_service_sid, "source_sid", sids)


def _of_run(
    store: Store, run: Run, source_service_sid: str, column: str, wanted: Iterable[str]
) -> list[Counterpart]:
    rows = store.rows(
        OF_RUN.format(column=column),
        {
            "account": run.target_account_sid,
            "source": source_service_sid,
            "run": run.id,
            "created": CREATED,
            "found": FOUND,
            "wanted": json.dumps(sorted(wanted)),
        },
    )
    return [Counterpart(**row) for row in rows]


def created_besides(store: Store, plan: Plan) -> dict[str, Any] | None:
    """Return a pair that a run of another plan has created since, though this plan is to create it; None if none."""
    where = {"plan": plan.number, "account": plan.target_account_sid, "since": plan.created_at}
    return store.row(CREATED_BESIDES, {**where, "created": CREATED})


def current(store: Store, account_sid: str | None) -> Iterator[dict[str, Any]]:
    """Yield the pairs that hold now, of one target account or of all: of each source, those of the newest target."""
    return store.scan(
        "SELECT * FROM sid_map WHERE coalesce(:account, account_sid) = account_sid AND id > :id "
        "ORDER BY id LIMIT :limit",
        {"account": account_sid},
        after={"id": 0},
    )


def _sids(store: Store, sql: str, parameters: dict[str, Any]) -> set[str]:
    return {next(iter(row.values())) for row in store.rows(sql, parameters)}
