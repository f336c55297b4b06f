"""What a step's tries leave in the journal."""

from __future__ import annotations

from migrate.simulator import Fault, Simulator


def test_a_create_that_ends_in_refused_credentials_stays_undecided(tool, simulator: Simulator):
    """A create whose answer was lost is not created again after the credentials were refused meanwhile."""
    lost = Fault("reset_after", method="POST", path="^/v1/Services$")
    refused = Fault("401", method="GET", path="^/v1/Services$", api="conversations", nth=2, times=None)
    simulator.inject(lost, refused)
    assert tool("run", "--yes", "--target", "new", "--service", only(simulator), timeout=120).code == 5
    states = [row["state"] for row in tool.rows("SELECT state FROM step_states")]
    assert states == ["unknown"]


def only(simulator: Simulator) -> str:
    """The SID of one service."""
    return next(iter(simulator.world.first.services))
