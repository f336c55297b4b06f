"""The command line: each command parses, calls one plain function, and presents what it returns.

A command is called with what was `Typed` and returns its exit code. Everything heavy is imported where it is used, so
that `--help` answers at once.
"""

from __future__ import annotations

import errno
import gc
import io
import os
import sys
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, NoReturn

import click

from migrate.cli.afterwards import rollback, verified_code, verify
from migrate.cli.channels import (
    SHAPING,
    consent_option,
    diff_option,
    inventory_option,
    limit_channels_option,
    run_option,
)
from migrate.cli.fleet import fleet
from migrate.cli.looking import history, mappings, schema, sids, status, unlock
from migrate.cli.options import (
    APPLY,
    EXPORT,
    LIVE,
    REPORT,
    TARGET,
    InOrderOfUse,
    account_option,
    concurrency_option,
    drift_option,
    limit_option,
    service_option,
)
from migrate.cli.parameters import flag, numbered, options, plan
from migrate.cli.rehearsals import demo, rehearse, simulator
from migrate.cli.typed import Typed
from migrate.cli.writing import reported
from migrate.core.errors import Declined, MigrateError

if TYPE_CHECKING:
    from migrate.model.plan import Plan

ALLOCATIONS = 20_000
"""Objects between two searches for unreachable cycles: rows are made by the million, and next to none form a cycle."""
CONTEXT_SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 110}


@click.group(
    cls=InOrderOfUse, context_settings=CONTEXT_SETTINGS, epilog="Try it without an account: chat-migrate demo"
)
@click.version_option(package_name="chat-migrate")
def cli() -> None:
    """Move the settings of Twilio Programmable Chat Services to Twilio Conversations.

    \b
    chat-migrate export             read the Chat Services into a snapshot
    chat-migrate diff               see what would change; nothing is written to Twilio
    chat-migrate apply              do it, exactly as reviewed
    chat-migrate resume             go on after Ctrl-C, a kill, or a lost connection
    chat-migrate run --yes          all of it in one go
    """


@cli.command(short_help="Read the Chat Services into a snapshot.")
@options(service_option, *EXPORT, inventory_option, account_option, concurrency_option)
def export(typed: Typed) -> None:
    """Read the Chat Services, through v1 and v2, and their roles into a snapshot.

    \b
    chat-migrate export
    chat-migrate export --service IS0123456789abcdef0123456789abcdef
    chat-migrate export --channels
    chat-migrate export --from-file services-v2.json --from-file services-v1.json
    """
    from migrate.cli.present import fitted
    from migrate.commands.export import export
    from migrate.report.words import count

    with typed.tool() as made:
        snapshot = export(made, typed.export())
    apis = ", ".join(snapshot.examined.apis) or "none found"
    click.echo(
        fitted(
            f"Snapshot {snapshot.id}: {count(snapshot.services, 'Chat Service')} of {snapshot.account_sid} "
            f"({snapshot.source}, {apis}). Next: chat-migrate diff"
        )
    )


@cli.command(short_help="The dry run: show what would change.")
@options(service_option, *TARGET, diff_option, *SHAPING, *REPORT, *LIVE)
@numbered("--snapshot", help="Plan this snapshot.  [default: the newest of the account]")
@flag("--offline", help="Compare with nothing live: show all that would be set.")
@flag("--exit-code", help="Exit with 3 if changes are pending, with 4 if services are missing.")
def diff(typed: Typed) -> int:
    """Show what would change, and store it as a plan. Never writes to Twilio.

    \b
    chat-migrate diff
    chat-migrate diff -o dry-run.html
    chat-migrate diff --format json | jq .summary
    chat-migrate diff --exit-code
    chat-migrate diff --target new
    chat-migrate diff --target-map services.csv
    chat-migrate diff --channels --channel-filter 'support-*'
    """
    from migrate.commands.diff import diff
    from migrate.commands.ending import code_of_plan
    from migrate.report.assembly import diff_report

    output = typed.output()
    with typed.tool() as made:
        plan = diff(made, typed.diff())
        with made.opened() as store:
            output.write(diff_report(store, plan), next_commands=(_after_diff(plan),))
    return code_of_plan(plan) if typed["exit_code"] else 0


def _after_diff(plan: Plan) -> str:
    if plan.offline:
        return "chat-migrate diff"
    return "chat-migrate apply" if plan.steps else "nothing: there is nothing to apply"


@cli.command(short_help="Execute a plan exactly as reviewed.")
@plan("Apply this plan.")
@options(service_option, *APPLY, consent_option, limit_channels_option, *REPORT, *LIVE)
def apply(typed: Typed) -> int:
    """Execute a plan exactly as reviewed; refuse it if its snapshot or target has changed.

    \b
    chat-migrate apply
    chat-migrate apply --yes --limit 1
    chat-migrate apply --yes --plan 5f2b9c01d3e4 --max-changes 50
    chat-migrate apply --channels --limit-channels 1
    """
    from migrate.cli.present import ask, require_consent
    from migrate.commands.apply import apply

    output = typed.output()
    require_consent(yes=typed["yes"])
    wanted = typed.apply()
    limited = bool(typed["limit"] or typed["services"] or typed["limit_channels"])
    confirm = partial(ask, yes=typed["yes"])
    return reported(typed, output, lambda made: apply(made, wanted, confirm), limited=limited)


@cli.command(short_help="Continue a run that was cut off.")
@flag("--yes", help="Agree beforehand, where the run was cut off before anybody was asked.")
@options(limit_option, drift_option, *REPORT, *LIVE)
def resume(typed: Typed) -> int:
    """Continue the last unfinished run, from whatever state a crash left.

    What may have been in flight is decided by reading the target before anything is sent again.

    \b
    chat-migrate resume
    """
    from migrate.cli.present import ask, show_plan
    from migrate.commands.run import ResumeOptions, resume

    output = typed.output()
    wanted = typed.made(ResumeOptions, services=typed["limit"])
    confirm, show = partial(ask, yes=typed["yes"]), partial(show_plan, silent=typed["yes"])
    return reported(
        typed,
        output,
        lambda made: resume(made, wanted, confirm, show),
        limited=typed["limit"] is not None,
        nothing="There is no unfinished run: nothing to resume.",
    )


@cli.command(short_help="Export, diff, confirm and apply in one go.")
@options(
    service_option, *EXPORT, *TARGET, *APPLY, run_option, *SHAPING, limit_channels_option, *REPORT, *LIVE
)
@flag("--verify", "verified", help="Read all targets again at the end, and compare.")
def run(typed: Typed) -> int:
    """Migrate in one shot: export, diff, confirmation, apply, summary. Each write is verified by its answer.

    \b
    chat-migrate run
    chat-migrate run --yes --max-change-percent 20
    chat-migrate run --yes --from-file services.json --format json
    chat-migrate run --yes --target new
    chat-migrate run --channels
    """
    from migrate.cli.present import ask, require_consent, show_plan
    from migrate.commands.run import run

    output = typed.output()
    require_consent(yes=typed["yes"])
    wanted = typed.run()
    limited = bool(typed["limit"] or typed["limit_channels"])
    confirm, show = partial(ask, yes=typed["yes"]), partial(show_plan, silent=typed["yes"])
    code = reported(typed, output, lambda made: run(made, wanted, confirm, show), limited=limited)
    if typed["verified"] and not code:
        return verified_code(typed, replace(output, format=None, file=None, full=False))
    return code


LATER = (status, history, verify, rollback, unlock, sids, mappings, schema, rehearse, simulator, demo, fleet)
for command in LATER:
    cli.add_command(command)


def main() -> NoReturn:
    """Run the command line and exit with the code of the README's table."""
    gc.set_threshold(ALLOCATIONS)
    _fit_streams()
    try:
        code = cli.main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("Interrupted.", err=True)
        sys.exit(130)
    except Declined as answer:
        click.echo(answer, err=True)
        sys.exit(answer.exit_code)
    except MigrateError as error:
        from migrate.core.masking import mask_text
        from migrate.report.values import visible

        click.echo(visible(mask_text(f"Error: {error}")), err=True)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        # The reader of our output went away.
        _discard_output()
        sys.exit(1)
    except Exception as error:
        if "-v" in sys.argv or "--verbose" in sys.argv:
            raise
        click.echo(_told(error), err=True)
        sys.exit(1)
    sys.exit(code if isinstance(code, int) else 0)


def _told(error: Exception) -> str:
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        # The database tells of a full disk by itself: this is stdout, or a report.
        _discard_output()
        return (
            "Error: The disk is full, so the output is not complete. What was recorded is safe. Free some space, then "
            "run `chat-migrate status`."
        )
    return (
        f"Unexpected failure: {type(error).__name__}: {error}. What was recorded is safe. "
        "Please report it, with the output of the same command after `chat-migrate -v`."
    )


def _discard_output() -> None:
    """Let what stdout could not take be no error again when Python ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _fit_streams() -> None:
    """Let no friendly name end a command on a terminal that cannot show it, nor a stream that was closed before."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_WRONLY), "w"))
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
