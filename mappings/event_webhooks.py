"""Chat v1's per-event webhooks, which Conversations does not have: merged, or left to the operator."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from mappings.filters import CHAT
from mappings.leaves import Source
from mappings.model import Api, Json, Resource, Verdict
from mappings.rows import NOT_SET, Decision, Finding, Row, fields_of, findings_of, leave, put, row
from mappings.values import Kind, is_empty
from mappings.webhook_plan import EVENTS, PHASES, WebhookPlan, plan_webhooks

FORM_FORMATS = frozenset({"form", "application/x-www-form-urlencoded", "x-www-form-urlencoded", "urlencoded"})
"""Names of the one format in which Conversations calls webhooks (Twilio docs, Conversations Webhooks)."""

_NO_URL = "This event has no URL, so this has no effect."


@dataclass(frozen=True)
class _Hooks:
    """The plan, and the events that have a URL."""

    plan: WebhookPlan
    events: frozenset[str]


def _target(event: str) -> str:
    return f"{PHASES[event].value}_webhook_url"


def _url(event: str, value: Json, hooks: _Hooks) -> Decision:
    phase, plan = PHASES[event], hooks.plan
    target, new_event = _target(event), CHAT[EVENTS[event]]
    if value is None:
        return leave(Verdict.NOT_NEEDED, NOT_SET)
    if phase in plan.obstacles:
        return leave(
            Verdict.MANUAL,
            f"Not merged: {plan.obstacles[phase]}. Conversations has one {phase.value}-event URL per service: let "
            f"{target} point to an endpoint that routes on EventType ({new_event} → {value}), "
            f"and add {new_event} to the filters.",
        )
    reason = (
        f"All {phase.value}-event webhooks call this URL: it becomes {target}, with {new_event} as a filter."
    )
    if not plan.shared.in_use:
        reason += (
            " The service so far followed the account's webhook; with a webhook of its own it no longer does."
        )
    also = {"method": plan.merged_method, "filters": list(plan.filters.names)}
    return put(Verdict.CONVERTED, value, reason, also=also)


def _method(event: str, value: Json, hooks: _Hooks) -> Decision:
    if event not in hooks.events:
        return leave(Verdict.NOT_NEEDED, _NO_URL)
    if PHASES[event] in hooks.plan.obstacles:
        return _method_unmerged(value)
    method = hooks.plan.merged_method
    if value == method:
        return put(Verdict.RENAMED, method, "It becomes the one method of the service's webhooks.")
    return put(Verdict.CONVERTED, method, f"The one method of the service's webhooks will be {method}.")


def _method_unmerged(value: Json) -> Decision:
    if value is None:
        return leave(Verdict.NOT_NEEDED, NOT_SET)
    return leave(
        Verdict.MANUAL,
        f"Goes with the URL of the same event, which is not merged: let the endpoint that routes on EventType "
        f"call it with {value}.",
    )


def _format(event: str, value: Json, hooks: _Hooks) -> Decision:
    if value is None:
        return leave(Verdict.NOT_NEEDED, NOT_SET)
    if event not in hooks.events:
        return leave(Verdict.NOT_NEEDED, _NO_URL)
    if value.lower() in FORM_FORMATS:
        return leave(Verdict.NOT_NEEDED, "Conversations always sends form parameters.")
    return leave(
        Verdict.DROPPED, f"Conversations always sends form parameters, never {value}: change the receiver."
    )


def _event_rows(event: str) -> tuple[Row[_Hooks], ...]:
    path = f"webhooks.{event}"
    return (
        row(
            f"{path}.url",
            Kind.TEXT,
            partial(_url, event),
            "converted if all URLs of the phase merge into one; otherwise manual; not_needed if empty",
            api=Api.V1,
            to=(Resource.WEBHOOKS, _target(event)),
        ),
        row(
            f"{path}.method",
            Kind.METHOD,
            partial(_method, event),
            "as the URL: renamed or converted if merged; otherwise manual; not_needed if empty",
            api=Api.V1,
            to=(Resource.WEBHOOKS, "method"),
        ),
        row(
            f"{path}.format",
            Kind.TEXT,
            partial(_format, event),
            "not_needed if empty or form parameters; otherwise dropped",
            api=Api.V1,
        ),
    )


ROWS = tuple(each for event in EVENTS for each in _event_rows(event))
FIELDS = fields_of(ROWS)


def findings(source: Source) -> Iterator[Finding]:
    """What becomes of the per-event webhooks."""
    with_url = frozenset(event for event in EVENTS if not is_empty(source.value(f"webhooks.{event}.url")))
    return findings_of(ROWS, source, _Hooks(plan_webhooks(source), with_url))
