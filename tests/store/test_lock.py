"""One run at a time per database: who holds the lock, when it is taken over, and that it is given back."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time

import pytest

from migrate.core.errors import LockHeld, MigrateError
from migrate.store import lock, open_store
from migrate.store.lock import DEAD_AFTER_SECONDS, HEARTBEAT_SECONDS

HERE = socket.gethostname()


@pytest.fixture
def store(tmp_path):
    """An open database."""
    with open_store(tmp_path / "test.db") as opened:
        yield opened


def holder(store):
    """The row of the lock, or None."""
    return store.row("SELECT * FROM lock")


def put(store, *, host=HERE, pid=1, age=0.0, nonce="theirs"):
    """Leave a lock behind, as another process would."""
    with store.writing() as db:
        db.table("lock").insert(
            {
                "id": 1,
                "nonce": nonce,
                "host": host,
                "pid": pid,
                "command": "apply",
                "started_at": "2026-11-20T21:00:00.000Z",
                "heartbeat": time.time() - age,
            }
        )


@pytest.fixture
def dead_pid():
    """The id of a process that has ended."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    return ended.pid


def test_it_names_its_holder_and_is_given_back(store):
    """While it is held it says who, where and since when; afterwards there is no trace."""
    with lock.held(store, "export"):
        row = holder(store)
        assert (row["command"], row["pid"], row["host"]) == ("export", os.getpid(), HERE)
        assert abs(time.time() - row["heartbeat"]) < DEAD_AFTER_SECONDS
    assert holder(store) is None


@pytest.mark.parametrize("error", [MigrateError("made up"), ValueError("bug"), KeyboardInterrupt()])
def test_it_is_given_back_after_an_error(store, error):
    """However the work ends, the lock is released and its thread is gone."""
    with pytest.raises(type(error)), lock.held(store, "export"):
        raise error
    assert holder(store) is None
    assert "lock-heartbeat" not in {thread.name for thread in threading.enumerate()}


def test_a_living_process_here_is_respected(store):
    """The lock of a process that is alive on this host is not taken, however old its heartbeat is."""
    put(store, pid=os.getppid(), age=10 * DEAD_AFTER_SECONDS)
    with pytest.raises(
        LockHeld, match=rf"`chat-migrate apply` \(process {os.getppid()} on {HERE}, since 2026"
    ):
        lock.held(store, "run").__enter__()
    assert holder(store)["nonce"] == "theirs"


def test_a_dead_process_here_is_not(store, dead_pid):
    """The lock of a process that has ended is taken over at once, however fresh its heartbeat is."""
    put(store, pid=dead_pid)
    with lock.held(store, "run"):
        assert holder(store)["command"] == "run"
    assert holder(store) is None


@pytest.mark.parametrize(("age", "taken"), [(0, False), (0.9, False), (1.1, True), (50, True)])
@pytest.mark.parametrize("host", ["elsewhere", HERE])
def test_where_no_process_can_be_looked_for_the_heartbeat_decides(store, host, age, taken):
    """On another host, or under our own process id (an earlier container's), only a fresh heartbeat counts."""
    put(store, host=host, pid=os.getpid(), age=age * DEAD_AFTER_SECONDS)
    if taken:
        with lock.held(store, "run"):
            assert holder(store)["command"] == "run"
    else:
        with pytest.raises(LockHeld, match=host):
            lock.held(store, "run").__enter__()
        assert holder(store)["nonce"] == "theirs"


def test_a_process_of_another_user_is_alive(store, monkeypatch):
    """A process that may not be signalled exists."""

    def forbidden(_pid, _signal):
        raise PermissionError

    monkeypatch.setattr(os, "kill", forbidden)
    put(store, pid=1)
    with pytest.raises(LockHeld):
        lock.held(store, "run").__enter__()


def test_a_lock_that_was_taken_over_is_not_given_back_by_the_old_holder(store):
    """Whoever was taken for dead, and was not, leaves the new holder's lock alone."""
    with lock.held(store, "export"):
        with store.writing() as db:
            db.table("lock").delete_where()
        put(store)
    assert holder(store)["nonce"] == "theirs"


def test_a_holder_that_was_taken_for_dead_ends(store, monkeypatch):
    """Whoever wakes up and finds its lock taken over is told to stop, as by Ctrl-C."""
    monkeypatch.setattr(lock, "HEARTBEAT_SECONDS", 0.01)
    stop = threading.Event()
    with lock.held(store, "export", stop):
        assert not stop.wait(0.05)
        with store.writing() as db:
            db.table("lock").delete_where()
        put(store)
        assert stop.wait(5)


def wait_for(condition):
    """Wait until something happens that another thread does."""
    for _ in range(500):
        if condition():
            return True
        time.sleep(0.01)
    return False


def test_the_heart_beats(store, monkeypatch):
    """While the lock is held its heartbeat moves on, often enough to be taken for alive."""
    assert HEARTBEAT_SECONDS * 3 < DEAD_AFTER_SECONDS
    monkeypatch.setattr(lock, "HEARTBEAT_SECONDS", 0.01)
    with lock.held(store, "export"):
        first = holder(store)["heartbeat"]
        assert wait_for(lambda: holder(store)["heartbeat"] > first)


def test_a_heartbeat_that_cannot_be_written_is_skipped(store, monkeypatch):
    """A disk that is full for a moment stops neither the heart nor the work, and shows no traceback."""
    monkeypatch.setattr(lock, "HEARTBEAT_SECONDS", 0.01)
    with lock.held(store, "export"):
        first = holder(store)["heartbeat"]
        with store.reading() as db:
            db.execute("PRAGMA query_only = ON")
        time.sleep(0.05)
        with store.reading() as db:
            db.execute("PRAGMA query_only = OFF")
        assert wait_for(lambda: holder(store)["heartbeat"] > first)


def test_a_second_command_exits_with_8_and_names_the_holder(tool):
    """Two commands on one database: the second one says who is at work, and changes nothing."""
    assert tool("export").code == 0
    before = tool.rows("SELECT * FROM snapshots")
    with open_store(tool.db) as store, lock.held(store, "apply"):
        for command in (["export"], ["diff"], ["apply", "--yes"], ["run", "--yes"], ["verify"], ["resume"]):
            result = tool(*command)
            assert result.code == 8
            assert result.err.count("\n") == 1
            assert f"`chat-migrate apply` (process {os.getpid()} on {HERE}" in result.err
    assert [tuple(row) for row in tool.rows("SELECT * FROM snapshots")] == [tuple(row) for row in before]
    assert tool("diff").code == 0


def test_the_lock_of_a_killed_command_is_taken_over(tool, dead_pid):
    """After kill -9 the next command just works."""
    assert tool("export").code == 0
    with open_store(tool.db) as store:
        put(store, pid=dead_pid)
    assert tool("diff").code == 0
    assert tool.rows("SELECT * FROM lock") == []
