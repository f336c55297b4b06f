"""Plans: the head of one, and one service of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mappings import Verdict
from migrate.model.image import TargetImage
from migrate.model.rows import FieldRow

Json = Any


@dataclass(frozen=True)
class Plan:
    """The head of one plan.

    Attributes:
        id: SHA-256 over everything that was reviewed.
        target: `same`, `new` or `map`.
        offline: made without looking at the targets; it cannot be applied.
        services_to_change: how many of them have steps.
        services_missing: how many of them Conversations does not have.
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
        image: the target as read; None if the plan is offline or the target is still to be created.
        refused: values that Twilio was known to refuse for the target.
        receivers: what the receivers of its webhooks will see, as JSON, or None if it has none.
        others: rows that were left out at reading, as nothing but their verdict matters there → how many.
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
    others: Mapping[Verdict, int] = field(default_factory=dict)

    @property
    def is_missing(self) -> bool:
        """Whether its target was looked for and not found."""
        return self.image is not None and not self.image.exists
