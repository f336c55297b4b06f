"""What a Conversation Service holds at present: the before-image of all that a plan may change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mappings import Resource
from migrate.errors import CallFailed
from migrate.gateway import Reader, Surface
from migrate.pages import pages
from migrate.retry import Retrier
from migrate.steps import SETTINGS_PATHS
from migrate.store.database import now

Json = Any
ROLES_PAGE_SIZE = 50
"""Twilio's maximum for Conversations roles (Conversations Roles resource, "How many resources to return")."""


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


def read_target(reader: Reader, retrier: Retrier, sid: str) -> TargetState:
    """Read the settings of one Conversation Service: one request per resource, one per page of roles.

    Raises:
        CallFailed: a request failed for good, other than "no such service".
    """
    read_at = now()
    try:
        settings = {resource: _settings(reader, retrier, resource, sid) for resource in SETTINGS_PATHS}
    except CallFailed as error:
        if error.failure.status != 404:
            raise
        return TargetState(sid, exists=False, settings={}, roles=(), read_at=read_at)
    return TargetState(sid, True, settings, tuple(_roles(reader, retrier, sid)), read_at)


def _settings(reader: Reader, retrier: Retrier, resource: Resource, sid: str) -> Mapping[str, Json]:
    def is_about_it(payload: Mapping[str, Json]) -> bool:
        return payload.get("chat_service_sid") == sid

    path = SETTINGS_PATHS[resource].format(sid=sid)
    return retrier.call(lambda: reader.get(Surface.CONVERSATIONS, path, check=is_about_it)).payload


def _roles(reader: Reader, retrier: Retrier, sid: str) -> list[Mapping[str, Json]]:
    path = f"/v1/Services/{sid}/Roles"
    found = pages(reader, retrier, Surface.CONVERSATIONS, path, "roles", ROLES_PAGE_SIZE)
    return [role for page in found for role in page]
