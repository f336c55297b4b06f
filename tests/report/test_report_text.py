"""The text report leads with the answer, fits on a screen or says everything, and fools no terminal."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from pathlib import Path

import pytest
import samples
from click import unstyle

from migrate.model.state import State
from migrate.report import format_of, render, width_of
from migrate.report.coverage import coverage_table
from migrate.report.digest import digest
from migrate.report.values import columns
from migrate.report.view import View


def rendered(report, *, color=False, **view):
    """The text of a report."""
    stream = io.StringIO()
    render(report, "text", stream, View(**view), color=color)
    return stream.getvalue()


def screen(report, **options):
    """Its summary, blanks and breaks as single blanks."""
    return " ".join(rendered(report, full=False, **options).split())


REPORTS = {
    "diff": lambda number: samples.report(number),
    "missing": lambda number: samples.report(number, make=samples.missing),
    "run": lambda number: samples.report(number, "run", samples.ran),
    "altered": lambda number: samples.report(number, "run", samples.altered),
    "channels": lambda number: samples.report(number, "run", samples.with_channels),
    "verify": lambda number: samples.report(number, "verify"),
    "rollback": lambda number: samples.report(number, "rollback", samples.rolled_back),
    "wordy": lambda number: wordy(samples.report(number, "run", wordy_service)),
}


def wordy_service(number):
    """A service whose steps fail, each for another reason, at length."""
    made = samples.account(number)
    error = samples.StepError(
        "Twilio has a lot to say about this. " * 8, 400, 50000 + number, "RQ" + "1" * 32, "Do. " * 30
    )
    return replace(made, steps=tuple(replace(one, state=State.FAILED, error=error) for one in made.steps))


def wordy(report):
    """A report with a dozen warnings."""
    examined = samples.Examined(
        ("v2",), warnings=tuple(f"File {number} was cut off." for number in range(12))
    )
    return replace(report, snapshot=replace(report.snapshot, examined=examined))


@pytest.mark.parametrize("width", [80, 120, 200])
@pytest.mark.parametrize("services", [0, 1, 12, 70])
@pytest.mark.parametrize("name", REPORTS)
def test_a_summary_fits_on_one_screen(name, services, width):
    """At most 40 lines, none wider than the terminal, in colour or not, for any number of services."""
    report = REPORTS[name](services)
    plain = rendered(report, full=False, width=width, next_commands=("chat-migrate apply",))
    colored = rendered(report, full=False, width=width, next_commands=("chat-migrate apply",), color=True)
    assert unstyle(colored) == plain
    assert "\x1b" not in plain
    lines = plain.splitlines()
    assert len(lines) <= 40
    assert max(map(columns, lines)) <= width
    assert lines[-1] == "Next: chat-migrate apply"


def test_warnings_and_notes_stand_in_the_head_of_every_report():
    """What was not examined, and what the caller has to say, is read before anything else."""
    report = samples.report(2)
    examined = samples.Examined(("v2",), roles=False, warnings=("Roles were not read.",))
    report = replace(report, snapshot=replace(report.snapshot, examined=examined))
    for full in (True, False):
        text = rendered(report, full=full, notes=("Run 7 is not finished.",))
        head = text[
            : text.index("Needs a person") if "Needs a person" in text else text.index("What changes")
        ]
        assert "Roles were not read." in head
        assert "Run 7 is not finished." in head


def test_missing_services_are_said_in_the_first_sentence():
    """A service that Conversations does not have is never "nothing to do"."""
    assert (
        rendered(REPORTS["missing"](12), full=False)
        .splitlines()[1]
        .startswith("3 of 12 services were not found in Conversations.")
    )
    one = samples.report(1, make=lambda _: replace(samples.service(0, "x"), is_missing=True, target_sid=None))
    assert "1 of 1 service was not found in Conversations." in screen(one)


def test_a_cause_is_told_once_with_its_services():
    """One row of the table a cause: what it is, how many services, the first few names."""
    text = rendered(samples.report(12), full=False, width=120)
    (row,) = (line for line in text.splitlines() if "Retries of webhooks are lost" in line)
    assert row.split() == "dropped Retries of webhooks are lost 2 Support US, Field service".split()  # noqa: SIM905


def test_what_nearly_all_services_have_is_said_once_for_all():
    """It takes one line, and leaves the table to what only some have."""
    made = samples.report(
        20,
        make=lambda number: samples.service(
            number, f"s{number}", {"retries"} | ({"media"} if number < 2 else set())
        ),
    )
    text = screen(made)
    assert "The same for nearly all services: Retries of webhooks are lost." in text
    table = text[text.index("cause services") : text.index("The same for nearly all")]
    assert "Retries" not in table
    assert "dropped Old clients will no longer show this text in place of media 2 s0, s1" in table


def test_five_failures_are_shown_in_full_and_all_of_them_in_a_file():
    """Each with service, SID, message, Twilio's code and request id; the others are counted."""
    report = samples.report(40, "run", lambda _: samples.ran(1))
    text = screen(report)
    assert "40 steps failed" in text
    assert "failed update notifications (Twilio 50058, HTTP 400): 40 steps in 40 services." in text
    assert text.count("RQ" + "5" * 32) == 5
    assert (
        rendered(report).count("update notifications: failed: The notification template is too long.") == 40
    )


def test_a_run_says_what_was_written_and_what_is_left():
    """After `--limit` the rest is planned: neither done nor failed."""

    def limited(number):
        state = State.VERIFIED if number < 2 else State.PLANNED
        made = samples.account(number)
        return replace(made, steps=tuple(replace(one, state=state) for one in made.steps))

    text = screen(samples.report(12, "run", limited))
    assert "5 of 13 steps are done: 19 changes in 2 services. 8 steps in 8 services are left." in text
    assert "What was done: 19 fields in 2 services" in text


def test_a_run_does_not_print_the_plan_again():
    """A field that needs nobody says what became of it, not why it was planned."""
    text = rendered(samples.report(1, "run", samples.ran))
    place = text.index("reachability_enabled → configuration.reachability_enabled")
    assert text[place:].splitlines()[:3] == [
        "reachability_enabled → configuration.reachability_enabled", "    false → true", "    verified",
    ]  # fmt: skip


def test_what_differs_is_counted_in_fields():
    """`verify` names fields and services in one sentence."""
    assert "53 fields in 10 services differ." in screen(samples.report(12, "verify"))
    assert "Nothing differs: 1 service examined." in screen(
        samples.report(1, "verify", lambda number: samples.service(number, "quiet"))
    )


def test_altered_values_are_shown_with_both():
    """What was sent and what Twilio holds, so that a blank at the end can be seen."""
    text = screen(REPORTS["altered"](1))
    assert 'new_message.template: sent "Hello ", Twilio holds Hello' in text
    assert "3 of 3 steps are done: 10 changes in 1 service. 3 steps left other values than were sent." in text


def test_the_last_line_of_the_whole_is_the_totals():
    """A script reads the last line of a pipe."""
    last = rendered(samples.report(12, "run", samples.ran), width=200).splitlines()[-1]
    assert last == (
        "Total: 12 services, 53 changes, 13 steps (2 failed, 1 unknown, 1 skipped, 9 verified), "
        "77 fields in 7 services need a person."
    )


def test_the_whole_is_never_cut():
    """Every service, field that changes or needs a person, and step stands in it."""
    report = samples.report(300)
    text = rendered(report)
    assert "… and" not in text
    for service in report.services:
        assert f"({service.source_sid})" in text
    steps = sum(len(service.steps) for service in report.services)
    assert len(re.findall(r"^ +- update \w+: planned$", text, re.MULTILINE)) == steps


def test_words_are_never_broken():
    """Lines break at blanks only, in prose and in tables."""
    report = samples.report(12)
    words = set(rendered(report, width=200).split())
    assert set(rendered(report, width=80).split()) <= words


def test_nothing_to_do_says_what_was_looked_at():
    """An idle diff and an empty one cannot be mistaken for one another."""
    quiet = samples.report(3, make=lambda number: samples.service(number, "quiet"))
    assert "Nothing to change: 3 services examined." in screen(quiet)
    assert "Nothing was examined" in screen(samples.report(0))


def test_per_event_webhooks_are_told_as_one_table():
    """Phase, event, method and URL of each route stand in one line, masked, and no field is listed besides."""
    text = rendered(samples.small())
    (line,) = (line for line in text.splitlines() if "legacy.example.com/channel_destroyed" in line)
    assert line.split() == [
        "post", "onConversationRemoved", "POST", "https://legacy.example.com/channel_destroyed?key=***",
    ]  # fmt: skip
    assert "webhooks.on_channel_destroyed" not in text
    assert "32 fields webhooks.on_* as one routing table" in text


def test_handlers_are_told_what_they_will_see():
    """Each service with webhooks is named with method, URLs and events; others are not; parameters follow once."""
    text = rendered(samples.small())
    section = text[text.index("Webhook handlers must change: 2 services") : text.index("What changes")]
    assert "onChannelDestroyed → onConversationRemoved" in " ".join(section.split())
    assert "post-event webhook: POST https://hooks.example.com/13/post?token=***#rc=2" in text
    assert "Driver ↔ rider" not in section
    assert "ChannelSid ConversationSid" in " ".join(section.split())
    assert "inferred" in section
    assert "Webhook handlers" not in rendered(samples.small("verify"))


def test_services_with_the_same_events_are_told_together():
    """Three hundred services with the same filters do not print them three hundred times."""
    text = rendered(samples.report(300, make=lambda number: samples.service(number, "x", {"hooks"})))
    assert text.count("onMemberAdded →") == 1
    assert "Webhook handlers must change: 300 services" in text


def test_old_and_new_sids_are_told_where_the_target_is_another():
    """Services and roles are listed, old and new; what does not exist yet is not; nothing is listed in place."""
    text = " ".join(rendered(samples.elsewhere()).split())
    assert f"{samples.sid('IS', 2)} {samples.sid('IS', 5001)}" in text
    assert f"{samples.sid('RL', 11)} {samples.sid('RL', 17)}" in text
    assert f"{samples.sid('IS', 1)} → a new service" in text
    assert "Old and new SIDs" not in rendered(samples.report())


def test_a_rollback_tells_what_is_restored_and_what_stays():
    """Restored values, drifted steps with advice, and what the run created and leaves are told apart."""
    text = rendered(samples.small("rollback"), width=120)
    told = "6 fields in 2 services are restored. 1 step was left alone: the target has changed. 4 steps were skipped."
    text = text[text.index(told) :]
    marks = ["Not restored", "drifted update", "Left as it is", "What is restored"]
    places = [text.index(mark) for mark in marks]
    assert places == sorted(places)
    assert "roles: 4 steps in 4 services. The run created this role. --delete-created removes it." in text
    assert "Can't be undone" not in text


def test_age_and_provenance_are_stated():
    """A reader knows how old the snapshot is and where it came from."""
    report = replace(samples.small(), snapshot=replace(samples.small().snapshot, source="file"))
    text = rendered(report, width=120)
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


def test_the_steps_of_items_are_listed_only_in_the_whole():
    """A summary counts them; a file has each of them, by its own SID."""
    report = REPORTS["channels"](1)
    assert "channels 50 found, 40 to change, 120 members" in screen(report)
    assert samples.sid("CH", 39) not in screen(report)
    assert f"migrate channels {samples.sid('CH', 39)}: verified, can't be undone" in " ".join(
        rendered(report).split()
    )


@pytest.mark.parametrize(
    ("path", "chosen", "format_"),
    [
        ("a.html", None, "html"), ("a.HTM", None, "html"), ("a.md", None, "markdown"), ("a.json", None, "json"),
        ("a.txt", None, "text"), ("a", None, "text"), ("a.csv", None, "text"), ("a.html", "json", "json"),
        (None, None, "text"), (None, "markdown", "markdown"),
    ],
)  # fmt: skip
def test_the_ending_of_a_file_chooses_the_format(path, chosen, format_):
    """`--format` wins over it."""
    assert format_of(path and Path(path), chosen) == format_


@pytest.mark.parametrize(("terminal", "width"), [(20, 80), (80, 80), (132, 132), (400, 200)])
def test_text_follows_the_terminal_within_bounds(terminal, width):
    """Narrower than 80 columns is unreadable, wider than 200 too."""
    assert width_of(terminal) == width


@pytest.mark.parametrize("width", [80, 120])
def test_the_coverage_table_fits_the_terminal(width):
    """Rules wrap at blanks; names stay whole."""
    lines = coverage_table("text", width).splitlines()
    assert max(map(columns, lines)) <= width
    assert coverage_table("markdown").splitlines()[0] == "| Chat field | API | Conversations | verdict |"
    assert '"source": "account_sid"' in coverage_table("json")


@pytest.mark.parametrize(("format_", "full", "passes"), [
    ("json", True, 1), ("text", False, 1), ("markdown", False, 1), ("text", True, 2), ("markdown", True, 2),
    ("html", True, 2),
])  # fmt: skip
def test_services_are_read_as_rarely_as_possible(format_, full, passes):
    """Reading thousands of services is what a report costs: once, or twice where all of them are printed."""
    report = samples.report(3)
    read = []

    class Counted:
        def __iter__(self):
            read.append(1)
            return iter(report.services)

    render(replace(report, services=Counted()), format_, io.StringIO(), View(full=full))
    assert len(read) == passes


def test_a_summary_keeps_no_names_of_services():
    """Twenty thousand services leave four bytes each for every cause, not their names."""
    found = digest(samples.report(70).services)
    assert found.names == []
    assert max(len(group.examples) for group in found.causes.values()) == 5
