"""Following a list from page to page, patiently."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from migrate.gateway import Reader, Surface
from migrate.retry import Retrier


def pages(
    reader: Reader, retrier: Retrier, surface: Surface, path: str, key: str, page_size: int
) -> Iterator[list[Any]]:
    """Yield the items of a list page by page, as Twilio names the next one; at least one page comes.

    Args:
        reader: the account to read from.
        retrier: retries each page by itself.
        surface: chat or conversations.
        path: of the list, below the base URL.
        key: the name under which a page holds its items.
        page_size: the largest that the API allows.

    Raises:
        CallFailed: a page could not be read.
        SafetyRefusal: a next page is on a foreign host.
    """
    where: str | None = path
    while where is not None:
        items, where = retrier.call(partial(reader.page, surface, where, key, page_size=page_size))
        yield items
