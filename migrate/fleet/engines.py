"""What the work is done on: a `concurrent.futures.Executor`, of threads, of processes or of a Dask cluster."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import re
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    CancelledError,
    Executor,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
    wait,
)
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

from migrate.core.errors import BadInput, MigrateError
from migrate.core.masking import mask_text
from migrate.core.stop import StopToken
from migrate.fleet.task import AccountOutcome, Task

THREADS = 16
"""Accounts under way at once in threads; one core is busy well before."""
EXECUTORS = 2
"""A broken pool of processes is built anew once."""
LOOK_SECONDS = 0.5
CONNECT_SECONDS = 10
_DASK = re.compile(r"dask://([^/:\s]+|\[[^]\s]+\]):\d{1,5}")


class EngineLost(MigrateError):
    """What the work was done on is gone; what it did is recorded by the accounts' databases."""

    exit_code = 4


@dataclass(frozen=True)
class Engine:
    """Executors of one sort.

    Attributes:
        work: what it is given to do, picklable where it has to be.
    """

    opened: Callable[[], AbstractContextManager[Executor]]
    work: Callable[[Task], AccountOutcome]
    at_once: int


def engine(
    wanted: str,
    at_once: int | None,
    work: Callable[[Task], AccountOutcome],
    in_threads: Callable[[Task], AccountOutcome],
) -> Engine:
    """Return the engine that `--executor` names.

    Args:
        work: what is done for each account, as a function of a module.
        in_threads: the same in this process.

    Raises:
        BadInput: there is no such engine, Dask is not installed, or its scheduler can't be reached.
    """
    if wanted == "threads":
        most = at_once or THREADS
        return Engine(lambda: ThreadPoolExecutor(most, thread_name_prefix="account"), in_threads, most)
    if wanted == "processes":
        most = at_once or os.cpu_count() or 1
        # A fresh interpreter: a fork would copy the threads' locks without the threads.
        spawning = multiprocessing.get_context("spawn")
        return Engine(lambda: ProcessPoolExecutor(most, mp_context=spawning), work, most)
    if _DASK.fullmatch(wanted):
        return _on_dask(wanted.removeprefix("dask://"), at_once, work)
    raise BadInput(f"--executor {wanted}: threads, processes or dask://HOST:PORT is expected.")


def _on_dask(address: str, at_once: int | None, work: Callable[[Task], AccountOutcome]) -> Engine:
    try:
        from distributed import Client
    except ImportError as error:
        raise BadInput(
            "--executor dask:// needs the package distributed: pip install 'chat-migrate[dask]'."
        ) from error

    def connected() -> Any:
        try:
            return Client(f"tcp://{address}", timeout=CONNECT_SECONDS)
        except (OSError, asyncio.TimeoutError) as error:
            raise BadInput(
                f"No Dask scheduler answers at {address}. Start it, or check the address."
            ) from error

    @contextmanager
    def opened() -> Iterator[Executor]:
        with connected() as client:
            yield client.get_executor(pure=False)

    with connected() as client:
        threads = sum(client.ncores().values())
    if not threads:
        raise BadInput(f"The Dask scheduler at {address} has no workers. Start some with `dask worker`.")
    return Engine(opened, work, at_once or 2 * threads)


def outcomes(
    engine: Engine, tasks: Iterable[Task], stop: StopToken, stop_file: Path
) -> Iterator[AccountOutcome]:
    """Yield the outcomes of tasks as they come; a bounded number of tasks is under way.

    When the end is asked for, no task is begun, and those under way are told by the stop file.

    Raises:
        EngineLost: the executor is gone for the second time, or can't be built anew.
    """
    crowd = _Crowd(engine, iter(tasks), stop, stop_file)
    try:
        for _ in range(EXECUTORS):
            with engine.opened() as executor, suppress(BrokenExecutor):
                yield from crowd.outcomes(executor)
                return
    finally:
        stop_file.unlink(missing_ok=True)
    raise EngineLost(
        f"Worker processes died {EXECUTORS} times. Look for what ended them, such as too little memory. "
        "What was done is recorded; `chat-migrate fleet resume` continues."
    )


@dataclass
class _Crowd:
    """The tasks that are under way, and those that are to be given out (again)."""

    engine: Engine
    tasks: Iterator[Task]
    stop: StopToken
    stop_file: Path
    under_way: dict[Future[AccountOutcome], Task] = field(default_factory=dict)

    def outcomes(self, executor: Executor) -> Iterator[AccountOutcome]:
        # What a broken executor leaves is given out again: each database tells what was done.
        again = list(self.under_way.values())
        self.under_way = {}
        self.tasks = chain(again, self.tasks)
        while self._fill(executor) or self.under_way:
            done, _ = wait(self.under_way, timeout=LOOK_SECONDS, return_when=FIRST_COMPLETED)
            if self.stop.is_set():
                self.stop_file.touch()
            for future in done:
                outcome = _outcome(future, self.under_way[future])
                del self.under_way[future]
                yield outcome

    def _fill(self, executor: Executor) -> bool:
        """Give out as many tasks as may be under way; return whether any is."""
        while len(self.under_way) < self.engine.at_once and not self.stop.is_set():
            task = next(self.tasks, None)
            if task is None:
                break
            try:
                self.under_way[executor.submit(self.engine.work, task)] = task
            except BrokenExecutor:
                self.tasks = chain([task], self.tasks)
                raise
        return bool(self.under_way)


def _outcome(future: Future[AccountOutcome], task: Task) -> AccountOutcome:
    try:
        return future.result()
    except BrokenExecutor:
        raise
    except CancelledError as error:
        # Nobody here cancels: Dask does, when the scheduler is gone.
        raise EngineLost(
            "The connection to the Dask scheduler is lost. What was done is recorded, and workers end what they "
            "have begun. When the scheduler is back, `chat-migrate fleet resume` continues."
        ) from error
    except Exception as error:
        # `work` itself reports what goes wrong in it: this is the engine's.
        text = mask_text(f"The worker of this account died: {type(error).__name__}: {error}")
        return AccountOutcome(task.account.account_sid, task.deed, EngineLost.exit_code, text)
