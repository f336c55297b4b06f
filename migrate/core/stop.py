"""The request to stop: made by a signal or another thread, heard by everything that waits."""

from __future__ import annotations

import asyncio
from contextlib import suppress


class StopToken:
    """Says whether work is to end. Made anywhere, also before an event loop runs; set from anywhere."""

    def __init__(self) -> None:
        self._is_set = False
        self._waiting: set[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = set()

    def set(self) -> None:
        """Ask for the end. Safe in a signal handler and in any thread."""
        self._is_set = True
        for loop, event in list(self._waiting):
            # A loop that was closed in the meantime has nobody left who waits.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(event.set)

    def is_set(self) -> bool:
        """Return whether the end was asked for."""
        return self._is_set

    async def wait(self, timeout: float | None = None) -> bool:
        """Wait until the end is asked for, for at most `timeout` seconds; return `is_set()`."""
        waiting = (asyncio.get_running_loop(), asyncio.Event())
        self._waiting.add(waiting)
        try:
            # Only now: a `set` from another thread between the question and the entry would be missed.
            if not self._is_set:
                await asyncio.wait_for(waiting[1].wait(), timeout)
        except asyncio.TimeoutError:
            pass
        finally:
            self._waiting.discard(waiting)
        return self._is_set
