"""What tests of commands begin with: a plan to apply, and a second account to move to."""

from __future__ import annotations

import pytest
from driving import drive

from migrate.simulator import Simulator


@pytest.fixture
def driver(planned):
    """A driver whose database holds a snapshot and a plan."""
    return planned


@pytest.fixture
def two():
    """The account with the twelve archetypes, and an empty one."""
    with Simulator(services=12, seed=7, accounts=2) as running:
        yield running


@pytest.fixture
def elsewhere(two, tmp_path):
    """A driver that migrates into the second account."""
    return drive(tmp_path, two, list(two.world.accounts)[1])
