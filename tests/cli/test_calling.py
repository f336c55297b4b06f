"""The two ways in which tests call the program: both answer the same, and the one without a process leaves no trace."""

from __future__ import annotations

import gc
import os
import signal
import sys
import tempfile
from pathlib import Path

import pytest


@pytest.mark.parametrize(
    "arguments",
    [
        ("status",),
        ("diff", "--format", "json"),
        ("diff", "--exit-code", "-o", "report.md"),
        ("apply",),
        ("apply", "--plan", "none", "--yes"),
        ("mappings",),
        ("schema",),
        ("unlock", "none"),
    ],
    ids=" ".join,
)
@pytest.mark.usefixtures("planned")
def test_both_ways_answer_the_same(tool, arguments):
    """Exit code, stdout and stderr are those of a fresh process."""
    assert tool(*arguments) == tool.process(*arguments)


def surroundings():
    """What a command may change in its process."""
    return (
        dict(os.environ),
        Path.cwd(),
        list(sys.argv),
        (sys.stdin, sys.stdout, sys.stderr, sys.__stdout__),
        tempfile.tempdir,
        gc.get_threshold(),
        gc.get_freeze_count(),
        [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM)],
    )


@pytest.mark.parametrize("arguments", [("export",), ("export", "--from-file", "none.json")], ids=" ".join)
def test_no_trace_is_left(tool, arguments):
    """However a command ends, this process is as it was before."""
    before = surroundings()
    tool(*arguments)
    assert surroundings() == before


def test_what_hangs_fails(lonely_tool):
    """A command that does not end in time fails the test, and leaves no trace either."""
    before = surroundings()
    with pytest.raises(pytest.fail.Exception, match=r"chat-migrate simulator .* did not end within 1 s"):
        lonely_tool("simulator", "--port", 0, timeout=1)
    assert surroundings() == before
