"""Plans: the head of one, and one service of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from migrate.model.image import TargetImage
from migrate.model.rows import FieldRow

Json = Any


@dataclass(frozen=True)
class Plan:
    """The head of one plan.

    Attributes:
        number: its number in this database.
        id: SHA-256 over everything that was reviewed.
        snapshot_id: the snapshot that it was made from.
        account_sid: the source account.
        target_account_sid: the account that is written to.
        target: `same`, `new` or `map`.
        mapping_version: of the mappings that made it.
        options: every option that shaped its steps, as JSON.
        created_at: ISO 8601, UTC.
        offline: made without looking at the targets; it cannot be applied.
        services: how many services it looks at.
        services_to_change: how many of them have steps.
        services_missing: how many of them Conversations does not have.
        changes: how many fields change.
        steps: how many steps it has.
        verdicts: how many fields have each verdict.
    """

    number: int
    id: str
    snapshot_id: int
    account_sid: str
    target_account_sid: str
    target: str
    mapping_version: str
    options: Mapping[str, Json]
    created_at: str
    offline: bool
    services: int
    services_to_change: int
    services_missing: int
    changes: int
    steps: int
    verdicts: Mapping[str, int]


@dataclass(frozen=True)
class ItemCount:
    """How many items of a kind with many items a service has, and how many of them change."""

    found: int
    to_change: int
    facts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class PlannedService:
    """One service of a plan.

    Attributes:
        source_sid: the Chat Service.
        target_sid: the Conversation Service, or None if there is none (yet).
        friendly_name: the Chat Service's name.
        image: the target as read; None if the plan is offline or the target is still to be created.
        counterparts: Chat SID → SID of its counterpart in the target, as far as known.
        refused: values that Twilio was known to refuse for the target.
        rows: one per leaf of the source, sorted.
        receivers: what the receivers of its webhooks will see, as JSON, or None if it has none.
        items: name of a kind with many items → their counts.
    """

    source_sid: str
    target_sid: str | None
    friendly_name: str
    image: TargetImage | None
    counterparts: Mapping[str, str]
    refused: frozenset[str]
    rows: tuple[FieldRow, ...]
    receivers: Mapping[str, Json] | None = None
    items: Mapping[str, ItemCount] = field(default_factory=dict)

    @property
    def is_missing(self) -> bool:
        """Whether its target was looked for and not found."""
        return self.image is not None and not self.image.exists
