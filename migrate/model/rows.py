"""Field rows: what a report says of one leaf of the source, stored with the plan that was reviewed."""

from __future__ import annotations

from typing import Any, NamedTuple

from mappings import NEEDS_A_PERSON, Reason, Verdict, reason_text

Json = Any


class FieldRow(NamedTuple):
    """One leaf of the source service and what becomes of it.

    Attributes:
        api: `v1`, `v2` or `both`.
        resource: the name of the kind whose resource receives it, or None.
        before: the target's value as read (None if it was not read).
        after: the value that the target will hold, or holds.
        item_sid: the Chat SID of the item, where a service has many of the kind (a role); else None.
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
    def needs_a_person(self) -> bool:
        """Whether the verdict asks a person to decide, to act or to know."""
        return self.verdict in NEEDS_A_PERSON

    @property
    def reason(self) -> str:
        """The reasons as one text."""
        return reason_text(self.reasons)
