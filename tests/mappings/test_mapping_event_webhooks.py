"""Chat v1's per-event webhooks: when they merge into one, and when a person must act."""

from __future__ import annotations

import pytest

from mappings import Resource

URL = "https://hooks.example/chat"
OTHER = "https://hooks.example/other"

EVENTS = {
    "on_message_send": ("pre", "onMessageAdd"),
    "on_message_update": ("pre", "onMessageUpdate"),
    "on_message_remove": ("pre", "onMessageRemove"),
    "on_channel_add": ("pre", "onConversationAdd"),
    "on_channel_destroy": ("pre", "onConversationRemove"),
    "on_channel_update": ("pre", "onConversationUpdate"),
    "on_member_add": ("pre", "onParticipantAdd"),
    "on_member_remove": ("pre", "onParticipantRemove"),
    "on_message_sent": ("post", "onMessageAdded"),
    "on_message_updated": ("post", "onMessageUpdated"),
    "on_message_removed": ("post", "onMessageRemoved"),
    "on_channel_added": ("post", "onConversationAdded"),
    "on_channel_destroyed": ("post", "onConversationRemoved"),
    "on_channel_updated": ("post", "onConversationUpdated"),
    "on_member_added": ("post", "onParticipantAdded"),
    "on_member_removed": ("post", "onParticipantRemoved"),
}


def hooks(method=None, **urls):
    """A v1 view with per-event webhooks."""
    view = {}
    for event, url in urls.items():
        view |= {f"webhooks.{event}.url": url, f"webhooks.{event}.method": method}
    return view


@pytest.mark.parametrize(("event", "phase", "filter_"), [(event, *rest) for event, rest in EVENTS.items()])
def test_a_single_event_becomes_the_webhook_of_its_phase(translated, event, phase, filter_):
    """One per-event URL becomes the URL of its phase, with its event as the only filter."""
    result = translated(v1=hooks(**{event: URL}))
    assert result.settings(Resource.WEBHOOKS) == {
        f"{phase}_webhook_url": URL,
        "method": "POST",
        "filters": [filter_],
    }
    outcome = result.outcome(f"webhooks.{event}.url")
    assert (outcome.verdict.value, outcome.target) == ("converted", f"{phase}_webhook_url")


def test_equal_urls_of_a_phase_merge(translated):
    """Events of one phase that call one URL become one webhook with all their filters."""
    result = translated(
        {"pre_webhook_url": None, "webhook_filters": []}, hooks("GET", on_message_send=URL, on_member_add=URL)
    )
    assert result.settings(Resource.WEBHOOKS) == {
        "pre_webhook_url": URL,
        "method": "GET",
        "filters": ["onMessageAdd", "onParticipantAdd"],
    }
    assert result.verdict("webhooks.on_message_send.method") == "renamed"
    for source in ("pre_webhook_url", "webhook_filters"):
        assert result.verdict(source) == "converted"
        assert "on_member_add" in result.outcome(source).reason


def test_both_phases_merge_if_their_method_is_one(translated):
    """Pre- and post-events may call different URLs, since Conversations has one for each phase."""
    result = translated(v1=hooks("POST", on_message_send=URL, on_message_sent=OTHER))
    assert result.settings(Resource.WEBHOOKS) == {
        "pre_webhook_url": URL,
        "post_webhook_url": OTHER,
        "method": "POST",
        "filters": ["onMessageAdd", "onMessageAdded"],
    }


def test_an_equal_shared_url_takes_the_events_in(translated):
    """A per-event URL that is also the shared one only adds its event to the filters."""
    view = {"post_webhook_url": URL, "webhook_method": "POST", "webhook_filters": ["onMemberAdded"]}
    result = translated(view, hooks(on_message_sent=URL))
    assert result.settings(Resource.WEBHOOKS)["filters"] == ["onParticipantAdded", "onMessageAdded"]
    assert result.verdict("post_webhook_url") == "exact"


def test_an_event_on_its_own_keeps_a_media_filter_from_widening(translated):
    """With a per-event webhook for all messages, the media filter's new name is no widening."""
    view = {"post_webhook_url": URL, "webhook_filters": ["onMediaMessageSent"]}
    assert translated(view, hooks(on_message_sent=URL)).verdict("webhook_filters") == "converted"


OBSTACLES = [
    ({}, hooks(on_message_send=URL, on_member_add=OTHER), "different URLs"),
    ({"pre_webhook_url": OTHER}, hooks(on_message_send=URL), "holds another URL"),
    ({}, hooks("PUT", on_message_send=URL), "neither GET nor POST"),
    ({}, hooks("GET", on_message_send=URL) | hooks("POST", on_member_add=URL), "methods differ"),
    (
        {"pre_webhook_url": URL, "webhook_method": "GET"},
        hooks("POST", on_message_send=URL),
        "webhook_method",
    ),
    (
        {"post_webhook_url": URL, "webhook_method": "GET"},
        hooks("POST", on_message_send=URL),
        "webhook_method",
    ),
    ({"webhook_filters": ["onMemberAdd"]}, hooks(on_message_send=URL), "onMemberAdd"),
    ({"webhook_filters": "onMemberAdd"}, hooks(on_message_send=URL), "not a list of strings"),
    ({}, hooks(on_message_send=URL, on_member_add=[5]), "not a string"),
]


@pytest.mark.parametrize(("v2", "v1", "because"), OBSTACLES)
def test_what_would_change_a_receiver_is_left_to_a_person(translated, v2, v1, because):
    """Where a merge would call someone anew, otherwise, or no longer, the operator decides."""
    result = translated(v2, v1)
    outcome = result.outcome("webhooks.on_message_send.url")
    assert (outcome.verdict.value, outcome.target) == ("manual", None)
    assert because in outcome.reason
    assert f"onMessageAdd → {URL}" in outcome.reason
    assert result.settings(Resource.WEBHOOKS).get("pre_webhook_url") == v2.get("pre_webhook_url")


def test_two_phases_with_two_methods_do_not_merge(translated):
    """One service has one method, so neither phase may take it from the other."""
    v1 = hooks("GET", on_message_send=URL) | hooks("POST", on_message_sent=URL)
    result = translated(v1=v1)
    assert result.settings(Resource.WEBHOOKS) == {}
    for event in ("on_message_send", "on_message_sent"):
        assert result.verdict(f"webhooks.{event}.url") == "manual"
        assert result.verdict(f"webhooks.{event}.method") == "manual"


def test_one_phase_merges_though_the_other_cannot(translated):
    """An obstacle in one phase does not hold up the other one."""
    v1 = hooks(on_message_send=URL, on_member_add=OTHER, on_message_sent=URL)
    result = translated(v1=v1)
    assert result.settings(Resource.WEBHOOKS) == {
        "post_webhook_url": URL,
        "method": "POST",
        "filters": ["onMessageAdded"],
    }
    assert result.verdict("webhooks.on_member_add.url") == "manual"


def test_filters_of_the_other_phase_are_kept(translated):
    """Merging adds filters, and takes none away."""
    view = {"webhook_filters": ["onMemberAdded"]}
    result = translated(view, hooks(on_message_send=URL))
    assert result.settings(Resource.WEBHOOKS)["filters"] == ["onParticipantAdded", "onMessageAdd"]


def test_a_method_that_no_url_used_gives_way(translated):
    """Without a shared URL webhook_method had no effect, so the events' method counts."""
    result = translated({"webhook_method": "PUT"}, hooks("GET", on_message_send=URL))
    assert result.verdict("webhook_method") == "not_needed"
    assert result.settings(Resource.WEBHOOKS)["method"] == "GET"


def test_events_without_url_have_no_effect(translated):
    """An event that calls nobody needs neither method nor format."""
    path = "webhooks.on_message_sent"
    result = translated(v1={f"{path}.url": "", f"{path}.method": "PUT", f"{path}.format": "XML"})
    assert {each.verdict.value for each in result.translation.outcomes} == {"not_needed"}
    assert result.translation.settings == {}


@pytest.mark.parametrize(
    ("format_", "verdict"),
    [
        (None, "not_needed"),
        ("", "not_needed"),
        ("form", "not_needed"),
        ("application/x-www-form-urlencoded", "not_needed"),
        ("XML", "dropped"),
    ],
)
def test_only_form_parameters_are_sent(translated, format_, verdict):
    """Conversations sends form parameters; a receiver of anything else must change."""
    v1 = hooks(on_message_sent=URL) | {"webhooks.on_message_sent.format": format_}
    assert translated(v1=v1).verdict("webhooks.on_message_sent.format") == verdict
