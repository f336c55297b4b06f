"""The options that several commands share, as frozen objects made once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

if TYPE_CHECKING:
    from migrate.commands.apply import ApplyOptions
    from migrate.commands.diff import DiffOptions
    from migrate.commands.export import ExportOptions
    from migrate.execute.work import Bounds

Command = TypeVar("Command", bound=Callable[..., Any])
FORMATS = ["text", "markdown", "json", "html"]


def take_sid(_context: click.Context, _parameter: click.Parameter, value: Any) -> Any:
    """Take SIDs as people paste them, in either case."""
    from migrate.core.config import tidy_sid

    if isinstance(value, tuple):
        return tuple(tidy_sid(each) for each in value)
    return tidy_sid(value) if isinstance(value, str) else value


service_option = click.option(
    "--service",
    "services",
    metavar="IS…",
    multiple=True,
    callback=take_sid,
    help="Only this service; repeatable.",
)
concurrency_option = click.option(
    "--concurrency",
    metavar="N",
    type=click.IntRange(1),
    help="Send at most this many requests at once.  [default: as many as Twilio accepts]",
)
settle_option = click.option(
    "--settle",
    metavar="SECONDS",
    type=click.FloatRange(0, 3600),
    help="How long Twilio's answers may lag behind what was done.  [env: CHAT_MIGRATE_SETTLE; default: 60]",
)
account_option = click.option(
    "--account",
    metavar="AC…",
    callback=take_sid,
    help="The source account.  [default: that of the credentials, or the only one in the database]",
)
yes_option = click.option("--yes", is_flag=True, help="Do not ask before writing.")
limit_option = click.option(
    "--limit",
    metavar="N",
    type=click.IntRange(1),
    help="Change at most this many services; `resume` does the rest.",
)
drift_option = click.option(
    "--allow-drift", is_flag=True, help="Overwrite values that changed since the plan was made."
)
api_option = click.option(
    "--api",
    type=click.Choice(["both", "v1", "v2"]),
    default="both",
    show_default=True,
    help="Read this Chat API version. Only v1 shows the per-event webhooks, only v2 the newer settings.",
)
again_option = click.option(
    "--again", is_flag=True, help="With --target new: create a fresh set, whatever was created before."
)
clear_option = click.option(
    "--clear", is_flag=True, help="Empty what only Conversations has, and Chat holds empty."
)

EXPORT = (
    api_option,
    click.option(
        "--from-file",
        "files",
        type=click.Path(path_type=Path, allow_dash=True),
        multiple=True,
        help="Read saved JSON instead of the live API, whatever tool saved it; - is standard input; repeatable.",
    ),
    click.option("--partial", is_flag=True, help="Accept a file that names a next page which is not there."),
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
    click.option(
        "--max-changes",
        metavar="N",
        type=click.IntRange(0),
        help="Refuse a plan that changes more fields than this.",
    ),
    click.option(
        "--max-change-percent",
        metavar="P",
        type=click.FloatRange(0, 100),
        help="Refuse a plan that changes more than this share of the services.",
    ),
)
REPORT = (
    click.option(
        "--format",
        type=click.Choice(FORMATS),
        help="Print the report in this format.  [default: by the ending of FILE, else text]",
    ),
    click.option(
        "-o", "--output", metavar="FILE", type=click.Path(path_type=Path), help="Write the report to FILE."
    ),
    click.option("--full", is_flag=True, help="Print everything; a terminal shows a summary otherwise."),
)


@dataclass(frozen=True)
class ExportChoice:
    """What was typed of `export`'s options."""

    services: tuple[str, ...] = ()
    api: str = "both"
    files: tuple[Path, ...] = ()
    partial: bool = False
    concurrency: int | None = None

    def options(self, inventory: frozenset[str] = frozenset()) -> ExportOptions:
        """Return the command's options."""
        from migrate.commands.export import ExportOptions
        from migrate.source.live import ExportRequest

        apis = ("v1", "v2") if self.api == "both" else (self.api,)
        request = ExportRequest(apis, self.services, inventory)
        return ExportOptions(request, self.files, self.partial, self.concurrency)


@dataclass(frozen=True)
class TargetChoice:
    """What was typed of `diff`'s options."""

    target: str | None = None
    target_map: Path | None = None
    again: bool = False
    clear: bool = False
    services: tuple[str, ...] = ()
    offline: bool = False
    snapshot: int | None = None
    concurrency: int | None = None

    def options(self, kinds: Mapping[str, Mapping[str, Any]] | None = None) -> DiffOptions:
        """Return the command's options, checked."""
        from migrate.commands.diff import DiffOptions

        options = DiffOptions(
            target=self.target or ("map" if self.target_map else "same"),
            target_map=self.target_map,
            again=self.again,
            clear=self.clear,
            services=self.services,
            kinds=kinds or {},
            offline=self.offline,
            snapshot=self.snapshot,
            concurrency=self.concurrency,
        )
        options.lines()
        return options


@dataclass(frozen=True)
class ApplyChoice:
    """What was typed of `apply`'s options."""

    yes: bool = False
    plan_id: str | None = None
    limit: int | None = None
    allow_drift: bool = False
    max_changes: int | None = None
    max_change_percent: float | None = None
    services: tuple[str, ...] = ()
    concurrency: int | None = None

    def options(
        self, consents: frozenset[str] = frozenset(), limits: Mapping[str, int] | None = None
    ) -> ApplyOptions:
        """Return the command's options."""
        from migrate.commands.apply import ApplyOptions
        from migrate.execute.guards import Thresholds

        bounds = self._bounds(consents, limits or {})
        return ApplyOptions(self.plan_id, bounds, Thresholds(self.max_changes, self.max_change_percent))

    def _bounds(self, consents: frozenset[str], limits: Mapping[str, int]) -> Bounds:
        from migrate.execute.work import Bounds

        return Bounds(
            concurrency=self.concurrency,
            services=self.limit,
            only=frozenset(self.services),
            allow_drift=self.allow_drift,
            consents=consents,
            limits=limits,
        )


@dataclass(frozen=True)
class ReportChoice:
    """What was typed of a report's options."""

    format: str | None = None
    output: Path | None = None
    full: bool = False


def choices(*made: type[Any]) -> Callable[[Command], Command]:
    """Hand a command its options as frozen objects, one of each type, in this order, after click's context.

    Options that no type has a field of are handed on by their names.
    """

    def decorate(command: Command) -> Command:
        @wraps(command)
        def with_objects(context: click.Context, /, **typed: Any) -> Any:
            taken: set[str] = set()
            objects = []
            for kind in made:
                names = {field.name for field in fields(kind)} & typed.keys()
                taken |= names
                objects.append(kind(**{name: typed[name] for name in names}))
            rest = {name: value for name, value in typed.items() if name not in taken}
            return command(context, *objects, **rest)

        return click.pass_context(with_objects)  # type: ignore[return-value]

    return decorate


def options(*decorators: Callable[[Any], Any]) -> Callable[[Command], Command]:
    """Bundle options that several commands share."""

    def decorate(command: Command) -> Command:
        for decorator in reversed(decorators):
            command = decorator(command)
        return command

    return decorate


def _remember(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    """Keep a global option, whether it stands before or after the command."""
    source = context.get_parameter_source(str(parameter.name))
    known = context.ensure_object(dict)
    if parameter.name not in known or source is ParameterSource.COMMANDLINE:
        known[parameter.name] = value


def global_options(*, hidden: bool) -> list[click.Option]:
    """Return the options that stand before any command, and are understood (hidden) after it too."""
    db = click.Option(
        ["--db"],
        type=click.Path(path_type=Path),
        envvar="CHAT_MIGRATE_DB",
        default=Path("chat-migrate.db"),
        show_default=True,
        help="Keep snapshots, plans and the journal in this database.  [env: CHAT_MIGRATE_DB]",
        callback=_remember,
        expose_value=False,
        hidden=hidden,
    )
    flags = (
        (["-v", "--verbose"], "Tell more: retries, tracebacks of bugs."),
        (["-q", "--quiet"], "Show no progress and no notices."),
    )
    return [
        db,
        *(
            click.Option(
                names, is_flag=True, help=text, callback=_remember, expose_value=False, hidden=hidden
            )
            for names, text in flags
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
