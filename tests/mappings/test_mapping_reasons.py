"""Reasons are data: an id, arguments, a text and a cause, from one table."""

from __future__ import annotations

import json
import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mappings import Cause, Reason, causes, reason_text

CAUSES = {name: value for name, value in vars(causes).items() if isinstance(value, Cause)}
LOST = Cause("channels_lost", "Channels are lost", "{names} and {count:channel is|channels are} lost, {way}.")


def test_a_reason_speaks_of_its_arguments_and_its_cause_does_not():
    """The text names what this service holds, the heading is the same for all services."""
    one = LOST(names=("a", "b"), count=1, way="{names}")
    two = LOST(names=("c",), count=2, way="by far")
    assert one.text == str(one) == "a, b and 1 channel is lost, {names}."
    assert two.text == "c and 2 channels are lost, by far."
    assert (one.id, one.cause) == (two.id, two.cause) == ("channels_lost", "Channels are lost")
    assert one.args == {"names": ("a", "b"), "count": 1, "way": "{names}"}


def test_a_heading_may_tell_causes_apart():
    """Where an argument is the cause, reasons of one id have several."""
    found = {causes.NOT_EXAMINED(field=field, why="v1 was not read").cause for field in ("a", "b")}
    assert found == {"Not examined (v1 was not read)"}


def test_a_missing_argument_is_an_error():
    """No sentence is printed with a hole in it."""
    with pytest.raises(KeyError):
        LOST(names=("a",), count=1)


def test_reasons_become_one_paragraph():
    """Several reasons of one field are read one after the other."""
    assert reason_text([causes.NOT_SET(), causes.HOLDS_NOTHING()]) == "Not set. Holds nothing."
    assert reason_text([]) == ""


TEXTS = st.text(max_size=9)
ARGS = st.dictionaries(TEXTS, TEXTS | st.integers() | st.lists(TEXTS, max_size=3).map(tuple), max_size=3)


@given(st.builds(Reason, TEXTS, TEXTS, TEXTS, ARGS))
def test_a_stored_reason_comes_back_equal(reason):
    """Whatever its words, a reason survives JSON, types of its arguments included."""
    back = Reason.from_json(json.loads(json.dumps(reason.to_json())))
    assert back == reason
    assert hash(back) == hash(reason)
    assert [type(arg) for arg in back.args.values()] == [type(arg) for arg in reason.args.values()]


def test_the_json_of_a_reason_is_plain():
    """Other programs read id, cause, text and arguments."""
    assert LOST(names=("a", "b"), count=2, way="x").to_json() == {
        "id": "channels_lost",
        "cause": "Channels are lost",
        "text": "a, b and 2 channels are lost, x.",
        "args": {"names": ["a", "b"], "count": 2, "way": "x"},
    }


@pytest.mark.parametrize("name", CAUSES)
def test_a_cause_has_its_own_id_and_plain_words(name):
    """Each id is that of its name, headings are no sentences, and texts are whole ones."""
    cause = CAUSES[name]
    assert cause.id == name.lower()
    assert not cause.heading.endswith(".")
    assert cause.heading[0].isupper() or cause.heading.startswith("$")
    assert cause.sentences.endswith(".")
    named = [field for _, field, _, _ in string.Formatter().parse(cause.heading) if field]
    told = [field for _, field, _, _ in string.Formatter().parse(cause.sentences) if field]
    assert set(named) <= set(told)


BANNED = "shall |by itself|leave over|mend|so try it|evil|other values|nobody|stands as it is|goes over"


def test_the_words_are_plain():
    """No phrase that a reader in a hurry stumbles over, and no semicolon that joins two ideas."""
    for cause in CAUSES.values():
        assert not re.search(BANNED, cause.sentences), cause.id
        assert ";" not in cause.sentences, cause.id
