"""What a value of a setting is, when two values mean the same, and how to say a value in a sentence."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from enum import Enum

from mappings.model import Json

LONGEST_QUOTE = 300
"""Characters of a value that a sentence quotes at most."""


class Kind(Enum):
    """The kind of value that a field holds: which JSON type it has, and how two values compare."""

    TEXT = "text"
    METHOD = "method"
    FLAG = "flag"
    COUNT = "count"
    NAMES = "names"
    STAMP = "stamp"
    """A string that v1 and v2 write differently for the same thing (dates, URLs), so never compared."""


EXPECTED: Mapping[Kind, str] = {
    Kind.TEXT: "a string",
    Kind.METHOD: "a string",
    Kind.FLAG: "true or false",
    Kind.COUNT: "a whole number",
    Kind.NAMES: "a list of strings",
    Kind.STAMP: "a string",
}


def _is_text(value: Json) -> bool:
    return isinstance(value, str)


def _is_count(value: Json) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_names(value: Json) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value)


_FITS: Mapping[Kind, Callable[[Json], bool]] = {
    Kind.TEXT: _is_text,
    Kind.METHOD: _is_text,
    Kind.FLAG: lambda value: isinstance(value, bool),
    Kind.COUNT: _is_count,
    Kind.NAMES: _is_names,
    Kind.STAMP: _is_text,
}


def fits(kind: Kind, value: Json) -> bool:
    """Whether a value that is not empty has the JSON type of its kind."""
    return _FITS[kind](value)


def is_empty(value: Json) -> bool:
    """Whether a value says nothing: null, `""`, `[]`, `{}` or `[""]`, which Twilio uses alike."""
    return value is None or (isinstance(value, (str, list, Mapping)) and (not value or value == [""]))


def distinct(names: Iterable[str]) -> tuple[str, ...]:
    """The names without duplicates and empty ones, in the order of their first appearance."""
    return tuple(dict.fromkeys(name for name in names if name))


def agree(kind: Kind | None, left: Json, right: Json) -> bool:
    """Whether two values of a kind mean the same; None is a value of unknown kind.

    Empty values are all equal, lists of names compare as sets and HTTP methods without case.
    """
    if is_empty(left) or is_empty(right):
        return is_empty(left) and is_empty(right)
    if kind is Kind.STAMP:
        return True
    if kind is Kind.NAMES and fits(kind, left) and fits(kind, right):
        return set(distinct(left)) == set(distinct(right))
    if kind is Kind.METHOD and fits(kind, left) and fits(kind, right):
        return bool(left.upper() == right.upper())
    return _identical(left, right)


def _identical(left: Json, right: Json) -> bool:
    """Equality of JSON values, in which `true` is not 1, on an own stack because values nest at will."""
    pending = [(left, right)]
    while pending:
        one, other = pending.pop()
        if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
            pending.extend(zip(one, other, strict=True))
        elif isinstance(one, Mapping) and isinstance(other, Mapping) and one.keys() == other.keys():
            pending.extend((one[key], other[key]) for key in one)
        elif not _same_scalar(one, other):
            return False
    return True


def _same_scalar(one: Json, other: Json) -> bool:
    containers = (list, Mapping)
    if isinstance(one, containers) or isinstance(other, containers):
        return False
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


def quote(value: Json) -> str:
    """The value as JSON for a sentence; a long one is cut, and a nested one only named."""
    items = value if isinstance(value, list) else ()
    if isinstance(value, Mapping) or any(isinstance(item, (list, Mapping)) for item in items):
        return f"{_type_name(value)} with {len(value)} inside"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST_QUOTE else text[:LONGEST_QUOTE] + "…"


def describe(value: Json) -> str:
    """The JSON type of a value and the value, `a number: 5`."""
    name, quoted = _type_name(value), quote(value)
    return quoted if quoted.startswith(name) else f"{name}: {quoted}"


def _type_name(value: Json) -> str:
    if value is None:
        return "null"
    names = ((bool, "a boolean"), (str, "a string"), (list, "a list"), (Mapping, "an object"))
    return next((name for python_type, name in names if isinstance(value, python_type)), "a number")


def listed(names: Iterable[str]) -> str:
    """Names for a sentence, `a, b`."""
    return ", ".join(names)
