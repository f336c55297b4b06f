"""Where a report goes: a format by the file's ending, whole or not at all, through pipes, never over the database."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from migrate.cli.present import Output
from migrate.core.errors import BadInput

pytestmark = pytest.mark.usefixtures("planned")

STARTS = {
    "report.html": "<!doctype html>",
    "report.HTM": "<!doctype html>",
    "report.md": "## chat-migrate",
    "report.markdown": "## chat-migrate",
    "report.json": "{",
    "report.txt": "chat-migrate",
    "report": "chat-migrate",
}


@pytest.mark.parametrize(("name", "start"), STARTS.items())
def test_the_ending_of_the_file_chooses_the_format(tool, name, start):
    """`-o` writes what the file's ending stands for, and says on stderr what it wrote."""
    result = tool("diff", "-o", name)
    assert (result.code, result.out) == (0, "")
    assert result.err == f"Wrote {name}: 12 services examined, 58 changes, 15 steps.\n"
    assert (tool.folder / name).read_text(encoding="utf-8").lower().startswith(start.lower())


def test_format_wins_over_the_ending(tool):
    """`--format` counts where both are given."""
    assert tool("diff", "--format", "json", "-o", "report.html").code == 0
    assert json.loads((tool.folder / "report.html").read_text(encoding="utf-8"))["format"] == 1


def test_a_file_is_private_and_whole(tool):
    """A file is readable by its owner only, replaces an older one, and leaves nothing beside it."""
    path = tool.folder / "report.txt"
    path.write_text("old", encoding="utf-8")
    before = {each.name for each in tool.folder.iterdir()}
    assert tool("-q", "diff", "-o", path).err == ""
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_text(encoding="utf-8").splitlines()[-1].startswith("Total: 12 services, 58 changes")
    assert "\x1b" not in path.read_text(encoding="utf-8")
    assert {each.name for each in tool.folder.iterdir()} == before


def test_a_link_is_written_through(tool):
    """A symbolic link stays one: the file that it leads to gets the report."""
    (tool.folder / "link.md").symlink_to("real.md")
    assert tool("diff", "-o", "link.md").code == 0
    assert (tool.folder / "link.md").is_symlink()
    assert (tool.folder / "real.md").read_text(encoding="utf-8").startswith("## chat-migrate")


@pytest.mark.parametrize("companion", ["", "-wal", "-shm", "-journal"])
@pytest.mark.parametrize("spelling", ["{}", "./{}", "link"])
def test_the_database_is_never_written_over(tool, companion, spelling):
    """Neither the database nor what SQLite keeps beside it is taken for a report's file, by whatever name."""
    name = f"chat-migrate.db{companion}"
    if spelling == "link":
        (tool.folder / "link").symlink_to(name)
    before = tool.db.read_bytes()
    result = tool("diff", "-o", spelling.format(name))
    assert result.code == 2
    assert "is the database, or belongs to it. Choose another file with -o." in result.err
    assert tool.db.read_bytes() == before


@pytest.mark.parametrize("companion", ["", "-wal", "-shm", "-journal"])
def test_the_database_behind_a_link_is_never_written_over(tool, companion):
    """Where `--db` is a symbolic link, what lies beside the database that it leads to is no report's file either."""
    (tool.folder / "link.db").symlink_to("chat-migrate.db")
    result = tool("--db", "link.db", "diff", "-o", f"chat-migrate.db{companion}")
    assert result.code == 2
    assert "is the database, or belongs to it. Choose another file with -o." in result.err


@pytest.mark.parametrize("leads_to", ["link", "missing/report.md"])
def test_a_link_that_leads_nowhere_is_refused_before_the_work(tool, simulator, leads_to):
    """A link to itself or into a folder that is missing cannot take a report: nothing is sent before that is told."""
    (tool.folder / "link").symlink_to(leads_to)
    result = tool("apply", "--yes", "-o", "link")
    assert result.code == 2
    assert (
        result.err
        == "Error: link cannot be written. Choose a file in a folder that exists and is writable.\n"
    )
    assert not [request for request in simulator.requests if request.method != "GET"]


def test_a_device_is_written_through_by_anybody(monkeypatch):
    """Who may write a device, but not into its folder, may have the report there."""
    monkeypatch.setattr(os, "access", lambda path, _mode: Path(path) == Path("/dev/null"))
    db, device = Path("chat-migrate.db"), Path("/dev/null")
    assert Output(db, file=device).file == device
    with pytest.raises(BadInput, match="cannot be written"):
        Output(db, file=Path("report.md"))


def test_a_pipe_is_written_through(tool):
    """A named pipe gets the report and stays a pipe."""
    pipe = tool.folder / "pipe"
    os.mkfifo(pipe)
    read = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_text(encoding="utf-8")))
    reader.start()
    assert tool("diff", "--format", "json", "-o", pipe).code == 0
    reader.join(timeout=20)
    assert json.loads(read[0])["kind"] == "diff"
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_a_device_is_written_through(tool):
    """A report may go to /dev/stdout and /dev/null, which stay what they are."""
    assert tool("diff", "-o", "/dev/null").code == 0
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)
    assert tool.process("-q", "diff", "--format", "json", "-o", "/dev/stdout").json["kind"] == "diff"


def test_piped_text_is_whole_and_ends_with_the_totals(tool):
    """What a program reads has no escapes and no cuts, and its last line holds the totals."""
    out = tool.process("diff").out
    assert "\x1b" not in out
    assert "services more" not in out
    assert out.splitlines()[-1].startswith("Total: 12 services, 58 changes, 15 steps")


@pytest.mark.parametrize("typed", [("diff",), ("diff", "-o", "/dev/full"), ("status",), ("--help",)])
def test_a_full_disk_under_the_output_is_told(tool, typed):
    """What cannot be written to stdout or a report is one sentence and exit code 1, with nothing after it."""
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        done = run_with(tool, typed, stdout=full)
    assert (done.returncode, done.stderr) == (
        1,
        "Error: The disk is full, so the output is not complete. What was recorded is safe. Free some space, then run "
        "`chat-migrate status`.\n",
    )


@pytest.mark.parametrize("closed", [1, 2])
def test_a_closed_stream_is_no_failure(tool, closed):
    """A command that was started without stdout or stderr does its work."""
    done = run_with(tool, ("diff", "-o", "report.md"), preexec_fn=lambda: os.close(closed))
    assert (done.returncode, (tool.folder / "report.md").exists()) == (0, True)


def run_with(tool, typed, **streams):
    """Run one command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "migrate", *typed],
        cwd=tool.folder,
        env=tool.environ,
        stdin=subprocess.DEVNULL,
        encoding="utf-8",
        timeout=60,
        check=False,
        **({"stderr": subprocess.PIPE} | streams),
    )
