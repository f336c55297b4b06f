"""The shapes that cross the border of this package: a Chat Service in, a translation out.

Everything here is frozen, holds plain JSON values, and knows nothing of HTTP clients or databases.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, NamedTuple

from mappings.reasons import Reason, reason_text

Json = Any
"""A value as `json.loads` returns it: None, bool, int, float, str, list or dict."""


class Verdict(str, Enum):
    """What becomes of one source field, in the order in which a report lists what needs a person."""

    MANUAL = "manual"
    DROPPED = "dropped"
    LOSSY = "lossy"
    CARRIED = "carried"
    CONVERTED = "converted"
    RENAMED = "renamed"
    EXACT = "exact"
    NOT_NEEDED = "not_needed"


NEEDS_A_PERSON = (Verdict.MANUAL, Verdict.DROPPED, Verdict.LOSSY)
"""Verdicts that ask a person to decide, to act or to know, the most pressing first."""


class Resource(str, Enum):
    """The Conversations resource that holds a setting."""

    SERVICE = "service"
    CONFIGURATION = "configuration"
    NOTIFICATIONS = "notifications"
    WEBHOOKS = "webhooks"
    ROLES = "roles"
    CHANNELS = "channels"


class Api(str, Enum):
    """The Chat API version whose view of the service shows a field."""

    V1 = "v1"
    V2 = "v2"
    BOTH = "both"


@dataclass(frozen=True)
class Field:
    """One row of the coverage table: a Chat Service field that a mapping owns.

    Attributes:
        api: the versions that show the field.
        rule: the verdicts that are possible and when, in one line.
    """

    source: str
    api: Api
    resource: Resource | None
    target: str | None
    rule: str


class Outcome(NamedTuple):
    """What becomes of ONE leaf of the source service, or of one field that was not examined.

    Attributes:
        value: the value as read (v2's where both have it); None if it was not examined.
        reasons: why, and what to do if a person must act; at least one, the most important first.
    """

    source: str
    api: Api
    value: Json
    resource: Resource | None
    target: str | None
    verdict: Verdict
    reasons: tuple[Reason, ...]
    role_sid: str | None = None

    @property
    def reason(self) -> str:
        """The reasons as one paragraph."""
        return reason_text(self.reasons)


@dataclass(frozen=True)
class RoleTranslation:
    """A Chat role in Conversations' words.

    Attributes:
        type: `conversation` or `service`; `""` if Chat's type is none that Twilio documents.
        permissions: translated, without duplicates, in Chat's order. Empty if nothing is left.
        lost: Chat permissions that have no equivalent, that a role of this type cannot have, or that Twilio does
            not document.
    """

    source_sid: str
    friendly_name: str
    type: str
    permissions: tuple[str, ...]
    lost: tuple[str, ...]


@dataclass(frozen=True)
class Translation:
    """A whole service, translated.

    Attributes:
        outcomes: one per source leaf and per field that was not examined, sorted by source.
        settings: the values to set: resource → response path → value. A path that is absent is left unchanged.
            An empty value (`""`, `[]`) is information, not an order: Chat was examined and holds none. Whether
            that may empty a value of Conversations is for the planner to decide, with `--clear`. A field that was
            not examined is never among the settings. Default-role settings hold *Chat* role SIDs (the same in
            place; to be replaced by the new ones elsewhere).
        roles: the roles that Conversations can represent: with a SID, a type and a permission, and elsewhere than
            in place with a name.
        uncertain_filters: those of `settings[WEBHOOKS]["filters"]` whose acceptance at service level
            Twilio does not document (`onUser*`); to be left out if Twilio refuses them.
    """

    friendly_name: str
    outcomes: tuple[Outcome, ...]
    settings: Mapping[Resource, Mapping[str, Json]]
    roles: tuple[RoleTranslation, ...]
    uncertain_filters: tuple[str, ...] = field(default=())
