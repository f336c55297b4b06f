"""The state of a step, and the lines of the journal that lead to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from migrate.core.errors import Failure

Json = Any


class State(str, Enum):
    """Where a step stands."""

    PLANNED = "planned"
    INTENT = "intent"
    APPLIED = "applied"
    FAILED = "failed"
    UNKNOWN = "unknown"
    SKIPPED = "skipped"
    DRIFTED = "drifted"
    VERIFIED = "verified"
    ALTERED = "altered"
    ROLLED_BACK = "rolled_back"


SETTLED = frozenset({State.APPLIED, State.SKIPPED, State.VERIFIED, State.ALTERED})
"""States that need no more work."""
UNDONE = frozenset({State.ROLLED_BACK, State.SKIPPED, State.DRIFTED})
"""States in which a rollback has done what it may: what drifted is left as it is."""
UNDECIDED = frozenset({State.INTENT, State.UNKNOWN})
"""States in which a request may have had an effect that nobody has seen."""


@dataclass(frozen=True)
class Entry:
    """One line of the journal.

    Attributes:
        seen: the values as read or answered, where they matter.
    """

    state: State
    message: str = ""
    status: int | None = None
    code: int | None = None
    request_id: str | None = None
    seen: Mapping[str, Json] | None = None

    @classmethod
    def of_failure(cls, state: State, failure: Failure) -> Entry:
        """Return the entry on a failed request."""
        return cls(state, failure.message, failure.status, failure.code, failure.request_id)


@dataclass(frozen=True)
class Counterpart:
    """Which item of the target stands for which item of the source.

    Attributes:
        how: `created` by a run, `found` in the target, or `mapped` by a person. A rollback makes it `removed`.
    """

    kind: str
    how: str
    name: str
    source_sid: str
    target_sid: str
    source_service_sid: str
    target_service_sid: str


CREATED = "created"
FOUND = "found"
MAPPED = "mapped"
REMOVED = "removed"


@dataclass(frozen=True)
class OwnWrite:
    """The last write of this database to one resource of the target: what tells a stale reading from an edit.

    Attributes:
        target_sid: the item in the target (for settings, its service).
        held: what Twilio answered that it holds now, at all paths that the kind knows.
    """

    kind: str
    target_sid: str
    service_sid: str
    before: Mapping[str, Json]
    sent: Mapping[str, Json]
    held: Mapping[str, Json]


@dataclass(frozen=True)
class Record:
    """What is committed together about one step: lines of the journal, and what they come with.

    Attributes:
        key: of the step.
        entries: in order; the last one is the step's state.
        counterpart: a pair that the step has created or found.
        removed: SID of what a rollback has removed (a service goes with all that belongs to it).
        own_write: a write that took effect, or what was found to need none.
        given_up: values that Twilio has refused, so that the step goes without them; None leaves what is known.
        known: for a create: the SIDs of its name that were there before its first request; None leaves what is known.
        overwritten: what the step is about to write over, where the plan did not know it; None leaves what is known.
        decided: how many requests that were announced before are known to have had no effect.
    """

    key: str
    entries: tuple[Entry, ...]
    counterpart: Counterpart | None = None
    removed: str | None = None
    own_write: OwnWrite | None = None
    given_up: tuple[str, ...] | None = None
    known: tuple[str, ...] | None = None
    overwritten: Mapping[str, Json] | None = None
    decided: int = 0


@dataclass(frozen=True)
class StepState:
    """Where a step of a run stands now.

    Attributes:
        session: the number of the run's session (its start or one of its resumes) in which it was last worked on.
        undecided: how many of them have no definite answer.
        known: a create's SIDs of that name that were there before its first request; None if none was announced.
        overwritten: what the step has found in the target instead of the plan's before-image, if anything.
    """

    last: Entry
    session: int
    attempts: int = 0
    undecided: int = 0
    known: tuple[str, ...] | None = None
    overwritten: Mapping[str, Json] | None = None
    given_up: tuple[str, ...] = ()
    wrote: bool = False


FRESH = StepState(Entry(State.PLANNED), session=0)
"""Where a step stands about which nothing was done."""


@dataclass(frozen=True)
class Run:
    """One execution of one plan, or the rollback of one.

    Attributes:
        phase: `export`, `plan`, `confirm`, `apply` or `done`: how far it has come.
        plan: number of the plan; None while a `run` exports or plans.
        options: the options, guards and consents it was started with, as JSON.
        snapshot: the snapshot that a `run` makes or has made, once it has begun one.
    """

    id: int
    account_sid: str
    target_account_sid: str
    command: str
    phase: str
    plan: int | None
    options: Mapping[str, Json]
    started_at: str
    finished_at: str | None = None
    undoes: int | None = None
    snapshot: int | None = None

    @property
    def settled(self) -> frozenset[State]:
        """The states in which nothing is left to do about a step."""
        return SETTLED if self.undoes is None else UNDONE


@dataclass(frozen=True)
class Leftover:
    """Something in the target that a lost answer may have made, and that stands for nothing.

    Attributes:
        service_sid: the Conversation Service that it belongs to; "" for a service itself.
    """

    kind: str
    sid: str
    service_sid: str
    values: Mapping[str, Json]
