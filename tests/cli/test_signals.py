"""Ctrl-C, SIGTERM and SIGHUP: what is in flight is finished and recorded, and the command says how to go on."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from copy import deepcopy

import pytest
from worlds import differences_in_place

from migrate.simulator import Fault

GENTLE = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


def start(tool, *arguments, **settings):
    """Start the program and leave it running."""
    command = [sys.executable, "-m", "migrate", *arguments]
    return subprocess.Popen(
        command,
        cwd=tool.folder,
        env=tool.environ,
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        **settings,
    )


def wait_for_requests(simulator, running, method="GET"):
    """Wait until a request of this method has come."""
    while running.poll() is None and not any(each.method == method for each in simulator.requests):
        time.sleep(0.01)


@pytest.mark.parametrize("number", GENTLE, ids=lambda number: number.name)
def test_before_anything_was_written(tool, simulator, number):
    """During an export each of the three exits with 130, names the command to repeat, and leaves no database."""
    simulator.inject(Fault("slow", seconds=0.3, times=None))
    with start(tool, "export") as running:
        wait_for_requests(simulator, running)
        running.send_signal(number)
        _, err = running.communicate(timeout=20)
    assert running.returncode == 130
    assert b"Run `chat-migrate export` again" in err
    assert b"Traceback" not in err
    assert not tool.db.exists()


def test_a_run_that_has_no_snapshot_yet_can_be_resumed(tool, simulator):
    """The first `run` in a folder, interrupted during its export, leaves what `resume` goes on with."""
    simulator.inject(Fault("slow", seconds=0.3, times=4))
    with start(tool, "run", "--yes") as running:
        wait_for_requests(simulator, running)
        running.send_signal(signal.SIGINT)
        _, err = running.communicate(timeout=20)
    assert running.returncode == 130
    assert b"`chat-migrate resume` continues" in err
    assert tool("resume", "--yes").code == tool("resume").code == 0
    assert any(each.method == "POST" for each in simulator.requests)


def test_requests_that_wait_for_their_turn_are_not_sent(tool, simulator):
    """With one request at once, an export is interrupted after the one that is under way, however many wait."""
    simulator.inject(Fault("slow", seconds=0.3, times=None))
    with start(tool, "export", "--concurrency", "1") as running:
        wait_for_requests(simulator, running)
        running.send_signal(signal.SIGINT)
        running.communicate(timeout=20)
    assert running.returncode == 130
    assert len(simulator.requests) <= 2


@pytest.mark.parametrize("number", GENTLE, ids=lambda number: number.name)
def test_in_the_middle_of_a_run(tool, simulator, number):
    """During writes each of the three exits with 130, leaves nothing undecided, and `resume` does the rest."""
    before = deepcopy(simulator.world.first.services)
    simulator.inject(Fault("slow", method="POST", seconds=0.3, times=None))
    with start(tool, "run", "--yes", "--concurrency", "1") as running:
        wait_for_requests(simulator, running, "POST")
        running.send_signal(number)
        _, err = running.communicate(timeout=20)
    assert running.returncode == 130
    assert b"`chat-migrate resume` continues" in err
    begun = [row[0] for row in tool.rows("SELECT state FROM step_state")]
    assert set(begun) == {"verified"}
    assert len(begun) < 15
    assert tool("resume", "--concurrency", 15).code == 0
    assert [row[0] for row in tool.rows("SELECT state FROM step_state")] == ["verified"] * 15
    assert len([request for request in simulator.requests if request.method == "POST"]) == 15
    found = [differences_in_place(each, simulator.world.service(sid)) for sid, each in before.items()]
    assert not any(found)


def test_under_nohup_a_hang_up_is_ignored(tool, simulator):
    """A SIGHUP that was ignored when the command started stays ignored: it ends as if nothing had come."""
    simulator.inject(Fault("slow", seconds=0.3, times=None))
    with start(tool, "export", preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN)) as running:
        wait_for_requests(simulator, running)
        running.send_signal(signal.SIGHUP)
        _, err = running.communicate(timeout=20)
    assert (running.returncode, err) == (0, b"")


def test_the_second_one_ends_at_once(tool, simulator):
    """Whoever asks twice does not wait for the requests in flight."""
    simulator.inject(Fault("slow", seconds=30, times=None))
    with start(tool, "export") as running:
        wait_for_requests(simulator, running)
        running.send_signal(signal.SIGINT)
        assert b"Ctrl-C again stops at once" in running.stderr.readline()
        running.send_signal(signal.SIGINT)
        running.communicate(timeout=10)
    assert running.returncode == 130
