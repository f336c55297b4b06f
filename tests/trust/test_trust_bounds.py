"""Nothing goes on without end or unnoticed: slow and huge answers, waits, a database that is gone."""

from __future__ import annotations

import signal
import subprocess
import sys
from dataclasses import replace

import pytest
from trust_world import patient, second, started, wait_until
from worlds import posts

from migrate.core.errors import CallFailed
from migrate.simulator import Fault, Unevenness

PEAK = (
    "import os, subprocess, sys; process = subprocess.Popen(sys.argv[1:], stdout=sys.stderr); "
    "_, status, used = os.wait4(process.pid, 0); print(used.ru_maxrss); sys.exit(os.waitstatus_to_exitcode(status))"
)
"""Runs a program and prints its peak memory, KiB. A process of its own: a peak begins with that of the parent."""


def test_a_body_that_drips(account, tmp_path):
    """An answer that comes byte by byte ends at the time-out of the whole request; nothing is written."""
    simulator = account(services=3, uneven=Unevenness(drip_path="/v2/Services$", drip_seconds=0.05))
    with pytest.raises(CallFailed, match="/v2/Services"):
        patient(tmp_path, simulator, CHAT_MIGRATE_TIMEOUT="0.3").run()
    assert posts(simulator) == []


def test_a_body_that_is_huge(account, lonely_tool):
    """An answer that is huge once unpacked is refused, and memory does not grow with it."""
    simulator = account(services=3, uneven=Unevenness(huge_path="/v2/Services$", huge_bytes=2**27))
    ended = subprocess.run(
        [sys.executable, "-c", PEAK, sys.executable, "-m", "migrate", "export"],
        cwd=lonely_tool.folder,
        env={**lonely_tool.environ, **simulator.environment()},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 1
    assert "/v2/Services" in ended.stderr
    assert int(ended.stdout) < 200_000


@pytest.mark.parametrize("pages", ["repeated", "empty"])
def test_a_list_without_end(account, tool_at, pages):
    """A list that names a next page for ever ends the command, which says so."""
    simulator = account(services=3, uneven=Unevenness(endless_path="/v2/Services$", endless_pages=pages))
    result = tool_at(simulator)("run", "--yes")
    assert (result.code, posts(simulator)) == (1, [])
    assert "does not end" in result.err
    assert len(simulator.requests) < 100


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_retry_after(account, tool_at, form):
    """Both forms of `Retry-After` are honoured, and a long wait is told with what is waited for."""
    simulator = account(services=2, uneven=Unevenness(retry_after_as=form))
    simulator.inject(Fault("429_retry_after", method="GET", path="/v2/Services$", retry_after=120))
    tool = tool_at(simulator)
    running = started(tool.folder, tool.environ, "export")
    told = ""
    while "Waiting" not in told:
        line = running.stderr.readline()
        assert line, told
        told += line
    asked = [r for r in simulator.requests if r.path == "/v2/Services"]
    running.send_signal(signal.SIGINT)
    running.communicate(timeout=20)
    assert len(asked) == 1
    seconds = int(told.split("Waiting ")[1].split(" s")[0])
    assert 110 <= seconds <= 125
    assert "/v2/Services" in told
    assert running.returncode == 130


def test_limit_goes_on_to_the_next(account, tmp_path):
    """`--limit 1` takes a service that was not tried yet before one that fails every time."""
    simulator = account(services=6)
    driver = patient(tmp_path, simulator)
    driver.export()
    report = driver.diff()
    services = sorted({each.source_sid for each in report.services if each.steps})
    simulator.inject(Fault("400", method="POST", path=services[0], times=None))
    driver.apply(services=1)
    for _ in services[1:]:
        driver.resume(services=1)
    worked = list(dict.fromkeys(request.path.split("/")[3] for request in posts(simulator)))
    assert worked == services


def test_a_database_that_is_deleted(account, tool_at):
    """A database that is deleted in mid-run ends the run, and it is said what that means for a rollback."""
    simulator = account(services=12)
    simulator.inject(Fault("slow", method="POST", nth=3, seconds=0.5))
    tool = tool_at(simulator)
    running = started(tool.folder, tool.environ, "run", "--yes")
    wait_until(lambda: len(posts(simulator)) >= 3)
    for file in tool.folder.glob("chat-migrate.db*"):
        file.unlink()
    _, err = running.communicate(timeout=30)
    assert running.returncode == 1
    assert "chat-migrate.db" in err
    assert "roll" in err.lower()
    assert "Traceback" not in err


@pytest.mark.parametrize("target", ["same", "new"])
def test_an_undisturbed_run_does_not_wait(account, tmp_path, target):
    """Where nothing is lost or late, a run with a settle time of ten minutes asks no more than one with none."""
    asked = []
    for settle in (0.0, 600.0):
        simulator = account(services=6)
        folder = tmp_path / str(settle)
        folder.mkdir()
        driver = replace(
            patient(folder, simulator, second(simulator) if target == "new" else None), settle=settle
        )
        driver.run(target=target)
        driver.verify()
        driver.run(target=target)
        driver.rollback(1)
        assert driver.code() == 0
        asked.append(len(simulator.requests))
    assert asked[0] == asked[1]
