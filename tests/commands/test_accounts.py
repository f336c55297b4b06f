"""Two accounts in one database: each is exported, planned, written, continued and undone by itself."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace

import pytest
from driving import code_of, drive
from worlds import differences_in_place, lost, posts

from migrate.core.errors import BadInput, SafetyRefusal
from migrate.simulator import Simulator


@pytest.fixture
def simulator():
    """Two accounts: one with four services, one with five."""
    with Simulator(services=4, seed=7, accounts=2, account_services=5) as running:
        yield running


def account(simulator, number):
    """The first account, or the second."""
    return list(simulator.world.accounts.values())[number]


def credentials(simulator, number):
    """The variables that name an account."""
    found = account(simulator, number)
    return {"TWILIO_ACCOUNT_SID": found.sid, "TWILIO_AUTH_TOKEN": found.auth_token}


@pytest.fixture
def drivers(simulator, tmp_path):
    """A driver for each account, with one database."""
    return tuple(drive(tmp_path, simulator, **credentials(simulator, number)) for number in (0, 1))


@pytest.fixture
def planned(drivers):
    """The same, with a snapshot and a plan of each account."""
    for driver in drivers:
        driver.export()
    for driver in drivers:
        driver.diff()
    return drivers


def differing(before, after):
    """The services of an account that do not hold what Chat holds."""
    return {
        sid for sid, service in before.services.items() if differences_in_place(service, after.services[sid])
    }


def written_accounts(simulator, since=0):
    """The accounts that something was sent to."""
    return {request.account_sid for request in posts(simulator, since)}


def test_each_account_is_migrated_by_itself(simulator, planned):
    """What one account applies is written there, and the other stays as it was until its own apply."""
    first, second = planned
    before = deepcopy(simulator.world)
    one, two = before.accounts.values()
    assert (len(differing(one, one)), len(differing(two, two))) == (3, 4)
    assert code_of(second.apply()) == 0
    assert written_accounts(simulator) == {two.sid}
    assert differing(two, account(simulator, 1)) == set()
    assert lost(one, account(simulator, 0)) == {}
    since = len(simulator.requests)
    assert code_of(first.apply()) == 0
    assert written_accounts(simulator, since) == {one.sid}
    assert differing(one, account(simulator, 0)) == set()


def test_each_account_resumes_its_own_run(simulator, planned):
    """With a run unfinished in both, resume continues that of the account whose credentials it has."""
    first, second = planned
    before = deepcopy(simulator.world)
    one, two = before.accounts.values()
    first.apply(services=1)
    second.apply(services=1)
    since = len(simulator.requests)
    assert code_of(first.resume()) == 0
    assert written_accounts(simulator, since) == {one.sid}
    assert differing(one, account(simulator, 0)) == set()
    assert len(differing(two, account(simulator, 1))) == 3
    assert first.resume() is None
    assert code_of(second.resume()) == 0
    assert differing(two, account(simulator, 1)) == set()


def test_each_account_is_rolled_back_by_itself(simulator, planned):
    """Rollback undoes the newest run of its own account, though another account has a newer one."""
    first, second = planned
    before = deepcopy(simulator.world)
    one, two = before.accounts.values()
    first.apply()
    second.apply()
    since = len(simulator.requests)
    assert code_of(first.rollback()) == 0
    assert written_accounts(simulator, since) == {one.sid}
    assert lost(one, account(simulator, 0)) == {}
    assert differing(two, account(simulator, 1)) == set()
    assert code_of(second.rollback()) == 0
    assert lost(two, account(simulator, 1)) == {}


def test_the_run_of_another_account_is_not_rolled_back(simulator, planned):
    """A run that is named by its id and wrote to another account is refused, and nothing is sent."""
    first, second = planned
    second.apply()
    since = len(simulator.requests)
    with pytest.raises(SafetyRefusal, match=account(simulator, 1).sid):
        first.rollback(1)
    assert len(simulator.requests) == since


def test_the_plan_of_another_account_is_not_applied(simulator, drivers):
    """A plan that is named by its id and is another account's is none of this one's."""
    first, second = drivers
    first.export()
    second.export()
    first.diff()
    theirs = second.diff().plan.id
    with pytest.raises(BadInput, match="no plan"):
        first.apply(theirs)
    assert posts(simulator) == []


def test_the_latest_is_the_latest_of_an_account(simulator, drivers):
    """An export, a diff or a run of one account is not the newest of the other."""
    first, second = drivers
    first.export()
    second.export()
    first.export()
    told = second.diff()
    assert (told.snapshot.id, told.snapshot.services, told.account_sid) == (2, 5, account(simulator, 1).sid)
    told = first.diff()
    assert (told.snapshot.id, told.snapshot.services, told.account_sid) == (3, 4, account(simulator, 0).sid)
    assert first.diff(snapshot=1).snapshot.id == 1
    newest = first.diff()
    second.diff()
    assert first.apply().plan.id == newest.plan.id
    assert first.verify().plan.id == newest.plan.id


def test_status_tells_accounts_apart(simulator, planned):
    """Status tells of the account whose credentials it has: its snapshot, plan, run and next command."""
    first, second = planned
    first.apply()
    done, waiting = first.status(), second.status()
    assert (done.account_sid, done.snapshot.services) == (account(simulator, 0).sid, 4)
    assert (set(done.states), done.next_command) == ({"verified"}, "chat-migrate verify")
    assert (waiting.account_sid, waiting.snapshot.services) == (account(simulator, 1).sid, 5)
    assert (set(waiting.states), waiting.run, waiting.next_command) == (
        {"planned"},
        None,
        "chat-migrate apply",
    )


def test_status_of_a_named_account(simulator, planned, tool):
    """Without credentials, `--account` chooses; without it, the message names those that there are."""
    first, second = (account(simulator, number).sid for number in (0, 1))
    nobody = replace(
        tool, environ={name: value for name, value in tool.environ.items() if "TWILIO" not in name}
    )
    told = nobody("status", "--account", second)
    assert told.code == 0
    assert f"account    {second}" in told.out
    assert "snapshot   2, 5 services" in told.out
    assert first not in told.out
    refused = nobody("status")
    assert refused.code == 2
    assert all(sid in refused.err for sid in (first, second))
    assert "--account" in refused.err


def test_a_snapshot_is_chosen_by_its_id(simulator, drivers, tool):
    """`diff --snapshot ID` plans that snapshot of the account, not its newest, and no other account's."""
    first, second = drivers
    first.export(services=(next(iter(account(simulator, 0).services)),))
    first.export()
    second.export()
    told = tool("diff", "--snapshot", 1, "--format", "json").json
    assert (told["snapshot"]["id"], told["summary"]["services"]) == (1, 1)
    assert tool("diff", "--snapshot", 3).code == 6


def test_a_lock_is_an_accounts(simulator, planned):
    """While somebody works on one account, the other can be worked on."""
    first, second = planned
    context, sid = first.context, account(simulator, 0).sid
    with context.opened() as store, context.locked(store, "apply", sid):
        assert code_of(second.apply()) == 0
    assert written_accounts(simulator) == {account(simulator, 1).sid}
