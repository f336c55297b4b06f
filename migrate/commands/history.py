"""`history` and `unlock`: the ids that other commands ask for, and a lock that its holder can't end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from migrate.commands.context import Context
from migrate.report.blocks import Block, Heading, Inline, Table, text
from migrate.report.values import moment
from migrate.report.words import spoken
from migrate.store import lock, runs
from migrate.store.runs import Happened


def history(context: Context) -> list[Happened]:
    """Return the snapshots, plans and runs of the named account, or of all, oldest first."""
    with context.opened() as store:
        return runs.history(store, context.account_sid)


HEAD = ("", "id", "at", "", "state", "counts")


def as_blocks(found: Sequence[Happened]) -> Iterator[Block]:
    """Yield the history as a person reads it: a table an account."""
    for account_sid in dict.fromkeys(each.account_sid for each in found):
        yield Heading(text(account_sid))
        yield Table(HEAD, [_row(each) for each in found if each.account_sid == account_sid])


def _row(each: Happened) -> tuple[Inline, ...]:
    how = each.detail + (f" of run {each.undoes}" if each.undoes else "")
    counts = ", ".join(f"{count:,} {spoken(name)}" for name, count in each.counts.items())
    return tuple(map(text, (each.what, each.id[:12], moment(each.at), how, each.state, counts)))


def unlock(context: Context, lock_id: str) -> None:
    """End a lock by the id that a refusal has shown.

    Raises:
        BadInput: there is no such lock.
    """
    with context.opened() as store:
        lock.unlock(store, lock_id)
