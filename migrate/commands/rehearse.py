"""`rehearse`: the plan, tried out in the simulator. Nothing reaches Twilio, and the database is only read."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from migrate.commands.apply import find_plan
from migrate.commands.context import Context
from migrate.commands.ending import DONE, INCOMPLETE, code_of_run
from migrate.core.errors import SafetyRefusal
from migrate.execute.guards import check_fresh, check_plan
from migrate.model.plan import Plan
from migrate.rehearsal.estimate import Conditions, RequestPhase, phases_of, seconds_of
from migrate.rehearsal.judgement import Judgement, judge
from migrate.rehearsal.performance import Pacing, Performance, Performer, clean_environ
from migrate.rehearsal.scene import accounts_of
from migrate.rehearsal.stage import ACCOUNTS, AFTER, BEFORE, Disturbances, Stage
from migrate.report.assembly import rehearsal_report
from migrate.report.model import Estimate, Rehearsed, Report
from migrate.store import Store, open_store, runs
from migrate.store.database import copy_database

ASSUMED_LATENCY = 0.1
"""Seconds: what the estimate assumes of a request where no latency is given."""
SETTLES = 3
"""So many times the lag is waited for, as one would with a real one."""


@dataclass(frozen=True)
class RehearseOptions:
    """What to rehearse, and how.

    Attributes:
        plan_id: the plan; None: the newest of the account.
        concurrency: requests at once; None: as many as the simulator takes.
    """

    plan_id: str | None = None
    disturbances: Disturbances = field(default_factory=Disturbances)
    concurrency: int | None = None

    @property
    def pacing(self) -> Pacing:
        """How the program is told to go about it: the settle time follows from the lag."""
        return Pacing(max(1.0, SETTLES * self.disturbances.lag), self.concurrency)


def rehearse(context: Context, options: RehearseOptions, present: Callable[[Report], None]) -> int:
    """Execute a copy of a plan in the simulator, and compare what came of it; return the exit code.

    Args:
        present: is given the report, which can be read until it returns.

    Raises:
        BadInput: there is no such plan, or no database.
        SafetyRefusal: `apply` would refuse the plan.
        Interrupted: the stop token was set.
    """
    with tempfile.TemporaryDirectory(prefix="chat-migrate-rehearsal-") as name:
        folder = Path(name)
        db = folder / "rehearsal.db"
        copy_database(context.db, db)
        with open_store(db, must_exist=True) as store:
            plan = _plan(context, store, options)
            (folder / ACCOUNTS).write_text(json.dumps(accounts_of(store, plan)), encoding="utf-8")
            phases = phases_of(store, plan)
        done = _perform(context, options, db, plan, sum(phase.requests for phase in phases))
        before, after = (
            json.loads((folder / which).read_text(encoding="utf-8")) for which in (BEFORE, AFTER)
        )
        with open_store(db, must_exist=True) as store:
            judgement = judge(store, plan, before, after)
            run = runs.find_latest_of(store, plan)
            if run is None:
                raise AssertionError("a performance that ended has a run")
            holds = done.finished and not judgement.differences and not judgement.doubles
            code = code_of_run(store, run) or (DONE if holds else INCOMPLETE)
            told = _told(options, phases, done, judgement)
            present(rehearsal_report(store, plan, run, replace(told, held=code == DONE)))
    return DONE if code == DONE else INCOMPLETE


def _plan(context: Context, store: Store, options: RehearseOptions) -> Plan:
    plan = find_plan(store, context.account(store), options.plan_id)
    check_plan(plan, plan.target_account_sid)
    check_fresh(store, plan)
    begun = runs.find_latest_of(store, plan)
    if begun is not None:
        raise SafetyRefusal(
            f"Run {begun.id} has executed plan {plan.id[:12]}, or a part of it, so there is nothing to rehearse. "
            "Run `chat-migrate diff` to plan what is left."
        )
    return plan


def _perform(context: Context, options: RehearseOptions, db: Path, plan: Plan, expected: int) -> Performance:
    environ = clean_environ(context.environ)
    pacing, disturbances = options.pacing, options.disturbances
    with (
        Stage(db.parent, disturbances, environ) as stage,
        context.progress.bar("Rehearsing", total=expected, unit="request") as bar,
    ):
        shown = 0

        def tell(requests: int) -> None:
            nonlocal shown
            bar.advance(requests - shown)
            shown = requests

        performer = Performer(db, plan, stage, environ, pacing, context.stop)
        return performer.perform(disturbances, expected, tell)


def _told(
    options: RehearseOptions, phases: tuple[RequestPhase, ...], done: Performance, judgement: Judgement
) -> Rehearsed:
    asked = options.disturbances
    return Rehearsed(
        held=False,
        differences=judgement.differences,
        doubles=judgement.doubles,
        warnings=judgement.warnings,
        reads=done.seen.reads,
        writes=done.seen.requests - done.seen.reads,
        faults=dict(sorted(done.seen.faults.items())),
        kills=done.seen.kills,
        resumes=done.resumes,
        seconds=done.seconds,
        settle=options.pacing.settle,
        options={
            "seed": asked.seed,
            "fault-rate": asked.fault_rate,
            "kills": asked.kills,
            "lag": asked.lag,
            "latency": asked.latency * 1000,
            "max-concurrent": asked.max_concurrent,
            "concurrency": options.concurrency,
        },
        estimate=_estimate(options, phases, done),
    )


def _estimate(options: RehearseOptions, phases: tuple[RequestPhase, ...], done: Performance) -> Estimate:
    asked = options.disturbances
    # What a new service is born with needs no write, which only the rehearsal can tell.
    *others, last = phases
    phases = (*others, replace(last, writes=min(last.writes, done.seen.requests - done.seen.reads)))
    conditions = Conditions(
        latency=asked.latency or ASSUMED_LATENCY,
        concurrency=options.concurrency,
        max_concurrent=asked.max_concurrent,
        idle_seconds=done.idle_seconds,
        request_seconds=done.request_seconds,
    )
    return Estimate(
        seconds=seconds_of(phases, conditions),
        reads=sum(phase.reads for phase in phases),
        writes=sum(phase.writes for phase in phases),
        latency=conditions.latency,
        at_once=min((limit for limit in (asked.max_concurrent, options.concurrency) if limit), default=None),
        idle_seconds=done.idle_seconds,
        request_seconds=done.request_seconds,
    )
