"""The command line: each command parses, calls one plain function, and presents what it returns.

Everything heavy is imported where it is used, so that `--help` answers at once.
"""

from __future__ import annotations

import gc
import io
import os
import shutil
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, NoReturn

import click

from migrate.cli.afterwards import rollback, verified_code, verify
from migrate.cli.channels import (
    SHAPING,
    ChannelsChoice,
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
    REPORT,
    TARGET,
    ApplyChoice,
    ExportChoice,
    InOrderOfUse,
    ReportChoice,
    TargetChoice,
    account_option,
    choices,
    concurrency_option,
    drift_option,
    limit_option,
    options,
    service_option,
    settle_option,
)
from migrate.cli.rehearsals import demo, rehearse, simulator
from migrate.cli.shell import output_of, present_run, told_at_outage, tool
from migrate.core.errors import Declined, MigrateError

if TYPE_CHECKING:
    from migrate.model.plan import Plan
    from migrate.store import Store

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
@service_option
@options(*EXPORT, inventory_option, account_option, concurrency_option)
@choices(ExportChoice, ChannelsChoice)
def export(
    context: click.Context, choice: ExportChoice, channels: ChannelsChoice, account: str | None
) -> None:
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

    with tool(context, account=account) as made:
        snapshot = export(made, choice.options(channels.inventory()))
    apis = ", ".join(snapshot.examined.apis) or "none found"
    click.echo(
        fitted(
            f"Snapshot {snapshot.id}: {count(snapshot.services, 'Chat Service')} of {snapshot.account_sid} "
            f"({snapshot.source}, {apis}). Next: chat-migrate diff"
        )
    )


@cli.command(short_help="The dry run: show what would change.")
@service_option
@options(*TARGET, diff_option, *SHAPING, *REPORT, account_option, settle_option, concurrency_option)
@click.option(
    "--snapshot", metavar="ID", type=int, help="Plan this snapshot.  [default: the newest of the account]"
)
@click.option("--offline", is_flag=True, help="Compare with nothing live: show all that would be set.")
@click.option(
    "--exit-code", is_flag=True, help="Exit with 3 if changes are pending, with 4 if services are missing."
)
@choices(TargetChoice, ChannelsChoice, ReportChoice)
def diff(  # noqa: PLR0913, PLR0917 - one parameter per option
    context: click.Context,
    choice: TargetChoice,
    channels: ChannelsChoice,
    report: ReportChoice,
    account: str | None,
    settle: float | None,
    exit_code: bool,
) -> None:
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

    output = output_of(context, report)
    with tool(context, account=account, settle=settle) as made:
        plan = diff(made, choice.options(channels.kinds()))
        next_command = "chat-migrate apply" if plan.steps else "nothing: everything is as it should be"
        with made.opened() as store:
            output.write(diff_report(store, plan), next_commands=(next_command,))
    sys.exit(code_of_plan(plan) if exit_code else 0)


@cli.command(short_help="Execute a plan exactly as reviewed.")
@click.option(
    "--plan", "plan_id", metavar="ID", help="Apply this plan.  [default: the newest of the account]"
)
@service_option
@options(
    *APPLY,
    consent_option,
    limit_channels_option,
    *REPORT,
    account_option,
    settle_option,
    concurrency_option,
)
@choices(ApplyChoice, ChannelsChoice, ReportChoice)
def apply(
    context: click.Context,
    choice: ApplyChoice,
    channels: ChannelsChoice,
    report: ReportChoice,
    account: str | None,
    settle: float | None,
) -> None:
    """Execute a plan exactly as reviewed; refuse it if its snapshot or target has changed.

    \b
    chat-migrate apply
    chat-migrate apply --yes --limit 1
    chat-migrate apply --yes --plan 5f2b9c01d3e4 --max-changes 50
    chat-migrate apply --channels --limit-channels 1
    """
    from migrate.cli.present import ask, require_consent
    from migrate.commands.apply import apply

    output = output_of(context, report)
    require_consent(yes=choice.yes)
    wanted = choice.options(channels.consents(), channels.limits())
    with tool(context, account=account, settle=settle) as made:
        with told_at_outage(made, output):
            run = apply(made, wanted, lambda *asked: ask(*asked, yes=choice.yes))
        limited = bool(choice.limit or choice.services or channels.limit_channels)
        code = present_run(made, run, output, limited=limited)
    sys.exit(code)


@cli.command(short_help="Continue a run that was cut off.")
@click.option(
    "--yes", is_flag=True, help="Agree beforehand, where the run was cut off before anybody was asked."
)
@options(limit_option, drift_option, *REPORT, account_option, settle_option, concurrency_option)
@choices(ReportChoice)
def resume(  # noqa: PLR0913, PLR0917 - one parameter per option
    context: click.Context,
    report: ReportChoice,
    yes: bool,
    limit: int | None,
    allow_drift: bool,
    account: str | None,
    settle: float | None,
    concurrency: int | None,
) -> None:
    """Continue the last unfinished run, from whatever state a crash left.

    What may have been in flight is decided by reading the target before anything is sent again.

    \b
    chat-migrate resume
    """
    from migrate.cli.present import ask
    from migrate.commands.run import ResumeOptions, resume

    output = output_of(context, report)
    wanted = ResumeOptions(concurrency, limit, allow_drift)
    with tool(context, account=account, settle=settle) as made:
        with told_at_outage(made, output):
            run = resume(made, wanted, lambda *asked: ask(*asked, yes=yes), _shown(silent=yes))
        if run is None:
            click.echo("There is no unfinished run: nothing to resume.")
            return
        code = present_run(made, run, output, limited=limit is not None)
    sys.exit(code)


@cli.command(short_help="Export, diff, confirm and apply in one go.")
@service_option
@options(
    *EXPORT,
    *TARGET,
    *APPLY,
    run_option,
    *SHAPING,
    limit_channels_option,
    *REPORT,
    account_option,
    settle_option,
    concurrency_option,
)
@click.option("--verify", "verified", is_flag=True, help="Read all targets again at the end, and compare.")
@choices(ExportChoice, TargetChoice, ApplyChoice, ChannelsChoice, ReportChoice)
def run(  # noqa: PLR0913, PLR0917 - one parameter per option
    context: click.Context,
    exported: ExportChoice,
    target: TargetChoice,
    choice: ApplyChoice,
    channels: ChannelsChoice,
    report: ReportChoice,
    account: str | None,
    settle: float | None,
    verified: bool,
) -> None:
    """Migrate in one shot: export, diff, confirmation, apply, summary. Each write is verified by its answer.

    \b
    chat-migrate run
    chat-migrate run --yes --max-change-percent 20
    chat-migrate run --yes --from-file services.json --format json
    chat-migrate run --yes --target new
    chat-migrate run --channels
    """
    from migrate.cli.present import ask, require_consent
    from migrate.commands.run import RunOptions, run

    output = output_of(context, report)
    require_consent(yes=choice.yes)
    everything = RunOptions(
        exported.options(channels.inventory()),
        target.options(channels.kinds()),
        choice.options(channels.consents(), channels.limits()),
    )
    with tool(context, account=account, settle=settle) as made:
        with told_at_outage(made, output):
            done = run(
                made, everything, lambda *asked: ask(*asked, yes=choice.yes), _shown(silent=choice.yes)
            )
        limited = bool(choice.limit or channels.limit_channels)
        code = present_run(made, done, output, limited=limited)
        if verified and not code:
            code = verified_code(context, account, settle, ReportChoice())
    sys.exit(code)


def _shown(*, silent: bool) -> Callable[[Store, Plan], None]:
    """Return what shows the plan before the question; with --yes nobody is there to decide."""

    def show(store: Store, plan: Plan) -> None:
        from migrate.report import render, width_of
        from migrate.report.assembly import diff_report
        from migrate.report.view import View

        width = width_of(shutil.get_terminal_size((100, 24)).columns)
        render(diff_report(store, plan), "text", sys.stderr, View(full=False, width=width))

    return (lambda _store, _plan: None) if silent else show


LATER = (status, history, verify, rollback, unlock, sids, mappings, schema, rehearse, simulator, demo, fleet)
for command in LATER:
    cli.add_command(command)


def main() -> NoReturn:
    """Run the command line and exit with the code of the README's table."""
    # Nearly all that is made here dies by itself; the usual threshold has the collector look at it 30 times as often.
    gc.set_threshold(20_000)
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

        click.echo(mask_text(f"Error: {error}"), err=True)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        # The reader of our output went away; Python must not complain about it again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except Exception as error:
        if "-v" in sys.argv or "--verbose" in sys.argv:
            raise
        click.echo(
            f"Unexpected failure: {type(error).__name__}: {error}. What was recorded is safe. "
            "Please report it, with the output of the same command after `chat-migrate -v`.",
            err=True,
        )
        sys.exit(1)
    sys.exit(code if isinstance(code, int) else 0)


def _fit_streams() -> None:
    """Let no friendly name end a command on a terminal that cannot show it."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
