"""What a Conversation Service held when it was read: the before-image of all that a plan may change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mappings import Resource

Json = Any


@dataclass(frozen=True)
class TargetState:
    """The settings of one Conversation Service, raw, as read.

    Attributes:
        sid: the service's SID.
        exists: False if Conversations knows no service with this SID; then the rest is empty.
        settings: resource → raw payload, for configuration, notifications and webhooks.
        roles: raw Role resources.
        read_at: ISO 8601, UTC: the moment before the first of these readings.
    """

    sid: str
    exists: bool
    settings: Mapping[Resource, Mapping[str, Json]]
    roles: tuple[Mapping[str, Json], ...]
    read_at: str

    def to_json(self) -> dict[str, Json]:
        """Return the before-image as the database keeps it, without `read_at`."""
        return {
            "sid": self.sid,
            "exists": self.exists,
            "settings": {resource.value: dict(payload) for resource, payload in self.settings.items()},
            "roles": [dict(role) for role in self.roles],
        }

    @classmethod
    def from_json(cls, image: Mapping[str, Json], read_at: str) -> TargetState:
        """Rebuild the state from what the database keeps."""
        return cls(
            sid=image["sid"],
            exists=image["exists"],
            settings={Resource(name): payload for name, payload in image["settings"].items()},
            roles=tuple(image["roles"]),
            read_at=read_at,
        )
