"""What the service says of media messages."""

from __future__ import annotations

from collections.abc import Iterator

from mappings.leaves import Source
from mappings.model import Api, Json, Verdict
from mappings.rows import NOT_SET, Decision, Finding, fields_of, findings_of, leave, row
from mappings.values import Kind

SIZE_LIMIT_MB = 150
"""Megabytes of one media file (Twilio docs, Chat Services resource and Conversations Limits)."""


def _size_limit(value: Json, _: None) -> Decision:
    if value is None or value == SIZE_LIMIT_MB:
        return leave(Verdict.NOT_NEEDED, f"Conversations allows {SIZE_LIMIT_MB} MB in every service.")
    return leave(
        Verdict.DROPPED,
        f"Read-only: Conversations allows {SIZE_LIMIT_MB} MB, not {value} MB. "
        "If files must be smaller, check their size in the client.",
    )


def _compatibility_message(value: Json, _: None) -> Decision:
    if value is None:
        return leave(Verdict.NOT_NEEDED, NOT_SET)
    return leave(
        Verdict.DROPPED,
        "Conversations has no text for clients that cannot show media. Let the client show one of its own.",
    )


ROWS = (
    row(
        "media.size_limit_mb",
        Kind.COUNT,
        _size_limit,
        "not_needed if 150 or null; otherwise dropped",
        api=Api.V2,
    ),
    row(
        "media.compatibility_message",
        Kind.TEXT,
        _compatibility_message,
        "not_needed if empty; otherwise dropped",
        api=Api.V2,
    ),
)
FIELDS = fields_of(ROWS)


def findings(source: Source) -> Iterator[Finding]:
    """What becomes of the media settings."""
    return findings_of(ROWS, source, None)
