"""What every kind answers, so that the rest of the program names none.

A kind is one sort of thing that is migrated. Adding one is a module beside this one and a row in `registry.KINDS`.
Methods that plan are pure; those that are `async` ask Twilio, once each, and never retry.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, ClassVar

from mappings import ChatService, Outcome, Translation, Verdict
from mappings.reasons import Cause, Reason
from mappings.values import is_empty
from migrate.api.messages import Calls, Request
from migrate.core.errors import Failure
from migrate.model.destination import Destination
from migrate.model.item import Item
from migrate.model.plan import ItemCount
from migrate.model.rows import FieldRow
from migrate.model.state import Counterpart
from migrate.model.step import Form, ReadyStep, Step, Values

Json = Any

HOLDS_ALTERED = Cause(
    "holds_altered",
    "Twilio keeps a value differently",
    "Twilio accepted this value and holds {held} instead of {sent}. Check that this is what you want.",
)
AS_BEFORE = Cause("as_before", "The earlier value", "The target held this value before the run.")
TARGET_MISSING = Cause(
    "target_missing",
    "The Service is not in Conversations",
    "Conversations has no Service with this SID, so nothing can be set in place. Check that the snapshot belongs to "
    "this account, or use `--target new` to create a Service.",
)


@dataclass(frozen=True)
class Planning:
    """One service that is being planned.

    Attributes:
        options: every option that shapes steps; those of one kind stand under its name.
    """

    service: ChatService
    translation: Translation
    destination: Destination
    options: Mapping[str, Json]


@dataclass(frozen=True)
class Share:
    """What one kind contributes to the plan of one service.

    Attributes:
        rows: one per outcome that the kind owns.
        steps: its writes, in order; iterated once, and before `count` is called.
        counterparts: Chat SID → SID of the item that stands for it in the target, as far as known.
        count: returns the number of its items, for a kind with many; None for the others.
    """

    rows: tuple[FieldRow, ...] = ()
    steps: Iterable[Step] = ()
    counterparts: Mapping[str, str] = field(default_factory=dict)
    count: Callable[[], ItemCount] | None = None


@dataclass(frozen=True)
class SourcePage:
    """One page of a service's items in Chat, and where the next page is; None after the last one."""

    items: list[Item]
    following: str | None


class Refusal(Enum):
    """What a refused request says about an item."""

    OF_STEP = "of_step"
    """That this request failed."""
    ITEM_GONE = "item_gone"
    """That the item is not there any more, so that nothing is left to do."""
    API_GONE = "api_gone"
    """That the API through which such items are changed is not there any more."""


@dataclass(frozen=True)
class Found:
    """An item of the target that may be what a step is about: its SID and the values that the step would set."""

    sid: str
    values: Values


class Kind(ABC):
    """One sort of thing that is migrated.

    Attributes:
        phase: kinds of a lower phase are written first.
        consent: the option without which its steps are never sent; None if none is needed.
        inventory: whether its items are read from Chat on demand only, with `read_inventory`.
        in_place_only: whether its steps change what the account itself holds, so that they have no other target.
        outage: what is said when the API through which its items are changed is gone.
        does: what its steps do, for the question whether to go ahead: `convert {}`.
        many: whether a service may have any number of its items, so that they are counted and listed, not told
            field by field.
        named: whether a name stands for one item of a service, so that one that is there already is taken, not made
            a second time.
        not_clearable: paths that take no empty value, so that "not set" cannot be restored.
    """

    name: ClassVar[str]
    phase: ClassVar[int] = 0
    consent: ClassVar[str | None] = None
    inventory: ClassVar[bool] = False
    in_place_only: ClassVar[bool] = False
    gone: ClassVar[str] = ""
    outage: ClassVar[str] = ""
    does: ClassVar[str] = "convert {}"
    many: ClassVar[bool] = False
    named: ClassVar[bool] = False
    reversible: ClassVar[bool] = True
    not_clearable: ClassVar[frozenset[str]] = frozenset()

    # Source

    def read_source(self, calls: Calls, api: str, service_sid: str) -> AsyncIterator[list[Item]] | None:
        """Return the pages of a service's items of this kind in Chat; None if it has none of its own."""
        return None

    def read_inventory(
        self, calls: Calls, api: str, service_sid: str, where: str | None
    ) -> AsyncIterator[SourcePage]:
        """Return the pages of a service's items in Chat, from the place on that an earlier page has named."""
        raise NotImplementedError(f"{self.name} has no inventory")

    def kept(self, payload: Mapping[str, Json]) -> Mapping[str, Json]:
        """Return what a snapshot keeps of an item; again of that, the same."""
        return payload

    def inventory_apis(self, answering: Sequence[str]) -> tuple[str, ...]:
        """Return the Chat API versions to read the inventory through, the best one first."""
        return tuple(reversed(answering))

    # Planning

    def asked_for(self, options: Mapping[str, Json]) -> frozenset[str]:
        """Return the Chat SIDs of the items that the options name one by one."""
        return frozenset()

    def is_planned(self, options: Mapping[str, Json]) -> bool:
        """Whether the options ask for this kind."""
        return True

    @abstractmethod
    def plan(self, planning: Planning, outcomes: tuple[Outcome, ...], items: Iterator[Item]) -> Share:
        """Plan one service's items of this kind."""

    # Target

    async def read_target(self, calls: Calls, service_sid: str) -> Mapping[str, Json] | None:
        """Read what the target holds of this kind, to compare with; None if there is nothing to compare.

        Raises:
            CallFailed: with status 404 if the service does not exist.
        """
        return None

    def part(self, payload: Mapping[str, Json], target_sid: str) -> Mapping[str, Json] | None:
        """Return the resource of one item within what `read_target` has returned; None if it is not there."""
        return payload

    def agrees(self, path: str, expected: Json, live: Json, *, in_place: bool) -> bool:
        """Whether the target holds what a plan expects there."""
        return self.same(path, expected, live)

    def is_altered(
        self, destination: Destination, target_sid: str | None, path: str, held: Json, wanted: Json
    ) -> bool:
        """Whether Twilio has accepted this very value of an item before, and holds what it has answered then."""
        own = destination.own_writes.get((self.name, target_sid or ""))
        return (
            own is not None
            and path in own.sent
            and self.same(path, own.sent[path], wanted)
            and self.same(path, own.held.get(path), held)
        )

    # Execution

    @abstractmethod
    def same(self, path: str, a: Json, b: Json) -> bool:
        """Whether two values of a response path mean the same."""

    @abstractmethod
    def form(self, step: Step | ReadyStep) -> Form:
        """Return the form parameters of the write that does a step."""

    @abstractmethod
    def request(self, step: ReadyStep) -> Request:
        """Return the write that does a step."""

    @abstractmethod
    async def read(self, calls: Calls, step: ReadyStep) -> Mapping[str, Json]:
        """Read the resource that an existing step writes to.

        Raises:
            CallFailed: status 404 if it is not there.
        """

    async def refused(self, calls: Calls, step: ReadyStep, failure: Failure) -> Refusal:
        """Say what a refused request to an existing item means; it may ask Twilio.

        Raises:
            CallFailed: Twilio does not tell.
        """
        return Refusal.OF_STEP

    @abstractmethod
    def values(self, payload: Mapping[str, Json]) -> Values:
        """Return a payload's values at all paths that this kind knows."""

    def made(self, payload: Mapping[str, Json]) -> str:
        """Return the SID of what a create has answered."""
        return str(payload["sid"])

    async def look_for(self, calls: Calls, step: ReadyStep) -> list[Found]:
        """Return the items of the target that have the name (and type) of what a step creates or sets."""
        return []

    def create_group(self, step: ReadyStep) -> str:
        """Return what creates that Twilio could not tell apart have in common."""
        return f"{self.name} {step.service_sid} {step.item_sid}"

    def counterpart(self, step: ReadyStep, target_sid: str, how: str) -> Counterpart:
        """Return the pair of a step's item and what stands for it."""
        return Counterpart(
            self.name, how, self.title(step), step.item_sid, target_sid, step.source_sid, step.service_sid
        )

    def title(self, step: ReadyStep) -> str:
        """Return the name of what a step creates or finds, for people."""
        raise NotImplementedError(f"{self.name} creates nothing")

    def without(self, step: ReadyStep, given_up: frozenset[str]) -> ReadyStep:
        """Return a step without optional values that Twilio refuses."""
        return step

    def optional(self, step: ReadyStep) -> tuple[str, ...]:
        """Return the values that Twilio may refuse, and that the step can do without."""
        return ()

    def told_altered(self, row: FieldRow, held: Json) -> FieldRow:
        """Return a row as it stands after Twilio has accepted a value and holds another."""
        reason = HOLDS_ALTERED(held=shown(held), sent=shown(row.after))
        return row._replace(after=held, verdict=Verdict.MANUAL, reasons=(reason,))

    def told_restored(self, row: FieldRow, before: Json, after: Json) -> FieldRow:
        """Return a row as a rollback tells it; what the translation had lost is no matter of it."""
        reasons = (AS_BEFORE(),)
        return row._replace(before=before, after=after, change=True, verdict=Verdict.EXACT, reasons=reasons)

    async def count_differing(self, calls: Calls, service_sid: str, steps: Iterator[Step]) -> int:
        """Return how many items, of a kind with many, are not what their steps were to make them."""
        return 0

    def told_after(self, row: FieldRow, given_up: tuple[str, ...]) -> FieldRow:
        """Return a row as it stands after Twilio has refused some values."""
        return row

    # Undoing

    def acceptable(self, before: Values) -> Values:
        """Put a before-image into words that Twilio takes."""
        return before

    def is_touched(self, payload: Mapping[str, Json], known: frozenset[str]) -> bool:
        """Whether a service that a run has made holds more of this kind than Twilio puts there.

        Args:
            known: SIDs in the target that this database has written to or found; they do not count.
        """
        return False

    def undo_notes(self, inverse: ReadyStep) -> tuple[Reason, ...]:
        """Return what a person should know before a before-image is restored."""
        return ()

    def removal(self, step: ReadyStep, sid: str) -> str:
        """Return the path of what a create step has made."""
        raise NotImplementedError(f"{self.name} creates nothing")

    async def in_use(self, calls: Calls, sid: str) -> bool:
        """Whether something that a run has created holds what removing it would destroy."""
        return False


def shown(value: Json) -> str:
    """Return a value as a sentence names it."""
    if is_empty(value):
        return "nothing"
    return ", ".join(map(str, value)) if isinstance(value, list) else repr(value)
