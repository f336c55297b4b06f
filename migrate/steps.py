"""Steps: one API write each, described once, read in many ways.

A step knows its diff, its parameters, and how to tell from a reading whether it was done. How it
reaches Twilio is told by `migrate.kinds`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

from mappings import Resource, same

Json = Any
Values = Mapping[str, Json]
"""Settings of one resource: response path → value."""
Form = Mapping[str, "str | list[str]"]
"""Form parameters in wire form: booleans are `true` and `false`, lists are sent by repeating the name."""

SETTINGS = (Resource.CONFIGURATION, Resource.NOTIFICATIONS, Resource.WEBHOOKS)
"""The resources that hold a Conversation Service's settings, in the order in which they are written."""


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
