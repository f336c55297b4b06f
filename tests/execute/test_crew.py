"""How many steps are worked on side by side."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

from migrate.core.settle import Settle
from migrate.core.stop import StopToken
from migrate.execute.executor import Crew
from migrate.model.state import State


class Ready:
    """Thirty steps that need nothing; it notes how each was reported back."""

    def __init__(self):
        self.steps = [SimpleNamespace(key=f"step {number}") for number in range(30)]
        self.ended = []

    def ready(self, limit):
        """The next steps."""
        given, self.steps = self.steps[:limit], self.steps[limit:]
        return given

    def settled(self, key):
        """A step is done."""
        self.ended.append(key)

    left = settled


@pytest.fixture
def most(monkeypatch):
    """Works on all thirty steps, four requests at once; returns the most that were at work at the same moment."""
    monkeypatch.setattr("migrate.execute.executor.runs.states_by_key", lambda *_: {})

    def measured(waits=0):
        at_work, counts, ready = set(), [], Ready()
        work = SimpleNamespace(
            settle=Settle(0.0, StopToken()),
            writer=SimpleNamespace(pace=SimpleNamespace(limit=4)),
            store=None,
            run=SimpleNamespace(settled={State.VERIFIED}),
        )

        async def take(step, _state):
            at_work.add(step.key)
            counts.append(len(at_work))
            if len(counts) <= waits:
                with crew.parked():
                    await asyncio.sleep(0.02)
            else:
                await asyncio.sleep(0.02)
            at_work.discard(step.key)
            return State.VERIFIED

        crew = Crew(work, ready, take, lambda: None)
        asyncio.run(crew.work())
        assert sorted(ready.ended) == sorted(f"step {number}" for number in range(30))
        return max(counts)

    return measured


def test_half_as_many_again_and_four_are_at_work(most):
    """Where four requests are let in at once, ten tasks are at work: six of them read the plan or commit."""
    assert most() == 10


def test_who_waits_for_the_settle_time_leaves_the_place_to_another(most):
    """Of thirteen tasks, three only wait."""
    assert most(waits=3) == 13
