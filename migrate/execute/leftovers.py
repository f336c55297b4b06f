"""The last look of a run: what lost answers may have made, and nobody claims."""

from __future__ import annotations

from collections.abc import Awaitable
from functools import partial

from migrate.core.errors import CallFailed, LastLookFailed
from migrate.execute.creates import candidates
from migrate.execute.work import Work
from migrate.kinds.base import Found
from migrate.model.state import Leftover
from migrate.store import runs


async def look_for_leftovers(work: Work) -> tuple[Leftover, ...]:
    """Return what has the name of something that the run created more than once, and stands for nothing.

    Raises:
        LastLookFailed: Twilio does not answer; then nothing is known.
    """
    found: dict[str, Leftover] = {}
    for step, state in runs.lost_creates(work.store, work.run):
        try:
            ready = step.resolved(work.counterparts(step.source_sid, step.refers_to))
        except KeyError:
            continue
        look = partial(candidates, work, ready, frozenset(state.known or ()))
        for each in await _found(work.retrier.call(look)):
            found[each.sid] = Leftover(ready.kind, each.sid, ready.service_sid, dict(each.values))
    return tuple(found[sid] for sid in sorted(found))


async def _found(looking: Awaitable[list[Found]]) -> list[Found]:
    """Return what was found; nothing if the service that it would be in was deleted since."""
    try:
        return await looking
    except CallFailed as error:
        if error.failure.status == 404:
            return []
        raise LastLookFailed(
            f"{error} Some creates of this run had lost their answers, and the last look for what nobody claims was "
            "not answered. What was done is recorded; `chat-migrate resume` looks again."
        ) from error
