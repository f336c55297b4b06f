"""Two views of one service, unknown fields, wrong types, and what counts as the same value."""

from __future__ import annotations

import json

import pytest

from mappings import FIELDS, Api, ChatService, Resource, same, translate


def test_each_leaf_tells_which_views_hold_it(translated):
    """A leaf of one view is marked with that view, and a shared one with both."""
    result = translated({"sid": "IS1", "media.size_limit_mb": 150}, {"sid": "IS1", "webhooks": None})
    apis = {outcome.source: outcome.api for outcome in result.translation.outcomes}
    assert apis == {"media.size_limit_mb": Api.V2, "sid": Api.BOTH, "webhooks": Api.V1}


def test_v2_counts_where_the_views_disagree(translated):
    """The younger API's value is taken, and the reason ends with the older one's."""
    result = translated({"reachability_enabled": True}, {"reachability_enabled": False})
    assert result.settings(Resource.CONFIGURATION) == {"reachability_enabled": True}
    assert result.outcome("reachability_enabled").reason.endswith("The v1 API shows false instead.")


@pytest.mark.parametrize(
    ("source", "old", "new"),
    [
        ("date_created", "Mon, 03 Jan 2022 10:00:00 +0000", "2022-01-03T10:00:00Z"),
        ("url", "https://chat.example/v1", "https://chat.example/v2"),
        ("links.roles", "https://chat.example/v1", "https://chat.example/v2"),
        ("webhook_filters", ["onMessageSent", "onUserAdded"], ["onUserAdded", "onMessageSent"]),
        ("webhook_method", "post", "POST"),
        ("post_webhook_url", "", None),
        ("unknown", [1, [2]], [1, [2]]),
    ],
)
def test_a_mere_difference_in_writing_is_no_disagreement(translated, source, old, new):
    """Dates, addresses, order, case and ways to say nothing do not raise a false alarm."""
    assert "v1 API" not in translated({source: new}, {source: old}).outcome(source).reason


@pytest.mark.parametrize("nothing", [None, "", [], {}, False])
def test_an_unknown_field_that_holds_nothing_needs_nobody(translated, nothing):
    """A new empty field of Twilio's makes no work."""
    assert translated({"brand_new": nothing}).verdict("brand_new") == "not_needed"


@pytest.mark.parametrize("value", [True, 0, 5, 1.5, "x", ["x"]])
def test_an_unknown_field_that_holds_something_needs_a_person(translated, value):
    """What no mapping knows is never dropped in silence."""
    outcome = translated({"limits.brand_new": value}).outcome("limits.brand_new")
    assert outcome.verdict.value == "manual"
    assert "does not know" in outcome.reason


def test_dots_in_keys_cannot_pass_for_nesting(translated):
    """A key with a dot is a leaf of its own, not the known field of that path."""
    service = ChatService("IS1", {}, {"limits.user_channels": 1, "limits": {"user_channels": 2}})
    outcomes = translate(service, same_service=True).outcomes
    assert [(each.source, each.value) for each in outcomes] == [
        ("limits.user_channels", 2),
        ("limits\\.user_channels", 1),
    ]


LEAF_SOURCES = [field.source for field in FIELDS if "<" not in field.source and "*" not in field.source]


@pytest.mark.parametrize("source", LEAF_SOURCES)
def test_a_value_of_the_wrong_type_is_left_to_a_person(translated, source):
    """No field is written from a JSON type that it cannot have, and the reason says what was found."""
    result = translated({source: [[5]]})
    outcome = result.outcome(source)
    assert outcome.verdict.value == "manual"
    assert "Expected" in outcome.reason
    assert "found a list" in outcome.reason
    assert result.translation.settings == {}


@pytest.mark.parametrize("source", ["limits", "media", "webhooks", "notifications.new_message", "links"])
def test_a_value_in_the_place_of_an_object_is_left_to_a_person(translated, source):
    """A known object that is none is told as such."""
    assert translated({source: 5}).outcome(source).reason.startswith("Expected an object, found a number: 5.")


@pytest.mark.parametrize(("length", "told"), [(298, '"' + "x" * 298 + '"'), (299, '"' + "x" * 299 + "…")])
def test_a_long_value_is_cut_in_a_sentence(translated, length, told):
    """A reason quotes at most 300 characters of what was found."""
    reason = translated({"reachability_enabled": "x" * length}).outcome("reachability_enabled").reason
    assert f"found a string: {told}. Nothing is written." in reason


def test_booleans_are_no_numbers(translated):
    """JSON's true does not pass for 1, nor 1 for true."""
    assert translated({"limits.user_channels": True}).verdict("limits.user_channels") == "manual"
    assert translated({"reachability_enabled": 1}).verdict("reachability_enabled") == "manual"


def test_deep_nesting_is_no_recursion(translated):
    """A view may nest deeper than Python calls, in objects, lists and in both views."""
    deep_object: object = "x"
    deep_list: object = ["x"]
    for _ in range(5_000):
        deep_object, deep_list = {"a": deep_object}, [deep_list]
    view = {"unknown": deep_object, "webhook_filters": deep_list, "other": deep_list}
    service = ChatService("IS1", view, view, ({"sid": "RL1", "permissions": deep_list},))
    assert len(translate(service, same_service=False).outcomes) == 4


EQUAL = [
    (Resource.WEBHOOKS, "filters", None, []),
    (Resource.WEBHOOKS, "filters", [""], []),
    (Resource.WEBHOOKS, "filters", ["a", "b", "a"], ["b", "a"]),
    (Resource.WEBHOOKS, "method", "post", "POST"),
    (Resource.WEBHOOKS, "pre_webhook_url", None, ""),
    (Resource.ROLES, "permissions", ["a", "b"], ["b", "a"]),
    (Resource.CONFIGURATION, "reachability_enabled", None, False),
    (Resource.NOTIFICATIONS, "new_message.with_media.enabled", None, False),
    (Resource.NOTIFICATIONS, "new_message.template", {}, ""),
    (Resource.SERVICE, "friendly_name", "a", "a"),
]
DIFFERENT = [
    (Resource.WEBHOOKS, "filters", ["onMessageSent"], ["onMessageAdded"]),
    (Resource.WEBHOOKS, "filters", ["a"], []),
    (Resource.WEBHOOKS, "method", None, "POST"),
    (Resource.WEBHOOKS, "pre_webhook_url", "https://a", "https://A"),
    (Resource.CONFIGURATION, "reachability_enabled", None, True),
    (Resource.CONFIGURATION, "reachability_enabled", 1, True),
    (Resource.NOTIFICATIONS, "new_message.template", None, False),
    (Resource.NOTIFICATIONS, "new_message.template", "a ", "a"),
    (Resource.WEBHOOKS, "filters", [["a"]], [["b"]]),
]


@pytest.mark.parametrize(("resource", "path", "a", "b"), EQUAL)
def test_values_that_mean_the_same_are_no_change(resource, path, a, b):
    """No write is made for another way to say the same, whichever side says it."""
    assert same(resource, path, a, b)
    assert same(resource, path, b, a)


@pytest.mark.parametrize(("resource", "path", "a", "b"), DIFFERENT)
def test_values_that_differ_are_a_change(resource, path, a, b):
    """A real difference is never taken for the same, Chat's names in a live value included."""
    assert not same(resource, path, a, b)
    assert not same(resource, path, b, a)


def test_a_translation_is_sorted_and_stable(translated):
    """The order of keys in a file does not change a report."""
    view = {"url": "u", "sid": "IS1", "limits": {"user_channels": 1, "channel_members": 2}}
    turned = json.loads(json.dumps(dict(reversed(view.items()))))
    one, other = (translate(ChatService("IS1", {}, each), same_service=True) for each in (view, turned))
    assert one.outcomes == other.outcomes
    assert [each.source for each in one.outcomes] == sorted(each.source for each in one.outcomes)
