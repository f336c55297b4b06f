"""Work on many things at once, without ever holding many of them."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable
from contextvars import ContextVar
from itertools import count
from typing import TypeVar

from migrate.core.errors import Interrupted
from migrate.core.stop import StopToken

Item = TypeVar("Item")
Result = TypeVar("Result")

TURN: ContextVar[int] = ContextVar("turn", default=0)
"""Where many wait, the lowest goes first: all that one item is made of before a later item, so that results come one
by one. What is no item's, such as the list of the items, goes before all of them."""
_turns = count(1)


async def in_order(
    work: Callable[[Item], Awaitable[Result]],
    items: Iterable[Item] | AsyncIterable[Item],
    stop: StopToken,
    ahead: Callable[[], int],
) -> AsyncIterator[Result]:
    """Yield the results of `work` in the order of the items, a bounded number of which are under way.

    Args:
        stop: set at the first error, so that those under way need not wait out their retries.
        ahead: how many things may be under way, at this moment.

    Raises:
        Exception: the first error that `work` raised, after those under way have ended.
        Interrupted: the stop token was set by somebody else.
    """
    under_way: deque[asyncio.Task[Result]] = deque()
    try:
        async for item in _each(items):
            if stop.is_set():
                raise Interrupted("Interrupted.")
            under_way.append(begun(work(item)))
            while len(under_way) >= ahead():
                yield await _next(under_way)
        while under_way:
            yield await _next(under_way)
    except BaseException:
        stop.set()
        raise
    finally:
        if under_way:
            await asyncio.gather(*under_way, return_exceptions=True)


def begun(work: Awaitable[Result]) -> asyncio.Task[Result]:
    """Return a task that does a piece of work, whose turn comes after all that have begun before."""
    return asyncio.ensure_future(_in_turn(next(_turns), work))


async def _in_turn(turn: int, work: Awaitable[Result]) -> Result:
    TURN.set(turn)
    return await work


async def all_of(works: Iterable[Awaitable[Result]]) -> list[Result]:
    """Return the results of a few works that are done side by side.

    Raises:
        Exception: the first error of one of them, after all have ended.
    """
    results = await asyncio.gather(*works, return_exceptions=True)
    return [_result(each) for each in results]


def _result(found: Result | BaseException) -> Result:
    if isinstance(found, BaseException):
        raise found
    return found


async def _next(under_way: deque[asyncio.Task[Result]]) -> Result:
    # What is done with one result takes time: those under way get theirs in between, however many are there already.
    await asyncio.sleep(0)
    return await under_way.popleft()


async def _each(items: Iterable[Item] | AsyncIterable[Item]) -> AsyncIterator[Item]:
    if isinstance(items, AsyncIterable):
        async for item in items:
            yield item
        return
    for item in items:
        yield item
