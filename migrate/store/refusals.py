"""Values that Twilio refuses for a resource, remembered so that no later plan tries them again."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable

from migrate.core.clock import now
from migrate.model.state import OwnWrite
from migrate.store.database import Store

REMEMBER = """
INSERT OR REPLACE INTO refusals (account_sid, target_sid, kind, value, at)
VALUES (:account_sid, :target_sid, :kind, :value, :at)
"""


def remember(
    connection: sqlite3.Connection, account_sid: str, write: OwnWrite, values: tuple[str, ...]
) -> None:
    """Remember within the caller's transaction what Twilio took a write without.

    Args:
        connection: of the writer.
        account_sid: the account of the target.
        write: that took effect.
        values: what it went without.
    """
    facts = {"account_sid": account_sid, "target_sid": write.service_sid, "kind": write.kind, "at": now()}
    connection.executemany(REMEMBER, [{**facts, "value": value} for value in values])


def refused(store: Store, target_sid: str) -> frozenset[str]:
    """Return the values that Twilio has refused for a service."""
    return refused_many(store, [target_sid]).get(target_sid, frozenset())


def refused_many(store: Store, target_sids: Iterable[str]) -> dict[str, frozenset[str]]:
    """Return service SID → the values that Twilio has refused for it, without those that have none."""
    rows = store.rows(
        "SELECT target_sid, value FROM refusals WHERE target_sid IN (SELECT value FROM json_each(:sids))",
        {"sids": json.dumps(list(target_sids))},
    )
    found: dict[str, set[str]] = {}
    for row in rows:
        found.setdefault(row["target_sid"], set()).add(row["value"])
    return {sid: frozenset(values) for sid, values in found.items()}
