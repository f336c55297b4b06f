"""The commands that only look: where things stand, what the database holds, and what the program knows."""

from __future__ import annotations

import shutil
import sys

import click

from migrate.cli.options import REPORT, ReportChoice, ToolCommand, account_option, choices, options, take_sid
from migrate.cli.present import screen_width
from migrate.cli.shell import output_of, tool


@click.command(cls=ToolCommand, short_help="What is going on, what is left, and what to type next.")
@options(*REPORT, account_option)
@choices(ReportChoice)
def status(context: click.Context, report: ReportChoice, account: str | None) -> None:
    """Show what is going on, what is left, the last errors, and the next command to type.

    Other formats than text print the whole report of the newest run, or of the plan if none has begun.

    \b
    chat-migrate status
    chat-migrate status -o status.html
    """
    from migrate.commands.status import HANGING, as_lines, report_of, status

    output = output_of(context, report)
    with tool(context, account=account) as made, made.opened() as store:
        found = status(made, store)
        if output.chosen == "text":
            output.write_lines(as_lines(found), HANGING)
        else:
            output.write(report_of(store, found))


@click.command(
    cls=ToolCommand, short_help="Snapshots, plans and runs, with the ids that other commands take."
)
@click.option(
    "--format",
    "format_",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="Print the table in this format.",
)
@account_option
@click.pass_context
def history(context: click.Context, format_: str, account: str | None) -> None:
    """List the snapshots, plans and runs of the database, oldest first, with the ids that other commands take.

    \b
    chat-migrate history
    chat-migrate history --format json
    """
    import json
    from dataclasses import asdict

    from migrate.commands.history import as_blocks, history
    from migrate.report import FILE_WIDTH
    from migrate.report.text_report import render_text

    with tool(context, account=account) as made:
        found = history(made)
    if format_ == "json":
        click.echo(json.dumps([asdict(each) for each in found], indent=2))
    elif found:
        render_text(as_blocks(found), sys.stdout, width=screen_width() or FILE_WIDTH)
    else:
        click.echo("The database holds no snapshot, plan or run.")


@click.command(cls=ToolCommand, short_help="End a lock that its holder can't end.")
@click.argument("lock_id", metavar="ID")
@click.pass_context
def unlock(context: click.Context, lock_id: str) -> None:
    """End a lock by the ID that a refusal has shown, when its holder no longer runs.

    \b
    chat-migrate unlock 5f2b9c01
    """
    from migrate.commands.history import unlock

    with tool(context) as made:
        unlock(made, lock_id)
    click.echo(f"Lock {lock_id} is ended.")


@click.command(cls=ToolCommand, short_help="Which new SID stands for which old one.")
@click.option(
    "--format",
    "format_",
    type=click.Choice(["csv", "json"]),
    default="csv",
    show_default=True,
    help="Print the table in this format.",
)
@click.option(
    "--account", metavar="AC…", callback=take_sid, help="Only targets in this account.  [default: all]"
)
@click.pass_context
def sids(context: click.Context, format_: str, account: str | None) -> None:
    """Print old SID and new SID of the services and roles that were re-created elsewhere.

    The output can be read again as --target-map.

    \b
    chat-migrate sids > sids.csv
    chat-migrate sids --format json
    """
    from migrate.commands.sids import sid_table

    with tool(context) as made, made.opened() as store:
        for line in sid_table(store, account, format_):
            click.echo(line)


@click.command(cls=ToolCommand, short_help="Every field, its target and its verdict.")
@click.option(
    "--format",
    "format_",
    type=click.Choice(["text", "markdown", "json"]),
    default="text",
    show_default=True,
    help="Print the table in this format.",
)
def mappings(format_: str) -> None:
    """Print every field of a v1 and v2 Service, its target, and the rule of its verdict.

    \b
    chat-migrate mappings
    chat-migrate mappings --format markdown
    """
    from migrate.report import width_of
    from migrate.report.coverage import coverage_table

    click.echo(coverage_table(format_, width_of(shutil.get_terminal_size((100, 24)).columns)), nl=False)


@click.command(cls=ToolCommand, short_help="The JSON Schema of the reports.")
@click.argument("name", type=click.Choice(["report", "history", "fleet"]), default="report")
def schema(name: str) -> None:
    """Print the JSON Schema of what `--format json` prints: of a report, of the history, or of a fleet's report.

    \b
    chat-migrate schema > report.schema.json
    chat-migrate schema fleet
    """
    import json

    from migrate.report.schema import fleet_schema, history_schema, json_schema

    made = {"report": json_schema, "history": history_schema, "fleet": fleet_schema}[name]()
    click.echo(json.dumps(made, indent=2))
