"""The fleet on a real Dask cluster: a scheduler and two worker processes, started by Dask's own commands."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from fleets import LONG, Fleet, Program, many, not_recreated_once
from variables import CLEAN

pytest.importorskip("distributed")
ROOT = Path(__file__).parents[2]
PAIRS = 40 if LONG else 6


class Cluster:
    """A scheduler and its workers, each a process."""

    def __init__(self, folder: Path, environ: dict[str, str]) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self._folder = folder
        self._environ = {**CLEAN, **environ, "PYTHONPATH": str(ROOT)}
        self.log = folder / "dask.log"
        self.workers: list[subprocess.Popen[bytes]] = []
        self.start_scheduler()

    def start_scheduler(self) -> None:
        """Start the scheduler."""
        self.scheduler = self._start(
            "scheduler", "--host", "127.0.0.1", "--port", str(self.port), "--no-dashboard"
        )

    def start_worker(self) -> None:
        """Start a worker of two threads."""
        self.workers.append(
            self._start(
                "worker",
                f"tcp://127.0.0.1:{self.port}",
                "--no-nanny",
                "--nthreads=2",
                "--no-dashboard",
                "--death-timeout=60",
                f"--local-directory={self._folder}",
            )
        )

    def _start(self, *arguments: str) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "distributed.cli.dask_" + arguments[0], *arguments[1:]],
                env=self._environ,
                stdout=log,
                stderr=log,
            )

    def close(self) -> None:
        """End all of it."""
        for process in (*self.workers, self.scheduler):
            process.kill()
            process.wait()


@contextmanager
def clustered(folder: Path) -> Iterator[tuple[Fleet, Cluster, Program, dict[str, str]]]:
    """Accounts to be re-created in empty ones, a cluster with the parent's credentials, and the program."""
    with many(folder, 2 * PAIRS, services=2, latency_ms=20) as fleet:
        sources, targets = fleet.sub_accounts[:PAIRS], fleet.sub_accounts[PAIRS:]
        for sid in targets:
            fleet.simulator.world.accounts[sid].services.clear()
        pairs = dict(zip(sources, targets, strict=True))
        lines = [f"{source},{target}" for source, target in pairs.items()]
        (folder / "accounts.csv").write_text("\n".join(["account_sid,target_account_sid", *lines]))
        environ = {**fleet.environ, "CHAT_MIGRATE_SETTLE": "1"}
        cluster = Cluster(folder, environ)
        try:
            cluster.start_worker()
            cluster.start_worker()
            yield fleet, cluster, Program(folder, environ), pairs
        finally:
            cluster.close()


def until_ready(program: Program, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run a command as soon as the cluster can be reached; that alone is tried again."""
    for _ in range(30):
        done = program(*arguments)
        if done.returncode != 2:
            return done
        time.sleep(0.5)
    return done


def test_a_worker_that_dies_and_a_scheduler_that_restarts(tmp_path):
    """A killed worker's accounts are given out again, a lost scheduler ends with 4, and every service stands once."""
    with clustered(tmp_path) as (fleet, cluster, program, pairs):
        held = {sid: fleet.services(sid) for sid in pairs}
        executor = ("--executor", f"dask://127.0.0.1:{cluster.port}")
        accounts = ("--accounts", "accounts.csv")
        assert until_ready(program, "export", *accounts, *executor).returncode == 0
        process = program.begun("run", "--yes", "--target", "new", *accounts, *executor)
        program.wait_for_writes(fleet.simulator, 6)
        cluster.workers[0].kill()
        program.wait_for_writes(fleet.simulator, 16)
        cluster.scheduler.kill()
        cluster.scheduler.wait()
        out, err = process.communicate(timeout=90)
        assert process.returncode == 4, out + err
        assert "The connection to the Dask scheduler is lost" in err
        assert "chat-migrate fleet resume" in out
        cluster.start_scheduler()
        cluster.start_worker()
        ended = until_ready(program, "resume", "--yes", *executor)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        assert not_recreated_once(fleet, held, pairs) == []
        tokens = [account.auth_token for account in fleet.simulator.world.accounts.values()]
        seen = cluster.log.read_text() + out + err + ended.stdout
        assert not [token for token in tokens if token in seen]


def test_a_cluster_that_is_not_there_is_named(tmp_path):
    """No scheduler: one sentence with its address, after seconds, and nothing was sent."""
    with many(tmp_path, 1) as fleet, socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
        free.close()
        ended = Program(tmp_path, fleet.environ)(
            "export", "--sub-accounts", "--executor", f"dask://127.0.0.1:{port}"
        )
        assert ended.returncode == 2
        assert f"No Dask scheduler answers at 127.0.0.1:{port}" in ended.stderr
        assert os.linesep not in ended.stderr.strip()
