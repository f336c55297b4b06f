"""A report with the secrets in it hidden: what every renderer is given."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import is_dataclass, replace
from functools import lru_cache, partial
from typing import Any

from mappings import Reason
from mappings.webhooks.receivers import Receivers
from migrate.core.masking import mask_named, mask_secrets, mask_text, mask_url
from migrate.model.rows import FieldRow
from migrate.report.model import Made, Report, ServiceReport, StepRow, Streamed

REASONS_KEPT = 8192
"""Most services have the same reasons: so many of them are masked once only."""
NAMED_BY_PATH = frozenset({"sent", "held", "wanted"})
"""Values that stand beside a `path`, which says more about them than their own name."""


def mask_report(report: Report) -> Report:
    """Return the report with secrets hidden; its services are masked one by one as they are read."""
    snapshot = replace(report.snapshot, examined=_mask(report.snapshot.examined))
    return replace(
        report,
        snapshot=snapshot,
        services=_each(_mask_service, report.services),
        glances=report.glances and _each(_mask_service, report.glances),
        rehearsed=_mask(report.rehearsed),
    )


def _each(mask: Callable[[Made], Made], things: Iterable[Made]) -> Streamed[Made]:
    """Return things that are masked one by one as they are read, as often as they are read."""
    return Streamed(partial(map, mask, things))


def _mask(thing: Any, name: str = "") -> Any:
    """Return a value with the secrets in all its texts hidden: a dataclass, a tuple of them, or what JSON has."""
    if isinstance(thing, tuple):
        return tuple(_mask(one, name) for one in thing)
    if not is_dataclass(thing) or isinstance(thing, type):
        return mask_named(name, thing)
    path = getattr(thing, "path", "")
    values = vars(thing).items()
    return type(thing)(**{one: _mask(value, path if one in NAMED_BY_PATH else one) for one, value in values})


# What follows is read a million times in a report on a large account, so it looks only where a secret can be.


def _mask_service(service: ServiceReport) -> ServiceReport:
    return replace(
        service,
        friendly_name=mask_text(service.friendly_name),
        fields=tuple(mask_field(row) for row in service.fields),
        steps=tuple(_mask_step(step) for step in service.steps),
        receivers=service.receivers and _mask_receivers(service.receivers),
        item_steps=_each(_mask_step, service.item_steps),
        item_troubles=_each(_mask_step, service.item_troubles),
    )


def _mask_receivers(receivers: Receivers) -> Receivers:
    calls = tuple(replace(call, url=mask_url(call.url)) for call in receivers.calls)
    routing = receivers.routing
    if routing:
        routes = tuple(replace(route, url=mask_url(route.url)) for route in routing.routes)
        routing = replace(routing, routes=routes)
    return replace(receivers, calls=calls, routing=routing)


def mask_field(row: FieldRow) -> FieldRow:
    """Return a row with secrets hidden in its values and in its reasons."""
    name = row.source
    value, before = mask_named(name, row.value), mask_named(name, row.before)
    after = mask_named(name, row.after)
    source, reasons = mask_text(name), _mask_reasons(row.reasons)
    # Most rows hold no secret.
    if (
        value is row.value
        and before is row.before
        and after is row.after
        and source is name
        and reasons is row.reasons
    ):
        return row
    return row._replace(source=source, value=value, before=before, after=after, reasons=reasons)


@lru_cache(REASONS_KEPT)
def _mask_reasons(reasons: tuple[Reason, ...]) -> tuple[Reason, ...]:
    masked: tuple[Reason, ...] = _mask(reasons)
    return reasons if masked == reasons else masked


def _mask_step(step: StepRow) -> StepRow:
    return replace(
        step,
        key=mask_text(step.key),
        params=mask_secrets(step.params),
        error=step.error and _mask(step.error),
        altered=step.altered and _mask(step.altered),
    )
