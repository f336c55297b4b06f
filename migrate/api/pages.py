"""Following a list from page to page."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from migrate.api.gateway import Reader, Surface
from migrate.core.errors import CallFailed, Failure, Trouble

Page = tuple[list[Any], "str | None"]


@dataclass(frozen=True)
class Listing:
    """A list resource.

    Attributes:
        surface: chat or conversations.
        path: below the base URL.
        key: the name under which a page holds its items.
        page_size: items per page, the largest number that the API allows.
    """

    surface: Surface
    path: str
    key: str
    page_size: int


def pages(
    reader: Reader, listing: Listing, call: Callable[[Callable[[], Page]], Page] = lambda fetch: fetch()
) -> Iterator[list[Any]]:
    """Yield the items of a list page by page, as Twilio names the next one; at least one page comes.

    Args:
        reader: the account to read from.
        listing: what to read.
        call: fetches one page; `Retrier.call`, unless the caller retries as a whole.

    Raises:
        CallFailed: a page could not be read, or the list leads back to one that was.
        SafetyRefusal: a next page is on a foreign host.
    """
    where: str | None = listing.path
    seen: set[str] = set()
    while where is not None:
        if where in seen:
            message = "the list leads back to a page that was read already"
            raise CallFailed(Failure(Trouble.GARBLED, "GET", listing.path, message))
        seen.add(where)
        items, where = call(
            partial(reader.page, listing.surface, where, listing.key, page_size=listing.page_size)
        )
        yield items
