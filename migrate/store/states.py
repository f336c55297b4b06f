"""Where the steps of a run stand, read from the row that each step's state has."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from migrate.model.state import Entry, Run, State, StepState
from migrate.store.database import Store

STATES = """
SELECT s.key, s.last, s.session, s.attempts, s.undecided, s.wrote, s.known, s.overwritten, s.given_up, j.state,
    j.message, j.status, j.code, j.request_id, j.seen
FROM step_state s JOIN journal j ON j.id = s.last
WHERE s.run = :run
"""
ABOUT = """
FROM plan_steps p WHERE p.plan = :plan AND (:undoes IS NULL OR EXISTS (
    SELECT 1 FROM step_state o WHERE o.run = :undoes AND o.key = p.key AND (o.wrote OR o.undecided)
))
"""
"""The steps that a run is about: a rollback is about those of which the other run has written something."""
DONE = f"""
SELECT count(*) FROM (SELECT p.source_sid, count(*) AS steps {ABOUT} GROUP BY p.source_sid) p
WHERE p.steps = (
    SELECT count(*) FROM step_state s
    WHERE s.run = :run AND s.source_sid = p.source_sid AND s.state IN ({{settled}})
)
"""


def sql_list(states: Collection[State]) -> str:
    """Return states as SQL has them in brackets behind IN."""
    return ", ".join(sorted(f"'{state.value}'" for state in states))


def state(store: Store, run: Run, key: str) -> StepState | None:
    """Return where a step stands, or None if nothing was done about it yet."""
    row = store.row(f"{STATES} AND s.key = :key", {"run": run.id, "key": key})
    return _state(row) if row else None


def states(
    store: Store, run: Run, source_sid: str, kinds: Collection[str] | None = None
) -> dict[str, StepState]:
    """Return where the steps of one service, or those of some kinds, stand; those never begun are left out."""
    some = "" if kinds is None else " AND s.kind IN (SELECT value FROM json_each(:kinds))"
    rows = store.rows(
        f"{STATES} AND s.source_sid = :sid{some}",
        {"run": run.id, "sid": source_sid, "kinds": json.dumps(sorted(kinds or ()))},
    )
    return {row["key"]: _state(row) for row in rows}


def item_counts(store: Store, run: Run | None, kind: str, source_sid: str, steps: int) -> dict[State, int]:
    """Return how many of a service's steps of one kind are in each state, `steps` in all."""
    rows = store.rows(
        "SELECT state, count(*) AS steps FROM step_state WHERE run = :run AND source_sid = :sid AND kind = :kind "
        "GROUP BY state",
        {"run": run.id if run else None, "sid": source_sid, "kind": kind},
    )
    found = {State(row["state"]): row["steps"] for row in rows}
    planned = steps - sum(found.values())
    return {State.PLANNED: planned, **found} if planned else found


def skip_reasons(store: Store, run: Run, kind: str, source_sid: str) -> dict[str, int]:
    """Return why a service's steps of one kind were skipped, and how many for each reason."""
    rows = store.rows(
        "SELECT j.message, count(*) AS steps FROM step_state s JOIN journal j ON j.id = s.last "
        "WHERE s.run = :run AND s.source_sid = :sid AND s.state = 'skipped' AND s.kind = :kind "
        "GROUP BY j.message ORDER BY 1",
        {"run": run.id, "sid": source_sid, "kind": kind},
    )
    return {row["message"]: row["steps"] for row in rows}


def states_by_key(store: Store, run: Run, keys: Collection[str]) -> dict[str, StepState]:
    """Return where some steps stand, by key; those about which nothing was done are left out."""
    rows = store.rows(
        f"{STATES} AND s.key IN (SELECT value FROM json_each(:keys))",
        {"run": run.id, "keys": json.dumps(list(keys))},
    )
    return {row["key"]: _state(row) for row in rows}


def counts(store: Store, run: Run) -> dict[str, int]:
    """Return how many steps of the run's plan it is about are in each state; those not begun are planned."""
    total: dict[str, int] = {}
    for by_state in counts_by_kind(store, run).values():
        for name, steps in by_state.items():
            total[name] = total.get(name, 0) + steps
    return dict(sorted(total.items()))


def counts_by_kind(store: Store, run: Run) -> dict[str, dict[str, int]]:
    """Return kind → how many steps of it are in each state."""
    found: dict[str, dict[str, int]] = {}
    for row in store.rows(
        "SELECT kind, state, count(*) AS steps FROM step_state WHERE run = :run GROUP BY kind, state",
        {"run": run.id},
    ):
        found.setdefault(row["kind"], {})[row["state"]] = row["steps"]
    for row in store.rows(
        f"SELECT p.kind, count(*) AS steps {ABOUT} GROUP BY p.kind", {"plan": run.plan, "undoes": run.undoes}
    ):
        by_state = found.setdefault(row["kind"], {})
        if planned := row["steps"] - sum(by_state.values()):
            by_state[State.PLANNED.value] = planned + by_state.get(State.PLANNED.value, 0)
    return {kind: dict(sorted(found[kind].items())) for kind in sorted(found)}


def services_done(store: Store, run: Run) -> tuple[int, int]:
    """Return of how many services all steps are settled, and how many services have steps."""
    where = {"plan": run.plan, "run": run.id, "undoes": run.undoes}
    done = store.value(DONE.format(settled=sql_list(run.settled)), where)
    total = store.value(f"SELECT count(DISTINCT p.source_sid) {ABOUT}", where)
    return int(done), int(total)


def has_other_outcomes(store: Store, run: Run) -> bool:
    """Whether a write went without values that Twilio refuses, or Twilio holds others than were sent."""
    sql = "SELECT 1 FROM step_state WHERE run = :run AND (state = :altered OR coalesce(given_up, '[]') != '[]') LIMIT 1"
    return bool(store.value(sql, {"run": run.id, "altered": State.ALTERED.value}))


def troubles(store: Store, run: Run, limit: int | None = None) -> Iterator[tuple[str, StepState]]:
    """Yield the steps that something was done about and that are not settled, newest first: key and state."""
    newest = {"last": 1 << 62}
    rows = store.scan(
        f"{STATES} AND s.state NOT IN ({sql_list(run.settled)}) AND s.last < :last ORDER BY s.last DESC LIMIT :limit",
        {"run": run.id},
        after=newest,
    )
    for number, row in enumerate(rows):
        if number == limit:
            return
        yield row["key"], _state(row)


def history_of(store: Store, run_id: int, key: str) -> list[Entry]:
    """Return all that a run's journal says of one step, oldest first."""
    rows = store.rows(
        "SELECT state, message, status, code, request_id, seen FROM journal "
        "WHERE run = :run AND key = :key ORDER BY id",
        {"run": run_id, "key": key},
    )
    return [_entry(row) for row in rows]


def _state(row: Mapping[str, Any]) -> StepState:
    return StepState(
        last=_entry(row),
        session=row["session"],
        attempts=row["attempts"],
        undecided=row["undecided"],
        known=tuple(json.loads(row["known"])) if row["known"] is not None else None,
        overwritten=json.loads(row["overwritten"]) if row["overwritten"] is not None else None,
        given_up=tuple(json.loads(row["given_up"])) if row["given_up"] is not None else (),
        wrote=bool(row["wrote"] or row["undecided"]),
    )


def _entry(row: Mapping[str, Any]) -> Entry:
    return Entry(
        state=State(row["state"]),
        message=row["message"],
        status=row["status"],
        code=row["code"],
        request_id=row["request_id"],
        seen=json.loads(row["seen"]) if row["seen"] else None,
    )
