"""The last write of this database to each resource, which tells a stale reading from someone's edit, and the values
that Twilio refused to take with one, so that no later plan tries them again."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence

from migrate.core.clock import now
from migrate.model.state import OwnWrite
from migrate.model.step import Step
from migrate.store.codec import made
from migrate.store.database import Store, bound, insert, lists

SAVE = f"""
INSERT OR REPLACE INTO own_writes (account_sid, kind, target_sid, service_sid, before, sent, held, run, at)
SELECT :account, kind, target_sid, service_sid, before, sent, held, :run, :at
FROM {lists("writes", "kind", "target_sid", "service_sid", "before", "sent", "held")}
"""
WITHIN = """
SELECT * FROM own_writes INDEXED BY own_writes_of_service WHERE account_sid = :account
    AND service_sid = :sid AND kind IN (SELECT value FROM json_each(:kinds)) ORDER BY kind, target_sid
"""
TO_TARGETS = """
SELECT wanted.key AS step, o.* FROM json_each(:targets) wanted CROSS JOIN own_writes o
    ON o.account_sid = :account AND o.kind = json_extract(wanted.value, '$[0]')
    AND o.target_sid = json_extract(wanted.value, '$[1]')
"""


def save(connection: sqlite3.Connection, account_sid: str, run_id: int, writes: Sequence[OwnWrite]) -> None:
    """Keep writes within the caller's transaction, each in the place of the one before."""
    values = [list(bound(vars(write)).values()) for write in writes]
    connection.execute(SAVE, bound({"account": account_sid, "run": run_id, "at": now(), "writes": values}))


def forget(connection: sqlite3.Connection, account_sid: str, sid: str) -> None:
    """Forget within the caller's transaction what was written to an item, or a service and all in it, that is gone."""
    where = {"account": account_sid, "sid": sid}
    connection.execute("DELETE FROM own_writes WHERE account_sid = :account AND service_sid = :sid", where)
    connection.execute(
        "DELETE FROM own_writes WHERE account_sid = :account AND target_sid = :sid AND kind IN ("
        "SELECT kind FROM counterparts WHERE account_sid = :account AND target_sid = :sid)",
        where,
    )


def own_writes(
    store: Store, target_account_sid: str, service_sid: str, kinds: Iterable[str]
) -> list[OwnWrite]:
    """Return the last writes to a Conversation Service and to what belongs to it, of some kinds."""
    rows = store.rows(WITHIN, account=target_account_sid, sid=service_sid, kinds=kinds)
    return [made(OwnWrite, row) for row in rows]


def to_steps(store: Store, target_account_sid: str, steps: Iterable[Step]) -> dict[str, OwnWrite | None]:
    """Return key → the last write to what each step sets, or None; without those whose target is still to be found."""
    targets = {each.key: (each.kind, each.target_sid) for each in steps if each.target_sid}
    return _to(store, target_account_sid, targets)


def own_write(store: Store, target_account_sid: str, kind: str, target_sid: str) -> OwnWrite | None:
    """Return the last write to one resource, or None."""
    return _to(store, target_account_sid, {"": (kind, target_sid)})[""]


def _to(
    store: Store, target_account_sid: str, targets: Mapping[str, tuple[str, str]]
) -> dict[str, OwnWrite | None]:
    rows = store.rows(TO_TARGETS, account=target_account_sid, targets=targets)
    return {**dict.fromkeys(targets), **{row["step"]: made(OwnWrite, row) for row in rows}}


def remember(
    connection: sqlite3.Connection, account_sid: str, write: OwnWrite, values: Sequence[str]
) -> None:
    """Remember within the caller's transaction the values without which Twilio took a write."""
    facts = {"account_sid": account_sid, "target_sid": write.service_sid, "kind": write.kind, "at": now()}
    rows = [{**facts, "value": value} for value in values]
    insert(connection, "refusals", rows, unique=("target_sid", "kind", "value"))


def refused(store: Store, target_sid: str) -> frozenset[str]:
    """Return the values that Twilio has refused for a service."""
    rows = store.rows("SELECT value FROM refusals WHERE target_sid = :sid", sid=target_sid)
    return frozenset(row["value"] for row in rows)
