"""Every tool's way of saving Chat is understood, and what it cannot hold is named."""

from __future__ import annotations

import json

import pytest
from shapes import SAMPLES, TRUTH, V2_ALONE, lines, role, service_v2
from taking import OneByte, take
from twilio_cli import cli

from mappings import FIELDS
from migrate.source.saved import SavedFiles, documents, merge

PATHS = {
    "service": [
        "friendly_name",
        "default_service_role_sid",
        "default_channel_role_sid",
        "default_channel_creator_role_sid",
        "read_status_enabled",
        "reachability_enabled",
        "typing_indicator_timeout",
        "consumption_report_interval",
        "limits.channel_members",
        "limits.user_channels",
        "pre_webhook_url",
        "post_webhook_url",
        "webhook_method",
        "webhook_filters",
        "pre_webhook_retry_count",
        "post_webhook_retry_count",
        "notifications.log_enabled",
        "notifications.new_message.enabled",
        "notifications.new_message.template",
        "notifications.new_message.sound",
        "notifications.new_message.badge_count_enabled",
        "notifications.added_to_channel.enabled",
        "notifications.added_to_channel.template",
        "notifications.added_to_channel.sound",
        "notifications.removed_from_channel.enabled",
        "notifications.removed_from_channel.template",
        "notifications.removed_from_channel.sound",
        "notifications.invited_to_channel.enabled",
        "notifications.invited_to_channel.template",
        "notifications.invited_to_channel.sound",
        "media.size_limit_mb",
        "media.compatibility_message",
        "webhooks",
    ],
    "role": ["friendly_name", "type", "permissions", "service_sid"],
    "channel": [
        *("friendly_name", "unique_name", "attributes", "type", "created_by", "members_count"),
        *("messages_count", "service_sid"),
    ],
}


def at(payload, path):
    """The value at a dotted path, empty things as None; JSON in a string by its meaning."""
    for name in path.split("."):
        payload = payload.get(name) if isinstance(payload, dict) else None
    if path == "attributes" and payload:
        return json.loads(payload)
    return None if payload in (None, "", [], {}) else payload


@pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES)
def test_every_shape_holds_what_its_tool_saves(sample):
    """Each resource arrives with the account's values; exactly the fields that the shape lacks are named."""
    taken = take(sample.content)
    assert [item.key for item in taken.items] == sample.keys
    for item in taken.items:
        assert item.not_held == sample.not_held.get((item.kind, item.api), set()), item.key
        truth = TRUTH[item.key]
        for path in PATHS[item.kind]:
            expected = None if path in item.not_held else at(truth, path)
            assert at(item.payload, path) == expected, (item.key, path)
        assert item.service_sid == truth.get("service_sid", truth["sid"])
        assert item.account_sid in (truth["account_sid"], None)
        assert item.origin.shape == sample.shape
    [file] = taken.files.files
    assert file.shapes == (sample.shape,)


@pytest.mark.parametrize("name", ["Terraform twilio/twilio", "terraform show", "twilio package 6", "Singer"])
def test_account_sids_are_told_where_the_file_has_them(name):
    """Only the flat attributes of Terraform say nothing of the account."""
    accounts = {item.account_sid is None for item in take(SAMPLES[name].content).items}
    assert accounts == {name.lower().startswith("terraform")}


@pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES)
def test_it_does_not_matter_how_a_file_arrives(sample, monkeypatch):
    """A pipe that gives single bytes, every document read member by member, yields the same items."""
    whole = take(sample.content).items
    monkeypatch.setattr(documents, "SMALL", 1)
    assert list(SavedFiles(["-"], stdin=OneByte(sample.content))) == whole


def test_the_examined_fields_are_those_of_the_mapping():
    """No field that the mapping decides upon is missing in the list of those that a file may lack."""
    decided = {
        field.source for field in FIELDS if not field.source.startswith(("roles.", "webhooks.", "links."))
    }
    silent = {"sid", "account_sid", "date_created", "date_updated", "url", "limits.actions_per_second"}
    assert decided - silent == set(PATHS["service"]) - {"webhooks"}


# -- versions ---------------------------------------------------------------------------------------------------

BARE = service_v2("IS" + "7" * 32)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"url": "https://chat.twilio.com/v1/Services/IS"}, "v1"),
        ({"url": "https://chat.twilio.com/v2/Services/IS", "webhooks": {}}, "v2"),
        ({"media": {}}, "v2"),
        ({"pre_webhook_retry_count": 0, "webhooks": {}}, "v2"),
        ({"post_webhook_retry_count": 0}, "v2"),
        ({"webhooks": {}}, "v1"),
        ({"date_created": "Wed, 01 Jan 2020 00:00:00 +0000"}, "v1"),
        ({"date_created": "2020-01-01T00:00:00Z"}, "v2"),
        ({"date_created": "1 Jan 2020 01:01:01 +99999999999999999999999"}, "v2"),
    ],
)
def test_the_version_is_told_by_url_then_keys_then_dates(changes, expected):
    """A resource's version is what its URL says, else what only that version holds."""
    bare = {"sid": BARE["sid"], "webhook_method": "GET"}
    [item] = take(json.dumps({**bare, **changes}).encode()).items
    assert item.api == expected


# -- what a file lacks ------------------------------------------------------------------------------------------


def test_a_field_that_was_left_out_is_not_empty():
    """A Service reduced to two fields holds these; everything else was not examined."""
    [item] = take(json.dumps({"sid": BARE["sid"], "webhook_method": "GET", "limits": {}}).encode()).items
    assert set(PATHS["service"]) - item.not_held == {
        "webhook_method",
        "limits.channel_members",
        "limits.user_channels",
    }


def test_an_object_without_a_member_is_empty_there_in_the_api_only():
    """What the API leaves out is empty; what Airbyte leaves out was not examined."""
    partly = {**BARE, "notifications": {"new_message": {"enabled": True}}}
    [of_api] = take(json.dumps(partly).encode()).items
    [of_airbyte] = take(json.dumps({"_airbyte_data": partly}).encode()).items
    path = "notifications.added_to_channel.enabled"
    assert (path in of_api.not_held, path in of_airbyte.not_held) == (False, True)
    assert "notifications.new_message.enabled" not in of_airbyte.not_held


def test_a_misspelt_event_makes_all_webhooks_doubtful():
    """An unknown event may be any of those that Chat has, so that per-event webhooks count as not examined."""
    hooks = {"onMessageSend": {"url": "https://example.com", "method": "POST"}}
    [item] = take(
        json.dumps({**SAMPLES["page of v1"].documents[0]["services"][0], "webhooks": hooks}).encode()
    ).items
    assert "webhooks" in item.not_held


def test_a_version_that_nothing_tells_hides_what_one_of_them_hides():
    """A Service without URL and telltale keys may be v1's: what only v2 shows counts where it stands."""
    notifications = {"new_message": {"enabled": True}, "added_to_channel": {"sound": "ding"}}
    [item] = take(json.dumps({"sid": BARE["sid"], "notifications": notifications}).encode()).items
    assert item.api == "v2"
    assert "notifications.new_message.sound" in item.not_held
    assert not {"notifications.added_to_channel.sound", "notifications.new_message.template"} & item.not_held


def test_a_misspelt_member_makes_its_object_doubtful():
    """Where an object holds an unknown key, the fields that it lacks count as not examined."""
    limits = {"channelMembers": 5, "user_channels": 6}
    taken = take(json.dumps({**BARE, "limits": limits}).encode())
    assert "limits.channel_members" in taken.items[0].not_held
    assert "limits.user_channels" not in taken.items[0].not_held
    assert "'limits.channelMembers'" in taken.files.warnings[0]


@pytest.mark.parametrize(
    ("resource", "stranger", "field"),
    [
        (
            {**{k: v for k, v in BARE.items() if k != "webhook_method"}, "webhookMethod": "GET"},
            "webhookMethod",
            None,
        ),
        ({**cli(BARE), "webhook_method": "GET", "webhookMethod": None}, "webhook_method", None),
        ({**BARE, "future_setting": 5}, "future_setting", "GET"),
    ],
    ids=["camelCase in an API object", "snake_case in twilio-cli's", "a new field"],
)
def test_an_unknown_key_is_told_and_never_guessed(resource, stranger, field):
    """A key that is not the API's, or not where twilio-cli writes it so, is named once and gives no value."""
    taken = take(lines([resource, resource]).encode())
    assert taken.items[0].payload.get("webhook_method") == field
    [warning] = taken.files.warnings
    assert warning.count(f"'{stranger}'") == 1
    assert warning.endswith(".")


def test_what_twilio_itself_adds_stays_in_the_resource():
    """A field of the API's that is newer than this program is kept, as in a live export."""
    [item] = take(json.dumps({**BARE, "future_setting": 5}).encode()).items
    assert item.payload["future_setting"] == 5


def test_attributes_that_the_tap_could_not_parse_were_not_examined():
    """The Singer tap's own form for broken attributes is not taken for attributes."""
    broken = {**TRUTH["channel", "v2", "CH" + "0" * 31 + "1"], "attributes": {"invalid_json": "{x"}}
    message = {"type": "RECORD", "stream": "chat_channels", "record": broken}
    [item] = take(json.dumps(message).encode()).items
    assert "attributes" in item.not_held
    assert "attributes" not in item.payload


@pytest.mark.parametrize(("count", "is_told"), [(49, False), (50, True), (51, False)], ids=["49", "50", "51"])
@pytest.mark.parametrize("layout", ["array", "lines"])
def test_exactly_fifty_of_twilio_cli_are_suspicious(count, is_told, layout):
    """twilio-cli stops at 50 unless told otherwise: a list of just that length is pointed out."""
    many = [cli(service_v2(f"IS{number:032x}")) for number in range(count)]
    text = json.dumps(many) if layout == "array" else lines(many)
    warnings = take(text.encode()).files.warnings
    assert any("--no-limit" in warning for warning in warnings) == is_told


def test_lists_of_twilio_cli_are_counted_one_by_one():
    """Of several lists in one file, one of 50 is pointed out, whatever the others hold."""
    many = [cli(role(f"RL{number:032x}", "r", "channel", [])) for number in range(50)]
    text = json.dumps(many) + json.dumps(many[:7])
    [warning] = take(text.encode()).files.warnings
    assert "a list of exactly 50 roles of twilio-cli, which may be cut off" in warning


def test_what_no_file_holds_is_told():
    """A v2 Service alone leaves v1, roles and channels unexamined; everything together leaves nothing."""
    assert list(take(SAMPLES["page of v2"].content).files.not_examined) == ["v1", "roles", "channels"]
    assert list(take(SAMPLES["page of v1"].content).files.not_examined) == ["v2", "roles", "channels"]
    assert take(SAMPLES["JSON lines"].content).files.not_examined == {}


def test_other_streams_are_named():
    """Records of streams that are not Chat's settings are left out, and told."""
    [warning] = take(SAMPLES["Singer"].content).files.warnings
    assert "the stream 'messages'" in warning


# -- merging ----------------------------------------------------------------------------------------------------


def merged(earlier, later):
    """Merge the first items of two contents that are of one resource."""
    [first, *_], [second, *_] = take(earlier).items, take(later).items
    return merge(first, second)


def test_two_files_complete_each_other():
    """A name from Terraform and a limit from Singer make one Service, each field with its origin."""
    item, disagreements = merged(SAMPLES["Terraform twilio/twilio"].content, singer_of({}))
    assert disagreements == ()
    assert item.not_held == {"webhooks"}
    assert (item.payload["friendly_name"], item.payload["limits"]["user_channels"]) == ("Café 🛒", 260)
    assert item.origin_of("friendly_name").shape == "Terraform, provider twilio/twilio"
    assert item.origin_of("limits.user_channels").shape == "Singer"
    assert item.account_sid == "AC0123456789abcdef0123456789abcdef"


def singer_of(changes):
    """The first Service as the Singer tap saves it, changed."""
    message = json.loads(SAMPLES["Singer"].content.splitlines()[1])
    message["record"].update(changes)
    return json.dumps(message).encode()


def test_the_later_file_counts_and_both_values_are_told():
    """Where two files differ, the later value stands, and the disagreement names field, values and places."""
    item, [found] = merged(SAMPLES["one object"].content, singer_of({"reachability_enabled": False}))
    assert item.payload["reachability_enabled"] is False
    assert (found.path, found.earlier, found.later) == ("reachability_enabled", True, False)
    assert (found.earlier_origin.shape, found.later_origin.shape) == ("Chat API", "Singer")


def test_what_a_later_file_shows_empty_is_empty():
    """An empty object of the API's empties what an earlier file held, and says so field by field."""
    emptied = json.dumps({**service_v2("IS" + "0" * 31 + "1"), "limits": {}}).encode()
    item, found = merged(SAMPLES["one object"].content, emptied)
    assert item.payload["limits"] == {}
    assert [(each.path, each.earlier, each.later) for each in found] == [
        ("limits.channel_members", 150, None),
        ("limits.user_channels", 260, None),
    ]


SAME = service_v2(
    "IS" + "0" * 31 + "1", webhook_filters=["onChannelAdded", "onMessageSent"], date_updated="x"
)
NO_DIFFERENCE = {
    "order of filters": (SERVICE := SAMPLES["one object"].content, json.dumps(SAME).encode()),
    "text or null": (singer_of({"post_webhook_url": None}), singer_of({"post_webhook_url": ""})),
    "another tool": (SAMPLES["page of v2"].content, SAMPLES["twilio-cli v2"].content),
    "parsed attributes": (
        SAMPLES["page of channels"].content,
        b"".join(SAMPLES["Singer"].content.splitlines()[6:7]),
    ),
}


@pytest.mark.parametrize(("earlier", "later"), NO_DIFFERENCE.values(), ids=NO_DIFFERENCE)
def test_a_difference_that_is_none_is_not_told(earlier, later):
    """Order, null for "" and another tool's form of the same value are no disagreement."""
    assert merged(earlier, later)[1] == ()


def test_only_one_resource_can_be_merged_with_itself():
    """Two resources are never mixed."""
    first, second = take(SAMPLES["page of v2"].content).items
    with pytest.raises(ValueError, match="two resources"):
        merge(first, second)


def test_v1_stays_beside_v2():
    """The two views of a Service are two items, each lacking what the other shows."""
    items = {item.key: item for item in take(SAMPLES["array"].content).items}
    shop = "IS" + "0" * 31 + "1"
    assert items["service", "v1", shop].not_held & items["service", "v2", shop].not_held == set()
    assert items["service", "v1", shop].not_held == V2_ALONE


def test_a_missing_object_is_no_empty_one_outside_the_api():
    """Null where Airbyte should hold an object leaves its members unexamined."""
    partly = {**BARE, "notifications": {"new_message": None, "log_enabled": None}}
    [item] = take(json.dumps({"_airbyte_data": partly}).encode()).items
    assert "notifications.new_message.enabled" in item.not_held
    assert "notifications.log_enabled" not in item.not_held


@pytest.mark.parametrize(
    "beside",
    [{}, {"emitted_at": 17}, {"stream": "services"}, {"_airbyte_ab_id": "a"}],
    ids=["alone", "at", "of", "id"],
)
def test_airbyte_may_call_a_record_data(beside):
    """A record under `data` is Airbyte's, whatever stands beside it."""
    [item] = take(json.dumps({"data": BARE, **beside}).encode()).items
    assert (item.sid, item.origin.shape) == (BARE["sid"], "Airbyte")


def test_what_neither_file_holds_comes_from_nowhere():
    """A field that both files lack is not said to come from the earlier one."""
    item, _ = merged(SAMPLES["page of v2"].content, SAMPLES["twilio-cli v2"].content)
    assert item.not_held == {"webhooks"}
    assert dict(item.inherited) == {}


def test_the_account_is_known_if_one_file_names_it():
    """A later Terraform state, which names no account, does not make one forget it."""
    item, _ = merged(SAMPLES["Singer"].content, SAMPLES["Terraform twilio/twilio"].content)
    assert item.account_sid == "AC0123456789abcdef0123456789abcdef"


def test_counts_that_grow_are_no_disagreement():
    """Two files of one channel, saved at different times, count its messages differently: nothing to tell."""
    [first, _] = SAMPLES["page of channels"].documents[0]["channels"]
    later = {**first, "messages_count": 346, "date_updated": "2024-01-01T00:00:00Z"}
    item, disagreements = merged(json.dumps(first).encode(), json.dumps(later).encode())
    assert disagreements == ()
    assert item.payload["messages_count"] == 346
