"""What was typed, as the commands take it: their frozen options, their context, and where a report goes."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from typing import TYPE_CHECKING, Any, TypeVar

import click

from migrate.cli import channels
from migrate.cli.signals import gentle

if TYPE_CHECKING:
    from migrate.cli.present import Output
    from migrate.commands.apply import ApplyOptions
    from migrate.commands.context import Context
    from migrate.commands.diff import DiffOptions
    from migrate.commands.export import ExportOptions
    from migrate.commands.run import RunOptions

Made = TypeVar("Made")


class Typed:
    """What was typed behind one command, by the options' names; the command is called with it."""

    def __init__(self, context: click.Context) -> None:
        self.own = context.params
        self._global = context.obj

    def __getitem__(self, name: str) -> Any:
        """Return an option's value; None if this command has no such option."""
        return self.own.get(name, self._global.get(name))

    def made(self, options: type[Made], **others: Any) -> Made:
        """Return frozen options: each field has what was typed under its name, unless `others` has it."""
        names = {field.name for field in fields(options)} & self.own.keys()  # type: ignore[arg-type]
        return options(**{**{name: self.own[name] for name in names}, **others})

    def export(self) -> ExportOptions:
        """Return the options of `export`."""
        from migrate.commands.export import ExportOptions
        from migrate.source.live import ExportRequest

        apis = (self["api"],) if self["api"] in ("v1", "v2") else ("v1", "v2")
        request = ExportRequest(apis, self["services"] or (), channels.opted_in(self.own))
        return self.made(ExportOptions, request=request)

    def diff(self) -> DiffOptions:
        """Return the options of `diff`, checked."""
        from migrate.commands.diff import DiffOptions

        target = self["target"] or ("map" if self["target_map"] else "same")
        options = self.made(DiffOptions, target=target, kinds=channels.kinds(self.own))
        options.lines()
        return options

    def apply(self) -> ApplyOptions:
        """Return the options of `apply`."""
        from migrate.commands.apply import ApplyOptions
        from migrate.execute.guards import Thresholds
        from migrate.execute.work import Bounds

        bounds = self.made(
            Bounds,
            services=self["limit"],
            only=frozenset(self["services"] or ()),
            consents=channels.opted_in(self.own),
            limits=channels.limits(self.own),
        )
        return ApplyOptions(
            self["plan_id"], bounds, Thresholds(self["max_changes"], self["max_change_percent"])
        )

    def run(self) -> RunOptions:
        """Return the options of all three."""
        from migrate.commands.run import RunOptions

        return RunOptions(self.export(), self.diff(), self.apply())

    def output(self) -> Output:
        """Return where the report goes, checked."""
        from migrate.cli.present import Output, wants_color

        return Output(
            db=self["db"],
            format=self["format"],
            file=self["output"],
            full=bool(self["full"]),
            color=wants_color(os.environ),
            quiet=self["quiet"],
        )

    @contextmanager
    def tool(self) -> Iterator[Context]:
        """Make the context that the commands work with; while it is open, signals end them gently."""
        from migrate.commands.context import Context
        from migrate.core.progress import Progress

        progress = Progress(quiet=self["quiet"], verbose=self["verbose"])
        made = Context(
            self["db"], os.environ, progress, account_sid=self["account"], settle_seconds=self["settle"]
        )
        # What was imported stays to the end: there is no use in looking through it again and again.
        gc.freeze()
        with gentle(made.stop, progress.note):
            yield made
