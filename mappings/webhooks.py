"""The service's pre- and post-event webhooks: URLs, method, filters, retries."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from mappings.filters import CHAT, UNCERTAIN, Phase
from mappings.leaves import Source
from mappings.model import Api, Json, Resource, Verdict
from mappings.rows import NOT_SET, Decision, Finding, fields_of, findings_of, leave, put, row
from mappings.values import Kind, distinct, listed
from mappings.webhook_plan import DEFAULT_METHOD, WebhookPlan, method_of, plan_webhooks

NO_URL = (
    "No webhook URL is set, so this has no effect in Chat. It is not written, because a Conversation Service with "
    "webhook settings of its own no longer follows the account's webhook."
)


def _merge_note(plan: WebhookPlan) -> str:
    return f"The per-event webhooks {listed(plan.merged_events)} were merged in."


def _url(phase: Phase, value: Json, plan: WebhookPlan) -> Decision:
    if phase in plan.merged:
        url = plan.urls[phase]
        return put(Verdict.EXACT if value == url else Verdict.CONVERTED, url, _merge_note(plan))
    if value is None:
        return put(Verdict.EXACT, "", NOT_SET)
    return put(
        Verdict.EXACT, value, "Conversations has the same setting; the receiver must learn the new events."
    )


def _method(value: Json, plan: WebhookPlan) -> Decision:
    if not plan.in_use:
        return leave(Verdict.NOT_NEEDED, NO_URL)
    if not plan.shared.in_use:
        return leave(
            Verdict.NOT_NEEDED, "No URL uses it in Chat; the method of the per-event webhooks is set."
        )
    return _used_method(value, plan)


def _used_method(value: Json, plan: WebhookPlan) -> Decision:
    method = method_of(value)
    if method is None:
        return leave(
            Verdict.MANUAL,
            f"Conversations calls webhooks with GET or POST, not {value}. "
            "Choose one, let the receiver accept it, and set `method` of the Service Webhooks.",
        )
    if value is None and plan.same_service and not plan.merged:
        return leave(Verdict.NOT_NEEDED, f"{NOT_SET} The shared Service keeps its default, {DEFAULT_METHOD}.")
    if value is None:
        return put(Verdict.CONVERTED, method, f"{NOT_SET} Chat's default, {DEFAULT_METHOD}, is written out.")
    if value == method:
        return put(Verdict.RENAMED, method, "Conversations has the same setting under another name.")
    return put(Verdict.CONVERTED, method, f"Conversations writes {value} in upper case.")


def _filters(value: Json, plan: WebhookPlan) -> Decision:
    if not plan.in_use:
        return leave(Verdict.NOT_NEEDED, NO_URL)
    reason = " ".join(_filter_sentences(plan)) or "Conversations has the same events."
    if plan.filters.unknown and not plan.filters.names:
        return leave(Verdict.MANUAL, reason)
    return put(_filter_verdict(value or [], plan), list(plan.filters.names), reason)


def _filter_verdict(value: list[str], plan: WebhookPlan) -> Verdict:
    if plan.filters.unknown:
        return Verdict.MANUAL
    if plan.filters.widened:
        return Verdict.LOSSY
    unchanged = set(distinct(value)) == set(plan.filters.names)
    return Verdict.RENAMED if unchanged else Verdict.CONVERTED


def _filter_sentences(plan: WebhookPlan) -> Iterator[str]:
    filters = plan.filters
    if filters.unknown:
        yield (
            f"Left out, because Twilio documents no such event: {listed(filters.unknown)}. "
            "Find out what it was for, and set the filter by hand if Conversations has it."
        )
    for name in filters.widened:
        yield f"{name} becomes {CHAT[name]}, which fires for all messages: let the receiver skip those without Media."
    if filters.renamed:
        renames = listed(f"{name} → {CHAT[name]}" for name in filters.renamed)
        yield f"Renamed: {renames}; the receiver sees the new names in EventType."
    for name in filters.grown:
        yield f"{CHAT[name]} fires for messages with media too."
    if plan.merged:
        yield _merge_note(plan)
    uncertain = [name for name in filters.names if name in UNCERTAIN]
    if uncertain:
        yield (
            f"Twilio documents {listed(uncertain)} for the account's webhooks, not for a service's: "
            "tried, and left out and reported if refused."
        )


def _retries(phase: Phase, value: Json, _: WebhookPlan) -> Decision:
    if value is None or value <= 0:
        return leave(Verdict.NOT_NEEDED, "Chat does not retry either.")
    alternatives = (
        "make the pre-event receiver fast and available, since Conversations goes on after 5 seconds without an answer"
        if phase is Phase.PRE
        else "take post-events from Event Streams, which delivers them durably (all but onDeliveryUpdated)"
    )
    return leave(
        Verdict.DROPPED,
        f"Conversations has no retry count, so {value} retries are lost. If they matter, {alternatives}. Twilio's "
        "webhook connection overrides (`#rc=…` in the URL) are not documented for Conversations: test before relying "
        "on them.",
    )


_UNUSED = "not_needed if no URL is set"

ROWS = (
    *(
        row(
            f"{phase.value}_webhook_url",
            Kind.TEXT,
            partial(_url, phase),
            "exact; converted if per-event URLs are merged in",
            to=(Resource.WEBHOOKS, f"{phase.value}_webhook_url"),
        )
        for phase in Phase
    ),
    row(
        "webhook_method",
        Kind.METHOD,
        _method,
        f"renamed; converted if put in upper case; manual unless GET or POST; {_UNUSED}",
        to=(Resource.WEBHOOKS, "method"),
    ),
    row(
        "webhook_filters",
        Kind.NAMES,
        _filters,
        f"renamed; converted if translated or merged; lossy if widened; manual if unknown; {_UNUSED}",
        to=(Resource.WEBHOOKS, "filters"),
    ),
    *(
        row(
            f"{phase.value}_webhook_retry_count",
            Kind.COUNT,
            partial(_retries, phase),
            "not_needed if 0 or null; otherwise dropped",
            api=Api.V2,
        )
        for phase in Phase
    ),
)
FIELDS = fields_of(ROWS)


def findings(source: Source) -> Iterator[Finding]:
    """What becomes of the pre- and post-event webhooks."""
    return findings_of(ROWS, source, plan_webhooks(source))
