"""The steps of a plan, in the order in which they are given out, and what each of them needs."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from migrate.core.errors import BadInput
from migrate.model.step import Action, Step
from migrate.store.database import Store, to_json

BATCH = 1000
ADD_STEP = """
INSERT INTO plan_steps (plan, key, phase, kind, action, account_sid, source_sid, item_sid, service_sid, target_sid,
    before, after, detail, reversible)
VALUES (:plan, :key, :phase, :kind, :action, :account_sid, :source_sid, :item_sid, :service_sid, :target_sid,
    :before, :after, :detail, :reversible)
"""
ADD_NEED = "INSERT INTO step_needs (plan, key, need) VALUES (?, ?, ?)"
NEEDS = """
SELECT key, need FROM step_needs WHERE plan = :plan
    AND key IN (SELECT value FROM json_each(:keys)) ORDER BY 1, 2
"""


def add_steps(store: Store, number: int, account_sid: str, steps: Iterable[tuple[int, Step]]) -> None:
    """Add steps with their phases; those of a phase come in the order in which they were added.

    They are committed a thousand at a time, so that they need not all be there at once.
    """
    stream = iter(steps)
    while batch := list(islice(stream, BATCH)):
        with store.writing() as db:
            db.conn.executemany(
                ADD_STEP, [_step_row(number, account_sid, phase, step) for phase, step in batch]
            )
            needs = [(number, step.key, need) for _, step in batch for need in dict.fromkeys(step.needs)]
            db.conn.executemany(ADD_NEED, needs)


def steps(
    store: Store, number: int, source_sid: str | None = None, *, kinds: Collection[str] | None = None
) -> Iterator[Step]:
    """Yield the steps of a plan, or of one of its services or of some kinds, in order, read a few at a time."""
    one = "" if source_sid is None else "AND source_sid = :source_sid "
    some = "" if kinds is None else "AND kind IN (SELECT value FROM json_each(:kinds)) "
    for rows in store.batches(
        f"SELECT * FROM plan_steps WHERE plan = :plan {one}{some}AND (phase, id) > (:phase, :id) "
        "ORDER BY phase, id LIMIT :limit",
        {"plan": number, "source_sid": source_sid, "kinds": json.dumps(sorted(kinds or ()))},
        after={"phase": -1, "id": 0},
    ):
        yield from with_needs(store, number, rows)


def step(store: Store, number: int, key: str) -> Step:
    """Return one step.

    Raises:
        BadInput: the plan has none with this key.
    """
    rows = store.rows(
        "SELECT * FROM plan_steps WHERE plan = :plan AND key = :key", {"plan": number, "key": key}
    )
    if not rows:
        raise BadInput(f"There is no step {key} in plan number {number} of {store.path}.")
    return with_needs(store, number, rows)[0]


def step_count(store: Store, number: int, source_sid: str | None = None) -> int:
    """Return how many steps a plan, or one of its services, has."""
    one = "" if source_sid is None else " AND source_sid = :source_sid"
    where = {"plan": number, "source_sid": source_sid}
    return int(store.value(f"SELECT count(*) FROM plan_steps WHERE plan = :plan{one}", where))


def source_sids_to_change(store: Store, number: int) -> Iterator[str]:
    """Yield the source SIDs of the services that have steps, in order."""
    rows = store.scan(
        "SELECT DISTINCT source_sid FROM plan_steps WHERE plan = :plan AND source_sid > :source_sid "
        "ORDER BY source_sid LIMIT :limit",
        {"plan": number},
        after={"source_sid": ""},
        chunk=BATCH,
    )
    return (row["source_sid"] for row in rows)


def with_needs(store: Store, number: int, rows: Sequence[Mapping[str, Any]]) -> list[Step]:
    """Return the steps that rows of their table describe, with what they need."""
    needs: dict[str, list[str]] = {}
    for row in store.rows(NEEDS, {"plan": number, "keys": json.dumps([row["key"] for row in rows])}):
        needs.setdefault(row["key"], []).append(row["need"])
    return [_step(row, tuple(needs.get(row["key"], ()))) for row in rows]


def _step_row(number: int, account_sid: str, phase: int, step: Step) -> dict[str, Any]:
    return {
        "plan": number,
        "key": step.key,
        "phase": phase,
        "kind": step.kind,
        "action": step.action.value,
        "account_sid": account_sid,
        "source_sid": step.source_sid,
        "item_sid": step.item_sid,
        "service_sid": step.service_sid,
        "target_sid": step.target_sid,
        "before": to_json(step.before),
        "after": to_json(step.after),
        "detail": to_json(step.detail),
        "reversible": int(step.reversible),
    }


def _step(row: Mapping[str, Any], needs: tuple[str, ...]) -> Step:
    return Step(
        key=row["key"],
        kind=row["kind"],
        action=Action(row["action"]),
        source_sid=row["source_sid"],
        item_sid=row["item_sid"],
        service_sid=row["service_sid"],
        target_sid=row["target_sid"],
        before=json.loads(row["before"]),
        after=json.loads(row["after"]),
        needs=needs,
        detail=json.loads(row["detail"]),
        reversible=bool(row["reversible"]),
    )
