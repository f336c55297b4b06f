"""`fleet`: the commands for many accounts."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from migrate.cli.options import (
    APPLY,
    REPORT,
    ApplyChoice,
    ExportChoice,
    InOrderOfUse,
    ReportChoice,
    TargetChoice,
    again_option,
    api_option,
    choices,
    clear_option,
    concurrency_option,
    options,
    settle_option,
)
from migrate.cli.shell import output_of, tool
from migrate.core.errors import BadInput

if TYPE_CHECKING:
    from migrate.cli.present import Output
    from migrate.commands.fleet import Chosen, FleetOptions, FleetQuestion, Workplace
    from migrate.fleet.record import FleetRecord
    from migrate.fleet.report import FleetReport

workspace_option = click.option(
    "--workspace",
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("fleet"),
    show_default=True,
    help="Keep each account's database and report in this folder.",
)
CREW = (
    workspace_option,
    click.option(
        "--executor",
        metavar="threads|processes|dask://HOST:PORT",
        default="threads",
        show_default=True,
        help="Work in threads, in processes for more than one core, or on a Dask cluster.",
    ),
    click.option(
        "--at-once",
        metavar="N",
        type=click.IntRange(1),
        help="Work on at most this many accounts at once.  [default: 16 in threads, else one a core or two a thread "
        "of the cluster]",
    ),
    click.option(
        "--shared-workspace",
        "shared",
        is_flag=True,
        help="The folder is on a network file system. Most of these are recognised without this.",
    ),
)
ACCOUNTS = (
    click.option(
        "--accounts",
        metavar="FILE",
        type=click.Path(path_type=Path, dir_okay=False),
        help="Read the accounts from this CSV file: account_sid, optionally target_account_sid and the names of "
        "variables with credentials.  [default: the accounts of the workspace's last fleet]",
    ),
    click.option("--sub-accounts", is_flag=True, help="All active sub-accounts of TWILIO_ACCOUNT_SID."),
    click.option("--include-parent", is_flag=True, help="With --sub-accounts: that account too."),
)
TARGET = (
    click.option(
        "--target",
        type=click.Choice(["same", "new"]),
        default="same",
        show_default=True,
        help="Write to the Conversation Services with the same SIDs, or to new ones.",
    ),
    again_option,
    clear_option,
)
total_option = click.option(
    "--max-changes-total",
    metavar="N",
    type=click.IntRange(0),
    help="Refuse plans that change more fields than this in all accounts together.",
)
verify_option = click.option(
    "--verify", is_flag=True, help="Read all targets again at the end of each account, and compare."
)


@dataclass(frozen=True)
class FleetChoice:
    """What was typed of the options that only `fleet` has, and the settle time."""

    workspace: Path
    executor: str = "threads"
    at_once: int | None = None
    shared: bool = False
    accounts: Path | None = None
    sub_accounts: bool = False
    include_parent: bool = False
    exit_code: bool = False
    verify: bool = False
    max_changes_total: int | None = None
    settle: float | None = None

    def workplace(self) -> Workplace:
        """Return where the fleet keeps its files, and what it works on."""
        from migrate.commands.fleet import Workplace

        return Workplace(self.workspace, self.executor, self.at_once, self.shared)

    def chosen(self) -> Chosen:
        """Return which accounts are meant."""
        from migrate.commands.fleet import Chosen

        return Chosen(self.accounts, self.sub_accounts, self.include_parent)

    def options(
        self,
        exported: ExportChoice | None = None,
        target: TargetChoice | None = None,
        choice: ApplyChoice | None = None,
    ) -> FleetOptions:
        """Return the command's options, with those of the commands that it is made of."""
        from migrate.commands.fleet import FleetOptions
        from migrate.commands.run import RunOptions

        run = RunOptions(
            (exported or ExportChoice()).options(),
            (target or TargetChoice()).options(),
            (choice or ApplyChoice()).options(),
        )
        return FleetOptions(run, self.exit_code, self.verify, self.max_changes_total)


@click.group(cls=InOrderOfUse, short_help="The same for many accounts.")
def fleet() -> None:
    """Do for many accounts, side by side, what the other commands do for one.

    Each account has a database and a report of its own in the workspace. Twilio takes an account's own credentials
    only: they are looked up with the auth token of the parent account in TWILIO_ACCOUNT_SID, and never stored.

    \b
    chat-migrate fleet diff --sub-accounts
    chat-migrate fleet run --accounts accounts.csv --max-changes-total 500
    chat-migrate fleet resume
    """


@fleet.command(short_help="Read the Chat Services of all accounts.")
@options(*ACCOUNTS, *CREW, api_option, *REPORT, settle_option, concurrency_option)
@choices(FleetChoice, ReportChoice, ExportChoice)
def export(
    context: click.Context,
    wanted: FleetChoice,
    report: ReportChoice,
    exported: ExportChoice,
) -> None:
    """Read the Chat Services of all accounts into a snapshot each.

    \b
    chat-migrate fleet export --sub-accounts
    """
    _do(context, "export", wanted, report, wanted.options(exported=exported))


@fleet.command(short_help="The dry run for all accounts.")
@options(*ACCOUNTS, *CREW, *TARGET, *REPORT, settle_option, concurrency_option)
@click.option("--exit-code", is_flag=True, help="Exit with 3 if changes are pending.")
@choices(FleetChoice, ReportChoice, TargetChoice)
def diff(
    context: click.Context,
    wanted: FleetChoice,
    report: ReportChoice,
    target: TargetChoice,
) -> None:
    """Plan each account's newest snapshot. Never writes to Twilio.

    \b
    chat-migrate fleet diff
    chat-migrate fleet diff -o fleet/dry-run.html
    """
    _do(context, "diff", wanted, report, wanted.options(target=target))


@fleet.command(short_help="Execute the plans of all accounts, as reviewed.")
@options(*ACCOUNTS, *CREW, *APPLY, total_option, verify_option, *REPORT, settle_option, concurrency_option)
@choices(FleetChoice, ReportChoice, ApplyChoice)
def apply(
    context: click.Context,
    wanted: FleetChoice,
    report: ReportChoice,
    choice: ApplyChoice,
) -> None:
    """Execute each account's newest plan exactly as reviewed, after one question for all.

    \b
    chat-migrate fleet apply
    chat-migrate fleet apply --yes --max-changes-total 500
    """
    _do(context, "apply", wanted, report, wanted.options(choice=choice), yes=choice.yes)


@fleet.command(short_help="Take up the accounts that did not end well.")
@options(*CREW, *REPORT, settle_option)
@click.option("--yes", is_flag=True, help="Do not ask before writing.")
@choices(FleetChoice, ReportChoice)
def resume(context: click.Context, wanted: FleetChoice, report: ReportChoice, yes: bool) -> None:
    """Take up the accounts of the last fleet that did not end well, and no others.

    What somebody has agreed to goes on without a question; what had to be planned anew is asked for.

    \b
    chat-migrate fleet resume
    """
    from migrate.commands.fleet import resume_fleet

    output = _output(context, wanted, report)
    with tool(context, settle=wanted.settle) as made:
        record = resume_fleet(made, wanted.workplace(), lambda question: _ask(question, yes=yes))
        code = _present(record, output, interrupted=made.stop.is_set())
    sys.exit(code)


@fleet.command(short_help="Export, diff, one question, and apply, for all accounts.")
@options(*ACCOUNTS, *CREW, api_option, *TARGET, *APPLY, total_option, verify_option, *REPORT)
@options(settle_option, concurrency_option)
@choices(FleetChoice, ReportChoice, ExportChoice, TargetChoice, ApplyChoice)
def run(
    context: click.Context,
    wanted: FleetChoice,
    report: ReportChoice,
    exported: ExportChoice,
    target: TargetChoice,
    choice: ApplyChoice,
) -> None:
    """Migrate all accounts: read and plan all of them, ask once, and write.

    \b
    chat-migrate fleet run --sub-accounts
    chat-migrate fleet run --accounts accounts.csv --target new --yes
    """
    task = wanted.options(exported, target, choice)
    _do(context, "run", wanted, report, task, yes=choice.yes)


@fleet.command(short_help="Read the targets of all accounts again and compare.")
@options(*ACCOUNTS, *CREW, *REPORT, settle_option, concurrency_option)
@choices(FleetChoice, ReportChoice, ApplyChoice)
def verify(
    context: click.Context,
    wanted: FleetChoice,
    report: ReportChoice,
    choice: ApplyChoice,
) -> None:
    """Read the targets of all accounts again and compare them with the plans. Exits with 3 on a mismatch.

    \b
    chat-migrate fleet verify
    """
    _do(context, "verify", wanted, report, wanted.options(choice=choice))


@fleet.command(short_help="How far the fleet is, also while it runs.")
@options(workspace_option, *REPORT)
@choices(FleetChoice, ReportChoice)
def status(context: click.Context, wanted: FleetChoice, report: ReportChoice) -> None:
    """Show how far the last fleet is: what ended, what is under way, what did not end well, what to type next.

    \b
    chat-migrate fleet status
    """
    _look(context, wanted, report, is_brief=True)


@fleet.command(short_help="The report on all accounts.")
@options(workspace_option, *REPORT)
@choices(FleetChoice, ReportChoice)
def report(context: click.Context, wanted: FleetChoice, report: ReportChoice) -> None:
    """Report on all accounts of the last fleet: totals, what needs a person by cause, each account's own report.

    \b
    chat-migrate fleet report
    chat-migrate fleet report -o fleet/all.html
    chat-migrate fleet report --format json | jq .summary
    """
    _look(context, wanted, report, is_brief=False)


def _do(
    context: click.Context,
    command: str,
    wanted: FleetChoice,
    report: ReportChoice,
    task: FleetOptions,
    *,
    yes: bool | None = None,
) -> None:
    """Do a command; `yes` is None where nothing is written."""
    from migrate.cli.present import require_consent
    from migrate.commands.fleet import fleet

    output = _output(context, wanted, report)
    if yes is not None:
        require_consent(yes=yes)
    with tool(context, settle=wanted.settle) as made:
        record = fleet(
            made,
            command,
            wanted.workplace(),
            wanted.chosen(),
            task,
            lambda question: _ask(question, yes=bool(yes)),
        )
        code = _present(record, output, interrupted=made.stop.is_set())
    sys.exit(code)


def _ask(question: FleetQuestion, *, yes: bool) -> None:
    """Say what is about to be written in all accounts, and ask whether to go on."""
    from migrate.cli.present import WHERE, confirm, require_consent, tell
    from migrate.report.words import count

    if yes:
        return
    require_consent(yes=yes)
    left_out = (
        f" {count(question.failing, 'account')} could not be planned and will be left out."
        if question.failing
        else ""
    )
    tell(
        f"About to write {count(question.changes, 'change')} ({count(question.steps, 'step')}) "
        f"{WHERE[question.target]} {count(question.accounts, 'account')} of {question.of}: "
        f"{count(question.services, 'service')}.{left_out} "
        "`chat-migrate rollback --db …` restores the earlier values of an account."
    )
    confirm("Write them?")


def _output(context: click.Context, wanted: FleetChoice, choice: ReportChoice) -> Output:
    """Return where the report goes, checked."""
    file = choice.output
    if file is not None and file.resolve().parent == wanted.workspace.resolve():
        if file.suffix in {".db", ".jsonl"} or ".db-" in file.name:
            raise BadInput(f"{file} belongs to the workspace. Choose another file with -o.")
        wanted.workspace.mkdir(0o700, exist_ok=True)
    return output_of(context, choice)


def _present(record: FleetRecord, output: Output, *, interrupted: bool) -> int:
    """Print the report, leave it in the workspace too, and return the exit code."""
    from migrate.commands.fleet import code_of_fleet, report_of_fleet
    from migrate.core.whole_file import replacing
    from migrate.fleet.report import render_fleet

    report = report_of_fleet(record)
    with replacing(record.workspace / "fleet.html") as stream:
        render_fleet(report, "html", stream, full=True, width=0)
    _print(report, output)
    return code_of_fleet(record, interrupted=interrupted)


def _look(context: click.Context, wanted: FleetChoice, choice: ReportChoice, *, is_brief: bool) -> None:
    from migrate.commands.fleet import report_of_fleet
    from migrate.commands.fleet_standing import standings
    from migrate.fleet.record import FleetRecord

    output = _output(context, wanted, choice)
    with tool(context) as made:
        record = FleetRecord.latest(wanted.workspace)
        report = report_of_fleet(record, list(standings(made, record)))
    _print(report, output, is_brief=is_brief)


def _print(report: FleetReport, output: Output, *, is_brief: bool = False) -> None:
    from dataclasses import replace

    from migrate.cli.present import screen_width
    from migrate.fleet.report import render_fleet
    from migrate.report import FILE_WIDTH

    width = screen_width() if output.file is None else None
    folder = output.file.resolve().parent if output.file else Path.cwd()
    links = os.path.relpath(report.workspace.resolve(), folder)
    with output.stream() as stream:
        render_fleet(
            replace(report, links="" if links == "." else f"{links}/"),
            output.chosen,
            stream,
            full=output.full or (width is None and not is_brief),
            width=width or FILE_WIDTH,
            color=output.color and width is not None,
        )
