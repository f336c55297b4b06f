"""Being asked on a terminal, and answering with Ctrl-C."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
import time

import pytest

from migrate.simulator import Simulator


@pytest.fixture
def asked(tool):
    """The program at its question, on a pseudo-terminal: the process and the terminal's other end."""
    assert tool("export").code == 0
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "migrate", "run"]
    process = subprocess.Popen(
        command, cwd=tool.folder, env=tool.environ, stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    yield process, ours
    process.kill()
    process.wait()
    os.close(ours)


def read_until(terminal: int, text: bytes, seconds: float = 20) -> bytes:
    """What the terminal shows until some text appears."""
    shown, end = b"", time.monotonic() + seconds
    while text not in shown and time.monotonic() < end:
        if select.select([terminal], [], [], 0.2)[0]:
            shown += os.read(terminal, 65536)
    return shown


def test_ctrl_c_at_the_question_ends_the_command_and_sends_nothing(asked, tool, simulator: Simulator):
    """Ctrl-C instead of an answer exits with 130 at once, sends nothing and frees the lock."""
    process, terminal = asked
    assert b"Go on?" in read_until(terminal, b"Go on?")
    # A person is never so fast that the signal comes between the question and the wait for its answer.
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    assert b"Interrupted" in read_until(terminal, b"Interrupted", seconds=10)
    assert process.wait(timeout=20) == 130
    assert not [request for request in simulator.requests if request.method != "GET"]
    assert tool.rows("SELECT * FROM lock") == []
