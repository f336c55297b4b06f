"""Where the settings of one service go, and what is known of that place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from migrate.model.image import TargetImage
from migrate.model.state import OwnWrite

Json = Any


@dataclass(frozen=True)
class Destination:
    """The target of one service.

    Attributes:
        sid: the Conversation Service, or None if it is still to be created.
        in_place: whether it has the Chat Service's own SID, in the same account.
        image: as read; None if it was not looked at, or does not exist yet.
        offline: nothing was looked at, so all is shown as to be set.
        counterparts: Chat SID → SID of the item that stands for it there, as recorded earlier.
    """

    account_sid: str
    sid: str | None
    in_place: bool
    image: TargetImage | None = None
    offline: bool = False
    refused: frozenset[str] = frozenset()
    counterparts: Mapping[str, str] = field(default_factory=dict)
    own_writes: Mapping[tuple[str, str], OwnWrite] = field(default_factory=dict)

    @property
    def is_missing(self) -> bool:
        """Whether a service was looked for and not found."""
        return self.image is not None and not self.image.exists

    def payload(self, kind: str) -> Mapping[str, Json]:
        """Return what a kind has read there, or an empty mapping."""
        return self.image.payloads.get(kind, {}) if self.image is not None else {}
