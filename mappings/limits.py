"""How many members, channels and actions the service allows."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from mappings import causes
from mappings.leaves import ServiceLeaves
from mappings.model import Api, Json, Verdict
from mappings.rows import Decision, JudgedLeaf, fields_of, judge, leave, row
from mappings.values import ValueType

DEFAULT_ACTIONS_PER_SECOND = 30
"""Twilio docs, Conversations Limits."""

DEFAULT_CHANNEL_MEMBERS = 100
"""Twilio docs, error 50417, Chat Limits and all examples; the text of the Chat Services resource has it the other way
round."""

DEFAULT_USER_CHANNELS = 250
"""Twilio docs, Chat Limits and all examples."""


def _limit(what: str, default: int, value: Json, same_service: bool) -> Decision:
    if value is None or value == default:
        return leave(Verdict.NOT_NEEDED, causes.DEFAULT_LIMIT())
    if same_service:
        return leave(Verdict.CARRIED, causes.LIMIT_KEPT(limit=value, what=what))
    return leave(Verdict.MANUAL, causes.LIMIT_UNSETTABLE(limit=value, what=what))


def _actions_per_second(value: Json, same_service: bool) -> Decision:
    default = DEFAULT_ACTIONS_PER_SECOND
    if value is None or value == default:
        return leave(Verdict.NOT_NEEDED, causes.DEFAULT_ACTION_LIMIT(limit=default))
    if same_service:
        return leave(Verdict.CARRIED, causes.ACTION_LIMIT_KEPT(limit=value))
    return leave(Verdict.DROPPED, causes.ACTION_LIMIT_LOST(limit=value, default=default))


ROWS = (
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
)
FIELDS = fields_of(ROWS)


def findings(source: ServiceLeaves) -> Iterator[JudgedLeaf]:
    """Yield what becomes of the limits."""
    return judge(ROWS, source, source.same_service)
