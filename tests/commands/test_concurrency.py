"""`--concurrency 1`: one thing after the other, whatever goes wrong in between."""

from __future__ import annotations

import pytest
from driving import drive

from migrate.commands.verify import VerifyOptions, verify
from migrate.simulator import Fault, Simulator

COMMANDS = {
    "diff": lambda driver: driver.diff(concurrency=1),
    "verify": lambda driver: verify(driver.context, VerifyOptions(concurrency=1)),
    "rollback": lambda driver: driver.rollback(concurrency=1),
    "rollback --dry-run": lambda driver: driver.preview(concurrency=1),
}


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_a_request_is_tried_again_before_the_next_one(tmp_path, command):
    """With one request at once, nothing overtakes a request that Twilio has told to come again."""
    with Simulator(services=6, seed=7) as simulator:
        driver = drive(tmp_path, simulator)
        driver.run()
        simulator.inject(Fault("429", nth=5))
        since = len(simulator.requests)
        command(driver)
        asked = [request.path for request in simulator.requests[since:]]
        (refused,) = [n for n, request in enumerate(simulator.requests[since:]) if request.status == 429]
    assert asked[refused + 1] == asked[refused]
