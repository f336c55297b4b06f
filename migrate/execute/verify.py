"""Comparing the targets of a plan with what its rows say they hold, as far as its run has come."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from migrate.api.messages import Calls
from migrate.core.settle import Settle
from migrate.execute.comparing import agrees, expected, is_in_place, is_read, live_value
from migrate.kinds.reading import Knowledge, read_image
from migrate.kinds.registry import KINDS, few_kinds, kind_of, planned_kinds
from migrate.model.image import TargetImage
from migrate.model.plan import Plan, PlannedService
from migrate.model.rows import FieldRow
from migrate.model.state import Run, State, StepState
from migrate.model.step import Step
from migrate.store import Store, counterparts, plans, runs
from migrate.store.plans import VerifiedService

Json = Any


def after_run(row: FieldRow, state: StepState | None) -> FieldRow:
    """Return a row as it stands after its step: with what Twilio has refused, or keeps differently."""
    if state is None or row.resource is None or row.target is None:
        return row
    kind, seen = kind_of(row.resource), state.last.seen
    if state.last.state is State.ALTERED and seen is not None and row.target in seen:
        return kind.told_altered(row, seen[row.target])
    return kind.told_after(row, state.given_up)


@dataclass(frozen=True)
class Verifier:
    """Reads the targets of one plan and compares them.

    Attributes:
        run: that has executed the plan, or None.
    """

    store: Store
    calls: Calls
    plan: Plan
    run: Run | None
    settle: Settle

    async def service(self, planned: PlannedService) -> tuple[VerifiedService, int]:
        """Read one target; return what it holds and how many fields and items differ from the plan.

        A target that is not there is one difference.
        """
        known = learnt(self.store, self.run, planned)
        target_sid = known.get(planned.source_sid)
        image = await self._image(planned, target_sid)
        if image is None or not image.exists:
            return VerifiedService(planned.source_sid, exists=False, live=(None,) * len(planned.rows)), 1
        live = tuple(
            live_value(row, image, known) if is_read(row, image) else row.after for row in planned.rows
        )
        items = await self._items(planned, image.sid)
        found = VerifiedService(planned.source_sid, True, live, items)
        same_account = self.plan.account_sid == self.plan.target_account_sid
        states = runs.states(self.store, self.run, [planned.source_sid], few_kinds()) if self.run else {}
        compared = compared_rows(planned, found, known, states, same_account=same_account)
        return found, sum(row.change for row in compared) + sum(items.values())

    async def _image(self, planned: PlannedService, target_sid: str | None) -> TargetImage | None:
        if target_sid is None:
            return None
        was_there = planned.image is not None and planned.image.exists
        is_known = was_there or target_sid != planned.source_sid
        known = Knowledge.of(self.store, self.plan.target_account_sid, target_sid, exists=is_known)
        return await read_image(self.calls, planned_kinds(self.plan.options), target_sid, known, self.settle)

    async def _items(self, planned: PlannedService, target_sid: str) -> dict[str, int]:
        """Return kind → how many of its items differ, for kinds with many."""
        differing: dict[str, int] = {}
        for name in planned.items:
            async for is_last in self.settle.looks():
                steps = self._steps(planned.source_sid, name)
                differing[name] = await KINDS[name].count_differing(self.calls, target_sid, steps)
                if is_last or self.run is None or not differing[name]:
                    break
        return differing

    def _steps(self, source_sid: str, kind: str) -> Iterator[Step]:
        """Yield the steps of a kind with many items, without those that the run was not to take, or could not."""
        steps = plans.steps(self.store, self.plan.number, source_sid, kinds={kind})
        for step, state in runs.with_states(self.store, self.run, steps):
            if state is None or state.last.state is not State.SKIPPED:
                yield step


def learnt(store: Store, run: Run | None, planned: PlannedService) -> Mapping[str, str]:
    """Return Chat SID → SID in the target, as far as the plan and its run know."""
    found = dict(planned.counterparts)
    if planned.target_sid is not None:
        found[planned.source_sid] = planned.target_sid
    if run is not None:
        found |= {
            pair.source_sid: pair.target_sid
            for pair in counterparts.of_run(store, run, planned.source_sid, few_kinds())
        }
    return found


def compared_rows(
    planned: PlannedService,
    found: VerifiedService,
    known: Mapping[str, str],
    states: Mapping[str, StepState],
    *,
    same_account: bool,
) -> tuple[FieldRow, ...]:
    """Return the rows of a service as a comparison tells them: `before` is what is there, `after` what should be."""
    in_place = is_in_place(planned, same_account=same_account)
    return tuple(
        _compared(after_run(row, states.get(row.step or "")), live, known, found, in_place=in_place)
        for row, live in zip(planned.rows, found.live, strict=True)
    )


def _compared(
    row: FieldRow, live: Json, known: Mapping[str, str], found: VerifiedService, *, in_place: bool
) -> FieldRow:
    wanted = expected(row, known)
    differs = row.held_to and (not found.exists or not agrees(row, wanted, live, in_place=in_place))
    after = wanted if differs or not found.exists else live
    if live is row.before and after is row.after and differs is row.change:
        return row
    return row._replace(before=live, after=after, change=differs)
