"""What a step's tries leave in the journal."""

from __future__ import annotations

from migrate.simulator import Fault, Simulator
from migrate.simulator.faults import KINDS, How, Kind


def test_a_create_that_ends_in_refused_credentials_stays_undecided(tool, simulator: Simulator):
    """A create whose answer was lost is not created again after the credentials were refused meanwhile."""
    lost = Fault("reset_after", method="POST", path="^/v1/Services$")
    refused = Fault("401", method="GET", path="^/v1/Services$", api="conversations", nth=2, times=None)
    simulator.inject(lost, refused)
    assert tool("run", "--yes", "--target", "new", "--service", only(simulator), timeout=120).code == 5
    states = [row["state"] for row in tool.rows("SELECT state FROM step_states")]
    assert states == ["unknown"]


def test_a_list_that_is_not_found_does_not_decide_a_create(tool, simulator: Simulator, monkeypatch):
    """A create whose answer was lost stays undecided where the list of services answers 404."""
    body = '{"code": 20404, "message": "made up", "status": 404}'
    monkeypatch.setitem(KINDS, "gone", Kind(How.ANSWER, processed=False, status=404, body=body))
    lost = Fault("reset_after", method="POST", path="^/v1/Services$")
    missing = Fault("gone", method="GET", path="^/v1/Services$", api="conversations", nth=2, times=None)
    simulator.inject(lost, missing)
    assert tool("run", "--yes", "--target", "new", "--service", only(simulator), timeout=120).code == 4
    assert [row["state"] for row in tool.rows("SELECT state FROM step_states")] == ["unknown"]


def only(simulator: Simulator) -> str:
    """The SID of one service."""
    return next(iter(simulator.world.first.services))
