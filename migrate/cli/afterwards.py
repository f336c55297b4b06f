"""The commands that follow a migration: `verify` and `rollback`."""

from __future__ import annotations

import sys

import click

from migrate.cli.options import (
    REPORT,
    ReportChoice,
    account_option,
    choices,
    concurrency_option,
    options,
    settle_option,
    yes_option,
)
from migrate.cli.shell import output_of, present_run, tool


@click.command(short_help="Read the targets again and compare.")
@click.option(
    "--plan", "plan_id", metavar="ID", help="Compare with this plan.  [default: the newest of the account]"
)
@options(*REPORT, account_option, settle_option, concurrency_option)
@choices(ReportChoice)
def verify(
    context: click.Context,
    report: ReportChoice,
    plan_id: str | None,
    account: str | None,
    settle: float | None,
    concurrency: int | None,
) -> None:
    """Read the targets again and compare them with the plan, field by field. Exits with 3 on a mismatch.

    \b
    chat-migrate verify
    chat-migrate verify -o verified.md
    """
    sys.exit(verified_code(context, account, settle, report, plan_id, concurrency))


def verified_code(
    context: click.Context,
    account: str | None,
    settle: float | None,
    report: ReportChoice,
    plan_id: str | None = None,
    concurrency: int | None = None,
) -> int:
    """Read the targets again, write the report, and return the exit code."""
    from migrate.commands.ending import code_of_verification
    from migrate.commands.verify import VerifyOptions, verify
    from migrate.report.assembly import verify_report

    output = output_of(context, report)
    with tool(context, account=account, settle=settle) as made:
        found = verify(made, VerifyOptions(plan_id, concurrency))
        with made.opened() as store:
            output.write(verify_report(store, found.plan))
    return code_of_verification(found.plan, found.differences)


@click.command(short_help="Restore what a run has overwritten.")
@click.option(
    "--run",
    "run_id",
    type=int,
    metavar="ID",
    help="Undo this run.  [default: the newest that wrote something]",
)
@click.option("--dry-run", is_flag=True, help="Only show what would be restored, removed and left.")
@click.option(
    "--delete-created", is_flag=True, help="Also remove services and roles that the run has created."
)
@options(yes_option, *REPORT, account_option, settle_option, concurrency_option)
@choices(ReportChoice)
def rollback(  # noqa: PLR0913, PLR0917 - one parameter per option
    context: click.Context,
    report: ReportChoice,
    run_id: int | None,
    dry_run: bool,
    delete_created: bool,
    yes: bool,
    account: str | None,
    settle: float | None,
    concurrency: int | None,
) -> None:
    """Restore the settings that a run has overwritten, newest first.

    Only where the target still holds what the run wrote; what someone changed since is reported and left unchanged.

    \b
    chat-migrate rollback --dry-run
    chat-migrate rollback --yes
    chat-migrate rollback --run 3 --yes --delete-created
    """
    from migrate.cli.present import ask_rollback, require_consent
    from migrate.commands.rollback import RollbackOptions, preview_rollback, rollback
    from migrate.report.assembly import rollback_report

    output = output_of(context, report)
    wanted = RollbackOptions(run_id, delete_created, concurrency)
    if not dry_run:
        require_consent(yes=yes)
    nothing = "No run has written anything that is not rolled back: nothing to do."
    with tool(context, account=account, settle=settle) as made:
        if dry_run:
            previewed = preview_rollback(made, wanted)
            if previewed is None:
                click.echo(nothing)
                return
            undone, entries = previewed
            with made.opened() as store:
                output.write(
                    rollback_report(store, undone, lambda _sid: entries, delete_created=delete_created)
                )
            return
        run = rollback(
            made, wanted, lambda _store, asked: ask_rollback(asked, yes=yes, quiet=context.obj["quiet"])
        )
        if run is None:
            click.echo(nothing)
            return
        code = present_run(made, run, output, limited=False)
    sys.exit(code)
