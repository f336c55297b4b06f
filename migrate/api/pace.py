"""How many requests may be under way at once: found out, not guessed.

Until the first 429 the limit doubles per round trip. After it, the limit grows by about one per round trip
up to what is known to be accepted, and beyond that only as a trial of two round trips: a trial that is refused costs
one request, and a refusal of what was accepted before costs a tenth of the limit. Either counts once per round
trip, however many requests were under way.

A server may also queue what is too much, so the limit does not grow while round trips take much longer than they did.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import defaultdict
from collections.abc import Hashable
from heapq import heappop, heappush
from itertools import count
from types import TracebackType

from migrate.core.together import TURN

FIRST_LIMIT = 8
DECREASE = 0.9
SERVICE_DECREASE = 0.5
TRIAL_EVERY = 100
"""So many accepted requests come between a refused trial and the next one, and twice as many each time, up to"""
SELDOM = 400
LENGTHENED = 3.0
"""Round trips that take so many times as long as they did show a queue."""
SAMPLES = 32
"""So many of the last round trips count."""
MOST = 256.0
"""More than one process can keep busy: what is under way takes memory, and a connection each."""
MORE_TASKS = 96
"""Tasks beyond the requests that are let in: the limit may double meanwhile, and no place stays empty."""
SERVICE_CODES = frozenset({50063})
"""Error codes that speak of the actions of one service; all others speak of the account."""


class Gate:
    """Lets so many requests through at once as were found to be accepted.

    Args:
        first: the limit at first.
        ceiling: the limit never exceeds this number.
        probing: whether nothing is known yet, so that the limit doubles per round trip.
    """

    def __init__(self, first: float, ceiling: float, *, probing: bool) -> None:
        self._ceiling = ceiling
        self._limit = max(1.0, min(first, ceiling))
        self._known = 0 if probing else int(self._limit)
        self._confirmed = 0
        self._probing = probing
        self._until_trial = 0
        self._trial_every = TRIAL_EVERY
        self._epoch = 0
        self._waiting: list[tuple[int, int, asyncio.Future[tuple[int, int]]]] = []
        self._arrivals = count()
        self.busy = 0

    @property
    def limit(self) -> int:
        """The number of requests allowed at once, at this moment."""
        return int(self._limit)

    async def enter(self) -> tuple[int, int]:
        """Wait for a place, and take it; return what `accepted` or `refused` asks for: epoch and number inside.

        Of those that wait, the one whose turn comes first is let in first.
        """
        if self.busy >= int(self._limit):
            return await self._wait()
        self.busy += 1
        return self._epoch, self.busy

    def leave(self) -> None:
        """Give a place back."""
        self.busy -= 1
        self._admit()

    def accepted(self, inside: int, *, queued: bool = False) -> None:
        """A request that began as number `inside` was let in: allow a little more, if all is made use of.

        Args:
            inside: how many were inside with it.
            queued: whether it had to wait there, so that more at once would gain nothing.
        """
        self._until_trial = max(0, self._until_trial - 1)
        if inside > self._known:
            self._confirm(inside)
        if queued or 2 * max(inside, self.busy) < self._limit:
            return
        if self._probing:
            self._limit = min(self._limit + 1, self._ceiling)
        else:
            highest = min(self._known + (not self._until_trial), self._ceiling)
            self._limit = max(self._limit, min(self._limit + 1 / self._limit, highest))

    def _confirm(self, inside: int) -> None:
        # Two round trips: in the first one, the request that is refused may be the last to be answered.
        self._confirmed += 1
        if self._probing or self._confirmed >= 2 * inside:
            self._known, self._confirmed = inside, 0
            self._trial_every = TRIAL_EVERY

    def refused(self, epoch: int, inside: int) -> None:
        """A request that began in `epoch` as number `inside` got a 429: allow less, once for all of that epoch."""
        if epoch != self._epoch:
            return
        self._epoch += 1
        self._until_trial = self._trial_every
        if self._probing:
            # At worst the limit has doubled since the server's was passed.
            limit = max(inside - 1.0, self._limit / 2)
        elif inside > self._known:
            limit = float(self._known)
            self._trial_every = min(2 * self._trial_every, SELDOM)
        else:
            limit = self._limit * DECREASE
            self._trial_every = TRIAL_EVERY
        self._limit = max(1.0, min(limit, self._limit))
        self._known = max(int(self._limit), min(self._known, inside - 1))
        self._probing = False
        self._confirmed = 0

    async def _wait(self) -> tuple[int, int]:
        place: asyncio.Future[tuple[int, int]] = asyncio.get_running_loop().create_future()
        heappush(self._waiting, (TURN.get(), next(self._arrivals), place))
        try:
            return await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                self.leave()
            raise

    def _admit(self) -> None:
        while self._waiting and self.busy < int(self._limit):
            *_, place = heappop(self._waiting)
            if not place.done():
                self.busy += 1
                place.set_result((self._epoch, self.busy))


class RoundTrips:
    """How long requests of one sort take, beside how long they took at best."""

    def __init__(self) -> None:
        self._number = 0
        self._mean = 0.0
        self._best = math.inf

    def took(self, seconds: float) -> bool:
        """Take one more into account; return whether they have lengthened."""
        self._number += 1
        self._mean += (seconds - self._mean) / min(self._number, SAMPLES)
        if self._number >= FIRST_LIMIT:
            self._best = min(self._best, self._mean)
        return self._mean > LENGTHENED * self._best


class Slot:
    """One request's place, `async with`; a request that ends without an error counts as accepted."""

    def __init__(self, pace: Pace, service_sid: str | None, sort: Hashable) -> None:
        self._pace = pace
        self._service_sid = service_sid
        self._sort = sort
        self._began = 0.0
        self._held: list[tuple[Gate, int, int]] = []
        self._throttled = False

    async def __aenter__(self) -> Slot:
        try:
            for gate in self._pace.gates(self._service_sid):
                self._held.append((gate, *await gate.enter()))
        except BaseException:
            self._leave()
            raise
        self._began = time.monotonic()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None and not self._throttled:
            queued = self._pace.round_trips[self._sort].took(time.monotonic() - self._began)
            for gate, _, inside in self._held:
                gate.accepted(inside, queued=queued)
        self._leave()

    def throttled(self, code: int | None = None) -> None:
        """Tell that this request got a 429, with Twilio's error code if there was one."""
        self._throttled = True
        if code in SERVICE_CODES and self._service_sid is not None:
            held = self._held[:-1]
            if not held:
                self._pace.part(self._service_sid)
        else:
            held = self._held[-1:]
        for gate, epoch, inside in held:
            gate.refused(epoch, inside)

    def _leave(self) -> None:
        for gate, _, _ in self._held:
            gate.leave()
        self._held.clear()


class Pace:
    """The gate that all requests of one account pass; may be handed from one phase of a run to the next.

    Args:
        ceiling: the limit never exceeds this number of requests; None: `MOST`.
    """

    def __init__(self, ceiling: int | None = None) -> None:
        self._account = Gate(FIRST_LIMIT, MOST if ceiling is None else max(1, ceiling), probing=True)
        self._services: dict[str, Gate] = {}
        self.round_trips: defaultdict[Hashable, RoundTrips] = defaultdict(RoundTrips)

    @property
    def limit(self) -> int:
        """The number of requests allowed at once, at this moment."""
        return self._account.limit

    def ahead(self) -> int:
        """Return how many tasks keep all places taken, at this moment: more of them would only wait in line."""
        return self.limit + MORE_TASKS

    def slot(self, service_sid: str | None = None, sort: Hashable = None) -> Slot:
        """Return a place for one request to a service, or to the account.

        Args:
            service_sid: the service.
            sort: what the requests have in common that take equally long.
        """
        return Slot(self, service_sid, sort)

    def gates(self, service_sid: str | None) -> list[Gate]:
        """Return the gates that a request passes, the account's last."""
        own = self._services.get(service_sid) if service_sid is not None and self._services else None
        return [self._account] if own is None else [own, self._account]

    def part(self, service_sid: str) -> None:
        """Give a service a gate of its own, at half of what all are allowed."""
        first = max(1.0, self._account.limit * SERVICE_DECREASE)
        self._services.setdefault(service_sid, Gate(first, MOST, probing=False))
