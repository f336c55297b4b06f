"""One resource out of two files that both hold it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from migrate.model.step import lookup
from migrate.source.saved.fields import EXAMINED, put
from migrate.source.saved.items import Origin, SavedItem

Json = Any
_OWNERS = frozenset({"account_sid", "service_sid"})
_CHANGING = frozenset({"date_created", "date_updated", "members_count", "messages_count"})
_IN_ANY_ORDER = frozenset({"webhook_filters", "permissions"})


@dataclass(frozen=True)
class Disagreement:
    """Two values of one field of one resource; the later one counts.

    Attributes:
        earlier: the value that does not count. Webhook URLs may hold secrets: mask before showing.
    """

    item: SavedItem
    path: str
    earlier: Json
    earlier_origin: Origin
    later: Json
    later_origin: Origin


def merge(earlier: SavedItem, later: SavedItem) -> tuple[SavedItem, tuple[Disagreement, ...]]:
    """Return one resource out of two of the same `key`, and what they disagree on.

    The later one counts; what only the earlier one was examined for is taken from there. What is missing, null or
    empty is the same; filters and permissions are compared without their order, a channel's attributes by meaning.
    What changes by itself, such as dates and counts, never disagrees.

    Raises:
        ValueError: the keys differ.
    """
    if earlier.key != later.key:
        raise ValueError(f"{earlier.key} and {later.key} are two resources")
    payload: dict[str, Json] = {**earlier.payload, **later.payload}
    inherited = dict(later.inherited)
    disagreements = []
    for path in sorted(EXAMINED[later.kind]):
        if path in later.not_held:
            if path not in earlier.not_held:
                _take_over(payload, path, earlier)
                inherited[path] = earlier.origin_of(path)
        elif path not in earlier.not_held | _CHANGING:
            disagreements += _disagreement(earlier, later, path)
    for path in sorted(_OWNERS & earlier.payload.keys() & later.payload.keys()):
        disagreements += _disagreement(earlier, later, path)
    merged = replace(
        later,
        account_sid=later.account_sid or earlier.account_sid,
        payload=payload,
        not_held=earlier.not_held & later.not_held,
        inherited=MappingProxyType(inherited),
    )
    return merged, tuple(disagreements)


def _take_over(payload: dict[str, Json], path: str, earlier: SavedItem) -> None:
    *above, last = path.split(".")
    parent = lookup(earlier.payload, ".".join(above)) if above else earlier.payload
    if isinstance(parent, Mapping) and last in parent:
        put(payload, path, parent[last])


def _disagreement(earlier: SavedItem, later: SavedItem, path: str) -> list[Disagreement]:
    before, after = lookup(earlier.payload, path), lookup(later.payload, path)
    if _comparable(before, path) == _comparable(after, path):
        return []
    return [Disagreement(later, path, before, earlier.origin_of(path), after, later.origin_of(path))]


def _comparable(value: Json, path: str) -> Json:
    if value in (None, "", [], {}):
        return None
    if path in _IN_ANY_ORDER and isinstance(value, list):
        return sorted(value)
    if path == "attributes":
        return _parsed(value)
    return value


def _parsed(attributes: str) -> Json:
    try:
        return json.loads(attributes)
    except (ValueError, RecursionError):
        return attributes
