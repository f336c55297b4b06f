"""The options that several commands share, and the commands that take the global ones too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from migrate.cli.parameters import Measure, file, flag, number, sid
from migrate.cli.typed import Typed

FORMATS = ("text", "markdown", "json", "html")

service_option = sid(
    "--service", "services", metavar="IS…", multiple=True, help="Only this service; repeatable."
)
concurrency_option = number(
    "--concurrency",
    help="Send at most this many requests at once.  [default: as many as Twilio accepts]",
)
settle_option = click.option(
    "--settle",
    metavar="SECONDS",
    type=Measure(0, 3600),
    help="How long Twilio's answers may lag behind what was done.  [env: CHAT_MIGRATE_SETTLE; default: 60]",
)
account_option = sid(
    "--account",
    metavar="AC…",
    checked=True,
    help="The source account.  [default: that of the credentials, or the only one in the database]",
)
yes_option = flag("--yes", help="Do not ask before writing.")
limit_option = number("--limit", help="Change at most this many services; `resume` does the rest.")
drift_option = flag("--allow-drift", help="Overwrite values that changed since the plan was made.")
api_option = click.option(
    "--api",
    type=click.Choice(["both", "v1", "v2"]),
    default="both",
    show_default=True,
    help="Read this Chat API version. Only v1 shows the per-event webhooks, only v2 the newer settings.",
)
again_option = flag("--again", help="With --target new: create a fresh set, whatever was created before.")
clear_option = flag("--clear", help="Empty what only Conversations has, and Chat holds empty.")

EXPORT = (
    api_option,
    click.option(
        "--from-file",
        "files",
        type=click.Path(path_type=Path, allow_dash=True),
        multiple=True,
        help="Read saved JSON instead of the live API, whatever tool saved it; - is standard input; repeatable.",
    ),
    flag("--partial", help="Accept a file that names a next page which is not there."),
)
TARGET = (
    click.option(
        "--target",
        type=click.Choice(["same", "new", "map"]),
        help="Write to the Conversation Services with the same SIDs, to new ones, or to those that --target-map "
        "names.  [default: same]",
    ),
    click.option(
        "--target-map",
        metavar="CSV",
        type=click.Path(path_type=Path),
        help="Read the targets from this file, by its columns source_sid and target_sid; means --target map.",
    ),
    again_option,
    clear_option,
)
APPLY = (
    yes_option,
    limit_option,
    drift_option,
    number("--max-changes", least=0, help="Refuse a plan that changes more fields than this."),
    click.option(
        "--max-change-percent",
        metavar="P",
        type=Measure(0, 100),
        help="Refuse a plan that changes more than this share of the services.",
    ),
)
REPORT = (
    click.option(
        "--format",
        type=click.Choice(FORMATS),
        help="Print the report in this format.  [default: by the ending of FILE, else text]",
    ),
    file("-o", "--output", help="Write the report to FILE."),
    flag("--full", help="Print everything; a terminal shows a summary otherwise."),
)
LIVE = (account_option, settle_option, concurrency_option)


def _remember(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    """Keep a global option, whether it stands before or after the command."""
    source = context.get_parameter_source(str(parameter.name))
    known = context.ensure_object(dict)
    if parameter.name not in known or source is ParameterSource.COMMANDLINE:
        known[parameter.name] = value


def global_options(*, hidden: bool) -> list[click.Option]:
    """Return the options that stand before any command, and are understood (hidden) after it too."""
    kept: dict[str, Any] = {"callback": _remember, "expose_value": False, "hidden": hidden}
    return [
        click.Option(
            ["--db"],
            type=click.Path(path_type=Path),
            envvar="CHAT_MIGRATE_DB",
            default=Path("chat-migrate.db"),
            show_default=True,
            help="Keep snapshots, plans and the journal in this database.  [env: CHAT_MIGRATE_DB]",
            **kept,
        ),
        click.Option(
            ["-v", "--verbose"], is_flag=True, help="Tell more: retries, tracebacks of bugs.", **kept
        ),
        click.Option(["-q", "--quiet"], is_flag=True, help="Show no progress and no notices.", **kept),
    ]


class ToolCommand(click.Command):
    """A command that understands the global options as well, and is called with all that was typed."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.params += global_options(hidden=True)

    def invoke(self, ctx: click.Context) -> Any:
        """Call the function with what was typed; return its exit code."""
        if self.callback is None:
            raise AssertionError("a command is made of a function")
        return ctx.invoke(self.callback, Typed(ctx))


class InOrderOfUse(click.Group):
    """Lists the commands as a migration uses them, not by the alphabet."""

    command_class = ToolCommand

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.params += global_options(hidden=False)

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names in the order in which the commands are defined."""
        return list(self.commands)
