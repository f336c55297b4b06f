"""What a fleet does for one account, in a thread, a process or on another machine.

A plain function of plain data: the credentials are found where it runs, kept in memory, and never leave it.
"""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from migrate.commands.apply import apply, find_plan
from migrate.commands.context import Context
from migrate.commands.diff import diff
from migrate.commands.ending import (
    DONE,
    INCOMPLETE,
    code_of_plan,
    code_of_run,
    code_of_verification,
)
from migrate.commands.export import export
from migrate.commands.fleet_standing import told
from migrate.commands.run import ResumeOptions, RunOptions, resume
from migrate.commands.status import report_of, status
from migrate.commands.verify import VerifyOptions, verify
from migrate.core.clock import ticks
from migrate.core.errors import Interrupted, LockHeld, LockLost, MigrateError, SafetyRefusal
from migrate.core.jsonable import from_json
from migrate.core.masking import mask_text
from migrate.core.progress import Progress
from migrate.core.stop import StopToken
from migrate.core.whole_file import replacing
from migrate.execute.guards import check_thresholds
from migrate.execute.work import Bounds
from migrate.fleet.credentials import environment_of
from migrate.fleet.task import AccountOutcome, Deed, Task
from migrate.model.plan import Plan
from migrate.model.state import Run
from migrate.report import render
from migrate.report.assembly import verify_report
from migrate.store import Store, plans, runs

LOOK_SECONDS = 0.5
MOST_NOTES = 20
REPORTED = frozenset({Deed.DIFF, Deed.PLAN, Deed.APPLY, Deed.VERIFY})
BEFORE_CONSENT = frozenset({"export", "plan", "confirm"})
"""Phases of a `run` in which nobody had agreed to anything."""


@dataclass(frozen=True)
class FleetOptions:
    """What to do for each account, and how far to go.

    Attributes:
        exit_code: whether a `diff` with pending changes ends with 3.
        max_changes_total: the most fields that may change in all accounts together.
    """

    run: RunOptions = field(default_factory=RunOptions)
    exit_code: bool = False
    verify: bool = False
    max_changes_total: int | None = None


class _Notes(Progress):
    """Keeps what a person must know for the outcome, and shows nothing."""

    def __init__(self) -> None:
        super().__init__(quiet=True)
        self.kept: list[str] = []

    def warn(self, text: str) -> None:
        """Keep one more, if they are not too many."""
        if len(self.kept) < MOST_NOTES:
            self.kept.append(mask_text(text))


def work(task: Task, environ: Mapping[str, str] | None = None) -> AccountOutcome:
    """Do what a task asks for; whatever goes wrong is in the outcome.

    Args:
        environ: the environment variables; None: this process's.
    """
    notes = _Notes()
    with _heard(task.stop_file) as token:
        context = Context(
            db=task.db,
            environ={**(os.environ if environ is None else environ), **dict(task.settings)},
            progress=notes,
            stop=token,
            account_sid=task.account.account_sid,
            settle_seconds=task.order.settle_seconds,
            patience=task.patience,
            shared=task.shared,
        )
        try:
            code, message = _done(context, task), ""
        except MigrateError as error:
            code, message = error.exit_code, str(error)
        except Exception as error:
            code, message = 1, f"Unexpected failure: {type(error).__name__}: {error}. Please report it."
        outcome = AccountOutcome(task.account.account_sid, task.deed, code, message, tuple(notes.kept))
        return _with_facts(context, task, outcome)


def _with_facts(context: Context, task: Task, outcome: AccountOutcome) -> AccountOutcome:
    """Add what the account's database says, and write the account's own report."""
    if not task.db.exists():
        return told(outcome, None)
    try:
        with context.opened() as store:
            found = status(context, store)
            outcome = told(outcome, found, store)
            if found.plan is not None and task.deed in REPORTED:
                verified = task.deed is Deed.VERIFY and found.verification is not None
                report = verify_report(store, found.plan) if verified else report_of(store, found)
                with replacing(task.report) as stream:
                    render(report, "html", stream)
    except (MigrateError, OSError) as error:
        text = mask_text(f"The account's report could not be written: {error}")
        return replace(outcome, code=outcome.code or 1, message=outcome.message or text)
    return outcome


@contextmanager
def _heard(stop_file: Path) -> Iterator[StopToken]:
    """Make a stop token that a file sets, or the end of the process that started this one.

    A command also sets its token by itself when it fails, so that no two accounts may share one.
    """
    token, done = StopToken(), threading.Event()
    parent = multiprocessing.parent_process()

    def watch() -> None:
        while not done.wait(LOOK_SECONDS):
            if stop_file.exists() or (parent is not None and not parent.is_alive()):
                token.set()

    watching = threading.Thread(target=watch, name="stop-file", daemon=True)
    watching.start()
    try:
        yield token
    finally:
        done.set()
        watching.join()
        if parent is not None and not parent.is_alive():
            # Nobody is left who would end this process, or take its outcome.
            os._exit(Interrupted.exit_code)


def _done(context: Context, task: Task) -> int:
    """Do it, and wait for another run that holds the account's lock, as long as is allowed."""
    options = from_json(FleetOptions, task.order.options)
    until = ticks() + task.lock_wait_seconds
    if task.deed is not Deed.REVIEW:
        environ = environment_of(task.account, task.parent_sid, context.environ, context.retrier())
        context = replace(context, environ=environ)
    while True:
        if context.stop.is_set():
            raise Interrupted("Interrupted before anything was written to Twilio.")
        try:
            return DEEDS[task.deed](context, task, options)
        except LockLost:
            raise
        except LockHeld:
            if ticks() >= until:
                raise
            time.sleep(LOOK_SECONDS)


def _export(context: Context, _task: Task, options: FleetOptions) -> int:
    export(context, options.run.export)
    return DONE


def _diff(context: Context, _task: Task, options: FleetOptions) -> int:
    plan = diff(context, options.run.diff)
    return code_of_plan(plan) if options.exit_code else DONE


def _plan(context: Context, task: Task, options: FleetOptions) -> int:
    if task.resumes:
        _continue(context, None)
    export(context, options.run.export)
    return _reviewed(diff(context, options.run.diff), options)


def _review(context: Context, task: Task, options: FleetOptions) -> int:
    with context.opened() as store:
        return _reviewed(find_plan(store, task.account.account_sid, None), options)


def _reviewed(plan: Plan, options: FleetOptions) -> int:
    check_thresholds(plan, options.run.apply.thresholds)
    return INCOMPLETE if plan.services_missing and not plan.steps else DONE


def _apply(context: Context, task: Task, options: FleetOptions) -> int:
    run = _continue(context, task.plan_id)
    if run is None:
        run = apply(context, replace(options.run.apply, plan_id=task.plan_id), _agreed)
    bounds = options.run.apply.bounds
    with context.opened() as store:
        code = code_of_run(store, run, limited=bounds.services is not None or bool(bounds.limits))
    return _verify(context, task, options) if options.verify and not code else code


def _continue(context: Context, plan_id: str | None) -> Run | None:
    """Continue the run that was cut off, if it executes this plan (any, with None) and somebody had agreed."""
    account_sid = context.account_sid or ""
    if not context.db.exists():
        return None
    with context.opened() as store:
        found = runs.find_unfinished(store, account_sid)
        if found is None or found.plan is None or found.phase in BEFORE_CONSENT:
            return None
        if found.undoes is not None:
            raise SafetyRefusal(
                f"The rollback of run {found.undoes} is unfinished. Run `chat-migrate --db {context.db} resume` first."
            )
        if plan_id is not None and plans.by_number(store, found.plan).id != plan_id:
            return None
    return resume(context, ResumeOptions(), _agreed, lambda _store, _plan: None)


def _agreed(_store: Store, _plan: Plan, _bounds: Bounds) -> None:
    """Ask nobody: the fleet has asked, once for all accounts."""


def _verify(context: Context, _task: Task, options: FleetOptions) -> int:
    found = verify(context, VerifyOptions(None, options.run.apply.bounds.concurrency))
    return code_of_verification(found.plan, found.differences)


DEEDS: Mapping[Deed, Callable[[Context, Task, FleetOptions], int]] = {
    Deed.EXPORT: _export,
    Deed.DIFF: _diff,
    Deed.PLAN: _plan,
    Deed.REVIEW: _review,
    Deed.APPLY: _apply,
    Deed.VERIFY: _verify,
}
