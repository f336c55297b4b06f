"""A world made from answers gives these answers again."""

from __future__ import annotations

import copy

import pytest

from migrate.simulator import world_from

CONFIGURATION = ("", "/Notifications", "/Webhooks")


def read_everything(caller, sid):
    """Return all that both APIs answer about one service, as `world_from` takes it."""
    chat, conv = f"/Services/{sid}", f"/v1/Services/{sid}"
    types = "?Type=public&Type=private"
    return {
        "v1": caller.chat(f"/v1{chat}").json(),
        "v2": caller.chat(f"/v2{chat}").json(),
        "roles": caller.chat(f"/v2{chat}/Roles").json()["roles"],
        "channels": caller.chat(f"/v2{chat}/Channels{types}").json()["channels"],
        "users": caller.chat(f"/v2{chat}/Users").json()["users"],
        "conversations": {
            "configuration": caller.conv(f"{conv}/Configuration").json(),
            "notifications": caller.conv(f"{conv}/Configuration/Notifications").json(),
            "webhooks": caller.conv(f"{conv}/Configuration/Webhooks").json(),
            "roles": caller.conv(f"{conv}/Roles").json()["roles"],
        },
    }


@pytest.fixture(scope="module")
def answers(shared):
    """All that a seeded simulator answers about its services, by account."""
    account = shared.sim.world.first
    first = next(iter(account.services))
    shared.conv(f"/v1/Services/{first}/Users", {"Identity": "ann", "FriendlyName": "Ann"})
    return {
        account.sid: {
            "auth_token": account.auth_token,
            "configuration": shared.conv("/v1/Configuration").json(),
            "webhooks": shared.conv("/v1/Configuration/Webhooks").json(),
            "services": [read_everything(shared, sid) for sid in account.services],
        }
    }


def test_every_answer_comes_back(answers, open_sim):
    """All twelve kinds of services answer through both APIs as those did that they were made from."""
    given = copy.deepcopy(answers)
    caller = open_sim(world=world_from(answers))
    assert answers == given
    ((sid, account),) = answers.items()
    assert caller.sim.account_sid == sid
    assert [read_everything(caller, one["v2"]["sid"]) for one in account["services"]] == account["services"]
    assert caller.conv("/v1/Configuration").json() == account["configuration"]
    assert caller.conv("/v1/Configuration/Webhooks").json() == account["webhooks"]


def test_v1_alone_is_enough(answers, open_sim):
    """A service that only v1 was read of answers as v1 did, and v2 shows the same values."""
    ((account, told),) = answers.items()
    v1_only = [{"v1": one["v1"], "roles": one["roles"]} for one in told["services"]]
    caller = open_sim(world=world_from({account: {"services": v1_only}}))
    for one in v1_only:
        sid = one["v1"]["sid"]
        assert caller.chat(f"/v1/Services/{sid}").json() == one["v1"]
        assert caller.chat(f"/v2/Services/{sid}").json()["friendly_name"] == one["v1"]["friendly_name"]


def test_a_service_that_conversations_does_not_have(open_sim):
    """Such a service answers in Chat, and is 404 and unlisted in Conversations."""
    here, there = {"sid": "IS" + "1" * 32}, {"sid": "IS" + "2" * 32, "conversations": None}
    caller = open_sim(world=world_from({"AC" + "1" * 32: {"services": [here, there]}}))
    assert [one["sid"] for one in caller.conv("/v1/Services").json()["services"]] == [here["sid"]]
    for path in ("", "/Configuration", "/Roles"):
        assert caller.conv(f"/v1/Services/{there['sid']}{path}").status_code == 404
    assert caller.chat(f"/v2/Services/{there['sid']}").status_code == 200
    assert len(caller.chat("/v2/Services").json()["services"]) == 2


def test_a_service_without_roles_has_the_born_ones(open_sim):
    """Where no roles were read, the service has its four, under the SIDs that its settings name."""
    sids = [f"RL{n}{'0' * 31}" for n in range(3)]
    v2 = {
        "sid": "IS" + "1" * 32,
        "default_service_role_sid": sids[0],
        "default_channel_role_sid": sids[1],
        "default_channel_creator_role_sid": sids[2],
    }
    caller = open_sim(world=world_from({"AC" + "1" * 32: {"services": [{"v2": v2}]}}))
    roles = caller.conv(f"/v1/Services/{v2['sid']}/Roles").json()["roles"]
    assert {role["friendly_name"]: role["sid"] for role in roles}.items() >= {
        "service user": sids[0],
        "channel user": sids[1],
        "channel admin": sids[2],
    }.items()
    assert len(roles) == 4


def test_what_conversations_shows_counts(open_sim):
    """Where the target had moved on since the snapshot, the world is as the target is."""
    role = {
        "sid": "RL" + "1" * 32,
        "friendly_name": "guest",
        "type": "channel",
        "permissions": ["sendMessage", "addMember"],
    }
    seen = role | {"type": "conversation", "permissions": ["sendMessage", "leaveConversation"]}
    extra = {
        "sid": "RL" + "2" * 32,
        "friendly_name": "new",
        "type": "service",
        "permissions": ["joinConversation"],
    }
    service = {
        "v2": {"sid": "IS" + "1" * 32, "reachability_enabled": False},
        "roles": [role],
        "conversations": {"configuration": {"reachability_enabled": True}, "roles": [seen, extra]},
    }
    caller = open_sim(world=world_from({"AC" + "1" * 32: {"services": [service]}}))
    base = f"/Services/{service['v2']['sid']}"
    assert caller.chat(f"/v2{base}").json()["reachability_enabled"] is True
    shown = {one["sid"]: one["permissions"] for one in caller.conv(f"/v1{base}/Roles").json()["roles"]}
    assert shown == {role["sid"]: ["sendMessage", "leaveConversation"], extra["sid"]: ["joinConversation"]}
    in_chat = {one["sid"]: one["permissions"] for one in caller.chat(f"/v2{base}/Roles").json()["roles"]}
    assert in_chat[role["sid"]] == ["sendMessage", "addMember", "leaveChannel"]


def test_two_accounts_in_order(open_sim):
    """The first account is the simulator's own, and the parent of the others; tokens that nobody gave are made."""
    world = world_from({"AC" + "1" * 32: {}, "AC" + "2" * 32: {"auth_token": "given"}})
    caller = open_sim(world=world)
    assert caller.sim.account_sid == "AC" + "1" * 32
    environment = caller.sim.environment(target="AC" + "2" * 32)
    assert environment["TWILIO_TARGET_AUTH_TOKEN"] == "given"
    assert len(environment["TWILIO_AUTH_TOKEN"]) == 32
    assert caller.as_user("AC" + "2" * 32, "given").conv("/v1/Services").status_code == 200
