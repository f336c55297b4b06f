"""The head of a report says equal things once, and loses nothing by it."""

from __future__ import annotations

from dataclasses import replace

import pytest
import samples

from migrate.report.digest import digest, skeleton


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Lost: inviteMember.", "Lost: inviteMember, editAnyUserInfo."),
        (
            "Set onMessageAdd → https://a.example/x), then go.",
            "Set onUserAdded → https://b.example/y), then go.",
        ),
        ('The role "agent x" holds 3.', 'The role "lead" holds 12.'),
        ("Call it with POST.", "Call it with PUT."),
    ],
)
def test_reasons_that_differ_in_names_only_are_alike(one, other):
    """Names, URLs, numbers and quotations do not keep two reasons apart."""
    assert skeleton(one) == skeleton(other)


def test_reasons_that_differ_in_words_are_not_alike():
    """Plain words are the reason; they are never taken out."""
    assert skeleton("Change the client.") != skeleton("Change the server.")


def services(*reasons):
    """One service for each reason, which concerns one field."""
    return [
        replace(samples.service(number, "x"), fields=(samples.row("a", number, "manual", reason),), steps=())
        for number, reason in enumerate(reasons)
    ]


def test_like_reasons_are_told_once_for_all_services():
    """The first reason stands for all, says so, and each service keeps its value."""
    (finding,) = digest(services("See https://a.example/.", "See https://b.example/.")).findings
    assert (finding.reason, finding.varied) == ("See https://a.example/.", True)
    assert [place.value for place in finding.places] == [0, 1]


def test_told_whole_only_equal_reasons_are_joined():
    """Whoever asks for everything gets every reason."""
    found = digest(services("See a_1.", "See a_2.", "See a_1."), whole=True).findings
    assert [(finding.reason, finding.varied, len(finding.places)) for finding in found] == [
        ("See a_1.", False, 2),
        ("See a_2.", False, 1),
    ]


def test_equal_routing_tables_are_told_once():
    """Services whose per-event webhooks call the same URLs share a table; every field of it is counted."""
    alike = [samples.service(number, "x", {"events"}) for number in range(3)]
    other = samples.service(3, "longer", {"events", "hooks"})
    found = digest([other, *alike])
    assert [len(table.places) for table in found.routings] == [3, 1]
    assert found.needs["manual"] == 4 * 32
    assert not any(finding.verdict == "manual" for finding in found.findings)


def test_a_table_stands_only_for_fields_that_wait_for_a_person():
    """A field with a verdict of its own, or of a report that asks for nothing, is not folded away."""
    made = samples.service(0, "x", {"events"})
    fields = tuple(
        replace(row, verdict="dropped" if row.source == "webhooks.on_member_add.url" else row.verdict)
        for row in made.fields
    )
    found = digest([replace(made, fields=fields)])
    assert len(found.routings[0].fields) == 31
    assert found.needs["dropped"] == 1
    assert digest([replace(made, fields=())]).routings == ()


def left(number, resource, reason):
    """A service with one step that a rollback leaves."""
    step = samples.step("key", resource, {}, action="leave", error=samples.StepError(reason))
    return replace(samples.service(number, "x"), steps=(step, step), fields=())


def test_what_a_rollback_leaves_is_told_once_per_reason_and_service():
    """What the run created comes first, each service keeps its own reason, and like steps are joined."""
    found = digest(
        [
            left(0, "webhooks", "Nothing was written."),
            left(1, "service", "It created IS_1."),
            left(2, "service", "It created IS_2."),
            left(2, "webhooks", "Nothing was written."),
        ]
    )
    assert [one.resources for one in found.left] == [("service",), ("webhooks",)]
    assert [place.value for place in found.left[0].places] == ["It created IS_1.", "It created IS_2."]
    assert [one.varied for one in found.left] == [True, False]
    assert [place.number for place in found.left[1].places] == [0, 3]
    assert found.irreversible == found.troubles == ()


def test_every_field_that_needs_a_person_is_counted_once():
    """However findings are joined, their counts are those of the rows."""
    rows = [row for service in samples.report(200).services for row in service.fields]
    for whole in (False, True):
        found = digest(samples.report(200).services, whole=whole)
        for verdict in ("manual", "dropped", "lossy"):
            assert found.needs.get(verdict, 0) == sum(row.verdict == verdict for row in rows)
