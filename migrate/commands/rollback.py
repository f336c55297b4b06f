"""`rollback`: restores what a run has overwritten."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from migrate.api.patient import Patient
from migrate.commands.apply import ending_well, finished_if_done
from migrate.commands.context import Context, Working
from migrate.core.errors import BadInput, SafetyRefusal
from migrate.core.together import in_order
from migrate.execute.evidence import prove_account
from migrate.execute.rollback import RollBack, preview
from migrate.execute.undo import NO_WAY_BACK, Undo, Undoes, plan_of, undos
from migrate.execute.work import Bounds, Work
from migrate.kinds.registry import KINDS
from migrate.model.state import Entry, Run
from migrate.model.step import ReadyStep
from migrate.report.question import Stays, Undoing
from migrate.store import Store, plans, runs
from migrate.store.frontier import Frontier, skip_all
from migrate.store.journal import Journal
from migrate.store.lock import renew


@dataclass(frozen=True)
class RollbackOptions:
    """How to roll back.

    Attributes:
        run_id: the run to undo; None means the newest of the account that wrote something.
        concurrency: requests at once; None means as many as Twilio takes.
    """

    run_id: int | None = None
    delete_created: bool = False
    concurrency: int | None = None


MOST_OLDER = 5
ConfirmRollback = Callable[[Store, Undoing], None]
"""Asks a person whether to go on; raises to refuse."""


def rollback(context: Context, options: RollbackOptions, confirm: ConfirmRollback) -> Run | None:
    """Undo a run; return the rollback, finished or not, or None if no run has written anything.

    Raises:
        SafetyRefusal: the credentials are for another account, an earlier rollback is unfinished, or nobody knows
            yet what the run has created.
        Interrupted: what was done is recorded.
    """
    with context.working("rollback") as at:
        store = at.store
        undone = find_run(store, at.account_sid, options.run_id)
        if undone is None:
            return None
        _check(context, store, undone)
        confirm(store, undoing(store, undone, delete_created=options.delete_created))
        renew(store, at.lock)
        begun = runs.start(
            store,
            account_sid=undone.account_sid,
            target_account_sid=undone.target_account_sid,
            command="rollback",
            phase="apply",
            plan=plans.by_number(store, plan_of(undone)),
            options={"delete_created": options.delete_created},
            undoes=undone,
        )
        return asyncio.run(_roll_back(at, begun, options.concurrency))


def find_run(store: Store, account_sid: str, run_id: int | None) -> Run | None:
    """Return the run to undo: the one named, or the newest that wrote something; None if there is none.

    Raises:
        BadInput: there is no such run, it is a rollback itself, or it never came to writing.
    """
    if run_id is None:
        return runs.find_latest_to_undo(store, account_sid)
    run = runs.get(store, run_id)
    if run.undoes is not None:
        raise BadInput(
            f"Run {run_id} is itself the rollback of run {run.undoes}. `chat-migrate diff` plans again."
        )
    if run.plan is None:
        raise BadInput(f"Run {run_id} ended before it had a plan: it has written nothing.")
    return run


def continue_rollback(at: Working, run: Run, concurrency: int | None) -> Run:
    """Do what is left of a rollback; return it as it stands afterwards."""
    _check_account(at.context, run)
    return asyncio.run(_roll_back(at, run, concurrency))


async def _roll_back(at: Working, run: Run, concurrency: int | None) -> Run:
    context, store = at.context, at.store
    undone = runs.get(store, run.undoes or run.id)
    plan = plans.by_number(store, plan_of(run))
    session = runs.new_session(store, run)
    deletes = bool(run.options.get("delete_created"))
    async with (
        context.target_writer(concurrency, deletes=deletes) as writer,
        Journal(store, run, at.lock) as journal,
    ):
        retrier, settle = context.retrier(concurrency), context.settle()
        work = Work(store, journal, writer, retrier, settle, plan, run, session, Bounds(concurrency))
        lasting = {name for name, kind in KINDS.items() if not kind.reversible}
        skip_all(store, run, lasting, NO_WAY_BACK().text)
        with ending_well():
            await prove_account(writer, retrier)
            with context.progress.bar("Restoring", unit="step") as bar:
                await RollBack(work, undone, Frontier(store, run, session), bar.advance).run()
    return finished_if_done(store, run)


def preview_rollback(context: Context, options: RollbackOptions) -> tuple[Run, dict[str, Entry]] | None:
    """Return the run that would be undone, and what would become of each of its steps; it writes nothing.

    Raises:
        SafetyRefusal: as `rollback`.
    """
    with context.opened() as store:
        account_sid = context.account(store)
        undone = find_run(store, account_sid, options.run_id)
        if undone is None:
            return None
        _check(context, store, undone)
        return undone, asyncio.run(_preview(context, store, undone, options))


async def _preview(context: Context, store: Store, undone: Run, options: RollbackOptions) -> dict[str, Entry]:
    async with context.target_reader(options.concurrency) as reader:
        retrier = context.retrier(options.concurrency)
        calls = Patient(reader, retrier)
        await prove_account(reader, retrier)

        async def look(found: tuple[Undoes, ReadyStep]) -> tuple[str, Entry]:
            return found[1].key, await preview(calls, *found)

        every = all_undos(store, undone, delete_created=options.delete_created)
        found = ((undo.how, undo.ready) for undo in every if undo.ready is not None)
        return dict([pair async for pair in in_order(look, found, context.stop, calls.ahead)])


def all_undos(store: Store, undone: Run, *, delete_created: bool) -> Iterator[Undo]:
    """Yield how each step of a run is undone, service by service."""
    for source_sid in plans.source_sids_to_change(store, plan_of(undone)):
        yield from undos(store, undone, source_sid, delete_created=delete_created)


def undoing(store: Store, undone: Run, *, delete_created: bool) -> Undoing:
    """Count what a rollback would do."""
    services: set[str] = set()
    fields = 0
    removed: Counter[str] = Counter()
    left: defaultdict[str, list[str]] = defaultdict(list)
    for undo in all_undos(store, undone, delete_created=delete_created):
        if undo.how is Undoes.RESTORE and undo.ready is not None:
            services.add(undo.step.source_sid)
            fields += len(undo.ready.after)
        removed[undo.step.kind] += undo.how is Undoes.REMOVE
        for reason in undo.reasons if undo.is_notable and undo.how is not Undoes.REMOVE else ():
            left[reason.cause].append(undo.step.source_sid)
    older = runs.older_writes(store, undone)
    for number in older[:MOST_OLDER]:
        left[f"Run {number}, which is older, is left as it is"] = []
    stays = [Stays(cause, len(sids), len(set(sids))) for cause, sids in left.items()]
    return Undoing(undone.id, undone.target_account_sid, fields, len(services), dict(+removed), stays)


def _check(context: Context, store: Store, undone: Run) -> None:
    _check_account(context, undone)
    if runs.undecided_create(store, undone.target_account_sid, undone) is not None:
        raise SafetyRefusal(
            f"Run {undone.id} may have created something that is not recorded yet. `chat-migrate resume` finds out; "
            "then roll back."
        )
    pending = runs.find_latest(store, undone.account_sid)
    if pending is not None and pending.undoes is not None and pending.finished_at is None:
        raise SafetyRefusal(f"Rollback {pending.id} is unfinished. `chat-migrate resume` continues it.")


def _check_account(context: Context, run: Run) -> None:
    account_sid = context.target_account()
    if account_sid != run.target_account_sid:
        raise SafetyRefusal(
            f"Run {run.id} wrote to account {run.target_account_sid}, but the credentials are for {account_sid}."
        )
