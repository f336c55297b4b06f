"""Steps: one API write each, described once, read in many ways.

A `Step` is what a plan holds: SIDs that only a run can learn are missing, or stand as markers (`counterpart_of`)
among its values. `Step.resolved` makes a `ReadyStep` of it, which lacks nothing and can be sent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

from mappings.values import is_empty

Json = Any
Values = Mapping[str, Json]
"""Settings of one resource: response path → value."""
Form = Mapping[str, "str | list[str]"]
"""Form parameters in wire form: booleans are `true` and `false`, lists are sent by repeating the name."""
Same = Callable[[str, Json, Json], bool]
"""Says whether two values of a response path mean the same."""

MARKER = "counterpart of "
NOT_MADE = ""
"""Stands for the SID of a service that is still to be created."""


class Action(str, Enum):
    """What a step does to its resource."""

    CREATE = "create"
    UPDATE = "update"
    MIGRATE = "migrate"


class Comparison(str, Enum):
    """What a reading of the target says about a step."""

    DONE = "done"
    UNTOUCHED = "untouched"
    OTHER = "other"


@dataclass(frozen=True)
class Step:
    """One write, as planned.

    Attributes:
        key: unique within its plan, readable: `IS…/webhooks`.
        service_sid: the Conversation Service that it writes to; None until the run has made it.
        before: the target's values when the plan was made; a path that is absent was not known.
        after: the values that the step sets. What the run has yet to create or find stands there as a marker.
        detail: what only the kind understands.
    """

    key: str
    kind: str
    action: Action
    source_sid: str
    item_sid: str
    service_sid: str | None
    target_sid: str | None
    before: Values
    after: Values
    needs: tuple[str, ...] = ()
    detail: Mapping[str, Json] = field(default_factory=dict)
    reversible: bool = True

    @property
    def makes_service(self) -> bool:
        """Whether the step creates the Conversation Service itself."""
        return self.action is Action.CREATE and self.item_sid == self.source_sid

    @property
    def refers_to(self) -> frozenset[str]:
        """The Chat SIDs whose counterparts the step may have to learn from the run."""
        found = {marked for value in self.after.values() if (marked := marked_sid(value))}
        if self.service_sid is None:
            found.add(self.source_sid)
        if self.target_sid is None:
            found.add(self.item_sid)
        return frozenset(found)

    def resolved(self, counterparts: Mapping[str, str]) -> ReadyStep:
        """Return the step with the SIDs that only the run could know.

        Args:
            counterparts: Chat SID → SID of its counterpart in the target.

        Raises:
            KeyError: the service, or something that a value refers to, has no counterpart yet.
        """
        after = {
            path: counterparts[marked] if (marked := marked_sid(value)) else value
            for path, value in self.after.items()
        }
        return ReadyStep(
            key=self.key,
            kind=self.kind,
            action=self.action,
            source_sid=self.source_sid,
            item_sid=self.item_sid,
            service_sid=self.service_sid
            or (NOT_MADE if self.makes_service else counterparts[self.source_sid]),
            target_sid=self.target_sid or counterparts.get(self.item_sid),
            before=self.before,
            after=after,
            detail=self.detail,
        )


@dataclass(frozen=True)
class ReadyStep:
    """One write with all SIDs that it needs.

    `target_sid` is None for what is still to be created or found, and `service_sid` is `NOT_MADE` for a service itself.
    """

    key: str
    kind: str
    action: Action
    source_sid: str
    item_sid: str
    service_sid: str
    target_sid: str | None
    before: Values
    after: Values
    detail: Mapping[str, Json] = field(default_factory=dict)

    def compare(self, live: Values, same: Same) -> Comparison:
        """Say what a reading of the target means: done by the paths that it sets, untouched by all that are known."""
        if agree(live, self.after, self.after, same):
            return Comparison.DONE
        return Comparison.UNTOUCHED if agree(live, self.before, self.before, same) else Comparison.OTHER

    def inverse(self, before: Values, not_clearable: frozenset[str]) -> ReadyStep:
        """Return the step that restores a before-image, for the paths for which Twilio has a way back."""
        possible = [
            path for path in self.after if not is_empty(before.get(path)) or path not in not_clearable
        ]
        return replace(
            self,
            before={path: self.after[path] for path in possible},
            after={
                path: cleared(self.after[path]) if before.get(path) is None else before[path]
                for path in possible
            },
        )


def agree(live: Values, wanted: Values, paths: Iterable[str], same: Same) -> bool:
    """Whether two sets of values mean the same at some paths."""
    return all(same(path, live.get(path), wanted.get(path)) for path in paths)


def cleared(value: Json) -> Json:
    """Return the empty value of the same type: what stands for "not set" in a form."""
    if isinstance(value, bool):
        return False
    return [] if isinstance(value, list) else ""


def counterpart_of(sid: str) -> str:
    """Return what stands in a plan for the SID of something that is still to be created or found."""
    return MARKER + sid


def marked_sid(value: Json) -> str | None:
    """Return the Chat SID that a marker names, or None if the value is no marker."""
    return value[len(MARKER) :] if isinstance(value, str) and value.startswith(MARKER) else None


def parameter_name(path: str) -> str:
    """Return the form parameter of a response path: `new_message.with_media.enabled` → `NewMessage.WithMedia.Enabled`.

    The two names of one setting differ by this rule in all of Twilio's OpenAPI documents, but for a role's
    permissions.
    """
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
