"""Runs: how each one was started, how far it and each of its steps has come, and which one is meant."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from migrate.core.clock import now
from migrate.model.plan import Plan
from migrate.model.state import Counterpart, Entry, Leftover, Run, State, StepState
from migrate.model.step import Step
from migrate.store import counterparts, plans
from migrate.store.codec import made
from migrate.store.database import Row, Store, insert, there

Json = Any
BATCH = 1000
UNDECIDED_CREATE = """
SELECT max(r.id) FROM runs r
JOIN step_state s ON s.run = r.id AND s.undecided > 0
JOIN plan_steps p ON p.plan = r.plan AND p.key = s.key AND p.action = 'create'
WHERE r.undoes IS NULL AND :account IN (r.target_account_sid, r.account_sid) AND coalesce(:run, r.id) = r.id
"""
STATES = """
SELECT s.key, s.last, s.session, s.attempts, s.undecided, s.wrote OR s.undecided AS wrote, s.known, s.overwritten,
    coalesce(s.given_up, '[]') AS given_up, j.state, j.message, j.status, j.code, j.request_id, j.seen
FROM step_state s JOIN journal j ON j.id = s.last
WHERE s.run = :run
"""
WRITTEN = (
    "EXISTS (SELECT 1 FROM step_state o WHERE o.run = :undoes AND o.key = {key} AND (o.wrote OR o.undecided))"
)
"""Whether the run that a rollback undoes may have written the step with a key."""
ABOUT = f"FROM plan_steps p WHERE p.plan = :plan AND (:undoes IS NULL OR {WRITTEN.format(key='p.key')})"
"""The steps that a run is about: a rollback is about those of which the other run has written something."""
DONE = f"""
SELECT count(*) FROM (SELECT p.source_sid, count(*) AS steps {ABOUT} GROUP BY p.source_sid) p
WHERE p.steps = (
    SELECT count(*) FROM step_state s
    WHERE s.run = :run AND s.source_sid = p.source_sid AND s.state IN ({{settled}})
)
"""
TO_UNDO = """
undoes IS NULL AND account_sid = :account
AND EXISTS (SELECT 1 FROM step_state s WHERE s.run = runs.id AND (s.wrote OR s.undecided))
AND id NOT IN (SELECT undoes FROM runs WHERE undoes IS NOT NULL AND finished_at IS NOT NULL)
"""

HISTORY = """
SELECT 'snapshot' AS what, CAST(id AS TEXT) AS id, account_sid, taken_at AS at, source AS detail,
    CASE WHEN completed_at IS NULL THEN 'unfinished' ELSE 'finished' END AS state,
    CASE WHEN completed_at IS NULL THEN '{}' ELSE json_object('services', services) END AS counts, NULL AS undoes
FROM snapshots WHERE coalesce(:account, account_sid) = account_sid
UNION ALL
SELECT 'plan', coalesce(id, ''), account_sid, created_at, target,
    CASE WHEN completed_at IS NULL THEN 'unfinished' ELSE 'finished' END,
    CASE WHEN completed_at IS NULL THEN '{}' ELSE json_object('services', services, 'services_to_change',
        services_to_change, 'changes', changes, 'steps', steps) END, NULL
FROM plans WHERE coalesce(:account, account_sid) = account_sid
UNION ALL
SELECT 'run', CAST(id AS TEXT), account_sid, started_at, command,
    CASE WHEN finished_at IS NULL THEN phase ELSE 'finished' END, '{}', undoes
FROM runs WHERE coalesce(:account, account_sid) = account_sid
"""


@dataclass(frozen=True)
class Happened:
    """One line of the database's history.

    Attributes:
        what: `snapshot`, `plan` or `run`.
        id: what other commands call it.
        at: when it was begun, ISO 8601, UTC.
        detail: `live` or `file` for a snapshot, the target for a plan, the command for a run.
        state: `finished`, or what it stopped at: `unfinished`, or the phase of a run.
        counts: how many things of each sort it holds: services, steps, steps by state.
    """

    what: str
    id: str
    account_sid: str
    at: str
    detail: str
    state: str
    counts: Mapping[str, int]
    undoes: int | None = None


def start(  # noqa: PLR0913 - a run is all of this
    store: Store,
    *,
    account_sid: str,
    target_account_sid: str,
    command: str,
    phase: str,
    plan: Plan | None,
    options: Mapping[str, Json],
    undoes: Run | None = None,
) -> Run:
    """Begin a run, or the rollback of one.

    Args:
        command: `run`, `apply` or `rollback`.
        phase, options: see `Run`.
        plan: what it executes; None while a `run` has none.
        undoes: the run that it rolls back.
    """
    row = {
        "account_sid": account_sid,
        "target_account_sid": target_account_sid,
        "command": command,
        "phase": phase,
        "plan": plan.number if plan else None,
        "options": options,
        "sessions": 0,
        "started_at": now(),
        "undoes": undoes.id if undoes else None,
    }
    with store.writing() as db:
        run_id = insert(db.conn, "runs", [row])
    return get(store, run_id)


def set_phase(
    store: Store, run: Run, phase: str, *, plan: Plan | None = None, snapshot: int | None = None
) -> Run:
    """Note how far a run has come, with the plan or snapshot that it has from now on; return it as it is now."""
    known = {"plan": plan.number if plan else None, "snapshot": snapshot}
    changes = {name: value for name, value in known.items() if value is not None}
    with store.writing() as db:
        db.table("runs").update(run.id, {"phase": phase, **changes})
    return get(store, run.id)


def sessions(store: Store, run: Run) -> int:
    """Return how many times a run that has a plan was started or resumed."""
    return int(store.value("SELECT sessions FROM runs WHERE id = :run", run=run.id))


def new_session(store: Store, run: Run) -> int:
    """Count one more start of a run, the first or a resume, and return its number."""
    with store.writing() as db:
        db.execute("UPDATE runs SET sessions = sessions + 1 WHERE id = ?", [run.id])
        return sessions(store, run)


def finish(store: Store, run: Run) -> None:
    """Mark a run as finished: nothing is left to do."""
    with store.writing() as db:
        db.table("runs").update(run.id, {"phase": "done", "finished_at": now()})


def known_pairs(store: Store, run: Run, pairs: Iterable[Counterpart]) -> None:
    """Note what a run's plan knows to stand for what, a thousand pairs in a transaction."""
    stream = iter(pairs)
    while batch := list(islice(stream, BATCH)):
        with store.writing() as db:
            counterparts.add(db.conn, run.target_account_sid, run.id, batch)


def get(store: Store, run_id: int) -> Run:
    """Return a run, or raise BadInput if there is none with this id."""
    found = _find(store, "id = :id", id=run_id)
    return there(found, f"There is no run {run_id} in {store.path}. `chat-migrate history` lists the runs.")


def find_latest(store: Store, account_sid: str | None) -> Run | None:
    """Return the newest run of an account, or of any with None; None if there is none."""
    return _find(store, "true" if account_sid is None else "account_sid = :account", account=account_sid)


def find_unfinished(store: Store, account_sid: str) -> Run | None:
    """Return the newest run of an account if something is left of it, else one with creates that nobody decided."""
    newest = find_latest(store, account_sid)
    if newest is not None and newest.finished_at is None:
        return newest
    return undecided_create(store, account_sid)


def find_latest_of(store: Store, plan: Plan) -> Run | None:
    """Return the newest run that executes a plan, or None."""
    return _find(store, "plan = :plan AND undoes IS NULL", plan=plan.number)


def find_rollback_of(store: Store, run: Run) -> Run | None:
    """Return the newest rollback of a run, or None."""
    return _find(store, "undoes = :run", run=run.id)


def find_latest_to_undo(store: Store, account_sid: str) -> Run | None:
    """Return the newest run of an account that may have written and that no finished rollback has undone, or None."""
    return _find(store, TO_UNDO, account=account_sid)


def older_writes(store: Store, run: Run) -> tuple[int, ...]:
    """Return the earlier runs of the same account that may have written and that no rollback has undone."""
    sql = f"SELECT id FROM runs WHERE {TO_UNDO} AND id < :run ORDER BY id DESC"
    return tuple(row["id"] for row in store.rows(sql, account=run.account_sid, run=run.id))


def undecided_create(store: Store, account_sid: str, run: Run | None = None) -> Run | None:
    """Return the newest run of a source or target account, or the given one, in which a create is not decided."""
    found = store.value(UNDECIDED_CREATE, account=account_sid, run=run.id if run else None)
    return get(store, found) if found else None


def lost_creates(store: Store, run: Run) -> Iterator[tuple[Step, StepState]]:
    """Yield the creates of a run of which more than one request was announced, or an answer was lost."""
    return _steps_where(store, run, "p.action = 'create' AND (s.attempts > 1 OR s.undecided > 0)")


def note_leftovers(store: Store, run: Run, leftovers: Iterable[Leftover]) -> None:
    """Note what a run has found that stands for nothing, in the place of what an earlier session has noted."""
    facts = {"run": run.id, "account_sid": run.target_account_sid}
    rows = [{**facts, **vars(found)} for found in leftovers]
    with store.writing() as db:
        db.execute("DELETE FROM leftovers WHERE run = ?", [run.id])
        insert(db.conn, "leftovers", rows)


def leftovers(store: Store, run: Run) -> list[Leftover]:
    """Return what the last session of a run has found that stands for nothing."""
    rows = store.rows("SELECT * FROM leftovers WHERE run = :run ORDER BY sid", run=run.id)
    return [made(Leftover, row) for row in rows]


def history(store: Store, account_sid: str | None) -> list[Happened]:
    """Return the snapshots, plans and runs of an account, or of all with None, oldest first."""
    found = [made(Happened, row) for row in store.rows(HISTORY, account=account_sid)]
    return sorted((_counted(store, each) for each in found), key=lambda each: each.at)


def _counted(store: Store, found: Happened) -> Happened:
    """Return one line of the history, with the steps of its run by state."""
    run = get(store, int(found.id)) if found.what == "run" else None
    return replace(found, counts=counts(store, run)) if run and run.plan else found


def _find(store: Store, where: str, **values: Any) -> Run | None:
    row = store.row(f"SELECT * FROM runs WHERE {where} ORDER BY id DESC LIMIT 1", **values)
    return made(Run, row) if row else None


def sql_list(states: Collection[State]) -> str:
    """Return states as SQL has them in brackets behind IN."""
    return ", ".join(sorted(f"'{state.value}'" for state in states))


def state(store: Store, run: Run, key: str) -> StepState | None:
    """Return where a step stands, or None if nothing was done about it yet."""
    row = store.row(f"{STATES} AND s.key = :key", run=run.id, key=key)
    return _state(row) if row else None


def states(
    store: Store, run: Run, source_sids: Collection[str], kinds: Collection[str]
) -> dict[str, StepState]:
    """Return where the steps of some kinds in some services stand, by key; those never begun are left out."""
    where = "s.source_sid IN (SELECT value FROM json_each(:sids)) AND s.kind IN (SELECT value FROM json_each(:kinds))"
    rows = store.rows(f"{STATES} AND {where}", run=run.id, sids=source_sids, kinds=kinds)
    return {row["key"]: _state(row) for row in rows}


def item_counts(store: Store, run: Run | None, kind: str, source_sid: str, steps: int) -> dict[State, int]:
    """Return how many of a service's steps of one kind are in each state, `steps` in all."""
    sql = "SELECT state, count(*) AS steps FROM step_state WHERE run = :run AND source_sid = :sid AND kind = :kind"
    rows = store.rows(f"{sql} GROUP BY state", run=run.id if run else None, sid=source_sid, kind=kind)
    found = {State(row["state"]): row["steps"] for row in rows}
    planned = steps - sum(found.values())
    return {State.PLANNED: planned, **found} if planned else found


def skip_reasons(store: Store, run: Run, kind: str, source_sid: str) -> dict[str, int]:
    """Return why a service's steps of one kind were skipped, and how many for each reason."""
    sql = (
        "SELECT j.message, count(*) AS steps FROM step_state s JOIN journal j ON j.id = s.last "
        "WHERE s.run = :run AND s.source_sid = :sid AND s.state = 'skipped' AND s.kind = :kind "
        "GROUP BY j.message ORDER BY 1"
    )
    rows = store.rows(sql, run=run.id, sid=source_sid, kind=kind)
    return {row["message"]: row["steps"] for row in rows}


def states_by_key(store: Store, run: Run, keys: Collection[str]) -> dict[str, StepState]:
    """Return where some steps stand, by key; those about which nothing was done are left out."""
    rows = store.rows(f"{STATES} AND s.key IN (SELECT value FROM json_each(:keys))", run=run.id, keys=keys)
    return {row["key"]: _state(row) for row in rows}


def with_states(
    store: Store, run: Run | None, steps: Iterable[Step]
) -> Iterator[tuple[Step, StepState | None]]:
    """Yield steps with where they stand in a run, a batch at a time; None where nothing was done, or without a run."""
    stream = iter(steps)
    while batch := list(islice(stream, BATCH)):
        found = states_by_key(store, run, [each.key for each in batch]) if run else {}
        yield from ((each, found.get(each.key)) for each in batch)


def steps_in(
    store: Store, run: Run, source_sid: str, kinds: Collection[str], states: Collection[State]
) -> Iterator[tuple[Step, StepState]]:
    """Yield the steps of some kinds in one service that stand in some states, in order, with where they stand."""
    some = f"s.state IN ({sql_list(states)}) AND s.kind IN (SELECT value FROM json_each(:kinds))"
    return _steps_where(store, run, f"s.source_sid = :sid AND {some}", sid=source_sid, kinds=kinds)


def _steps_where(store: Store, run: Run, where: str, **values: Any) -> Iterator[tuple[Step, StepState]]:
    sql = (
        "SELECT p.plan, p.ordinal, p.key FROM step_state s JOIN plan_steps p ON p.plan = :plan AND p.key = s.key "
        f"WHERE s.run = :run AND {where} AND p.ordinal > :ordinal ORDER BY p.ordinal LIMIT :limit"
    )
    for rows in store.batches(sql, after={"ordinal": -1}, run=run.id, plan=run.plan, **values):
        keys = [row["key"] for row in rows]
        found = states_by_key(store, run, keys)
        for step in plans.steps_by_key(store, rows[0]["plan"], keys):
            yield step, found[step.key]


def counts(store: Store, run: Run) -> dict[str, int]:
    """Return how many steps of the run's plan it is about are in each state; those not begun are planned."""
    total: Counter[str] = Counter()
    for by_state in counts_by_kind(store, run).values():
        total.update(by_state)
    return dict(sorted(total.items()))


def counts_by_kind(store: Store, run: Run) -> dict[str, dict[str, int]]:
    """Return kind → how many steps of it are in each state."""
    found: dict[str, dict[str, int]] = {}
    sql = "SELECT kind, state, count(*) AS steps FROM step_state WHERE run = :run GROUP BY kind, state"
    for row in store.rows(sql, run=run.id):
        found.setdefault(row["kind"], {})[row["state"]] = row["steps"]
    sql = f"SELECT p.kind, count(*) AS steps {ABOUT} GROUP BY p.kind"
    for row in store.rows(sql, plan=run.plan, undoes=run.undoes):
        by_state = found.setdefault(row["kind"], {})
        if planned := row["steps"] - sum(by_state.values()):
            by_state[State.PLANNED.value] = planned + by_state.get(State.PLANNED.value, 0)
    return {kind: dict(sorted(found[kind].items())) for kind in sorted(found)}


def services_done(store: Store, run: Run) -> tuple[int, int]:
    """Return of how many services all steps are settled, and how many services have steps."""
    where = {"plan": run.plan, "run": run.id, "undoes": run.undoes}
    done = store.value(DONE.format(settled=sql_list(run.settled)), **where)
    total = store.value(f"SELECT count(DISTINCT p.source_sid) {ABOUT}", **where)
    return int(done), int(total)


def is_left_within(store: Store, run: Run, source_sids: Collection[str]) -> bool:
    """Whether a resume of a run would still do something in some services: what has drifted is left."""
    state = "SELECT s.state FROM step_state s WHERE s.run = :run AND s.key = p.key"
    left = f"coalesce(({state}), 'planned') NOT IN ({sql_list(run.settled | {State.DRIFTED})})"
    sql = f"SELECT 1 {ABOUT} AND p.source_sid IN (SELECT value FROM json_each(:sids)) AND {left} LIMIT 1"
    return store.row(sql, plan=run.plan, run=run.id, undoes=run.undoes, sids=source_sids) is not None


def has_other_outcomes(store: Store, run: Run) -> bool:
    """Whether a write went without values that Twilio refuses, or Twilio holds others than were sent."""
    sql = "SELECT 1 FROM step_state WHERE run = :run AND (state = :altered OR coalesce(given_up, '[]') != '[]') LIMIT 1"
    return store.row(sql, run=run.id, altered=State.ALTERED) is not None


def troubles(store: Store, run: Run, limit: int | None = None) -> Iterator[tuple[str, StepState]]:
    """Yield the steps that something was done about and that are not settled, newest first: key and state."""
    sql = f"{STATES} AND s.state NOT IN ({sql_list(run.settled)}) AND s.last < :last"
    rows = store.scan(f"{sql} ORDER BY s.last DESC LIMIT :limit", after={"last": 1 << 62}, run=run.id)
    return ((row["key"], _state(row)) for row in islice(rows, limit))


def _state(row: Row) -> StepState:
    return made(StepState, row, last=made(Entry, row))
