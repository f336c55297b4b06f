"""Which item of a target account stands for which item of the source, newest last."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Iterator

from migrate.core.clock import now
from migrate.model.plan import Plan
from migrate.model.state import CREATED, FOUND, REMOVED, Counterpart, Run
from migrate.store.codec import made
from migrate.store.database import Row, Store, bound, lists

PAIR = ("kind", "how", "name", "source_sid", "target_sid", "source_service_sid", "target_service_sid")
ADD = f"""
INSERT OR REPLACE INTO counterparts (account_sid, kind, how, name, source_sid, target_sid, source_service_sid,
    target_service_sid, run, at)
SELECT :account, p.kind, CASE coalesce(k.how, '{REMOVED}') WHEN '{REMOVED}' THEN p.how ELSE k.how END,
    coalesce(nullif(p.name, ''), k.name, ''), p.source_sid, p.target_sid, p.source_service_sid,
    p.target_service_sid, coalesce(k.run, :run), coalesce(k.at, :at)
FROM {lists("pairs", *PAIR)} p
LEFT JOIN counterparts k
    ON k.account_sid = :account AND k.source_sid = p.source_sid AND k.target_sid = p.target_sid
"""
"""What is known of a pair already (which run has created it, when, its name) stays known."""
REMOVE = f"""
UPDATE counterparts SET how = '{REMOVED}'
WHERE +account_sid = :account AND id IN (
    SELECT id FROM counterparts WHERE account_sid = :account AND target_sid = :sid
    UNION ALL SELECT id FROM counterparts WHERE target_service_sid = :sid
)
"""
"""The pair stays: reports go on to tell what a run had created."""
PLANNED = "(SELECT target_sid FROM plan_services WHERE plan = :plan AND source_sid = :source)"
"""The target that the plan of a run knows; NULL if the run is to create it."""
TARGET_IN_USE = f"""
SELECT coalesce({PLANNED}, (
    SELECT target_sid FROM counterparts WHERE source_sid = :source AND run = :run AND account_sid = :account
        AND how != '{REMOVED}'
))
"""
LOOKUP = f"""
SELECT source_sid, target_sid FROM counterparts
WHERE account_sid = :account AND source_sid IN (SELECT value FROM json_each(:sids))
    AND target_service_sid = :target AND how != '{REMOVED}'
ORDER BY id
"""
WITHIN = f"""
SELECT source_sid, target_sid FROM counterparts
WHERE account_sid = :account AND source_service_sid = :source AND target_service_sid = :target
    AND how != '{REMOVED}' AND kind IN (SELECT value FROM json_each(:kinds))
ORDER BY id
"""
ITEMS_WITHIN = f"""
SELECT DISTINCT kind, target_sid FROM counterparts WHERE target_service_sid = :target
    AND +account_sid = :account AND how != '{REMOVED}' AND kind IN (SELECT value FROM json_each(:kinds))
"""
CREATED_AS = f"SELECT target_sid FROM counterparts WHERE account_sid = :account AND how = '{CREATED}'"
CREATED_BESIDES = f"""
SELECT c.* FROM plan_steps p
CROSS JOIN counterparts c ON c.source_sid = p.item_sid
JOIN runs r ON r.id = c.run
WHERE p.plan = :plan AND p.action = 'create' AND c.how = '{CREATED}' AND c.account_sid = :account
    AND c.at >= :since AND r.plan IS NOT :plan
LIMIT 1
"""
OF_RUN = f"""
SELECT kind, CASE WHEN how = '{CREATED}' AND run != :run THEN '{FOUND}' ELSE how END AS how, name, source_sid,
    target_sid, source_service_sid, target_service_sid
FROM counterparts
WHERE account_sid = :account AND {{column}} IN (SELECT value FROM json_each(:wanted))
    AND source_service_sid = :source AND target_service_sid = coalesce({PLANNED}, (
        SELECT target_sid FROM counterparts WHERE account_sid = :account AND source_sid = :source
        ORDER BY run = :run DESC, id DESC LIMIT 1
    ))
ORDER BY run = :run, id
"""


def add(connection: sqlite3.Connection, account_sid: str, run_id: int, pairs: Iterable[Counterpart]) -> None:
    """Add pairs within the caller's transaction; the newest pair of a source is the one that holds."""
    values = [list(bound(vars(pair)).values()) for pair in pairs]
    connection.execute(ADD, bound({"account": account_sid, "run": run_id, "at": now(), "pairs": values}))


def mark_removed(connection: sqlite3.Connection, account_sid: str, sid: str) -> None:
    """Note within the caller's transaction that an item, or a service and with it all its items, was deleted."""
    connection.execute(REMOVE, {"account": account_sid, "sid": sid})


def has_history(store: Store) -> bool:
    """Whether a run has written, found or created anything, in whatever account."""
    sql = "SELECT EXISTS (SELECT 1 FROM journal) OR EXISTS (SELECT 1 FROM counterparts) AS found"
    return bool(store.value(sql))


def lookup(
    store: Store, target_account_sid: str, run: Run, source_service_sid: str, sids: Iterable[str]
) -> dict[str, str]:
    """Return Chat SID → SID of its counterpart in the Conversation Service that a run uses, as far as it is known.

    What counts is the target in the run's plan, else what the run has created, never what another run has.
    """
    account, source = target_account_sid, source_service_sid
    target = store.value(TARGET_IN_USE, account=account, run=run.id, plan=run.plan, source=source)
    rows = store.rows(LOOKUP, account=account, target=target, sids=sids)
    return {row["source_sid"]: row["target_sid"] for row in rows}


def is_claimed(store: Store, account_sid: str, sids: Iterable[str]) -> set[str]:
    """Return which SIDs of an account stand for a source item, or stood for one that was removed."""
    where = "account_sid = :account AND target_sid IN (SELECT value FROM json_each(:sids))"
    rows = store.rows(f"SELECT target_sid FROM counterparts WHERE {where}", account=account_sid, sids=sids)
    return {row["target_sid"] for row in rows}


def are_sources(store: Store, sids: Iterable[str]) -> set[str]:
    """Return which SIDs are those of items in any snapshot."""
    sql = "SELECT DISTINCT sid FROM items WHERE sid IN (SELECT value FROM json_each(:sids))"
    return {row["sid"] for row in store.rows(sql, sids=sids)}


def latest_created(store: Store, target_account_sid: str, source_sid: str) -> str | None:
    """Return the newest item in an account that a run has created for a source item and that is there, or None."""
    sql = f"{CREATED_AS} AND source_sid = :sid ORDER BY id DESC LIMIT 1"
    found: str | None = store.value(sql, account=target_account_sid, sid=source_sid)
    return found


def is_created(store: Store, account_sid: str, sid: str) -> bool:
    """Whether a run has created an item of an account that no rollback has removed."""
    return store.row(f"{CREATED_AS} AND target_sid = :sid LIMIT 1", account=account_sid, sid=sid) is not None


def within(
    store: Store, account_sid: str, source_service_sid: str, target_service_sid: str, kinds: Collection[str]
) -> dict[str, str]:
    """Return Chat SID → SID of its counterpart of some kinds in one Conversation Service, as far as it is there."""
    places = {"source": source_service_sid, "target": target_service_sid}
    rows = store.rows(WITHIN, account=account_sid, kinds=kinds, **places)
    return {row["source_sid"]: row["target_sid"] for row in rows}


def items_within(
    store: Store, account_sid: str, target_service_sid: str, kinds: Collection[str]
) -> tuple[tuple[str, str], ...]:
    """Return kind and SID of what is known to be in one Conversation Service, of some kinds."""
    rows = store.rows(ITEMS_WITHIN, account=account_sid, target=target_service_sid, kinds=kinds)
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
    facts = {"account": run.target_account_sid, "source": source_service_sid, "run": run.id, "plan": run.plan}
    rows = store.rows(OF_RUN.format(column=column), wanted=wanted, **facts)
    return [made(Counterpart, row) for row in rows]


def created_besides(store: Store, plan: Plan) -> Row | None:
    """Return a pair that a run of another plan has created since, though this plan is to create it; None if none."""
    account, since = plan.target_account_sid, plan.created_at
    return store.row(CREATED_BESIDES, plan=plan.number, account=account, since=since)


def current(store: Store, account_sid: str | None) -> Iterator[Row]:
    """Yield the pairs that hold now, of one target account or of all: of each source, those of the newest target."""
    sql = "SELECT * FROM sid_map WHERE coalesce(:account, account_sid) = account_sid AND id > :id"
    return store.scan(f"{sql} ORDER BY id LIMIT :limit", after={"id": 0}, account=account_sid)
