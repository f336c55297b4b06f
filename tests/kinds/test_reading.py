"""A reading that may be older than the last write is told from what somebody has set since."""

from __future__ import annotations

import pytest

from migrate.kinds.reading import is_stale
from migrate.kinds.registry import KINDS
from migrate.model.state import OwnWrite

SID = "IS" + "0" * 32


@pytest.mark.parametrize(
    ("live", "held", "expected"),
    [
        ("before", "sent", True),
        ("sent", "sent", False),
        ("somebody's", "sent", False),
        ("before", "before", False),
    ],
    ids=["what the write has replaced", "what was sent", "somebody's", "what Twilio keeps instead"],
)
def test_only_what_the_write_has_replaced_is_old(live, held, expected):
    """A value of before the write is old, unless Twilio held just that right after it."""
    path = "new_message.sound"
    own = OwnWrite("notifications", SID, SID, {path: "before"}, {path: "sent"}, {path: held})
    assert is_stale(KINDS["notifications"], own, {"new_message": {"sound": live}}) is expected


def test_a_path_that_was_not_sent_says_nothing():
    """What the write left alone shows the same before and after it."""
    own = OwnWrite(
        "notifications",
        SID,
        SID,
        {"new_message.sound": "a", "new_message.template": "same"},
        {"new_message.sound": "b"},
        {},
    )
    live = {"new_message": {"sound": "b", "template": "same"}}
    assert is_stale(KINDS["notifications"], own, live) is False


def test_what_is_not_listed_is_old():
    """An item that was written to and is not there has not come into sight yet."""
    own = OwnWrite("roles", "RL1", SID, {}, {"permissions": ["a"]}, {"permissions": ["a"]})
    assert is_stale(KINDS["roles"], own, None) is True
