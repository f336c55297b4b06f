"""Where a report goes: a format by the file's ending, whole or not at all, through pipes, never over the database."""

from __future__ import annotations

import json
import os
import stat
import threading
from pathlib import Path

import pytest

STARTS = {
    "report.html": "<!doctype html>",
    "report.HTM": "<!doctype html>",
    "report.md": "## chat-migrate",
    "report.markdown": "## chat-migrate",
    "report.json": "{",
    "report.txt": "chat-migrate",
    "report": "chat-migrate",
}


@pytest.fixture
def planned(tool):
    """The program in a folder that holds a snapshot and a plan."""
    assert tool("export").code == 0
    assert tool("diff").code == 0
    return tool


@pytest.mark.parametrize(("name", "start"), STARTS.items())
def test_the_ending_of_the_file_chooses_the_format(planned, name, start):
    """`-o` writes what the file's ending stands for, and says on stderr what it wrote."""
    result = planned("diff", "-o", name)
    assert (result.code, result.out) == (0, "")
    assert result.err == f"Wrote {name}: 12 services examined, 58 changes, 15 steps.\n"
    assert (planned.folder / name).read_text(encoding="utf-8").lower().startswith(start.lower())


def test_format_wins_over_the_ending(planned):
    """`--format` counts where both are given."""
    assert planned("diff", "--format", "json", "-o", "report.html").code == 0
    assert json.loads((planned.folder / "report.html").read_text(encoding="utf-8"))["format"] == 1


def test_a_file_is_private_and_whole(planned):
    """A file is readable by its owner only, replaces an older one, and leaves nothing beside it."""
    path = planned.folder / "report.txt"
    path.write_text("old", encoding="utf-8")
    before = {each.name for each in planned.folder.iterdir()}
    assert planned("-q", "diff", "-o", path).err == ""
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_text(encoding="utf-8").splitlines()[-1].startswith("Total: 12 services, 58 changes")
    assert "\x1b" not in path.read_text(encoding="utf-8")
    assert {each.name for each in planned.folder.iterdir()} == before


def test_a_link_is_written_through(planned):
    """A symbolic link stays one: the file that it leads to gets the report."""
    (planned.folder / "link.md").symlink_to("real.md")
    assert planned("diff", "-o", "link.md").code == 0
    assert (planned.folder / "link.md").is_symlink()
    assert (planned.folder / "real.md").read_text(encoding="utf-8").startswith("## chat-migrate")


@pytest.mark.parametrize("companion", ["", "-wal", "-shm", "-journal"])
@pytest.mark.parametrize("spelling", ["{}", "./{}", "link"])
def test_the_database_is_never_written_over(planned, companion, spelling):
    """Neither the database nor what SQLite keeps beside it is taken for a report's file, by whatever name."""
    name = f"chat-migrate.db{companion}"
    if spelling == "link":
        (planned.folder / "link").symlink_to(name)
    before = planned.db.read_bytes()
    result = planned("diff", "-o", spelling.format(name))
    assert result.code == 2
    assert "is the database, or belongs to it. Choose another file with -o." in result.err
    assert planned.db.read_bytes() == before


def test_a_pipe_is_written_through(planned):
    """A named pipe gets the report and stays a pipe."""
    pipe = planned.folder / "pipe"
    os.mkfifo(pipe)
    read = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_text(encoding="utf-8")))
    reader.start()
    assert planned("diff", "--format", "json", "-o", pipe).code == 0
    reader.join(timeout=20)
    assert json.loads(read[0])["kind"] == "diff"
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_a_device_is_written_through(planned):
    """A report may go to /dev/stdout and /dev/null, which stay what they are."""
    assert planned("diff", "-o", "/dev/null").code == 0
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)
    assert planned("-q", "diff", "--format", "json", "-o", "/dev/stdout").json["kind"] == "diff"


def test_piped_text_is_whole_and_ends_with_the_totals(planned):
    """What a program reads has no escapes and no cuts, and its last line holds the totals."""
    out = planned("diff").out
    assert "\x1b" not in out
    assert "services more" not in out
    assert out.splitlines()[-1].startswith("Total: 12 services, 58 changes, 15 steps")
