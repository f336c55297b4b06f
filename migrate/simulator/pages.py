"""Lists, page by page: a page costs what it holds, wherever in the list it is."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count, islice
from math import gcd
from typing import Any, NamedTuple, Protocol
from urllib.parse import urlencode

from migrate.simulator.api import Answer, Call
from migrate.simulator.forms import Form, bad_request, parse_form
from migrate.simulator.uneven import found

Json = Any


class Ordered(Protocol):
    """Things that can be read by place."""

    @property
    def span(self) -> int:
        """How many places there are."""

    def at(self, place: int) -> Any:
        """Return what is at the place; None: nothing any more."""

    def sid_at(self, place: int) -> str:
        """Return the SID of the place."""

    def place(self, sid: str) -> int | None:
        """Return the place of a SID."""


@dataclass(frozen=True)
class Listing:
    """One list.

    Attributes:
        key: under which a page holds its items.
        query: its query parameters.
        items: all that it could show.
        show: an item, as a page shows it.
        wanted: tells by the place whether an item belongs to the list; None: all do.
        usual_size: how many items a page holds if nobody says.
    """

    key: str
    query: Form
    items: Ordered
    show: Callable[[Any], dict[str, Json]]
    wanted: Callable[[int], bool] | None = None
    usual_size: int = 50


class Token(NamedTuple):
    """Where a walk through a list has come to.

    Attributes:
        place: of the last item that was shown, in the walk's order.
        sid: of that item; it finds the way after deletions in between, the place where it is gone itself.
        salt: of the walk's order; 0: as it is.
        span: how many items the walk's order is of.
    """

    place: int
    sid: str
    salt: int
    span: int

    def written(self) -> str:
        """Return the token as a URL carries it."""
        return "PT" + base64.urlsafe_b64encode(":".join(map(str, self)).encode()).decode()

    @classmethod
    def read(cls, text: str) -> Token:
        """Return the token that was written so; ApiError for anything else."""
        try:
            place, sid, salt, span = base64.urlsafe_b64decode(text.removeprefix("PT")).decode().split(":")
            return cls(int(place), sid, int(salt), int(span))
        except ValueError as error:
            raise bad_request("Invalid page token", 19038) from error


class Walk:
    """One walk through a list: the items it may show, in its order."""

    def __init__(self, call: Call, listing: Listing, token: Token | None) -> None:
        self._listing = listing
        self._items = listing.items
        self._unlisted = call.past.unlisted()
        self.salt = token.salt if token else call.past.salt()
        self.span = token.span if token and token.salt else listing.items.span
        around = self.span or 1
        self._step = next(n for n in count(self.salt // around % around + 1) if gcd(n, around) == 1)

    def _place(self, index: int) -> int:
        return (index * self._step + self.salt) % self.span if self.salt else index

    def _shown(self, index: int) -> bool:
        place = self._place(index)
        if place >= self._items.span or (self._listing.wanted and not self._listing.wanted(place)):
            return False
        return not self._unlisted or self._items.sid_at(place) not in self._unlisted

    def item(self, index: int) -> Any:
        """Return the item at the index; None: it is gone."""
        return self._items.at(self._place(index))

    def indices(self, start: int, step: int = 1) -> range | Iterator[int]:
        """Return the indices of the items to show from there on, or, with step -1, before."""
        every = range(start, self.span if step > 0 else -1, step)
        if self._listing.wanted is None and not self._unlisted and not self.salt:
            return every
        return filter(self._shown, every)

    def after(self, token: Token) -> int:
        """Return where the walk goes on after the token."""
        if self.salt:
            return token.place + 1
        place = max(0, min(token.place, self.span))
        if place < self.span and self._items.sid_at(place) == token.sid:
            return place + 1
        moved = self._items.place(token.sid)
        return place if moved is None else moved + 1

    def token(self, last: int) -> str:
        """Return the token of a page whose last item had the index."""
        return Token(last, self._items.sid_at(self._place(last)), self.salt, self.span).written()


def page(call: Call, listing: Listing) -> Answer:
    """Answer with one page of the list."""
    asked = parse_form(listing.query, call.request.query)
    size, number = asked.get("PageSize", listing.usual_size), asked.get("Page", 0)
    token = Token.read(asked["PageToken"]) if "PageToken" in asked else None
    walk = Walk(call, listing, token)
    start = walk.after(token) if token else _skip(walk, number * size)
    shown, more = _take(walk, start, size)
    path, kept = call.request.path, _kept(call)

    def url(base: str, number: int, token: str | None) -> str:
        return f"{base}{path}?{kept}PageSize={size}&Page={number}" + (f"&PageToken={token}" if token else "")

    base = call.rules.bases[call.request.api]
    following = walk.token(shown[-1]) if more else _endless(call, walk, number)
    before = _before(walk, start, size) if start else None
    meta = {
        "page": number,
        "page_size": size,
        "first_page_url": url(base, 0, None),
        "previous_page_url": url(base, max(0, number - 1), before) if start else None,
        "url": url(base, number, asked.get("PageToken")),
        "next_page_url": url(call.rules.next_page_base or base, number + 1, following) if following else None,
        "key": listing.key,
    }
    seen = call.past.seen
    items = [item for index in shown if (item := walk.item(index)) is not None]
    return Answer(200, {"meta": meta, listing.key: [listing.show(seen(item)) for item in items]})


def _endless(call: Call, walk: Walk, number: int) -> str | None:
    """Return the token of a page after the last one, where the list has no end."""
    if not found(call.past.uneven.endless_path, call.request.path):
        return None
    place = -1 if call.past.uneven.endless_pages == "repeated" else walk.span
    return Token(place, f"again{number}", 0, walk.span).written()


def _kept(call: Call) -> str:
    """Return the list's own filters, as the URLs of its other pages begin."""
    pairs = [(k, v) for k, v in call.request.query if k not in {"PageSize", "Page", "PageToken"}]
    return f"{urlencode(pairs)}&" if pairs else ""


def _skip(walk: Walk, many: int) -> int:
    """Return the index of the first item after so many that are shown."""
    indices = walk.indices(0)
    if isinstance(indices, range):
        return min(many, walk.span)
    return next(islice(indices, many, None), walk.span)


def _take(walk: Walk, start: int, size: int) -> tuple[list[int], bool]:
    """Return the indices of a page, and whether there is something after it."""
    shown: list[int] = []
    for index in walk.indices(start):
        if len(shown) == size:
            return shown, True
        shown.append(index)
    return shown, False


def _before(walk: Walk, start: int, size: int) -> str | None:
    """Return the token of the page before the one that starts there; None: it is the first."""
    for number, index in enumerate(walk.indices(min(start, walk.span) - 1, -1)):
        if number == size:
            return walk.token(index)
    return None
