"""The pre- and post-event webhooks: URLs, method and filters."""

from __future__ import annotations

import pytest

from mappings import Resource
from mappings.webhooks.filters import CHAT, CONVERSATIONS, phase_of

URL = "https://hooks.example/chat"

# Chat, Conversations, phase
CHAT_FILTERS = [
    ("onMessageSend", "onMessageAdd", "pre"),
    ("onMessageSent", "onMessageAdded", "post"),
    ("onMediaMessageSend", "onMessageAdd", "pre"),
    ("onMediaMessageSent", "onMessageAdded", "post"),
    ("onMessageUpdate", "onMessageUpdate", "pre"),
    ("onMessageUpdated", "onMessageUpdated", "post"),
    ("onMessageRemove", "onMessageRemove", "pre"),
    ("onMessageRemoved", "onMessageRemoved", "post"),
    ("onChannelAdd", "onConversationAdd", "pre"),
    ("onChannelAdded", "onConversationAdded", "post"),
    ("onChannelUpdate", "onConversationUpdate", "pre"),
    ("onChannelUpdated", "onConversationUpdated", "post"),
    ("onChannelDestroy", "onConversationRemove", "pre"),
    ("onChannelDestroyed", "onConversationRemoved", "post"),
    ("onMemberAdd", "onParticipantAdd", "pre"),
    ("onMemberAdded", "onParticipantAdded", "post"),
    ("onMemberUpdate", "onParticipantUpdate", "pre"),
    ("onMemberUpdated", "onParticipantUpdated", "post"),
    ("onMemberRemove", "onParticipantRemove", "pre"),
    ("onMemberRemoved", "onParticipantRemoved", "post"),
    ("onUserUpdate", "onUserUpdate", "pre"),
    ("onUserAdded", "onUserAdded", "post"),
    ("onUserUpdated", "onUserUpdated", "post"),
]


def with_filters(*filters, **more):
    """A service whose pre- and post-event webhooks fire for the filters."""
    return {"pre_webhook_url": URL, "post_webhook_url": URL, "webhook_filters": list(filters), **more}


def test_no_filter_is_missing_from_the_program_or_from_this_table():
    """Chat documents 23 filters, and the program knows these and no others."""
    assert sorted(CHAT) == sorted(chat for chat, _, _ in CHAT_FILTERS)
    new = {conversations for _, conversations, _ in CHAT_FILTERS}
    assert set(CONVERSATIONS) == new | {"onConversationStateUpdated", "onDeliveryUpdated"}


@pytest.mark.parametrize(("chat", "conversations", "phase"), CHAT_FILTERS)
def test_each_filter_has_its_conversations_name_and_phase(translated, chat, conversations, phase):
    """Every Chat filter is translated, and Conversations' own names pass unchanged."""
    assert translated(with_filters(chat)).settings(Resource.WEBHOOKS)["filters"] == [conversations]
    again = translated(with_filters(conversations))
    assert again.settings(Resource.WEBHOOKS)["filters"] == [conversations]
    assert again.verdict("webhook_filters") == "renamed"
    assert phase_of(chat).value == phase_of(conversations).value == phase


FILTER_VERDICTS = [
    ([], [], "renamed"),
    ([""], [], "renamed"),
    (["onMessageUpdated"], ["onMessageUpdated"], "renamed"),
    (["onDeliveryUpdated", "onConversationStateUpdated"], None, "renamed"),
    (["onMessageUpdated", "onMessageUpdated"], ["onMessageUpdated"], "renamed"),
    (["onMemberAdd"], ["onParticipantAdd"], "converted"),
    (["onMessageSend", "onMediaMessageSend"], ["onMessageAdd"], "converted"),
    (["onMediaMessageSend", "onMessageAdd"], ["onMessageAdd"], "converted"),
    (["onMediaMessageSend"], ["onMessageAdd"], "lossy"),
    (["onMediaMessageSent", "onMessageSend"], ["onMessageAdded", "onMessageAdd"], "lossy"),
    (["onMemberAdd", "onRocketStart"], ["onParticipantAdd"], "manual"),
]


@pytest.mark.parametrize(("chat", "conversations", "verdict"), FILTER_VERDICTS)
def test_the_filters_verdict_is_that_of_the_worst(translated, chat, conversations, verdict):
    """Unchanged, translated, widened or unknown: the verdict tells the worst of all names."""
    result = translated(with_filters(*chat))
    assert result.settings(Resource.WEBHOOKS)["filters"] == (chat if conversations is None else conversations)
    assert result.verdict("webhook_filters") == verdict


def test_an_unknown_filter_is_named_and_left_out(translated):
    """Twilio would refuse a filter that it does not know; the operator reads which one it was."""
    result = translated(with_filters("onRocketStart"))
    assert "onRocketStart" in result.outcome("webhook_filters").reason
    assert "filters" not in result.settings(Resource.WEBHOOKS)


def test_the_reason_lists_what_became_what(translated):
    """A receiver must be changed for the new names, so the reason spells them out."""
    reason = translated(with_filters("onMemberAdd", "onMessageUpdated")).outcome("webhook_filters").reason
    assert "onMemberAdd → onParticipantAdd" in reason
    assert "onMessageUpdated" not in reason


def test_widening_is_explained(translated):
    """A filter for media messages only comes to fire for all messages, and the reason says so."""
    assert "all messages" in translated(with_filters("onMediaMessageSent")).outcome("webhook_filters").reason
    assert "media too" in translated(with_filters("onMessageSent")).outcome("webhook_filters").reason


def test_filters_that_a_service_may_refuse_are_marked(translated):
    """The onUser filters are tried, and known as those to leave out if Twilio refuses them."""
    result = translated(with_filters("onUserAdded", "onMessageSent", "onUserUpdate"))
    assert result.translation.uncertain_filters == ("onUserAdded", "onUserUpdate")
    assert result.settings(Resource.WEBHOOKS)["filters"] == ["onUserAdded", "onMessageAdded", "onUserUpdate"]
    assert "account" in result.outcome("webhook_filters").reason


METHODS = [
    ("POST", "renamed", "POST"),
    ("GET", "renamed", "GET"),
    ("post", "converted", "POST"),
    ("PUT", "manual", None),
    ("HEAD", "manual", None),
]


@pytest.mark.parametrize(("chat", "verdict", "conversations"), METHODS)
def test_only_get_and_post_go_over(translated, chat, verdict, conversations):
    """Conversations knows two methods in upper case; any other verb is not written."""
    result = translated(with_filters(webhook_method=chat))
    assert result.verdict("webhook_method") == verdict
    assert result.settings(Resource.WEBHOOKS).get("method") == conversations


def test_the_default_method_is_written_only_to_another_service(translated):
    """In place null stays what it is; another service may hold GET, so Chat's default is written out."""
    view = with_filters(webhook_method=None)
    assert "method" not in translated(view).settings(Resource.WEBHOOKS)
    elsewhere = translated(view, same=False)
    assert elsewhere.settings(Resource.WEBHOOKS)["method"] == "POST"
    assert elsewhere.verdict("webhook_method") == "converted"


def test_urls_go_over_as_they_are(translated):
    """A URL is never touched, and an empty one is explicitly none."""
    result = translated({"pre_webhook_url": URL + "?a=%20#rc=2", "post_webhook_url": None})
    assert result.settings(Resource.WEBHOOKS) == {
        "pre_webhook_url": URL + "?a=%20#rc=2",
        "post_webhook_url": "",
    }
    assert result.verdict("pre_webhook_url") == result.verdict("post_webhook_url") == "exact"


def test_without_a_url_filters_and_method_are_not_written(translated):
    """They have no effect, and writing them would switch off the account's webhook for the service."""
    view = {"post_webhook_url": "", "webhook_method": "POST", "webhook_filters": ["onMessageSent"]}
    result = translated(view)
    assert result.settings(Resource.WEBHOOKS) == {"post_webhook_url": ""}
    assert result.verdict("webhook_filters") == result.verdict("webhook_method") == "not_needed"
    assert "account's webhook" in result.outcome("webhook_filters").reason


def test_a_missing_key_makes_no_setting(translated):
    """What a saved file does not hold is left as it is in the target."""
    assert translated({"post_webhook_url": URL}).settings(Resource.WEBHOOKS) == {"post_webhook_url": URL}


@pytest.mark.parametrize(("phase", "hint"), [("pre", "fast and available"), ("post", "Event Streams")])
def test_lost_retries_come_with_an_honest_way_out(translated, phase, hint):
    """The alternatives are named, and the undocumented one is called so."""
    reason = translated({f"{phase}_webhook_retry_count": 3}).outcome(f"{phase}_webhook_retry_count").reason
    assert hint in reason
    assert "not documented for Conversations" in reason
