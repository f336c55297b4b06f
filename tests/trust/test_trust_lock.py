"""One run at a time: a reused process id holds nothing, and one that was taken for dead writes nothing any more."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest
from calling import Tool
from driving import drive
from trust_world import CLEAN, second, wait_until
from worlds import differences_between, posts

from migrate.commands.run import RunOptions, run
from migrate.core.errors import LockLost
from migrate.simulator import Simulator

SEEDS = range(50 if os.environ.get("CHAT_MIGRATE_LONG") else 3)
SERVICES = 4
ROOT = Path(__file__).parents[2]


def elsewhere(folder, environ, host, clock, *arguments):
    """The program on a host of its own, ready to begin."""
    running = subprocess.Popen(
        [sys.executable, Path(__file__).with_name("elsewhere.py"), host, str(clock), *arguments],
        cwd=folder,
        env={**CLEAN, "PYTHONPATH": str(ROOT), "CHAT_MIGRATE_SETTLE": "0.3", **environ},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert running.stdout.readline() == "ready\n"
    return running


def begin(running):
    """Let it begin."""
    running.stdin.write("\n")
    running.stdin.flush()


def ended(running):
    """Its exit code and what it said."""
    _, err = running.communicate(timeout=60)
    return running.returncode, err


@pytest.mark.parametrize("seed", SEEDS)
def test_suspended_and_woken(tmp_path, seed):
    """A run on another host that is suspended, taken for dead and woken again does nothing twice."""
    chance = random.Random(seed)  # noqa: S311 - a test wants to be repeated
    with Simulator(services=SERVICES, seed=7, accounts=2, latency_ms=chance.choice([1, 10, 30])) as simulator:
        environ = simulator.environment(second(simulator))
        suspended = elsewhere(tmp_path, environ, "alpha", 120, "run", "--yes", "--target", "new")
        other = elsewhere(tmp_path, environ, "beta", -120, "resume", "--yes")
        begin(suspended)
        moment = chance.randrange(0, 6 * SERVICES)
        wait_until(lambda: len(posts(simulator)) > moment or suspended.poll() is not None)
        time.sleep(chance.uniform(0, 0.02))
        suspended.send_signal(signal.SIGSTOP)
        begun = len(posts(simulator))
        begin(other)
        if chance.random() < 0.8:  # woken in the middle of the other one's work
            further = begun + chance.randrange(1, 8)
            wait_until(lambda: len(posts(simulator)) >= further or other.poll() is not None)
        else:  # woken while it is being watched
            time.sleep(chance.uniform(0, 1.2))
        suspended.send_signal(signal.SIGCONT)
        ends = [ended(suspended), ended(other)]
        # Suspended in the middle of a transaction, it holds the file itself: the other one can only give up.
        assert all(code in {0, 8} or "database is locked" in err for code, err in ends), ends
        assert 0 in {code for code, _ in ends}
        assert differences_between(simulator, second(simulator)) == []
        created = Counter(
            (request.path, dict(request.form)["FriendlyName"])
            for request in posts(simulator)
            if request.path.endswith(("/Services", "/Roles")) and request.status == 201
        )
        assert created == Counter(set(created))


def test_a_process_id_that_is_used_again(tmp_path):
    """A dead run's process id that another program has now holds no lock: its start time tells them apart."""
    with Simulator(services=3, seed=7, accounts=2) as simulator:
        tool = Tool(tmp_path, {**CLEAN, "CHAT_MIGRATE_SETTLE": "0.3", **simulator.environment()})
        assert tool("export").code == 0
        from migrate.store.processes import this_process

        with closing(sqlite3.connect(tool.db)) as connection, connection:
            here = vars(this_process()) | {"started": "1"}
            connection.execute(
                "INSERT INTO lock VALUES (:account, 'nonce', 'abcd', :host, :boot, :namespace, :pid, :started, "
                "'run', '2026-01-01T00:00:00.000Z', 7)",
                {**here, "account": simulator.account_sid},
            )
        assert tool.process("run", "--yes").code == 0
        assert posts(simulator) != []


def test_a_live_holder_elsewhere_is_not_taken_over(tmp_path):
    """A run on another host whose heartbeat moves is left alone: exit code 8, and `unlock` is named."""
    with Simulator(services=SERVICES, seed=7, accounts=2, latency_ms=60) as simulator:
        environ = simulator.environment(second(simulator))
        first = elsewhere(
            tmp_path, environ, "alpha", 120, "run", "--yes", "--target", "new", "--concurrency", "1"
        )
        other = elsewhere(tmp_path, environ, "beta", -120, "resume", "--yes")
        begin(first)
        wait_until(lambda: len(posts(simulator)) > 1)
        begin(other)
        code, err = ended(other)
        assert code == 8
        assert "chat-migrate unlock" in err
        assert ended(first)[0] == 0
        assert differences_between(simulator, second(simulator)) == []


def test_taken_over_while_a_person_thinks(tmp_path):
    """A `run` whose lock was taken over during its question writes nothing any more, anywhere."""
    with Simulator(services=3, seed=7) as simulator:
        driver = drive(tmp_path, simulator)

        def taken_over(_store, _plan, _consents):
            with closing(sqlite3.connect(driver.db)) as connection, connection:
                connection.execute("UPDATE lock SET nonce = 'of another run', host = 'beta'")

        with pytest.raises(LockLost, match="taken over"):
            run(driver.context, RunOptions(), taken_over, lambda _store, _plan: None)
        with closing(sqlite3.connect(driver.db)) as connection:
            assert list(connection.execute("SELECT phase, plan, finished_at FROM runs")) == [
                ("confirm", None, None)
            ]
        assert posts(simulator) == []


def test_a_lock_that_its_holder_cannot_end(account, tool_at):
    """`unlock` ends the lock of a host that is gone, by the id that a refusal shows, and no other."""
    simulator = account(services=2)
    tool = tool_at(simulator)
    tool("export")
    with closing(sqlite3.connect(tool.folder / "chat-migrate.db")) as connection, connection:
        connection.execute(
            "INSERT INTO lock VALUES (?, 'nonce', 'abcd', 'gone', 'm/b', 'ns', 1, '1', 'run', '2026', 7)",
            [simulator.account_sid],
        )
    assert tool("unlock", "other").code == 2
    assert tool("unlock", "abcd").code == 0
    assert tool("run", "--yes").code == 0
    assert posts(simulator) != []
