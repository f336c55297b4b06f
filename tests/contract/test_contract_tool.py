"""Every request that the tool sends, and every answer that it works with, is as Twilio's documents have it."""

from __future__ import annotations

import pytest

from migrate.simulator import Fault, Simulator


@pytest.fixture
def simulator():
    """Two simulated accounts, which refuse the filters onUser… of a single service; the second one has a service."""
    with Simulator(services=12, seed=7, accounts=2, user_filters="refuse") as running:
        account = running.world.accounts[list(running.world.accounts)[1]]
        running.world.create_service(account, "Mine")
        yield running


def test_the_whole_tool(contract, simulator, tool):
    """Export, diff, run, resume and verify, in place, to new services and to mapped ones, keep to the documents."""
    account = simulator.world.accounts[list(simulator.world.accounts)[1]]
    elsewhere = simulator.environment(account.sid)
    source, target = next(iter(simulator.world.first.services)), next(iter(account.services))
    (tool.folder / "map.csv").write_text(f"source_sid,target_sid\n{source},{target}\n")
    for arguments, environ in (
        (("export",), {}),
        (("export", "--service", source), {}),
        (("run", "--yes", "--limit", "3"), {}),
        (("resume",), {}),
        (("verify",), {}),
        (("run", "--yes", "--target-map", "map.csv"), elsewhere),
        (("run", "--yes", "--target", "new"), elsewhere),
        (("verify",), elsewhere),
    ):
        result = tool(*arguments, environ=environ)
        assert result.code == 0, (arguments, result.err)
    assert len(simulator.requests) > 200
    assert {request.method for request in simulator.requests} == {"GET", "POST"}
    assert [problem for recorded in simulator.requests for problem in contract.check(recorded)] == []


def test_clearing(contract, simulator, tool):
    """What `--clear` sends to empty a setting is a request that the documents allow."""
    for service in simulator.world.first.services.values():
        service.chat |= {"webhook_filters": [], "pre_webhook_url": ""}
        service.chat["notifications"]["new_message"] |= {"template": "", "sound": ""}
    assert tool("run", "--yes", "--clear").code == 0
    assert any(value == "" for request in simulator.requests for _, value in request.form)
    assert [problem for recorded in simulator.requests for problem in contract.check(recorded)] == []


def test_what_is_sent_after_a_lost_answer(contract, simulator, tool):
    """What settles a lost answer, in place and for creates, keeps to the documents too."""
    account = list(simulator.world.accounts)[1]
    simulator.inject(*(Fault("reset_after", method="POST", nth=n) for n in (1, 3, 5)))
    assert tool("run", "--yes").code == 0
    simulator.inject(*(Fault("500_before", method="POST", nth=n) for n in (1, 5, 9)))
    assert tool("run", "--yes", "--target", "new", environ=simulator.environment(account)).code == 0
    assert [problem for recorded in simulator.requests for problem in contract.check(recorded)] == []
