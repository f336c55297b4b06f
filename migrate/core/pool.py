"""Work on many services at once, without ever holding many of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def parallel(
    work: Callable[[Item], Result],
    items: Iterable[Item],
    workers: int,
    *,
    stop: Callable[[], object] = lambda: None,
) -> Iterator[Result]:
    """Yield the results of `work` as they come, with at most twice `workers` items taken in advance.

    Args:
        work: done in a thread, once per item.
        items: taken one by one.
        workers: how many threads.
        stop: called at the first error, so that those under way need not wait out their patience.

    Raises:
        Exception: the first error that `work` raised; items not begun are given up, those under way end.
    """
    executor = ThreadPoolExecutor(max_workers=workers, thread_name_prefix="chat-migrate")
    pending: set[Future[Result]] = set()
    try:
        for item in items:
            pending.add(executor.submit(work, item))
            if len(pending) >= 2 * workers:
                yield from _completed(pending)
        while pending:
            yield from _completed(pending)
    except BaseException:
        stop()
        raise
    finally:
        executor.shutdown(wait=True, cancel_futures=True)


def _completed(pending: set[Future[Result]]) -> Iterator[Result]:
    done, _ = wait(pending, return_when=FIRST_COMPLETED)
    for future in done:
        pending.discard(future)
        yield future.result()
