"""Steps: one API write each, described once, read in many ways.

A step knows its diff, its request, how to tell from a reading whether it was done, and its inverse.
Kinds are open: a new kind of step is one class and one row of `KINDS`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any, Protocol

from mappings import Resource, same
from migrate.gateway import Form, Reader, Surface

Json = Any
Values = Mapping[str, Json]
"""Settings of one resource: response path → value."""


class Action(str, Enum):
    """What a step does to its resource."""

    CREATE = "create"
    UPDATE = "update"
    MIGRATE = "migrate"


class Finding(str, Enum):
    """What a reading of the target says about a step."""

    DONE = "done"
    UNTOUCHED = "untouched"
    OTHER = "other"


@dataclass(frozen=True)
class Step:
    """One write.

    Attributes:
        key: unique within its plan, readable: `IS…/webhooks`.
        source_sid: the Chat Service that it belongs to.
        target_sid: the Conversation Service that it writes to.
        resource: what it writes.
        action: how.
        before: the values of the target when the plan was made, for the paths in `after`.
        after: the values that the step sets.
        item: SID of the role, where the resource is one of many; else None.
        optional: filters that Twilio may refuse at service level; the step can do without them.
        reversible: whether the before-image can be restored.
    """

    key: str
    source_sid: str
    target_sid: str
    resource: Resource
    action: Action
    before: Values
    after: Values
    item: str | None = None
    optional: tuple[str, ...] = field(default=())
    reversible: bool = True

    @property
    def params(self) -> Form:
        """The form parameters that the step sends."""
        return {
            parameter_name(self.resource, path): wire(value) for path, value in sorted(self.after.items())
        }

    def compare(self, live: Values) -> Finding:
        """Say what a reading of the target means for this step; only the paths that it sets count."""
        if self._agrees(live, self.after):
            return Finding.DONE
        return Finding.UNTOUCHED if self._agrees(live, self.before) else Finding.OTHER

    def without(self, refused: frozenset[str]) -> Step:
        """Return the step without the optional filters that Twilio has refused."""
        if not refused or "filters" not in self.after:
            return self
        filters = [name for name in self.after["filters"] if name not in refused]
        after = {**self.after, "filters": filters}
        if same(self.resource, "filters", self.before.get("filters"), filters):
            del after["filters"]
        return replace(
            self, after=after, optional=tuple(name for name in self.optional if name not in refused)
        )

    def _agrees(self, live: Values, wanted: Values) -> bool:
        return all(same(self.resource, path, live.get(path), wanted.get(path)) for path in self.after)


def parameter_name(resource: Resource, path: str) -> str:
    """Return the form parameter of a response path: `new_message.with_media.enabled` → `NewMessage.WithMedia.Enabled`.

    The two names of one setting differ by a rule in all of Twilio's documents, except that a role's
    `permissions` are sent as `Permission`.
    """
    if resource is Resource.ROLES and path == "permissions":
        return "Permission"
    return ".".join("".join(word.capitalize() for word in part.split("_")) for part in path.split("."))


def wire(value: Json) -> str | list[str]:
    """Return a value as a form holds it.

    An empty list becomes one empty item: the library sends nothing at all for `[]`, and nothing means
    "keep what is there".
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return [str(item) for item in value] or [""]
    return "" if value is None else str(value)


def lookup(payload: Json, path: str) -> Json:
    """Return the value at a dotted path, or None: Twilio's nested objects are untyped and may lack any key."""
    for part in path.split("."):
        if not isinstance(payload, Mapping):
            return None
        payload = payload.get(part)
    return payload


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


SETTINGS_PATHS: dict[Resource, str] = {
    Resource.CONFIGURATION: "/v1/Services/{sid}/Configuration",
    Resource.NOTIFICATIONS: "/v1/Services/{sid}/Configuration/Notifications",
    Resource.WEBHOOKS: "/v1/Services/{sid}/Configuration/Webhooks",
}

KINDS: dict[tuple[Resource, Action], Kind] = {
    **{(resource, Action.UPDATE): _Settings(path) for resource, path in SETTINGS_PATHS.items()},
    (Resource.ROLES, Action.UPDATE): _Role(),
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


def values_of(step: Step, payload: Mapping[str, Json]) -> Values:
    """Return the step's paths from a payload of its resource."""
    return {path: lookup(payload, path) for path in step.after}
