"""What the service says of media messages."""

from __future__ import annotations

from collections.abc import Iterator

from mappings import causes
from mappings.leaves import ServiceLeaves
from mappings.model import Api, Json, Verdict
from mappings.rows import Decision, JudgedLeaf, fields_of, judge, leave, row
from mappings.values import ValueType

SIZE_LIMIT_MB = 150
"""Megabytes of one media file (Twilio docs, Chat Services resource and Conversations Limits)."""

DEFAULT_TEXTS = frozenset(
    {"media messages are not supported", "media messages are not supported by your client"}
)
"""The text of a service that nobody has changed, in lower case without its full stop (seen in saved answers; Twilio
does not document it)."""


def _size_limit(value: Json, _: None) -> Decision:
    if value is None or value == SIZE_LIMIT_MB:
        return leave(Verdict.NOT_NEEDED, causes.DEFAULT_MEDIA_SIZE(limit=SIZE_LIMIT_MB))
    return leave(Verdict.DROPPED, causes.MEDIA_SIZE_LOST(limit=value, default=SIZE_LIMIT_MB))


def _compatibility_message(value: Json, _: None) -> Decision:
    if value is None:
        return leave(Verdict.NOT_NEEDED, causes.NOT_SET())
    if value.strip().rstrip(".").lower() in DEFAULT_TEXTS:
        return leave(Verdict.NOT_NEEDED, causes.DEFAULT_MEDIA_TEXT())
    return leave(Verdict.DROPPED, causes.MEDIA_TEXT_LOST())


ROWS = (
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
FIELDS = fields_of(ROWS)


def findings(source: ServiceLeaves) -> Iterator[JudgedLeaf]:
    """Yield what becomes of the media settings."""
    return judge(ROWS, source, None)
