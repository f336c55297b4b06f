"""`fleet`: the commands for many accounts."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from migrate.cli.channels import (
    SHAPING,
    consent_option,
    diff_option,
    inventory_option,
    limit_channels_option,
    run_option,
)
from migrate.cli.options import (
    APPLY,
    REPORT,
    InOrderOfUse,
    again_option,
    api_option,
    clear_option,
    concurrency_option,
    settle_option,
    yes_option,
)
from migrate.cli.parameters import file, flag, number, options
from migrate.cli.typed import Typed
from migrate.core.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Callable

    from migrate.cli.present import Output
    from migrate.commands.context import Context
    from migrate.commands.fleet import FleetQuestion
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
    number(
        "--at-once",
        help="Work on at most this many accounts at once.  [default: 16 in threads, else one a core or two a thread "
        "of the cluster]",
    ),
    flag(
        "--shared-workspace",
        "shared",
        help="The folder is on a network file system. Most of these are recognised without this.",
    ),
)
ACCOUNTS = (
    file(
        "--accounts",
        "file",
        type=click.Path(path_type=Path, dir_okay=False),
        help="Read the accounts from this CSV file: account_sid, optionally target_account_sid and the names of "
        "variables with credentials.  [default: the accounts of the workspace's last fleet]",
    ),
    flag("--sub-accounts", help="All active sub-accounts of TWILIO_ACCOUNT_SID."),
    flag("--include-parent", help="With --sub-accounts: that account too."),
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
GUARDED = (
    *APPLY,
    number(
        "--max-changes-total",
        least=0,
        help="Refuse plans that change more fields than this in all accounts together.",
    ),
    flag("--verify", help="Read all targets again at the end of each account, and compare."),
)
LIVE = (settle_option, concurrency_option)


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
@options(*ACCOUNTS, *CREW, api_option, inventory_option, *REPORT, *LIVE)
def export(typed: Typed) -> int:
    """Read the Chat Services of all accounts into a snapshot each.

    \b
    chat-migrate fleet export --sub-accounts
    """
    return _do(typed, "export")


@fleet.command(short_help="The dry run for all accounts.")
@options(*ACCOUNTS, *CREW, *TARGET, diff_option, *SHAPING, *REPORT, *LIVE)
@flag("--exit-code", help="Exit with 3 if changes are pending.")
def diff(typed: Typed) -> int:
    """Plan each account's newest snapshot. Never writes to Twilio.

    \b
    chat-migrate fleet diff
    chat-migrate fleet diff -o fleet/dry-run.html
    """
    return _do(typed, "diff")


@fleet.command(short_help="Execute the plans of all accounts, as reviewed.")
@options(*ACCOUNTS, *CREW, *GUARDED, consent_option, limit_channels_option, *REPORT, *LIVE)
def apply(typed: Typed) -> int:
    """Execute each account's newest plan exactly as reviewed, after one question for all.

    \b
    chat-migrate fleet apply
    chat-migrate fleet apply --yes --max-changes-total 500
    """
    return _do(typed, "apply")


@fleet.command(short_help="Take up the accounts that did not end well.")
@options(*CREW, *REPORT, settle_option, yes_option)
def resume(typed: Typed) -> int:
    """Take up the accounts of the last fleet that did not end well, and no others.

    What somebody has agreed to goes on without a question; what had to be planned anew is asked for.

    \b
    chat-migrate fleet resume
    """
    from migrate.commands.fleet import Workplace, resume_fleet

    workplace, confirm = typed.made(Workplace), partial(_ask, yes=typed["yes"])
    return _reported(typed, _output(typed), lambda made: resume_fleet(made, workplace, confirm))


@fleet.command(short_help="Export, diff, one question, and apply, for all accounts.")
@options(*ACCOUNTS, *CREW, api_option, *TARGET, *GUARDED, run_option, *SHAPING, limit_channels_option)
@options(*REPORT, *LIVE)
def run(typed: Typed) -> int:
    """Migrate all accounts: read and plan all of them, ask once, and write.

    \b
    chat-migrate fleet run --sub-accounts
    chat-migrate fleet run --accounts accounts.csv --target new --yes
    chat-migrate fleet run --sub-accounts --channels
    """
    return _do(typed, "run")


@fleet.command(short_help="Read the targets of all accounts again and compare.")
@options(*ACCOUNTS, *CREW, *REPORT, *LIVE)
def verify(typed: Typed) -> int:
    """Read the targets of all accounts again and compare them with the plans. Exits with 3 on a mismatch.

    \b
    chat-migrate fleet verify
    """
    return _do(typed, "verify")


@fleet.command(short_help="How far the fleet is, also while it runs.")
@options(workspace_option, *REPORT)
def status(typed: Typed) -> None:
    """Show how far the last fleet is: what ended, what is under way, what did not end well, what to type next.

    \b
    chat-migrate fleet status
    """
    _look(typed, is_brief=True)


@fleet.command(short_help="The report on all accounts.")
@options(workspace_option, *REPORT)
def report(typed: Typed) -> None:
    """Report on all accounts of the last fleet: totals, what needs a person by cause, each account's own report.

    \b
    chat-migrate fleet report
    chat-migrate fleet report -o fleet/all.html
    chat-migrate fleet report --format json | jq .summary
    """
    _look(typed, is_brief=False)


def _do(typed: Typed, command: str) -> int:
    """Do a command for all accounts; only those that write have --yes."""
    from migrate.cli.present import require_consent
    from migrate.commands.fleet import Chosen, Workplace, fleet
    from migrate.commands.fleet_worker import FleetOptions

    output, yes = _output(typed), typed["yes"]
    if yes is not None:
        require_consent(yes=yes)
    workplace, chosen = typed.made(Workplace), typed.made(Chosen)
    wanted, confirm = typed.made(FleetOptions, run=typed.run()), partial(_ask, yes=bool(yes))
    return _reported(typed, output, lambda made: fleet(made, command, workplace, chosen, wanted, confirm))


def _ask(question: FleetQuestion, *, yes: bool) -> None:
    """Say what is about to be written in all accounts, and ask whether to go on."""
    from migrate.cli.present import WHERE, ask_lasting, confirm, require_consent, tell
    from migrate.report.words import count

    if yes:
        return
    require_consent(yes=yes)
    accounts = f"{count(question.accounts, 'account')} of {question.of}"
    left_out = (
        f" {count(question.failing, 'account')} could not be planned and will be left out."
        if question.failing
        else ""
    )
    if question.steps:
        tell(
            f"About to write {count(question.changes, 'change')} ({count(question.steps, 'step')}) "
            f"{WHERE[question.target]} {accounts}: {count(question.services, 'service')}.{left_out} "
            "`chat-migrate rollback --db …` restores the earlier values of an account."
        )
        confirm("Write them?")
    ask_lasting(question.lasting, accounts)


def _output(typed: Typed) -> Output:
    """Return where the report goes, checked."""
    file, workspace = typed["output"], typed["workspace"]
    if file is not None and file.resolve().parent == workspace.resolve():
        if file.suffix in {".db", ".jsonl"} or ".db-" in file.name:
            raise BadInput(f"{file} belongs to the workspace. Choose another file with -o.")
        workspace.mkdir(0o700, exist_ok=True)
    return typed.output()


def _reported(typed: Typed, output: Output, work: Callable[[Context], FleetRecord]) -> int:
    """Do the work, print the report, leave it in the workspace too, and return the exit code."""
    from migrate.commands.fleet import code_of_fleet, report_of_fleet
    from migrate.core.whole_file import replacing
    from migrate.fleet.report import render_fleet

    with typed.tool() as made:
        record = work(made)
        report = report_of_fleet(record)
        with replacing(record.workspace / "fleet.html") as stream:
            render_fleet(report, "html", stream, full=True, width=0)
        _print(report, output)
        return code_of_fleet(record, interrupted=made.stop.is_set())


def _look(typed: Typed, *, is_brief: bool) -> None:
    from migrate.commands.fleet import report_of_fleet
    from migrate.commands.fleet_standing import standings
    from migrate.fleet.record import FleetRecord

    output = _output(typed)
    with typed.tool() as made:
        record = FleetRecord.latest(typed["workspace"])
        report = report_of_fleet(record, list(standings(made, record)))
    _print(report, output, is_brief=is_brief)


def _print(report: FleetReport, output: Output, *, is_brief: bool = False) -> None:
    from dataclasses import replace

    from migrate.fleet.report import render_fleet

    folder = output.file.resolve().parent if output.file else Path.cwd()
    links = os.path.relpath(report.workspace.resolve(), folder)
    with output.stream() as stream:
        render_fleet(
            replace(report, links="" if links == "." else f"{links}/"),
            output.chosen,
            stream,
            full=output.full or not (output.on_screen or is_brief),
            width=output.width,
            color=output.color and output.on_screen,
        )
