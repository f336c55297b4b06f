"""Undoer a run, newest step first, journaled and resumable like the run itself.

A value is restored only where the target still holds what the run wrote; what someone changed since is left
and reported as drifted. What the run created is removed only on demand, and only while it is as the run left it.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

from migrate.api.gateway import Remover
from migrate.api.messages import Answer, Calls, Surface
from migrate.core.errors import CallFailed
from migrate.execute.attempts import DRIFTED_OR_ALTERED, Attempt, Update
from migrate.execute.executor import Crew, Told
from migrate.execute.undo import Undoer, Undoes
from migrate.execute.work import Work
from migrate.kinds.reading import Knowledge, read_image
from migrate.kinds.registry import kind_of, planned_kinds
from migrate.model.image import TargetImage
from migrate.model.state import Entry, OwnWrite, Record, Run, State, StepState
from migrate.model.step import Comparison, ReadyStep, Step, agree
from migrate.store import own_writes, runs
from migrate.store.frontier import Frontier

AS_BEFORE = "The target already holds the earlier values."
CHANGED_SINCE = "Someone has changed this since the run; it was left unchanged."


class RollBack:
    """One session of a rollback."""

    def __init__(self, work: Work, undone: Run, frontier: Frontier, told: Told) -> None:
        self._crew = Crew(work, frontier, self._take, told)
        self._work = replace(work, settle=replace(work.settle, parked=self._crew.parked))
        self._undone = undone
        # Steps of one service follow one another: what its pairs are is asked once for many of them.
        self._undoer = lru_cache(maxsize=64)(self._undoer_of)

    async def run(self) -> None:
        """Do what is left of the rollback; see `Crew.work` for what it raises."""
        await self._crew.work()

    def _undoer_of(self, source_sid: str) -> Undoer:
        delete_created = bool(self._work.run.options.get("delete_created"))
        return Undoer(self._work.store, self._undone, source_sid, delete_created=delete_created)

    async def _take(self, step: Step, state: StepState) -> State:
        written = runs.state(self._work.store, self._undone, step.key)
        undo = self._undoer(step.source_sid).of(step, written)
        if undo.ready is None:
            entry = Entry(State.SKIPPED, " ".join(reason.text for reason in undo.reasons))
            await self._work.journal.record(Record(step.key, (entry,)))
            return entry.state
        if undo.how is Undoes.REMOVE:
            return await Remove(self._work, undo.ready, state).to_end()
        was_lost = written is not None and (written.attempts > 1 or written.undecided > 0)
        return await Restore(self._work, undo.ready, state, was_lost=was_lost).to_end()


class Restore(Update):
    """Writes a before-image back where the target still holds what the run wrote.

    Args:
        work: what writing needs.
        step: the inverse of a step.
        state: where it stands in the rollback.
        was_lost: whether an answer to the run was lost: what it has sent may take effect until the settle time has
            passed.
    """

    def __init__(self, work: Work, step: ReadyStep, state: StepState, *, was_lost: bool) -> None:
        super().__init__(work, step, state)
        self._was_lost = was_lost

    async def once(self) -> State:
        """See `Attempt.once`. It always reads first: a run may be old."""
        live = await self.read()
        if self.step.compare(live, self.kind.same) is Comparison.OTHER:
            message = DRIFTED_OR_ALTERED if self.undecided else CHANGED_SINCE
            return await self.record(Entry(State.DRIFTED, message, seen=live))
        # Also where the earlier values are shown already: that may be an old reading, and sending does no harm.
        answer = await self._restore()
        if self._was_lost:
            answer = await self._restored_for_good(answer)
        held = self.kind.values(answer.payload)
        entry = Entry(State.ROLLED_BACK, status=answer.status, request_id=answer.request_id)
        if not agree(held, self.step.after, self.step.after, self.kind.same):
            message = f"Twilio holds other values than the earlier ones: {self.differences(held)}."
            entry = replace(entry, message=message, seen=held)
        return await self.record(entry, own_write=self._own(answer))

    async def _restored_for_good(self, answer: Answer) -> Answer:
        """Restore again whatever an earlier request changes until the settle time has passed."""
        async for _ in self.work.settle.looks(self.work.begun):
            live = self.kind.values(await self.kind.read(self.work.writer, self.step))
            if not agree(live, self.kind.values(answer.payload), self.step.after, self.kind.same):
                answer = await self._restore()
        return answer

    async def _restore(self) -> Answer:
        answer = await self.send()
        if self._was_lost:
            entry = Entry(State.APPLIED, status=answer.status, request_id=answer.request_id)
            await self.record(entry, own_write=self._own(answer))
        return answer

    def _own(self, answer: Answer) -> OwnWrite:
        return self.written(self.target_sid, self.step.before, self.kind.values(answer.payload))


class Remove(Attempt):
    """Deletes what the run has created, while it is as the run left it: a service, without conversations and users."""

    async def once(self) -> State:
        """See `Attempt.once`. Deleting twice does no harm: what is gone is gone."""
        sid = self.step.target_sid
        if sid is None or await self._is_gone():
            return await self._removed(sid)
        if not await self._is_as_the_run_left_it(sid):
            return await self.record(Entry(State.DRIFTED, CHANGED_SINCE))
        await self._delete(self.kind.removal(self.step, sid))
        return await self._removed(sid)

    async def _delete(self, path: str) -> None:
        if not isinstance(self.work.writer, Remover):
            raise AssertionError("this rollback was not asked to remove anything")
        await self.record(Entry(State.INTENT))
        self.undecided = True
        try:
            await self.work.writer.delete(Surface.CONVERSATIONS, path, about_to_send=self.still_announced)
        except CallFailed as error:
            if error.failure.status != 404 or not await self._is_gone():
                await self.judge_failure(error)
                raise

    async def _removed(self, sid: str | None) -> State:
        return await self.record(Entry(State.ROLLED_BACK), removed=sid)

    async def _is_gone(self) -> bool:
        """Whether a 404 lasts: one that passes proves nothing."""
        async for _ in self.work.settle.looks():
            try:
                await self.kind.read(self.work.writer, self.step)
            except CallFailed as error:
                if error.failure.status != 404:
                    raise
            else:
                return False
        return True

    async def _is_as_the_run_left_it(self, sid: str) -> bool:
        if self.step.item_sid != self.step.source_sid:
            own = own_writes.own_write(self.work.store, self.work.run.target_account_sid, self.kind.name, sid)
            held = self.kind.values(await self.kind.read(self.work.writer, self.step))
            return own is None or agree(held, own.held, own.held, self.kind.same)
        return await is_untouched(self.work, sid) and not await self._in_use(sid)

    async def _in_use(self, sid: str) -> bool:
        """Ask again while a list of the service is not there: that may pass, and says nothing of what it holds."""
        async for is_last in self.work.settle.looks():
            try:
                return await self.kind.in_use(self.work.writer, sid)
            except CallFailed as error:
                if is_last or error.failure.status != 404:
                    raise
        return True


async def is_untouched(work: Work, service_sid: str) -> bool:
    """Whether a service that the run has made holds what the run gave it, and nothing else."""
    account_sid = work.run.target_account_sid
    known = Knowledge.of(work.store, account_sid, service_sid, exists=True)
    kinds = planned_kinds(work.plan.options)
    image = await read_image(work.writer, kinds, service_sid, known, work.settle)
    if not image.exists:
        return False
    return all(_is_as_written(write, image) for write in known.own_writes) and not any(
        kind.is_touched(image.payloads[kind.name], _known(known.own_writes, kind.name))
        for kind in kinds
        if kind.name in image.payloads
    )


def _known(own: tuple[OwnWrite, ...], kind: str) -> frozenset[str]:
    return frozenset(write.target_sid for write in own if write.kind == kind)


def _is_as_written(own: OwnWrite, image: TargetImage) -> bool:
    if own.kind not in image.payloads:
        return True
    kind = kind_of(own.kind)
    resource = kind.part(image.payloads[own.kind], own.target_sid)
    return resource is not None and agree(kind.values(resource), own.held, own.held, kind.same)


async def preview(calls: Calls, how: Undoes, ready: ReadyStep) -> Entry:
    """Return what would become of one step if it were rolled back now; only reads.

    Raises:
        CallFailed: as `Kind.read`.
    """
    if how is Undoes.REMOVE:
        return Entry(State.PLANNED)
    kind = kind_of(ready.kind)
    live = kind.values(await kind.read(calls, ready))
    comparison = ready.compare(live, kind.same)
    return Entry(State.DRIFTED, CHANGED_SINCE) if comparison is Comparison.OTHER else Entry(State.PLANNED)
