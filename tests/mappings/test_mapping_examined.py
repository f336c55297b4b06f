"""What was not examined is said, is never taken for empty, and is never a value to set."""

from __future__ import annotations

import pytest
from mapping_views import nest

from mappings import ChatService, Resource, Translation, Verdict, translate

URL = "https://hooks.example/chat"
TERRAFORM = "Terraform state does not hold it"


def seen(v2=None, v1=None, *, same=True, **more) -> Translation:
    """The translation of a service of which one version, or less, was read."""
    return translate(ChatService("IS1", nest(v1), nest(v2), **more), same_service=same)


def unexamined(translation):
    """Source → cause, of what was not examined."""
    return {
        each.source: each.reasons[0].cause
        for each in translation.outcomes
        if each.reasons[0].id == "not_examined"
    }


def outcome(translation, source):
    """The one outcome of a source path."""
    (found,) = (each for each in translation.outcomes if each.source == source)
    return found


def test_without_v1_its_fields_share_one_cause():
    """All 16 per-event webhooks and the actions per second are of v1 only: nobody knows what they hold."""
    told = unexamined(seen({"friendly_name": "Support"}))
    assert len(told) == 16 * 3 + 1
    assert set(told.values()) == {"Not examined (v1 was not read)"}
    assert {"webhooks.on_message_sent.url", "limits.actions_per_second"} <= told.keys()


V2_ONLY = {
    "media.compatibility_message",
    "media.size_limit_mb",
    "notifications.added_to_channel.sound",
    "notifications.invited_to_channel.sound",
    "notifications.new_message.badge_count_enabled",
    "notifications.new_message.sound",
    "notifications.removed_from_channel.sound",
    "post_webhook_retry_count",
    "pre_webhook_retry_count",
}


def test_without_v2_its_fields_share_one_cause():
    """Retries, sounds, the badge and media are of v2 only."""
    assert unexamined(seen(v1={"friendly_name": "Support"})) == dict.fromkeys(
        V2_ONLY, "Not examined (v2 was not read)"
    )


def test_what_was_not_examined_is_for_a_person_and_sets_nothing():
    """The verdict is manual, there is no value, and the reason names the field."""
    found = outcome(seen({}), "webhooks.on_message_sent.url")
    assert (found.verdict, found.value, found.resource, found.target) == (Verdict.MANUAL, None, None, None)
    assert dict(found.reasons[0].args) == {
        "field": "webhooks.on_message_sent.url",
        "why": "v1 was not read",
    }
    assert found.reason == (
        "webhooks.on_message_sent.url was not examined (v1 was not read), so nothing is set. "
        "If Chat holds a value, set it by hand."
    )


def test_a_service_that_was_read_whole_has_nothing_unexamined():
    """A field that Twilio left out of an answer was examined: it makes no row."""
    assert seen({}, {}).outcomes == ()


@pytest.mark.parametrize("shown", [{}, {"reachability_enabled": None}, {"reachability_enabled": ""}])
def test_null_in_a_file_that_cannot_hold_the_field_is_not_false(shown):
    """An empty value is no answer where the shape of the file does not hold the field."""
    result = seen(shown, {}, not_examined={"reachability_enabled": TERRAFORM})
    assert unexamined(result) == {"reachability_enabled": f"Not examined ({TERRAFORM})"}
    assert result.settings == {}


def test_null_that_was_examined_is_the_default():
    """The same null, read from the API, is a value."""
    assert seen({"reachability_enabled": None}, {}).settings == {
        Resource.CONFIGURATION: {"reachability_enabled": False}
    }


def test_a_value_that_another_file_holds_counts():
    """One file cannot hold a field, another one does: it was examined."""
    result = seen({"reachability_enabled": True}, {}, not_examined={"reachability_enabled": TERRAFORM})
    assert unexamined(result) == {}
    assert result.settings == {Resource.CONFIGURATION: {"reachability_enabled": True}}


def test_an_object_stands_for_all_below_it_and_for_nothing_beside_it():
    """A shape without `limits` or `media` is said in two words."""
    told = unexamined(seen({}, {}, not_examined={"limits": TERRAFORM, "medi": "x", "media": TERRAFORM}))
    assert told == dict.fromkeys(
        [
            "limits.actions_per_second",
            "limits.channel_members",
            "limits.user_channels",
            "media.compatibility_message",
            "media.size_limit_mb",
        ],
        f"Not examined ({TERRAFORM})",
    )


def test_dates_and_addresses_need_not_be_examined():
    """What is no setting worries nobody."""
    told = unexamined(seen())
    assert not {"sid", "url", "date_created", "date_updated", "links.*"} & told.keys()
    assert told["webhook_filters"] == "Not examined (neither v1 nor v2 was read)"


def test_roles_that_were_not_read_are_one_outcome():
    """Default roles are translated in place all the same; elsewhere their counterparts are missing."""
    unread = {"roles": "roles were not read"}
    result = seen({"default_channel_role_sid": "RL1"}, {}, not_examined=unread)
    assert unexamined(result) == {"roles.<friendly_name>.permissions": "Not examined (roles were not read)"}
    assert result.settings == {Resource.CONFIGURATION: {"default_conversation_role_sid": "RL1"}}
    elsewhere = seen({"default_channel_role_sid": "RL1"}, {}, same=False, not_examined=unread)
    assert outcome(elsewhere, "default_channel_role_sid").verdict is Verdict.MANUAL


def test_roles_that_were_found_count():
    """A role that one of several files holds is a role."""
    role = {"sid": "RL1", "friendly_name": "a", "type": "channel", "permissions": ["sendMessage"]}
    result = seen({}, {}, roles=(role,), not_examined={"roles": "roles were not read"})
    assert [each.source for each in result.outcomes] == ["roles.a.permissions"]


@pytest.mark.parametrize(("v1", "settings"), [(None, {}), ({}, {"pre_webhook_url": ""})])
def test_a_url_is_not_empty_before_the_per_event_webhooks_were_examined(v1, settings):
    """They may have been merged into it: without v1, no empty URL is handed on, not even for `--clear`."""
    result = seen({"pre_webhook_url": None}, v1)
    assert result.settings.get(Resource.WEBHOOKS, {}) == settings


@pytest.mark.parametrize(
    "field", ["pre_webhook_url", "post_webhook_url", "webhook_method", "webhook_filters"]
)
def test_nothing_is_merged_into_what_was_not_examined(field):
    """A per-event URL could replace another one that nobody has seen."""
    v1 = {"webhooks.on_message_sent.url": URL}
    result = seen({}, v1, not_examined={field: TERRAFORM})
    found = outcome(result, "webhooks.on_message_sent.url")
    assert found.verdict is Verdict.MANUAL
    assert f"{field} was not examined" in found.reason
    assert result.settings == {}


def test_filters_without_an_examined_url_are_not_called_idle():
    """Whether they have an effect depends on a URL that nobody has seen."""
    v2 = {"webhook_filters": ["onMessageSent"], "webhook_method": "POST"}
    result = seen(v2, {}, not_examined={"post_webhook_url": TERRAFORM})
    for source in ("webhook_filters", "webhook_method"):
        assert outcome(result, source).verdict is Verdict.MANUAL
    assert result.settings == {}


def test_invitations_count_as_notified_until_examined():
    """A text is not called idle because nobody looked whether it is sent."""
    source = "notifications.invited_to_channel.template"
    not_examined = {"notifications.invited_to_channel.enabled": TERRAFORM}
    result = seen({source: "Come"}, {}, not_examined=not_examined)
    assert outcome(result, source).verdict is Verdict.DROPPED
