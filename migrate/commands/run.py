"""`run`: export → diff → confirmation → apply, in one go, under one lock; and `resume`, whatever was cut off."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from migrate.commands.apply import ApplyOptions, Confirm, apply_in, execute
from migrate.commands.context import Context, Working
from migrate.commands.diff import Compared, Diff, DiffOptions
from migrate.commands.export import ExportOptions, account_of, check_options, export_into
from migrate.core.errors import BadInput, Declined, Interrupted, NobodyToAsk, RunInterrupted, SafetyRefusal
from migrate.core.jsonable import from_json, to_json
from migrate.execute.guards import check_plan
from migrate.execute.undo import plan_of
from migrate.execute.work import Bounds
from migrate.model.plan import Plan
from migrate.model.state import Run
from migrate.store import Store, plans, runs, snapshots

Tell = Callable[[Store, Plan], None]
"""Shows a plan, before the guards."""


@dataclass(frozen=True)
class RunOptions:
    """The options of the three commands that `run` is made of."""

    export: ExportOptions = field(default_factory=ExportOptions)
    diff: DiffOptions = field(default_factory=DiffOptions)
    apply: ApplyOptions = field(default_factory=ApplyOptions)


@dataclass(frozen=True)
class ResumeOptions:
    """What a resume may do otherwise than the run that it continues; None leaves it as it was.

    Attributes:
        services: stop after this many services.
    """

    concurrency: int | None = None
    services: int | None = None
    allow_drift: bool = False

    def bounds(self, stored: Bounds) -> Bounds:
        """Return how far to go, given how far the run was to go."""
        return replace(
            stored,
            concurrency=self.concurrency or stored.concurrency,
            services=self.services,
            limits={},
            allow_drift=self.allow_drift or stored.allow_drift,
        )


def run(context: Context, options: RunOptions, confirm: Confirm, tell: Tell) -> Run:
    """Migrate in one go; return the run, finished or not.

    Every write is verified by its answer, and what needed no write was read moments before, so that no
    service is read twice. `verify` reads everything once more, whenever one likes.

    Args:
        confirm: asks a person, after the guards have passed.
        tell: shows the plan, before the guards.

    Raises:
        MigrateError: see the three commands.
    """
    check_options(context, options.export)
    target_account_sid = context.target_account()
    with context.working("run", account_of(context, options.export), must_exist=False) as at:
        begun = runs.start(
            at.store,
            account_sid=at.account_sid,
            target_account_sid=target_account_sid,
            command="run",
            phase="export",
            plan=None,
            options=to_json(options),
        )
        return _from_export(at, begun, options, confirm, tell)


def resume(context: Context, options: ResumeOptions, confirm: Confirm, tell: Tell) -> Run | None:
    """Continue the last run if it is unfinished; return it, or None if there is nothing to continue.

    It goes by the options, guards and consents that the run was started with. Where nobody had agreed yet, it asks.

    Raises:
        SafetyRefusal: the credentials are for another account.
        Interrupted: what was done is recorded.
    """
    with context.working("resume") as at:
        found = runs.find_unfinished(at.store, at.account_sid)
        if found is None:
            return None
        if found.undoes is not None:
            # Most runs roll nothing back, and start sooner without what that takes.
            from migrate.commands.rollback import continue_rollback

            return continue_rollback(at, found, options.concurrency)
        if found.phase in ("export", "plan", "confirm"):
            return _from_export(at, found, from_json(RunOptions, found.options), confirm, tell)
        check_plan(plans.by_number(at.store, plan_of(found)), context.target_account())
        bounds = options.bounds(from_json(ApplyOptions, found.options["apply"]).bounds)
        return asyncio.run(execute(at, found, bounds, {}))


def _from_export(at: Working, begun: Run, options: RunOptions, confirm: Confirm, tell: Tell) -> Run:
    store = at.store
    try:
        begun, compared = asyncio.run(_compared(at, begun, options))
    except Interrupted as error:
        raise RunInterrupted(
            "Interrupted before anything was written. `chat-migrate resume` continues."
        ) from error
    begun = runs.set_phase(store, begun, "confirm")
    tell(store, compared.plan)
    try:
        return apply_in(at, compared.plan, options.apply, confirm, run=begun, read_at=compared.read_at)
    except NobodyToAsk:
        raise
    except (BadInput, SafetyRefusal, Declined):
        if runs.get(store, begun.id).phase == "confirm":
            # A guard or a person said no: nothing was sent, and nothing is left to continue.
            runs.finish(store, begun)
        raise


async def _compared(at: Working, begun: Run, options: RunOptions) -> tuple[Run, Compared]:
    """Take the snapshot, unless the run has taken it already, and compare; the two overlap where they can."""
    async with Diff(at.context, at.store, options.diff) as diff:
        if begun.snapshot is None:
            snapshot = await export_into(at.context, at.store, options.export, diff.begin)
        else:
            snapshot = snapshots.get(at.store, begun.snapshot)
        begun = runs.set_phase(at.store, begun, "plan", snapshot=snapshot.id)
        return begun, await diff.of(snapshot)
