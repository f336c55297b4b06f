"""How options are declared: one function a sort of value."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import isnan
from pathlib import Path
from typing import Any, TypeVar

import click

from migrate.core.errors import BadInput

Command = TypeVar("Command", bound=Callable[..., Any])
Decorator = Callable[[Any], Any]
MOST = 2**63 - 1
"""The largest number that SQLite takes."""


class Measure(click.FloatRange):
    """A number within bounds; `nan`, which is within any, is refused."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the number; raises `click.BadParameter`."""
        number = super().convert(value, param, ctx)
        if isnan(number):
            self.fail(f"{value!r} is not a number.", param, ctx)
        return number


class Whole(click.IntRange):
    """A whole number of at least so much; one that no database holds is refused."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the number; raises `click.BadParameter`."""
        number = super().convert(value, param, ctx)
        if number > MOST:
            self.fail(f"{value!r} is too large a number.", param, ctx)
        return number


flag = partial(click.option, is_flag=True)
file = partial(click.option, metavar="FILE", type=click.Path(path_type=Path))
numbered = partial(click.option, metavar="ID", type=Whole(1))
milliseconds = partial(click.option, metavar="MS", type=Measure(0), default=0.0)
share = partial(click.option, metavar="P", type=Measure(0, 1), default=0.0)


def number(*names: str, least: int | None = 1, **settings: Any) -> Decorator:
    """Return an option that takes a whole number, of at least so much."""
    kind = int if least is None else Whole(least)
    return click.option(*names, metavar="N", type=kind, **settings)


def lag(help_: str) -> Decorator:
    """Return `--lag` with the help of one command."""
    return click.option("--lag", metavar="SECONDS", type=Measure(0), default=0.0, help=help_)


def plan(help_: str) -> Decorator:
    """Return `--plan` with the help of one command."""
    return click.option(
        "--plan", "plan_id", metavar="ID", help=help_ + "  [default: the newest of the account]"
    )


def table_format(*formats: str) -> Decorator:
    """Return `--format` of a table, the first of the formats being the default."""
    return click.option(
        "--format",
        type=click.Choice(formats),
        default=formats[0],
        show_default=True,
        help="Print the table in this format.",
    )


def sid(*names: str, metavar: str, checked: bool = False, **settings: Any) -> Decorator:
    """Return an option that takes a SID, or several, as people paste them: in either case.

    A `checked` one refuses what has not the shape of a SID with the prefix that `metavar` begins with.
    """

    def take(_context: click.Context, _parameter: click.Parameter, value: Any) -> Any:
        from migrate.core.config import is_sid, tidy_sid

        if isinstance(value, tuple):
            return tuple(take(_context, _parameter, each) for each in value)
        tidy = tidy_sid(value) if isinstance(value, str) else value
        prefix = metavar[:2]
        if checked and tidy is not None and not is_sid(prefix, tidy):
            raise BadInput(f"{names[0]} {tidy}: not a SID; {prefix} and 32 hexadecimal digits are expected.")
        return tidy

    return click.option(*names, metavar=metavar, callback=take, **settings)


def options(*decorators: Decorator) -> Callable[[Command], Command]:
    """Bundle options that several commands share."""

    def decorate(command: Command) -> Command:
        for decorator in reversed(decorators):
            command = decorator(command)
        return command

    return decorate
