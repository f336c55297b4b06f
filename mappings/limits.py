"""How many members, channels and actions the service allows."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from mappings.leaves import Source
from mappings.model import Api, Json, Verdict
from mappings.rows import NOT_SET, Decision, Finding, fields_of, findings_of, leave, row
from mappings.values import Kind

DEFAULT_ACTIONS_PER_SECOND = 30
"""Twilio docs, Conversations Limits."""


def _limit(what: str, value: Json, same_service: bool) -> Decision:
    if value is None:
        return leave(Verdict.NOT_NEEDED, f"{NOT_SET} Twilio's default applies.")
    if same_service:
        return leave(
            Verdict.CARRIED,
            f"Conversations has no such setting, but the shared Service keeps its limit of {value} {what}.",
        )
    return leave(
        Verdict.MANUAL,
        f"Conversations cannot set this limit. If the target needs {value} {what}, set it in the Console "
        "(up to 1,000), or ask Twilio's support.",
    )


def _actions_per_second(value: Json, same_service: bool) -> Decision:
    if value is None or value == DEFAULT_ACTIONS_PER_SECOND:
        return leave(Verdict.NOT_NEEDED, f"{DEFAULT_ACTIONS_PER_SECOND} is today's limit of every service.")
    if same_service:
        return leave(Verdict.CARRIED, f"Read-only; the shared Service keeps its {value} actions per second.")
    return leave(
        Verdict.DROPPED,
        f"Read-only: the target allows {DEFAULT_ACTIONS_PER_SECOND} actions per second, not {value}. "
        "Ask Twilio's support if that matters.",
    )


_LIMIT_RULE = "not_needed if null; otherwise carried in place, manual elsewhere"

ROWS = (
    row("limits.channel_members", Kind.COUNT, partial(_limit, "participants per conversation"), _LIMIT_RULE),
    row("limits.user_channels", Kind.COUNT, partial(_limit, "conversations per user"), _LIMIT_RULE),
    row(
        "limits.actions_per_second",
        Kind.COUNT,
        _actions_per_second,
        "not_needed if 30 or null; otherwise carried in place, dropped elsewhere",
        api=Api.V1,
    ),
)
FIELDS = fields_of(ROWS)


def findings(source: Source) -> Iterator[Finding]:
    """What becomes of the limits."""
    return findings_of(ROWS, source, source.same_service)
