"""What the simulated Twilio keeps in order: things by SID, and channels in numbers.

Both can be read by place, so that a page costs what the page holds, wherever in the list it is.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from datetime import datetime, timedelta
from typing import Any, Generic, NamedTuple, TypeVar

Json = Any
T = TypeVar("T")
_FILLING = threading.RLock()


class Shelf(MutableMapping[str, T], Generic[T]):
    """Things by SID, oldest first; filled when somebody first looks, if it is told how."""

    def __init__(self, held: Mapping[str, T] | None = None) -> None:
        self._held: dict[str, T] = dict(held or {})
        self._sids: list[str] | None = None
        self._fill: Callable[[], Mapping[str, T]] | None = None

    def fill_later(self, fill: Callable[[], Mapping[str, T]]) -> None:
        """Have it filled at the first look."""
        self._fill = fill

    @property
    def untouched(self) -> bool:
        """Whether it waits to be filled."""
        return self._fill is not None

    def _now(self) -> dict[str, T]:
        if self._fill is not None:
            with _FILLING:
                if self._fill is not None:
                    self._held = dict(self._fill())
                    self._fill = None
        return self._held

    def _ordered(self) -> list[str]:
        held = self._now()
        if self._sids is None:
            self._sids = list(held)
        return self._sids

    def __getitem__(self, sid: str) -> T:
        return self._now()[sid]

    def __setitem__(self, sid: str, thing: T) -> None:
        held = self._now()
        if self._sids is not None and sid not in held:
            self._sids.append(sid)
        held[sid] = thing

    def __delitem__(self, sid: str) -> None:
        del self._now()[sid]
        self._sids = None

    def __iter__(self) -> Iterator[str]:
        return iter(self._now())

    def __len__(self) -> int:
        return len(self._now())

    def __contains__(self, sid: object) -> bool:
        return sid in self._now()

    def __repr__(self) -> str:
        return f"Shelf({self._now()!r})"

    @property
    def span(self) -> int:
        """How many places there are."""
        return len(self._now())

    def at(self, place: int) -> T | None:
        """Return what is at the place."""
        return self._now()[self._ordered()[place]]

    def sid_at(self, place: int) -> str:
        """Return the SID of what is at the place."""
        return self._ordered()[place]

    def place(self, sid: str) -> int | None:
        """Return the place of a SID, or None if it is not there."""
        return self._ordered().index(sid) if sid in self._now() else None


class Channel(NamedTuple):
    """One channel; a Conversation as soon as `type` is `private`. What changes is written with `Channels.change`."""

    sid: str
    friendly_name: str | None
    unique_name: str | None
    type: str
    date_created: str
    date_updated: str
    created_by: str = "system"
    attributes: str = "{}"
    members_count: int = 0
    messages_count: int = 0
    messaging_service_sid: str | None = None


FIRST_CHANNEL = datetime(2019, 2, 1, 8, 0)


class Channels(MutableMapping[str, Channel]):
    """The channels of one service: so many drawn by its SID, and others that were put in.

    A drawn channel is made when it is asked for, and only what was changed of it is kept.

    Args:
        service_sid: whose they are.
        drawn: how many are drawn.
        public_share: the share of the drawn ones that are public, 0 to 1.
    """

    def __init__(self, service_sid: str = "", drawn: int = 0, public_share: float = 0.75) -> None:
        self._drawn = drawn
        self._share = public_share
        digest = hashlib.blake2b(service_sid.encode(), digest_size=16).hexdigest()
        self._prefix, self._mask = f"CH{digest[:24]}", int(digest[24:], 16)
        self._changed: dict[int, dict[str, Json] | None] = {}
        self._gone = 0
        self._added: Shelf[Channel] = Shelf()
        self._names: dict[str, str] = {}

    def _lot(self, number: int) -> int:
        return (number * 2654435761 + self._mask) % 2**32

    def _drawn_type(self, number: int) -> str:
        return "public" if self._lot(number) < self._share * 2**32 else "private"

    def _draw(self, number: int) -> Channel:
        lot = self._lot(number) >> 7
        created = FIRST_CHANNEL + timedelta(minutes=number)
        return Channel(
            sid=self.sid_at(number),
            friendly_name=f"Room {number + 1}" if lot % 5 else None,
            unique_name=f"room-{number + 1}" if lot % 3 else None,
            type=self._drawn_type(number),
            date_created=f"{created.isoformat()}Z",
            date_updated=f"{(created + timedelta(hours=lot % 9000)).isoformat()}Z",
            created_by=f"user{lot % 97}" if lot % 4 else "system",
            attributes=f'{{"topic": "{lot % 31}"}}' if lot % 2 else "{}",
            members_count=lot % 60,
            messages_count=lot % 5000,
        )

    def _number(self, sid: str) -> int | None:
        if not (sid.startswith(self._prefix) and len(sid) == 34):
            return None
        try:
            number = int(sid[26:], 16) ^ self._mask
        except ValueError:
            return None
        return number if number < self._drawn else None

    @property
    def span(self) -> int:
        """How many places there are, those of deleted channels included."""
        return self._drawn + len(self._added)

    def at(self, place: int) -> Channel | None:
        """Return the channel at the place; None: it was deleted."""
        if place >= self._drawn:
            return self._added.at(place - self._drawn)
        if place not in self._changed:
            return self._draw(place)
        changed = self._changed[place]
        return None if changed is None else self._draw(place)._replace(**changed)

    def type_at(self, place: int) -> str | None:
        """Return the type of the channel at the place without making the channel."""
        if place >= self._drawn:
            added = self._added.at(place - self._drawn)
            return added.type if added else None
        if place not in self._changed:
            return self._drawn_type(place)
        changed = self._changed[place]
        return None if changed is None else changed.get("type") or self._drawn_type(place)

    @property
    def complete(self) -> bool:
        """Whether there is a channel at every place."""
        return not self._gone

    def sid_at(self, place: int) -> str:
        """Return the SID at the place."""
        if place >= self._drawn:
            return self._added.sid_at(place - self._drawn)
        return f"{self._prefix}{place ^ self._mask:08x}"

    def place(self, sid: str) -> int | None:
        """Return the place of a SID, or None if it never was there."""
        number = self._number(sid)
        if number is not None:
            return number
        place = self._added.place(sid)
        return None if place is None else place + self._drawn

    def named(self, unique_name: str) -> Channel | None:
        """Return the channel of that unique name, or None."""
        if unique_name in self._names:
            return self.get(self._names[unique_name])
        head, _, digits = unique_name.partition("-")
        if head == "room" and digits.isdecimal() and 0 < int(digits) <= self._drawn:
            channel = self.at(int(digits) - 1)
            return channel if channel and channel.unique_name == unique_name else None
        return None

    def change(self, sid: str, **values: Json) -> Channel:
        """Change a channel and return it; KeyError if there is none."""
        number = self._number(sid)
        if number is None:
            self[sid] = self._added[sid]._replace(**values)
        else:
            before = self._changed.get(number, {})
            if before is None:
                raise KeyError(sid)
            self._changed[number] = before | values
        return self[sid]

    def __getitem__(self, sid: str) -> Channel:
        number = self._number(sid)
        channel = self._added[sid] if number is None else self.at(number)
        if channel is None:
            raise KeyError(sid)
        return channel

    def __setitem__(self, sid: str, channel: Channel) -> None:
        number = self._number(sid)
        if number is None:
            self._added[sid] = channel
            if channel.unique_name is not None:
                self._names[channel.unique_name] = sid
            return
        self._gone -= self._changed.get(number, {}) is None
        both = zip(channel._asdict().items(), self._draw(number), strict=True)
        self._changed[number] = {name: value for (name, value), drawn in both if value != drawn}

    def __delitem__(self, sid: str) -> None:
        number = self._number(sid)
        if number is None:
            self._names.pop(self._added.pop(sid).unique_name or "", None)
        else:
            self._gone += self._changed.get(number, {}) is not None
            self._changed[number] = None

    def __iter__(self) -> Iterator[str]:
        return (self.sid_at(place) for place in range(self.span) if self.type_at(place) is not None)

    def __len__(self) -> int:
        return self.span - self._gone

    def to_json(self) -> dict[str, Json]:
        """Return how many were drawn, and what differs from the draw."""
        return {
            "drawn": self._drawn,
            "public_share": self._share,
            "changed": {str(number): changed for number, changed in self._changed.items()},
            "added": [channel._asdict() for channel in self._added.values()],
        }

    @classmethod
    def from_json(cls, service_sid: str, document: Mapping[str, Json]) -> Channels:
        """Return the channels that `to_json` wrote."""
        channels = cls(service_sid, document["drawn"], document["public_share"])
        channels._changed = {int(number): changed for number, changed in document["changed"].items()}
        channels._gone = sum(changed is None for changed in channels._changed.values())
        channels.update({one["sid"]: Channel(**one) for one in document["added"]})
        return channels
