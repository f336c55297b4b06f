"""What a Conversation Service held when it was read: the before-image of all that a plan may change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Json = Any


@dataclass(frozen=True)
class TargetImage:
    """One Conversation Service, raw, as read.

    Attributes:
        exists: False if Conversations knows no service with this SID; then the rest is empty.
        payloads: name of a kind → what it has read there.
        read_at: ISO 8601, UTC: the moment before the first of these readings.
    """

    sid: str
    exists: bool
    payloads: Mapping[str, Mapping[str, Json]]
    read_at: str
