"""The fleet on a real Dask cluster: a scheduler and two worker processes, started by Dask's own commands."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from fleets import LONG, Fleet, Program, many, not_recreated_once
from variables import CLEAN

from migrate.core.errors import BadInput
from migrate.fleet import engines

distributed = pytest.importorskip("distributed")
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

    def wait_for_workers(self, number: int) -> None:
        """Wait until so many workers have come to the scheduler."""
        with distributed.Client(f"tcp://127.0.0.1:{self.port}", timeout=60) as client:
            client.wait_for_workers(number, timeout=60)

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
            cluster.wait_for_workers(2)
            yield fleet, cluster, Program(folder, environ), pairs
        finally:
            cluster.close()


def test_a_worker_that_dies_and_a_scheduler_that_restarts(tmp_path):
    """A killed worker's accounts are given out again, a lost scheduler ends with 4, and every service stands once."""
    with clustered(tmp_path) as (fleet, cluster, program, pairs):
        held = {sid: fleet.services(sid) for sid in pairs}
        fleet.executor, fleet.settle = f"dask://127.0.0.1:{cluster.port}", 1.0
        process = program.begun(
            "run", "--yes", "--target", "new", "--accounts", "accounts.csv", "--executor", fleet.executor
        )
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
        cluster.wait_for_workers(1)
        assert fleet.code(fleet.resume()) == 0
        assert not_recreated_once(fleet, held, pairs) == []
        tokens = [account.auth_token for account in fleet.simulator.world.accounts.values()]
        seen = cluster.log.read_text() + out + err
        assert not [token for token in tokens if token in seen]


def test_a_cluster_that_is_not_there_is_named(tmp_path, monkeypatch):
    """No scheduler: one sentence with its address, after seconds, and nothing was sent."""
    monkeypatch.setattr(engines, "CONNECT_SECONDS", 0.5)
    with many(tmp_path, 1) as fleet, socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
        free.close()
        fleet.executor = f"dask://127.0.0.1:{port}"
        with pytest.raises(BadInput) as refused:
            fleet("export")
        assert str(refused.value).startswith(f"No Dask scheduler answers at 127.0.0.1:{port}.")
        assert {request.api for request in fleet.simulator.requests} <= {"api"}
