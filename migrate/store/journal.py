"""The journal: what each step was about to do and what came of it, append-only, committed in groups by one writer.

Tasks hand their records in and wait; the writer takes all that wait and commits them at once. The same transaction
renews the lock, so that nothing is recorded, and therefore nothing sent, by a run that was taken for dead.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import accumulate
from typing import Any

from migrate.core.clock import now, ticks
from migrate.model.state import Entry, Record, Run, State
from migrate.store import counterparts, own_writes
from migrate.store.database import Store, bound, connect, lists
from migrate.store.lock import BEAT, Lock, lost

Json = Any
APPEND = f"""
INSERT INTO journal (run, account_sid, key, state, at, status, code, request_id, message, seen)
SELECT :run, :account, key, state, :at, status, code, request_id, message, seen
FROM {lists("entries", "key", "state", "message", "status", "code", "request_id", "seen")}
"""
OPEN = "('intent', 'unknown', 'failed')"
EFFECTS = "('applied', 'verified', 'altered', 'drifted', 'rolled_back')"
UPDATE = f"""
INSERT INTO step_state (run, key, kind, source_sid, state, last, session, attempts, undecided, wrote, known,
    overwritten, given_up)
SELECT :run, r.key, p.kind, p.source_sid, r.state, (SELECT max(id) FROM journal) - :entered + r.upto, :session,
    r.intents, CASE WHEN r.state IN {OPEN} THEN r.intents - r.decided ELSE 0 END,
    r.intents > 0 AND r.state IN {EFFECTS}, r.known, r.overwritten, r.given_up
FROM {lists("records", "key", "state", "upto", "intents", "decided", "known", "overwritten", "given_up")} r
CROSS JOIN plan_steps p ON p.plan = :plan AND p.key = r.key
WHERE true
ON CONFLICT (run, key) DO UPDATE SET
    state = excluded.state,
    last = excluded.last,
    session = excluded.session,
    attempts = attempts + excluded.attempts,
    wrote = wrote OR excluded.wrote OR (undecided > 0 AND excluded.state IN {EFFECTS}),
    undecided = CASE WHEN excluded.state IN {OPEN} THEN max(0, undecided + excluded.undecided) ELSE 0 END,
    known = coalesce(excluded.known, known),
    overwritten = coalesce(excluded.overwritten, overwritten),
    given_up = coalesce(excluded.given_up, given_up)
"""


class Journal:
    """The one writer of the journal of a run that has a plan, for its newest session, as a context manager."""

    def __init__(self, store: Store, run: Run, lock: Lock) -> None:
        self._store = store
        self._nonce = lock.nonce
        self._run = run
        self._session = store.value("SELECT sessions FROM runs WHERE id = :run", run=run.id)
        self._connection = connect(store.path)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="journal")
        self._waiting: list[tuple[asyncio.Future[float], Sequence[Record]]] = []
        self._writing: asyncio.Future[float] | None = None
        self._is_due = False

    async def __aenter__(self) -> Journal:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def record(self, *records: Record) -> float:
        """Record what is known of some steps, all at once; it is on disk at return.

        Returns:
            `ticks()` right after the commit.

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
            if not self._connection.execute(BEAT, [self._nonce]).rowcount:
                raise lost(self._store)
            self._append(records)
        return ticks()

    def _append(self, records: Sequence[Record]) -> None:
        entries = [_line(record.key, entry) for record in records for entry in record.entries]
        ends = accumulate(len(record.entries) for record in records)
        facts = {
            "run": self._run.id,
            "account": self._run.target_account_sid,
            "plan": self._run.plan,
            "session": self._session,
            "at": now(),
            "entered": len(entries),
            "entries": json.dumps(entries),
            "records": json.dumps([_change(record, end) for record, end in zip(records, ends, strict=True)]),
        }
        self._connection.execute(APPEND, facts)
        updated = self._connection.execute(UPDATE, facts).rowcount
        if updated != len(records):
            raise AssertionError(
                f"{len(records) - updated} of {len(records)} records are of no step of the plan"
            )
        account, run = self._run.target_account_sid, self._run.id
        if pairs := [record.counterpart for record in records if record.counterpart]:
            counterparts.add(self._connection, account, run, pairs)
        if writes := [record.own_write for record in records if record.own_write]:
            own_writes.save(self._connection, account, run, writes)
        for record in records:
            if record.own_write is not None and record.given_up:
                own_writes.remember(self._connection, account, record.own_write, record.given_up)
        for sid in [record.removed for record in records if record.removed]:
            counterparts.mark_removed(self._connection, account, sid)
            own_writes.forget(self._connection, account, sid)


def _change(record: Record, end: int) -> list[Json]:
    """Return what a record does to the state of its step: nested JSON as text, so that SQLite takes it as it is."""
    return [
        record.key,
        record.entries[-1].state.value,
        end,
        sum(entry.state is State.INTENT for entry in record.entries),
        record.decided,
        _text(record.known),
        _text(record.overwritten),
        _text(record.given_up),
    ]


def _line(key: str, entry: Entry) -> list[Json]:
    return [key, *bound({**vars(entry), "seen": _text(entry.seen)}).values()]


def _text(value: Json) -> str | None:
    return None if value is None else json.dumps(value)
