"""The tries of one step, and the order in which each of them goes about it:

    1. read the target, unless this command has read it moments ago; done → applied, someone else's value → drifted
    2. commit the intent
    3. send, at once
    4. commit the outcome; the answer to a write is its first verification

A reading proves little while it may be stale, until the settle time has passed (DESIGN §6).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

from migrate.api.messages import Answer
from migrate.api.retry import Remedy, remedy_for
from migrate.core.clock import ticks
from migrate.core.errors import CallFailed, ChatUnavailable, CredentialsRefused
from migrate.execute.work import Work
from migrate.kinds.base import Found, Refusal
from migrate.kinds.reading import is_stale
from migrate.kinds.registry import kind_of
from migrate.model.state import Counterpart, Entry, OwnWrite, Record, State, StepState
from migrate.model.step import Comparison, ReadyStep, Values

Json = Any

INTENT_SECONDS = 5.0
"""An intent older than this is renewed before its request leaves: another process may hold the lock by now."""
ALREADY = "The target already holds these values."
DRIFTED = "The target holds other values than when the plan was made; they were left unchanged."
DRIFTED_OR_ALTERED = (
    "The answer was lost, and the target holds neither the earlier values nor those that were sent: someone else has "
    "changed them, or Twilio keeps them differently. They were left unchanged."
)
MOST_REFUSED = 3
"""After so many steps in a row that an API has refused as if it were gone, it is taken for gone."""
NOTHING_LEFT = "Twilio refuses everything that this step would set."


class Attempt(ABC):
    """The tries of one step; `undecided` says whether a request of it may have had an unseen effect."""

    def __init__(self, work: Work, step: ReadyStep, state: StepState) -> None:
        self.work = work
        self.kind = kind_of(step.kind)
        self.step = step
        self.state = state
        self.undecided = state.undecided > 0
        self._announced = 0.0
        self._open = state.undecided
        self.refused = 0
        self._looks: AsyncIterator[bool] | None = None

    @abstractmethod
    async def once(self) -> State:
        """Try once and return the state that was recorded.

        Raises:
            CallFailed: for the retry loop to judge.
        """

    async def to_end(self) -> State:
        """Try until the outcome is known or patience ends; return the state that was recorded last.

        Raises:
            CredentialsRefused: Twilio refuses the credentials for good.
            Interrupted: the stop token was set.
        """
        try:
            return await self.work.retrier.call(self.once)
        except CredentialsRefused as error:
            await self.record(Entry(self._unsettled, str(error), status=401))
            raise
        except CallFailed as error:
            return await self.give_up(error)

    async def give_up(self, error: CallFailed) -> State:
        """Record that patience has ended."""
        return await self.record(Entry.of_failure(self._unsettled, error.failure))

    @property
    def _unsettled(self) -> State:
        return State.UNKNOWN if self.undecided else State.FAILED

    async def record(self, *entries: Entry, **facts: Any) -> State:
        """Append to the journal, on disk at return; return the last state. `facts` are fields of `Record`."""
        record = Record(self.step.key, entries, decided=self.refused, **facts)
        self._announced = await self.work.journal.record(record)
        self._open += sum(entry.state is State.INTENT for entry in entries) - self.refused
        self.refused = 0
        return entries[-1].state

    async def may_pass(self, error: CallFailed) -> bool:
        """Whether a failure is a 404 that may pass; returns when it is time to ask again."""
        if error.failure.status != 404:
            return False
        if self._looks is None:
            self._looks = self.work.settle.looks()
        return await anext(self._looks, None) is not None

    async def still_announced(self) -> None:
        """Renew the intent if it was committed too long ago: the lock may be lost since.

        Raises:
            LockLost: it is; nothing was sent.
        """
        if ticks() - self._announced > INTENT_SECONDS:
            self.refused += 1
            await self.record(Entry(State.INTENT, "Announced again: the request could not leave at once."))

    async def send(self, **facts: Any) -> Answer:
        """Announce the step's write and send it, once. `facts` are committed with the intent."""
        await self.record(Entry(State.INTENT), **facts)
        self.undecided = True
        try:
            answer = await self.work.writer.send(
                self.kind.request(self.step), about_to_send=self.still_announced
            )
        except CallFailed as error:
            await self.judge_failure(error)
            raise
        self.undecided = False
        return answer

    async def judge_failure(self, error: CallFailed) -> None:
        """Note what a failed request says of itself: refused, or nobody knows."""
        if remedy_for(error.failure) is Remedy.READ_BACK:
            await self.record(Entry.of_failure(State.UNKNOWN, error.failure))
        else:
            self.refused += 1
            self.undecided = False

    def written(self, target_sid: str, before: Values, held: Values) -> OwnWrite:
        """Return what tells later whether a reading is older than this write."""
        return OwnWrite(self.kind.name, target_sid, self.step.service_sid, before, self.step.after, held)


class Update(Attempt):
    """Sets values of a resource that exists; sending it twice does no harm."""

    def __init__(self, work: Work, step: ReadyStep, state: StepState) -> None:
        kind = kind_of(step.kind)
        given_up = frozenset(state.given_up)
        super().__init__(work, kind.without(step, given_up), state)
        self._whole = step
        if state.overwritten is not None:
            # What the first reading has found is what this step writes over, whatever the plan knew.
            self.step = replace(self.step, before=state.overwritten)
        self._before: Values | None = state.overwritten
        self._doubtful: Values = {}
        self._counterpart: Counterpart | None = None
        self._refusals = 0

    @property
    def target_sid(self) -> str:
        """The resource that is written to: an item, or the service whose settings they are."""
        return self.step.target_sid or self.step.service_sid

    def as_found(self, found: Found, counterpart: Counterpart) -> None:
        """Note that the item was there already, though the plan did not know which one it is."""
        self._counterpart = counterpart
        if not self.step.before:
            self.step = replace(self.step, before=found.values)
            self._before = found.values

    async def once(self) -> State:
        """See `Attempt.once`."""
        if not self.step.after:
            return await self.record(Entry(State.SKIPPED, NOTHING_LEFT), counterpart=self._counterpart)
        if self.undecided or not self._is_known():
            settled = await self._look()
            if settled is not None:
                return settled
        try:
            # With the intent goes which item it is: found, not made, whatever becomes of the answer.
            answer = await self.send(
                overwritten=self._before, given_up=self._given_up(), counterpart=self._counterpart
            )
            return await self._judge(answer)
        except CallFailed as error:
            return await self._after_refusal(error)

    async def record(self, *entries: Entry, **facts: Any) -> State:
        """See `Attempt.record`. With a write that took effect goes what it went without, and what it wrote over."""
        if facts.get("own_write") is not None:
            facts.setdefault("given_up", self._given_up())
            facts.setdefault("overwritten", self._before)
        return await super().record(*entries, **facts)

    def _is_known(self) -> bool:
        # Of a kind with many items, this command has read no target but the one that each step reads.
        return not self.kind.many and bool(self.step.before) and self.work.is_fresh(self.step.source_sid)

    async def _look(self) -> State | None:
        """Read the target and decide; None means that the write is still to be sent."""
        live = await self.read()
        if not self.step.before:
            self._before = live
            self.step = replace(self.step, before=live)
        comparison = self.step.compare(live, self.kind.same)
        if comparison is Comparison.DONE:
            return await self._already(live)
        if comparison is Comparison.UNTOUCHED:
            return None
        if not self.work.bounds.allow_drift:
            message = DRIFTED_OR_ALTERED if self.undecided else DRIFTED
            return await self.record(Entry(State.DRIFTED, message, seen=live), counterpart=self._counterpart)
        if self.undecided or self.state.wrote:
            # It may be what Twilio has made of an earlier request of this step: the next answer tells.
            self._doubtful = live
        else:
            self._wrote_over(live)
        return None

    def _wrote_over(self, live: Values) -> None:
        """Note what was really there, not what the plan expected: a rollback restores it."""
        self._before = {**self.step.before, **live}
        self.step = replace(self.step, before=self._before)

    async def _already(self, live: Values) -> State:
        may_have_written = self.undecided or self.state.wrote
        # Also where nothing was to be written: what was right as it was tells later what somebody changes.
        own = self.written(self.target_sid, self.step.before if may_have_written else {}, live)
        entries = (Entry(State.APPLIED, ALREADY, seen=live), Entry(State.VERIFIED))
        return await self.record(*entries, counterpart=self._counterpart, own_write=own)

    async def read(self, own: OwnWrite | None = None) -> Values:
        """Read the step's resource, again while it may be stale: a 404, or a value that this database has replaced.

        Args:
            own: the write that has replaced it; the last one that is recorded if None.

        Raises:
            CallFailed: as `Kind.read`; a 404 only after the settle time.
        """
        own = own or self.work.last_write(self.step)
        async for is_last in self.work.settle.looks():
            payload = await self.work.settle.found(lambda: self.kind.read(self.work.writer, self.step))
            if is_last or own is None or not is_stale(self.kind, own, payload):
                break
        return self.kind.values(payload)

    async def _judge(self, answer: Answer) -> State:
        """The answer to a write is its first verification."""
        self.work.outages.pop(self.kind.name, None)
        held = self.kind.values(answer.payload)
        if theirs := {
            path: value
            for path, value in self._doubtful.items()
            if not self.kind.same(path, value, held.get(path))
        }:
            self._wrote_over(theirs)
        applied = Entry(State.APPLIED, status=answer.status, request_id=answer.request_id)
        own = self.written(self.target_sid, self.step.before, held)
        if self.step.compare(held, self.kind.same) is Comparison.DONE:
            return await self.record(applied, Entry(State.VERIFIED), own_write=own)
        altered = await self.record(applied, self._altered(held), own_write=own)
        unsure = replace(own, held={})
        return await self._settle_altered(unsure) if is_stale(self.kind, unsure, answer.payload) else altered

    async def _settle_altered(self, own: OwnWrite) -> State:
        """Tell a value that Twilio keeps differently from an answer that shows the old one for a moment."""
        held = await self.read(own)
        own = replace(own, held=held)
        if self.step.compare(held, self.kind.same) is Comparison.DONE:
            return await self.record(Entry(State.VERIFIED), own_write=own)
        return await self.record(self._altered(held), own_write=own)

    def _altered(self, held: Values) -> Entry:
        message = f"Twilio accepted the write and holds other values: {self.differences(held)}."
        return Entry(State.ALTERED, message, seen=held)

    def differences(self, held: Values) -> str:
        """Return what is held instead of what was sent, for a sentence."""
        return "; ".join(
            f"{path} is {held.get(path)!r} instead of {sent!r}"
            for path, sent in sorted(self.step.after.items())
            if not self.kind.same(path, held.get(path), sent)
        )

    def _given_up(self) -> tuple[str, ...]:
        """Return what the step goes without."""
        kept = set(self.kind.optional(self.step))
        return tuple(name for name in self.kind.optional(self._whole) if name not in kept)

    async def give_up(self, error: CallFailed) -> State:
        """See `Attempt.give_up`. Where the rest was refused too, it was not the optional values that were wrong.

        Raises:
            ChatUnavailable: one step after the other is refused as by an API that is gone.
        """
        refusal = await self._refusal(error)
        if refusal is Refusal.ITEM_GONE:
            # Nothing can be done about it, now or later, so it must not keep the run open.
            told = Entry.of_failure(State.SKIPPED, error.failure)
            return await self.record(replace(told, message=self.kind.gone))
        entry = Entry.of_failure(self._unsettled, error.failure)
        state = await self.record(entry, given_up=None if self.undecided else ())
        if refusal is Refusal.API_GONE:
            self.work.outages[self.kind.name] += 1
            if self.work.outages[self.kind.name] >= MOST_REFUSED:
                raise ChatUnavailable(
                    f"{self.kind.outage}: {error}. What was done is recorded; `chat-migrate status -o left.md` "
                    "lists what is left."
                )
        return state

    async def _refusal(self, error: CallFailed) -> Refusal:
        try:
            return await self.kind.refused(self.work.writer, self.step, error.failure)
        except CallFailed:
            return Refusal.OF_STEP

    async def _after_refusal(self, error: CallFailed) -> State:
        """Go on without the values that Twilio may refuse, if the step has any; else raise the error again."""
        if await self._may_pass(error):
            return await self.once()
        if error.failure.status != 400 or remedy_for(error.failure) is not Remedy.FAIL:
            raise error
        optional = self.kind.optional(self.step)
        if not optional:
            raise error
        self._refusals += 1
        if self._refusals > 1:
            # A single 400 may have been about something else: only the second one is about these values.
            self.step = self.kind.without(self.step, frozenset(optional))
        return await self.once()

    async def _may_pass(self, error: CallFailed) -> bool:
        """Whether a 404 on the write may pass: not where the whole API refuses."""
        return await self._refusal(error) is not Refusal.API_GONE and await self.may_pass(error)
