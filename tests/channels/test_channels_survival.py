"""Many channels under fire: killed at different moments, or struck by faults, and resumed."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace

import pytest
from driving import code_of, drive
from worlds import posts

from migrate.simulator import Fault, FaultPlan, Simulator

LONG = os.environ.get("CHAT_MIGRATE_LONG") == "1"
CHANNELS, KILLS = (20_000, 10) if LONG else (800, 3)
AT_ONCE = 16


@pytest.fixture
def many():
    """One service with nothing but public channels."""
    with Simulator(services=1, channels=CHANNELS, public_share=1.0, latency_ms=2) as running:
        yield running


def pointed_at(tool, simulator):
    """The program, led to a simulator."""
    return replace(tool, environ={**tool.environ, **simulator.environment()})


def begin(tool, *arguments):
    """Start a command that will be killed."""
    return subprocess.Popen(
        [sys.executable, "-m", "migrate", *arguments],
        cwd=tool.folder,
        env=tool.environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def kill_after(process, simulator, requests):
    """Kill a process as soon as so many more writes to channels have arrived; return whether it was alive then."""
    goal = len(converted(simulator)) + requests
    while process.poll() is None and len(converted(simulator)) < goal:
        time.sleep(0.005)
    was_alive = process.poll() is None
    process.kill()
    process.wait()
    return was_alive


def converted(simulator):
    """The paths of all writes to channels that have arrived."""
    return [request.path for request in posts(simulator) if request.path.startswith("/v3/")]


def test_killed_at_different_moments_each_channel_is_converted_once(many, lonely_tool):
    """However often the process is killed, the end is as without, and at most the calls in flight are repeated."""
    tool = pointed_at(lonely_tool, many)
    assert tool("export", "--channels").code == 0
    assert tool("diff", "--channels", "-o", "plan.json").code == 0
    command = ("apply", "--yes", "--channels", "--concurrency", str(AT_ONCE))
    killed = 0
    for number in range(KILLS):
        process = begin(tool, *command)
        killed += kill_after(process, many, CHANNELS // (KILLS + 2) + 7 * number)
        command = ("resume", "--concurrency", str(AT_ONCE))
    assert killed == KILLS
    assert tool("resume", "-o", "end.json", timeout=600).code == 0
    service = next(iter(many.world.first.services.values()))
    assert Counter(one.type for one in service.channels.values()) == {"private": CHANNELS}
    sent = Counter(converted(many))
    assert len(sent) == CHANNELS
    assert sum(sent.values()) - CHANNELS <= KILLS * AT_ONCE
    assert (
        tool.rows("SELECT DISTINCT state FROM step_state WHERE kind = 'channels'")[0]["state"] == "verified"
    )
    assert tool.rows("SELECT finished_at FROM runs")[0]["finished_at"]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (("export", "--channels"), ("export", "--channels")),
        (("run", "--channels", "--yes"), ("resume", "--yes")),
    ],
)
def test_an_inventory_that_was_killed_goes_on_page_by_page(lonely_tool, first, second):
    """What was read before the kill is not read again; the snapshot holds every channel once."""
    with Simulator(services=1, channels=6_000, public_share=0.0) as simulator:
        tool = pointed_at(lonely_tool, simulator)
        kill_at_page(4, tool, simulator, *first)
        again = tool(*second)
        assert again.code == 0
        assert "Going on with the inventory" in again.err
        assert listed(simulator) <= 6 + 3
        assert (
            tool.rows("SELECT count(DISTINCT sid) AS n FROM items WHERE kind = 'channels'")[0]["n"] == 6_000
        )
        assert len(tool.rows("SELECT id FROM snapshots")) == 1


def test_an_inventory_goes_on_without_services_that_are_gone(lonely_tool):
    """A service that was deleted meanwhile takes its channels along, and one that is new is read."""
    with Simulator(services=3, channels=1_500) as simulator:
        tool = pointed_at(lonely_tool, simulator)
        kill_at_page(4, tool, simulator, "export", "--channels", "--concurrency", "1")
        services = simulator.world.first.services
        parents = tool.rows("SELECT DISTINCT parent FROM items WHERE kind = 'channels'")
        simulator.world.delete_service(parents[0]["parent"])
        simulator.world.create_service(simulator.world.first, "New")
        assert tool("export", "--channels").code == 0
        parents = {
            row["parent"] for row in tool.rows("SELECT DISTINCT parent FROM items WHERE kind = 'roles'")
        }
        assert parents == set(services)
        found = tool.rows("SELECT parent, count(*) AS n FROM items WHERE kind = 'channels' GROUP BY parent")
        assert [row["n"] for row in found] == [1_500, 1_500]
        assert {row["parent"] for row in found} <= set(services)


def kill_at_page(nth, tool, simulator, *arguments):
    """Start a command, and kill it while it waits for this page of channels."""
    simulator.inject(Fault("slow", "GET", "/Channels$", nth=nth))
    process = begin(tool, *arguments)
    while process.poll() is None and listed(simulator) < nth:
        time.sleep(0.005)
    process.kill()
    process.wait()
    assert listed(simulator) == nth


def listed(simulator):
    """How many pages of channels were asked for."""
    return sum(request.path.endswith("/Channels") for request in simulator.requests)


def test_struck_by_faults_it_is_finished_within_three_resumes(tmp_path):
    """With 15 % of all requests going wrong, every channel is private after at most three resumes."""
    with Simulator(services=1, channels=200, public_share=1.0) as simulator:
        driver = drive(tmp_path, simulator)
        driver.export(inventory=frozenset({"channels"}))
        driver.diff(kinds={"channels": {}})
        faults = FaultPlan(rate=0.15, seed=11, seconds=0.6, retry_after=0)
        with Simulator(world=simulator.world, faults=faults) as faulty:
            struck = drive(tmp_path, faulty, CHAT_MIGRATE_TIMEOUT="0.2")
            code = code_of(struck.apply(consents=frozenset({"channels"})))
            resumes = 0
            while code != 0 and resumes < 3:
                code = code_of(struck.resume())
                resumes += 1
            assert code == 0
        service = next(iter(simulator.world.first.services.values()))
        assert Counter(one.type for one in service.channels.values()) == {"private": 200}
