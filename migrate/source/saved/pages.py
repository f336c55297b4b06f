"""Whether the pages of a list are all there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from migrate.source.saved.items import printable

Json = Any
_PageKey = tuple[str, frozenset[tuple[str, str]]]
"""The path of a page's address, and its query without the token, which differs by the way one came."""


class PageChain:
    """The pages seen, and those that they name as their neighbours."""

    def __init__(self) -> None:
        self._seen: set[_PageKey] = set()
        self._wanted: dict[_PageKey, str] = {}

    def add(self, meta: Mapping[str, Json], where: str) -> None:
        """Take note of a page by the `meta` object that Twilio puts on it; `where` is its file and place."""
        neighbours = {
            key: name
            for name in ("next", "previous")
            if (key := _key(meta.get(f"{name}_page_url"))) is not None
        }
        own = _key(meta.get("url"))
        if own is not None and (neighbours or own in self._wanted):
            self._seen.add(own)
            self._wanted.pop(own, None)
        for key, name in neighbours.items():
            if key not in self._seen:
                address = f"{key[0]}?{urlencode(sorted(key[1]))}"
                told = f"{where} is a page of a longer list: its {name} page ({address})"
                self._wanted.setdefault(key, printable(told))

    @property
    def missing(self) -> tuple[str, ...]:
        """The beginning of a sentence for each page that is named and was not seen."""
        return tuple(self._wanted.values())


def _key(url: Json) -> _PageKey | None:
    if not isinstance(url, str) or not url:
        return None
    try:
        parts = urlsplit(url)
    except ValueError:
        return url, frozenset()
    return parts.path, frozenset(pair for pair in parse_qsl(parts.query) if pair[0] != "PageToken")
