"""A summary is read from glances at the services: it must say what it would say of the whole services."""

from __future__ import annotations

from dataclasses import replace

import pytest
from driving import drive
from worlds import named

from migrate.execute.undo import plan_of
from migrate.report.assembly import diff_report, rollback_entries, rollback_report, run_report
from migrate.report.digest import digest
from migrate.simulator import Simulator
from migrate.store import open_store, plans, runs


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A run that was refused one write, and its rollback."""
    with Simulator(services=12) as simulator:
        driver = drive(tmp_path_factory.mktemp("glances"), simulator)
        named(simulator, "Saltmarsh").chat |= {"post_webhook_url": "nowhere"}
        driver.run()
        driver.rollback()
    with open_store(driver.db) as opened:
        yield opened


@pytest.mark.parametrize("kind", ["diff", "run", "rollback"])
def test_glances_say_the_same(store, monkeypatch, kind):
    """Groups, causes, examples and numbers are the same, read either way, however many are looked up together."""
    monkeypatch.setattr("migrate.report.assembly.TOLD", 5)
    rollback = runs.find_latest(store, None)
    undone = runs.get(store, rollback.undoes)
    plan = plans.by_number(store, plan_of(undone))
    report = {
        "diff": lambda: diff_report(store, plan),
        "run": lambda: run_report(store, plan, undone),
        "rollback": lambda: rollback_report(
            store, undone, rollback_entries(store, rollback), delete_created=False
        ),
    }[kind]()
    glanced = digest(report.glances)
    assert replace(glanced, strips=None) == replace(digest(report.services), strips=None)
    assert glanced.services == 12
    assert bool(glanced.troubles) is (kind == "run")
