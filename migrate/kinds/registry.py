"""All kinds, in the order in which a service's steps are written. A new kind is a module and a row here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from migrate.kinds.base import Kind
from migrate.kinds.channels import Channels
from migrate.kinds.roles import Roles
from migrate.kinds.services import Services
from migrate.kinds.settings import Configuration, Notifications, Webhooks
from migrate.model.plan import Plan
from migrate.store import Store, plans

KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (Services(), Roles(), Configuration(), Notifications(), Webhooks(), Channels())
}
"""By name; the order is that of writing: what is needed comes before what needs it."""


SERVICE = Services.name
"""The kind of which all others are parts."""


def kind_of(name: str) -> Kind:
    """Return a kind by its name.

    Raises:
        KeyError: there is none of this name.
    """
    return KINDS[name]


def few_kinds() -> frozenset[str]:
    """Return the names of the kinds of which a service has a few items, so that they may stand in memory."""
    return frozenset(name for name, kind in KINDS.items() if not kind.many)


def planned_kinds(options: Mapping[str, Any]) -> tuple[Kind, ...]:
    """Return the kinds that a plan with these options looks at, in the order of writing."""
    return tuple(kind for kind in KINDS.values() if kind.is_planned(options))


def lasting_steps(store: Store, plan: Plan) -> dict[str, int]:
    """Return how many steps of a plan can't be undone and need a consent of their own, by kind."""
    return {name: steps for name, steps in plans.steps_by_kind(store, plan).items() if KINDS[name].consent}
