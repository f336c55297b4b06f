"""Identity, presence, limits and media: one value, one verdict."""

from __future__ import annotations

import pytest

from mappings import Resource

# source, value, verdict in place, verdict in a new service
PLAIN = [
    ("sid", "IS1", "exact", "converted"),
    ("sid", None, "not_needed", "not_needed"),
    ("account_sid", "AC1", "exact", "converted"),
    ("account_sid", None, "not_needed", "not_needed"),
    ("friendly_name", "Support", "exact", "exact"),
    ("friendly_name", "x" * 256, "exact", "exact"),
    ("friendly_name", "x" * 257, "exact", "lossy"),
    ("friendly_name", None, "exact", "converted"),
    ("date_created", "2020-01-01T00:00:00Z", "not_needed", "not_needed"),
    ("date_updated", None, "not_needed", "not_needed"),
    ("url", "https://chat.example/", "not_needed", "not_needed"),
    ("links.channels", "https://chat.example/", "not_needed", "not_needed"),
    ("links.something_new", "https://chat.example/", "not_needed", "not_needed"),
    ("reachability_enabled", True, "exact", "exact"),
    ("reachability_enabled", None, "exact", "exact"),
    ("read_status_enabled", True, "not_needed", "not_needed"),
    ("read_status_enabled", None, "not_needed", "not_needed"),
    ("read_status_enabled", False, "dropped", "dropped"),
    ("typing_indicator_timeout", 0, "not_needed", "not_needed"),
    ("typing_indicator_timeout", None, "not_needed", "not_needed"),
    ("typing_indicator_timeout", 5, "not_needed", "not_needed"),
    ("typing_indicator_timeout", 7, "carried", "manual"),
    ("consumption_report_interval", 0, "not_needed", "not_needed"),
    ("consumption_report_interval", 10, "not_needed", "not_needed"),
    ("consumption_report_interval", 60, "not_needed", "not_needed"),
    ("limits.channel_members", None, "not_needed", "not_needed"),
    ("limits.channel_members", 100, "not_needed", "not_needed"),
    ("limits.channel_members", 250, "carried", "manual"),
    ("limits.user_channels", 250, "not_needed", "not_needed"),
    ("limits.user_channels", 100, "carried", "manual"),
    ("limits.actions_per_second", 30, "not_needed", "not_needed"),
    ("limits.actions_per_second", 60, "carried", "dropped"),
    ("media.size_limit_mb", 150, "not_needed", "not_needed"),
    ("media.size_limit_mb", 20, "dropped", "dropped"),
    ("media.compatibility_message", "", "not_needed", "not_needed"),
    (
        "media.compatibility_message",
        "Media messages are not supported by your client",
        "not_needed",
        "not_needed",
    ),
    ("media.compatibility_message", "Media messages are not supported.", "not_needed", "not_needed"),
    ("media.compatibility_message", "No media here", "dropped", "dropped"),
    ("pre_webhook_retry_count", 0, "not_needed", "not_needed"),
    ("pre_webhook_retry_count", -1, "not_needed", "not_needed"),
    ("pre_webhook_retry_count", 1, "dropped", "dropped"),
    ("post_webhook_retry_count", 2, "dropped", "dropped"),
    ("limits", None, "not_needed", "not_needed"),
    ("webhooks", {}, "not_needed", "not_needed"),
]


@pytest.mark.parametrize(("source", "value", "in_place", "elsewhere"), PLAIN)
def test_a_plain_field_has_the_verdict_of_its_target(translated, source, value, in_place, elsewhere):
    """A field's verdict depends on its value and on whether the shared Service goes on enforcing it."""
    verdicts = [translated({source: value}, same=same).verdict(source) for same in (True, False)]
    assert verdicts == [in_place, elsewhere]


@pytest.mark.parametrize(
    ("source", "value"), [("typing_indicator_timeout", 77), ("limits.channel_members", 777)]
)
def test_a_value_that_only_a_person_can_set_is_in_the_reason(translated, source, value):
    """Whoever must set a limit by hand reads the number in the report."""
    assert str(value) in translated({source: value}, same=False).outcome(source).reason


@pytest.mark.parametrize(
    ("name", "given"), [("Support", "Support"), ("x" * 300, "x" * 256), (None, "IS1"), ("", "IS1")]
)
def test_a_new_service_gets_a_name_that_twilio_takes(translated, name, given):
    """The name for the create call is there, is not empty, and has at most 256 characters."""
    assert translated({"friendly_name": name}, same=False).settings(Resource.SERVICE) == {
        "friendly_name": given
    }


def test_in_place_the_service_itself_is_never_set(translated):
    """The Conversation Service with the same SID is the same object: neither SID nor name is a write."""
    assert translated({"sid": "IS1", "friendly_name": "x"}).settings(Resource.SERVICE) == {}


def test_reachability_is_a_setting_of_the_configuration(translated):
    """Chat's null means the default, false, and is set as such."""
    for value, setting in ((True, True), (False, False), (None, False)):
        settings = translated({"reachability_enabled": value}).settings(Resource.CONFIGURATION)
        assert settings == {"reachability_enabled": setting}


def test_a_deprecated_interval_is_told_without_anybody_elses_number(translated):
    """60 seconds are never explained with the 10 seconds of another service."""
    reason = translated({"consumption_report_interval": 60}).outcome("consumption_report_interval").reason
    assert reason == "Twilio has deprecated this setting and it has no effect, so nothing is lost."


@pytest.mark.parametrize(("count", "told"), [(1, "1 retry is lost"), (2, "2 retries are lost")])
def test_counts_are_told_in_the_right_number(translated, count, told):
    """The number of retries is told in the singular where there is one."""
    for phase in ("pre", "post"):
        source = f"{phase}_webhook_retry_count"
        assert told in translated({source: count}).outcome(source).reason
