"""Raw Chat Services for the tests of the mappings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def nest(leaves: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The JSON object whose leaves have these dotted paths; None stays None."""
    if leaves is None:
        return None
    view: dict[str, Any] = {}
    for path, value in leaves.items():
        *parents, last = path.split(".")
        inner = view
        for parent in parents:
            inner = inner.setdefault(parent, {})
        inner[last] = value
    return view
