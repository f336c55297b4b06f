"""Push notifications and the variables of their templates."""

from __future__ import annotations

import pytest

from mappings import Resource

KEPT = [
    ("log_enabled", "log_enabled", "exact", True),
    ("new_message.enabled", "new_message.enabled", "exact", True),
    ("new_message.sound", "new_message.sound", "exact", "ping"),
    ("new_message.badge_count_enabled", "new_message.badge_count_enabled", "exact", False),
    ("new_message.template", "new_message.template", "exact", "${MESSAGE}"),
    ("added_to_channel.enabled", "added_to_conversation.enabled", "renamed", True),
    ("added_to_channel.template", "added_to_conversation.template", "renamed", "Welcome"),
    ("added_to_channel.sound", "added_to_conversation.sound", "renamed", "ping"),
    ("removed_from_channel.enabled", "removed_from_conversation.enabled", "renamed", False),
    ("removed_from_channel.template", "removed_from_conversation.template", "renamed", "Bye"),
    ("removed_from_channel.sound", "removed_from_conversation.sound", "renamed", ""),
]


@pytest.mark.parametrize(("source", "target", "verdict", "value"), KEPT)
def test_a_notification_setting_keeps_its_value(translated, source, target, verdict, value):
    """The value goes over unchanged, under Conversations' name where that differs."""
    result = translated({f"notifications.{source}": value})
    assert result.verdict(f"notifications.{source}") == verdict
    assert result.settings(Resource.NOTIFICATIONS) == {target: value}


@pytest.mark.parametrize(("part", "default"), [("enabled", False), ("template", ""), ("sound", "")])
def test_null_is_the_default(translated, part, default):
    """Chat's null is set as the default that it stands for."""
    settings = translated({f"notifications.new_message.{part}": None}).settings(Resource.NOTIFICATIONS)
    assert settings == {f"new_message.{part}": default}


TEMPLATES = [
    ("${USER}", "${PARTICIPANT}", "converted"),
    ("${USER_FRIENDLY_NAME}", "${PARTICIPANT_FRIENDLY_NAME}", "converted"),
    ("${USER_IDENTITY}", "${PARTICIPANT_IDENTITY}", "lossy"),
    ("${USER_SID}", "${PARTICIPANT_SID}", "lossy"),
    ("${CHANNEL}", "${CONVERSATION}", "converted"),
    ("${CHANNEL_FRIENDLY_NAME}", "${CONVERSATION_FRIENDLY_NAME}", "converted"),
    ("${CHANNEL_SID}", "${CONVERSATION_SID}", "converted"),
    ("${CHANNEL_UNIQUE_NAME}", "${CONVERSATION_UNIQUE_NAME}", "converted"),
    ("${MEMBER}", "${PARTICIPANT}", "converted"),
    ("${MEMBER_FRIENDLY_NAME}", "${PARTICIPANT_FRIENDLY_NAME}", "converted"),
    ("${MEMBER_IDENTITY}", "${PARTICIPANT_IDENTITY}", "converted"),
    ("${MEMBER_SID}", "${PARTICIPANT_SID}", "converted"),
    ("${PARTICIPANT_IDENTITY} ${PARTICIPANT_SID}", "${PARTICIPANT_IDENTITY} ${PARTICIPANT_SID}", "exact"),
    ("${CHANNEL}:${USER}: ${MESSAGE}", "${CONVERSATION}:${PARTICIPANT}: ${MESSAGE}", "converted"),
    ("${CONVERSATION}: ${MEDIA_COUNT} ${MEDIA}", "${CONVERSATION}: ${MEDIA_COUNT} ${MEDIA}", "exact"),
    ("$USER {USER} ${USER", "$USER {USER} ${USER", "exact"),
    ("${user} ${CHANNEL}", "${user} ${CONVERSATION}", "lossy"),
    ("${}", "${}", "exact"),
    ("${USER_COLOUR}", "${USER_COLOUR}", "lossy"),
]


@pytest.mark.parametrize(("chat", "conversations", "verdict"), TEMPLATES)
def test_template_variables_get_their_new_names(translated, chat, conversations, verdict):
    """Documented variables are renamed, unknown ones are kept and reported, the rest is left alone."""
    result = translated({"notifications.new_message.template": chat})
    assert result.settings(Resource.NOTIFICATIONS) == {"new_message.template": conversations}
    assert result.verdict("notifications.new_message.template") == verdict


def test_an_unknown_variable_is_named(translated):
    """The reason names the variable whose rendering nobody can promise."""
    outcome = translated({"notifications.new_message.template": "${USER_COLOUR}"}).outcome(
        "notifications.new_message.template"
    )
    assert "${USER_COLOUR}" in outcome.reason


def test_a_guess_is_called_a_guess(translated):
    """${MEMBER} is nowhere documented, and the reason says so."""
    outcome = translated({"notifications.new_message.template": "${MEMBER}"}).outcome(
        "notifications.new_message.template"
    )
    assert "guess" in outcome.reason


CHANGED_MEANING = {"${USER_SID}": "user_sid_variable", "${USER_IDENTITY}": "user_identity_variable"}


@pytest.mark.parametrize(("variable", "reason"), CHANGED_MEANING.items())
def test_a_variable_that_shows_something_else_is_told(translated, variable, reason):
    """The participant's SID is not the user's, and the identity gives way to a friendly name."""
    source = "notifications.new_message.template"
    told = translated({source: variable}).outcome(source).reasons
    assert [each.id for each in told] == [reason, "variables_renamed"]
    assert variable in told[0].cause


@pytest.mark.parametrize(
    ("template", "warned"), [("${USER}" + "x" * 170, True), ("${USER}", False), ("x" * 400, False)]
)
def test_a_template_that_grew_beyond_the_limit_is_told(translated, template, warned):
    """Only a definition that grew, and is longer than a rendered text may be, is worth a word."""
    outcome = translated({"notifications.new_message.template": template}).outcome(
        "notifications.new_message.template"
    )
    assert ("grew" in outcome.reason) is warned


INVITED = [
    (True, "You are invited", "ping", ("dropped", "dropped", "dropped")),
    (True, "", None, ("dropped", "not_needed", "not_needed")),
    (False, "You are invited", "ping", ("not_needed", "not_needed", "not_needed")),
    (None, "You are invited", "ping", ("not_needed", "not_needed", "not_needed")),
]


@pytest.mark.parametrize(("enabled", "template", "sound", "verdicts"), INVITED)
def test_invitations_are_lost_only_if_they_were_notified(translated, enabled, template, sound, verdicts):
    """Conversations has no invitations: a text that nobody ever got is no loss."""
    path = "notifications.invited_to_channel"
    result = translated({f"{path}.enabled": enabled, f"{path}.template": template, f"{path}.sound": sound})
    assert tuple(result.verdict(f"{path}.{part}") for part in ("enabled", "template", "sound")) == verdicts
    assert result.settings(Resource.NOTIFICATIONS) == {}
