"""How steps reach Twilio. Kinds are open: a new kind of step is one class and one row of `KINDS`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from mappings import Resource
from migrate.api.gateway import Answer, Reader, Surface, Writer
from migrate.api.pages import Listing, pages
from migrate.core.config import is_sid
from migrate.model.step import Action, Step, Values, lookup

Json = Any

SETTINGS_PATHS: dict[Resource, str] = {
    Resource.CONFIGURATION: "/v1/Services/{sid}/Configuration",
    Resource.NOTIFICATIONS: "/v1/Services/{sid}/Configuration/Notifications",
    Resource.WEBHOOKS: "/v1/Services/{sid}/Configuration/Webhooks",
}


class Kind(Protocol):
    """How the steps of one kind reach Twilio."""

    def path(self, step: Step) -> str:
        """Return the path that the step posts to, below the base URL."""

    def answers(self, step: Step, payload: Mapping[str, Json]) -> bool:
        """Whether a payload is about this step's resource."""


class _Settings:
    """One of the three settings resources of a Conversation Service."""

    def __init__(self, path: str) -> None:
        self._path = path

    def path(self, step: Step) -> str:
        return self._path.format(sid=step.target_sid)

    def answers(self, step: Step, payload: Mapping[str, Json]) -> bool:
        return payload.get("chat_service_sid") == step.target_sid


class _Role:
    """A role that exists; an update replaces its whole set of permissions."""

    def path(self, step: Step) -> str:
        return f"/v1/Services/{step.target_sid}/Roles/{step.item}"

    def answers(self, step: Step, payload: Mapping[str, Json]) -> bool:
        return payload.get("sid") == step.item


class _NewRole:
    """A role that does not exist yet."""

    def path(self, step: Step) -> str:
        return f"/v1/Services/{step.target_sid}/Roles"

    def answers(self, step: Step, payload: Mapping[str, Json]) -> bool:
        return is_sid("RL", payload.get("sid")) and payload.get("chat_service_sid") == step.target_sid


class _NewService:
    """A Conversation Service that does not exist yet."""

    def path(self, _step: Step) -> str:
        return "/v1/Services"

    def answers(self, _step: Step, payload: Mapping[str, Json]) -> bool:
        return is_sid("IS", payload.get("sid"))


KINDS: dict[tuple[Resource, Action], Kind] = {
    **{(resource, Action.UPDATE): _Settings(path) for resource, path in SETTINGS_PATHS.items()},
    (Resource.ROLES, Action.UPDATE): _Role(),
    (Resource.ROLES, Action.CREATE): _NewRole(),
    (Resource.SERVICE, Action.CREATE): _NewService(),
}


def kind_of(step: Step) -> Kind:
    """Return how this step reaches Twilio."""
    return KINDS[step.resource, step.action]


def read(reader: Reader, step: Step) -> Values:
    """Read the step's paths from the target, once.

    Raises:
        CallFailed: as `Reader.get`.
    """
    kind = kind_of(step)
    answer = reader.get(
        Surface.CONVERSATIONS, kind.path(step), check=lambda payload: kind.answers(step, payload)
    )
    return values_of(step, answer.payload)


def send(writer: Writer, step: Step) -> Answer:
    """Send the step's write, once.

    Raises:
        CallFailed: as `Writer.post`.
    """
    kind = kind_of(step)
    return writer.post(
        Surface.CONVERSATIONS, kind.path(step), step.params, check=lambda payload: kind.answers(step, payload)
    )


def values_of(step: Step, payload: Mapping[str, Json]) -> Values:
    """Return the step's paths from a payload of its resource."""
    return {path: lookup(payload, path) for path in step.after}


SERVICES_PAGE_SIZE = 100
ROLES_PAGE_SIZE = 50
"""Twilio's maxima for Conversations lists (Twilio's OpenAPI documents, ListService, ListServiceRole)."""


def delete_path(step: Step, sid: str) -> str:
    """Return the path of what a create step has made."""
    if step.resource is Resource.SERVICE:
        return f"/v1/Services/{sid}"
    return f"/v1/Services/{step.target_sid}/Roles/{sid}"


def has_contents(reader: Reader, target_sid: str) -> bool:
    """Whether a Conversation Service holds conversations or users, which deleting it would destroy."""
    listings = (
        Listing(Surface.CONVERSATIONS, f"/v1/Services/{target_sid}/{name}", key, 1)
        for name, key in (("Conversations", "conversations"), ("Users", "users"))
    )
    return any(next(iter(pages(reader, listing))) for listing in listings)


def roles_listing(target_sid: str) -> Listing:
    """Return where the roles of a Conversation Service are listed."""
    return Listing(Surface.CONVERSATIONS, f"/v1/Services/{target_sid}/Roles", "roles", ROLES_PAGE_SIZE)


def roles(reader: Reader, target_sid: str) -> list[dict[str, Json]]:
    """Read the roles of a Conversation Service, each page once."""
    return [role for page in pages(reader, roles_listing(target_sid)) for role in page]


def services(reader: Reader) -> list[dict[str, Json]]:
    """Read the account's Conversation Services, each page once."""
    listing = Listing(Surface.CONVERSATIONS, "/v1/Services", "services", SERVICES_PAGE_SIZE)
    return [service for page in pages(reader, listing) for service in page]
