"""How fast chat-migrate is, in ratios: beside the bare `twilio` package in one run, and against its own smaller runs.

Every figure is that of a whole process, start-up included. Nothing here is asserted, and no test depends on it:
machines differ, ratios tell. What is printed is Markdown; the tables in the README come from here.

    python tests/benchmark.py                                     the rows that the README shows
    python tests/benchmark.py speed --rows 400/20/16              one row: services / latency in ms / at once
    python tests/benchmark.py speed --rows 10/50/1 1000/20/0      0 at once: the server has no limit
    python tests/benchmark.py growth --services 1000 4000         what each command costs a service, and its memory
    python tests/benchmark.py start                               --help beside an empty click program
    python tests/benchmark.py resume --steps 2000                 resume after a journal of so many steps
    python tests/benchmark.py channels --channels 2000/50/16      one service: channels / latency in ms / at once

Efficiency is the time that the server needs at best (requests by latency, divided by what it allows at once), as a
share of the time that it took. The pool of threads and the event loop are told how many requests the server allows at
once; chat-migrate has to find out. They send as many reads and writes as chat-migrate did. What has 20,000 services or
100,000 steps takes many minutes.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import pty
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

BARE = Path(__file__).with_name("bare.py")
TOOL = (sys.executable, "-m", "migrate")
EMPTY = "import click\n@click.command()\ndef main(): pass\nmain()\n"
PAIRS = 9
LOOP_REQUESTS = 60
"""So many requests of the plain loop tell how long all of them would take."""
NO_LIMIT = 256
"""At once, for those that have to be told a number, where the server has no limit."""
ROWS = ("400/20/16", "400/50/8", "400/50/16", "400/200/32", "1000/50/32", "1000/20/0", "10/50/8", "10/50/1")
CHANNELS = ("20000/50/16", "20000/20/32", "2000/0/0", "20000/0/0")
LEFT = 10
"""Steps that are left to a resume."""


@dataclass(frozen=True)
class Usage:
    """What one process took: seconds by the clock, seconds of the processor, and megabytes at its peak."""

    wall: float
    cpu: float
    peak: float


@dataclass(frozen=True)
class Server:
    """A simulator in a process of its own, and the environment that points at it."""

    process: subprocess.Popen[str]
    environ: dict[str, str]
    sids: list[str]

    def counted(self) -> dict[str, int]:
        """Return how many reads, writes and rejected requests came since this was asked last."""
        _write(self.process, "\n")
        return dict(json.loads(_line(self.process)))


def _write(process: subprocess.Popen[str], text: str) -> None:
    if process.stdin is None:
        raise AssertionError("a pipe was asked for")
    process.stdin.write(text)
    process.stdin.flush()


def _line(process: subprocess.Popen[str]) -> str:
    if process.stdout is None:
        raise AssertionError("a pipe was asked for")
    return process.stdout.readline()


@contextlib.contextmanager
def server(folder: Path, services: int, latency: float, at_once: int, channels: int = 0) -> Iterator[Server]:
    """Serve a simulator."""
    asked = ["--services", services, "--latency", latency, "--at-once", at_once, "--channels", channels]
    command = [sys.executable, str(BARE), "serve", *map(str, asked)]
    with subprocess.Popen(
        command, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        told = json.loads(_line(process))
        # Nothing lags behind in this simulator, so nothing is waited for.
        environ = {**os.environ, **told["environ"], "CHAT_MIGRATE_SETTLE": "0.2"}
        # What is installed is compiled once; here, that is done by the first command.
        environ.pop("PYTHONDONTWRITEBYTECODE", None)
        try:
            yield Server(process, environ, told["sids"])
        finally:
            process.terminate()


def usage(command: Sequence[str], folder: Path, environ: dict[str, str] | None = None) -> Usage:
    """Run one command, which must succeed, as in a terminal, and return what it took."""
    ours, theirs = pty.openpty()
    begun = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=folder, env=environ, stdin=subprocess.DEVNULL, stdout=theirs, stderr=subprocess.PIPE
    )
    os.close(theirs)
    told: list[bytes] = []
    readers = [
        threading.Thread(target=_drain, args=(ours,)),
        threading.Thread(target=lambda: told.append(process.stderr.read() if process.stderr else b"")),
    ]
    for reader in readers:
        reader.start()
    _, status, taken = os.wait4(process.pid, 0)
    wall = time.perf_counter() - begun
    process.returncode = os.waitstatus_to_exitcode(status)
    for reader in readers:
        reader.join()
    os.close(ours)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}:\n{b''.join(told).decode()}")
    return Usage(wall, taken.ru_utime + taken.ru_stime, taken.ru_maxrss / 1024)


def _drain(terminal: int) -> None:
    with contextlib.suppress(OSError):  # Linux says so when the other end is closed
        while os.read(terminal, 65536):
            pass


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Yield a Markdown table, line by line, as soon as each is known."""
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"


def speed(asked: argparse.Namespace, folder: Path) -> Iterator[str]:
    """Compare `chat-migrate run` with a plain loop, a pool of threads and an event loop, row by row."""
    head = (
        "services, latency, at once",
        "plain loop: efficiency",
        "pool: efficiency, CPU a request",
        "event loop: efficiency, CPU a request",
        "chat-migrate: efficiency, CPU a request",
        "rejected",
        "requests/s",
        "peak memory",
    )
    yield from table(head, (_speed_row(row, folder) for row in asked.rows))


def _speed_row(row: str, folder: Path) -> list[str]:
    services, latency, at_once = (int(part) for part in row.split("/"))
    with server(folder, services, latency, at_once) as serving:
        database = ["--db", str(_fresh(folder))]
        ours = usage([*TOOL, *database, "run", "--yes"], folder, serving.environ)
        counts = serving.counted()
        requests = counts["reads"] + counts["writes"]

        def bare(part: str, share: float = 1.0) -> Usage:
            sids = folder / "sids.json"
            sids.write_text(json.dumps(serving.sids))
            numbers = ["--reads", round(counts["reads"] * share), "--writes", round(counts["writes"] * share)]
            options = ["--sids", sids, "--at-once", at_once or NO_LIMIT, *numbers]
            return usage([sys.executable, str(BARE), part, *map(str, options)], folder, serving.environ)

        share = min(1.0, LOOP_REQUESTS / requests)
        loop, pool, tasks = bare("loop", share), bare("pool"), bare("tasks")

    def both(taken: Usage) -> str:
        return f"{efficiency(requests, latency, at_once, taken)}, {1000 * taken.cpu / requests:.2f} ms"

    return [
        f"{services}, {latency} ms, {at_once or 'no limit'}",
        efficiency(requests * share, latency, at_once, loop),
        both(pool),
        both(tasks),
        both(ours),
        f"{100 * counts['rejected'] / (requests + counts['rejected']):.1f} %",
        f"{requests / ours.wall:.0f}",
        f"{ours.peak:.0f} MB",
    ]


def efficiency(requests: float, latency: int, at_once: int, taken: Usage) -> str:
    """Return the server's best time as a share of the time taken; requests a second where it has no best one."""
    if not latency or not at_once:
        return f"{requests / taken.wall:.0f}/s"
    return f"{requests * latency / 1000 / at_once / taken.wall:.2f}"


def _fresh(folder: Path) -> Path:
    """Return a path for a database that is not there yet."""
    return Path(tempfile.mkdtemp(dir=folder)) / "chat-migrate.db"


def growth(asked: argparse.Namespace, folder: Path) -> Iterator[str]:
    """Tell what each command costs a service without latency, and its memory, as accounts grow."""
    taken = {number: _commands(number, folder) for number in asked.services}
    head = ("command", *(f"{number:,} services: ms a service, peak" for number in asked.services))
    yield from table(
        head,
        (
            [
                name,
                *(
                    f"{1000 * each[name].cpu / number:.2f}, {each[name].peak:.0f} MB"
                    for number, each in taken.items()
                ),
            ]
            for name in taken[asked.services[0]]
        ),
    )


def _commands(services: int, folder: Path) -> dict[str, Usage]:
    measured = {
        "export": ["export"],
        "diff": ["diff"],
        "apply, half of it": ["apply", "--yes", "--limit", str(services // 2)],
        "resume, the rest": ["resume"],
        "verify": ["verify"],
        "status": ["status"],
        "history": ["history"],
        "report as HTML": ["status", "-o", "run.html"],
        "rollback --dry-run": ["rollback", "--dry-run"],
    }
    with server(folder, services, 0, 0) as serving:
        database = ["--db", str(_fresh(folder))]
        return {
            name: usage([*TOOL, *database, *command], folder, serving.environ)
            for name, command in measured.items()
        }


def start(asked: argparse.Namespace, folder: Path) -> Iterator[str]:
    """Compare `chat-migrate --help` with the help of an empty click program, in turn."""
    del asked
    empty = folder / "empty.py"
    empty.write_text(EMPTY)
    pairs = [
        (usage([*TOOL, "--help"], folder).cpu, usage([sys.executable, str(empty), "--help"], folder).cpu)
        for _ in range(PAIRS)
    ]
    ratio = statistics.median(ours / theirs for ours, theirs in pairs)
    yield f"`chat-migrate --help` takes {ratio:.2f} times as long as an empty click program (median of {PAIRS})."


def resume(asked: argparse.Namespace, folder: Path) -> Iterator[str]:
    """Resume a run of channels of which all but a few are done, and compare with one that is much shorter."""
    rows = (_resumed(steps, folder) for steps in (asked.steps // 10, asked.steps))
    yield from table(("steps in the journal", "status", "resume", "peak memory"), rows)


def _resumed(steps: int, folder: Path) -> list[str]:
    database = _fresh(folder)
    with server(folder, 1, 0, 0, channels=steps) as serving:
        command = [*TOOL, "--db", str(database)]
        for name in ("export", "diff"):
            usage([*command, name, "--channels"], folder, serving.environ)
        bare = [sys.executable, str(BARE), "fill", "--db", str(database), "--left", str(LEFT)]
        usage(bare, folder, serving.environ)
        looked = usage([*command, "status"], folder, serving.environ)
        resumed = usage([*command, "resume"], folder, serving.environ)
    return [f"{steps:,}", f"{looked.cpu:.2f} s", f"{resumed.cpu:.2f} s", f"{resumed.peak:.0f} MB"]


def channels(asked: argparse.Namespace, folder: Path) -> Iterator[str]:
    """Compare `apply` of the channels of one service with an event loop that only sends the requests, row by row."""
    head = (
        "channels, latency, at once",
        "event loop: efficiency, CPU a channel",
        "apply: efficiency, CPU a channel",
        "of the loop's rate",
        "rejected",
        "peak memory",
    )
    yield from table(head, (_channels_row(row, folder) for row in asked.channels))


def _channels_row(row: str, folder: Path) -> list[str]:
    number, latency, at_once = (int(part) for part in row.split("/"))
    with server(folder, 1, latency, at_once, channels=number) as serving:
        command = [*TOOL, "--db", str(_fresh(folder))]
        for name in ("export", "diff"):
            usage([*command, name, "--channels"], folder, serving.environ)
        serving.counted()
        ours = usage([*command, "apply", "--yes", "--channels"], folder, serving.environ)
        counts = serving.counted()
    with server(folder, 1, latency, at_once, channels=number) as serving:
        bare = [sys.executable, str(BARE), "convert", "--at-once", str(at_once or NO_LIMIT)]
        loop = usage(bare, folder, serving.environ)

    def both(taken: Usage) -> str:
        return f"{efficiency(2 * number, latency, at_once, taken)}, {1000 * taken.cpu / number:.2f} ms"

    return [
        f"{number:,}, {latency} ms, {at_once or 'no limit'}",
        both(loop),
        both(ours),
        f"{loop.wall / ours.wall:.2f}",
        f"{100 * counts['rejected'] / sum(counts.values()):.1f} %",
        f"{ours.peak:.0f} MB",
    ]


PARTS: dict[str, Any] = {part.__name__: part for part in (speed, growth, start, resume, channels)}


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "part", nargs="*", help=f"what to measure, of {', '.join(PARTS)}; all, if none is named"
    )
    parser.add_argument("--rows", nargs="+", default=ROWS, metavar="N/MS/C", help="of speed")
    parser.add_argument(
        "--services", nargs="+", type=int, default=[1000, 20_000], metavar="N", help="of growth"
    )
    parser.add_argument("--steps", type=int, default=100_000, metavar="N", help="of resume")
    parser.add_argument("--channels", nargs="+", default=CHANNELS, metavar="N/MS/C", help="of channels")
    asked = parser.parse_intermixed_args()
    if unknown := set(asked.part) - PARTS.keys():
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    with tempfile.TemporaryDirectory() as name:
        for part in asked.part or PARTS:
            _tell(f"\n## {part}\n")
            for line in PARTS[part](asked, Path(name)):
                _tell(line)


def _tell(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
