"""The journal: what each step was about to do and what came of it, append-only, committed in groups by one writer.

Tasks hand their records in and wait; the writer takes all that wait and commits them at once. The same transaction
renews the lock, so that nothing is recorded, and therefore nothing sent, by a run that was taken for dead.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from types import TracebackType
from typing import Any

from migrate.core.clock import now
from migrate.core.errors import LockLost
from migrate.model.state import Entry, Record, Run, State
from migrate.store import counterparts, own_writes
from migrate.store.database import Store, storable
from migrate.store.lock import Lock

Json = Any
CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
KNOWN = "known"
"""What a create's intent has seen: SIDs of that name that were there before."""

RENEW = "UPDATE lock SET beat = beat + 1 WHERE nonce = ?"
LAST = "SELECT coalesce(max(id), 0) FROM journal"
# One statement for all entries of a group: each one waits for Python's interpreter lock once.
APPEND = """
INSERT INTO journal (id, run, account_sid, key, state, at, status, code, request_id, message, seen)
SELECT :last + 1 + key, :run, :account, json_extract(value, '$[0]'), json_extract(value, '$[1]'), :at,
    json_extract(value, '$[2]'), json_extract(value, '$[3]'), json_extract(value, '$[4]'),
    json_extract(value, '$[5]'), json_extract(value, '$[6]')
FROM json_each(:entries)
"""
UPDATE = """
INSERT INTO step_state (run, key, kind, source_sid, state, last, session, attempts, undecided, wrote, known,
    overwritten, given_up)
SELECT :run, p.key, p.kind, p.source_sid, json_extract(e.value, '$[1]'), :last + 1 + e.key, :session,
    json_extract(e.value, '$[1]') = 'intent', json_extract(e.value, '$[1]') = 'intent', 0,
    json_extract(e.value, '$[7]'), json_extract(e.value, '$[8]'), json_extract(e.value, '$[9]')
FROM json_each(:entries) e
CROSS JOIN plan_steps p ON p.plan = :plan AND p.key = json_extract(e.value, '$[0]')
WHERE true
ON CONFLICT (run, key) DO UPDATE SET
    state = excluded.state,
    last = excluded.last,
    session = excluded.session,
    attempts = attempts + excluded.attempts,
    wrote = wrote OR (undecided > 0 AND excluded.state IN ('applied', 'verified', 'altered', 'drifted', 'rolled_back')),
    undecided = CASE excluded.state WHEN 'intent' THEN undecided + 1 WHEN 'unknown' THEN undecided ELSE 0 END,
    known = coalesce(known, excluded.known),
    overwritten = coalesce(overwritten, excluded.overwritten),
    given_up = coalesce(excluded.given_up, given_up)
"""


def elapsed() -> float:
    """Return seconds on a clock that no one sets and that goes on while the machine sleeps."""
    return time.clock_gettime(CLOCK)


class Journal:
    """The one writer of a run's journal, as an asynchronous context manager.

    Args:
        store: the database.
        run: the run or rollback; it must have a plan. Its newest session is the one that records.
        lock: what this run holds.
    """

    def __init__(self, store: Store, run: Run, lock: Lock) -> None:
        self._store = store
        self._nonce = lock.nonce
        self._run = run
        self._session = store.value("SELECT sessions FROM runs WHERE id = :run", {"run": run.id})
        self._connection = store.connect()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="journal")
        self._waiting: list[tuple[asyncio.Future[float], Sequence[Record]]] = []
        self._writing: asyncio.Future[float] | None = None
        self._is_due = False

    async def __aenter__(self) -> Journal:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def record(self, *records: Record) -> float:
        """Record what is known of some steps, all at once; it is on disk at return.

        Returns:
            `elapsed()` right after the commit.

        Raises:
            LockLost: another run has taken the lock; nothing was recorded, and nothing may be sent.
            MigrateError: the database cannot be written; nothing was recorded.
        """
        loop = asyncio.get_running_loop()
        done: asyncio.Future[float] = loop.create_future()
        self._waiting.append((done, records))
        if self._writing is None and not self._is_due:
            # At the end of this turn of the loop: with it goes all that its other tasks record.
            self._is_due = True
            loop.call_soon(self._write)
        return await done

    async def close(self) -> None:
        """Wait until all that was handed in is on disk, and end the writer."""
        while self._is_due or self._writing is not None:
            await (asyncio.wait([self._writing]) if self._writing is not None else asyncio.sleep(0))
        self._thread.shutdown()
        self._connection.close()

    def _write(self) -> None:
        self._is_due = False
        group, self._waiting = self._waiting, []
        records = [record for _, several in group for record in several]
        self._writing = asyncio.get_running_loop().run_in_executor(self._thread, self._commit, records)
        self._writing.add_done_callback(partial(self._tell, [done for done, _ in group]))

    def _tell(self, group: Sequence[asyncio.Future[float]], writing: asyncio.Future[float]) -> None:
        self._writing = None
        error = writing.exception()
        for done in group:
            if done.done():  # the task that waited was cancelled; what it recorded is on disk all the same
                continue
            if error is None:
                done.set_result(writing.result())
            else:
                done.set_exception(error)
        if self._waiting:
            self._write()

    def _commit(self, records: Sequence[Record]) -> float:
        """Commit a group; runs in the writer's thread."""
        with self._store.transaction(self._connection):
            if not self._connection.execute(RENEW, [self._nonce]).rowcount:
                raise LockLost(
                    f"Another run has taken over the lock of {self._store.path}: this one stopped answering for "
                    "too long. Nothing more was sent. `chat-migrate status` shows how things stand."
                )
            self._append(records)
        return elapsed()

    def _append(self, records: Sequence[Record]) -> None:
        entries = [values for record in records for values in _entry_values(record)]
        facts = {
            "run": self._run.id,
            "account": self._run.target_account_sid,
            "plan": self._run.plan,
            "session": self._session,
            "at": now(),
            "last": self._connection.execute(LAST).fetchone()[0],
            "entries": json.dumps(entries),
        }
        self._connection.execute(APPEND, facts)
        updated = self._connection.execute(UPDATE, facts).rowcount
        if updated != len(entries):
            raise AssertionError(
                f"{len(entries) - updated} of {len(entries)} entries are of no step of the plan"
            )
        account, run = self._run.target_account_sid, self._run.id
        if pairs := [record.counterpart for record in records if record.counterpart]:
            counterparts.add(self._connection, account, run, pairs)
        if writes := [record.own_write for record in records if record.own_write]:
            own_writes.save(self._connection, account, run, writes)
        for sid in [record.removed for record in records if record.removed]:
            counterparts.mark_removed(self._connection, account, sid)


def _entry_values(record: Record) -> list[list[Json]]:
    """Return for each entry what the statements take: nested JSON as text, so that SQLite takes it as it is."""
    given_up = None if record.given_up is None else json.dumps(record.given_up)
    return [_values(record.key, entry, given_up) for entry in record.entries]


def _values(key: str, entry: Entry, given_up: str | None) -> list[Json]:
    seen = None if entry.seen is None else json.dumps(entry.seen)
    known = overwritten = None
    if entry.state is State.INTENT and entry.seen is not None:
        known = json.dumps(entry.seen[KNOWN]) if KNOWN in entry.seen else None
        overwritten = seen if known is None else None
    return [
        key,
        entry.state.value,
        entry.status,
        entry.code,
        None if entry.request_id is None else storable(entry.request_id),
        storable(entry.message),
        seen,
        known,
        overwritten,
        given_up,
    ]
