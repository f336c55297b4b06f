"""The settle time: how often it is looked again, and until when."""

from __future__ import annotations

import asyncio
import gc

import pytest

from migrate.core import settle
from migrate.core.errors import Interrupted
from migrate.core.settle import Settle
from migrate.core.stop import StopToken


class Waits(StopToken):
    """Notes how long somebody would wait, and moves the clock instead."""

    def __init__(self, monkeypatch):
        super().__init__()
        self.now, self.seconds = 100.0, []
        monkeypatch.setattr(settle, "ticks", lambda: self.now)

    async def wait(self, timeout=None):
        """Wait for nothing."""
        self.seconds.append(round(timeout, 6))
        self.now += timeout
        return self.is_set()


async def every_look(looks):
    """All that it yields."""
    return [is_last async for is_last in looks]


def test_looks_come_at_growing_intervals_and_the_last_one_says_so(monkeypatch):
    """At once, then after twice as long each time, up to eight seconds; the last when the time has passed."""
    waits = Waits(monkeypatch)
    looks = asyncio.run(every_look(Settle(20.0, waits).looks()))
    assert looks == [False] * 7 + [True]
    assert waits.seconds == [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 7.4]


def test_a_time_that_has_passed_leaves_one_look(monkeypatch):
    """Without a settle time, or long after what it counts from, the first look is the last."""
    waits = Waits(monkeypatch)
    assert asyncio.run(every_look(Settle(0.0, waits).looks())) == [True]
    assert asyncio.run(every_look(Settle(60.0, waits).looks(since=30.0))) == [True]
    assert waits.seconds == []


def test_a_stop_ends_the_wait(monkeypatch):
    """Once stopped, nobody looks again."""
    waits = Waits(monkeypatch)
    waits.set()
    with pytest.raises(Interrupted):
        asyncio.run(every_look(Settle(60.0, waits).looks()))


def test_looks_that_are_left_early_leave_nothing_to_be_closed():
    """Most loops end with the first look: an event loop must not have to make a task for each of them."""

    async def whole():
        async for _ in Settle(60.0, StopToken()).looks():
            break
        gc.collect()
        return len(asyncio.all_tasks())

    assert asyncio.run(whole()) == 1
