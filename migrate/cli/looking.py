"""The commands that only look: where things stand, what the database holds, and what the program knows."""

from __future__ import annotations

import sys

import click

from migrate.cli.options import REPORT, ToolCommand, account_option
from migrate.cli.parameters import options, sid, table_format
from migrate.cli.typed import Typed


@click.command(cls=ToolCommand, short_help="What is going on, what is left, and what to type next.")
@options(*REPORT, account_option)
def status(typed: Typed) -> None:
    """Show what is going on, what is left, the last errors, and the next command to type.

    Other formats than text print the whole report of the newest run, or of the plan if none has begun.

    \b
    chat-migrate status
    chat-migrate status -o status.html
    """
    from migrate.commands.status import HANGING, as_lines, report_of, status

    output = typed.output()
    with typed.tool() as made, made.opened() as store:
        found = status(made, store)
        if output.chosen == "text":
            output.write_lines(as_lines(found), HANGING)
        else:
            output.write(report_of(store, found), notes=found.notes)


@click.command(
    cls=ToolCommand, short_help="Snapshots, plans and runs, with the ids that other commands take."
)
@table_format("text", "json")
@account_option
def history(typed: Typed) -> None:
    """List the snapshots, plans and runs of the database, oldest first, with the ids that other commands take.

    \b
    chat-migrate history
    chat-migrate history --format json
    """
    import json
    from dataclasses import asdict

    from migrate.cli.present import columns
    from migrate.commands.history import as_blocks, history
    from migrate.report.text_report import render_text

    with typed.tool() as made:
        found = history(made)
    if typed["format"] == "json":
        click.echo(json.dumps([asdict(each) for each in found], indent=2))
    elif found:
        render_text(as_blocks(found), sys.stdout, width=columns())
    else:
        click.echo("The database holds no snapshot, plan or run.")


@click.command(cls=ToolCommand, short_help="End a lock that its holder can't end.")
@click.argument("lock_id", metavar="ID")
def unlock(typed: Typed) -> None:
    """End a lock by the ID that a refusal has shown, when its holder no longer runs.

    \b
    chat-migrate unlock 5f2b9c01
    """
    from migrate.commands.history import unlock

    with typed.tool() as made:
        unlock(made, typed["lock_id"])
    click.echo(f"Lock {typed['lock_id']} is ended.")


@click.command(cls=ToolCommand, short_help="Which new SID stands for which old one.")
@table_format("csv", "json")
@sid("--account", metavar="AC…", help="Only targets in this account.  [default: all]")
def sids(typed: Typed) -> None:
    """Print old SID and new SID of the services and roles that were re-created elsewhere.

    The output can be read again as --target-map.

    \b
    chat-migrate sids > sids.csv
    chat-migrate sids --format json
    """
    from migrate.commands.sids import sid_table

    with typed.tool() as made, made.opened() as store:
        for line in sid_table(store, typed["account"], typed["format"]):
            click.echo(line)


@click.command(cls=ToolCommand, short_help="Every field, its target and its verdict.")
@table_format("text", "markdown", "json")
def mappings(typed: Typed) -> None:
    """Print every field of a v1 and v2 Service, its target, and the rule of its verdict.

    \b
    chat-migrate mappings
    chat-migrate mappings --format markdown
    """
    from migrate.cli.present import terminal_width
    from migrate.report.coverage import coverage_table

    click.echo(coverage_table(typed["format"], terminal_width()), nl=False)


@click.command(cls=ToolCommand, short_help="The JSON Schema of the reports.")
@click.argument("name", type=click.Choice(["report", "history", "fleet"]), default="report")
def schema(typed: Typed) -> None:
    """Print the JSON Schema of what `--format json` prints: of a report, of the history, or of a fleet's report.

    \b
    chat-migrate schema > report.schema.json
    chat-migrate schema fleet
    """
    import json

    from migrate.report.schema import fleet_schema, history_schema, json_schema

    made = {"report": json_schema, "history": history_schema, "fleet": fleet_schema}[typed["name"]]()
    click.echo(json.dumps(made, indent=2))
