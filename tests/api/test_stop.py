"""The stop token: set from anywhere, heard at once."""

from __future__ import annotations

import asyncio
import signal
import threading

from migrate.core.stop import StopToken


def test_it_is_made_before_any_loop_and_heard_in_one():
    """A token that was set before the loop ran ends a wait before it begins."""
    stop = StopToken()
    assert stop.is_set() is False
    stop.set()
    assert asyncio.run(stop.wait(60)) is True


def test_a_wait_ends_by_time_as_well():
    """A wait that nobody ends returns after its time, and says so."""
    stop = StopToken()
    assert asyncio.run(stop.wait(0.01)) is False
    assert stop.is_set() is False


def test_another_thread_ends_every_wait():
    """All who wait hear a `set` from another thread."""
    stop = StopToken()

    async def whole():
        waits = [asyncio.ensure_future(stop.wait(60)) for _ in range(3)]
        await asyncio.sleep(0)
        threading.Thread(target=stop.set).start()
        return await asyncio.gather(*waits)

    assert asyncio.run(whole()) == [True, True, True]


def test_a_signal_handler_ends_a_wait():
    """A `set` in a signal handler wakes the loop that sleeps."""
    stop = StopToken()
    before = signal.signal(signal.SIGALRM, lambda *_: stop.set())
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    try:

        async def whole():
            return await asyncio.wait_for(stop.wait(), 20)

        assert asyncio.run(whole()) is True
    finally:
        signal.signal(signal.SIGALRM, before)


def test_it_outlives_its_loops():
    """One token serves a loop after the other; a `set` between two is heard in the second."""
    stop = StopToken()
    assert asyncio.run(stop.wait(0.01)) is False
    stop.set()
    assert asyncio.run(stop.wait()) is True
