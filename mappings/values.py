"""What a value of a setting is, when two values mean the same, and how to say a value in a sentence."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from enum import Enum

from mappings.model import Json

LONGEST_QUOTE = 300
"""Characters of a value that a sentence quotes at most."""


class ValueType(Enum):
    """What a field holds: which JSON type its value has, and how two values compare."""

    TEXT = "text"
    METHOD = "method"
    FLAG = "flag"
    COUNT = "count"
    NAMES = "names"
    STAMP = "stamp"
    """A string that v1 and v2 write differently for the same thing (dates, URLs), so never compared."""


EXPECTED: Mapping[ValueType, str] = {
    ValueType.TEXT: "a string",
    ValueType.METHOD: "a string",
    ValueType.FLAG: "true or false",
    ValueType.COUNT: "a whole number",
    ValueType.NAMES: "a list of strings",
    ValueType.STAMP: "a string",
}


def _is_text(value: Json) -> bool:
    return isinstance(value, str)


def _is_count(value: Json) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_names(value: Json) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value)


_FITS: Mapping[ValueType, Callable[[Json], bool]] = {
    ValueType.TEXT: _is_text,
    ValueType.METHOD: _is_text,
    ValueType.FLAG: lambda value: isinstance(value, bool),
    ValueType.COUNT: _is_count,
    ValueType.NAMES: _is_names,
    ValueType.STAMP: _is_text,
}


def fits(type_: ValueType, value: Json) -> bool:
    """Return whether a value that is not empty has the JSON type of its field."""
    return _FITS[type_](value)


def is_empty(value: Json) -> bool:
    """Return whether a value says nothing: null, `""`, `[]`, `{}` or `[""]`, which Twilio uses alike."""
    if value:
        return isinstance(value, list) and value == [""]
    return value is None or isinstance(value, (str, list, dict))


def distinct(names: Iterable[str]) -> tuple[str, ...]:
    """Return the names without duplicates and empty ones, in the order of their first appearance."""
    return tuple(dict.fromkeys(name for name in names if name))


_PLAIN = frozenset({str, bool, int, type(None)})
"""Types of most values; two of one that are equal mean the same, whatever the field is."""


def agree(type_: ValueType | None, left: Json, right: Json) -> bool:
    """Return whether two values of a type mean the same; None is a value of unknown type.

    Empty values are all equal, lists of names compare as sets and HTTP methods without case.
    """
    if left.__class__ is right.__class__ and left.__class__ in _PLAIN and left == right:
        return True
    if is_empty(left) or is_empty(right):
        return is_empty(left) and is_empty(right)
    if type_ is ValueType.STAMP:
        return True
    if type_ is ValueType.NAMES and fits(type_, left) and fits(type_, right):
        return set(distinct(left)) == set(distinct(right))
    if type_ is ValueType.METHOD and fits(type_, left) and fits(type_, right):
        return bool(left.upper() == right.upper())
    return _identical(left, right)


def _identical(left: Json, right: Json) -> bool:
    """Return whether JSON values are equal; `true` is not 1. A stack, since they may nest deeper than Python calls."""
    pending = [(left, right)]
    while pending:
        one, other = pending.pop()
        if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
            pending.extend(zip(one, other, strict=True))
        elif isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
            pending.extend((one[key], other[key]) for key in one)
        elif not _same_scalar(one, other):
            return False
    return True


def _same_scalar(one: Json, other: Json) -> bool:
    containers = (list, dict)
    if isinstance(one, containers) or isinstance(other, containers):
        return False
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


def quote(value: Json) -> str:
    """Return the value as JSON for a sentence; a long one is cut, and a nested one only named."""
    items = value if isinstance(value, list) else ()
    if isinstance(value, dict) or any(isinstance(item, (list, dict)) for item in items):
        return f"{_type_name(value)} with {len(value)} inside"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST_QUOTE else text[:LONGEST_QUOTE] + "…"


def describe(value: Json) -> str:
    """Return the JSON type of a value and the value, `a number: 5`."""
    name, quoted = _type_name(value), quote(value)
    return quoted if quoted.startswith(name) else f"{name}: {quoted}"


def _type_name(value: Json) -> str:
    names = ((bool, "a boolean"), (str, "a string"), (list, "a list"), (dict, "an object"))
    return next((name for python_type, name in names if isinstance(value, python_type)), "a number")


def listed(names: Iterable[str]) -> str:
    """Return names for a sentence, `a, b`."""
    return ", ".join(names)
