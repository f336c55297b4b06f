"""A kind is one module and one row: this one lives in tests, and everything works for it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
import toy
from driving import about, code_of, drive, states
from variables import CLEAN
from worlds import posts

from migrate.commands.verify import VerifyOptions, verify
from migrate.kinds.registry import KINDS
from migrate.simulator import Fault, Simulator, Unevenness
from migrate.simulator.world import User

FEW, MANY = (1_000, 20_000) if os.environ.get("CHAT_MIGRATE_LONG") == "1" else (200, 1_000)
ASKED = {"target": "new", "kinds": {"users": {}}}
TOOL = Path(__file__).with_name("toy_tool.py")


@pytest.fixture(autouse=True)
def toy_kind(monkeypatch):
    """The toy kind, known for one test."""
    monkeypatch.setitem(KINDS, "users", toy.Users())


def populated(simulator, number):
    """Give the first service so many users, and return it."""
    service = next(iter(simulator.world.first.services.values()))
    role = service.role_named("service user").sid
    for each in range(number):
        sid = f"US{each:032x}"
        service.users[sid] = User(sid, f"person {each}", role, "2020-01-01T00:00:00Z", "2020-01-01T00:00:00Z")
    return service


@pytest.fixture
def simulator():
    """An account with one service."""
    with Simulator(services=1) as running:
        yield running


def created(simulator):
    """The service that was made, or None."""
    services = list(simulator.world.first.services.values())
    return services[1] if len(services) > 1 else None


def identities(service):
    """How often each identity is there."""
    return Counter(user.identity for user in service.users.values())


def planned(simulator, folder, number=30):
    """A driver whose newest plan re-creates so many users."""
    populated(simulator, number)
    driver = drive(folder, simulator)
    driver.export(inventory=frozenset({"users"}))
    driver.diff(**ASKED)
    return driver


def test_items_are_made_after_what_they_need(simulator, tmp_path):
    """Every user is created once, in the new service, with the role that stands for the one in Chat."""
    driver = planned(simulator, tmp_path)
    report = driver.apply()
    target = created(simulator)
    assert identities(target) == {f"person {each}": 1 for each in range(30)}
    assert {user.role_sid for user in target.users.values()} == {target.role_named("service user").sid}
    source = next(iter(simulator.world.first.services))
    (items,) = about(report, source).items
    assert (items.kind, items.found, items.to_change) == ("users", 30, 30)
    assert {state.value: number for state, number in items.steps_by_state.items()} == {"verified": 30}
    assert [step.resource for step in about(report, source).item_steps] == ["users"] * 30


def test_what_needs_a_step_goes_on_when_it_turns_out_to_be_done(simulator, tmp_path):
    """An update whose answer was lost is found done, and the users with that role are made in the same session."""
    (source,) = simulator.world.first.services.values()
    source.role_named("service user").permissions = source.role_named("service user").permissions[:1]
    driver = planned(simulator, tmp_path, 3)
    simulator.inject(Fault("500_after", method="POST", path="/Roles/RL", times=None))
    assert driver.apply().code == 0
    assert any(request.fault for request in simulator.requests)
    assert identities(created(simulator)) == {"person 0": 1, "person 1": 1, "person 2": 1}


def test_what_needs_a_step_goes_on_when_twilio_keeps_something_else(tmp_path):
    """A role whose new permission Twilio does not keep is altered, not open: the users with it are made."""
    with Simulator(services=1, uneven=Unevenness(values=frozenset({"permission"}))) as simulator:
        service = populated(simulator, 3)
        role = service.role_named("service user")
        role.permissions.append("removeMember")
        driver = drive(tmp_path, simulator)
        driver.export(inventory=frozenset({"users"}))
        driver.diff(**ASKED)
        report = driver.apply()
        assert states(report, service.sid)[f"roles/{role.sid}"] == "altered"
        assert identities(created(simulator)) == {"person 0": 1, "person 1": 1, "person 2": 1}
        assert report.code == 0


def test_verify_counts_what_is_not_there(simulator, tmp_path):
    """After the run nothing differs; of two users that were deleted since, both do."""
    driver = planned(simulator, tmp_path)
    driver.apply()
    assert verify(driver.context, VerifyOptions()).differences == 0
    target = created(simulator)
    for sid in list(target.users)[:2]:
        del target.users[sid]
    assert verify(driver.context, VerifyOptions()).differences == 2


def test_a_rollback_removes_what_was_created(simulator, tmp_path):
    """With --delete-created the users go first, then the service that they were in."""
    driver = planned(simulator, tmp_path)
    driver.apply()
    since = len(simulator.requests)
    done = driver.rollback(delete_created=True)
    assert created(simulator) is None
    deleted = [request.path for request in posts(simulator, since)]
    assert len(deleted) == 31
    assert deleted[-1].count("/") == 3
    source = next(iter(simulator.world.first.services))
    (items,) = about(done, source).items
    assert {state.value: number for state, number in items.steps_by_state.items()} == {"rolled_back": 30}
    assert done.code == 0


def command(name, folder, simulator):
    """Start a command with the toy kind in a process of its own."""
    return subprocess.Popen(
        [sys.executable, str(TOOL), name, str(folder / "chat-migrate.db")],
        env={**CLEAN, **simulator.environment(), "PYTHONPATH": str(Path(__file__).parents[2])},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
    )


def ended(name, folder, simulator):
    """Run a command to its end, and return its peak memory in KiB."""
    process = command(name, folder, simulator)
    told, _ = process.communicate(timeout=900)
    assert process.returncode == 0
    return int(told)


def test_killed_and_resumed_each_user_is_there_once(tmp_path):
    """After kills at different moments, a resume ends with every user once and no service too many."""
    with Simulator(services=1, latency_ms=2) as simulator:
        driver = planned(simulator, tmp_path, 300)
        name, killed = "apply", 0
        for goal in (3, 60, 150):
            process = command(name, tmp_path, simulator)
            while process.poll() is None and len(posts(simulator)) < goal:
                time.sleep(0.005)
            killed += process.poll() is None
            process.kill()
            process.communicate()
            name = "resume"
        assert killed == 3
        assert code_of(replace(driver, settle=0.3).resume()) == 0
        assert len(simulator.world.first.services) == 2
        assert identities(created(simulator)) == {f"person {each}": 1 for each in range(300)}


def test_many_items_of_one_service_run_side_by_side_in_little_memory(tmp_path):
    """They fill all that Twilio lets in at once, and many times as many take at most half as much memory again."""
    peaks = []
    for number in (FEW, MANY):
        folder = tmp_path / str(number)
        folder.mkdir()
        with Simulator(services=1, latency_ms=20, max_concurrent=32) as simulator:
            populated(simulator, number)
            peaks.append(max(ended(name, folder, simulator) for name in ("export", "diff", "apply")))
            assert len(identities(created(simulator))) == number
            refused = sum(request.status == 429 for request in simulator.requests)
            assert refused > 0, "so many at once that some were refused"
    assert peaks[1] <= 1.5 * peaks[0]
