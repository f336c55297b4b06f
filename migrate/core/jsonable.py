"""Options as JSON and back: frozen dataclasses of plain values, enums, paths, tuples, sets and other dataclasses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from pathlib import Path
from typing import Any, TypeVar, cast, get_args, get_origin, get_type_hints

Made = TypeVar("Made")


def to_json(value: Any) -> Any:
    """Return a value as JSON; a set becomes a sorted list."""
    if is_dataclass(value):
        return {field.name: to_json(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): to_json(item) for key, item in value.items()}
    if isinstance(value, (set, frozenset)):
        return sorted(to_json(item) for item in value)
    if isinstance(value, (list, tuple)):
        return [to_json(item) for item in value]
    return str(value) if isinstance(value, Path) else value


def from_json(made: type[Made], value: Mapping[str, Any]) -> Made:
    """Return the dataclass that `to_json` has written; a field that is absent has its default."""
    hints = get_type_hints(made)
    return made(**{name: _of_type(hints[name], item) for name, item in value.items() if name in hints})


def _of_type(hint: Any, value: Any) -> Any:
    if value is None:
        return None
    if is_dataclass(hint):
        return from_json(cast("type[Any]", hint), value)
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (tuple, frozenset):
        return origin(_of_type(arguments[0], item) for item in value)
    if origin is None:
        return hint(value) if isinstance(hint, type) and issubclass(hint, Path | Enum) else value
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return value
    # `X | None`: the first part tells what a value is made of.
    return _of_type(arguments[0], value)
