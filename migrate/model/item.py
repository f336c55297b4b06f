"""Items: one thing of a kind each, as it was read from the source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Json = Any


@dataclass(frozen=True)
class Item:
    """One thing that may be migrated.

    Attributes:
        kind: the name of its kind: `service`, `roles`, `channels`.
        parent: the Chat Service that it belongs to; None for a service.
        api: the Chat API version that showed it, `v1` or `v2`.
        origin: where it was read: a path of the API, or a file and a place in it.
        shape: the tool that has written the file; "" where it was read from the API.
        not_held: dotted paths that this origin cannot show, so that they were not examined.
    """

    kind: str
    sid: str
    parent: str | None
    payload: Mapping[str, Json]
    api: str = "v2"
    origin: str = ""
    shape: str = ""
    not_held: frozenset[str] = frozenset()


@dataclass(frozen=True)
class FileExamined:
    """A saved file behind a snapshot: its path as shown, and the shapes that were found in it."""

    path: str
    shapes: tuple[str, ...]


@dataclass(frozen=True)
class Examined:
    """What a snapshot looked at.

    Attributes:
        warnings: whole sentences on what was not examined; every report prints them.
    """

    apis: tuple[str, ...] = ()
    roles: bool = True
    inventory: tuple[str, ...] = ()
    files: tuple[FileExamined, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Snapshot:
    """The head of one snapshot.

    Attributes:
        source: `live` or `file`.
        taken_at: when reading began, ISO 8601, UTC.
        digest: SHA-256 over all settings in it.
    """

    id: int
    account_sid: str
    source: str
    taken_at: str
    services: int
    digest: str
    examined: Examined = field(default_factory=Examined)
