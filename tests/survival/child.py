"""A warm process that runs one command per line of its input, each in a fork that may kill itself on the way.

It knows the moments that matter from outside, without any hook in the product: it wraps the transactions of
the database and the sending of requests. Every such moment is a checkpoint; at the one it is told, the fork
sends itself SIGKILL.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import mmap
import os
import resource
import signal
import sqlite3
import struct
import sys
import threading
import traceback
from contextlib import contextmanager
from typing import Any, NoReturn

LABEL = 64


class Checkpoints:
    """Counts the moments, in memory that outlives the process, and kills at the right one."""

    def __init__(self, kill_at: int, shared: mmap.mmap) -> None:
        self._kill_at = kill_at
        self._shared = shared
        self._mutex = threading.Lock()
        self._count = 0

    def reach(self, label: str) -> None:
        """Count one moment; do not return from the last one."""
        with self._mutex:
            self._count += 1
            text = label.encode()[:LABEL].ljust(LABEL, b"\0")
            self._shared[: 4 + LABEL] = struct.pack("i", self._count) + text
            if self._count == self._kill_at:
                os.kill(os.getpid(), signal.SIGKILL)
                signal.pause()


def watch_commits(points: Checkpoints, read_only_after: int) -> None:
    """A moment before each commit, when the rows are there but not on disk, and one after it.

    After so many commits the database is read-only, unless that is 0.
    """
    from migrate.store import Store

    original = Store.transaction
    commits = itertools.count(1)
    done = 0

    @contextmanager
    def transaction(self, connection):
        nonlocal done
        if done and done == read_only_after:
            connection.execute("PRAGMA query_only = ON")
        with original(self, connection):
            yield
            points.reach("before a commit")
        points.reach("after a commit")
        done = min(next(commits), read_only_after)

    Store.transaction = transaction


class Hasty(sqlite3.Connection):
    """Does not wait for the disk: a kill leaves what the operating system has taken."""

    def execute(self, sql, *parameters):
        """See `sqlite3`."""
        return super().execute(sql.replace("synchronous = FULL", "synchronous = OFF"), *parameters)


def watch_schema(points: Checkpoints | None) -> None:
    """A moment before each statement that makes tables, for databases that are born under fire."""
    connect = sqlite3.connect

    def traced(*args, **kwargs):
        connection = connect(*args, factory=Hasty, **kwargs)
        if points is not None:
            connection.set_trace_callback(
                lambda sql: sql.lstrip().startswith("CREATE") and points.reach("in the schema")
            )
        return connection

    sqlite3.connect = traced


def watch_wire(points: Checkpoints, methods: frozenset[str]) -> None:
    """A moment when a request has left and its answer was not read, and one when it was read."""
    from aiohttp import ClientResponse

    from migrate.api.connection import Line

    start, send = ClientResponse.start, Line.send

    async def left(self, connection):
        await asyncio.sleep(0)  # the task that writes the request was made just before
        if self.method in methods:
            points.reach(f"{self.method} left")
        return await start(self, connection)

    async def answered(self, method, *args, **kwargs):
        received = await send(self, method, *args, **kwargs)
        if method in methods:
            points.reach(f"{method} answered")
        return received

    ClientResponse.start = left
    Line.send = answered


def import_everything() -> None:
    """Pay for the imports once."""
    import migrate.api.gateway
    import migrate.cli.main
    import migrate.cli.present
    import migrate.commands.ending
    import migrate.commands.run
    import migrate.report.text_report  # noqa: F401


def obey(order: dict[str, Any], shared: mmap.mmap) -> NoReturn:
    """Be the command: same arguments, variables, folder and streams as a process of its own."""
    os.chdir(order["folder"])
    os.environ.clear()
    os.environ.update(order["environ"])
    for stream, name in ((1, "out.txt"), (2, "err.txt")):
        os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), stream)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    sys.stdin = os.fdopen(0, closefd=False)
    points = Checkpoints(order["kill_at"], shared)
    watch_commits(points, order["read_only_after"])
    watch_wire(points, frozenset(order["methods"]))
    watch_schema(points if order["schema"] else None)
    if order["file_limit"]:
        resource.setrlimit(resource.RLIMIT_FSIZE, (order["file_limit"], resource.RLIM_INFINITY))
    sys.argv = ["chat-migrate", *order["arguments"]]
    from migrate.cli.main import main

    code = 70
    try:
        main()
    except SystemExit as end:
        code = int(end.code or 0)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def main() -> None:
    """Fork for each order, and tell how it ended."""
    import_everything()
    for line in sys.stdin:
        shared = mmap.mmap(-1, mmap.PAGESIZE)
        pid = os.fork()
        if pid == 0:
            obey(json.loads(line), shared)
        _, status = os.waitpid(pid, 0)
        (count,) = struct.unpack("i", shared[:4])
        label = shared[4 : 4 + LABEL].rstrip(b"\0").decode()
        told = {"code": os.waitstatus_to_exitcode(status), "checkpoints": count, "last": label}
        print(json.dumps(told), flush=True)  # noqa: T201 - its one way to answer


if __name__ == "__main__":
    main()
