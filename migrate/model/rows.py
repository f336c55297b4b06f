"""Field rows: what a report says of one leaf of the source, stored with the plan that was reviewed."""

from __future__ import annotations

from typing import Any, NamedTuple

from mappings import Reason, Verdict, reason_text

Json = Any


class FieldRow(NamedTuple):
    """One leaf of the source service and what becomes of it.

    Attributes:
        source: dotted path in the Chat resource.
        api: `v1`, `v2` or `both`.
        value: the value in Chat.
        resource: the name of the kind whose resource receives it, or None.
        target: dotted path in that resource, or None.
        before: the target's value as read (None if it was not read).
        after: the value that the target will hold, or holds.
        change: whether a write is needed.
        verdict: what becomes of it.
        reasons: why, and what to do.
        item_sid: the Chat SID of the item, where a service has many of the kind (a role); else None.
        step: the key of the step that writes it, or None.
        held_to: whether the target is expected to hold `after`, so that `verify` compares it.
    """

    source: str
    api: str
    value: Json
    resource: str | None
    target: str | None
    before: Json
    after: Json
    change: bool
    verdict: Verdict
    reasons: tuple[Reason, ...] = ()
    item_sid: str | None = None
    step: str | None = None
    held_to: bool = False

    @property
    def reason(self) -> str:
        """The reasons as one text."""
        return reason_text(self.reasons)
