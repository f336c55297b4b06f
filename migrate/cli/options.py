"""The options that several commands share, and how commands are listed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
from click.core import ParameterSource

Command = TypeVar("Command", bound=Callable[..., Any])
DEFAULT_CONCURRENCY = 16


def options(*decorators: Callable[[Any], Any]) -> Callable[[Command], Command]:
    """Bundle options that several commands share."""

    def decorate(command: Command) -> Command:
        for decorator in reversed(decorators):
            command = decorator(command)
        return command

    return decorate


export_options = options(
    click.option(
        "--service", "services", metavar="IS…", multiple=True, help="Only this service; repeatable."
    ),
    click.option(
        "--api",
        type=click.Choice(["both", "v1", "v2"]),
        default="both",
        show_default=True,
        help="Chat API version to read. v1 alone shows the per-event webhooks, v2 the newer settings.",
    ),
    click.option(
        "--from-file",
        "files",
        type=click.Path(path_type=Path),
        multiple=True,
        help="Read saved JSON instead of the live API: a service, a list page, an array, or JSON lines; repeatable.",
    ),
)
concurrency_option = click.option(
    "--concurrency",
    metavar="N",
    type=click.IntRange(1, 64),
    default=DEFAULT_CONCURRENCY,
    show_default=True,
    help="At most this many requests at once; fewer while Twilio answers 429.",
)
target_options = options(
    click.option(
        "--target",
        type=click.Choice(["same", "new", "map"]),
        help="Which Conversation Services receive the settings: those with the same SIDs, new ones, or those that "
        "--target-map names.  [default: same]",
    ),
    click.option(
        "--target-map",
        metavar="CSV",
        type=click.Path(path_type=Path),
        help="A file with the columns source_sid,target_sid; means --target map.",
    ),
    click.option(
        "--again", is_flag=True, help="With --target new: create a fresh set, whatever was created before."
    ),
)
report_options = options(
    click.option(
        "--format",
        type=click.Choice(["text", "markdown", "json", "html"]),
        default="text",
        show_default=True,
        help="How to print the report.",
    ),
    click.option("-o", "--output", type=click.Path(path_type=Path), help="Write the report to this file."),
)
apply_options = options(
    click.option("--yes", is_flag=True, help="Do not ask before writing."),
    click.option(
        "--limit",
        metavar="N",
        type=click.IntRange(1),
        help="Change at most this many services; resume does the rest.",
    ),
    click.option(
        "--allow-drift", is_flag=True, help="Overwrite values that changed since the plan was made."
    ),
    click.option(
        "--max-changes",
        metavar="N",
        type=click.IntRange(0),
        help="Refuse a plan with more changes than this.",
    ),
    click.option(
        "--max-change-percent",
        metavar="P",
        type=click.FloatRange(0, 100),
        help="Refuse a plan that changes more than this share of the services.",
    ),
)


def _remember(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    """Keep a global option, whether it stands before or after the command."""
    source = context.get_parameter_source(str(parameter.name))
    known = context.ensure_object(dict)
    if parameter.name not in known or source is ParameterSource.COMMANDLINE:
        known[parameter.name] = value


def global_options(*, hidden: bool) -> list[click.Option]:
    """Return the options that stand before any command, and are understood (hidden) after it too."""
    return [
        click.Option(
            ["--db"],
            type=click.Path(path_type=Path),
            envvar="CHAT_MIGRATE_DB",
            default=Path("chat-migrate.db"),
            show_default=True,
            help="The database that keeps snapshots, plans and the journal.  [env: CHAT_MIGRATE_DB]",
            callback=_remember,
            expose_value=False,
            hidden=hidden,
        ),
        click.Option(
            ["-v", "--verbose"],
            is_flag=True,
            help="Tell more: retries, long lists, tracebacks of bugs.",
            callback=_remember,
            expose_value=False,
            hidden=hidden,
        ),
        click.Option(
            ["-q", "--quiet"],
            is_flag=True,
            help="No progress and no notices.",
            callback=_remember,
            expose_value=False,
            hidden=hidden,
        ),
    ]


class ToolCommand(click.Command):
    """A command that understands the global options as well."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.params += global_options(hidden=True)


class InOrderOfUse(click.Group):
    """Lists the commands as a migration uses them, not by the alphabet."""

    command_class = ToolCommand

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.params += global_options(hidden=False)

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names in the order in which the commands are defined."""
        return list(self.commands)
