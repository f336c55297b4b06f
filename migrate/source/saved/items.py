"""What crosses the border of this room: one resource that a file holds, and where in the file it stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

Json = Any


@dataclass(frozen=True)
class Origin:
    """Where a value was read."""

    file: str
    shape: str
    place: str

    def __str__(self) -> str:
        return f"{self.file}, {self.place}"


@dataclass(frozen=True)
class SavedItem:
    """One Chat resource as one API version shows it.

    Attributes:
        service_sid: the service that it is, or belongs to.
        not_held: dotted paths of the fields that were not examined, because the file cannot or does not hold
            them. `webhooks` stands for all of v1's per-event webhooks. A field that is neither here nor in
            `payload` was examined and is empty.
        inherited: the origin of each field that a merge has taken from an earlier file, by dotted path.
    """

    kind: str
    api: str
    sid: str
    service_sid: str
    account_sid: str | None
    payload: Mapping[str, Json]
    origin: Origin
    not_held: frozenset[str]
    inherited: Mapping[str, Origin] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def key(self) -> tuple[str, str, str]:
        """What two files mean the same resource by: kind, API version, SID."""
        return self.kind, self.api, self.sid

    def origin_of(self, path: str) -> Origin:
        """Return where the field of that dotted path was read."""
        return self.inherited.get(path, self.origin)


class Unusable(Exception):
    """Something in a file cannot be used; becomes a BadInput that names the file.

    Attributes:
        place: where in the file, or "" for the file as a whole.
        reason: what is wrong there, as the rest of a sentence that begins with file and place.
        is_foreign: whether it is something else than Chat JSON, so that it helps to say what is understood.
    """

    def __init__(self, place: str, reason: str, *, is_foreign: bool = False) -> None:
        super().__init__(place, reason)
        self.place = place
        self.reason = reason
        self.is_foreign = is_foreign


def printable(text: str) -> str:
    """Return a text that may hold pieces of a file as one line that a terminal takes."""
    return "".join(character if character.isprintable() else "?" for character in text)


def joined(*places: str) -> str:
    """Return one place out of its parts, the widest first; empty parts are left out."""
    return ", ".join(place for place in places if place)
