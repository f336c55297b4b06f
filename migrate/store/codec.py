"""How frozen objects and field rows are kept: small, quick to read, and equal texts for equal rows."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import fields
from enum import Enum
from functools import lru_cache
from operator import attrgetter
from types import NoneType
from typing import Any, TypeVar, cast, get_args, get_origin, get_type_hints

from mappings import Reason, Verdict
from migrate.model.image import TargetImage
from migrate.model.rows import FieldRow
from migrate.store.database import to_json

Json = Any
Made = TypeVar("Made")
VOLATILE = frozenset({"date_created", "date_updated", "url", "links"})
"""Keys that say nothing about settings and change, or are written differently, by themselves."""
QUICK = 1
VERDICTS = {verdict.value: verdict for verdict in Verdict}
REASONS_KEPT = 8192
"""Most services have the same reasons: so many of them are read once only."""

VERDICT, REASONS = map(FieldRow._fields.index, ("verdict", "reasons"))
"""Places in a row. A text holds the verdict by its name, and the reasons by their number."""


def made(kind: type[Made], row: Mapping[str, Any], **others: Any) -> Made:
    """Return the frozen object whose fields stand in the columns of their names, but for those that are given."""
    readers = _readers(cast("Any", kind))
    found = {name: read(row[name]) for name, read in readers if name not in others and name in row}
    return kind(**found, **others)


@lru_cache
def _readers(kind: type[Any]) -> list[tuple[str, Callable[[Any], Any]]]:
    hints = get_type_hints(kind)
    return [(field.name, _reader(hints[field.name])) for field in fields(kind)]


def _reader(hint: Any) -> Callable[[Any], Any]:
    if NoneType in get_args(hint):
        read = _reader(get_args(hint)[0])
        return lambda value: None if value is None else read(value)
    if hint is bool or (isinstance(hint, type) and issubclass(hint, Enum)):
        return hint
    origin = get_origin(hint)
    if origin in (tuple, frozenset):
        return lambda value: origin(json.loads(value))
    return json.loads if origin is Mapping else lambda value: value


@lru_cache(REASONS_KEPT)
def _reasons_text(reasons: tuple[Reason, ...]) -> str:
    return to_json([reason.to_json() for reason in reasons])


@lru_cache(REASONS_KEPT)
def _reasons(text: str) -> tuple[Reason, ...]:
    return tuple(Reason.from_json(reason) for reason in json.loads(text))


def rows_texts(rows: Iterable[FieldRow]) -> tuple[str, str]:
    """Return rows as canonical JSON: those that change, have a step or need a person, and the others."""
    notable: list[FieldRow] = []
    others: list[FieldRow] = []
    for row in rows:
        (notable if row.change or row.step is not None or row.needs_a_person else others).append(row)
    return _rows_text(notable), _rows_text(others)


def _rows_text(rows: Iterable[FieldRow]) -> str:
    """Return the distinct reasons of some rows, and themselves."""
    places: dict[str, int] = {}
    values: list[list[Json]] = []
    for row in rows:
        value: list[Json] = list(row)
        value[REASONS] = places.setdefault(_reasons_text(row.reasons), len(places))
        values.append(value)
    return to_json([list(places), values])


def all_rows(data: bytes) -> tuple[FieldRow, ...]:
    """Return the rows whose `rows_texts`, packed, follow one another, sorted by source."""
    rows: list[FieldRow] = []
    while data:
        text, data = _first_of(data)
        rows += _read_rows(text)
    return tuple(sorted(rows, key=attrgetter("source")))


def notable_rows(data: bytes) -> tuple[FieldRow, ...]:
    """Return those of them that change, have a step or need a person; of a plan from before 2026-11-21, all."""
    return tuple(_read_rows(_first_of(data)[0]))


def _first_of(data: bytes) -> tuple[str, bytes]:
    """Return the first of some packed texts, and the others, still packed."""
    unpacking = zlib.decompressobj()
    return unpacking.decompress(data).decode(), unpacking.unused_data


def _read_rows(text: str) -> Iterator[FieldRow]:
    texts, rows = json.loads(text)
    reasons = [_reasons(each) for each in texts]
    for values in rows:
        values[VERDICT], values[REASONS] = VERDICTS[values[VERDICT]], reasons[values[REASONS]]
        yield FieldRow._make(values)


def packed(text: str) -> bytes:
    """Return a text, made small."""
    return zlib.compress(text.encode(), QUICK)


def unpacked(data: bytes) -> str:
    """Return the text that `packed` has made small."""
    return zlib.decompress(data).decode()


def image_to_json(image: TargetImage) -> Json:
    """Return a before-image as JSON, without the moment when it was read."""
    return {"sid": image.sid, "exists": image.exists, "payloads": image.payloads}


def settings_of(value: Json) -> Json:
    """Return a before-image without what changes by itself, and with lists of resources in the order of their SIDs."""
    if isinstance(value, dict):
        return {key: settings_of(inner) for key, inner in value.items() if key not in VOLATILE}
    if not isinstance(value, list):
        return value
    inner = [settings_of(each) for each in value]
    resources = all(isinstance(each, dict) and isinstance(each.get("sid"), str) for each in inner)
    return sorted(inner, key=lambda each: str(each["sid"])) if resources else inner
