"""What a person sees in a terminal: one screen a command, nothing wider than the terminal."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from migrate.simulator import seeded_world

LONG = os.environ.get("CHAT_MIGRATE_LONG") == "1"
SIZES = [12, 200, 2000] if LONG else [30]
"""How many services there are."""
TERMINALS = [(80, True), (80, False), (120, True), (120, False)] if LONG else [(80, True), (120, False)]
"""How wide the terminal is, and whether it has colours."""
SCREEN = 45
"""Lines that a command may print."""
COMMANDS = (
    "export",
    "diff",
    "status",
    "apply --yes --limit 3",
    "resume",
    "verify",
    "history",
    "rollback --dry-run",
    "rollback --yes",
    "run --yes",
)
ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def on_screen(command: str, folder: Path, environ: dict[str, str], columns: int) -> tuple[int, str]:
    """Run a command in a terminal so wide; return its exit code and all that it has printed."""
    terminal, inside = pty.openpty()
    fcntl.ioctl(inside, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-m", "migrate", *command.split()],
        cwd=folder,
        env={**environ, "TERM": "xterm-256color"},
        stdin=inside,
        stdout=inside,
        stderr=inside,
    )
    os.close(inside)
    printed = b""
    while True:
        try:
            piece = os.read(terminal, 2**16)
        except OSError:  # the other end is closed
            piece = b""
        if not piece:
            break
        printed += piece
    os.close(terminal)
    return process.wait(), printed.decode("utf-8")


def lines_of(printed: str) -> list[str]:
    """The lines that stay on the screen; of a line that was written over, the last state."""
    plain = ESCAPE.sub("", printed).replace("\r\n", "\n").rstrip("\n")
    return [line.split("\r")[-1] for line in plain.split("\n")]


@pytest.mark.parametrize("services", SIZES)
@pytest.mark.parametrize(("columns", "color"), TERMINALS)
def test_each_command_fits_on_one_screen(tool, simulator, services, columns, color):
    """However many services there are, a command prints at most 45 lines, none wider than the terminal."""
    with simulator.locked():
        simulator.world = seeded_world(7, services)
    environ = {**tool.environ, **simulator.environment()} | ({} if color else {"NO_COLOR": "1"})
    for command in COMMANDS:
        code, printed = on_screen(command, tool.folder, environ, columns)
        lines = lines_of(printed)
        assert code == 0, printed
        assert len(lines) <= SCREEN, command
        assert max(map(len, lines)) <= columns, command
        assert color or not ESCAPE.search(printed), command
