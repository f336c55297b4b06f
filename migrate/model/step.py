"""Steps: one API write each, described once, read in many ways.

A step knows its diff, its parameters, and how to tell from a reading whether it was done. How it
reaches Twilio is told by `migrate.kinds.registry`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

from mappings import Resource, RoleTranslation, same

Json = Any
Values = Mapping[str, Json]
"""Settings of one resource: response path → value."""
Form = Mapping[str, "str | list[str]"]
"""Form parameters in wire form: booleans are `true` and `false`, lists are sent by repeating the name."""

SETTINGS = (Resource.CONFIGURATION, Resource.NOTIFICATIONS, Resource.WEBHOOKS)
"""The resources that hold a Conversation Service's settings, in the order in which they are written."""

NOT_CLEARABLE = frozenset(
    {
        "default_chat_service_role_sid",
        "default_conversation_creator_role_sid",
        "default_conversation_role_sid",
        "method",
        "permissions",
    }
)
"""Settings that Twilio takes no empty value for, so that "not set" cannot be restored."""


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
        target_sid: the Conversation Service that it writes to; None until the run has created it.
        resource: what it writes.
        action: how.
        before: the values of the target when the plan was made; a path that is absent was not known.
        after: the values that the step sets. A role that the run creates stands there as `counterpart_of`.
        item: SID of the role in the target, where the resource is one of many; None until it is known.
        role: the role that the step is about, where it may have to be created.
        optional: filters that Twilio may refuse at service level; the step can do without them.
        reversible: whether the before-image can be restored.
    """

    key: str
    source_sid: str
    target_sid: str | None
    resource: Resource
    action: Action
    before: Values
    after: Values
    item: str | None = None
    role: RoleTranslation | None = None
    optional: tuple[str, ...] = field(default=())
    reversible: bool = True

    @property
    def params(self) -> Form:
        """The form parameters that the step sends."""
        form = {
            parameter_name(self.resource, path): wire(value) for path, value in sorted(self.after.items())
        }
        if self.role is not None and self.action is Action.CREATE:
            form |= {"FriendlyName": self.role.friendly_name, "Type": self.role.type}
        return form

    def compare(self, live: Values) -> Finding:
        """Say what a reading of the target means for this step; only the paths that it sets count."""
        if self._agrees(live, self.after, self.after):
            return Finding.DONE
        known = [path for path in self.after if path in self.before]
        return Finding.UNTOUCHED if self._agrees(live, self.before, known) else Finding.OTHER

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

    def inverse(self, before: Values) -> Step:
        """Return the step that restores a before-image, for the paths for which Twilio has a way back.

        Args:
            before: the values that the target held before this step.
        """
        after = {
            path: _cleared(value) if before.get(path) is None else before[path]
            for path, value in self.after.items()
        }
        possible = [path for path in after if before.get(path) is not None or path not in NOT_CLEARABLE]
        return replace(
            self,
            before={path: self.after[path] for path in possible},
            after={path: after[path] for path in possible},
            optional=(),
        )

    def resolved(self, target_sid: str, counterparts: Mapping[str, str]) -> Step:
        """Return the step with the SIDs that only the run could know.

        Args:
            target_sid: the Conversation Service.
            counterparts: Chat role SID → SID of its counterpart there.
        """
        known = {counterpart_of(old): new for old, new in counterparts.items()}
        after = {
            path: known.get(value, value) if isinstance(value, str) else value
            for path, value in self.after.items()
        }
        item = self.item or (counterparts.get(self.role.source_sid) if self.role else None)
        return replace(self, target_sid=target_sid, after=after, item=item)

    def _agrees(self, live: Values, wanted: Values, paths: Iterable[str]) -> bool:
        return all(same(self.resource, path, live.get(path), wanted.get(path)) for path in paths)


def _cleared(value: Json) -> Json:
    """Return the empty value of the same kind: what stands for "not set" in a form."""
    if isinstance(value, bool):
        return False
    return [] if isinstance(value, list) else ""


def counterpart_of(role_sid: str) -> str:
    """Return what stands in a plan for the SID of a role that is still to be created or found."""
    return f"counterpart of {role_sid}"


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
