"""The settle time: how long what Twilio answers may lag behind what was done."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TypeVar

from migrate.core.clock import ticks
from migrate.core.errors import CallFailed, Interrupted
from migrate.core.stop import StopToken

Result = TypeVar("Result")

FIRST_PAUSE = 0.2
LONGEST_PAUSE = 8.0


@dataclass(frozen=True)
class Settle:
    """How long, and how often, to look again before something counts as not there.

    Attributes:
        parked: what a task enters while it waits, so that others may work meanwhile.
    """

    seconds: float
    stop: StopToken
    parked: Callable[[], AbstractContextManager[None]] = nullcontext

    def looks(self, since: float | None = None) -> AsyncIterator[bool]:
        """Yield at once and then at growing intervals; True with the last look, after the settle time has passed.

        Args:
            since: `clock.ticks` of the moment from which the settle time counts; now if None.

        Raises:
            Interrupted: the stop token was set.
        """
        return _Looks(self, (ticks() if since is None else since) + self.seconds)

    async def found(self, ask: Callable[[], Awaitable[Result]]) -> Result:
        """Return what `ask` answers; a 404 is asked again until the settle time has passed.

        Raises:
            CallFailed: as `ask`.
            Interrupted: the stop token was set.
        """
        async for is_last in self.looks():
            try:
                return await ask()
            except CallFailed as error:
                if is_last or error.failure.status != 404:
                    raise
        raise AssertionError("the last look either answers or fails")


class _Looks(AsyncIterator[bool]):
    """See `Settle.looks`; no generator, because an event loop has to close one that is left before its end."""

    def __init__(self, settle: Settle, ends: float) -> None:
        self._settle = settle
        self._ends = ends
        self._pause = 0.0
        self._was_last = False

    async def __anext__(self) -> bool:
        if self._was_last:
            raise StopAsyncIteration
        if self._pause:
            with self._settle.parked():
                if await self._settle.stop.wait(min(self._pause, max(self._ends - ticks(), 0.01))):
                    raise Interrupted("Interrupted.")
        self._pause = min(self._pause * 2 or FIRST_PAUSE, LONGEST_PAUSE)
        self._was_last = self._ends <= ticks()
        return self._was_last
