"""Values that Twilio refuses for a resource, remembered so that no later plan tries them again."""

from __future__ import annotations

import json
from collections.abc import Iterable

from migrate.core.clock import now
from migrate.model.state import Entry
from migrate.store.database import Store, storable

REMEMBER = """
INSERT OR REPLACE INTO refusals (account_sid, target_sid, kind, value, code, message, at)
VALUES (:account_sid, :target_sid, :kind, :value, :code, :message, :at)
"""


def remember(
    store: Store, account_sid: str, target_sid: str, kind: str, values: tuple[str, ...], entry: Entry
) -> None:
    """Remember values of a kind's resource that Twilio refuses for a service.

    Args:
        store: the database.
        account_sid: the account of the target.
        target_sid: the Conversation Service.
        kind: the name of the kind.
        values: what was refused.
        entry: Twilio's answer.
    """
    rows = [
        {
            "account_sid": account_sid,
            "target_sid": target_sid,
            "kind": kind,
            "value": value,
            "code": entry.code,
            "message": storable(entry.message),
            "at": now(),
        }
        for value in values
    ]
    with store.writing() as db:
        db.conn.executemany(REMEMBER, rows)


def forget(store: Store, target_sid: str, kind: str, values: tuple[str, ...]) -> None:
    """Forget values that turned out not to be what Twilio refused."""
    with store.writing() as db:
        db.execute(
            "DELETE FROM refusals WHERE target_sid = :target AND kind = :kind "
            "AND value IN (SELECT value FROM json_each(:values))",
            {"target": target_sid, "kind": kind, "values": json.dumps(values)},
        )


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


def count_since(store: Store, account_sid: str, moment: str) -> int:
    """Return how many values Twilio has refused in an account since a moment, as far as they are remembered."""
    return int(
        store.value(
            "SELECT count(*) FROM refusals WHERE account_sid = :account AND at >= :moment",
            {"account": account_sid, "moment": moment},
        )
    )
