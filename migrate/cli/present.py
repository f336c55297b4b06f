"""What a person or a pipe gets to see: reports, confirmations and exit codes."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import click

from migrate.core.errors import BadInput, Declined

if TYPE_CHECKING:
    from migrate.report.model import Report
    from migrate.store import Store
    from migrate.store.journal import Run
    from migrate.store.plans import Plan

PRIVATE = 0o600


@dataclass(frozen=True)
class Output:
    """Where a report goes and how.

    Attributes:
        format: one of `migrate.report.FORMATS`.
        file: a file to write, or None for stdout.
        color: whether stdout shows colour.
        verbose: print long lists whole.
        quiet: say nothing about a file that was written.
    """

    format: str = "text"
    file: Path | None = None
    color: bool = False
    verbose: bool = False
    quiet: bool = False

    def check(self) -> None:
        """Refuse a file that cannot be written, before any work is done.

        Raises:
            BadInput: its folder does not exist or is not writable.
        """
        if self.file is None:
            return
        if not _can_be_written(self.file):
            raise BadInput(
                f"{self.file} cannot be written: choose a file in a folder that exists and is writable."
            )

    def write(self, report: Report) -> None:
        """Print the report, or put it into the file, whole or not at all, readable by its owner only."""
        with self._stream() as stream:
            self._render(report, stream)
        if self.file is not None:
            self._tell(report)

    def write_text(self, text: str) -> None:
        """Print some lines, or put them into the file, likewise."""
        with self._stream() as stream:
            stream.write(text + "\n")

    @contextmanager
    def _stream(self) -> Iterator[TextIO]:
        if self.file is None:
            yield sys.stdout
            sys.stdout.flush()
            return
        handle, name = tempfile.mkstemp(dir=self.file.parent, prefix=".chat-migrate-")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as stream:
                yield stream
            Path(name).replace(self.file)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise

    def _tell(self, report: Report) -> None:
        if not self.quiet:
            summary = report.summary
            click.echo(
                f"Wrote {self.file}: {summary.services} services examined, {summary.services_to_change} to change, "
                f"{summary.steps} steps.",
                err=True,
            )

    def _render(self, report: Report, stream: TextIO) -> None:
        from migrate.report import render

        render(report, self.format, stream, color=self.color, verbose=self.verbose)


def _can_be_written(file: Path) -> bool:
    try:
        return not file.is_dir() and file.parent.is_dir() and os.access(file.parent, os.W_OK)
    except OSError:  # a name that is too long
        return False


def wants_color(environ: Mapping[str, str]) -> bool:
    """Whether stdout is a terminal and nobody asked for plain text (https://no-color.org)."""
    return sys.stdout.isatty() and not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"


def require_consent(*, yes: bool) -> None:
    """Refuse a command that writes if nobody has agreed and nobody can be asked.

    Raises:
        BadInput: no --yes, and stdin is not a terminal.
    """
    if not yes and not sys.stdin.isatty():
        raise BadInput(
            "This command writes to Twilio, and nobody is there to be asked. Add --yes to agree beforehand."
        )


def ask(store: Store, plan: Plan, *, yes: bool) -> None:
    """Show what is about to happen and ask whether to go on; ask nothing if there is nothing to do.

    Raises:
        Declined: the answer was no; nothing was sent.
    """
    from migrate.store import plans

    steps = plans.step_count(store, plan.number)
    if yes or not steps:
        return
    services = len(plans.sids_to_change(store, plan.number))
    what = {
        "same": "Conversation Services",
        "new": "new Conversation Services",
        "map": "mapped Conversation Services",
    }
    click.echo(
        f"About to write {steps} changes to {services} {what[plan.target]} of account {plan.target_account_sid} "
        f"(plan {plan.id[:12]}, from snapshot {plan.snapshot_id} of account {plan.account_sid}).",
        err=True,
    )
    _confirm()


def ask_rollback(store: Store, run: Run, *, yes: bool, delete_created: bool) -> None:
    """Name what cannot be undone and what the run has created, and ask whether to go on.

    Raises:
        Declined: the answer was no; nothing was sent.
    """
    from migrate.commands.rollback import special_cases

    click.echo(f"Rolling back run {run.id} in account {run.account_sid}.", err=True)
    for line in special_cases(store, run, delete_created=delete_created):
        click.echo(f"  {line}", err=True)
    if not yes:
        _confirm()


def _confirm() -> None:
    # While a person is asked, nothing is in flight: Ctrl-C ends the command at once, as anywhere.
    gentle = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        agreed = click.confirm("Go on?", err=True)
    finally:
        signal.signal(signal.SIGINT, gentle)
    if not agreed:
        raise Declined("Nothing was sent.")


def exit_code_of(states: Mapping[str, int], *, limited: bool = False) -> int:
    """Return the exit code of a run: 0 done, 4 incomplete, 6 left something alone that had drifted.

    Args:
        states: how many steps are in each state.
        limited: whether `--limit` has left services for later on purpose.
    """
    incomplete = {"failed", "unknown", "intent"} | (set() if limited else {"planned"})
    if any(states.get(state) for state in incomplete):
        return 4
    return 6 if states.get("drifted") else 0
