"""What a report says, whoever prints it: the shape of the JSON report, `format: 1`.

Services are re-iterable and made anew at each pass, so that a report on thousands of services
never stands in memory as a whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from mappings.webhooks.receivers import Receivers

Json = Any


@dataclass(frozen=True)
class FieldRow:
    """One leaf of the source service and what becomes of it.

    Attributes:
        source: dotted path in the Chat resource.
        api: `v1`, `v2` or `both`.
        value: the value in Chat.
        resource: the Conversations resource, or None.
        target: dotted path in that resource, or None.
        before: the target's value as read (None if it was not read).
        after: the value that the target will hold, or holds.
        change: whether a write is needed.
        verdict: a value of `mappings.model.Verdict`.
        reason: why, and what to do.
    """

    source: str
    api: str
    value: Json
    resource: str | None
    target: str | None
    before: Json
    after: Json
    change: bool
    verdict: str
    reason: str


@dataclass(frozen=True)
class StepError:
    """Why a step did not end well.

    Attributes:
        message: one sentence.
        status: HTTP status, if Twilio answered.
        code: Twilio's error code, if it gave one.
        request_id: Twilio's request id, for its support team.
        advice: what to do now, one sentence.
    """

    message: str
    status: int | None = None
    code: int | None = None
    request_id: str | None = None
    advice: str = ""


@dataclass(frozen=True)
class StepRow:
    """One write, planned or done. `state` is a state of the journal (`planned`, `applied`, …)."""

    key: str
    resource: str
    action: str
    params: Mapping[str, Json]
    reversible: bool
    state: str
    error: StepError | None = None


@dataclass(frozen=True)
class ServiceReport:
    """One service: its fields sorted by source, its steps in order.

    Attributes:
        source_sid: the Chat Service.
        target_sid: the Conversation Service, or None if there is none yet.
        friendly_name: the Chat Service's name.
        fields: one row per leaf.
        steps: the writes, planned or done.
        role_sids: where the target is another service: Chat role SID → SID of the role that stands for it.
        receivers: what the receivers of its webhooks will see, or None if it has none.
    """

    source_sid: str
    target_sid: str | None
    friendly_name: str
    fields: tuple[FieldRow, ...]
    steps: tuple[StepRow, ...]
    role_sids: Mapping[str, str] = field(default_factory=dict)
    receivers: Receivers | None = None

    @property
    def sids(self) -> Mapping[str, str]:
        """What became of what, as far as known: Chat SID → Conversations SID, the service first."""
        if self.target_sid is None:
            return {}
        return {self.source_sid: self.target_sid, **self.role_sids}


@dataclass(frozen=True)
class SnapshotInfo:
    """The snapshot behind a report. `source` is `live` or `file`; `taken_at` is ISO 8601, UTC."""

    id: int
    source: str
    taken_at: str
    services: int


@dataclass(frozen=True)
class PlanInfo:
    """The plan behind a report: its SHA-256 and its target, `same`, `new` or `map`."""

    id: str
    target: str


@dataclass(frozen=True)
class Summary:
    """Counts over all services of the report; absent states and verdicts count 0."""

    services: int
    services_to_change: int
    steps: int
    steps_by_state: Mapping[str, int]
    verdicts: Mapping[str, int]


@dataclass(frozen=True)
class Report:
    """A whole report. `kind` is one of `words.KINDS`; `services` can be iterated again and again.

    `planned_at` (ISO 8601, UTC) lets reports for people say how old the snapshot was when the plan was made;
    JSON does without it.
    """

    kind: str
    account_sid: str
    target_account_sid: str
    snapshot: SnapshotInfo
    plan: PlanInfo
    summary: Summary
    services: Iterable[ServiceReport]
    planned_at: str | None = None
