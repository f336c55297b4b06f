"""Who the service is: SIDs, name, dates and addresses."""

from __future__ import annotations

from collections.abc import Iterator

from mappings.leaves import Source
from mappings.model import Json, Resource, Verdict
from mappings.rows import NOT_SET, Decision, Finding, fields_of, findings_of, leave, put, row, stand
from mappings.values import Kind

LONGEST_NAME = 256
"""Characters of a Conversation Service's FriendlyName (Twilio docs, Conversations Service resource)."""


def _sid(value: Json, source: Source) -> Decision:
    if value is None:
        return leave(Verdict.NOT_NEEDED, NOT_SET)
    if source.same_service:
        return stand(Verdict.EXACT, "The Conversation Service with this SID is the same object.")
    return stand(
        Verdict.CONVERTED,
        "The target Conversation Service has a SID of its own; `chat-migrate sids` lists which became which.",
    )


def _account_sid(value: Json, source: Source) -> Decision:
    if value is None:
        return leave(Verdict.NOT_NEEDED, NOT_SET)
    if source.same_service:
        return stand(Verdict.EXACT, "The Conversation Service is in the same account.")
    return stand(
        Verdict.CONVERTED,
        "The target Conversation Service is in the account of the target credentials; "
        "`chat-migrate sids` lists which became which.",
    )


def _friendly_name(value: Json, source: Source) -> Decision:
    if source.same_service:
        return stand(
            Verdict.EXACT, "The same object has the same name; Conversations cannot rename a Service."
        )
    if value is None:
        return put(
            Verdict.CONVERTED, source.sid, "A new service needs a name, so it is named after the old SID."
        )
    if len(value) > LONGEST_NAME:
        reason = f"Cut from {len(value)} to {LONGEST_NAME} characters, the longest name Conversations takes."
        return put(Verdict.LOSSY, value[:LONGEST_NAME], reason)
    return put(Verdict.EXACT, value, "Given to the service when it is created; it cannot be changed later.")


def _no_setting(_: Json, __: Source) -> Decision:
    return leave(Verdict.NOT_NEEDED, "Not a setting: Twilio gives it to every resource.")


_NO_SETTING_RULE = "not_needed: not a setting"

ROWS = (
    row(
        "sid",
        Kind.TEXT,
        _sid,
        "exact in place; converted elsewhere, where the service has a new SID",
        to=(Resource.SERVICE, "sid"),
    ),
    row(
        "account_sid",
        Kind.TEXT,
        _account_sid,
        "exact in place; converted elsewhere",
        to=(Resource.SERVICE, "account_sid"),
    ),
    row(
        "friendly_name",
        Kind.TEXT,
        _friendly_name,
        "exact; elsewhere lossy beyond 256 characters, and converted to the SID if there is none",
        to=(Resource.SERVICE, "friendly_name"),
    ),
    row("date_created", Kind.STAMP, _no_setting, _NO_SETTING_RULE),
    row("date_updated", Kind.STAMP, _no_setting, _NO_SETTING_RULE),
    row("url", Kind.STAMP, _no_setting, _NO_SETTING_RULE),
    row("links.*", Kind.STAMP, _no_setting, _NO_SETTING_RULE),
)
FIELDS = fields_of(ROWS)


def findings(source: Source) -> Iterator[Finding]:
    """What becomes of the identity of the service."""
    return findings_of(ROWS, source, source)
