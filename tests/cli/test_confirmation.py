"""Being asked on a terminal: what the question says, and yes, no, anything else, and Ctrl-C for an answer."""

from __future__ import annotations

import io
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time

import pytest
from worlds import named

from migrate.cli.present import confirm
from migrate.core.errors import Declined
from migrate.simulator import Simulator

QUESTION = b"Type yes or no:"


class Terminal:
    """The program on a pseudo-terminal, and the terminal's other end."""

    def __init__(self, tool, *arguments):
        self._ours, theirs = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "migrate", *arguments],
            cwd=tool.folder,
            env=tool.environ,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
        )
        os.close(theirs)
        self.shown = b""

    def see(self, text, seconds=20):
        """Wait for a text that has not been seen yet, and return all up to it."""
        end = time.monotonic() + seconds
        while text not in self.shown and time.monotonic() < end:
            if select.select([self._ours], [], [], 0.2)[0]:
                try:
                    self.shown += os.read(self._ours, 65536)
                except OSError:
                    break
        before, found, self.shown = self.shown.partition(text)
        assert found, before[-1000:]
        return " ".join((before + found).decode().split())

    def answer(self, text):
        """Type a line."""
        os.write(self._ours, text.encode() + b"\n")

    def end(self):
        """Wait for the program's end and return its exit code."""
        while select.select([self._ours], [], [], 0.1)[0] or self.process.poll() is None:
            try:
                self.shown += os.read(self._ours, 65536)
            except OSError:
                break
        return self.process.wait(timeout=20)

    def close(self):
        """End whatever is left."""
        self.process.kill()
        self.process.wait()
        os.close(self._ours)


@pytest.fixture
def at_terminal(tool):
    """Start the program on a terminal."""
    opened = []

    def start(*arguments):
        opened.append(Terminal(tool, *arguments))
        return opened[-1]

    yield start
    for terminal in opened:
        terminal.close()


def writes(simulator):
    """The requests that could have changed something."""
    return [request for request in simulator.requests if request.method != "GET"]


def test_ctrl_c_at_the_question_ends_the_command_and_sends_nothing(at_terminal, tool, simulator: Simulator):
    """Ctrl-C instead of an answer exits with 130 at once, sends nothing and frees the lock."""
    terminal = at_terminal("run")
    terminal.see(QUESTION)
    # A person is never so fast that the signal comes between the question and the wait for its answer.
    time.sleep(0.5)
    terminal.process.send_signal(signal.SIGINT)
    terminal.see(b"Interrupted", seconds=10)
    assert terminal.end() == 130
    assert not writes(simulator)
    assert tool.rows("SELECT * FROM lock") == []


def test_the_question_says_what_is_written_where_and_how_to_undo_it(at_terminal, simulator):
    """The question counts changes, steps and services, names the account and the plan, and the way back."""
    shown = at_terminal("run").see(QUESTION)
    assert re.search(
        rf"About to write 58 changes \(15 steps\) in place in account {simulator.account_sid}: 11 services, "
        r"plan [0-9a-f]{12}\. `chat-migrate rollback` restores the earlier values\. Write them\? Type yes or no:$",
        shown,
    )


def test_yes_writes(at_terminal, simulator):
    """After a yes, the plan is written."""
    terminal = at_terminal("run")
    terminal.see(QUESTION)
    terminal.answer("yes")
    assert terminal.end() == 0
    assert len(writes(simulator)) == 15


def test_no_sends_nothing(at_terminal, tool, simulator):
    """After a no, the command says that nothing was sent, exits with 1, and leaves nothing to resume."""
    terminal = at_terminal("run")
    terminal.see(QUESTION)
    terminal.answer("no")
    terminal.see(b"Nothing was sent.")
    assert terminal.end() == 1
    assert not writes(simulator)
    assert "nothing to resume" in tool("resume").out


@pytest.mark.parametrize("answer", ["y", "YES", " yes "])
def test_yes_in_other_ways(monkeypatch, answer):
    """A yes may be short, loud, and between blanks."""
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{answer}\n"))
    confirm("Write them?")


@pytest.mark.parametrize("answer", ["n", "No"])
def test_no_in_other_ways(monkeypatch, answer):
    """A no may be short, and spelt with a capital."""
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{answer}\n"))
    with pytest.raises(Declined):
        confirm("Write them?")


def test_another_answer_is_asked_for_again(at_terminal, simulator):
    """What is neither yes nor no is named, and the question comes again."""
    terminal = at_terminal("run")
    terminal.see(QUESTION)
    terminal.answer("maybe")
    assert "Error: 'maybe' is neither yes nor no." in terminal.see(QUESTION)
    assert not writes(simulator)
    terminal.answer("no")
    assert terminal.end() == 1


def test_a_rollback_asks_too(at_terminal, tool, simulator):
    """A rollback asks before it writes, and a no leaves everything as the run made it."""
    assert tool("run", "--yes").code == 0
    sent = len(writes(simulator))
    terminal = at_terminal("rollback")
    assert terminal.see(QUESTION).endswith("Roll back? Type yes or no:")
    terminal.answer("no")
    assert terminal.end() == 1
    assert len(writes(simulator)) == sent


def test_nothing_to_do_is_not_asked(at_terminal, tool):
    """Where nothing would be written, nobody is asked."""
    assert tool("run", "--yes").code == 0
    assert at_terminal("run").end() == 0


def test_the_question_says_how_much_of_the_plan_is_written_now(at_terminal, tool, simulator):
    """Under --limit and --service, the question does not leave it at the counts of the whole plan."""
    tool("export")
    tool("diff")
    alder = named(simulator, "Alder").sid
    shown = at_terminal("apply", "--limit", "1", "--service", alder).see(QUESTION)
    assert "About to write 58 changes (15 steps)" in shown
    assert ". This time: only what --service names, at most 1 service. `chat-migrate rollback`" in shown
