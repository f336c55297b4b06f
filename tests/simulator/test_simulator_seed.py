"""The seeded world: always the same, and every difficulty in it."""

from __future__ import annotations

import re

import pytest

from migrate.simulator import Simulator, seeded_world, words
from migrate.simulator.archetypes import ARCHETYPES


@pytest.fixture(scope="module")
def services():
    """The first twelve services of a seeded world."""
    return list(seeded_world(0, 12).first.services.values())


def test_same_seed_same_world():
    """A seed gives the same world, dates and SIDs included; another seed another one."""
    assert seeded_world(5, 40, accounts=2) == seeded_world(5, 40, accounts=2)
    assert set(seeded_world(5, 40).first.services).isdisjoint(seeded_world(6, 40).first.services)


def test_more_services_do_not_change_the_first_ones():
    """The first services do not depend on how many follow."""
    few, many = seeded_world(5, 20), seeded_world(5, 40)
    assert list(many.first.services.values())[:20] == list(few.first.services.values())


def test_the_second_account_is_empty():
    """Accounts after the first hold credentials of their own and no service."""
    first, second = seeded_world(0, 3, accounts=2).accounts.values()
    assert (len(first.services), len(second.services)) == (3, 0)
    assert first.auth_token != second.auth_token


def test_sids_are_unique_and_well_formed():
    """No SID is given twice in 200 services."""
    held = seeded_world(0, 200).first.services.values()
    sids = [s.sid for s in held] + [r for s in held for r in s.roles] + [c for s in held for c in s.channels]
    assert len(sids) == len(set(sids))
    assert all(re.fullmatch(r"(IS|RL|CH)[0-9a-f]{32}", sid) for sid in sids)


DIFFICULTIES = {
    "already right": lambda s: (
        s.conversations_webhooks["filters"] and s.conversations_webhooks["method"] == s.chat["webhook_method"]
    ),
    "unconfigured": lambda s: s.chat["webhook_filters"] and s.conversations_webhooks["filters"] is None,
    "old filter names": lambda s: "onChannelDestroyed" in (s.conversations_webhooks["filters"] or ()),
    "drifted": lambda s: (
        s.conversations_webhooks["post_webhook_url"] not in (None, s.chat["post_webhook_url"])
    ),
    "media filters only": lambda s: s.chat["webhook_filters"] == ["onMediaMessageSend", "onMediaMessageSent"],
    "user filters": lambda s: set(s.chat["webhook_filters"]) >= words.USER_FILTERS,
    "retry counts": lambda s: s.chat["pre_webhook_retry_count"] and s.chat["post_webhook_retry_count"],
    "v1 URLs that agree": lambda s: len({w["url"] for w in s.chat["webhooks"].values()}) == 2,
    "v1 URLs that differ": lambda s: len({w["url"] for w in s.chat["webhooks"].values()}) == 16,
    "a verb that is lost": lambda s: any(w["method"] == "PUT" for w in s.chat["webhooks"].values()),
    "invitations": lambda s: s.chat["notifications"]["invited_to_channel"]["enabled"],
    "unknown variable": lambda s: "ORDER" in s.chat["notifications"]["new_message"]["template"],
    "read status off": lambda s: not s.chat["read_status_enabled"],
    "typing timeout": lambda s: s.chat["typing_indicator_timeout"] != 5,
    "raised limits": lambda s: s.chat["limits"]["channel_members"] == 1000,
    "inviteMember": lambda s: any("inviteMember" in r.permissions for r in s.roles.values()),
    "no inviteMember": lambda s: all("inviteMember" not in r.permissions for r in s.roles.values()),
    "only inviteMember": lambda s: any(r.permissions == ["inviteMember"] for r in s.roles.values()),
    "a permission missing": lambda s: any(r.untranslated for r in s.roles.values()),
    "hostile name": lambda s: "<b>" in s.chat["friendly_name"] and "☕" in s.chat["friendly_name"],
    "secret in a URL": lambda s: "@" in (s.chat["pre_webhook_url"] or ""),
    "token in a URL": lambda s: "token=" in (s.chat["post_webhook_url"] or ""),
    "GET": lambda s: s.chat["webhook_method"] == "GET",
    "v1 and v2 disagree": lambda s: s.v1_differs,
    "a Conversations name in Chat": lambda s: set(s.chat["webhook_filters"]) & words.SERVICE_FILTERS,
    "public and private channels": lambda s: {c.type for c in s.channels.values()} == {"public", "private"},
    "half of the notifications": lambda s: s.conversations_notifications["new_message"] is None,
}


@pytest.mark.parametrize("difficulty", sorted(DIFFICULTIES))
def test_every_difficulty_is_there(services, difficulty):
    """At least one of the first twelve services has it, and not all of them do."""
    having = [bool(DIFFICULTIES[difficulty](service)) for service in services]
    assert any(having)
    assert not all(having)


def test_two_services_share_a_name(services):
    """Friendly names are not unique."""
    names = [service.chat["friendly_name"] for service in services]
    assert len(names) == 12 == len(ARCHETYPES)
    assert len(set(names)) == 11


def test_permissions_are_chats_own(services):
    """Every seeded role is one that the Chat API could have made."""
    used = {p for service in services for role in service.roles.values() for p in role.permissions}
    assert used <= words.CHAT_PERMISSIONS


def test_no_host_is_real():
    """Every webhook in a seeded world points to example.com."""
    text = str(seeded_world(1, 60).to_json())
    hosts = re.findall(r"https?://(?:[^/@'\"]+@)?([^/'\":?]+)", text)
    assert hosts
    assert all(host.endswith(".example.com") for host in hosts)


def test_a_simulator_holds_the_seeded_world():
    """A simulator without a world of its own draws it by its seed."""
    assert Simulator(seed=7, services=14).world == seeded_world(7, 14)
