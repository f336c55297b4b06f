"""One run at a time per database: a row with nonce, host, pid and heartbeat."""

from __future__ import annotations

import os
import secrets
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from migrate.core.clock import now
from migrate.core.errors import LockHeld, MigrateError
from migrate.store.database import Store

HEARTBEAT_SECONDS = 5.0
DEAD_AFTER_SECONDS = 60.0
"""A holder whose process cannot be looked for is taken for dead when its heartbeat is older than this."""


@contextmanager
def held(store: Store, command: str, stop: threading.Event | None = None) -> Iterator[None]:
    """Hold the database's lock; a dead holder's is taken over.

    Args:
        store: the database.
        command: the holder's name for others.
        stop: set if another process has taken the lock over: this one was taken for dead, and must end.

    Raises:
        LockHeld: another run that is alive has it.
    """
    nonce = secrets.token_hex(8)
    _take(store, command, nonce)
    done = threading.Event()
    beating = threading.Thread(
        target=_beat, args=(store, nonce, done, stop or threading.Event()), name="lock-heartbeat", daemon=True
    )
    beating.start()
    try:
        yield
    finally:
        done.set()
        beating.join()
        with store.writing() as db:
            db.table("lock").delete_where("nonce = ?", [nonce])


def _take(store: Store, command: str, nonce: str) -> None:
    with store.writing() as db:
        holder = next(iter(db.table("lock").rows), None)
        if holder is not None and _is_alive(holder):
            raise LockHeld(
                f"`chat-migrate {holder['command']}` (process {holder['pid']} on {holder['host']}, since "
                f"{holder['started_at']}) is working on {store.path}. Wait for it to end, or end it first."
            )
        db.table("lock").delete_where()
        db.table("lock").insert(
            {
                "id": 1,
                "nonce": nonce,
                "host": socket.gethostname(),
                "pid": os.getpid(),
                "command": command,
                "started_at": now(),
                "heartbeat": time.time(),
            }
        )


def _beat(store: Store, nonce: str, done: threading.Event, stop: threading.Event) -> None:
    while not done.wait(HEARTBEAT_SECONDS):
        # A disk that is full for a moment is the command's to report; the next beat may succeed.
        with suppress(MigrateError), store.writing() as db:
            beaten = db.execute("UPDATE lock SET heartbeat = ? WHERE nonce = ?", [time.time(), nonce])
            if not beaten.rowcount:
                stop.set()


def _is_alive(holder: Mapping[str, Any]) -> bool:
    pid = int(holder["pid"])
    # Our own process id in another's lock: an earlier container of this name had it as well.
    if holder["host"] != socket.gethostname() or pid == os.getpid():
        return time.time() - float(holder["heartbeat"]) < DEAD_AFTER_SECONDS
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
