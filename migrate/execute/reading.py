"""Reading what a Conversation Service holds at present."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mappings import Resource
from migrate.api.gateway import Reader, Surface
from migrate.api.pages import pages
from migrate.api.retry import Retrier
from migrate.core.clock import now
from migrate.core.errors import CallFailed
from migrate.kinds.registry import SETTINGS_PATHS, roles_listing
from migrate.model.target import TargetState

Json = Any


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
    return [role for page in pages(reader, roles_listing(sid), retrier.call) for role in page]
