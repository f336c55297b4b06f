"""The head of a report says equal things once, and loses nothing by it."""

from __future__ import annotations

from dataclasses import replace

import samples

from mappings import Reason, Verdict
from migrate.model.state import State
from migrate.report.digest import digest


def services(*reasons):
    """One service for each reason, which concerns one field."""
    return [
        replace(samples.service(number, "x"), fields=(samples.row("a", number, "manual", reason),), steps=())
        for number, reason in enumerate(reasons)
    ]


def see(url, cause="Receivers must change"):
    """A reason that names a URL."""
    return Reason("see", cause, f"See {url}.", {"url": url})


def test_fields_of_one_cause_are_counted_together_whatever_they_name():
    """The first text stands for all and says so; id and heading decide, not the words."""
    found = digest(services(see("https://a.example/"), see("https://b.example/"), see("x", "Another cause")))
    assert [(one.heading, one.text, one.varied, one.count) for one in found.causes.values()] == [
        ("Receivers must change", "See https://a.example/.", True, 2),
        ("Another cause", "See x.", False, 1),
    ]


def test_a_cause_is_told_apart_by_its_verdict():
    """What is lossy in one service and dropped in another are two findings, the worse one first."""
    rows = [samples.row("a", 1, verdict, see("x")) for verdict in ("lossy", "dropped")]
    made = [replace(samples.service(number, "x"), fields=(row,)) for number, row in enumerate(rows)]
    assert [one.verdict for one in digest(made).ranked()] == [Verdict.DROPPED, Verdict.LOSSY]


def test_what_nearly_all_services_have_is_told_once_for_all():
    """Four of five is enough, from five services on; then it is no longer among the causes of some."""
    common = services(*[see("x")] * 8, *[see("y", "Rare")] * 2)
    found = digest(common)
    assert [one.heading for one in found.widespread()] == ["Receivers must change"]
    assert [one.heading for one in found.ranked()] == ["Rare"]
    assert digest(common[:4]).widespread() == []
    assert digest(common[1:]).widespread() == []


def test_a_field_without_effect_needs_nobody():
    """`not_needed` is never among the causes, however many fields have it."""
    assert digest([samples.service(0, "quiet")]).causes == {}


def test_steps_that_failed_with_one_code_are_one_cause():
    """Twilio's message names SIDs; its code is the cause. Without a code, the message is."""
    made = [samples.ran(1), samples.ran(6), samples.ran(7)]
    assert [(one.count, one.services) for one in digest(made).troubles.values()] == [(2, 2), (1, 1)]


def test_a_group_keeps_a_few_examples_and_counts_all():
    """However many services fail alike, five are remembered by name."""
    (group,) = digest(
        replace(samples.ran(1), source_sid=f"IS{number}") for number in range(40)
    ).troubles.values()
    assert (group.count, group.services, len(group.steps), len(group.examples)) == (40, 40, 5, 5)


def test_what_a_rollback_leaves_is_neither_irreversible_nor_trouble():
    """It is told by its reason, each service once."""
    left = samples.step("k", "roles", {}, action="leave", reversible=False, error=samples.StepError("Stays."))
    found = digest([replace(samples.service(0, "x"), steps=(left, left))])
    assert [(message, group.count, group.services) for message, group in found.left.items()] == [
        ("Stays.", 2, 1)
    ]
    assert found.irreversible == found.troubles == {}


def test_items_are_counted_without_reading_their_steps():
    """A kind with many items brings its counts; only the steps in trouble are read."""

    class Untouchable:
        def __iter__(self):
            raise AssertionError("a summary must not read a million steps")

    made = replace(samples.with_channels(0), item_steps=Untouchable())
    found = digest([made])
    assert dict(found.items["channels"]) == {"found": 50, "to change": 40, "members": 120}
    assert found.irreversible["channels", "migrate"].count == 40
    assert [group.count for group in found.troubles.values()] == [1]


def test_what_was_written_is_told_by_the_steps_that_are_done():
    """A field of a failed step is a change, but was not written."""
    found = digest([samples.ran(1)])
    assert {resource: group.count for resource, group in found.changes.items()} == {
        "notifications": 6, "webhooks": 3,
    }  # fmt: skip
    assert found.written == {}
    assert digest([samples.ran(0)]).done.services == 1


def test_services_that_conversations_does_not_have_are_counted():
    """They are told apart from services that have nothing to change."""
    found = digest(map(samples.missing, range(8)))
    assert (found.missing.services, [name for name, _ in found.missing.examples]) == (
        2, ["Support US", "Ventes & après-vente"],
    )  # fmt: skip


def test_altered_steps_are_no_trouble():
    """Twilio has taken the write; what it holds instead is told apart."""
    found = digest([samples.altered(0)])
    assert found.troubles == {}
    assert [group.steps[0].step.state for group in found.altered.values()] == [State.ALTERED] * 3
