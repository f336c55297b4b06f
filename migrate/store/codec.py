"""How field rows are kept: small, quick to read, and equal texts for equal rows."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from mappings import Reason, Verdict
from migrate.model.image import TargetImage
from migrate.model.rows import FieldRow
from migrate.store.database import to_json
from migrate.store.snapshots import VOLATILE

Json = Any
QUICK = 1
VERDICTS = {verdict.value: verdict for verdict in Verdict}
REASONS_KEPT = 8192
"""Most services have the same reasons: so many of them are read once only."""


VERDICT, REASONS = (FieldRow._fields.index(name) for name in ("verdict", "reasons"))
"""The places in a row of what a text holds otherwise: the verdict by its name, the reasons by their number."""


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


def rows_from_text(text: str) -> tuple[FieldRow, ...]:
    """Return the rows that `rows_text` has written."""
    texts, rows = json.loads(text)
    reasons = [_reasons(each) for each in texts]
    for values in rows:
        values[VERDICT], values[REASONS] = VERDICTS[values[VERDICT]], reasons[values[REASONS]]
    return tuple(map(FieldRow._make, rows))


def packed(text: str) -> bytes:
    """Return a text, made small."""
    return zlib.compress(text.encode(), QUICK)


def unpacked(data: bytes) -> str:
    """Return the text that `packed` has made small."""
    return zlib.decompress(data).decode()


def image_to_json(image: TargetImage) -> Json:
    """Return a before-image as JSON, without the moment when it was read."""
    return {"sid": image.sid, "exists": image.exists, "payloads": image.payloads}


def image_from_json(value: Mapping[str, Json], read_at: str) -> TargetImage:
    """Return the before-image that `image_to_json` has written."""
    return TargetImage(value["sid"], value["exists"], value["payloads"], read_at)


def settings_of(value: Json) -> Json:
    """Return a before-image without what changes by itself, and with lists of resources in the order of their SIDs."""
    if isinstance(value, dict):
        return {key: settings_of(inner) for key, inner in value.items() if key not in VOLATILE}
    if not isinstance(value, list):
        return value
    inner = [settings_of(each) for each in value]
    resources = all(isinstance(each, dict) and isinstance(each.get("sid"), str) for each in inner)
    return sorted(inner, key=lambda each: str(each["sid"])) if resources else inner
