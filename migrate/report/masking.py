"""Secrets hidden in everything that a report holds; see `migrate.core.masking` for how."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from mappings.receivers import Receivers
from migrate.core.masking import mask_named, mask_secrets, mask_text, mask_url
from migrate.report.model import FieldRow, Report, ServiceReport, StepError, StepRow


def mask_report(report: Report) -> Report:
    """Return the report with secrets hidden; its services are masked one by one as they are read."""
    return replace(report, services=_MaskedServices(report.services))


@dataclass(frozen=True)
class _MaskedServices:
    services: Iterable[ServiceReport]

    def __iter__(self) -> Iterator[ServiceReport]:
        return map(_mask_service, self.services)


def _mask_service(service: ServiceReport) -> ServiceReport:
    return replace(
        service,
        friendly_name=mask_text(service.friendly_name),
        fields=tuple(mask_field(row) for row in service.fields),
        steps=tuple(_mask_step(step) for step in service.steps),
        receivers=service.receivers and _mask_receivers(service.receivers),
    )


def _mask_receivers(receivers: Receivers) -> Receivers:
    routing = receivers.routing and replace(
        receivers.routing,
        routes=tuple(replace(route, url=mask_url(route.url)) for route in receivers.routing.routes),
    )
    calls = tuple(replace(call, url=mask_url(call.url)) for call in receivers.calls)
    return replace(receivers, calls=calls, routing=routing)


def mask_field(row: FieldRow) -> FieldRow:
    """Return a row with secrets hidden in its values and in its reason."""
    return FieldRow(
        source=mask_text(row.source),
        api=row.api,
        value=mask_named(row.source, row.value),
        resource=row.resource,
        target=row.target,
        before=mask_named(row.source, row.before),
        after=mask_named(row.source, row.after),
        change=row.change,
        verdict=row.verdict,
        reason=mask_text(row.reason),
    )


def _mask_step(step: StepRow) -> StepRow:
    error = step.error and StepError(
        message=mask_text(step.error.message),
        status=step.error.status,
        code=step.error.code,
        request_id=step.error.request_id,
        advice=mask_text(step.error.advice),
    )
    return replace(step, key=mask_text(step.key), params=mask_secrets(step.params), error=error)
