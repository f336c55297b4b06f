"""Random faults on an uneven service, alone and mixed: it ends as it should, and nothing else is called done."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import replace

import pytest
from trust_world import before, patient, second
from worlds import differences_between, differences_in_place

from migrate.core.errors import MigrateError
from migrate.simulator import FaultPlan, Unevenness

LAG = 0.3
WAYS = {
    "even": {},
    "reads lag": {"reads_lag": LAG},
    "lists lag": {"lists_lag": LAG},
    "some reads lag": {"reads_lag": LAG, "lists_lag": LAG, "lag_share": 0.5},
    "late effects": {"late_effects": LAG},
    "404s that pass": {"new_missing": LAG},
    "odd dates": {"odd_dates": True, "clock_step": -3600.0, "clock_period": 0.2},
    "another order": {"shuffled": True, "values": frozenset({"order"})},
}
MIXED = {
    "reads_lag": LAG,
    "lists_lag": LAG,
    "late_effects": LAG,
    "new_missing": LAG / 2,
    "odd_dates": True,
    "shuffled": True,
    "values": frozenset({"order"}),
}
SEEDS = range(20 if os.environ.get("CHAT_MIGRATE_LONG") else 1)
MANY = range(100 if os.environ.get("CHAT_MIGRATE_LONG") else 3)
CASES = [(way, seed) for way in WAYS for seed in SEEDS] + [("mixed", seed) for seed in MANY]


def done(driver, first):
    """Run the command, then `resume` as long as it says that it is not done; return whether it ever said it was."""
    with suppress(MigrateError):
        first()
    for _ in range(12):
        if driver.db.exists() and driver.code() == 0:
            return True
        with suppress(MigrateError):
            if driver.resume() is None:
                first()
    return False


def uneven_account(account, way, seed):
    """Four services, uneven in one way or in all, with one request in ten struck by a fault."""
    uneven = Unevenness(seed=seed, **(MIXED if way == "mixed" else WAYS[way]))
    return account(services=4, uneven=uneven, faults=FaultPlan(rate=0.1, seed=seed, seconds=0.4))


def driver_of(folder, simulator, target=None):
    """A driver whose patience and time-out fit the lags of this module."""
    return replace(patient(folder, simulator, target, CHAT_MIGRATE_TIMEOUT="0.3"), settle=1.0)


@pytest.mark.parametrize(("way", "seed"), CASES)
def test_new_services(account, tmp_path, way, seed):
    """Whatever happens, each service is created once, with all its settings, before anything is called done."""
    simulator = uneven_account(account, way, seed)
    driver = driver_of(tmp_path, simulator, second(simulator))
    assert done(driver, lambda: driver.run(target="new"))
    assert differences_between(simulator, second(simulator)) == []


@pytest.mark.parametrize(("way", "seed"), CASES)
def test_in_place(account, tmp_path, way, seed):
    """Whatever happens, Conversations holds what Chat held before anything is called done, and goes back likewise."""
    simulator = uneven_account(account, way, seed)
    was = before(simulator)
    driver = driver_of(tmp_path, simulator)
    assert done(driver, driver.run)
    found = [differences_in_place(s, simulator.world.service(sid)) for sid, s in was.items()]
    assert not any(found)
