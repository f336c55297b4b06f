"""How frozen objects and field rows are kept: small, quick to read, and equal texts for equal rows."""

from __future__ import annotations

import json
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from enum import Enum
from functools import lru_cache
from types import NoneType
from typing import Any, TypeVar, cast, get_args, get_origin, get_type_hints

from mappings import NEEDS_A_PERSON, Reason, Verdict
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

VERDICT, REASONS, CHANGE, STEP = map(FieldRow._fields.index, ("verdict", "reasons", "change", "step"))
"""Places in a row. A text holds the verdict by its name, and the reasons by their number."""
PRESSING = frozenset(verdict.value for verdict in NEEDS_A_PERSON)
Rows = tuple[tuple[FieldRow, ...], Counter[Verdict]]
"""Rows, and of how many others there is only the verdict."""


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


def rows_text(rows: Iterable[FieldRow]) -> str:
    """Return rows as canonical JSON: their distinct reasons, and themselves."""
    places: dict[str, int] = {}
    values: list[list[Json]] = []
    for row in rows:
        value: list[Json] = list(row)
        value[REASONS] = places.setdefault(_reasons_text(row.reasons), len(places))
        values.append(value)
    return to_json([list(places), values])


def all_rows(text: str) -> Rows:
    """Return the rows that `rows_text` has written."""
    return _read_rows(text, lambda _: True)


def notable_rows(text: str) -> Rows:
    """Return those of them that change, have a step or need a person, and count the others."""
    return _read_rows(
        text, lambda values: values[CHANGE] or values[STEP] is not None or values[VERDICT] in PRESSING
    )


def _read_rows(text: str, is_wanted: Callable[[list[Json]], bool]) -> Rows:
    texts, rows = json.loads(text)
    reasons = [_reasons(each) for each in texts]
    others: Counter[Verdict] = Counter()
    wanted = []
    for values in rows:
        verdict = VERDICTS[values[VERDICT]]
        if is_wanted(values):
            values[VERDICT], values[REASONS] = verdict, reasons[values[REASONS]]
            wanted.append(FieldRow._make(values))
        else:
            others[verdict] += 1
    return tuple(wanted), others


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
