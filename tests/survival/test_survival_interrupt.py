"""Ctrl-C on a real process, once and twice; and two commands that start at the same moment."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest
from crashes import Look, small_world
from driving import code_of, drive
from variables import CLEAN
from worlds import posts

from migrate.core.errors import LockHeld
from migrate.core.stop import StopToken
from migrate.simulator import Fault, Simulator
from migrate.store import database, lock, open_store

ACCOUNT = "AC" + "0" * 32
SLOW = 1.0
"""How long the call takes that is in flight when the signal comes, seconds."""


@pytest.fixture(scope="module", params=["same", "new"])
def target(request):
    """Where settings go."""
    return request.param


@pytest.fixture
def simulator():
    """The small account, and an empty second one."""
    with Simulator(world=small_world()) as running:
        yield running


def driver_for(folder, simulator, target):
    """What comes before an interruption, and after it, is driven in this process."""
    account = list(simulator.world.accounts)[1] if target == "new" else None
    return replace(drive(folder, simulator, account), settle=0.3)


@pytest.fixture
def driver(simulator, tmp_path, target):
    """The commands on the database of the processes."""
    return driver_for(tmp_path, simulator, target)


@pytest.fixture
def start(driver, tmp_path):
    """Starts a command in a process of its own."""
    running = []

    def start(*arguments):
        process = subprocess.Popen(
            [sys.executable, "-m", "migrate", *map(str, arguments)],
            cwd=tmp_path,
            env={**CLEAN, **driver.environ},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )
        running.append(process)
        return process

    yield start
    for process in running:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.fixture
def look(simulator, tmp_path):
    """A look at accounts and database."""
    return Look(simulator, tmp_path / "chat-migrate.db")


def finished(process, code=0):
    """Its output and errors, when it has ended with this code."""
    out, err = process.communicate(timeout=60)
    assert process.returncode == code, (out, err)
    return out, err


def wait_for(condition):
    """Wait until something has happened in another process."""
    for _ in range(3000):
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError("it did not happen")


def slow_call(simulator, method, path=""):
    """Let one call take long; return a function that waits until it is in flight."""
    simulator.inject(Fault("slow", method, path, nth=3, seconds=SLOW))
    return lambda: wait_for(lambda: any(request.fault == "slow" for request in simulator.requests))


@pytest.fixture(scope="module")
def undisturbed(target, tmp_path_factory):
    """The end state of a run that nobody interrupts."""
    folder = tmp_path_factory.mktemp("undisturbed")
    with Simulator(world=small_world()) as simulator:
        assert driver_for(folder, simulator, target).run(target=target).code == 0
        return Look(simulator, folder / "chat-migrate.db").end_state()


def test_the_first_interrupt_finishes_what_is_in_flight(simulator, start, look, driver, target, undisturbed):
    """The call in flight is finished and recorded, the way on is printed, exit 130; resume does the rest."""
    in_flight = slow_call(simulator, "POST")
    process = start("run", "--yes", "--target", target, "--concurrency", 2)
    in_flight()
    process.send_signal(signal.SIGINT)
    _, err = finished(process, 130)
    assert "chat-migrate resume" in err
    assert "Traceback" not in err
    sent = [request for request in posts(simulator) if request.status in {200, 201}]
    assert len(look.rows("SELECT 1 FROM journal WHERE state = 'verified'")) >= len(sent) > 0
    assert look.rows("SELECT 1 FROM step_state WHERE state IN ('intent', 'unknown')") == []
    assert look.rows("SELECT * FROM lock") == []
    assert code_of(driver.resume()) == 0
    assert look.end_state() == undisturbed
    look.check_intents()


def test_the_second_interrupt_stops_at_once(simulator, start, look, driver, target, undisturbed):
    """It does not wait for the call in flight; what became of that is found out by resume."""
    in_flight = slow_call(simulator, "POST")
    process = start("run", "--yes", "--target", target, "--concurrency", 1)
    in_flight()
    process.send_signal(signal.SIGINT)
    assert "Ctrl-C again stops at once" in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    finished(process, 130)
    assert len(look.rows("SELECT 1 FROM step_state WHERE state = 'intent'")) == 1
    assert code_of(driver.resume()) == 0
    assert look.end_state() == undisturbed
    look.check_intents()
    look.check_file()


def test_a_rollback_is_interrupted_gently_too(simulator, start, look, driver, target):
    """The same for `rollback --delete-created`, whose resume ends it."""
    assert driver.run(target=target).code == 0
    method = "DELETE" if target == "new" else "POST"
    done = len(posts(simulator))
    in_flight = slow_call(simulator, method)
    process = start("rollback", "--yes", "--delete-created", "--concurrency", 1)
    in_flight()
    process.send_signal(signal.SIGINT)
    _, err = finished(process, 130)
    assert "chat-migrate resume" in err
    assert look.rows("SELECT 1 FROM step_state WHERE state IN ('intent', 'unknown')") == []
    assert code_of(driver.resume()) == 0
    assert len(posts(simulator)) > done + 3
    assert [s for a in list(simulator.world.accounts.values())[1:] for s in a.services] == []


@pytest.mark.parametrize("command", ["export", "diff"])
def test_reading_is_interrupted_gently(simulator, start, look, driver, target, command):
    """`export` and `diff` say what to type and leave nothing half-done behind."""
    path = "/Roles$" if command == "export" or target == "same" else ""
    if command == "diff" and target == "new":
        # A diff for new services reads no targets until there are some.
        driver.run(target="new")
    driver.export()
    before = [tuple(row) for row in look.rows("SELECT number FROM plans UNION ALL SELECT id FROM snapshots")]
    in_flight = slow_call(simulator, "GET", path)
    process = start(command, *(["--target", target] if command == "diff" else []), "--concurrency", 1)
    in_flight()
    process.send_signal(signal.SIGINT)
    _, err = finished(process, 130)
    assert f"chat-migrate {command}" in err
    if command == "diff":
        driver.diff(target=target)
    else:
        driver.export()
    after = [tuple(row) for row in look.rows("SELECT number FROM plans UNION ALL SELECT id FROM snapshots")]
    assert len(after) == len(before) + 1


def test_two_apply_at_once(simulator, start, look, driver, target, undisturbed):
    """One of them works; the other ends with 8, names the holder, and has sent nothing."""
    driver.export()
    driver.diff(target=target)
    slow_call(simulator, "POST")
    both = [start("apply", "--yes"), start("apply", "--yes")]
    outcomes = [(process.pid, *process.communicate(timeout=60), process.returncode) for process in both]
    assert sorted(code for *_, code in outcomes) == [0, 8], outcomes
    (winner,) = (pid for pid, _, _, code in outcomes if code == 0)
    (complaint,) = (err for _, _, err, code in outcomes if code == 8)
    assert f"`chat-migrate apply` (process {winner} on " in complaint
    assert complaint.count("\n") == 1
    assert look.end_state() == undisturbed
    look.check_intents()
    look.check_file()


def test_the_second_one_leaves_the_database_of_the_first(tmp_path, monkeypatch):
    """Both commands found no database: the one that finds it locked does not take it for its own and remove it."""
    path = tmp_path / "chat-migrate.db"
    with open_store(path) as first, lock.held(first, ACCOUNT, "run", StopToken()):
        monkeypatch.setattr(database, "_exists", lambda _path: False)
        with (
            pytest.raises(LockHeld),
            open_store(path) as second,
            lock.held(second, ACCOUNT, "run", StopToken()),
        ):
            pass
        assert path.exists()


def test_two_first_runs_at_once(simulator, start, look, target, undisturbed):
    """In an empty folder, too: the one that comes second must not take away the database that the first one fills."""
    slow_call(simulator, "GET")
    both = [start("run", "--yes", "--target", target) for _ in range(2)]
    outcomes = [(*process.communicate(timeout=60), process.returncode) for process in both]
    assert sorted(code for *_, code in outcomes) == [0, 8], outcomes
    assert look.end_state() == undisturbed
    look.check_intents()
    look.check_file()
