"""Runs and their journal: what each step was about to do and what came of it, append-only."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from migrate.core.clock import now
from migrate.core.errors import BadInput, Failure
from migrate.store import plans, sids
from migrate.store.database import Store
from migrate.store.plans import Plan, PlannedService
from migrate.store.sids import Became

Json = Any


class State(str, Enum):
    """Where a step stands."""

    PLANNED = "planned"
    INTENT = "intent"
    APPLIED = "applied"
    FAILED = "failed"
    UNKNOWN = "unknown"
    SKIPPED = "skipped"
    DRIFTED = "drifted"
    VERIFIED = "verified"
    ROLLED_BACK = "rolled_back"


SETTLED = frozenset({State.APPLIED, State.SKIPPED, State.VERIFIED})
"""States that need no more work."""
UNDONE = frozenset({State.ROLLED_BACK, State.SKIPPED, State.DRIFTED})
"""States in which a rollback has done what it may: what drifted is left as it is."""
UNDECIDED = frozenset({State.INTENT, State.UNKNOWN})
"""States in which a request may have had an effect that nobody has seen."""


@dataclass(frozen=True)
class Run:
    """One execution of one plan, or the rollback of one.

    Attributes:
        id: its number in this database.
        plan: number of the plan.
        account_sid: the account that is written to.
        started_at: ISO 8601, UTC.
        finished_at: likewise; None while something is left to do.
        undoes: the run that this one rolls back, or None.
        delete_created: for a rollback: whether to remove what that run has created.
    """

    id: int
    plan: int
    account_sid: str
    started_at: str
    finished_at: str | None
    undoes: int | None = None
    delete_created: bool = False

    @property
    def settled(self) -> frozenset[State]:
        """The states in which nothing is left to do about a step."""
        return SETTLED if self.undoes is None else UNDONE


@dataclass(frozen=True)
class Entry:
    """One line of the journal.

    Attributes:
        state: what the step came to.
        message: one sentence for people, or "".
        status: HTTP status, if an answer came.
        code: Twilio's error code.
        request_id: Twilio's request id.
        seen: the target's values as read or answered, where they matter.
    """

    state: State
    message: str = ""
    status: int | None = None
    code: int | None = None
    request_id: str | None = None
    seen: Mapping[str, Json] | None = None

    @classmethod
    def of_failure(cls, state: State, failure: Failure) -> Entry:
        """Return the entry on a failed request."""
        return cls(state, failure.message, failure.status, failure.code, failure.request_id)


def start(store: Store, plan: Plan) -> Run:
    """Begin a run of a plan, and note which SIDs stand for which as far as the plan knows."""
    with store.writing() as db:
        row = {"plan": plan.number, "account_sid": plan.target_account_sid, "started_at": now()}
        run_id = int(db.table("runs").insert(row).last_pk or 0)
        for service in plans.services_of(store, plan.number):
            for became in _known_pairs(service):
                sids.insert(db, plan.target_account_sid, run_id, became)
    return get(store, run_id)


def _known_pairs(service: PlannedService) -> Iterator[Became]:
    """Yield what the plan knows to stand for what; in place, everything stands for itself."""
    target_sid = service.target_sid
    if target_sid is None or target_sid == service.source_sid:
        return
    where = (service.source_sid, target_sid)
    yield Became(sids.SERVICE, sids.MAPPED, service.friendly_name, *where, *where)
    for old, new in service.counterparts.items():
        yield Became(sids.ROLE, sids.FOUND, "", old, new, *where)


def get(store: Store, run_id: int) -> Run:
    """Return a run.

    Raises:
        BadInput: there is none with this id.
    """
    found = _find(store, "id = :id", {"id": run_id})
    if found is None:
        raise BadInput(f"There is no run {run_id} in {store.path}. `chat-migrate status` lists the runs.")
    return found


def find_latest(store: Store) -> Run | None:
    """Return the newest run, or None."""
    return _find(store, "1", {})


def find_unfinished(store: Store, account_sid: str) -> Run | None:
    """Return the newest run if something is left of it, else one that may have created what nobody knows of."""
    newest = find_latest(store)
    if newest is not None and newest.finished_at is None:
        return newest
    return undecided_create(store, account_sid)


def find_latest_of(store: Store, plan: Plan) -> Run | None:
    """Return the newest run that executes a plan, or None."""
    return _find(store, "plan = :plan AND undoes IS NULL", {"plan": plan.number})


def find_rollback_of(store: Store, run: Run) -> Run | None:
    """Return the newest rollback of a run, or None."""
    return _find(store, "undoes = :run", {"run": run.id})


def find_latest_to_undo(store: Store) -> Run | None:
    """Return the newest run that wrote something and that no finished rollback has undone, or None."""
    return _find(
        store,
        "undoes IS NULL AND id IN (SELECT run FROM journal WHERE state = 'intent') AND id NOT IN "
        "(SELECT undoes FROM runs WHERE undoes IS NOT NULL AND finished_at IS NOT NULL)",
        {},
    )


def start_rollback(store: Store, run: Run, *, delete_created: bool) -> Run:
    """Begin the rollback of a run."""
    row = {
        "plan": run.plan,
        "undoes": run.id,
        "delete_created": int(delete_created),
        "account_sid": run.account_sid,
        "started_at": now(),
    }
    with store.writing() as db:
        run_id = int(db.table("runs").insert(row).last_pk or 0)
    return get(store, run_id)


def history(store: Store, run_id: int, key: str) -> list[Entry]:
    """Return all entries of a run on one step, oldest first."""
    rows = store.rows(
        "SELECT * FROM journal WHERE run = :run AND key = :key ORDER BY id", {"run": run_id, "key": key}
    )
    return [_entry(row) for row in rows]


def finish(store: Store, run: Run) -> None:
    """Mark a run as finished: nothing is left to do."""
    with store.writing() as db:
        db.table("runs").update(run.id, {"finished_at": now()})


def record(
    store: Store,
    run: Run,
    key: str,
    *entries: Entry,
    became: Became | None = None,
    removed: tuple[str, str] | None = None,
) -> None:
    """Append entries on one step, and what it has created or removed, in one transaction; on disk at return.

    Args:
        store: the database.
        run: the run or rollback.
        key: of the step.
        entries: in order.
        became: what the step has created or found.
        removed: the Conversation Service, and what was removed: itself, or a role in it.
    """
    rows = [
        {
            "run": run.id,
            "account_sid": run.account_sid,
            "key": key,
            "state": entry.state.value,
            "at": now(),
            "status": entry.status,
            "code": entry.code,
            "request_id": entry.request_id,
            "message": entry.message,
            "seen": json.dumps(entry.seen) if entry.seen is not None else None,
        }
        for entry in entries
    ]
    with store.writing() as db:
        db.table("journal").insert_all(rows)
        if became is not None:
            sids.insert(db, run.account_sid, run.id, became)
        if removed is not None:
            sids.mark_removed(db, *removed)


def last_entries(store: Store, run: Run, source_sid: str) -> dict[str, Entry]:
    """Return the last entry of each step of one service that has any, by step key."""
    # All keys of a service begin with its SID and a slash; a zero is what follows a slash. So the index
    # finds them without a look at the other services, which the view `step_states` would take.
    rows = store.rows(
        "SELECT *, max(id) FROM journal WHERE run = :run AND key >= :first AND key < :behind GROUP BY key",
        {"run": run.id, "first": f"{source_sid}/", "behind": f"{source_sid}0"},
    )
    return {row["key"]: _entry(row) for row in rows}


def first_intent(store: Store, run: Run, key: str) -> str:
    """Return the server's time at which a create was first about to be sent, ISO 8601."""
    seen = store.value(
        "SELECT seen FROM journal WHERE run = :run AND key = :key AND state = 'intent' AND seen IS NOT NULL "
        "ORDER BY id LIMIT 1",
        {"run": run.id, "key": key},
    )
    return str(json.loads(seen)["since"])


def undecided_create(store: Store, account_sid: str, run: Run | None = None) -> Run | None:
    """Return the newest run, or the given one, if the outcome of creating a service in it is not known; else None."""
    run_id = store.value(
        "SELECT max(s.run) FROM step_states s JOIN runs r ON r.id = s.run WHERE s.account_sid = :account "
        f"AND s.state IN ({_sql_list(UNDECIDED)}) AND s.key GLOB '*/service' AND r.undoes IS NULL "
        "AND (:run IS NULL OR s.run = :run)",
        {"account": account_sid, "run": run.id if run else None},
    )
    return get(store, int(run_id)) if run_id else None


def undecided_names(store: Store, run: Run) -> list[str]:
    """Return the names of the services that a run may have created without knowing of it, one per step."""
    rows = store.rows(
        "SELECT p.after FROM step_states s JOIN plan_steps p ON p.plan = :plan AND p.key = s.key "
        f"WHERE s.run = :run AND p.resource = 'service' AND s.state IN ({_sql_list(UNDECIDED)})",
        {"run": run.id, "plan": run.plan},
    )
    return [json.loads(row["after"])["friendly_name"] for row in rows]


def last_troubles(store: Store, run: Run, limit: int) -> list[tuple[str, Entry]]:
    """Return the newest steps that did not end well, newest first: step key and last entry."""
    settled = _sql_list(run.settled)
    rows = store.rows(
        f"SELECT * FROM step_states WHERE run = :run AND state NOT IN ({settled}) ORDER BY id DESC LIMIT :limit",
        {"run": run.id, "limit": limit},
    )
    return [(row["key"], _entry(row)) for row in rows]


def counts(store: Store, run: Run) -> dict[str, int]:
    """Return how many steps of the run's plan are in each state; steps without an entry are planned."""
    rows = store.rows(
        "SELECT coalesce(s.state, 'planned') AS state, count(*) AS steps FROM plan_steps p "
        "LEFT JOIN step_states s ON s.run = :run AND s.key = p.key WHERE p.plan = :plan GROUP BY 1 ORDER BY 1",
        {"run": run.id, "plan": run.plan},
    )
    return {row["state"]: row["steps"] for row in rows}


def open_services(store: Store, run: Run) -> list[str]:
    """Return the source SIDs of services with steps that are not settled, sorted."""
    settled = _sql_list(run.settled)
    rows = store.rows(
        "SELECT DISTINCT p.source_sid FROM plan_steps p "
        "LEFT JOIN step_states s ON s.run = :run AND s.key = p.key "
        f"WHERE p.plan = :plan AND coalesce(s.state, 'planned') NOT IN ({settled}) ORDER BY 1",
        {"run": run.id, "plan": run.plan},
    )
    return [row["source_sid"] for row in rows]


def remember_refusals(
    store: Store, account_sid: str, target_sid: str, values: tuple[str, ...], entry: Entry
) -> None:
    """Remember filters that Twilio refuses for a service, so that no later plan tries them again."""
    rows = [
        {
            "account_sid": account_sid,
            "target_sid": target_sid,
            "resource": "webhooks",
            "value": value,
            "code": entry.code,
            "message": entry.message,
            "at": now(),
        }
        for value in values
    ]
    with store.writing() as db:
        db.table("refusals").upsert_all(rows, pk=("target_sid", "resource", "value"))


def forget_refusals(store: Store, target_sid: str, values: tuple[str, ...]) -> None:
    """Forget filters that turned out not to be what Twilio refused."""
    with store.writing() as db:
        for value in values:
            db.table("refusals").delete_where("target_sid = ? AND value = ?", [target_sid, value])


def refused(store: Store, target_sid: str) -> frozenset[str]:
    """Return the filters that Twilio has refused for a service."""
    rows = store.rows("SELECT value FROM refusals WHERE target_sid = :sid", {"sid": target_sid})
    return frozenset(row["value"] for row in rows)


def refusals_since(store: Store, account_sid: str, moment: str) -> int:
    """Return how many filters Twilio has refused in an account since a moment, as far as they are remembered."""
    count = store.value(
        "SELECT count(*) FROM refusals WHERE account_sid = :account AND at >= :moment",
        {"account": account_sid, "moment": moment},
    )
    return int(count)


def _sql_list(states: Iterable[State]) -> str:
    return ", ".join(sorted(f"'{state.value}'" for state in states))


def _find(store: Store, where: str, parameters: dict[str, Any]) -> Run | None:
    row = store.row(
        "SELECT id, plan, account_sid, started_at, finished_at, undoes, delete_created FROM runs "
        f"WHERE {where} ORDER BY id DESC LIMIT 1",
        parameters,
    )
    return Run(**{**row, "delete_created": bool(row["delete_created"])}) if row else None


def _entry(row: Mapping[str, Any]) -> Entry:
    return Entry(
        state=State(row["state"]),
        message=row["message"] or "",
        status=row["status"],
        code=row["code"],
        request_id=row["request_id"],
        seen=json.loads(row["seen"]) if row["seen"] else None,
    )
