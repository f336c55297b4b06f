"""Which SIDs stand for which as far as a plan knows, before its run has learnt more."""

from __future__ import annotations

from collections.abc import Iterator

from migrate.kinds.registry import SERVICE
from migrate.model.plan import Plan, PlannedService
from migrate.model.state import FOUND, MAPPED, Counterpart
from migrate.store import Store, plans


def pairs_of(store: Store, plan: Plan) -> Iterator[Counterpart]:
    """Yield what a plan knows to stand for what; in place, everything stands for itself and is left out."""
    for planned in plans.services_elsewhere(store, plan.number):
        if planned.target_sid is not None:
            yield from _pairs(planned, planned.target_sid)


def _pairs(planned: PlannedService, target_sid: str) -> Iterator[Counterpart]:
    where = (planned.source_sid, target_sid)
    yield Counterpart(SERVICE, MAPPED, planned.friendly_name, *where, *where)
    for row in planned.rows:
        if row.item_sid is not None and row.item_sid in planned.counterparts and row.resource is not None:
            yield Counterpart(
                row.resource, FOUND, "", row.item_sid, planned.counterparts[row.item_sid], *where
            )
