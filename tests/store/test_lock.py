"""One run at a time per account: who holds the lock, when it is taken over, and that it is given back."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from dataclasses import replace

import pytest
from stored import ACCOUNT, OTHER

from migrate.core.errors import BadInput, Interrupted, LockHeld, MigrateError
from migrate.store import lock, processes
from migrate.store.lock import BEAT_SECONDS, DEAD_AFTER_SECONDS
from migrate.store.processes import Process

HERE = processes.this_process()


@pytest.fixture
def stop():
    """What asks the holder to end."""
    return threading.Event()


def row_of(store):
    """The row of the lock, or None."""
    return store.row("SELECT * FROM lock")


def put(store, **changes):
    """Leave a lock behind, as another process would."""
    process = replace(HERE, **changes)
    facts = {
        "host": process.host,
        "boot": process.boot,
        "namespace": process.namespace,
        "pid": process.pid,
        "process_started": process.started,
        "account_sid": ACCOUNT,
        "nonce": "theirs",
        "id": "cafe",
        "command": "apply",
        "started_at": "2026-11-20T21:00:00.000Z",
        "beat": 0,
    }
    with store.writing() as db:
        db.table("lock").insert(facts)


def take(store, stop, **options):
    """Take the lock and give it back; return who was seen with it."""
    with lock.held(store, ACCOUNT, "run", stop, **options):
        return row_of(store)["command"]


@pytest.fixture
def dead_pid():
    """The id of a process that has ended."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    return ended.pid


def test_it_names_its_holder_and_is_given_back(store, stop):
    """While it is held it says who, where and since when; afterwards there is no trace."""
    with lock.held(store, ACCOUNT, "export", stop) as held:
        holder = lock.holder(store, ACCOUNT)
        assert (holder.command, holder.pid, holder.host, holder.alive) == (
            "export",
            os.getpid(),
            HERE.host,
            True,
        )
        assert (holder.id, row_of(store)["nonce"]) == (held.id, held.nonce)
        assert lock.holder(store, OTHER) is None
    assert lock.holder(store, ACCOUNT) is None


def test_each_account_has_its_own(store, stop):
    """A run on one account keeps no other account waiting."""
    with lock.held(store, ACCOUNT, "run", stop), lock.held(store, OTHER, "run", stop):
        assert store.value("SELECT count(*) FROM lock") == 2


@pytest.mark.parametrize("error", [MigrateError("made up"), ValueError("bug"), KeyboardInterrupt()])
def test_it_is_given_back_after_an_error(store, stop, error):
    """However the work ends, the lock is released and its thread is gone."""
    with pytest.raises(type(error)), lock.held(store, ACCOUNT, "export", stop):
        raise error
    assert row_of(store) is None
    assert "lock-heartbeat" not in {thread.name for thread in threading.enumerate()}


def test_a_living_process_here_is_respected(store, stop):
    """The lock of a process that is alive is not taken; the refusal names it, and the way out."""
    put(store)
    with pytest.raises(
        LockHeld, match=rf"`chat-migrate apply` \(process {os.getpid()} on .*2026.*unlock cafe`"
    ):
        take(store, stop)
    assert row_of(store)["nonce"] == "theirs"


def test_a_dead_process_here_is_not(store, stop, dead_pid):
    """The lock of a process that has ended is taken over at once."""
    put(store, pid=dead_pid)
    assert take(store, stop) == "run"


@pytest.mark.skipif(not processes.PROC.is_dir(), reason="the system doesn't tell")
def test_a_process_that_has_ended_is_dead_before_its_parent_asks():
    """A killed holder counts as dead, also as long as nobody has taken its exit code."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        holder = replace(HERE, pid=process.pid, started=processes.started(process.pid))
        assert processes.is_alive(holder, HERE) is True
        process.kill()
        until = time.monotonic() + 10
        while processes.is_alive(holder, HERE) and time.monotonic() < until:
            time.sleep(0.01)
        assert processes.is_alive(holder, HERE) is False


def test_a_process_id_that_another_program_has_now_does_not_hold_it(store, stop):
    """A process that started at another time than the holder is not the holder."""
    put(store, started="12345")
    assert lock.holder(store, ACCOUNT).alive is False
    assert take(store, stop) == "run"


def test_an_earlier_boot_of_this_host_is_dead(store, stop, monkeypatch):
    """After a restart of the machine no process of before is left."""
    monkeypatch.setattr(lock, "this_process", lambda: replace(HERE, boot="machine/now"))
    put(store, boot="machine/before")
    assert take(store, stop) == "run"


def test_a_process_of_another_user_is_alive(monkeypatch):
    """A process that may not be signalled exists."""

    def forbidden(_pid, _signal):
        raise PermissionError

    monkeypatch.setattr(os, "kill", forbidden)
    assert processes.is_alive(HERE, HERE) is True


FAR = {
    "another host": {"host": "elsewhere", "boot": "other/other"},
    "another container": {"namespace": "pid:[1]"},
    "another machine of the same name": {"boot": "other/other"},
}


@pytest.mark.parametrize("changes", FAR.values(), ids=FAR)
def test_a_holder_that_cannot_be_looked_for_is_watched(store, stop, changes):
    """If its beat does not move for so long, its lock is taken over; who waits is told before."""
    put(store, **changes)
    told = []
    assert take(store, stop, watching=told.append, dead_after=0.05) == "run"
    assert [(holder.id, holder.alive) for holder in told] == [("cafe", None)]


def test_a_beat_that_moves_is_respected(store, stop, monkeypatch):
    """A holder elsewhere whose beat moves while it is watched keeps its lock."""
    monkeypatch.setattr(lock, "LOOK_SECONDS", 0.01)
    put(store, host="elsewhere", boot="other/other")

    def beat(_holder):
        with store.writing() as db:
            db.execute("UPDATE lock SET beat = beat + 1")

    with pytest.raises(LockHeld, match="elsewhere"):
        take(store, stop, watching=beat, dead_after=30)
    assert row_of(store)["nonce"] == "theirs"


def test_a_lock_that_is_given_back_while_it_is_watched_is_taken(store, stop, monkeypatch):
    """Nobody waits for a holder that has ended."""
    monkeypatch.setattr(lock, "LOOK_SECONDS", 0.01)
    put(store, host="elsewhere", boot="other/other")
    assert take(store, stop, watching=lambda holder: lock.unlock(store, holder.id), dead_after=30) == "run"


def test_a_holder_is_looked_at_now_and_then(store, stop, monkeypatch):
    """Watching for a minute takes no processor for a minute: there is a pause between two looks."""
    monkeypatch.setattr(lock, "LOOK_SECONDS", 0.02)
    looks = []
    monkeypatch.setattr(stop, "is_set", lambda: looks.append("look") is not None)
    put(store, host="elsewhere", boot="other/other")
    assert take(store, stop, dead_after=0.1) == "run"
    assert 1 <= len(looks) <= 6


def test_watching_can_be_interrupted(store, stop):
    """Ctrl-C is heard while a holder is watched."""
    put(store, host="elsewhere", boot="other/other")
    with pytest.raises(Interrupted):
        take(store, stop, watching=lambda _holder: stop.set(), dead_after=30)


def test_unlock_ends_the_lock_of_that_id_only(store):
    """What the refusal has shown ends the lock; anything else is refused."""
    put(store)
    with pytest.raises(BadInput, match="no lock 'beef'"):
        lock.unlock(store, "beef")
    assert row_of(store) is not None
    lock.unlock(store, "cafe")
    assert row_of(store) is None


def test_a_lock_that_was_taken_over_is_not_given_back_by_the_old_holder(store, stop):
    """Whoever was taken for dead, and was not, leaves the new holder's lock alone."""
    with lock.held(store, ACCOUNT, "export", stop) as held:
        lock.unlock(store, held.id)
        put(store)
    assert row_of(store)["nonce"] == "theirs"


def test_a_holder_that_was_taken_for_dead_ends(store, stop, monkeypatch):
    """Whoever wakes up and finds its lock taken over is told to stop, as by Ctrl-C."""
    monkeypatch.setattr(lock, "BEAT_SECONDS", 0.01)
    with lock.held(store, ACCOUNT, "export", stop) as held:
        assert not stop.wait(0.05)
        lock.unlock(store, held.id)
        put(store)
        assert stop.wait(5)


def wait_for(condition):
    """Wait until something happens that another thread does."""
    for _ in range(500):
        if condition():
            return True
        time.sleep(0.01)
    return False


def test_the_heart_beats_by_itself(store, stop, monkeypatch):
    """While the lock is held its beat moves on, often enough to be seen by who watches, even beside a reader."""
    assert BEAT_SECONDS * 3 < DEAD_AFTER_SECONDS
    monkeypatch.setattr(lock, "BEAT_SECONDS", 0.01)
    with lock.held(store, ACCOUNT, "export", stop):
        first = row_of(store)["beat"]
        assert wait_for(lambda: row_of(store)["beat"] > first + 1)


def test_a_beat_that_cannot_be_written_is_skipped(store, stop, monkeypatch):
    """A database that is busy for a moment stops neither the heart nor the work, and shows no traceback."""
    monkeypatch.setattr(lock, "BEAT_SECONDS", 0.01)
    monkeypatch.setattr("migrate.store.database.BUSY_TIMEOUT_MS", 1)
    with lock.held(store, ACCOUNT, "export", stop):
        with store.writing():
            time.sleep(0.05)
        first = row_of(store)["beat"]
        assert wait_for(lambda: row_of(store)["beat"] > first)
    assert not stop.is_set()


ELSEWHERE = Process("other", "m2/b2", "pid:[2]", 7, "1")


@pytest.mark.parametrize(
    ("process", "expected"),
    [
        (replace(HERE), True),
        (replace(HERE, started=""), True),
        (replace(HERE, started="1"), False),
        (replace(HERE, host="renamed"), True),
        (replace(HERE, namespace="pid:[2]"), None),
        (ELSEWHERE, None),
        (replace(ELSEWHERE, namespace=HERE.namespace), None),
    ],
)
def test_only_what_can_be_known_is_said_of_a_process(process, expected):
    """Alive and dead are said of processes whose ids are counted here since the same boot; of others nothing."""
    assert processes.is_alive(process, HERE) is expected


def test_a_system_that_tells_nothing_of_its_processes(monkeypatch, tmp_path):
    """Without /proc and a machine id, a process is known by its host and number alone."""
    monkeypatch.setattr(processes, "PROC", tmp_path / "proc")
    monkeypatch.setattr(processes, "MACHINE_ID", tmp_path / "machine-id")
    here = processes.this_process()
    assert here == Process(socket.gethostname(), "/", "", os.getpid(), "")
    assert processes.is_alive(here, here) is True
    assert processes.is_alive(replace(here, host="another"), here) is None
