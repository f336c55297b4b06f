"""How many requests may be under way at once: found out, not guessed.

Additive increase, multiplicative decrease, as TCP does it. Until the first 429 the limit doubles per
round trip; after it, it grows by about one per round trip and falls by a third at each new 429.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

FIRST_LIMIT = 4.0
DECREASE = 0.7


class Pace:
    """A gate that all requests of a run pass. Safe to share between threads.

    Args:
        ceiling: the limit never exceeds this number of requests.
    """

    def __init__(self, ceiling: int) -> None:
        self.ceiling = max(1, ceiling)
        self._limit = min(FIRST_LIMIT, float(self.ceiling))
        self._probing = True
        self._busy = 0
        self._epoch = 0
        self._free = threading.Condition()

    @property
    def limit(self) -> int:
        """The number of requests allowed at once, at this moment."""
        return int(self._limit)

    @contextmanager
    def slot(self) -> Iterator[int]:
        """Wait for a place and hold it; yields the epoch to hand to `throttled`."""
        with self._free:
            self._free.wait_for(lambda: self._busy < int(self._limit))
            self._busy += 1
            epoch = self._epoch
        try:
            yield epoch
        finally:
            with self._free:
                self._busy -= 1
                self._free.notify()

    def accepted(self) -> None:
        """A request was let in: allow a little more."""
        with self._free:
            step = 1.0 if self._probing else 1.0 / self._limit
            self._limit = min(self._limit + step, float(self.ceiling))
            self._free.notify()

    def throttled(self, epoch: int) -> None:
        """A request that began in `epoch` got a 429: allow less, once for all requests of that epoch."""
        with self._free:
            if epoch != self._epoch:
                return
            self._epoch += 1
            self._probing = False
            self._limit = max(1.0, self._limit * DECREASE)
