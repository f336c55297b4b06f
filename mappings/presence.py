"""What a client sees of others: reachability, read status, typing, consumption reports."""

from __future__ import annotations

from collections.abc import Iterator

from mappings import causes
from mappings.leaves import ServiceLeaves
from mappings.model import Json, Resource, Verdict
from mappings.rows import Decision, JudgedLeaf, fields_of, judge, leave, put, row
from mappings.values import ValueType

DEFAULT_TYPING_TIMEOUT = 5
"""Seconds; Chat may show 0 where nobody has set it (Twilio docs, Chat Services resource)."""


def _reachability(value: Json, _: bool) -> Decision:
    reason = causes.DEFAULT_FALSE() if value is None else causes.SAME_SETTING()
    return put(Verdict.EXACT, bool(value), reason)


def _read_status(value: Json, _: bool) -> Decision:
    if value is False:
        return leave(Verdict.DROPPED, causes.READ_STATUS_OFF_LOST())
    return leave(Verdict.NOT_NEEDED, causes.READ_HORIZON_REMAINS())


def _typing_timeout(value: Json, same_service: bool) -> Decision:
    if not value or value == DEFAULT_TYPING_TIMEOUT:
        return leave(Verdict.NOT_NEEDED, causes.DEFAULT_TYPING_TIMEOUT(seconds=DEFAULT_TYPING_TIMEOUT))
    if same_service:
        return leave(Verdict.CARRIED, causes.TYPING_TIMEOUT_KEPT(seconds=value))
    return leave(Verdict.MANUAL, causes.TYPING_TIMEOUT_UNSETTABLE(seconds=value))


def _consumption_interval(value: Json, _: bool) -> Decision:
    """Decide on a setting that Twilio calls deprecated (OpenAPI document of Chat v2), whatever it holds."""
    reason = causes.NOT_SET() if value is None else causes.DEPRECATED_WITHOUT_EFFECT()
    return leave(Verdict.NOT_NEEDED, reason)


ROWS = (
    row(
        "reachability_enabled",
        ValueType.FLAG,
        _reachability,
        "exact",
        to=(Resource.CONFIGURATION, "reachability_enabled"),
    ),
    row("read_status_enabled", ValueType.FLAG, _read_status, "not_needed if true or null; dropped if false"),
    row(
        "typing_indicator_timeout",
        ValueType.COUNT,
        _typing_timeout,
        "not_needed if 5, 0 or null; otherwise carried in place, manual elsewhere",
    ),
    row(
        "consumption_report_interval",
        ValueType.COUNT,
        _consumption_interval,
        "not_needed: deprecated, without effect",
    ),
)
FIELDS = fields_of(ROWS)


def findings(source: ServiceLeaves) -> Iterator[JudgedLeaf]:
    """Yield what becomes of presence and read status."""
    return judge(ROWS, source, source.same_service)
