"""What a report says, whoever prints it: the shape of the JSON report, `format: 1`.

Services are re-iterable and made anew at each pass, so that a report on thousands of services
never stands in memory as a whole. So are the steps of a kind with many items.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Generic, TypeVar

from mappings import Verdict
from mappings.webhooks.receivers import Receivers
from migrate.model.item import Examined
from migrate.model.rows import FieldRow
from migrate.model.state import State

Json = Any
Made = TypeVar("Made")


@dataclass(frozen=True)
class Streamed(Generic[Made]):
    """Things that are read anew, one by one, at each iteration."""

    read: Callable[[], Iterator[Made]]

    def __iter__(self) -> Iterator[Made]:
        return self.read()


class ReportKind(str, Enum):
    """What a report is about."""

    DIFF = "diff"
    VERIFY = "verify"
    RUN = "run"
    ROLLBACK = "rollback"
    REHEARSAL = "rehearsal"


DELETE = "delete"
"""What a rollback does to what the run has created."""
LEAVE = "leave"
"""What a rollback does about a step that has no way back."""
DIFFERING = "differing"
"""Among the facts of items that were verified: how many of them differ."""


@dataclass(frozen=True)
class StepError:
    """Why a step did not end well, in one sentence, with what Twilio's answer said if there was one.

    Attributes:
        request_id: Twilio's, for its support team.
        advice: what to do now, one sentence.
        cause: what errors like this have in common, if the message names more than that: they are told together.
    """

    message: str
    status: int | None = None
    code: int | None = None
    request_id: str | None = None
    advice: str = ""
    cause: str = ""


@dataclass(frozen=True)
class AlteredValue:
    """A value that Twilio has taken and keeps differently: response path, what was sent, what it holds."""

    path: str
    sent: Json
    held: Json


@dataclass(frozen=True)
class StepRow:
    """One write, planned or done.

    Attributes:
        key: unique in its plan.
        resource: the name of its kind.
        action: a value of `Action`, or in a rollback `DELETE` or `LEAVE`.
        reversible: whether a rollback can restore what was there before.
        altered: what Twilio holds instead of what was sent, in state `altered`.
    """

    key: str
    resource: str
    action: str
    params: Mapping[str, Json]
    reversible: bool
    state: State
    error: StepError | None = None
    altered: tuple[AlteredValue, ...] = ()


@dataclass(frozen=True)
class ItemsReport:
    """The items of one kind in one service, counted.

    Attributes:
        to_change: how many of them have a step.
        reversible: whether a rollback can undo these steps.
        facts: other numbers that matter: what is counted → how many.
        skipped: why steps were skipped, or left by a rollback → how many of them.
    """

    kind: str
    found: int
    to_change: int
    steps_by_state: Mapping[State, int]
    reversible: bool = True
    facts: Mapping[str, int] = field(default_factory=dict)
    skipped: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class ServiceReport:
    """One service: its fields sorted by source, its steps in order.

    Attributes:
        target_sid: the Conversation Service, or None if there is none yet.
        steps: the writes, planned or done; without those of `items`.
        counterparts: where the target is another service: Chat SID of a role → SID of its counterpart.
        receivers: what the receivers of its webhooks will see, or None if it has none.
        is_missing: whether Conversations was asked for the target and does not have it.
        items: the kinds with many items, counted.
        item_steps: the steps of those items, streamed; may be iterated again and again.
        item_troubles: those of them that failed, drifted, are undecided or altered, likewise.
        others: fields that are left out, as there is nothing to tell of them but their verdict → how many.
    """

    source_sid: str
    target_sid: str | None
    friendly_name: str
    fields: tuple[FieldRow, ...]
    steps: tuple[StepRow, ...]
    counterparts: Mapping[str, str] = field(default_factory=dict)
    receivers: Receivers | None = None
    is_missing: bool = False
    items: tuple[ItemsReport, ...] = ()
    item_steps: Iterable[StepRow] = ()
    item_troubles: Iterable[StepRow] = ()
    others: Mapping[Verdict, int] = field(default_factory=dict)

    @property
    def sids(self) -> Mapping[str, str]:
        """Chat SID → Conversations SID, as far as known, the service first."""
        if self.target_sid is None:
            return {}
        return {self.source_sid: self.target_sid, **self.counterparts}


@dataclass(frozen=True)
class SnapshotInfo:
    """The snapshot behind a report. `source` is `live` or `file`; `taken_at` is ISO 8601, UTC."""

    id: int
    source: str
    taken_at: str
    services: int
    examined: Examined = field(default_factory=Examined)


@dataclass(frozen=True)
class PlanInfo:
    """The plan behind a report: its SHA-256 and its target, `same`, `new` or `map`."""

    id: str
    target: str


@dataclass(frozen=True)
class Summary:
    """Counts over all services of the report; absent states and verdicts count 0.

    Attributes:
        services_to_change: how many of them have a field whose `change` is true, or a step.
        services_missing: how many of them Conversations does not have.
        changes: how many fields have a `change`.
        steps: how many requests write them, those of items included.
    """

    services: int
    services_to_change: int
    services_missing: int
    changes: int
    steps: int
    steps_by_state: Mapping[State, int]
    verdicts: Mapping[str, int]


@dataclass(frozen=True)
class Difference:
    """A field that a rehearsed account holds otherwise than the plan said.

    Attributes:
        path: dotted path in the resource.
        source: dotted path in the Chat Service, or "" where the plan does not change the field.
    """

    source_sid: str
    friendly_name: str
    resource: str
    path: str
    wanted: Json
    held: Json
    source: str


@dataclass(frozen=True)
class Estimate:
    """How long an undisturbed `apply` may take. Times are seconds.

    Attributes:
        latency: of one request.
        at_once: requests let in at once; None: as many as come.
        idle_seconds: before the first request and after the last one, as measured in the rehearsal.
        request_seconds: of a processor for one request, as measured in the rehearsal.
    """

    seconds: float
    reads: int
    writes: int
    latency: float
    at_once: int | None
    idle_seconds: float
    request_seconds: float


@dataclass(frozen=True)
class Rehearsed:
    """What came of a rehearsal. Times are seconds.

    Attributes:
        held: whether the plan would end well.
        doubles: whole sentences on what stands twice.
        warnings: whole sentences on what Twilio's documents leave open.
        faults: kind of fault → how many requests it struck.
        kills: how often the program was killed; `resumes`, how many times it went on.
        options: what it was asked for: option → value, those that were not given as they count.
        estimate: how long the real run may take.
    """

    held: bool
    differences: tuple[Difference, ...]
    doubles: tuple[str, ...]
    warnings: tuple[str, ...]
    reads: int
    writes: int
    faults: Mapping[str, int]
    kills: int
    resumes: int
    seconds: float
    settle: float
    options: Mapping[str, float | None]
    estimate: Estimate


@dataclass(frozen=True)
class Report:
    """A whole report; `services` and `glances` can be iterated again and again.

    Attributes:
        planned_at: ISO 8601, UTC. Reports for people say how old the snapshot was then; JSON does without it.
        rehearsed: what came of a rehearsal.
        glances: the services with what a summary tells of them, if that is quicker to read.
    """

    kind: ReportKind
    account_sid: str
    target_account_sid: str
    snapshot: SnapshotInfo
    plan: PlanInfo
    summary: Summary
    services: Iterable[ServiceReport]
    planned_at: str | None = None
    rehearsed: Rehearsed | None = None
    glances: Iterable[ServiceReport] | None = None
