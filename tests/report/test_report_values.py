"""Values are shown so that a person can tell them apart and trust them."""

from __future__ import annotations

import pytest
import samples
from hypothesis import given
from hypothesis import strategies as st

from migrate.report.values import age, delta, moment, shorten, show, visible


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "—"),
        ("", '""'),
        (" ", '" "'),
        (True, "true"),
        (0, "0"),
        ([], "[]"),
        (["a", ""], 'a, ""'),
        ([1, "a"], '[1, "a"]'),
        ({"a": None}, '{"a": null}'),
        ("a\tb", "a\\tb"),
        ("\u202eb", "\\u202eb"),
        ("\U000e0041", "\\U000e0041"),
    ],
)
def test_values_that_differ_look_different(value, shown):
    """Nothing, empty, blank and false each have their own look."""
    assert show(value) == shown


@given(st.text())
def test_what_is_shown_can_be_printed(text):
    """No character that moves the cursor, reorders text or cannot be encoded is left."""
    shown = visible(text)
    assert shown.replace("\u200d", "").isprintable()
    shown.encode()


def test_lists_are_compared_as_sets():
    """Of two long lists a reader needs what came and what went."""
    change = delta(
        samples.row("webhook_filters", [], before=["a", "b", "c"], after=["c", "a", "d"], change=True)
    )
    assert (change.added, change.removed, change.kept, change.is_list) == (("d",), ("b",), 2, True)


def test_a_list_that_was_empty_is_shown_whole():
    """Where everything is new there is nothing to compare with."""
    assert not delta(samples.row("webhook_filters", [], before=[], after=["a"], change=True)).is_list


def test_a_long_value_says_how_long_it_is():
    """What is cut is never mistaken for the whole."""
    assert shorten("x" * 1001, 3) == "xxx… (1,001 characters)"


@pytest.mark.parametrize(
    ("earlier", "later", "told"),
    [
        ("2026-11-20T21:00:00Z", "2026-11-23T20:00:00+00:00", "2 days"),
        ("2026-11-20T21:00:00Z", "2026-11-20T22:00:00Z", "1 hour"),
        ("2026-11-20T21:00:00Z", "2026-11-20T21:59:59Z", "59 minutes"),
        ("2026-11-20T21:00:00Z", "2026-11-20T21:00:59Z", "less than a minute"),
        ("yesterday", "2026-11-20T21:00:59Z", ""),
    ],
)
def test_age_is_told_in_the_largest_unit(earlier, later, told):
    """An age is for judging, not for calculating."""
    assert age(earlier, later) == told


def test_an_instant_is_told_in_utc():
    """Whoever reads it, wherever: one clock. What is no instant is shown as it is."""
    assert moment("2026-11-20T23:30:00+02:00") == "2026-11-20 21:30 UTC"
    assert moment("some\ntime") == "some\\ntime"
