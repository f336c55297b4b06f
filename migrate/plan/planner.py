"""Snapshot + target → plan: what each field becomes, and the fewest writes that make it so. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

from mappings import ChatService, Outcome, translate
from migrate.kinds.base import Planning, Share
from migrate.kinds.registry import planned_kinds
from migrate.kinds.settings import row_of
from migrate.model.destination import Destination
from migrate.model.item import Item
from migrate.model.plan import PlannedService
from migrate.model.step import Step
from migrate.plan.receivers import receivers_of

Json = Any
Items = Callable[[str], Iterator[Item]]
"""Returns the snapshot's items of one kind, streamed."""


@dataclass(frozen=True)
class ServicePlan:
    """What is to be done for one service, and why.

    `steps` streams the writes with the phase of each, once; `told` is complete only after that.
    """

    steps: Iterator[tuple[int, Step]]
    told: Callable[[], PlannedService]


def plan_service(
    service: ChatService, destination: Destination, options: Mapping[str, Json], items: Items
) -> ServicePlan:
    """Plan one service. The same input gives the same plan."""
    translation = translate(service, same_service=destination.in_place)
    planning = Planning(service, translation, destination, options)
    owned = _by_kind(translation.outcomes)
    kinds = planned_kinds(options)
    shares: dict[str, Share] = {}
    for kind in kinds:
        share = kind.plan(planning, tuple(owned.pop(kind.name, ())), items(kind.name))
        planning = _with_counterparts(planning, share.counterparts)
        shares[kind.name] = share
    loose = tuple(row_of(outcome, None, None) for outcome in chain.from_iterable(owned.values()))
    steps = ((kind.phase, step) for kind in kinds for step in shares[kind.name].steps)
    return ServicePlan(
        iter(()) if destination.is_missing else steps, lambda: _planned(planning, shares, loose)
    )


def _with_counterparts(planning: Planning, found: Mapping[str, str]) -> Planning:
    """What one kind has found in the target, the kinds after it may refer to."""
    if not found:
        return planning
    destination = planning.destination
    known = {**destination.counterparts, **found}
    return replace(planning, destination=replace(destination, counterparts=known))


def _by_kind(outcomes: tuple[Outcome, ...]) -> defaultdict[str, list[Outcome]]:
    owned: defaultdict[str, list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        owned[outcome.resource.value if outcome.resource else ""].append(outcome)
    return owned


def _planned(planning: Planning, shares: Mapping[str, Share], loose: tuple[Any, ...]) -> PlannedService:
    destination = planning.destination
    rows = chain(loose, *(share.rows for share in shares.values()))
    return PlannedService(
        source_sid=planning.service.sid,
        target_sid=None if destination.is_missing else destination.sid,
        friendly_name=planning.translation.friendly_name,
        image=destination.image,
        counterparts={old: new for share in shares.values() for old, new in share.counterparts.items()},
        refused=destination.refused,
        rows=tuple(sorted(rows, key=lambda row: row.source)),
        receivers=receivers_of(planning.service, destination.refused),
        items={name: share.count() for name, share in shares.items() if share.count is not None},
    )
