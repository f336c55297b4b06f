"""What every command of the shell needs: the tool's context, its output, and a gentle end on signals."""

from __future__ import annotations

import gc
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

import click

from migrate.cli.options import ReportChoice

if TYPE_CHECKING:
    from migrate.cli.present import Output
    from migrate.commands.context import Context
    from migrate.core.stop import StopToken
    from migrate.model.state import Run

ALLOCATIONS = 20_000
"""Objects between two searches for unreachable cycles: rows are made by the million, and next to none form a cycle."""
SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


def output_of(context: click.Context, choice: ReportChoice) -> Output:
    """Return where the report goes, checked."""
    from migrate.cli.present import Output, wants_color

    wanted = Output(
        db=context.obj["db"],
        format=choice.format,
        file=choice.output,
        full=choice.full,
        color=wants_color(os.environ),
        quiet=context.obj["quiet"],
    )
    wanted.check()
    return wanted


@contextmanager
def tool(
    context: click.Context, *, account: str | None = None, settle: float | None = None
) -> Iterator[Context]:
    """Make the context that the commands work with; while it is open, signals end them gently."""
    from migrate.commands.context import Context
    from migrate.core.progress import Progress

    progress = Progress(quiet=context.obj["quiet"], verbose=context.obj["verbose"])
    made = Context(context.obj["db"], os.environ, progress, account_sid=account, settle_seconds=settle)
    # What was imported stays to the end: there is no use in looking through it again and again.
    gc.freeze()
    gc.set_threshold(ALLOCATIONS)
    with _gentle(made.stop, progress.note):
        yield made


@contextmanager
def _gentle(stop: StopToken, note: Callable[[str], None]) -> Iterator[None]:
    """Let the first signal finish what is in flight; the second one ends the process at once."""

    def interrupted(_signal: int, _frame: FrameType | None) -> None:
        if stop.is_set():
            os._exit(130)
        stop.set()
        note("Interrupted: finishing the requests in flight. Ctrl-C again stops at once.")

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    # What is ignored, as SIGHUP under nohup, stays ignored.
    heard = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    previous = {number: signal.signal(number, interrupted) for number in heard}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


@contextmanager
def told_at_outage(made: Context, output: Output) -> Iterator[None]:
    """Print the report of what is done and left, where an API is gone in the middle of a run."""
    from migrate.core.errors import ChatUnavailable

    try:
        yield
    except ChatUnavailable:
        from migrate.store import runs

        with made.opened() as store:
            newest = runs.find_latest(store, made.account(store))
        if newest is not None and newest.plan is not None:
            present_run(made, newest, output, limited=False)
        raise


def present_run(made: Context, run: Run, output: Output, *, limited: bool) -> int:
    """Print the report on a run or rollback; return the exit code."""
    from migrate.commands.ending import code_of_run, notes_on
    from migrate.commands.status import report_of_run, status

    with made.opened() as store:
        if run.plan is not None:
            next_command = status(made, store).next_command
            output.write(report_of_run(store, run), notes=notes_on(store, run), next_commands=(next_command,))
        return code_of_run(store, run, limited=limited)
