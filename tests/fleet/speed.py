"""How a fleet's throughput and memory grow: python tests/fleet/speed.py [--accounts N] [--memory N N …].

Throughput: `fleet run` for so many accounts of three services, at 20 ms and 8 requests at once per account, with
different numbers of accounts under way, each on a simulator of its own in a process of its own. `processors` tells how
many of them the program kept busy: where that reaches one in threads, more accounts at once bring nothing.
Memory: the peak of the driver alone, which gives its work to two processes, over an export of so many accounts.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

SERVE = """
import sys
from migrate.simulator import serve
def ready(simulator):
    for name, value in simulator.environment().items():
        print(f"{name}={value}", flush=True)
accounts, services, latency, limit = map(int, sys.argv[1:])
serve(accounts=accounts + 1, services=1, account_services=services, latency_ms=latency,
      max_concurrent=limit or None, on_ready=ready)
"""
WAYS = (("threads", 1), ("threads", 8), ("threads", 32), ("processes", 2))


@dataclass(frozen=True)
class Took:
    """What a command took: seconds by the clock and of processors, and the peak of its own process in MB."""

    wall: float
    cpu: float
    peak: float


@contextmanager
def served(accounts: int, services: int, latency: int, limit: int) -> Iterator[dict[str, str]]:
    """A simulator in a process of its own; the environment that leads to it."""
    command = [sys.executable, "-c", SERVE, *map(str, (accounts, services, latency, limit))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        lines = [process.stdout.readline().strip() for _ in range(5)]
        yield {**os.environ, **dict(line.split("=", 1) for line in lines)}
        process.kill()


def took(environ: dict[str, str], *arguments: object) -> Took:
    """Run `fleet` in an empty folder, which must succeed, and watch its own memory."""
    with tempfile.TemporaryDirectory() as folder:
        start, peak = time.perf_counter(), 0
        command = [sys.executable, "-m", "migrate", "-q", "fleet", *map(str, arguments)]
        process = subprocess.Popen(command, cwd=folder, env=environ, stdout=subprocess.DEVNULL)
        while True:
            with suppress(OSError, StopIteration):
                lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
                peak = max(peak, int(next(line for line in lines if line.startswith("VmHWM")).split()[1]))
            ended, status, used = os.wait4(process.pid, os.WNOHANG)
            if ended:
                break
            time.sleep(0.05)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
        return Took(time.perf_counter() - start, used.ru_utime + used.ru_stime, peak / 1024)


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, default=48)
    parser.add_argument("--memory", type=int, nargs="*", default=(), metavar="N")
    asked = parser.parse_args()
    first = None
    for executor, at_once in WAYS if asked.accounts else ():
        with served(asked.accounts, 3, 20, 8) as environ:
            how = ("--executor", executor, "--at-once", at_once)
            done = took(environ, "run", "--yes", "--sub-accounts", *how)
        first = first or done.wall
        sys.stdout.write(
            f"{executor:9} --at-once {at_once:2}: {asked.accounts / done.wall:6.1f} accounts/s, "
            f"{first / done.wall:4.1f} times the first, {done.cpu / done.wall:.2f} processors, "
            f"{done.cpu / asked.accounts * 1000:.0f} ms of them an account\n"
        )
        sys.stdout.flush()
    for accounts in asked.memory:
        with served(accounts, 1, 0, 0) as environ:
            done = took(environ, "export", "--sub-accounts", "--executor", "processes", "--at-once", 2)
        sys.stdout.write(f"{accounts:6,} accounts: driver's peak {done.peak:.1f} MB, {done.wall:.0f} s\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
