"""A full disk, or a database that becomes read-only, in the middle of a run: said in one sentence, then resumed."""

from __future__ import annotations

import os
import subprocess
from itertools import count

import pytest
from crashes import FIGURES, FULL, Ended, Lab, small_world

from migrate.simulator import Simulator

WORKERS = ("--concurrency", 4)
CAUSES = (
    "Error: The database chat-migrate.db cannot be written: ",
    "Error: The disk is full: chat-migrate.db cannot grow. ",
)


@pytest.fixture
def diffed(lab):
    """After `export` and `diff`."""
    return lab.prepared(("export",), ("diff", "--target", lab.target))


@pytest.fixture
def expected(lab, diffed):
    """The end state of an undisturbed run."""
    lab.begin(diffed)
    assert lab.run("apply", "--yes", *WORKERS).code == 0
    return lab.look.end_state()


def check_refusal(ended: Ended) -> None:
    """One clear sentence, no traceback, exit 1."""
    assert ended.code == 1, ended
    assert ended.err.startswith(CAUSES), ended
    assert (ended.err.count("\n"), "chat-migrate resume" in ended.err) == (1, True), ended


def check_mended(lab: Lab, expected: dict) -> None:
    """Nothing was sent without an intent; once there is room again, resume ends in the undisturbed state."""
    lab.look.check_intents()
    ended = lab.run("resume", "--yes", *WORKERS)
    if "nothing to resume" in ended.out:
        ended = lab.run("apply", "--yes", *WORKERS)
    assert ended.code == 0, ended
    assert lab.look.end_state() == expected
    lab.look.check_intents()
    lab.look.check_file()
    FIGURES["disk failures"] += 1


def test_a_database_that_becomes_read_only(lab, diffed, expected):
    """After any number of commits."""
    for commits in count(1, 1 if FULL else 17):
        lab.begin(diffed)
        ended = lab.run("apply", "--yes", *WORKERS, read_only_after=commits)
        if ended.code == 0:
            return
        check_refusal(ended)
        check_mended(lab, expected)
        lab.end()


def test_a_file_that_may_not_grow(lab, diffed, expected):
    """The log of the database reaches the largest size that files may have."""
    smallest = 40  # SQLite's shared memory takes 32 of them, without which it cannot even read
    for kilobytes in count(smallest, 16 if FULL else 256):
        lab.begin(diffed)
        ended = lab.run("apply", "--yes", *WORKERS, file_limit=kilobytes * 1024)
        if ended.code == 0:
            assert kilobytes > smallest
            return
        check_refusal(ended)
        check_mended(lab, expected)
        lab.end()


@pytest.fixture
def tiny_disk(tmp_path):
    """Mounts a file system of a given size; a person who may not do that skips the test."""
    mounted = []

    def mount(kilobytes):
        folder = tmp_path / f"disk{len(mounted)}"
        folder.mkdir()
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", folder],
            capture_output=True,
            check=False,
        )
        if done.returncode:
            pytest.skip("only root may mount a small file system")
        mounted.append(folder)
        return folder

    yield mount
    for folder in mounted:
        subprocess.run(["umount", folder], check=True)


def test_a_disk_that_is_full(zygote, tiny_disk):
    """With a real file system that has no room left; a removed file makes room for the resume."""
    with Simulator(world=small_world()) as simulator:
        lab = Lab(simulator, zygote, tiny_disk(4096), "same")
        diffed = lab.prepared(("export",), ("diff",))
        lab.begin(diffed)
        assert lab.run("apply", "--yes", *WORKERS).code == 0
        expected = lab.look.end_state()
        lab.end()
        lab.begin(diffed)
        ballast = lab.root / "ballast"
        disk = os.statvfs(lab.root)
        with ballast.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, disk.f_bavail * disk.f_frsize - 96 * 1024)
        check_refusal(lab.run("apply", "--yes", *WORKERS))
        ballast.unlink()
        check_mended(lab, expected)
