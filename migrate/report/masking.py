"""A report with the secrets in it hidden: what every renderer is given."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import lru_cache, partial

from mappings import Reason
from mappings.webhooks.receivers import Receivers
from migrate.core.masking import mask_named, mask_secrets, mask_text, mask_url
from migrate.model.rows import FieldRow
from migrate.report.model import (
    AlteredValue,
    Difference,
    Made,
    Rehearsed,
    Report,
    ServiceReport,
    StepRow,
    Streamed,
)

REASONS_KEPT = 8192
"""Most services have the same reasons: so many of them are masked once only."""


def mask_report(report: Report) -> Report:
    """Return the report with secrets hidden; its services are masked one by one as they are read."""
    examined = report.snapshot.examined
    warnings = tuple(map(mask_text, examined.warnings))
    snapshot = replace(report.snapshot, examined=replace(examined, warnings=warnings))
    rehearsed = report.rehearsed and _mask_rehearsed(report.rehearsed)
    services = _each(_mask_service, report.services)
    return replace(report, snapshot=snapshot, services=services, rehearsed=rehearsed)


def _mask_rehearsed(rehearsed: Rehearsed) -> Rehearsed:
    return replace(
        rehearsed,
        differences=tuple(map(_mask_difference, rehearsed.differences)),
        doubles=tuple(map(mask_text, rehearsed.doubles)),
        warnings=tuple(map(mask_text, rehearsed.warnings)),
    )


def _mask_difference(one: Difference) -> Difference:
    return replace(
        one,
        friendly_name=mask_text(one.friendly_name),
        source=mask_text(one.source),
        wanted=mask_named(one.path, one.wanted),
        held=mask_named(one.path, one.held),
    )


def _each(mask: Callable[[Made], Made], things: Iterable[Made]) -> Streamed[Made]:
    """Return things that are masked one by one as they are read, as often as they are read."""
    return Streamed(partial(map, mask, things))


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
    routing = receivers.routing and replace(
        receivers.routing,
        routes=tuple(replace(route, url=mask_url(route.url)) for route in receivers.routing.routes),
    )
    calls = tuple(replace(call, url=mask_url(call.url)) for call in receivers.calls)
    return replace(receivers, calls=calls, routing=routing)


def mask_field(row: FieldRow) -> FieldRow:
    """Return a row with secrets hidden in its values and in its reasons."""
    name = row.source
    value, before = mask_named(name, row.value), mask_named(name, row.before)
    after = mask_named(name, row.after)
    source, reasons = mask_text(name), _mask_reasons(row.reasons)
    # Most rows hold no secret, and a report on a large account reads a million of them.
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
    masked = tuple(map(_mask_reason, reasons))
    return reasons if masked == reasons else masked


def _mask_reason(reason: Reason) -> Reason:
    cause, text = mask_text(reason.cause), mask_text(reason.text)
    if (cause, text) == (reason.cause, reason.text):
        return reason
    return replace(reason, cause=cause, text=text, args=mask_secrets(reason.args))


def _mask_step(step: StepRow) -> StepRow:
    error = step.error and replace(
        step.error,
        message=mask_text(step.error.message),
        advice=mask_text(step.error.advice),
        cause=mask_text(step.error.cause),
    )
    return replace(
        step,
        key=mask_text(step.key),
        params=mask_secrets(step.params),
        error=error,
        altered=tuple(map(_mask_altered, step.altered)),
    )


def _mask_altered(one: AlteredValue) -> AlteredValue:
    return replace(one, sent=mask_named(one.path, one.sent), held=mask_named(one.path, one.held))
