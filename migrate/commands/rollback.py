"""`rollback`: restores what a run has overwritten."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

from migrate.api.gateway import DEFAULT_CONCURRENCY
from migrate.commands.context import Context
from migrate.commands.finishing import finish
from migrate.core.errors import BadInput, SafetyRefusal
from migrate.core.pool import parallel
from migrate.execute.attempts import Limits, Work
from migrate.execute.rollback import How, Undo, preview, roll_back, undos
from migrate.report.model import Report
from migrate.report.reporting import rollback_report
from migrate.store import Store, journal, plans
from migrate.store.journal import Entry, Run


@dataclass(frozen=True)
class RollbackOptions:
    """How to roll back: whether to remove what the run has created, and how many services at once."""

    delete_created: bool = False
    concurrency: int = DEFAULT_CONCURRENCY


def find_run(store: Store, run_id: int | None) -> Run | None:
    """Return the run to undo: the one named, or the newest that wrote something; None if there is none.

    Raises:
        BadInput: there is no such run, or it is a rollback itself.
    """
    if run_id is None:
        return journal.find_latest_to_undo(store)
    run = journal.get(store, run_id)
    if run.undoes is not None:
        raise BadInput(
            f"Run {run_id} is itself the rollback of run {run.undoes}. `chat-migrate diff` plans anew."
        )
    return run


def rollback(
    context: Context, store: Store, undone: Run, options: RollbackOptions, confirm: Callable[[], None]
) -> Report:
    """Undo a run; return the report.

    Raises:
        SafetyRefusal: the credentials are for another account, an earlier rollback is unfinished, or nobody knows
            yet what the run has created.
        Interrupted: Ctrl-C; what was done is recorded.
    """
    _check(context, store, undone)
    confirm()
    run = journal.start_rollback(store, undone, delete_created=options.delete_created)
    run = continue_rollback(context, store, run, Limits(concurrency=options.concurrency))
    return report_of(store, run)


def continue_rollback(context: Context, store: Store, run: Run, limits: Limits) -> Run:
    """Do what is left of a rollback; return it as it stands afterwards."""
    writer = context.target_writer(limits.concurrency, deletes=run.delete_created)
    if writer.account_sid != run.account_sid:
        raise SafetyRefusal(_wrong_account(run, writer.account_sid))
    undone = journal.get(store, run.undoes or 0)
    work = Work(store, writer, context.retrier(), plans.by_number(store, run.plan), limits)
    return finish(context, work, run, lambda work, run: roll_back(work, run, undone))


def report_of(store: Store, run: Run) -> Report:
    """Report on a rollback as its journal tells it."""
    undone = journal.get(store, run.undoes or 0)
    entries = partial(journal.last_entries, store, run)
    return rollback_report(store, undone, entries, delete_created=run.delete_created)


def preview_rollback(context: Context, store: Store, undone: Run, options: RollbackOptions) -> Report:
    """Report what a rollback would do now; it reads the targets and writes nothing.

    Raises:
        SafetyRefusal: the credentials are for another account.
    """
    reader, retrier = context.target_reader(options.concurrency), context.retrier()
    if reader.account_sid != undone.account_sid:
        raise SafetyRefusal(_wrong_account(undone, reader.account_sid))

    def look(source_sid: str) -> tuple[str, dict[str, Entry]]:
        undoing = undos(store, undone, source_sid, delete_created=options.delete_created)
        return source_sid, {undo.step.key: preview(reader, retrier, undo) for undo in undoing}

    found: Mapping[str, dict[str, Entry]] = dict(
        parallel(look, plans.sids_to_change(store, undone.plan), options.concurrency)
    )
    return rollback_report(
        store, undone, lambda sid: found.get(sid, {}), delete_created=options.delete_created
    )


def special_cases(store: Store, undone: Run, *, delete_created: bool) -> Iterator[str]:
    """Yield a line per step that cannot be undone, and per thing that the run has created."""
    for source_sid in plans.sids_to_change(store, undone.plan):
        for undo in undos(store, undone, source_sid, delete_created=delete_created):
            if undo.special:
                yield f"{undo.step.key}: {_fate(undo)}"


def _fate(undo: Undo) -> str:
    return f"{undo.sid} will be removed if nobody uses it" if undo.how is How.REMOVE else undo.reason


def _check(context: Context, store: Store, undone: Run) -> None:
    account_sid = context.target_writer().account_sid
    if account_sid != undone.account_sid:
        raise SafetyRefusal(_wrong_account(undone, account_sid))
    if journal.undecided_create(store, undone.account_sid, undone) is not None:
        raise SafetyRefusal(
            f"Run {undone.id} may have created services that are not recorded yet. `chat-migrate resume` finds out; "
            "then roll back."
        )
    pending = journal.find_latest(store)
    if pending is not None and pending.undoes is not None and pending.finished_at is None:
        raise SafetyRefusal(f"Rollback {pending.id} is unfinished. `chat-migrate resume` continues it.")


def _wrong_account(run: Run, account_sid: str) -> str:
    return f"Run {run.id} wrote to account {run.account_sid}, but the credentials are for {account_sid}."
