"""Many accounts in one simulator: the parent finds them, and each keeps to itself."""

from __future__ import annotations

import time
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import pytest

from migrate.simulator import Fault, FaultPlan, Simulator, seeded_world
from migrate.simulator.state import StateFile

LIST = "/2010-04-01/Accounts.json"


def accounts(caller, query=""):
    """Return all accounts that the list shows, following its pages."""
    found, url = [], LIST + query
    while url:
        shown = caller.api(url).json()
        found += shown["accounts"]
        url = shown["next_page_uri"]
    return found


def test_a_parent_finds_its_accounts(open_sim):
    """The parent's token lists the parent and its sub-accounts, page by page, each with its own token."""
    caller = open_sim(accounts=8, services=0)
    shown = accounts(caller, "?PageSize=3&Status=active")
    held = list(caller.sim.world.accounts.values())
    assert [one["sid"] for one in shown] == [account.sid for account in held]
    assert [one["auth_token"] for one in shown] == [account.auth_token for account in held]
    assert len({one["auth_token"] for one in shown}) == 8
    assert {one["owner_account_sid"] for one in shown} == {caller.sim.account_sid}


def test_a_page_holds_at_most_a_thousand(open_sim):
    """Pages hold up to 1,000 accounts and not one more."""
    caller = open_sim(accounts=1_201, services=0)
    assert len(accounts(caller, "?PageSize=1000")) == 1_201
    assert len(caller.api(f"{LIST}?PageSize=1000").json()["accounts"]) == 1_000
    assert caller.api(f"{LIST}?PageSize=1001").status_code == 400


def test_a_single_account(open_sim):
    """The parent reads each account, a sub-account itself alone, and nobody an account that is not there."""
    caller = open_sim(accounts=3, services=0)
    first, second, third = caller.sim.world.accounts.values()
    assert caller.api(f"/2010-04-01/Accounts/{second.sid}.json").json()["auth_token"] == second.auth_token
    own = caller.as_account(1)
    assert own.api(f"/2010-04-01/Accounts/{second.sid}.json").json()["sid"] == second.sid
    assert [one["sid"] for one in accounts(own)] == [second.sid]
    for sid in (first.sid, third.sid, "AC" + "0" * 32):
        assert own.api(f"/2010-04-01/Accounts/{sid}.json").status_code == 404


def test_api_keys_see_no_tokens(open_sim):
    """With a main API key tokens come back empty; a standard key is refused here, and serves elsewhere."""
    caller = open_sim(accounts=2, services=1)
    parent = caller.sim.world.first
    parent.standard_keys["SK" + "5" * 32] = "standard"
    (main,) = parent.api_keys.items()
    assert {one["auth_token"] for one in accounts(caller.as_user(*main))} == {""}
    standard = caller.as_user("SK" + "5" * 32, "standard")
    assert standard.api(LIST).status_code == 401
    assert len(standard.conv("/v1/Services").json()["services"]) == 1


def test_a_key_acts_on_its_own_account(open_sim):
    """An API key of one account acts on that account, whoever its user believes to be."""
    caller = open_sim(accounts=2, services=2, account_services=3)
    other = list(caller.sim.world.accounts.values())[1]
    key = caller.as_user(*next(iter(other.api_keys.items())))
    shown = key.chat("/v2/Services").json()["services"]
    assert {service["account_sid"] for service in shown} == {other.sid}
    assert len(shown) == 3
    assert key.conv("/v1/Configuration").json()["account_sid"] == other.sid


def test_a_parents_credentials_are_no_sub_accounts(open_sim):
    """Chat and Conversations show each account its own services only; the parent's token shows the parent's."""
    caller = open_sim(accounts=3, services=1, account_services=2)
    seen = [
        {service["sid"] for service in caller.as_account(number).conv("/v1/Services").json()["services"]}
        for number in range(3)
    ]
    assert [len(sids) for sids in seen] == [1, 2, 2]
    assert len(set.union(*seen)) == 5


def test_suspended_accounts(open_sim):
    """A suspended account is listed as such, with its token, which opens nothing (403/20005)."""
    caller = open_sim(accounts=4, services=0, account_services=1, suspended=1)
    assert [one["status"] for one in accounts(caller)] == ["active", "active", "active", "suspended"]
    assert len(accounts(caller, "?Status=active")) == 3
    refused = caller.as_account(3).conv("/v1/Services")
    assert (refused.status_code, refused.json()["code"]) == (403, 20005)


def test_limits_are_per_account(open_sim):
    """The requests of one account under way don't count against another's limit."""
    slow = Fault("slow", path="/Configuration$", times=None, seconds=1.0)
    caller = open_sim(accounts=2, services=1, account_services=1, max_concurrent=1, faults=FaultPlan((slow,)))
    other = caller.as_account(1)
    with ThreadPoolExecutor(1) as pool:
        held = pool.submit(lambda: caller.conv("/v1/Configuration").status_code)
        while not caller.sim.requests:
            time.sleep(0.005)
        assert other.conv("/v1/Services").status_code == 200
        assert caller.as_account(0).conv("/v1/Services").status_code == 429
        assert held.result() == 200


def test_the_environment_names_the_accounts_api(shared):
    """The variables for a client lead to the 2010 API too."""
    assert shared.sim.environment()["TWILIO_API_URL"] == f"{shared.sim.url}/api"


def test_thousands_of_accounts_cost_little_until_they_are_used():
    """5,000 accounts of 3 services are drawn one by one, when somebody looks at them."""
    tracemalloc.start()
    sim = Simulator(services=0, accounts=5_000, account_services=3)
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert used < 60_000_000
    touched = list(sim.world.accounts.values())[4_321]
    assert len(touched.services) == 3
    assert touched.configuration["default_chat_service_sid"] in touched.services
    assert sum(not account.services.untouched for account in sim.world.accounts.values()) == 1


def test_accounts_survive_a_restart(tmp_path, open_sim):
    """What was done in one of many accounts is there after a restart; untouched ones are drawn again."""
    state = tmp_path / "state.json"
    caller = open_sim(accounts=50, services=1, account_services=2, state=state)
    sid = caller.as_account(7).conv("/v1/Services", {"FriendlyName": "Kept"}).json()["sid"]
    loaded = StateFile(state).load()
    assert loaded == caller.sim.world
    caller.sim.close()
    again = open_sim(state=state)
    shown = again.as_account(7).conv("/v1/Services").json()["services"]
    assert [service["sid"] for service in shown][-1] == sid
    assert again.sim.world == caller.sim.world


@pytest.mark.parametrize("number", [0, 1, 199])
def test_every_account_has_a_world_of_its_own(number):
    """Two accounts of one seed share no SID and no token; two worlds of one seed are the same."""
    world, same = (seeded_world(1, 2, 200, account_services=2) for _ in range(2))
    account, twin = list(world.accounts.values())[number], list(same.accounts.values())[number]
    assert account == twin
    other = list(world.accounts.values())[50]
    assert set(account.services).isdisjoint(other.services)
    assert account.auth_token != other.auth_token
