"""The thin shell: parse, call, present, exit code. Everything heavy is imported where it is used, so that
`--help` answers at once.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from migrate.cli.options import (
    InOrderOfUse,
    apply_options,
    concurrency_option,
    export_options,
    report_options,
    target_options,
)
from migrate.core.errors import Declined, MigrateError

if TYPE_CHECKING:
    from migrate.cli.present import Output
    from migrate.commands.apply import ApplyOptions
    from migrate.commands.context import Context
    from migrate.commands.diff import DiffOptions
    from migrate.commands.export import ExportOptions
    from migrate.execute.attempts import Limits
    from migrate.store import Store
    from migrate.store.journal import Run
    from migrate.store.plans import Plan

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
@export_options
@concurrency_option
@click.pass_context
def export(context: click.Context, /, concurrency: int, **options: Any) -> None:
    """Read the Chat Services, through v1 and v2, and their roles into a snapshot.

    \b
    chat-migrate export
    chat-migrate export --service IS0123456789abcdef0123456789abcdef
    chat-migrate export --from-file services-v2.json --from-file services-v1.json
    """
    from migrate.commands.export import export

    snapshot = export(_context(context), _export_options(concurrency, **options))
    click.echo(
        f"Snapshot {snapshot.id}: {snapshot.services} Chat Services of {snapshot.account_sid} "
        f"({snapshot.source}, {snapshot.apis or 'none found'}). Next: chat-migrate diff"
    )


@cli.command(short_help="The dry run: show what would change.")
@target_options
@report_options
@concurrency_option
@click.option("--offline", is_flag=True, help="Compare with nothing live: show all that would be set.")
@click.option("--exit-code", is_flag=True, help="Exit with 3 if changes are pending.")
@click.pass_context
def diff(context: click.Context, /, offline: bool, exit_code: bool, concurrency: int, **rest: Any) -> None:
    """Show what would change, and store it as a plan. Never writes to Twilio.

    \b
    chat-migrate diff
    chat-migrate diff --format html -o dry-run.html
    chat-migrate diff --format json | jq .summary
    chat-migrate diff --exit-code
    chat-migrate diff --target new
    chat-migrate diff --target-map services.csv
    """
    from migrate.commands.diff import diff
    from migrate.report.reporting import diff_report
    from migrate.store import plans, snapshots

    output, tool = _output(context, **rest), _context(context)
    options = _diff_options(concurrency, offline=offline, **rest)
    with tool.locked_store("diff") as store:
        plan = diff(tool, store, snapshots.latest(store), options)
        output.write(diff_report(store, plan))
        pending = plans.step_count(store, plan.number)
    sys.exit(3 if exit_code and pending else 0)


@cli.command(short_help="Execute a plan exactly as reviewed.")
@click.option("--plan", "plan_id", metavar="ID", help="The plan to apply, by its id; the latest if absent.")
@apply_options
@report_options
@concurrency_option
@click.pass_context
def apply(context: click.Context, /, plan_id: str | None, yes: bool, concurrency: int, **rest: Any) -> None:
    """Execute a plan exactly as reviewed; refuse it if its snapshot or target has changed.

    \b
    chat-migrate apply
    chat-migrate apply --yes --limit 1
    chat-migrate apply --yes --plan 5f2b9c01d3e4 --max-changes 50
    """
    from migrate.cli.present import ask, require_consent
    from migrate.commands.apply import apply
    from migrate.store import plans

    output, tool = _output(context, **rest), _context(context)
    require_consent(yes=yes)
    with tool.locked_store("apply") as store:
        plan = plans.get(store, plan_id) if plan_id else plans.latest(store)
        options = _apply_options(concurrency, **rest)
        run = apply(tool, store, plan, options, lambda plan: ask(store, plan, yes=yes))
        code = _present_run(store, plan, run, output, limited=options.limits.services is not None)
    sys.exit(code)


@cli.command(short_help="Continue a run that was cut off.")
@click.option(
    "--yes", is_flag=True, help="Accepted for scripts; what the run writes was agreed to when it began."
)
@click.option("--limit", metavar="N", type=click.IntRange(1), help="Change at most this many services.")
@click.option("--allow-drift", is_flag=True, help="Overwrite values that changed since the plan was made.")
@report_options
@concurrency_option
@click.pass_context
def resume(
    context: click.Context,
    /,
    yes: bool,
    limit: int | None,
    allow_drift: bool,
    concurrency: int,
    **report: Any,
) -> None:
    """Continue the last unfinished run, from whatever state a crash left.

    What may have been in flight is decided by reading the target before anything is sent again.

    \b
    chat-migrate resume
    """
    del yes
    from migrate.commands.apply import resume
    from migrate.store import plans

    output, tool = _output(context, **report), _context(context)
    with tool.locked_store("resume") as store:
        run = resume(tool, store, _limits(concurrency, limit, allow_drift))
        if run is None:
            click.echo("There is no unfinished run: nothing to resume.")
            return
        code = _present_run(store, plans.by_number(store, run.plan), run, output, limited=limit is not None)
    sys.exit(code)


@cli.command(short_help="Export, diff, confirm and apply in one go.")
@export_options
@target_options
@apply_options
@report_options
@concurrency_option
@click.pass_context
def run(context: click.Context, /, yes: bool, concurrency: int, **rest: Any) -> None:
    """Migrate in one shot: export, diff, confirmation, apply, verify, summary.

    \b
    chat-migrate run
    chat-migrate run --yes --max-change-percent 20
    chat-migrate run --yes --from-file services.json --format json
    chat-migrate run --yes --target new
    """
    from migrate.cli.present import ask, require_consent
    from migrate.commands.export import check_options
    from migrate.commands.run import RunOptions, run

    output, tool = _output(context, **rest), _context(context)
    require_consent(yes=yes)
    export_options = _export_options(concurrency, **rest)
    check_options(tool, export_options)
    everything = RunOptions(
        export_options, _diff_options(concurrency, **rest), _apply_options(concurrency, **rest)
    )
    with tool.locked_store("run", must_exist=False) as store:
        show = _silent if yes else _show_diff(store)
        plan, done = run(tool, store, everything, lambda plan: ask(store, plan, yes=yes), show)
        code = _present_run(store, plan, done, output, limited=rest["limit"] is not None)
    sys.exit(code)


@cli.command(short_help="Where things stand, and what to type next.")
@report_options
@click.pass_context
def status(context: click.Context, /, **report: Any) -> None:
    """Show where things stand, what is left, the last errors, and the next command to type.

    Other formats than text print the whole report of the newest run, or of the plan if none has begun.

    \b
    chat-migrate status
    chat-migrate status --format html -o status.html
    """
    from migrate.commands.status import as_text, report_of, status
    from migrate.store import open_store

    output = _output(context, **report)
    with open_store(context.obj["db"], must_exist=True) as store:
        found = status(store)
        if output.format == "text":
            output.write_text(as_text(found))
        else:
            output.write(report_of(store, found))


@cli.command(short_help="Read the targets again and compare.")
@click.option("--plan", "plan_id", metavar="ID", help="The plan to compare with; the latest if absent.")
@report_options
@concurrency_option
@click.pass_context
def verify(context: click.Context, /, plan_id: str | None, concurrency: int, **report: Any) -> None:
    """Read the targets again and compare them with the plan, field by field. Exits with 3 on a mismatch.

    \b
    chat-migrate verify
    chat-migrate verify --format markdown -o verified.md
    """
    from migrate.commands.verify import read_again
    from migrate.report.reporting import verify_report
    from migrate.store import journal, plans

    output, tool = _output(context, **report), _context(context)
    with tool.locked_store("verify") as store:
        plan = plans.get(store, plan_id) if plan_id else plans.latest(store)
        read_again(tool, store, plan, concurrency)
        found = verify_report(store, plan, journal.find_latest_of(store, plan))
        plans.note_verified(store, plan, found.summary.services_to_change)
        output.write(found)
    sys.exit(3 if found.summary.services_to_change else 0)


@cli.command(short_help="Restore what a run has overwritten.")
@click.option(
    "--run",
    "run_id",
    type=int,
    metavar="ID",
    help="The run to undo; the latest that wrote something if absent.",
)
@click.option("--dry-run", is_flag=True, help="Only show what would be restored, removed and left.")
@click.option(
    "--delete-created", is_flag=True, help="Also remove services and roles that the run has created."
)
@click.option("--yes", is_flag=True, help="Do not ask before writing.")
@report_options
@concurrency_option
@click.pass_context
def rollback(
    context: click.Context,
    /,
    run_id: int | None,
    dry_run: bool,
    delete_created: bool,
    yes: bool,
    concurrency: int,
    **report: Any,
) -> None:
    """Restore the settings that a run has overwritten, newest first.

    Only where the target still holds what the run wrote; what someone changed since is reported and left.

    \b
    chat-migrate rollback --dry-run
    chat-migrate rollback --yes
    chat-migrate rollback --run 3 --yes --delete-created
    """
    from migrate.cli.present import ask_rollback, exit_code_of, require_consent
    from migrate.commands.rollback import RollbackOptions, find_run, preview_rollback, rollback

    output, tool = _output(context, **report), _context(context)
    options = RollbackOptions(delete_created, concurrency)
    if not dry_run:
        require_consent(yes=yes)
    with tool.locked_store("rollback") as store:
        undone = find_run(store, run_id)
        if undone is None:
            click.echo("No run has written anything that is not rolled back: nothing to do.")
            return
        if dry_run:
            output.write(preview_rollback(tool, store, undone, options))
            return

        def confirm() -> None:
            ask_rollback(store, undone, yes=yes, delete_created=delete_created)

        told = rollback(tool, store, undone, options, confirm)
        output.write(told)
    sys.exit(exit_code_of(told.summary.steps_by_state))


@cli.command(short_help="What became of what: old SID, new SID.")
@click.option(
    "--format",
    type=click.Choice(["csv", "json"]),
    default="csv",
    show_default=True,
    help="How to print the table.",
)
@click.pass_context
def sids(context: click.Context, /, format: str) -> None:  # noqa: A002 - the option's name
    """Print what became of what: old SID, new SID, for services and roles that were re-created elsewhere.

    \b
    chat-migrate sids > sids.csv
    chat-migrate sids --format json
    """
    from migrate.commands.sids import sid_table
    from migrate.store import open_store

    with open_store(context.obj["db"], must_exist=True) as store:
        for line in sid_table(store, format):
            click.echo(line)


@cli.command(short_help="Every field, its target and its verdict.")
@click.option(
    "--format",
    type=click.Choice(["text", "markdown", "json"]),
    default="text",
    show_default=True,
    help="How to print the table.",
)
def mappings(format: str) -> None:  # noqa: A002 - the option's name
    """Print every field of a v1 and v2 Service, its target, and the rule of its verdict.

    \b
    chat-migrate mappings
    chat-migrate mappings --format markdown
    """
    from migrate.commands.mappings import coverage_table

    click.echo(coverage_table(format), nl=False)


@cli.command(short_help="The JSON Schema of the reports.")
def schema() -> None:
    """Print the JSON Schema of the reports that `--format json` prints.

    \b
    chat-migrate schema > report.schema.json
    """
    import json

    from migrate.report.schema import json_schema

    click.echo(json.dumps(json_schema(), indent=2))


@cli.command(short_help="Serve an embedded Twilio for rehearsals.")
@click.option(
    "--port",
    metavar="N",
    type=click.IntRange(0, 65535),
    default=0,
    show_default="a free one",
    help="To listen on.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Which made-up account to serve.")
@click.option(
    "--services", type=click.IntRange(0), default=12, show_default=True, help="Chat Services in it."
)
@click.option(
    "--latency", "latency_ms", type=click.FloatRange(0), default=0.0, metavar="MS", help="Of each request."
)
@click.option("--max-concurrent", type=click.IntRange(1), help="Answer 429/20429 above this many at once.")
@click.option(
    "--fault-rate", type=click.FloatRange(0, 1), default=0.0, help="Share of requests that go wrong."
)
@click.option("--fault-seed", type=int, default=0, help="Which of them, and how.")
@click.option("--state", type=click.Path(path_type=Path), help="Keep the state in this file.")
def simulator(**settings: Any) -> None:
    """Serve an embedded Twilio on this machine, for rehearsals: Chat v1, v2, v3 and Conversations v1.

    It prints the variables that point chat-migrate at it, and serves until Ctrl-C.

    \b
    chat-migrate simulator --port 8765
    chat-migrate simulator --services 200 --latency 50 --max-concurrent 20 --fault-rate 0.05
    """
    from migrate.commands.simulator import serve_forever

    serve_forever(settings, click.echo)


@cli.command(short_help="The whole job on the simulator, no account needed.")
@click.pass_context
def demo(context: click.Context) -> None:
    """Do the whole job on the embedded simulator; needs no credentials and no network.

    Leaves demo.db and demo.html in the current folder to look at.

    \b
    chat-migrate demo
    """
    from migrate.commands.demo import demo

    context.obj["db"] = Path("demo.db")
    text, page = _output(context, format="text"), _output(context, format="html", output=Path("demo.html"))

    def show(stage: Any) -> None:
        click.secho(f"\n== {stage.title}", bold=True)
        if stage.report is not None:
            text.write(stage.report)

    demo(_context(context), show, page.write)
    click.echo("\nLook at demo.html in a browser, and at demo.db with sqlite-utils or Datasette.")


def main() -> NoReturn:
    """Run the command line and exit with the code of the README's table."""
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
        click.echo(f"Error: {error}", err=True)
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


def _context(context: click.Context) -> Context:
    from migrate.commands.context import Context
    from migrate.core.progress import Progress

    progress = Progress(quiet=context.obj["quiet"], verbose=context.obj["verbose"])
    return Context(context.obj["db"], os.environ, progress)


def _export_options(
    concurrency: int, *, services: tuple[str, ...], api: str, files: tuple[Path, ...], **_other: Any
) -> ExportOptions:
    from migrate.commands.export import ExportOptions
    from migrate.source.live import ExportRequest

    apis = ("v1", "v2") if api == "both" else (api,)
    return ExportOptions(ExportRequest(apis, services, concurrency), files)


def _diff_options(
    concurrency: int,
    *,
    target: str | None,
    target_map: Path | None,
    again: bool,
    offline: bool = False,
    **_other: Any,
) -> DiffOptions:
    from migrate.commands.diff import DiffOptions

    options = DiffOptions(
        target or ("map" if target_map else "same"), target_map, again, offline, concurrency
    )
    options.lines()
    return options


def _apply_options(
    concurrency: int,
    *,
    limit: int | None,
    allow_drift: bool,
    max_changes: int | None,
    max_change_percent: float | None,
    **_other: Any,
) -> ApplyOptions:
    from migrate.commands.apply import ApplyOptions
    from migrate.execute.guards import Thresholds

    return ApplyOptions(_limits(concurrency, limit, allow_drift), Thresholds(max_changes, max_change_percent))


def _limits(concurrency: int, limit: int | None, allow_drift: bool) -> Limits:
    from migrate.execute.attempts import Limits

    return Limits(concurrency=concurrency, services=limit, allow_drift=allow_drift)


def _output(context: click.Context, *, format: str, output: Path | None = None, **_other: Any) -> Output:  # noqa: A002
    from migrate.cli.present import Output, wants_color

    wanted = Output(format, output, wants_color(os.environ), context.obj["verbose"], context.obj["quiet"])
    wanted.check()
    return wanted


def _present_run(store: Store, plan: Plan, run: Run, output: Output, *, limited: bool) -> int:
    from migrate.cli.present import exit_code_of
    from migrate.commands.rollback import report_of
    from migrate.report.reporting import run_report

    report = run_report(store, plan, run) if run.undoes is None else report_of(store, run)
    output.write(report)
    return exit_code_of(report.summary.steps_by_state, limited=limited)


def _show_diff(store: Store) -> Callable[[Plan], None]:
    from migrate.report import render
    from migrate.report.reporting import diff_report

    return lambda plan: render(diff_report(store, plan), "text", sys.stderr)


def _silent(_plan: Plan) -> None:
    """Show nothing: with --yes nobody is there to decide."""
