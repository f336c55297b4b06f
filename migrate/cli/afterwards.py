"""The commands that follow a migration: `verify` and `rollback`."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import click

from migrate.cli.options import LIVE, REPORT, ToolCommand, yes_option
from migrate.cli.parameters import flag, numbered, options, plan
from migrate.cli.typed import Typed
from migrate.cli.writing import reported

if TYPE_CHECKING:
    from migrate.cli.present import Output
    from migrate.commands.rollback import RollbackOptions


@click.command(cls=ToolCommand, short_help="Read the targets again and compare.")
@plan("Compare with this plan.")
@options(*REPORT, *LIVE)
def verify(typed: Typed) -> int:
    """Read the targets again and compare them with the plan, field by field. Exits with 3 on a mismatch.

    \b
    chat-migrate verify
    chat-migrate verify -o verified.md
    """
    return verified_code(typed, typed.output())


def verified_code(typed: Typed, output: Output) -> int:
    """Read the targets again, write the report, and return the exit code."""
    from migrate.commands.ending import code_of_verification
    from migrate.commands.verify import VerifyOptions, verify
    from migrate.report.assembly import verify_report

    with typed.tool() as made:
        found = verify(made, typed.made(VerifyOptions))
        with made.opened() as store:
            output.write(verify_report(store, found.plan))
    return code_of_verification(found.plan, found.differences)


@click.command(cls=ToolCommand, short_help="Restore what a run has overwritten.")
@numbered("--run", "run_id", help="Undo this run.  [default: the newest that wrote something]")
@flag("--dry-run", help="Only show what would be restored, removed and left.")
@flag("--delete-created", help="Also remove services and roles that the run has created.")
@options(yes_option, *REPORT, *LIVE)
def rollback(typed: Typed) -> int:
    """Restore the settings that a run has overwritten, newest first.

    Only where the target still holds what the run wrote; what someone changed since is reported and left unchanged.

    \b
    chat-migrate rollback --dry-run
    chat-migrate rollback --yes
    chat-migrate rollback --run 3 --yes --delete-created
    """
    from migrate.cli.present import ask_rollback, require_consent
    from migrate.commands.rollback import RollbackOptions, rollback

    output = typed.output()
    nothing = "No run has written anything that is not rolled back: nothing to do."
    wanted = typed.made(RollbackOptions)
    if typed["dry_run"]:
        _preview(typed, wanted, output, nothing)
        return 0
    require_consent(yes=typed["yes"])
    confirm = partial(ask_rollback, yes=typed["yes"], quiet=typed["quiet"])
    return reported(typed, output, lambda made: rollback(made, wanted, confirm), nothing=nothing)


def _preview(typed: Typed, wanted: RollbackOptions, output: Output, nothing: str) -> None:
    from migrate.commands.rollback import preview_rollback
    from migrate.report.assembly import rollback_report

    with typed.tool() as made:
        previewed = preview_rollback(made, wanted)
        if previewed is None:
            click.echo(nothing)
            return
        undone, entries = previewed
        with made.opened() as store:
            report = rollback_report(
                store, undone, lambda _sid: entries, delete_created=wanted.delete_created
            )
            output.write(report)
