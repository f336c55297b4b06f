"""How long a run may take."""

from __future__ import annotations

import pytest
from driving import drive

from migrate.rehearsal.estimate import Conditions, RequestPhase, phases_of, seconds_of
from migrate.store import open_store, plans

HUNDRED = (RequestPhase(100, 0, 1),)


@pytest.mark.parametrize(
    ("phases", "conditions", "seconds"),
    [
        (HUNDRED, Conditions(latency=0.1, concurrency=1), 10.0),
        # 8 at once first; the other 92 in 9.2 rounds of 10.
        (HUNDRED, Conditions(latency=0.1, concurrency=10), 1.02),
        # Rounds of 8, 16, 32, and 44 of 64.
        (HUNDRED, Conditions(latency=0.1, concurrency=None), 0.36875),
        # A limit of 100 that has to be found out: rounds of 8, 16, 32, and 44 of 64.
        (HUNDRED, Conditions(latency=0.1, max_concurrent=100), 0.36875),
        # A limit of 10, of which 9.2 are used: 8 at once first, the others in 10 rounds.
        (HUNDRED, Conditions(latency=0.1, max_concurrent=10), 1.1),
        (HUNDRED, Conditions(latency=0.1, concurrency=10, idle_seconds=2.0), 3.02),
        # The processor needs longer than the network.
        (HUNDRED, Conditions(latency=0.0, concurrency=None, request_seconds=0.05), 5.0),
        # What follows one another can't be made side by side.
        ((RequestPhase(4, 4, 8),), Conditions(latency=0.5, concurrency=100), 4.0),
    ],
)
def test_seconds(phases, conditions, seconds):
    """Requests go in rounds of as many as are let in, and the number let in doubles until the limit."""
    assert seconds_of(phases, conditions) == pytest.approx(seconds)


def test_requests_of_a_plan(tmp_path, simulator):
    """The plan tells the requests of an undisturbed apply, which are those that it makes."""
    driver = drive(tmp_path, simulator)
    driver.export()
    driver.diff()
    with open_store(driver.db) as store:
        phases = phases_of(store, plans.find_latest(store, None))
    before = len(simulator.requests)
    driver.apply()
    made = [request.method for request in simulator.requests[before:]]
    assert phases == (RequestPhase(1, 0, 1), RequestPhase(44, 0, 2), RequestPhase(15, 15, 2))
    assert (made.count("GET"), made.count("POST")) == (60, 15)
