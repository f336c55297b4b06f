"""How long a run takes: from the requests that a plan needs, a latency, and the requests let in at once."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from migrate.api.pace import FIRST_LIMIT
from migrate.kinds.base import Kind
from migrate.kinds.registry import KINDS
from migrate.model.image import TargetImage
from migrate.model.plan import Plan
from migrate.model.step import Action, Step
from migrate.store import Store, plans

USED_SHARE = 0.92
"""Of a limit that the pace finds out by itself."""
LIST_PAGE = 50
"""Items on a page of what a target holds (Twilio's OpenAPI documents, the smallest maximum)."""


@dataclass(frozen=True)
class RequestPhase:
    """Requests that may be made side by side.

    Attributes:
        depth: how many of them follow one another at most.
    """

    reads: int
    writes: int
    depth: int

    @property
    def requests(self) -> int:
        """How many there are."""
        return self.reads + self.writes


@dataclass(frozen=True)
class Conditions:
    """Under which a run is made. Times are seconds.

    Attributes:
        latency: of one request.
        concurrency: how many requests the program sends at once at most; None: as many as are let in.
        max_concurrent: how many requests are let in at once; None: as many as come.
        idle_seconds: before the first request and after the last one.
        request_seconds: how long the processor works for one request.
    """

    latency: float
    concurrency: int | None = None
    max_concurrent: int | None = None
    idle_seconds: float = 0.0
    request_seconds: float = 0.0

    @property
    def at_once(self) -> float:
        """How many requests are under way in the long run: a limit that has to be found out is not quite used."""
        let_in = math.inf if self.max_concurrent is None else max(1.0, self.max_concurrent * USED_SHARE)
        return min(let_in, self.concurrency or math.inf)


def phases_of(store: Store, plan: Plan) -> tuple[RequestPhase, ...]:
    """Return the phases of an undisturbed `apply` of a plan, from its before-images and steps."""
    images = [
        _reads_of(planned.image)
        for planned in plans.services(store, plan.number)
        if planned.image is not None and planned.image.exists and any(row.step for row in planned.rows)
    ]
    # The first part tells whether the service is there; the others are read side by side.
    depths = [first + max(others, default=0) for first, *others in images]
    whose = RequestPhase(1, 0, 1)
    look = RequestPhase(sum(map(sum, images)), 0, max(depths, default=0))
    return (whose, look, _writing(plans.steps(store, plan.number)))


def _reads_of(image: TargetImage) -> list[int]:
    """Return how many requests read each part of a target."""
    lists = (
        [part for part in payload.values() if isinstance(part, list)] for payload in image.payloads.values()
    )
    return [max([1, *(math.ceil(len(part) / LIST_PAGE) for part in parts)]) for parts in lists]


def _writing(steps: Iterator[Step]) -> RequestPhase:
    """Return the phase of the steps: one reading before each write, and one more to find what has no SID yet."""
    reads = writes = 0
    depths: dict[int, int] = {}
    for step in steps:
        searched = _is_searched_for(KINDS[step.kind], step)
        reads += 2 if searched else 1
        writes += 1
        height = len(step.needs)
        depths[min(height, 2)] = max(depths.get(min(height, 2), 0), 3 if searched else 2)
    return RequestPhase(reads, writes, sum(depths.values()))


def _is_searched_for(kind: Kind, step: Step) -> bool:
    return kind.named and step.target_sid is None and step.action is Action.UPDATE


def seconds_of(phases: tuple[RequestPhase, ...], conditions: Conditions) -> float:
    """Return how long the phases take, one after the other, in seconds.

    As many requests as were found to be accepted are under way; that number doubles with each round trip until the
    limit is reached. One processor can't do more than it can.
    """
    round_trip = conditions.latency + conditions.request_seconds
    most = conditions.at_once
    allowed, total = float(min(FIRST_LIMIT, most)), conditions.idle_seconds
    for phase in phases:
        rounds, left = 0.0, float(phase.requests)
        while left > 0:
            now = min(left, allowed)
            rounds += now / allowed
            left -= now
            if now == allowed:
                allowed = min(2 * allowed, most)
        total += max(max(rounds, phase.depth) * round_trip, phase.requests * conditions.request_seconds)
    return total
