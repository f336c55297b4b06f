"""The service's pre- and post-event webhooks: URLs, method, filters, retries."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from mappings import causes
from mappings.grounds import Grounds
from mappings.model import Api, Json, Resource, Verdict
from mappings.reasons import Reason
from mappings.rows import Decision, leave, put, row
from mappings.values import ValueType, distinct
from mappings.webhooks.filters import CHAT, UNCERTAIN, Phase
from mappings.webhooks.merging import DEFAULT_METHOD, WebhookMerge, method_of


def _url(phase: Phase, value: Json, grounds: Grounds) -> Decision:
    merge = grounds.merge
    if phase in merge.merged:
        url = merge.urls[phase]
        verdict = Verdict.EXACT if value == url else Verdict.CONVERTED
        return put(verdict, url, causes.EVENTS_MERGED(events=merge.merged_events))
    if value is None and not merge.events_examined:
        return leave(Verdict.NOT_NEEDED, causes.EMPTY_URL_UNCERTAIN())
    if value is None:
        return put(Verdict.EXACT, "", causes.NOT_SET())
    return put(Verdict.EXACT, value, causes.SAME_URL())


def _without_url(merge: WebhookMerge) -> Decision:
    """Decide on a field that only counts with a URL, where none is known."""
    unknown = [(name, why) for name, why in merge.shared.not_examined.items() if name.endswith("_url")]
    if unknown:
        name, why = unknown[0]
        return leave(Verdict.MANUAL, causes.NOT_EXAMINED(field=name, why=why))
    return leave(Verdict.NOT_NEEDED, causes.NO_URL())


def _method(value: Json, grounds: Grounds) -> Decision:
    merge = grounds.merge
    if not merge.in_use:
        return _without_url(merge)
    if not merge.shared.in_use:
        return leave(Verdict.NOT_NEEDED, causes.METHOD_UNUSED())
    return _used_method(value, grounds)


def _used_method(value: Json, grounds: Grounds) -> Decision:
    method = method_of(value)
    if method is None:
        return leave(Verdict.MANUAL, causes.METHOD_REFUSED(method=value))
    if value is None and grounds.same_service and not grounds.merge.merged:
        return leave(Verdict.NOT_NEEDED, causes.DEFAULT_METHOD_KEPT(method=DEFAULT_METHOD))
    if value is None:
        return put(Verdict.CONVERTED, method, causes.DEFAULT_METHOD_WRITTEN(method=DEFAULT_METHOD))
    if value == method:
        return put(Verdict.RENAMED, method, causes.RENAMED_SETTING())
    return put(Verdict.CONVERTED, method, causes.METHOD_UPPER_CASE(method=value))


def _filters(value: Json, grounds: Grounds) -> Decision:
    merge = grounds.merge
    if not merge.in_use:
        return _without_url(merge)
    why = tuple(_filter_reasons(merge)) or (causes.SAME_EVENTS(),)
    if merge.filters.unknown and not merge.filters.names:
        return leave(Verdict.MANUAL, *why)
    return put(_filter_verdict(value or [], merge), list(merge.filters.names), *why)


def _filter_verdict(value: list[str], merge: WebhookMerge) -> Verdict:
    if merge.filters.unknown:
        return Verdict.MANUAL
    if merge.filters.widened:
        return Verdict.LOSSY
    unchanged = set(distinct(value)) == set(merge.filters.names)
    return Verdict.RENAMED if unchanged else Verdict.CONVERTED


def _filter_reasons(merge: WebhookMerge) -> Iterator[Reason]:
    filters = merge.filters
    if filters.unknown:
        yield causes.FILTERS_UNKNOWN(filters=filters.unknown)
    for name in filters.widened:
        yield causes.FILTER_WIDENED(old=name, new=CHAT[name])
    if filters.renamed:
        yield causes.FILTERS_RENAMED(renames=tuple(f"{name} → {CHAT[name]}" for name in filters.renamed))
    for name in filters.grown:
        yield causes.FILTER_GROWN(new=CHAT[name])
    if merge.merged:
        yield causes.EVENTS_MERGED(events=merge.merged_events)
    uncertain = tuple(name for name in filters.names if name in UNCERTAIN)
    if uncertain:
        yield causes.FILTERS_UNCERTAIN(filters=uncertain)


_RETRIES_LOST = {Phase.PRE: causes.PRE_RETRIES_LOST, Phase.POST: causes.POST_RETRIES_LOST}


def _retries(phase: Phase, value: Json, _: Grounds) -> Decision:
    if value is None or value <= 0:
        return leave(Verdict.NOT_NEEDED, causes.NO_RETRIES())
    return leave(Verdict.DROPPED, _RETRIES_LOST[phase](count=value))


_UNUSED = "not_needed if no URL is set"

ROWS = (
    *(
        row(
            f"{phase.value}_webhook_url",
            ValueType.TEXT,
            partial(_url, phase),
            "exact; converted if per-event URLs are merged in; not_needed if empty and those were not examined",
            to=(Resource.WEBHOOKS, f"{phase.value}_webhook_url"),
        )
        for phase in Phase
    ),
    row(
        "webhook_method",
        ValueType.METHOD,
        _method,
        f"renamed; converted if put in upper case; manual unless GET or POST; {_UNUSED}",
        to=(Resource.WEBHOOKS, "method"),
    ),
    row(
        "webhook_filters",
        ValueType.NAMES,
        _filters,
        f"renamed; converted if translated or merged; lossy if widened; manual if unknown; {_UNUSED}",
        to=(Resource.WEBHOOKS, "filters"),
    ),
    *(
        row(
            f"{phase.value}_webhook_retry_count",
            ValueType.COUNT,
            partial(_retries, phase),
            "not_needed if 0 or null; otherwise dropped",
            api=Api.V2,
        )
        for phase in Phase
    ),
)
