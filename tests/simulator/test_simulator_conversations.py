"""What the Conversations side shows, and what it shares with Chat."""

from __future__ import annotations

NOTHING = {"pre_webhook_url": None, "post_webhook_url": None, "filters": None, "method": None}


def test_service_shows_no_account(shared, service):
    """A Conversation Service shows a null account, the Chat Service's SID and its name."""
    shown = shared.conv(f"/v1/Services/{service.sid}").json()
    assert shown["account_sid"] is None
    assert (shown["sid"], shown["friendly_name"]) == (service.sid, service.chat["friendly_name"])


def test_unconfigured_webhooks_are_null(shared, service):
    """Nobody configured them: four nulls, not empty lists."""
    shown = shared.conv(f"/v1/Services/{service.sid}/Configuration/Webhooks").json()
    assert {key: shown[key] for key in NOTHING} == NOTHING


def test_webhooks_are_written_partially_and_cleared(shared, service):
    """Webhooks keep what an update does not name; `Filters=` leaves an empty list, an empty URL null."""
    path = f"/v1/Services/{service.sid}/Configuration/Webhooks"
    shared.conv(
        path, {"PreWebhookUrl": "https://example.com/", "Filters": ["onMessageAdd", "onMessageAdded"]}
    )
    shown = shared.conv(path, {"Method": "GET"}).json()
    assert shown["filters"] == ["onMessageAdd", "onMessageAdded"]
    assert (shown["pre_webhook_url"], shown["method"]) == ("https://example.com/", "GET")
    cleared = shared.conv(path, {"Filters": "", "PreWebhookUrl": ""}).json()
    assert (cleared["filters"], cleared["pre_webhook_url"], cleared["method"]) == ([], None, "GET")


def test_notifications_are_written_partially(shared, service):
    """Notifications keep what an update does not name, in nested objects too."""
    path = f"/v1/Services/{service.sid}/Configuration/Notifications"
    shared.conv(path, {"NewMessage.Sound": "ding", "AddedToConversation.Enabled": "true"})
    shown = shared.conv(path, {"NewMessage.WithMedia.Template": "${MEDIA_COUNT}"}).json()
    assert shown["new_message"]["sound"] == "ding"
    assert shown["new_message"]["with_media"] == {"enabled": False, "template": "${MEDIA_COUNT}"}
    assert shown["added_to_conversation"]["enabled"] is True


def test_webhooks_and_notifications_are_kept_per_api(shared, service):
    """What Conversations writes there, Chat does not show."""
    before = shared.chat(f"/v2/Services/{service.sid}").json()
    base = f"/v1/Services/{service.sid}/Configuration"
    shared.conv(base + "/Webhooks", {"PostWebhookUrl": "https://example.com/new"})
    shared.conv(base + "/Notifications", {"LogEnabled": "true"})
    after = shared.chat(f"/v2/Services/{service.sid}").json()
    assert (after["post_webhook_url"], after["notifications"]) == (
        before["post_webhook_url"],
        before["notifications"],
    )


def test_reachability_and_default_roles_are_shared(shared, service):
    """Reachability and default roles are one setting with two names: each API shows what the other wrote."""
    form = {"FriendlyName": "guest", "Type": "channel", "Permission": ["sendMessage"]}
    guest = shared.chat(f"/v2/Services/{service.sid}/Roles", form).json()["sid"]
    configuration = f"/v1/Services/{service.sid}/Configuration"
    shared.conv(configuration, {"DefaultConversationRoleSid": guest, "ReachabilityEnabled": "true"})
    chat = shared.chat(f"/v2/Services/{service.sid}").json()
    assert (chat["default_channel_role_sid"], chat["reachability_enabled"]) == (guest, True)
    shared.chat(f"/v2/Services/{service.sid}", {"ReachabilityEnabled": "false"})
    assert shared.conv(configuration).json()["reachability_enabled"] is False


def test_a_role_is_one_object_in_two_vocabularies(shared, service):
    """A Chat role shows in Conversations under the same SID, renamed, without inviteMember."""
    form = {"FriendlyName": "r", "Type": "deployment", "Permission": ["destroyChannel", "inviteMember"]}
    role = shared.chat(f"/v2/Services/{service.sid}/Roles", form).json()
    path = f"/v1/Services/{service.sid}/Roles/{role['sid']}"
    shown = shared.conv(path).json()
    assert (shown["type"], shown["permissions"]) == ("service", ["deleteConversation"])
    assert shown["chat_service_sid"] == role["service_sid"] == service.sid


def test_a_role_update_replaces_the_whole_set(shared, service):
    """An update through one API replaces the permissions that the other shows."""
    role = service.role_named("channel user")
    path = f"/v1/Services/{service.sid}/Roles/{role.sid}"
    shown = shared.conv(path, {"Permission": ["sendMessage", "addParticipant"]}).json()
    assert shown["permissions"] == ["sendMessage", "addParticipant"]
    chat = shared.chat(f"/v2/Services/{service.sid}/Roles/{role.sid}").json()
    assert chat["permissions"] == ["sendMessage", "addMember"]


def test_an_untranslated_permission_is_missing_until_written(open_sim):
    """A role may lack in Conversations a permission that it has in Chat; writing it there settles that."""
    caller = open_sim()
    services = caller.sim.world.first.services.values()
    service, role = next((s, r) for s in services for r in s.roles.values() if r.untranslated)
    path = f"/v1/Services/{service.sid}/Roles/{role.sid}"
    assert "removeParticipant" not in caller.conv(path).json()["permissions"]
    assert "removeMember" in caller.chat(f"/v2/Services/{service.sid}/Roles/{role.sid}").json()["permissions"]
    written = caller.conv(path, {"Permission": ["removeParticipant", "sendMessage"]}).json()
    assert (
        written["permissions"]
        == caller.conv(path).json()["permissions"]
        == ["removeParticipant", "sendMessage"]
    )


def test_a_service_of_either_api_exists_in_both(shared):
    """A service created through Conversations is a Chat Service too, and a deletion there ends both."""
    sid = shared.conv("/v1/Services", {"FriendlyName": "Born in Conversations"}).json()["sid"]
    assert shared.chat(f"/v2/Services/{sid}").json()["friendly_name"] == "Born in Conversations"
    roles = shared.conv(f"/v1/Services/{sid}/Roles").json()["roles"]
    assert {role["friendly_name"] for role in roles} == {
        "service admin",
        "service user",
        "channel admin",
        "channel user",
    }
    deleted = shared.conv(f"/v1/Services/{sid}", method="DELETE")
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert shared.chat(f"/v2/Services/{sid}").status_code == 404


def test_default_roles_cannot_be_deleted_and_others_can(shared, service):
    """A role in use as a default stays."""
    path = f"/v1/Services/{service.sid}/Roles"
    assert shared.conv(f"{path}/{service.role_named('channel user').sid}", method="DELETE").status_code == 400
    assert (
        shared.conv(f"{path}/{service.role_named('service admin').sid}", method="DELETE").status_code == 204
    )
    assert len(shared.conv(path).json()["roles"]) == 3


def test_only_private_channels_are_conversations(open_sim):
    """Public channels are invisible in the list of conversations."""
    caller = open_sim()
    service = next(s for s in caller.sim.world.first.services.values() if len(s.channels) == 5)
    shown = caller.conv(f"/v1/Services/{service.sid}/Conversations").json()["conversations"]
    private = {c.sid for c in service.channels.values() if c.type == "private"}
    assert {c["sid"] for c in shown} == private


def test_conversations_by_date(open_sim):
    """StartDate and EndDate bound the day of creation, both included."""
    caller = open_sim()
    service = next(s for s in caller.sim.world.first.services.values() if s.channels)
    day = service.date_created[:10]
    path = f"/v1/Services/{service.sid}/Conversations"

    def count(query: str) -> int:
        return len(caller.conv(f"{path}?{query}").json()["conversations"])

    assert count(f"StartDate={day}&EndDate={day}") == count("State=active") > 0
    assert count("EndDate=2001-01-01") == count("StartDate=2099-01-01") == count("State=closed") == 0


def test_account_settings(open_sim):
    """The account's own configuration and webhooks are written partially and read back."""
    caller = open_sim()
    sid = next(iter(caller.sim.world.first.services))
    shown = caller.conv("/v1/Configuration", {"DefaultClosedTimer": "PT30M"}).json()
    assert (shown["default_chat_service_sid"], shown["default_closed_timer"]) == (sid, "PT30M")
    webhooks = caller.conv(
        "/v1/Configuration/Webhooks", {"Filters": ["onUserAdded"], "Target": "flex"}
    ).json()
    assert (webhooks["filters"], webhooks["target"], webhooks["method"]) == (["onUserAdded"], "flex", "POST")
    assert caller.conv("/v1/Configuration/Webhooks").json() == webhooks


def test_user_filters_can_be_refused(open_sim):
    """Whether one service accepts onUser filters is not documented, so a simulator can do either."""
    refusing, accepting = open_sim(user_filters="refuse"), open_sim()
    for caller, status in ((refusing, 400), (accepting, 200)):
        sid = next(iter(caller.sim.world.first.services))
        path = f"/v1/Services/{sid}/Configuration/Webhooks"
        assert caller.conv(path, {"Filters": ["onUserAdded"]}).status_code == status
