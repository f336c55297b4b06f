"""Runs: how each one was started, how far it has come, and which one is meant."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from migrate.core.clock import now
from migrate.core.errors import BadInput
from migrate.model.plan import Plan
from migrate.model.state import Counterpart, Leftover, Run, StepState
from migrate.model.step import Step
from migrate.store import counterparts
from migrate.store.database import Store, to_json
from migrate.store.states import (
    counts,
    counts_by_kind,
    has_other_outcomes,
    history_of,
    item_counts,
    services_done,
    skip_reasons,
    state,
    states,
    states_by_key,
    troubles,
)
from migrate.store.steps import step

__all__ = [
    "Happened",
    "counts",
    "counts_by_kind",
    "find_latest",
    "find_latest_of",
    "find_latest_to_undo",
    "find_rollback_of",
    "find_unfinished",
    "finish",
    "get",
    "has_other_outcomes",
    "history",
    "history_of",
    "item_counts",
    "known_pairs",
    "leftovers",
    "lost_creates",
    "new_session",
    "note_leftovers",
    "older_writes",
    "services_done",
    "set_phase",
    "skip_reasons",
    "start",
    "state",
    "states",
    "states_by_key",
    "troubles",
    "undecided_create",
]

Json = Any
BATCH = 1000
UNDECIDED_CREATE = """
SELECT max(r.id) FROM runs r
JOIN step_state s ON s.run = r.id AND s.undecided > 0
JOIN plan_steps p ON p.plan = r.plan AND p.key = s.key AND p.action = 'create'
WHERE r.undoes IS NULL AND :account IN (r.target_account_sid, r.account_sid) AND coalesce(:run, r.id) = r.id
"""
TO_UNDO = """
undoes IS NULL AND account_sid = :account
AND EXISTS (SELECT 1 FROM step_state s WHERE s.run = runs.id AND (s.wrote OR s.undecided))
AND id NOT IN (SELECT undoes FROM runs WHERE undoes IS NOT NULL AND finished_at IS NOT NULL)
"""


@dataclass(frozen=True)
class Happened:
    """One line of the database's history.

    Attributes:
        what: `snapshot`, `plan` or `run`.
        id: what other commands call it.
        account_sid: the source account.
        at: when it was begun, ISO 8601, UTC.
        detail: `live` or `file` for a snapshot, the target for a plan, the command for a run.
        state: `finished`, or what it stopped at: `unfinished`, or the phase of a run.
        counts: how many things of each sort it holds: services, steps, steps by state.
        undoes: the run that a rollback undoes, or None.
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
        store: the database.
        account_sid: the source account.
        target_account_sid: the account that is written to.
        command: `run`, `apply` or `rollback`.
        phase: what it does first: see `Run`.
        plan: what it executes; None while a `run` has none.
        options: the options, guards and consents it was started with, as JSON.
        undoes: the run that it rolls back.
    """
    row = {
        "account_sid": account_sid,
        "target_account_sid": target_account_sid,
        "command": command,
        "phase": phase,
        "plan": plan.number if plan else None,
        "options": to_json(options),
        "sessions": 0,
        "started_at": now(),
        "undoes": undoes.id if undoes else None,
    }
    with store.writing() as db:
        run_id = int(db.table("runs").insert(row).last_pk or 0)
    return get(store, run_id)


def set_phase(
    store: Store, run: Run, phase: str, *, plan: Plan | None = None, snapshot: int | None = None
) -> Run:
    """Note how far a run has come, with the plan or snapshot that it has from now on; return it as it is now."""
    changes: dict[str, Any] = {"phase": phase}
    if plan is not None:
        changes["plan"] = plan.number
    if snapshot is not None:
        changes["snapshot"] = snapshot
    with store.writing() as db:
        db.table("runs").update(run.id, changes)
    return get(store, run.id)


def new_session(store: Store, run: Run) -> int:
    """Count one more start of a run, the first or a resume, and return its number."""
    with store.writing() as db:
        db.execute("UPDATE runs SET sessions = sessions + 1 WHERE id = ?", [run.id])
        return int(db.execute("SELECT sessions FROM runs WHERE id = ?", [run.id]).fetchone()[0])


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
    """Return a run.

    Raises:
        BadInput: there is none with this id.
    """
    found = _find(store, "id = :id", {"id": run_id})
    if found is None:
        raise BadInput(f"There is no run {run_id} in {store.path}. `chat-migrate history` lists the runs.")
    return found


def find_latest(store: Store, account_sid: str | None) -> Run | None:
    """Return the newest run of an account, or of any with None; None if there is none."""
    if account_sid is None:
        return _find(store, "1", {})
    return _find(store, "account_sid = :account", {"account": account_sid})


def find_unfinished(store: Store, account_sid: str) -> Run | None:
    """Return the newest run of an account if something is left of it, else one with creates that nobody decided."""
    newest = find_latest(store, account_sid)
    if newest is not None and newest.finished_at is None:
        return newest
    return undecided_create(store, account_sid)


def find_latest_of(store: Store, plan: Plan) -> Run | None:
    """Return the newest run that executes a plan, or None."""
    return _find(store, "plan = :plan AND undoes IS NULL", {"plan": plan.number})


def find_rollback_of(store: Store, run: Run) -> Run | None:
    """Return the newest rollback of a run, or None."""
    return _find(store, "undoes = :run", {"run": run.id})


def find_latest_to_undo(store: Store, account_sid: str) -> Run | None:
    """Return the newest run of an account that may have written and that no finished rollback has undone, or None."""
    return _find(store, TO_UNDO, {"account": account_sid})


def older_writes(store: Store, run: Run) -> tuple[int, ...]:
    """Return the earlier runs of the same account that may have written and that no rollback has undone."""
    rows = store.rows(
        f"SELECT id FROM runs WHERE {TO_UNDO} AND id < :run ORDER BY id DESC",
        {"account": run.account_sid, "run": run.id},
    )
    return tuple(row["id"] for row in rows)


def undecided_create(store: Store, account_sid: str, run: Run | None = None) -> Run | None:
    """Return the newest run, or the given one, in which the outcome of a create is not known; None if there is none.

    Args:
        store: the database.
        account_sid: the source or target account.
        run: the only run to look at, or None for all.
    """
    found = store.value(UNDECIDED_CREATE, {"account": account_sid, "run": run.id if run else None})
    return get(store, int(found)) if found else None


def lost_creates(store: Store, run: Run) -> Iterator[tuple[Step, StepState]]:
    """Yield the creates of a run of which more than one request was announced, or an answer was lost."""
    rows = store.rows(
        "SELECT s.key FROM step_state s JOIN plan_steps p ON p.plan = :plan AND p.key = s.key "
        "WHERE s.run = :run AND p.action = 'create' AND (s.attempts > 1 OR s.undecided > 0)",
        {"run": run.id, "plan": run.plan},
    )
    for row in rows:
        found = state(store, run, row["key"])
        if found is not None:
            yield step(store, run.plan or 0, row["key"]), found


def note_leftovers(store: Store, run: Run, leftovers: Iterable[Leftover]) -> None:
    """Note what a run has found that stands for nothing, in the place of what an earlier session has noted."""
    rows = [
        {
            "run": run.id,
            "account_sid": run.target_account_sid,
            "kind": found.kind,
            "sid": found.sid,
            "service_sid": found.service_sid,
            "values": to_json(found.values),
        }
        for found in leftovers
    ]
    with store.writing() as db:
        db.execute("DELETE FROM leftovers WHERE run = ?", [run.id])
        db.table("leftovers").insert_all(rows)


def leftovers(store: Store, run: Run) -> list[Leftover]:
    """Return what the last session of a run has found that stands for nothing."""
    rows = store.rows(
        'SELECT kind, sid, service_sid, "values" FROM leftovers WHERE run = :run ORDER BY sid',
        {"run": run.id},
    )
    return [Leftover(**{**row, "values": json.loads(row["values"])}) for row in rows]


def history(store: Store, account_sid: str | None) -> list[Happened]:
    """Return the snapshots, plans and runs of an account, or of all with None, oldest first."""
    mine = "WHERE coalesce(:account, account_sid) = account_sid"
    where = {"account": account_sid}
    found = [_of_snapshot(row) for row in store.rows(f"SELECT * FROM snapshots {mine} ORDER BY id", where)]
    found += [_of_plan(row) for row in store.rows(f"SELECT * FROM plans {mine} ORDER BY number", where)]
    found += [
        _of_run(store, _run(row)) for row in store.rows(f"SELECT {RUN} FROM runs {mine} ORDER BY id", where)
    ]
    return sorted(found, key=lambda each: each.at)


def _of_snapshot(row: Mapping[str, Any]) -> Happened:
    counted = {"services": row["services"]} if row["completed_at"] else {}
    done = "finished" if row["completed_at"] else "unfinished"
    return Happened(
        "snapshot", str(row["id"]), row["account_sid"], row["taken_at"], row["source"], done, counted
    )


def _of_plan(row: Mapping[str, Any]) -> Happened:
    done = row["completed_at"] is not None
    names = ("services", "services_to_change", "changes", "steps")
    return Happened(
        what="plan",
        id=row["id"] or "",
        account_sid=row["account_sid"],
        at=row["created_at"],
        detail=row["target"],
        state="finished" if done else "unfinished",
        counts={name: row[name] for name in names} if done else {},
    )


def _of_run(store: Store, run: Run) -> Happened:
    return Happened(
        what="run",
        id=str(run.id),
        account_sid=run.account_sid,
        at=run.started_at,
        detail=run.command,
        state="finished" if run.finished_at else run.phase,
        counts=counts(store, run) if run.plan else {},
        undoes=run.undoes,
    )


RUN = "id, account_sid, target_account_sid, command, phase, plan, options, started_at, finished_at, undoes, snapshot"


def _run(row: Mapping[str, Any]) -> Run:
    return Run(**{**row, "options": json.loads(row["options"])})


def _find(store: Store, where: str, parameters: dict[str, Any]) -> Run | None:
    row = store.row(f"SELECT {RUN} FROM runs WHERE {where} ORDER BY id DESC LIMIT 1", parameters)
    return _run(row) if row else None
