"""`run`: export → diff → confirmation → apply, in one go, under one lock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from migrate.commands.apply import ApplyOptions, Confirm, apply
from migrate.commands.context import Context
from migrate.commands.diff import DiffOptions, diff
from migrate.commands.export import ExportOptions, export_into
from migrate.store import Store
from migrate.store.journal import Run
from migrate.store.plans import Plan


@dataclass(frozen=True)
class RunOptions:
    """The options of the three commands that `run` is made of."""

    export: ExportOptions = field(default_factory=ExportOptions)
    diff: DiffOptions = field(default_factory=DiffOptions)
    apply: ApplyOptions = field(default_factory=ApplyOptions)


def run(
    context: Context, store: Store, options: RunOptions, confirm: Confirm, tell: Callable[[Plan], None]
) -> tuple[Plan, Run]:
    """Migrate in one go; return the plan and its run, finished or not.

    Every write is verified by its answer, and what needed no write was read moments before, so that no
    service is read twice. `verify` reads everything once more, whenever one likes.

    Args:
        context: where and with which credentials.
        store: the database, locked.
        options: of export, diff and apply.
        confirm: asks a person, after the guards have passed.
        tell: shows the plan, before the guards.
    """
    snapshot = export_into(context, store, options.export)
    plan = diff(context, store, snapshot, options.diff)
    tell(plan)
    return plan, apply(context, store, plan, options.apply, confirm)
