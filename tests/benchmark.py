"""How fast it is, as ratios in one run: python tests/benchmark.py [--services N] [--latency MS] [--limit C].

Nothing here is asserted and no test depends on it: machines differ, ratios tell.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

EMPTY = "import click\n@click.command()\ndef main(): pass\nmain()\n"
RUNS = 9


def seconds(command: list[str], folder: Path, environ: dict[str, str]) -> float:
    """Return the wall-clock seconds of one command, which must succeed."""
    start = time.perf_counter()
    subprocess.run(
        command, cwd=folder, env=environ, check=True, capture_output=True, stdin=subprocess.DEVNULL
    )
    return time.perf_counter() - start


def help_ratio(folder: Path) -> str:
    """Compare `chat-migrate --help` with the help of an empty click program, in turn."""
    empty = folder / "empty.py"
    empty.write_text(EMPTY)
    tool, other = [sys.executable, "-m", "migrate", "--help"], [sys.executable, str(empty), "--help"]
    pairs = [
        (seconds(tool, folder, dict(os.environ)), seconds(other, folder, dict(os.environ)))
        for _ in range(RUNS)
    ]
    ratio = statistics.median(ours / theirs for ours, theirs in pairs)
    return f"--help takes {ratio:.2f} times as long as an empty click program (median of {RUNS} pairs)"


@contextlib.contextmanager
def simulator(folder: Path, *options: str) -> Iterator[dict[str, str]]:
    """Serve a simulator in a process of its own; yields the environment that points at it."""
    command = [sys.executable, "-m", "migrate", "simulator", *options]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) as process:
        if process.stdout is None:
            raise AssertionError("a pipe was asked for")
        lines = [process.stdout.readline().removeprefix("export ").strip() for _ in range(4)]
        try:
            yield {**os.environ, **dict(line.split("=", 1) for line in lines)}
        finally:
            process.terminate()


def throughput(folder: Path, services: int, latency: float, limit: int) -> Iterator[str]:
    """Compare the commands with what the server's latency and limit allow at best."""
    options = ("--services", str(services), "--latency", str(latency), "--max-concurrent", str(limit))
    start = seconds([sys.executable, "-m", "migrate", "mappings"], folder, dict(os.environ))
    with simulator(folder, *options) as environ:
        for name, requests, more in (
            ("export", services + 2 * -(-services // 100), []),
            ("diff", 4 * services, ["-o", "diff.json", "--format", "json"]),
            ("apply", None, ["--yes", "-o", "apply.json", "--format", "json"]),
            ("verify", 4 * services, ["-o", "verify.json", "--format", "json"]),
        ):
            command = [sys.executable, "-m", "migrate", name, "--concurrency", str(2 * limit), *more]
            took = seconds(command, folder, environ)
            count = requests if requests is not None else steps(folder)
            best = count * latency / 1000 / limit
            yield (
                f"{name:7} {count} requests in {took:.2f} s; the server allows them in {best:.2f} s: "
                f"{100 * best / max(took - start, best):.0f} % of it, start-up of {start:.2f} s apart"
            )


def steps(folder: Path) -> int:
    """Return how many steps the latest plan has."""
    import json

    return int(json.loads((folder / "diff.json").read_text())["summary"]["steps"])


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--services", type=int, default=300)
    parser.add_argument("--latency", type=float, default=50.0, metavar="MS")
    parser.add_argument("--limit", type=int, default=16, metavar="C")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        lines = [help_ratio(folder), *throughput(folder, asked.services, asked.latency, asked.limit)]
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
