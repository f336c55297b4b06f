"""The tries of a step whose item is not known yet: found by its name where Twilio makes it, or created, once.

A create has no idempotency key at Twilio, and a list proves nothing by what it lacks until the settle time has passed
(DESIGN §6): what lost answers may have made is looked for by name, among what was not there before, is no source, and
stands for nothing else.
"""

from __future__ import annotations

from dataclasses import replace

from migrate.api.messages import Answer
from migrate.api.retry import Remedy, remedy_for
from migrate.core.clock import ticks
from migrate.core.errors import CallFailed
from migrate.execute.attempts import Attempt, Update
from migrate.execute.work import Work
from migrate.kinds.base import Found
from migrate.kinds.registry import kind_of
from migrate.model.state import CREATED, FOUND, Entry, OwnWrite, State, StepState
from migrate.model.step import Action, Comparison, ReadyStep, Values
from migrate.store import counterparts


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
            if self.step.compare(found.values, self.kind.same) is Comparison.DONE:
                return await self._already(found.values)
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
        # What was there before counts for as long as a request may have made something since.
        self._known = frozenset(state.known) if self.undecided and state.known is not None else None
        # A request of an earlier session may have been under way until this one has begun.
        self._under_way_until: float | None = work.begun if self.undecided else None
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
        if self._known is None:
            found = await candidates(self.work, self.step, frozenset())
            if found and self.kind.named:
                return await self._take(found)
            self._known = frozenset(each.sid for each in found)
        return await self._create(self._known)

    async def _create(self, known: frozenset[str]) -> State:
        try:
            return await self._made(await self.send(known=tuple(sorted(known))))
        except CallFailed as error:
            if remedy_for(error.failure) is Remedy.READ_BACK:
                self._under_way_until, self._was_lost = ticks(), True
            elif await self.may_pass(error):
                return await self._create(known)
            raise

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
            self.undecided, self.refused = update.undecided, update.refused

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

    async def give_up(self, error: CallFailed) -> State:
        """See `Attempt.give_up`. An answer to one request decides nothing about another whose answer was lost."""
        if self._was_lost:
            self._under_way_until = self._under_way_until or ticks()
            try:
                state = await self._after_lost_answers()
            except CallFailed:
                return await super().give_up(error)
            if state is not None:
                return state
            self._was_lost, self.refused = False, self._open
        return await super().give_up(error)

    @property
    def _unsettled(self) -> State:
        return State.UNKNOWN if self.undecided or self._was_lost else State.FAILED

    def _ambiguous(self, found: list[Found]) -> str:
        sids = ", ".join(sorted(each.sid for each in found))
        return (
            f"Twilio has {len(found)} items named {self.kind.title(self.step)!r} ({sids}), and it is not certain which "
            "of them this run has made. Look at them in the Console, delete what is not wanted, then run "
            "`chat-migrate resume`."
        )


async def candidates(work: Work, step: ReadyStep, known: frozenset[str]) -> list[Found]:
    """Return what may be a step's item: of its name, not known before, no source, and standing for nothing else.

    Raises:
        CallFailed: as `Kind.look_for`; a 404 only after the settle time.
    """
    listed = await work.settle.found(lambda: kind_of(step.kind).look_for(work.writer, step))
    found = [each for each in listed if each.sid not in known]
    sids = [each.sid for each in found]
    taken = counterparts.is_claimed(work.store, work.run.target_account_sid, sids)
    taken |= counterparts.are_sources(work.store, sids)
    return [each for each in found if each.sid not in taken]


def attempt_for(work: Work, step: ReadyStep, state: StepState) -> Attempt:
    """Return how a step is attempted: by what it does, whatever its kind."""
    if step.target_sid is not None or step.action is Action.MIGRATE:
        return Update(work, step, state)
    made = Create if step.action is Action.CREATE else Locate if _has_a_name(step) else Update
    return made(work, step, state)


def _has_a_name(step: ReadyStep) -> bool:
    """Whether the item is one of many in its service, which has to be found; settings are the service's own."""
    return step.item_sid != step.source_sid
