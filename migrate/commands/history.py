"""`history` and `unlock`: the ids that other commands ask for, and a lock that its holder can't end."""

from __future__ import annotations

from collections.abc import Sequence

from migrate.commands.context import Context
from migrate.report.words import spoken
from migrate.store import lock, runs
from migrate.store.runs import Happened


def history(context: Context) -> list[Happened]:
    """Return the snapshots, plans and runs of the named account, or of all, oldest first."""
    with context.opened() as store:
        return runs.history(store, context.account_sid)


def as_table(found: Sequence[Happened]) -> list[dict[str, str]]:
    """Return the history as rows of text, one per line of a table."""
    return [
        {
            "what": each.what,
            "id": each.id[:12],
            "account": each.account_sid,
            "at": each.at,
            "how": each.detail + (f" of run {each.undoes}" if each.undoes else ""),
            "state": each.state,
            "counts": ", ".join(f"{count} {spoken(name)}" for name, count in each.counts.items()),
        }
        for each in found
    ]


def unlock(context: Context, lock_id: str) -> None:
    """End a lock by the id that a refusal has shown.

    Raises:
        BadInput: there is no such lock.
    """
    with context.opened() as store:
        lock.unlock(store, lock_id)
