"""The last write of this database to each resource: what tells a stale reading from someone's edit."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from migrate.core.clock import now
from migrate.model.state import OwnWrite
from migrate.model.step import Step
from migrate.store.database import Store, to_json

SAVE = """
INSERT OR REPLACE INTO own_writes (account_sid, kind, target_sid, service_sid, before, sent, held, run, at)
SELECT :account, json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]'),
    json_extract(value, '$[3]'), json_extract(value, '$[4]'), json_extract(value, '$[5]'), :run, :at
FROM json_each(:writes)
"""


def save(connection: sqlite3.Connection, account_sid: str, run_id: int, writes: Sequence[OwnWrite]) -> None:
    """Keep writes within the caller's transaction, each in the place of the one before."""
    values = [
        [
            write.kind,
            write.target_sid,
            write.service_sid,
            to_json(write.before),
            to_json(write.sent),
            to_json(write.held),
        ]
        for write in writes
    ]
    parameters = {"account": account_sid, "run": run_id, "at": now(), "writes": json.dumps(values)}
    connection.execute(SAVE, parameters)


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
    rows = store.rows(
        "SELECT * FROM own_writes INDEXED BY own_writes_of_service WHERE account_sid = :account "
        "AND service_sid = :sid AND kind IN (SELECT value FROM json_each(:kinds)) ORDER BY kind, target_sid",
        {"account": target_account_sid, "sid": service_sid, "kinds": json.dumps(sorted(kinds))},
    )
    return [_own_write(row) for row in rows]


def to_steps(store: Store, target_account_sid: str, steps: Iterable[Step]) -> dict[str, OwnWrite | None]:
    """Return key → the last write to what each step sets, or None; without those whose target is still to be found."""
    return _to(
        store,
        target_account_sid,
        {each.key: (each.kind, each.target_sid) for each in steps if each.target_sid},
    )


def own_write(store: Store, target_account_sid: str, kind: str, target_sid: str) -> OwnWrite | None:
    """Return the last write to one resource, or None."""
    return _to(store, target_account_sid, {"": (kind, target_sid)})[""]


def _to(
    store: Store, target_account_sid: str, targets: Mapping[str, tuple[str, str]]
) -> dict[str, OwnWrite | None]:
    rows = store.rows(
        "SELECT wanted.key AS step, o.* FROM json_each(:targets) wanted CROSS JOIN own_writes o "
        "ON o.account_sid = :account AND o.kind = json_extract(wanted.value, '$[0]') "
        "AND o.target_sid = json_extract(wanted.value, '$[1]')",
        {"account": target_account_sid, "targets": json.dumps(targets)},
    )
    return {**dict.fromkeys(targets), **{row["step"]: _own_write(row) for row in rows}}


def _own_write(row: Mapping[str, Any]) -> OwnWrite:
    return OwnWrite(
        kind=row["kind"],
        target_sid=row["target_sid"],
        service_sid=row["service_sid"],
        before=json.loads(row["before"]),
        sent=json.loads(row["sent"]),
        held=json.loads(row["held"]),
    )
