"""JSON documents, alone or one after the other → the resources in them, and what the lists around them say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from migrate.source.saved.items import Unusable, joined
from migrate.source.saved.stream import LARGEST, SMALL, JsonText, TooLong

Json = Any
PAGES = ("services", "roles", "channels")
"""The keys under which list pages hold Chat's resources."""
LISTS = frozenset({*PAGES, "rows", "resources", "child_modules"})
"""Keys of lists that are read one element at a time: of list pages, of Steampipe, of Terraform."""
NESTED = frozenset({"values", "root_module"})
"""Keys of objects that hold such lists: of `terraform show -json`."""


@dataclass(frozen=True)
class Element:
    """One value that should be a resource.

    Attributes:
        within: the key of the list that it stands in, `services`; "" for an array or for none.
        array: the number of the top-level array that it is a direct element of, or None.
    """

    value: Json
    place: str
    within: str = ""
    array: int | None = None


@dataclass(frozen=True)
class Envelope:
    """An object that holds lists of resources, after its last element has been read."""

    head: Mapping[str, Json]
    counts: Mapping[str, int]
    place: str


@dataclass(frozen=True)
class _List:
    values: Iterator[Json]


@dataclass(frozen=True)
class _Object:
    members: _Members


_Members = Iterator[tuple[str, Json]]
"""Keys with a value, a `_List` or an `_Object`."""


def elements(text: JsonText) -> Iterator[Element | Envelope]:
    """Yield what a text holds, in its order.

    Raises:
        Unusable: the text is empty, is no JSON, or one value in it is too large.
    """
    first = text.peek()
    if first == "<":
        raise Unusable("", "is HTML or XML, not JSON: a web page was saved instead of data", is_foreign=True)
    number = 0
    while character := text.peek():
        number += 1
        line = f"line {text.line}"
        # Where there is one document only, its line says nothing.
        outer = line if number > 1 else ""
        if character == "[":
            for index, value in enumerate(text.array(), start=1):
                yield from _inside(value, joined(outer, f"item {index}"), array=number)
        elif character == "{":
            whole = text.value(SMALL)
            members = _streamed(text) if isinstance(whole, TooLong) else _held(whole)
            yield from _walk(members, outer, alone=line)
        else:
            yield Element(text.element(), line)


def _inside(value: Json, place: str, array: int | None = None) -> Iterator[Element | Envelope]:
    if isinstance(value, dict):
        yield from _walk(_held(value), place, alone=place, array=array)
    else:
        yield Element(value, place, array=array)


def _walk(
    members: _Members, place: str, *, alone: str = "", array: int | None = None, is_nested: bool = False
) -> Iterator[Element | Envelope]:
    """Yield the elements of an object's lists and then its envelope; or, if it has no lists, the object itself."""
    head: dict[str, Json] = {}
    counts: dict[str, int] = {}
    holds_others = is_nested
    for key, inner in members:
        if key in head or key in counts:
            raise Unusable(joined(place, f"the second {key!r}"), "holds a key twice in one object")
        if isinstance(inner, _List):
            counts[key] = 0
            for index, value in enumerate(inner.values):
                counts[key] += 1
                yield from _listed(key, value, joined(place, f"{key}[{index}]"))
        elif isinstance(inner, _Object):
            holds_others = True
            yield from _walk(inner.members, joined(place, key), is_nested=True)
        else:
            head[key] = inner
    yield Envelope(head, counts, place) if counts or holds_others else Element(head, alone, array=array)


def _listed(key: str, value: Json, place: str) -> Iterator[Element | Envelope]:
    if key == "child_modules" and isinstance(value, dict):
        yield from _walk(_held(value), place, is_nested=True)
    else:
        yield Element(value, place, within=key)


def _held(value: dict[str, Json]) -> _Members:
    for key, inner in value.items():
        if key in LISTS and isinstance(inner, list):
            yield key, _List(iter(inner))
        elif key in NESTED and isinstance(inner, dict):
            yield key, _Object(_held(inner))
        else:
            yield key, inner


def _streamed(text: JsonText) -> _Members:
    held = 0
    for key in text.members():
        character = text.peek()
        if key in LISTS and character == "[":
            yield key, _List(text.array())
        elif key in NESTED and character == "{":
            yield key, _Object(_streamed(text))
        else:
            before = text.taken
            yield key, text.element()
            held += text.taken - before
            if held > LARGEST:
                raise text.refusal(f"holds an object of more than {LARGEST:,} characters beside its lists")
