"""What the Chat side shows, writes and keeps."""

from __future__ import annotations

from datetime import datetime
from email.utils import parsedate_to_datetime

import pytest

from migrate.simulator.words import DEFAULT_ROLES


def test_v2_shows_the_whole_service(shared, service):
    """A v2 service has v2's properties and no other, with ISO 8601 dates."""
    shown = shared.chat(f"/v2/Services/{service.sid}").json()
    assert set(shown) == {
        *("sid", "account_sid", "friendly_name", "date_created", "date_updated", "url", "links"),
        *("default_service_role_sid", "default_channel_role_sid", "default_channel_creator_role_sid"),
        *("read_status_enabled", "reachability_enabled", "typing_indicator_timeout"),
        *("consumption_report_interval", "limits", "notifications", "media"),
        *("pre_webhook_url", "post_webhook_url", "webhook_method", "webhook_filters"),
        *("pre_webhook_retry_count", "post_webhook_retry_count"),
    }
    assert datetime.strptime(shown["date_created"], "%Y-%m-%dT%H:%M:%SZ")
    assert set(shown["notifications"]["new_message"]) == {
        "enabled",
        "template",
        "sound",
        "badge_count_enabled",
    }


def test_v1_shows_its_own_view(shared, service):
    """A v1 service has per-event webhooks and RFC 2822 dates, but no retry counts, media, sound or badge."""
    shown = shared.chat(f"/v1/Services/{service.sid}").json()
    assert shown["webhooks"] == {}
    assert not {"pre_webhook_retry_count", "post_webhook_retry_count", "media"} & set(shown)
    assert set(shown["notifications"]["new_message"]) == {"enabled", "template"}
    assert parsedate_to_datetime(shown["date_created"]).tzinfo is not None
    assert "bindings" not in shown["links"]


def test_update_is_partial(shared, service):
    """An update changes what it names and nothing else."""
    before = shared.chat(f"/v2/Services/{service.sid}").json()
    form = {"Notifications.NewMessage.Sound": "ding", "Limits.UserChannels": "300"}
    after = shared.chat(f"/v2/Services/{service.sid}", form).json()
    assert after["notifications"]["new_message"]["sound"] == "ding"
    assert after["limits"] == {"channel_members": 100, "user_channels": 300}
    same = set(before) - {"notifications", "limits", "date_updated"}
    assert {key: after[key] for key in same} == {key: before[key] for key in same}


def test_empty_values_clear(shared, service):
    """An empty text clears a URL to null, a template to "" and a list of filters to []."""
    path = f"/v2/Services/{service.sid}"
    shared.chat(path, {"PreWebhookUrl": "https://example.com/pre", "WebhookFilters": ["onMessageSent"]})
    form = {"PreWebhookUrl": "", "WebhookFilters": "", "Notifications.NewMessage.Template": ""}
    after = shared.chat(path, form).json()
    assert after["pre_webhook_url"] is None
    assert after["webhook_filters"] == []
    assert after["notifications"]["new_message"]["template"] == ""


def test_v1_event_webhook(shared, service):
    """A v1 event's URL is written by v1, shown by v1 with method and format, and unknown to v2."""
    form = {"Webhooks.OnMessageSend.Url": "https://example.com/send"}
    after = shared.chat(f"/v1/Services/{service.sid}", form).json()
    assert after["webhooks"]["on_message_send"]["url"] == "https://example.com/send"
    assert set(after["webhooks"]["on_message_send"]) == {"url", "method", "format"}
    assert shared.chat(f"/v2/Services/{service.sid}", form).json()["code"] == 20001


def test_a_new_service_has_default_roles(shared, service):
    """A service is born with four roles, three of them its defaults."""
    roles = shared.chat(f"/v2/Services/{service.sid}/Roles").json()["roles"]
    assert {
        role["friendly_name"]: (role["type"], tuple(role["permissions"])) for role in roles
    } == DEFAULT_ROLES
    by_sid = {role["sid"]: role["friendly_name"] for role in roles}
    shown = shared.chat(f"/v2/Services/{service.sid}").json()
    assert by_sid[shown["default_service_role_sid"]] == "service user"
    assert by_sid[shown["default_channel_role_sid"]] == "channel user"
    assert by_sid[shown["default_channel_creator_role_sid"]] == "channel admin"


def test_creating_twice_makes_two(shared):
    """Creating is not idempotent: one name, two services, and so with roles."""
    first, second = (shared.chat("/v2/Services", {"FriendlyName": "Twin"}).json() for _ in range(2))
    assert first["sid"] != second["sid"]
    form = {"FriendlyName": "twin", "Type": "channel", "Permission": ["sendMessage"]}
    path = f"/v2/Services/{first['sid']}/Roles"
    assert len({shared.chat(path, form).json()["sid"] for _ in range(2)}) == 2


def test_channels_without_type_are_the_public_ones(open_sim):
    """A list without Type holds public channels only; with both types it holds all."""
    caller = open_sim()
    service = next(s for s in caller.sim.world.first.services.values() if len(s.channels) == 5)
    path = f"/v2/Services/{service.sid}/Channels"
    assert {c["type"] for c in caller.chat(path).json()["channels"]} == {"public"}
    assert len(caller.chat(path + "?Type=public&Type=private").json()["channels"]) == 5


def test_v3_makes_a_channel_private_for_good(open_sim):
    """Chat v3 turns a public channel into a conversation, and refuses the way back with 50393."""
    caller = open_sim()
    service = next(s for s in caller.sim.world.first.services.values() if len(s.channels) == 5)
    channel = next(c for c in service.channels.values() if c.type == "public")
    conversation = f"/v1/Services/{service.sid}/Conversations/{channel.sid}"
    path = f"/v3/Services/{service.sid}/Channels/{channel.sid}"
    assert caller.conv(conversation).status_code == 404
    answered = caller.chat(path, {"Type": "private"}, headers={"X-Twilio-Webhook-Enabled": "true"})
    assert (answered.status_code, answered.json()["type"]) == (200, "private")
    assert caller.conv(conversation).json()["sid"] == channel.sid
    assert caller.chat(path, {"Type": "public"}).json()["code"] == 50393


@pytest.mark.parametrize("status", [403, 404, 410])
def test_a_dead_chat_api(open_sim, status):
    """With a chat status, all of Chat answers that and Conversations answers as ever."""
    caller = open_sim(chat_status=status)
    assert caller.chat("/v2/Services").status_code == status
    assert caller.chat("/v1/Services").status_code == status
    assert caller.conv("/v1/Services").status_code == 200
