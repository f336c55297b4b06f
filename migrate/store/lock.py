"""One run at a time per account and database: a row with a nonce, its holder, and a count that moves while it lives.

No clock of two hosts is compared. Whether a holder whose process can't be looked for is alive shows in its beat:
it moves, or it does not.
"""

from __future__ import annotations

import secrets
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass

from migrate.core.clock import now
from migrate.core.errors import BadInput, Interrupted, LockHeld, LockLost
from migrate.core.stop import StopToken
from migrate.store.codec import made
from migrate.store.database import Row, Store, connect, insert
from migrate.store.processes import Process, is_alive, this_process

BEAT_SECONDS = 5.0
DEAD_AFTER_SECONDS = 60.0
"""So long a holder that can't be looked for is watched before its lock is taken over."""
LOOK_SECONDS = 0.5
BEAT = "UPDATE lock SET beat = beat + 1 WHERE nonce = ?"


@dataclass(frozen=True)
class Lock:
    """A lock that is held: `nonce` fences what its holder writes, `id` is what people type."""

    nonce: str
    id: str


@dataclass(frozen=True)
class Holder:
    """Who holds a lock; whether its process is alive is None if that can't be told from here."""

    id: str
    command: str
    host: str
    pid: int
    started_at: str
    alive: bool | None

    def __str__(self) -> str:
        return (
            f"`chat-migrate {self.command}` (process {self.pid} on {self.host}, since {self.started_at}, "
            f"lock {self.id})"
        )


@contextmanager
def held(
    store: Store,
    account_sid: str,
    command: str,
    stop: StopToken,
    *,
    watching: Callable[[Holder], None] | None = None,
    dead_after: float = DEAD_AFTER_SECONDS,
) -> Iterator[Lock]:
    """Hold the lock of an account; a dead holder's is taken over.

    Args:
        stop: set if another process has taken the lock over: this one was taken for dead, and must end. Whoever sets
            it ends the watching.
        watching: told of a holder that is about to be watched, because its process can't be looked for.

    Raises:
        LockHeld: another run that is alive has it.
        Interrupted: the end was asked for while a holder was watched.
    """
    lock = Lock(secrets.token_hex(16), secrets.token_hex(4))
    _take(store, account_sid, command, lock, _watch(store, account_sid, stop, watching, dead_after))
    done = threading.Event()
    beating = threading.Thread(
        target=_beat, args=(store, lock.nonce, done, stop), name="lock-heartbeat", daemon=True
    )
    beating.start()
    try:
        yield lock
    finally:
        done.set()
        beating.join()
        with store.writing() as db:
            db.execute("DELETE FROM lock WHERE nonce = ?", [lock.nonce])


def renew(store: Store, lock: Lock) -> None:
    """Show that this process is alive, after it may have been away for long; raise LockLost if it is too late."""
    with store.writing() as db:
        if not db.execute(BEAT, [lock.nonce]).rowcount:
            raise lost(store)


def lost(store: Store) -> LockLost:
    """Return what ends a run whose lock another one has taken."""
    return LockLost(
        f"Another run has taken over the lock of {store.path}: this one stopped answering for too long. Nothing more "
        "was sent. `chat-migrate status` shows how things stand."
    )


def unlock(store: Store, lock_id: str) -> None:
    """End a lock that its holder can't end, or raise BadInput if there is none with this id."""
    with store.writing() as db:
        if not db.execute("DELETE FROM lock WHERE id = ?", [lock_id]).rowcount:
            raise BadInput(
                f"There is no lock {lock_id!r} in {store.path}. A command that is refused shows the id of the lock."
            )


def holder(store: Store, account_sid: str) -> Holder | None:
    """Return who holds the lock of an account, or None."""
    row = _row(store, account_sid)
    return _holder(row) if row else None


def _row(store: Store, account_sid: str) -> Row | None:
    return store.row("SELECT * FROM lock WHERE account_sid = :account", account=account_sid)


def _holder(row: Row) -> Holder:
    process = made(Process, row, started=row["process_started"])
    return made(Holder, row, alive=is_alive(process, this_process()))


def _watch(
    store: Store, account_sid: str, stop: StopToken, watching: Callable[[Holder], None] | None, seconds: float
) -> Row | None:
    """Return the row of a holder that is dead, or None if nobody holds the lock; raise LockHeld if one is alive."""
    row = _row(store, account_sid)
    if row is None:
        return None
    found = _holder(row)
    if found.alive:
        raise _refusal(store, found)
    if found.alive is None:
        if watching is not None:
            watching(found)
        if not _is_still(store, account_sid, row, stop, seconds):
            raise _refusal(store, found)
    return row


def _is_still(store: Store, account_sid: str, row: Row, stop: StopToken, seconds: float) -> bool:
    """Whether the beat of a lock does not move for so long, by this process's own clock."""
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        if stop.is_set():
            raise Interrupted("Interrupted while waiting to see whether another run is alive.")
        time.sleep(min(LOOK_SECONDS, left))
        present = _row(store, account_sid)
        if present is None:
            return True
        if (present["nonce"], present["beat"]) != (row["nonce"], row["beat"]):
            return False
    return True


def _take(store: Store, account_sid: str, command: str, lock: Lock, dead: Row | None) -> None:
    process = vars(this_process())
    held_by = {**vars(lock), **process, "account_sid": account_sid, "command": command, "started_at": now()}
    held_by["process_started"] = held_by.pop("started")
    with store.writing() as db:
        if dead is not None:
            db.execute("DELETE FROM lock WHERE nonce = :nonce AND beat = :beat", dead)
        present = _row(store, account_sid)
        if present is not None:  # somebody was quicker, or the holder has moved at the last moment
            raise _refusal(store, _holder(present))
        insert(db.conn, "lock", [{**held_by, "beat": 0}])


def _refusal(store: Store, found: Holder) -> LockHeld:
    return LockHeld(
        f"{found} is working on {store.path}. Wait for it to end, or stop it. If it no longer runs, "
        f"`chat-migrate unlock {found.id}` ends its lock."
    )


def _beat(store: Store, nonce: str, done: threading.Event, stop: StopToken) -> None:
    with closing(connect(store.path)) as connection:
        while not done.wait(BEAT_SECONDS):
            # A disk that is full for a moment is the command's to report; the next beat may succeed.
            with suppress(sqlite3.Error):
                if not connection.execute(BEAT, [nonce]).rowcount:
                    stop.set()
