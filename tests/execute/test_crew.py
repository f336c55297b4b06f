"""The crew: how many steps are worked on at once."""

from __future__ import annotations

import asyncio
import sqlite3
from types import SimpleNamespace

import pytest

from migrate.core.stop import StopToken
from migrate.execute import executor
from migrate.execute.executor import Crew
from migrate.model.state import SETTLED, State
from migrate.model.step import Action, Step


class Steps:
    """A frontier on which so many steps are ready, none of which any other needs."""

    def __init__(self, number):
        self._left = [
            Step(f"{n}", "thing", Action.UPDATE, "IS1", f"CH{n}", "IS1", f"CH{n}", {}, {})
            for n in range(number)
        ]

    def ready(self, limit):
        """The next ones."""
        found, self._left = self._left[:limit], self._left[limit:]
        return found

    def settled(self, key):
        """Nobody needs it."""


def work_with(limit):
    """Work where Twilio lets `limit` requests in."""
    return SimpleNamespace(
        store=SimpleNamespace(rows=lambda _sql, **_values: []),
        run=SimpleNamespace(id=1, target_account_sid="AC1", settled=SETTLED),
        writer=SimpleNamespace(pace=SimpleNamespace(limit=limit)),
        settle=SimpleNamespace(stop=StopToken()),
        last_writes={},
    )


def most_at_once(steps, limit, *, parked=0):
    """The most steps that are at work, and that wait, at once, where Twilio lets `limit` requests in.

    Of `steps` steps, the first `parked` do nothing but wait.
    """
    work = work_with(limit)
    at_once, most = [0, 0], [0, 0]

    async def take(step, _state):
        waits = int(step.key) < parked
        at_once[waits] += 1
        most[waits] = max(most[waits], at_once[waits])
        if waits:
            with crew.parked():
                await asyncio.sleep(0.02)
        else:
            await asyncio.sleep(0.001)
        at_once[waits] -= 1
        return State.VERIFIED

    crew = Crew(work, Steps(steps), take, lambda: None)
    asyncio.run(crew.work())
    assert (at_once, work.last_writes) == ([0, 0], {})
    return most


def test_twice_as_many_steps_as_requests_are_worked_on():
    """While some wait for a commit others send, and a few more read the plan: 2 * 10 + 4."""
    assert most_at_once(100, 10) == [24, 0]


def test_those_that_only_wait_make_room_for_others():
    """A step that waits for the settle time does not count, and makes room for one other, not for more."""
    assert most_at_once(100, 10, parked=100) == [0, 100]
    assert most_at_once(100, 10, parked=50) == [24, 50]


def test_not_all_of_a_million_wait_side_by_side(monkeypatch):
    """Each step that waits takes memory, so beyond a number they count."""
    monkeypatch.setattr(executor, "MOST_PARKED", 30)
    assert most_at_once(100, 10, parked=100) == [0, 30 + 24]


def test_a_plan_that_cannot_be_read_on_lets_those_at_work_end():
    """Where the database fails between two steps, the error comes after those at work have recorded what they did."""
    work, ended = work_with(2), []

    class Failing(Steps):
        def ready(self, limit):
            if not self._left:
                raise sqlite3.OperationalError("disk I/O error")
            return super().ready(limit)

    async def take(step, _state):
        await asyncio.sleep(0.01)
        ended.append(step.key)
        return State.VERIFIED

    with pytest.raises(sqlite3.OperationalError, match="disk I/O error"):
        asyncio.run(Crew(work, Failing(3), take, lambda: None).work())
    assert sorted(ended) == ["0", "1", "2"]
    assert work.settle.stop.is_set()
