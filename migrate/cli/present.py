"""Where results go, and how people are asked."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, TextIO

import click

from migrate.core.errors import BadInput, Declined, NobodyToAsk
from migrate.core.whole_file import replacing
from migrate.report.words import count

if TYPE_CHECKING:
    from migrate.execute.work import Bounds
    from migrate.model.plan import Plan
    from migrate.report.model import Report
    from migrate.report.question import Undoing
    from migrate.store import Store

COMPANIONS = ("", "-wal", "-shm", "-journal")
"""What SQLite keeps beside a database."""
WHERE = {"same": "in place in", "new": "to new Services of", "map": "to mapped Services of"}


def columns() -> int:
    """Return the columns of text on stdout: those of a terminal, or as many as a file has."""
    from migrate.report import FILE_WIDTH, width_of

    return width_of(shutil.get_terminal_size().columns) if sys.stdout.isatty() else FILE_WIDTH


def fitted(line: str, hanging: int = 0) -> str:
    """Return a line as the terminal shows it, broken at blanks only; a pipe gets whole lines."""
    if not sys.stdout.isatty():
        return line
    indent = " " * hanging
    return fill(line, columns(), subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


@dataclass(frozen=True)
class Output:
    """Where a report goes and how; BadInput, if a file can't be written or is the database.

    Attributes:
        db: the database, which is never written over.
        format: one of `migrate.report.FORMATS`, or None: by the file's ending.
        file: a file to write, or None for stdout.
        full: print everything, also in a terminal.
        color: whether stdout shows colour.
        quiet: say nothing about a file that was written.
    """

    db: Path
    format: str | None = None
    file: Path | None = None
    full: bool = False
    color: bool = False
    quiet: bool = False

    def __post_init__(self) -> None:
        """Refuse a file that is the database, or cannot be written, before any work is done."""
        if self.file is None:
            return
        # SQLite keeps them beside the database itself, not beside a link to it; a loop of links has no end.
        db = os.path.realpath(self.db)
        if any(_is_same(self.file, Path(db + suffix)) for suffix in COMPANIONS):
            raise BadInput(f"{self.file} is the database, or belongs to it. Choose another file with -o.")
        if not _can_be_written(self.file):
            raise BadInput(
                f"{self.file} cannot be written. Choose a file in a folder that exists and is writable."
            )

    @property
    def chosen(self) -> str:
        """The format: as chosen, else by the file's ending, else text."""
        from migrate.report import format_of

        return format_of(self.file, self.format)

    @property
    def on_screen(self) -> bool:
        """Whether a person reads it in a terminal."""
        return self.file is None and sys.stdout.isatty()

    @property
    def width(self) -> int:
        """The columns of text."""
        from migrate.report import FILE_WIDTH

        return FILE_WIDTH if self.file else columns()

    def write(
        self, report: Report, *, notes: tuple[str, ...] = (), next_commands: tuple[str, ...] = ()
    ) -> None:
        """Print a report, or put it into the file, whole or not at all, readable by its owner only."""
        from migrate.report import render
        from migrate.report.view import View

        view = View(self.full or not self.on_screen, self.width, notes, next_commands)
        with self.stream() as stream:
            render(report, self.chosen, stream, view, color=self.color and self.on_screen)
        if self.file is not None and not self.quiet:
            summary = report.summary
            click.echo(
                f"Wrote {self.file}: {count(summary.services, 'service')} examined, "
                f"{count(summary.changes, 'change')}, {count(summary.steps, 'step')}.",
                err=True,
            )

    def write_lines(self, lines: Iterable[str], hanging: int) -> None:
        """Print some lines, or put them into the file, likewise; on a screen, what is broken hangs so far."""
        with self.stream() as stream:
            for line in lines:
                stream.write((line if self.file else fitted(line, hanging)) + "\n")

    @contextmanager
    def stream(self) -> Iterator[TextIO]:
        """Open stdout, a pipe, or a file that is put in its place when it is whole."""
        if self.file is None:
            yield sys.stdout
            sys.stdout.flush()
        elif _is_written_through(self.file):
            with self.file.open("w", encoding="utf-8") as stream:
                yield stream
        else:
            with replacing(self.file) as stream:
                yield stream


def _is_same(file: Path, other: Path) -> bool:
    try:
        return os.path.realpath(file) == str(other) or (
            file.exists() and other.exists() and file.samefile(other)
        )
    except OSError:
        return False


def _can_be_written(file: Path) -> bool:
    target = Path(os.path.realpath(file))
    try:
        if _is_written_through(file):
            return os.access(file, os.W_OK)
        is_file = not target.is_dir() and not target.is_symlink()  # a loop of links stays a link
        return is_file and target.parent.is_dir() and os.access(target.parent, os.W_OK)
    except OSError:  # a name that is too long
        return False


def _is_written_through(file: Path) -> bool:
    """Whether a file is a pipe or device, which is never replaced."""
    if not file.exists():
        return False
    mode = file.stat().st_mode
    return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)


def wants_color(environ: Mapping[str, str]) -> bool:
    """Whether stdout is a terminal and nobody asked for plain text (https://no-color.org)."""
    return sys.stdout.isatty() and not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"


def terminal_width() -> int:
    """Return the columns of a terminal that a report uses."""
    from migrate.report import width_of

    return width_of(shutil.get_terminal_size((100, 24)).columns)


def show_plan(store: Store, plan: Plan, *, silent: bool) -> None:
    """Show the plan before the question; with --yes nobody is there to decide."""
    from migrate.report import render
    from migrate.report.assembly import diff_report
    from migrate.report.view import View

    if not silent:
        view = View(full=False, width=terminal_width())
        render(diff_report(store, plan), "text", sys.stderr, view)


def require_consent(*, yes: bool) -> None:
    """Refuse a command that writes if nobody has agreed and nobody can be asked.

    Raises:
        NobodyToAsk: no --yes, and stdin is not a terminal.
    """
    if not yes and not sys.stdin.isatty():
        raise NobodyToAsk(
            "This command writes to Twilio, and there is no terminal to ask in. Add --yes to agree."
        )


def ask(store: Store, plan: Plan, bounds: Bounds, *, yes: bool) -> None:
    """Say what is about to be written, where, and how to undo it, and ask; ask nothing if there is nothing to do.

    What can't be undone is asked for by itself.

    Raises:
        NobodyToAsk: nobody has agreed, and there is no terminal to ask in.
        Declined: the answer was no; nothing was sent.
    """
    from migrate.kinds.registry import lasting_steps

    if yes or not plan.steps:
        return
    require_consent(yes=yes)
    lasting = lasting_steps(store, plan)
    reversible = plan.steps - sum(lasting.values())
    if reversible:
        tell(
            f"About to write {count(plan.changes, 'change')} ({count(reversible, 'step')}) "
            f"{WHERE[plan.target]} account {plan.target_account_sid}: "
            f"{count(plan.services_to_change, 'service')}, plan {plan.id[:12]}. {_this_time(bounds)}"
            "`chat-migrate rollback` restores the earlier values."
        )
        confirm("Write them?")
    ask_lasting(bounds.allowed(lasting), f"account {plan.target_account_sid}")


def _this_time(bounds: Bounds) -> str:
    told = ["only what --service names"] if bounds.only else []
    told += [f"at most {count(bounds.services, 'service')}"] if bounds.services else []
    return f"This time: {', '.join(told)}. " if told else ""


def ask_lasting(steps: Mapping[str, int], where: str) -> None:
    """Ask by itself for what can't be undone: how many steps of each kind, in which accounts.

    Raises:
        Declined: the answer was no; nothing was sent.
    """
    from migrate.kinds.registry import KINDS

    for name, number in steps.items():
        does = KINDS[name].does.format(count(number, name.removesuffix("s")))
        tell(f"About to {does} in {where}. This can't be undone: there is no way back.")
        confirm(f"Go ahead with {'it' if number == 1 else f'all {number}'}?")


def tell(text: str) -> None:
    """Print a sentence on stderr, in lines that the terminal need not break within a word."""
    width = shutil.get_terminal_size((100, 24)).columns
    click.echo(fill(text, width, break_long_words=False, break_on_hyphens=False), err=True)


def ask_rollback(_store: Store, undoing: Undoing, *, yes: bool, quiet: bool) -> None:
    """Say what a rollback restores, removes and leaves, and ask whether to go on.

    Raises:
        Declined: the answer was no; nothing was sent.
    """
    from migrate.report.question import rollback_question

    if not (yes and quiet):
        click.echo(rollback_question(undoing, terminal_width()), err=True)
    if not yes:
        confirm("Roll back?")


def confirm(question: str) -> None:
    """Ask a question until it is answered.

    Raises:
        Declined: the answer was no.
    """
    # While a person is asked, nothing is in flight: Ctrl-C ends the command at once, as anywhere.
    gentle = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        agreed = click.prompt(f"{question} Type yes or no", value_proc=_yes_or_no, err=True)
    finally:
        signal.signal(signal.SIGINT, gentle)
    if not agreed:
        raise Declined("Nothing was sent.")


def _yes_or_no(answer: str) -> bool:
    known = {"yes": True, "y": True, "no": False, "n": False}
    try:
        return known[answer.strip().lower()]
    except KeyError:
        raise click.UsageError(f"{answer!r} is neither yes nor no.") from None
