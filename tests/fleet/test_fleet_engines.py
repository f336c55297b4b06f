"""What the work is done on: bounded, rebuilt once, and told to end."""

from __future__ import annotations

import signal
import threading
import time
import tracemalloc
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
from fleets import Program, before, differences, many
from hands import always_dying, dying, well

from migrate.core.errors import BadInput
from migrate.core.stop import StopToken
from migrate.fleet.accounts import FleetAccount
from migrate.fleet.engines import Engine, EngineLost, engine, outcomes
from migrate.fleet.task import AccountOutcome, Deed, Order, Task


def tasks(folder, number):
    """So many tasks, made one by one."""
    order = Order("export")
    for each in range(number):
        account = FleetAccount(f"AC{each:032x}")
        yield Task(account, Deed.EXPORT, order, folder / "a.db", folder / "a.html", "", (), folder / "stop")


def all_of(made: Engine, folder: Path, number: int) -> list[str]:
    """The accounts whose outcomes came."""
    found = outcomes(made, tasks(folder, number), StopToken(), folder / "stop")
    return [outcome.account_sid for outcome in found]


def test_a_broken_pool_is_built_anew_once(tmp_path):
    """A worker process that dies costs nothing but time; one that always dies ends the fleet."""
    once = engine("processes", 2, dying, dying)
    assert set(all_of(once, tmp_path, 20)) == {f"AC{each:032x}" for each in range(20)}
    assert (tmp_path / "died").exists()
    with pytest.raises(EngineLost, match="died 2 times"):
        all_of(engine("processes", 1, always_dying, always_dying), tmp_path, 4)


class Slow(ThreadPoolExecutor):
    """Counts how many tasks it holds at once."""

    most = 0
    now = 0

    def submit(self, work, task) -> Future[AccountOutcome]:
        """Count."""
        Slow.now += 1
        Slow.most = max(Slow.most, Slow.now)
        done = super().submit(work, task)
        done.add_done_callback(lambda _done: setattr(Slow, "now", Slow.now - 1))
        return done


def test_a_bounded_number_is_under_way(tmp_path):
    """No more tasks than allowed are given out, and the memory of 5,000 accounts is that of 500."""
    made = Engine(lambda: Slow(4), well, 4)

    def peak(number: int) -> int:
        tracemalloc.start()
        assert (
            sum(1 for _ in outcomes(made, tasks(tmp_path, number), StopToken(), tmp_path / "stop")) == number
        )
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    few = peak(500)
    assert peak(5_000) - few < 200_000
    assert Slow.most == 4


def test_after_the_end_was_asked_for_nothing_is_begun(tmp_path):
    """Tasks under way are told by the stop file, which is gone afterwards; no other task is given out."""
    stop, begun, file = StopToken(), threading.Semaphore(0), tmp_path / "stop"

    def until_told(task: Task) -> AccountOutcome:
        begun.release()
        while not file.exists():
            time.sleep(0.01)
        return AccountOutcome(task.account.account_sid, task.deed, 130)

    threading.Thread(target=lambda: (begun.acquire(), begun.acquire(), stop.set())).start()
    made = Engine(lambda: ThreadPoolExecutor(2), until_told, 2)
    found = list(outcomes(made, tasks(tmp_path, 50), stop, file))
    assert [outcome.code for outcome in found] == [130, 130]
    assert not file.exists()


@pytest.mark.parametrize("wanted", ["thread", "dask://", "dask://host", "dask://:8786", "dask://a b:1"])
def test_an_unknown_engine_is_refused(wanted):
    """What `--executor` does not know is named."""
    with pytest.raises(BadInput, match="threads, processes or dask://HOST:PORT is expected"):
        engine(wanted, None, well, well)


@pytest.mark.parametrize("executor", ["threads", "processes"])
def test_an_interruption_ends_gently_and_resume_goes_on(tmp_path, executor):
    """A signal in the middle ends with 130 and leaves no process; a resume does exactly the rest."""
    with many(tmp_path, 5, services=2, latency_ms=40) as fleet:
        held = before(fleet)
        program = Program(tmp_path, fleet.environ)
        process = program.begun("run", "--yes", "--sub-accounts", "--executor", executor, "--at-once", 2)
        program.wait_for_writes(fleet.simulator, 4)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
        assert process.returncode == 130
        assert "planned, not written" in program("status").stdout
        fleet.settle = 0.5
        assert fleet.code(fleet.resume()) == 0
        assert differences(fleet, held) == []
        bodies = [(r.path, tuple(r.form)) for r in fleet.simulator.requests if r.method == "POST"]
        assert len(bodies) == len(set(bodies))


def test_no_worker_outlives_a_killed_fleet(tmp_path):
    """Worker processes whose fleet was killed end by themselves, and the locks are free for a resume."""
    with many(tmp_path, 4, services=2, latency_ms=40) as fleet:
        held = before(fleet)
        program = Program(tmp_path, fleet.environ)
        process = program.begun("run", "--yes", "--sub-accounts", "--executor", "processes", "--at-once", 2)
        program.wait_for_writes(fleet.simulator, 4)
        process.kill()
        process.communicate(timeout=30)
        fleet.settle = 0.5
        assert fleet.code(fleet.resume()) == 0
        assert differences(fleet, held) == []
