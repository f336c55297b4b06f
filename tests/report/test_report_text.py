"""The text report says first what matters, never too much, and nothing that fools a terminal."""

from __future__ import annotations

import io
import re
from dataclasses import replace

import pytest
import samples

from migrate.report import render


def rendered(report, **options):
    """The text of a report."""
    stream = io.StringIO()
    render(report, "text", stream, **options)
    return stream.getvalue()


def test_what_needs_a_person_comes_before_what_changes_and_what_is_equal():
    """Manual, dropped, lossy, changes, equal, summary: in this order."""
    text = rendered(samples.small())
    marks = [
        "examined",
        "MANUAL",
        "DROPPED",
        "LOSSY",
        "What changes",
        "Nothing to do for",
        "4 services examined",
    ]
    places = [text.index(mark) for mark in marks]
    assert places == sorted(places)


def test_failures_of_a_run_come_first_with_what_twilio_said():
    """Code, status, request id and advice stand at the head, once for services that failed alike."""
    text = rendered(samples.report(kind="run", make=samples.ran))
    head = text[: text.index("Needs a person")]
    assert head.count("Twilio 50058, HTTP 400") == 1
    assert "Do: Shorten the template" in head
    assert "RQ" + "5" * 32 in head
    assert "RQ" + "6" * 32 in head


def test_nothing_to_do_says_what_was_looked_at():
    """An idle diff and an empty one cannot be mistaken for one another."""
    quiet = samples.report(3, make=lambda number: samples.service(number, "quiet"))
    assert "Nothing to do: 3 services examined, 0 changes" in rendered(quiet)
    assert "Nothing was examined" in rendered(samples.report(0))


def test_per_event_webhooks_are_told_as_one_table():
    """Phase, event, method and URL of each route stand in one line, masked, and no field is listed besides."""
    text = rendered(samples.small())
    (line,) = (line for line in text.splitlines() if "legacy.example.com/channel_destroyed" in line)
    assert line.split() == [
        "post", "onConversationRemoved", "POST", "https://legacy.example.com/channel_destroyed?key=***",
    ]  # fmt: skip
    assert "webhooks.on_channel_destroyed" not in text
    assert "webhooks.on_*: 32 fields, as one routing table" in text


def test_handlers_are_told_what_they_will_see():
    """Each service with webhooks is named with method, URLs and events; others are not; parameters follow once."""
    text = rendered(samples.small())
    section = text[text.index("Webhook handlers must change: 2 services") : text.index("What changes")]
    assert "onChannelDestroyed → onConversationRemoved" in " ".join(section.split())
    assert "post POST https://hooks.example.com/13/post?token=***#rc=2" in section
    assert "Driver ↔ rider" not in section
    assert section.count("ChannelSid → ConversationSid") == 1
    assert "inferred" in section
    assert "handlers" not in rendered(samples.small("verify"))


def test_services_with_the_same_events_are_told_together():
    """Three hundred services with the same filters do not print them three hundred times."""
    text = rendered(samples.report(300, make=lambda number: samples.service(number, "x", {"hooks"})))
    assert text.count("onMemberAdded →") == 1
    assert "Webhook handlers must change: 300 services" in text
    assert "… and 295 more services" in text


def test_what_became_of_what_is_told_where_it_is_known():
    """Services and roles are listed, old → new; what does not exist yet is not; nothing is listed in place."""
    text = rendered(samples.elsewhere())
    section = text[text.index("What became of what: 16 SIDs") :]
    assert f"{samples.sid('IS', 2)} → {samples.sid('IS', 5001)}" in section
    assert f"{samples.sid('RL', 11)} → {samples.sid('RL', 17)}" in section
    assert samples.sid("IS", 1) not in section
    assert "What became of what" not in rendered(samples.report())


def test_a_rollback_tells_what_is_restored_and_what_stays():
    """Restored values, drifted steps with advice, and what the run created and leaves are told apart."""
    text = rendered(samples.small("rollback"))
    marks = [
        "Rollback",
        "Not restored",
        "DRIFTED",
        "Left as it is",
        "What is restored: 12 fields",
        "3 to restore",
    ]
    places = [text.index(mark) for mark in marks]
    assert places == sorted(places)
    assert f"The run created the role {samples.sid('RL', 8)}; --delete-created removes it." in text
    assert "Can't be undone" not in text


def test_a_large_account_is_grouped_and_capped():
    """Four hundred services print hundreds of lines, and say how many more there are; verbose prints all."""
    report = samples.report(400)
    brief = rendered(report)
    assert len(brief.splitlines()) < 750
    assert re.search(r"… and [\d,]+ services more; see --verbose, or --format json or html", brief)
    assert "more; see" not in rendered(report, verbose=True)


def test_age_and_provenance_are_stated():
    """A reader knows how old the snapshot is and where it came from."""
    text = rendered(replace(samples.small(), snapshot=replace(samples.small().snapshot, source="file")))
    assert "read from files, not from Twilio, taken 2026-11-20 21:00 UTC, 3 hours before this plan" in text


@pytest.mark.parametrize("color", [False, True])
def test_hostile_names_cannot_drive_the_terminal(color):
    """Escapes, control characters and bidirectional marks are written out; only our own colours remain."""
    text = rendered(samples.hostile(), color=color)
    assert ("\x1b[" in text) == color
    own = re.sub(r"\x1b\[\d+(;\d+)*m", "", text) if color else text
    assert all(character.isprintable() or character in "\n\u200d" for character in own)
    assert "\\x1b[31mred" in own
    assert "\\u202egnp.exe" in own
    own.encode()


def test_irreversible_steps_are_listed():
    """What can't be undone is named before anybody says yes."""
    one = samples.account(0)
    gone = samples.step("CH1/type", "channels", {"Type": "private"}, action="migrate", reversible=False)
    text = rendered(samples.report(1, make=lambda _number: replace(one, steps=(gone,))))
    assert "Can't be undone" in text
    assert "migrate channels: 1 step" in text
