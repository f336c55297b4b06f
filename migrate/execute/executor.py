"""Plan → Twilio: whatever is ready, side by side; a step that fails stops only what needs it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from weakref import WeakValueDictionary

from migrate.core.errors import Interrupted
from migrate.execute.creates import Create, attempt_for
from migrate.execute.evidence import prove_by_creation
from migrate.execute.work import Work
from migrate.kinds.registry import kind_of
from migrate.model.state import FRESH, Entry, Record, State, StepState
from migrate.model.step import ReadyStep, Step
from migrate.store import own_writes, runs
from migrate.store.frontier import Frontier

AHEAD = 4
"""Tasks beyond the requests that are let in at once: they read the plan and commit intents meanwhile.

To these come as many again as are let in: where a request takes as long as the two commits around it, half of all are
busy with the latter.
"""
FETCHED = 200
"""So many steps are read at once."""
MOST_PARKED = 1000
"""More tasks than these do not wait beside those at work: each takes memory."""

Told = Callable[[], None]
"""Is told of each step that has been worked on."""
Take = Callable[[Step, StepState], Awaitable[State]]


class Crew:
    """As many tasks as Twilio lets in at once, each working on one ready step after the other.

    A task that only waits for the settle time is parked, and does not count.
    """

    def __init__(self, work: Work, frontier: Frontier, take: Take, told: Told) -> None:
        self._work = work
        self._frontier = frontier
        self._take = take
        self._told = told
        self._tasks: set[asyncio.Task[None]] = set()
        self._ready: deque[tuple[Step, StepState]] = deque()
        self._parked = 0
        self._wake = asyncio.Event()
        self._error: BaseException | None = None

    @contextmanager
    def parked(self) -> Iterator[None]:
        """Let another task work while this one waits."""
        self._parked += 1
        self._wake.set()
        try:
            yield
        finally:
            self._parked -= 1

    async def work(self) -> None:
        """Work until nothing is ready and nobody is at work.

        Raises:
            BaseException: the first error of a task, or of reading the plan, after those at work have ended.
            Interrupted: the stop token was set.
        """
        try:
            await self._until_nobody_is_at_work()
        except BaseException:
            self._work.settle.stop.set()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            raise
        if self._error is not None:
            raise self._error
        if self._work.settle.stop.is_set():
            raise Interrupted("Interrupted.")

    async def _until_nobody_is_at_work(self) -> None:
        while True:
            self._wake.clear()
            started = self._start_ready()
            if not self._tasks:
                break
            if not started or self._places() <= 0:
                await self._wake.wait()

    def _places(self) -> int:
        at_work = len(self._tasks) - min(self._parked, MOST_PARKED)
        return 2 * self._work.writer.pace.limit + AHEAD - at_work

    def _start_ready(self) -> bool:
        places = self._places()
        if places <= 0 or self._error is not None or self._work.settle.stop.is_set():
            return False
        if len(self._ready) < places:
            self._fetch()
        started = min(places, len(self._ready))
        for _ in range(started):
            task = asyncio.create_task(self._one(*self._ready.popleft()))
            self._tasks.add(task)
            task.add_done_callback(self._ended)
        return bool(started)

    def _fetch(self) -> None:
        """Read what is ready, many steps with a few queries."""
        work, found = self._work, self._frontier.ready(FETCHED)
        states = runs.states_by_key(work.store, work.run, [step.key for step in found])
        work.last_writes.update(own_writes.to_steps(work.store, work.run.target_account_sid, found))
        self._ready.extend((step, states.get(step.key, FRESH)) for step in found)

    async def _one(self, step: Step, state: StepState) -> None:
        try:
            ended = await self._take(step, state)
        except BaseException:
            # At once: whoever waits for what this one holds must not go on.
            self._work.settle.stop.set()
            raise
        finally:
            self._work.last_writes.pop(step.key, None)
        if ended in self._work.run.settled:
            self._frontier.settled(step.key)
        else:
            self._frontier.left(step.key)
        self._told()

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = task.exception() if not task.cancelled() else None
        if error is not None and (self._error is None or isinstance(self._error, Interrupted)):
            self._error = error
        self._wake.set()


class Execution:
    """One session of a run."""

    def __init__(self, work: Work, frontier: Frontier, told: Told) -> None:
        self._crew = Crew(work, frontier, self._take, told)
        self._work = replace(work, settle=replace(work.settle, parked=self._crew.parked))
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._first_create = asyncio.Lock()

    async def run(self) -> None:
        """Do what is left of the run, as far as its bounds go; see `Crew.work` for what it raises."""
        await self._crew.work()

    async def _take(self, step: Step, state: StepState) -> State:
        """Take one step as far as it goes and return the state that was recorded last."""
        try:
            ready = step.resolved(self._work.counterparts(step.source_sid, step.refers_to))
        except KeyError as missing:
            message = f"It needs the counterpart of {missing.args[0]}, which is not known."
            await self._work.journal.record(Record(step.key, (Entry(State.FAILED, message),)))
            return State.FAILED
        attempt = attempt_for(self._work, ready, state)
        if not isinstance(attempt, Create):
            return await attempt.to_end()
        with self._crew.parked():
            turn = self._turns.setdefault(kind_of(step.kind).create_group(ready), asyncio.Lock())
            await turn.acquire()
        try:
            return await self._create(attempt, ready)
        finally:
            turn.release()

    async def _create(self, attempt: Create, step: ReadyStep) -> State:
        """Create; while nothing proves whose account it is, alone, and look at what was made."""
        if self._work.writer.account_proved:
            return await attempt.to_end()
        async with self._first_create:
            state = await attempt.to_end()
            made = self._work.counterparts(step.source_sid, [step.source_sid])
            if not self._work.writer.account_proved and step.source_sid in made:
                await prove_by_creation(self._work, made[step.source_sid])
            return state
