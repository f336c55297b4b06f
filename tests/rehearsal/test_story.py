"""A rehearsal's seed: the same faults and kills, at the same requests."""

from __future__ import annotations

import json
import shutil

import pytest
from driving import drive
from variables import CLEAN

from migrate.core.stop import StopToken
from migrate.rehearsal.performance import Pacing, Performer, clean_environ, kill_gaps
from migrate.rehearsal.scene import accounts_of
from migrate.rehearsal.stage import ACCOUNTS, STORY, Disturbances, Stage
from migrate.simulator import Simulator
from migrate.store import open_store, plans

KILLS = 2


@pytest.fixture(scope="module", params=["same", "new"])
def original(request, tmp_path_factory):
    """A database with a plan for two services."""
    folder = tmp_path_factory.mktemp("original")
    with Simulator(services=2, seed=7) as simulator:
        driver = drive(folder, simulator)
        driver.export()
        driver.diff(target=request.param)
    return driver.db


@pytest.fixture(scope="module")
def first(original, tmp_path_factory):
    """The story of seed 2."""
    return story_of(original, tmp_path_factory.mktemp("first") / "a", 2)


def story_of(original, folder, seed):
    """What the simulator was asked and answered, line by line, in a rehearsal with one request at once."""
    folder.mkdir()
    db = shutil.copy(original, folder / "rehearsal.db")
    disturbances = Disturbances(fault_rate=0.1, kills=KILLS, seed=seed)
    with open_store(db) as store:
        plan = plans.find_latest(store, None)
        (folder / ACCOUNTS).write_text(json.dumps(accounts_of(store, plan)))
    environ = clean_environ(CLEAN)
    with Stage(folder, disturbances, environ) as stage:
        performer = Performer(db, plan, stage, environ, Pacing(1.0, 1), StopToken())
        done = performer.perform(disturbances, 20, lambda _requests: None)
    assert done.finished
    return (folder / STORY).read_text().splitlines()


def test_the_same_seed_tells_the_same_story(original, first, tmp_path):
    """One request at once: two rehearsals with one seed are the same request by request."""
    assert sum("killed" in line for line in first) == KILLS
    assert story_of(original, tmp_path / "b", 2) == first


def test_another_seed_tells_another_story(original, first, tmp_path):
    """With another seed, other requests are struck."""
    assert story_of(original, tmp_path / "c", 5) != first


def test_kills_fall_into_the_run():
    """The seed chooses when and how the program is killed, within what an undisturbed run asks for."""
    gaps = list(kill_gaps(Disturbances(kills=4, seed=1), 100))
    assert gaps == list(kill_gaps(Disturbances(kills=4, seed=1), 100))
    assert gaps != list(kill_gaps(Disturbances(kills=4, seed=2), 100))
    assert len(gaps) == 4
    assert all(gap >= 1 for gap, _ in gaps)
    assert sum(gap for gap, _ in gaps) <= 90


def test_the_program_gets_no_credentials():
    """Nothing that leads to an account, or that changes how the tool works, reaches the rehearsed program."""
    environ = {"TWILIO_AUTH_TOKEN": "x", "CHAT_MIGRATE_SETTLE": "9", "LANG": "C"}
    assert set(clean_environ(environ)) == {"LANG", "PYTHONPATH"}
