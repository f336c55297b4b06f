"""`demo`: the whole job against the embedded simulator."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from migrate.commands.context import Context
from migrate.commands.run import RunOptions, run
from migrate.commands.verify import VerifyOptions, verify
from migrate.core.errors import BadInput
from migrate.execute.work import Bounds
from migrate.model.plan import Plan
from migrate.report.assembly import diff_report, run_report, verify_report
from migrate.report.model import Report
from migrate.simulator import RecordedRequest, Simulator
from migrate.store import Store, open_store, plans, snapshots

SEED = 7
SERVICES = 12
LATENCY_MS = 20


@dataclass(frozen=True)
class Act:
    """One part of the demo: what it shows, and the report to print, if it has one."""

    title: str
    report: Report | None = None


def demo(context: Context, show: Callable[[Act], None], finish: Callable[[Report], None]) -> None:
    """Migrate a made-up account on a simulator in this process.

    Args:
        context: its database path is where the demo leaves its own.
        finish: receives the report of the run, to be written as HTML.

    Raises:
        BadInput: the database path holds something else than an earlier demo.
    """
    simulator = Simulator(services=SERVICES, seed=SEED, latency_ms=LATENCY_MS)
    _forget_earlier_demo(context.db, simulator.account_sid)
    with simulator:
        _tell(replace(context, environ=simulator.environment()), simulator, show, finish)


def _tell(
    context: Context, simulator: Simulator, show: Callable[[Act], None], finish: Callable[[Report], None]
) -> None:
    def present(store: Store, plan: Plan) -> None:
        show(Act("The dry run: what would change, and what needs a person", diff_report(store, plan)))

    done = run(context, RunOptions(), _agree, present)
    reads, writes = _counted(simulator.requests)
    show(Act(f"Applied with {writes} writes and {reads} reads for {SERVICES} services"))
    verified = verify(context, VerifyOptions())
    with context.opened() as store:
        finish(run_report(store, plans.by_number(store, done.plan or 0), done))
        show(Act("Verified: every target read again", verify_report(store, verified.plan)))
    before = len(simulator.requests)
    run(context, RunOptions(), _agree, lambda _store, _plan: None)
    _, more = _counted(simulator.requests[before:])
    show(Act(f"A second run: {more} writes"))


def _agree(_store: Store, _plan: Plan, _bounds: Bounds) -> None:
    """Nobody is asked: the account is made up."""


def _counted(requests: list[RecordedRequest]) -> tuple[int, int]:
    reads = sum(request.method == "GET" for request in requests)
    return reads, len(requests) - reads


def _forget_earlier_demo(path: Path, account_sid: str) -> None:
    """Remove what an earlier demo left, and nothing else: opening it first proves that it is ours."""
    if not path.exists():
        return
    with open_store(path) as store:
        others = [account for account in snapshots.accounts(store) if account != account_sid]
    if others:
        raise BadInput(
            f"{path} holds a migration of account {others[0]}, not a demo; nothing was changed. "
            "Move it away, or run the demo in another folder."
        )
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
