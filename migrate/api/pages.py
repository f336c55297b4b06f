"""Following a list from page to page."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import partial

from migrate.api.messages import Calls, Json, Surface
from migrate.core.errors import CallFailed, Failure, Trouble

Page = tuple[list[Json], "str | None"]
Call = Callable[[Callable[[], Awaitable[Page]]], Awaitable[Page]]

BARREN_PAGES = 10
"""After so many pages in a row without anything new, a list leads nowhere."""
MOST_PAGES = 100_000
"""Five million items, at the smallest page size that is in use."""


@dataclass(frozen=True)
class Listing:
    """A list resource.

    Attributes:
        surface: which product.
        path: below the base URL.
        key: the name under which a page holds its items.
        page_size: items per page, the largest number that the API allows.
        query: further query parameters; a list is sent by repeating the name.
        start: where to begin, as an earlier page has named its next one; None: with the first page.
    """

    surface: Surface
    path: str
    key: str
    page_size: int
    query: Mapping[str, object] = field(default_factory=dict)
    start: str | None = None


async def pages(reader: Calls, listing: Listing, call: Call | None = None) -> AsyncIterator[list[Json]]:
    """Yield the items of a list page by page; see `walk`."""
    async with aclosing(walk(reader, listing, call)) as found:
        async for items, _ in found:
            yield items


async def walk(reader: Calls, listing: Listing, call: Call | None = None) -> AsyncGenerator[Page, None]:
    """Yield the items of a list page by page, with the place of the next one or None; at least one page comes.

    The next page is fetched while the consumer works on the present one.

    Args:
        reader: the account to read from.
        listing: what to read.
        call: fetches one page; `Retrier.call`, or None where the caller retries as a whole.

    Raises:
        CallFailed: a page could not be read, or the list does not end.
        SafetyRefusal: a next page is on a foreign host.
    """
    query = {"PageSize": listing.page_size, **listing.query}
    end = _End(listing)
    where: str | None = listing.start or listing.path
    ahead: asyncio.Task[Page] | None = None
    try:
        while where is not None:
            ahead = ahead or asyncio.ensure_future(_fetch(reader, listing, where, query, call))
            items, where = await ahead
            end.look(items, where)
            ahead = (
                None if where is None else asyncio.ensure_future(_fetch(reader, listing, where, query, call))
            )
            yield items, where
    finally:
        if ahead is not None:
            ahead.cancel()
            await asyncio.gather(ahead, return_exceptions=True)


async def _fetch(
    reader: Calls, listing: Listing, where: str, query: Mapping[str, object], call: Call | None
) -> Page:
    fetch = partial(reader.page, listing.surface, where, listing.key, query=query)
    return await (call(fetch) if call is not None else fetch())


class _End:
    """Sees to it that a list ends. One text per page is kept, not one per item."""

    def __init__(self, listing: Listing) -> None:
        self._listing = listing
        self._places = {listing.start or listing.path}
        self._firsts: set[str] = set()
        self._barren = 0

    def look(self, items: list[Json], following: str | None) -> None:
        """Note one page and where the next one is.

        Raises:
            CallFailed: the list leads back, or on without end.
        """
        if following is None:
            return
        if following in self._places:
            raise self._endless("leads back to a page that was read already")
        self._places.add(following)
        first = items[0]["sid"] if items else None
        self._barren = self._barren + 1 if first is None or first in self._firsts else 0
        if first is not None:
            self._firsts.add(first)
        if self._barren >= BARREN_PAGES or len(self._places) > MOST_PAGES:
            raise self._endless(f"does not end: {len(self._places)} pages name a next one")

    def _endless(self, what: str) -> CallFailed:
        message = f"the list of {self._listing.key} {what}"
        return CallFailed(Failure(Trouble.GARBLED, "GET", self._listing.path, message))
