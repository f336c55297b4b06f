"""Damaged files of every shape: a refusal in words, or what the file says; never a crash, never a wrong value."""

from __future__ import annotations

import json
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mutations import damaged
from shapes import SAMPLES, TRUTH
from taking import LONG, take
from test_saved_shapes import PATHS

from migrate.core.errors import BadInput

FILES_OF_A_SHAPE = 1000 if LONG else 60
MANY = settings(max_examples=2000 if LONG else 100, deadline=None)


LEAVES = {
    **PATHS,
    "service": [
        *(path for path in PATHS["service"] if path != "webhooks"),
        *(
            "webhooks.on_message_send.url",
            "webhooks.on_message_send.method",
            "webhooks.on_message_send.format",
        ),
        *("webhooks.on_channel_added.url", "webhooks.on_channel_added.method"),
    ],
}


def read(content):
    """The items of a file, or none after a refusal that is fit to be read."""
    try:
        return take(content).items
    except BadInput as refusal:
        told = str(refusal)
        assert told.startswith("standard input")
        assert told.isprintable()
        assert told.endswith(".")
        return []


def plain(value):
    """A value with what is empty as None, lists without their order, and whole numbers as integers."""
    if isinstance(value, list):
        return sorted(map(repr, value)) or None
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return None if value in ("", {}) else value


def at(payload, path):
    """The value at a dotted path."""
    for name in path.split("."):
        payload = payload.get(name) if isinstance(payload, dict) else None
    if path == "attributes" and isinstance(payload, str):
        try:
            return plain(json.loads(payload))
        except ValueError:
            return plain(payload)
    return plain(payload)


def wrong(item, damage, sample):
    """The fields of an item that say neither what the account holds nor what was written into the file."""
    truth = TRUTH.get(item.key) or TRUTH["service", "v2", item.sid]
    written = [plain(value) for value in damage.written]
    for path in LEAVES[item.kind]:
        value, true = at(item.payload, path), at(truth, path)
        if {path, path.split(".")[0]} & item.not_held or value == true or value in written:
            continue
        if path == "attributes" and isinstance(value, dict):
            # They hold what people put there: damage inside is what the file says.
            continue
        if isinstance(true, list) and {*true} - {*(value or ())} == {*map(repr, damage.elements)}:
            continue
        *above, last = path.split(".")
        removed = bool(damage.dropped & {*above[1:], last}) and above and sample.holds_whole_objects
        if value is not None or not (removed or any(part_of(value, each) for each in damage.written)):
            yield path, value, true


def part_of(value, written):
    """Whether a value stands somewhere inside something that was written into the file."""
    inside = written.values() if isinstance(written, dict) else written if isinstance(written, list) else ()
    return value == plain(written) or any(part_of(value, each) for each in inside)


@pytest.mark.parametrize("name", SAMPLES)
def test_a_damaged_file_is_refused_or_read_right(name):
    """Cut, reordered, retyped, renamed, nested, huge, wrongly encoded: every value read is one that the file says."""
    sample = SAMPLES[name]
    for seed in range(FILES_OF_A_SHAPE):
        content, damage = damaged(sample, Random(f"{name} {seed}"))  # noqa: S311
        for item in read(content):
            assert damage.is_in_values or not list(wrong(item, damage, sample)), (seed, item.key, damage)


def test_damage_leaves_enough_to_be_read():
    """The test above sees values: of each shape's damaged files some are refused, and some are read."""
    for name, sample in SAMPLES.items():
        outcomes = {bool(read(damaged(sample, Random(f"{name} {seed}"))[0])) for seed in range(30)}  # noqa: S311
        assert outcomes == {True, False}, name


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from([*(key[2] for key in TRUTH), "RECORD", "services", "https://[", "twilio_chat_service"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    *(
                        "sid",
                        "service_sid",
                        "account_sid",
                        "services",
                        "roles",
                        "channels",
                        "rows",
                        "resources",
                        "values",
                    ),
                    *(
                        "root_module",
                        "child_modules",
                        "instances",
                        "attributes",
                        "type",
                        "record",
                        "stream",
                        "data",
                    ),
                    *(
                        "_airbyte_data",
                        "_version",
                        "_properties",
                        "meta",
                        "page",
                        "url",
                        "next_page_url",
                        "links",
                        "limits",
                    ),
                    *(
                        "date_created",
                        "friendlyName",
                        "webhooks",
                        "code",
                        "status",
                        "message",
                        "akas",
                        "emitted_at",
                    ),
                ]
            )
            | st.text(max_size=4),
            inner,
            max_size=6,
        )
    ),
    max_leaves=15,
)


@MANY
@given(st.binary(max_size=300) | st.text(max_size=100).map(str.encode))
def test_arbitrary_bytes_are_refused_calmly(content):
    """No bytes whatever cause anything but a refusal."""
    assert read(content) == []


@MANY
@given(JSON)
def test_arbitrary_json_is_read_or_refused(content):
    """No JSON whatever, made of the words of all shapes, causes anything but items or a refusal."""
    for item in read(json.dumps(content).encode()):
        assert item.kind in PATHS
