"""Settings that stand by themselves: presence, limits, media."""

from __future__ import annotations

from functools import partial

from mappings import causes
from mappings.grounds import Grounds
from mappings.model import Api, Json, Resource, Verdict
from mappings.rows import Decision, leave, put, row
from mappings.values import ValueType

DEFAULT_TYPING_TIMEOUT = 5
"""Seconds; Chat may show 0 where nobody has set it (Twilio docs, Chat Services resource)."""

DEFAULT_ACTIONS_PER_SECOND = 30
"""Twilio docs, Conversations Limits."""

DEFAULT_CHANNEL_MEMBERS = 100
"""Twilio docs, error 50417, Chat Limits and all examples; the text of the Chat Services resource has it the other way
round."""

DEFAULT_USER_CHANNELS = 250
"""Twilio docs, Chat Limits and all examples."""

SIZE_LIMIT_MB = 150
"""Megabytes of one media file (Twilio docs, Chat Services resource and Conversations Limits)."""

DEFAULT_TEXTS = frozenset(
    {"media messages are not supported", "media messages are not supported by your client"}
)
"""The text of a service that nobody has changed, in lower case without its full stop (seen in saved answers; Twilio
does not document it)."""


def _reachability(value: Json, _: Grounds) -> Decision:
    reason = causes.DEFAULT_FALSE() if value is None else causes.SAME_SETTING()
    return put(Verdict.EXACT, bool(value), reason)


def _read_status(value: Json, _: Grounds) -> Decision:
    if value is False:
        return leave(Verdict.DROPPED, causes.READ_STATUS_OFF_LOST())
    return leave(Verdict.NOT_NEEDED, causes.READ_HORIZON_REMAINS())


def _typing_timeout(value: Json, grounds: Grounds) -> Decision:
    if not value or value == DEFAULT_TYPING_TIMEOUT:
        return leave(Verdict.NOT_NEEDED, causes.DEFAULT_TYPING_TIMEOUT(seconds=DEFAULT_TYPING_TIMEOUT))
    if grounds.same_service:
        return leave(Verdict.CARRIED, causes.TYPING_TIMEOUT_KEPT(seconds=value))
    return leave(Verdict.MANUAL, causes.TYPING_TIMEOUT_UNSETTABLE(seconds=value))


def _consumption_interval(value: Json, _: Grounds) -> Decision:
    """Decide on a setting that Twilio calls deprecated (OpenAPI document of Chat v2), whatever it holds."""
    reason = causes.NOT_SET() if value is None else causes.DEPRECATED_WITHOUT_EFFECT()
    return leave(Verdict.NOT_NEEDED, reason)


def _limit(what: str, default: int, value: Json, grounds: Grounds) -> Decision:
    if value is None or value == default:
        return leave(Verdict.NOT_NEEDED, causes.DEFAULT_LIMIT())
    if grounds.same_service:
        return leave(Verdict.CARRIED, causes.LIMIT_KEPT(limit=value, what=what))
    return leave(Verdict.MANUAL, causes.LIMIT_UNSETTABLE(limit=value, what=what))


def _actions_per_second(value: Json, grounds: Grounds) -> Decision:
    default = DEFAULT_ACTIONS_PER_SECOND
    if value is None or value == default:
        return leave(Verdict.NOT_NEEDED, causes.DEFAULT_ACTION_LIMIT(limit=default))
    if grounds.same_service:
        return leave(Verdict.CARRIED, causes.ACTION_LIMIT_KEPT(limit=value))
    return leave(Verdict.DROPPED, causes.ACTION_LIMIT_LOST(limit=value, default=default))


def _size_limit(value: Json, _: Grounds) -> Decision:
    if value is None or value == SIZE_LIMIT_MB:
        return leave(Verdict.NOT_NEEDED, causes.DEFAULT_MEDIA_SIZE(limit=SIZE_LIMIT_MB))
    return leave(Verdict.DROPPED, causes.MEDIA_SIZE_LOST(limit=value, default=SIZE_LIMIT_MB))


def _compatibility_message(value: Json, _: Grounds) -> Decision:
    if value is None:
        return leave(Verdict.NOT_NEEDED, causes.NOT_SET())
    if value.strip().rstrip(".").lower() in DEFAULT_TEXTS:
        return leave(Verdict.NOT_NEEDED, causes.DEFAULT_MEDIA_TEXT())
    return leave(Verdict.DROPPED, causes.MEDIA_TEXT_LOST())


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
    row(
        "limits.channel_members",
        ValueType.COUNT,
        partial(_limit, "participants per conversation", DEFAULT_CHANNEL_MEMBERS),
        "not_needed if 100 or null; otherwise carried in place, manual elsewhere",
    ),
    row(
        "limits.user_channels",
        ValueType.COUNT,
        partial(_limit, "conversations per user", DEFAULT_USER_CHANNELS),
        "not_needed if 250 or null; otherwise carried in place, manual elsewhere",
    ),
    row(
        "limits.actions_per_second",
        ValueType.COUNT,
        _actions_per_second,
        "not_needed if 30 or null; otherwise carried in place, dropped elsewhere",
        api=Api.V1,
    ),
    row(
        "media.size_limit_mb",
        ValueType.COUNT,
        _size_limit,
        "not_needed if 150 or null; otherwise dropped",
        api=Api.V2,
    ),
    row(
        "media.compatibility_message",
        ValueType.TEXT,
        _compatibility_message,
        "not_needed if empty or Twilio's default text; otherwise dropped",
        api=Api.V2,
    ),
)
