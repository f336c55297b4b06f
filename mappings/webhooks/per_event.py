"""Chat v1's per-event webhooks, which Conversations does not have: merged, or left to the operator."""

from __future__ import annotations

from functools import partial

from mappings import causes
from mappings.grounds import Grounds
from mappings.model import Api, Json, Resource, Verdict
from mappings.rows import Decision, MappingRow, leave, put, row
from mappings.values import ValueType
from mappings.webhooks.filters import CHAT
from mappings.webhooks.merging import EVENTS, PHASES

FORM_FORMATS = frozenset({"form", "application/x-www-form-urlencoded", "x-www-form-urlencoded", "urlencoded"})
"""Names of the one format in which Conversations calls webhooks (Twilio docs, Conversations Webhooks)."""


def _target(event: str) -> str:
    return f"{PHASES[event].value}_webhook_url"


def _url(event: str, value: Json, grounds: Grounds) -> Decision:
    phase, merge = PHASES[event], grounds.merge
    target, new_event = _target(event), CHAT[EVENTS[event]]
    if value is None:
        return leave(Verdict.NOT_NEEDED, causes.NOT_SET())
    if phase in merge.obstacles:
        reason = causes.EVENT_NOT_MERGED(
            obstacle=merge.obstacles[phase], phase=phase.value, target=target, event=new_event, url=value
        )
        return leave(Verdict.MANUAL, reason)
    why = [causes.EVENT_MERGED(phase=phase.value, target=target, event=new_event)]
    if not merge.shared.in_use:
        why.append(causes.LEAVES_ACCOUNT_WEBHOOK())
    also = {"method": merge.merged_method, "filters": list(merge.filters.names)}
    return put(Verdict.CONVERTED, value, *why, also=also)


def _method(event: str, value: Json, grounds: Grounds) -> Decision:
    if event not in grounds.with_url:
        return leave(Verdict.NOT_NEEDED, causes.EVENT_WITHOUT_URL())
    if PHASES[event] in grounds.merge.obstacles:
        return _method_unmerged(value)
    method = grounds.merge.merged_method or ""
    if value == method:
        return put(Verdict.RENAMED, method, causes.EVENT_METHOD_SHARED())
    return put(Verdict.CONVERTED, method, causes.EVENT_METHOD_REPLACED(method=method))


def _method_unmerged(value: Json) -> Decision:
    if value is None:
        return leave(Verdict.NOT_NEEDED, causes.NOT_SET())
    return leave(Verdict.MANUAL, causes.EVENT_METHOD_NOT_MERGED(method=value))


def _format(event: str, value: Json, grounds: Grounds) -> Decision:
    if value is None:
        return leave(Verdict.NOT_NEEDED, causes.NOT_SET())
    if event not in grounds.with_url:
        return leave(Verdict.NOT_NEEDED, causes.EVENT_WITHOUT_URL())
    if value.lower() in FORM_FORMATS:
        return leave(Verdict.NOT_NEEDED, causes.FORM_FORMAT())
    return leave(Verdict.DROPPED, causes.FORMAT_LOST(format=value))


def _event_rows(event: str) -> tuple[MappingRow, ...]:
    path = f"webhooks.{event}"
    return (
        row(
            f"{path}.url",
            ValueType.TEXT,
            partial(_url, event),
            "converted if all URLs of the phase merge into one; otherwise manual; not_needed if empty",
            api=Api.V1,
            to=(Resource.WEBHOOKS, _target(event)),
        ),
        row(
            f"{path}.method",
            ValueType.METHOD,
            partial(_method, event),
            "as the URL: renamed or converted if merged; otherwise manual; not_needed if empty",
            api=Api.V1,
            to=(Resource.WEBHOOKS, "method"),
        ),
        row(
            f"{path}.format",
            ValueType.TEXT,
            partial(_format, event),
            "not_needed if empty or form parameters; otherwise dropped",
            api=Api.V1,
        ),
    )


ROWS = tuple(each for event in EVENTS for each in _event_rows(event))
