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


def test_a_large_account_is_grouped_and_capped():
    """Four hundred services print hundreds of lines, and say how many more there are; verbose prints all."""
    report = samples.report(400)
    brief = rendered(report)
    assert len(brief.splitlines()) < 600
    assert re.search(r"… and [\d,]+ services more; see --verbose, or --format json or html", brief)
    assert "more; see" not in rendered(report, verbose=True)


def test_age_and_provenance_are_stated():
    """A reader knows how old the snapshot is and where it came from."""
    text = rendered(replace(samples.small(), snapshot=replace(samples.small().snapshot, source="file")))
    assert "read from files, not from Twilio, taken 2026-11-20 21:00 UTC, 3 hours before this report" in text


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
