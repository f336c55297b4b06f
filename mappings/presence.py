"""What a client sees of others: reachability, read status, typing, consumption reports."""

from __future__ import annotations

from collections.abc import Iterator

from mappings.leaves import Source
from mappings.model import Json, Resource, Verdict
from mappings.rows import NOT_SET, Decision, Finding, fields_of, findings_of, leave, put, row
from mappings.values import Kind


def _reachability(value: Json, _: bool) -> Decision:
    reason = (
        "Conversations has the same setting." if value is not None else f"{NOT_SET} The default is false."
    )
    return put(Verdict.EXACT, bool(value), reason)


def _read_status(value: Json, _: bool) -> Decision:
    if value is False:
        return leave(
            Verdict.DROPPED,
            "Conversations cannot switch the read horizon off for a service. "
            "Change the client so that it neither sets nor shows the last read message.",
        )
    return leave(Verdict.NOT_NEEDED, "The read horizon is always available in Conversations.")


def _typing_timeout(value: Json, same_service: bool) -> Decision:
    if not value:
        return leave(Verdict.NOT_NEEDED, f"{NOT_SET} Twilio's default of 5 seconds applies.")
    if same_service:
        return leave(
            Verdict.CARRIED,
            f"Conversations has no such setting, but the shared Service keeps its {value} seconds.",
        )
    return leave(
        Verdict.MANUAL,
        f"Conversations cannot set the typing timeout. If the target needs {value} seconds, set "
        "TypingIndicatorTimeout through the Chat v2 API, while it answers, or in the Console.",
    )


def _consumption_interval(value: Json, _: bool) -> Decision:
    if not value:
        return leave(Verdict.NOT_NEEDED, NOT_SET)
    return leave(
        Verdict.DROPPED,
        f"Deprecated in Chat and absent in Conversations: the interval of {value} seconds is lost. "
        "Clients report the last read message themselves.",
    )


ROWS = (
    row(
        "reachability_enabled",
        Kind.FLAG,
        _reachability,
        "exact",
        to=(Resource.CONFIGURATION, "reachability_enabled"),
    ),
    row("read_status_enabled", Kind.FLAG, _read_status, "not_needed if true or null; dropped if false"),
    row(
        "typing_indicator_timeout",
        Kind.COUNT,
        _typing_timeout,
        "not_needed if 0 or null; otherwise carried in place, manual elsewhere",
    ),
    row(
        "consumption_report_interval",
        Kind.COUNT,
        _consumption_interval,
        "not_needed if 0 or null; otherwise dropped",
    ),
)
FIELDS = fields_of(ROWS)


def findings(source: Source) -> Iterator[Finding]:
    """What becomes of presence and read status."""
    return findings_of(ROWS, source, source.same_service)
