"""Doing what is left of a run, whichever command asks for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from migrate.commands.context import Context, RunInterrupted
from migrate.core.errors import Interrupted
from migrate.execute.attempts import Work
from migrate.store import journal
from migrate.store.journal import Run


def finish(context: Context, work: Work, run: Run, do: Callable[[Work, Run], Iterator[str]]) -> Run:
    """Do what is left of a run or a rollback, with progress; return it as it stands afterwards.

    Raises:
        RunInterrupted: Ctrl-C; what was done is recorded.
    """
    left = len(journal.open_services(work.store, run))
    try:
        for _ in context.progress.track(
            do(work, run), "Applying" if run.undoes is None else "Restoring", total=left
        ):
            pass
    except Interrupted as error:
        raise RunInterrupted(f"Run {run.id} was interrupted. `chat-migrate resume` continues it.") from error
    return journal.get(work.store, run.id)
