"""The end of every command that writes: the report on its run, and the exit code."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from migrate.cli.typed import Typed

if TYPE_CHECKING:
    from migrate.cli.present import Output
    from migrate.commands.context import Context
    from migrate.model.state import Run


def reported(
    typed: Typed,
    output: Output,
    work: Callable[[Context], Run | None],
    *,
    limited: bool = False,
    nothing: str = "",
) -> int:
    """Do what writes, print the report on the run that it was, and return the exit code; or say that it was `nothing`.

    Where an API is gone in the middle of it, the report tells what is done and left, and the error goes on.
    """
    from migrate.core.errors import ChatUnavailable
    from migrate.store import runs

    with typed.tool() as made:
        try:
            run = work(made)
        except ChatUnavailable:
            with made.opened() as store:
                newest = runs.find_latest(store, made.account(store))
            if newest is not None and newest.plan is not None:
                _report(made, newest, output, limited=False)
            raise
        if run is None:
            click.echo(nothing)
            return 0
        return _report(made, run, output, limited=limited)


def _report(made: Context, run: Run, output: Output, *, limited: bool) -> int:
    from migrate.commands.ending import code_of_run, notes_on
    from migrate.commands.status import report_of_run, status

    with made.opened() as store:
        if run.plan is not None:
            next_command = status(made, store).next_command
            output.write(report_of_run(store, run), notes=notes_on(store, run), next_commands=(next_command,))
        return code_of_run(store, run, limited=limited)
