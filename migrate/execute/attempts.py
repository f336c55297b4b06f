"""The tries of one step, and the order in which each of them goes about it:

    1. read the target, unless this command has read it moments ago; done → applied, someone else's value → drifted
    2. commit the intent
    3. send, at once
    4. commit the outcome; the answer to a write is its first verification

A reading proves little while it may be stale, and a list proves nothing by what it lacks, until the settle time has
passed (DESIGN §6). A create has no idempotency key at Twilio: what lost answers may have made is looked for by name,
among what was not there before, is no source, and stands for nothing else.
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
from migrate.model.state import CREATED, FOUND, Counterpart, Entry, OwnWrite, Record, State, StepState
from migrate.model.step import Action, Comparison, ReadyStep, Values
from migrate.store import counterparts, own_writes

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
FRESH = StepState(Entry(State.PLANNED), session=0)


class Attempt(ABC):
    """The tries of one step; `undecided` says whether a request of it may have had an unseen effect."""

    def __init__(self, work: Work, step: ReadyStep, state: StepState) -> None:
        self.work = work
        self.kind = kind_of(step.kind)
        self.step = step
        self.state = state
        self.undecided = state.undecided > 0
        self._announced = 0.0
        self._refused = 0

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
        record = Record(self.step.key, entries, decided=self._refused, **facts)
        self._announced = await self.work.journal.record(record)
        self._refused = 0
        return entries[-1].state

    async def still_announced(self) -> None:
        """Renew the intent if it was committed too long ago: the lock may be lost since.

        Raises:
            LockLost: it is; nothing was sent.
        """
        if ticks() - self._announced > INTENT_SECONDS:
            self._refused = 1
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
            await self._judge_failure(error)
            raise
        self.undecided = False
        return answer

    async def _judge_failure(self, error: CallFailed) -> None:
        if remedy_for(error.failure) is Remedy.READ_BACK:
            await self.record(Entry.of_failure(State.UNKNOWN, error.failure))
        else:
            self._refused += 1
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
        self._counterpart: Counterpart | None = None
        self._refusals = 0
        self._missing: AsyncIterator[bool] | None = None

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
            answer = await self.send(overwritten=self._before, given_up=self._given_up())
            return await self._judge(answer)
        except CallFailed as error:
            return await self._after_refusal(error)

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
            self.undecided = False
            return None
        if not self.work.bounds.allow_drift:
            message = DRIFTED_OR_ALTERED if self.undecided else DRIFTED
            return await self.record(Entry(State.DRIFTED, message, seen=live), counterpart=self._counterpart)
        # A rollback restores what was really there, not what the plan expected.
        self.undecided = False
        self._before = live
        self.step = replace(self.step, before=live)
        return None

    async def _already(self, live: Values) -> State:
        own = self.written(self.target_sid, self.step.before, live) if self.state.wrote else None
        entries = (Entry(State.APPLIED, ALREADY, seen=live), Entry(State.VERIFIED))
        return await self.record(*entries, counterpart=self._counterpart, own_write=own)

    async def read(self) -> Values:
        """Read the step's resource, again while it may be stale: a 404, or a value that this database has replaced.

        Raises:
            CallFailed: as `Kind.read`; a 404 only after the settle time.
        """
        own = own_writes.own_write(
            self.work.store, self.work.run.target_account_sid, self.kind.name, self.target_sid
        )
        async for is_last in self.work.settle.looks():
            try:
                payload = await self.kind.read(self.work.writer, self.step)
            except CallFailed as error:
                if is_last or error.failure.status != 404:
                    raise
                continue
            if is_last or own is None or not is_stale(self.kind, own, payload):
                break
        return self.kind.values(payload)

    async def _judge(self, answer: Answer) -> State:
        """The answer to a write is its first verification."""
        self.work.outages.pop(self.kind.name, None)
        held = self.kind.values(answer.payload)
        applied = Entry(State.APPLIED, status=answer.status, request_id=answer.request_id)
        if self.step.compare(held, self.kind.same) is Comparison.DONE:
            own = self.written(self.target_sid, self.step.before, held)
            return await self.record(
                applied, Entry(State.VERIFIED), counterpart=self._counterpart, own_write=own
            )
        # What is held is not known yet: the answer may show the old value for a moment.
        own = self.written(self.target_sid, self.step.before, {})
        await self.record(applied, counterpart=self._counterpart, own_write=own)
        return await self._settle_altered()

    async def _settle_altered(self) -> State:
        """Tell a value that Twilio keeps differently from an answer that shows the old one for a moment."""
        held = await self.read()
        own = self.written(self.target_sid, self.step.before, held)
        if self.step.compare(held, self.kind.same) is Comparison.DONE:
            return await self.record(Entry(State.VERIFIED), own_write=own)
        message = f"Twilio accepted the write and holds other values: {self.differences(held)}."
        return await self.record(Entry(State.ALTERED, message, seen=held), own_write=own)

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
        if error.failure.status == 404 and await self._may_pass(error):
            await self.read()
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
        """Wait, longer each time, after a 404 on the write; False if it was asked again for as long as it may pass."""
        if await self._refusal(error) is Refusal.API_GONE:
            return False
        if self._missing is None:
            self._missing = self.work.settle.looks()
        return not await anext(self._missing, True)


class Locate(Update):
    """Sets values of something that Twilio makes by itself, and that has to be found by its name first."""

    async def once(self) -> State:
        """See `Attempt.once`. It is waited for, and never created."""
        if self.step.target_sid is None:
            found = await self._find()
            if found is None:
                message = (
                    f"{self.kind.name} {self.kind.title(self.step)!r} did not appear in the new Service."
                )
                return await self.record(Entry(State.FAILED, message))
            counterpart = self.kind.counterpart(self.step, found.sid, FOUND)
            self.step = replace(self.step, target_sid=found.sid)
            self.as_found(found, counterpart)
        return await super().once()

    async def _find(self) -> Found | None:
        async for _ in self.work.settle.looks():
            found = await candidates(self.work, self.step, frozenset())
            if len(found) == 1:
                return found[0]
        return None


class Create(Attempt):
    """Creates something, once. Creates that Twilio could not tell apart must be made one after the other."""

    def __init__(self, work: Work, step: ReadyStep, state: StepState) -> None:
        super().__init__(work, step, state)
        self._known = frozenset(state.known) if state.known is not None else None
        # A request of an earlier session may be under way until now.
        self._under_way_until: float | None = ticks() if self.undecided else None
        self._was_lost = self.undecided
        self._there_already: Update | None = None

    async def once(self) -> State:
        """See `Attempt.once`."""
        if self._there_already is not None:
            return await self._update(self._there_already)
        if self._under_way_until is not None:
            state = await self._after_lost_answers()
            if state is not None:
                return state
        found = await candidates(self.work, self.step, frozenset())
        if self._known is None:
            if found and self.kind.named:
                return await self._take(found)
            self._known = frozenset(each.sid for each in found)
        try:
            answer = await self.send(known=tuple(sorted(self._known)))
        except CallFailed as error:
            return await self._after_failure(error)
        return await self._made(answer)

    async def _take(self, found: list[Found]) -> State:
        """Take what is there already under this name; from here on it is an update like any other."""
        if len(found) > 1:
            return await self.record(Entry(State.UNKNOWN, self._ambiguous(found)))
        sid = found[0].sid
        self._there_already = Update(self.work, replace(self.step, target_sid=sid), self.state)
        self._there_already.as_found(found[0], self.kind.counterpart(self.step, sid, FOUND))
        return await self._update(self._there_already)

    async def _update(self, update: Update) -> State:
        try:
            return await update.once()
        finally:
            self.undecided = update.undecided

    async def _after_lost_answers(self) -> State | None:
        """Look for what lost answers may have made; None if nothing appeared within the settle time."""
        async for _ in self.work.settle.looks(self._under_way_until):
            found = await candidates(self.work, self.step, self._known or frozenset())
            if len(found) > 1:
                return await self.record(Entry(State.UNKNOWN, self._ambiguous(found)))
            if found:
                return await self._adopt(found[0])
        self._under_way_until = None
        self.undecided = False
        return None

    async def _adopt(self, found: Found) -> State:
        """Take what a lost answer has made as this step's own."""
        counterpart = self.kind.counterpart(self.step, found.sid, CREATED)
        own = self._own(found.sid, found.values)
        applied = Entry(State.APPLIED, "Found: an earlier request had created it.", seen={"sid": found.sid})
        return await self.record(
            *self._verdict(applied, found.values), counterpart=counterpart, own_write=own
        )

    async def _made(self, answer: Answer) -> State:
        sid = self.kind.made(answer.payload)
        held = self.kind.values(answer.payload)
        self._under_way_until = None
        applied = Entry(State.APPLIED, status=answer.status, request_id=answer.request_id)
        counterpart = self.kind.counterpart(self.step, sid, CREATED)
        entries = self._verdict(applied, held)
        return await self.record(*entries, counterpart=counterpart, own_write=self._own(sid, held))

    def _own(self, sid: str, held: Values) -> OwnWrite:
        own = self.written(sid, {}, held)
        return replace(own, service_sid=self.kind.counterpart(self.step, sid, CREATED).target_service_sid)

    def _verdict(self, applied: Entry, held: Values) -> tuple[Entry, Entry]:
        if self.step.compare(held, self.kind.same) is Comparison.DONE:
            return applied, Entry(State.VERIFIED)
        return applied, Entry(State.ALTERED, f"Twilio keeps it as {dict(held)!r}.", seen=held)

    async def _after_failure(self, error: CallFailed) -> State:
        """An answer to one request decides nothing about another whose answer was lost."""
        remedy = remedy_for(error.failure)
        if remedy is Remedy.READ_BACK:
            self._under_way_until, self._was_lost = ticks(), True
        elif remedy is Remedy.FAIL and self._was_lost:
            self._under_way_until = ticks()
            state = await self._after_lost_answers()
            if state is not None:
                return state
        raise error

    async def give_up(self, error: CallFailed) -> State:
        """See `Attempt.give_up`: patience may end in the middle of a settled look."""
        if self._was_lost:
            self._under_way_until = self._under_way_until or ticks()
            try:
                state = await self._after_lost_answers()
            except CallFailed:
                self.undecided = True
            else:
                if state is not None:
                    return state
        return await super().give_up(error)

    def _ambiguous(self, found: list[Found]) -> str:
        sids = ", ".join(sorted(each.sid for each in found))
        return (
            f"Twilio has {len(found)} items named {self.kind.title(self.step)!r} ({sids}), and it is not certain which "
            "of them this run has made. Look at them in the Console, delete what is not wanted, then run "
            "`chat-migrate resume`."
        )


async def candidates(work: Work, step: ReadyStep, known: frozenset[str]) -> list[Found]:
    """Return what may be a step's item: of its name, not known before, no source, and standing for nothing else."""
    found = [each for each in await kind_of(step.kind).look_for(work.writer, step) if each.sid not in known]
    sids = [each.sid for each in found]
    taken = counterparts.is_claimed(work.store, work.run.target_account_sid, sids)
    taken |= counterparts.are_sources(work.store, sids)
    return [each for each in found if each.sid not in taken]


def attempt_for(work: Work, step: ReadyStep, state: StepState | None) -> Attempt:
    """Return how a step is attempted: by what it does, whatever its kind."""
    if step.target_sid is not None or step.action is Action.MIGRATE:
        return Update(work, step, state or FRESH)
    made = Create if step.action is Action.CREATE else Locate if _has_a_name(step) else Update
    return made(work, step, state or FRESH)


def _has_a_name(step: ReadyStep) -> bool:
    """Whether the item is one of many in its service, which has to be found; settings are the service's own."""
    return step.item_sid != step.source_sid
