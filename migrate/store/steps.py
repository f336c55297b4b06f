"""The steps of a plan, in the order in which they are given out, and what each of them needs."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from migrate.core.errors import BadInput
from migrate.model.step import Action, Step
from migrate.store.database import Store, insert_all, to_json

BATCH = 1000
PHASE_BITS = 40
"""An ordinal is a step's phase and, in its lower bits, a number that grows from step to step."""
ADD_NEED = "INSERT INTO step_needs (plan, key, need) VALUES (?, ?, ?)"
NEEDS = """
SELECT n.key, n.need FROM json_each(:keys) wanted CROSS JOIN step_needs n ON n.plan = :plan AND n.key = wanted.value
ORDER BY 1, 2
"""


BY_KEYS = """
SELECT p.* FROM json_each(:keys) wanted CROSS JOIN plan_steps p ON p.plan = :plan AND p.key = wanted.value
ORDER BY wanted.key
"""


def add_steps(store: Store, number: int, account_sid: str, steps: Iterable[tuple[int, Step]]) -> None:
    """Add steps with their phases; those of a phase come in the order in which they were added.

    They are committed a thousand at a time, so that they need not all be there at once.
    """
    stream = iter(steps)
    while batch := list(islice(stream, BATCH)):
        with store.writing() as db:
            last = db.execute("SELECT coalesce(max(id), 0) FROM plan_steps").fetchone()[0]
            rows = [
                {
                    **_step_row(number, account_sid, step),
                    "phase": phase,
                    "ordinal": (phase << PHASE_BITS) + count,
                }
                for count, (phase, step) in enumerate(batch, last + 1)
            ]
            insert_all(db, "plan_steps", rows)
            needs = [(number, step.key, need) for _, step in batch for need in dict.fromkeys(step.needs)]
            db.conn.executemany(ADD_NEED, needs)


def steps(
    store: Store,
    number: int,
    source_sid: str | None = None,
    *,
    kinds: Collection[str] | None = None,
    newest_first: bool = False,
) -> Iterator[Step]:
    """Yield the steps of a plan, or of one of its services or of some kinds, in order, read a few at a time."""
    one = "" if source_sid is None else "AND source_sid = :source_sid "
    some = "" if kinds is None else "AND kind IN (SELECT value FROM json_each(:kinds)) "
    for rows in store.batches(
        f"SELECT * FROM plan_steps WHERE plan = :plan {one}{some}AND ordinal {'<' if newest_first else '>'} :ordinal "
        f"ORDER BY ordinal {'DESC ' if newest_first else ''}LIMIT :limit",
        {"plan": number, "source_sid": source_sid, "kinds": json.dumps(sorted(kinds or ()))},
        after={"ordinal": 1 << 62 if newest_first else -1},
    ):
        yield from _with_needs(store, number, rows)


def step(store: Store, number: int, key: str) -> Step:
    """Return one step.

    Raises:
        BadInput: the plan has none with this key.
    """
    found = by_keys(store, number, [key])
    if not found:
        raise BadInput(f"There is no step {key} in plan number {number} of {store.path}.")
    return found[0]


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


def by_keys(store: Store, number: int, keys: Sequence[str]) -> list[Step]:
    """Return some steps of a plan, in the order of their keys as given."""
    rows = store.rows(BY_KEYS, {"plan": number, "keys": json.dumps(keys)})
    return _with_needs(store, number, rows)


def _with_needs(store: Store, number: int, rows: Sequence[Mapping[str, Any]]) -> list[Step]:
    needs: dict[str, list[str]] = {}
    for row in store.rows(NEEDS, {"plan": number, "keys": json.dumps([row["key"] for row in rows])}):
        needs.setdefault(row["key"], []).append(row["need"])
    return [_step(row, tuple(needs.get(row["key"], ()))) for row in rows]


def _step_row(number: int, account_sid: str, step: Step) -> dict[str, Any]:
    return {
        "plan": number,
        "key": step.key,
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
