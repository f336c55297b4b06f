"""Following a list from page to page, patiently."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from migrate.gateway import Reader, Surface
from migrate.retry import Retrier


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


def pages(reader: Reader, retrier: Retrier, listing: Listing) -> Iterator[list[Any]]:
    """Yield the items of a list page by page, as Twilio names the next one; at least one page comes.

    Raises:
        CallFailed: a page could not be read.
        SafetyRefusal: a next page is on a foreign host.
    """
    where: str | None = listing.path
    while where is not None:
        page = partial(reader.page, listing.surface, where, listing.key, page_size=listing.page_size)
        items, where = retrier.call(page)
        yield items
