"""`simulator`: the embedded Twilio as a program of its own, for rehearsals."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager


@contextmanager
def serving(tool, *arguments):
    """Run the command and yield the variables that it prints; end it with Ctrl-C."""
    process = subprocess.Popen(
        [sys.executable, "-m", "migrate", "simulator", *arguments],
        cwd=tool.folder,
        env={**tool.environ, "PYTHONUNBUFFERED": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        lines = [process.stdout.readline() for _ in range(4)]
        yield dict(re.fullmatch(r"export (\w+)=(\S+)\n", line).groups() for line in lines)
    finally:
        os.kill(process.pid, signal.SIGINT)
        _out, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "Traceback" not in err


def test_a_whole_rehearsal(lonely_tool):
    """The printed variables lead the tool to the simulator, and a migration there ends well, once and again."""
    with serving(lonely_tool, "--services", "5", "--seed", "3") as environ:
        assert set(environ) >= {"TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN", "TWILIO_CHAT_URL"}
        first = lonely_tool("run", "--yes", "--format", "json", environ=environ)
        assert (first.code, first.json["summary"]["services"]) == (0, 5)
        again = lonely_tool("run", "--yes", "--format", "json", environ=environ)
        assert (again.code, again.json["summary"]["steps"]) == (0, 0)


def test_it_keeps_its_state(lonely_tool):
    """With --state, what was migrated is still migrated when the simulator is started again."""
    options = ("--services", "2", "--state", "state.json")
    with serving(lonely_tool, *options) as environ:
        assert lonely_tool("run", "--yes", environ=environ).code == 0
    with serving(lonely_tool, *options) as environ:
        result = lonely_tool("run", "--yes", "--format", "json", environ=environ)
        assert (result.code, result.json["summary"]["steps"]) == (0, 0)


def test_it_throttles(lonely_tool):
    """With --max-concurrent, a migration is slowed down by 429 and ends well all the same."""
    with serving(lonely_tool, "--max-concurrent", "2", "--latency", "5") as environ:
        assert lonely_tool("run", "--yes", environ=environ).code == 0


def test_a_port_that_is_taken(lonely_tool):
    """A port that something else listens on is named in one sentence."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        result = lonely_tool("simulator", "--port", taken.getsockname()[1])
    assert result.code == 2
    assert "The simulator cannot start" in result.err


def test_a_state_file_that_is_none(lonely_tool):
    """A state file that is not one is refused, and left as it was."""
    path = lonely_tool.folder / "state.json"
    path.write_text("not JSON")
    result = lonely_tool("simulator", "--state", path)
    assert result.code == 2
    assert path.read_text() == "not JSON"


def test_only_this_machine_is_served(lonely_tool):
    """The addresses that it prints are of the loopback interface."""
    with serving(lonely_tool, "--services", "0") as environ:
        assert environ["TWILIO_CHAT_URL"].startswith("http://127.0.0.1:")
        assert environ["TWILIO_CONVERSATIONS_URL"].startswith("http://127.0.0.1:")
