"""Who the service is: SIDs, name, dates and addresses."""

from __future__ import annotations

from mappings import causes
from mappings.grounds import Grounds
from mappings.model import Json, Resource, Verdict
from mappings.rows import Decision, keep, leave, put, row
from mappings.values import ValueType

LONGEST_NAME = 256
"""Characters of a Conversation Service's FriendlyName (Twilio docs, Conversations Service resource)."""


def _sid(value: Json, grounds: Grounds) -> Decision:
    if value is None:
        return leave(Verdict.NOT_NEEDED, causes.NOT_SET())
    if grounds.same_service:
        return keep(Verdict.EXACT, causes.SAME_SERVICE())
    return keep(Verdict.CONVERTED, causes.NEW_SERVICE_SID())


def _account_sid(value: Json, grounds: Grounds) -> Decision:
    if value is None:
        return leave(Verdict.NOT_NEEDED, causes.NOT_SET())
    if grounds.same_service:
        return keep(Verdict.EXACT, causes.SAME_ACCOUNT())
    return keep(Verdict.CONVERTED, causes.TARGET_ACCOUNT())


def _friendly_name(value: Json, grounds: Grounds) -> Decision:
    if grounds.same_service:
        return keep(Verdict.EXACT, causes.SAME_NAME())
    if value is None:
        return put(Verdict.CONVERTED, grounds.source.sid, causes.NAMED_AFTER_SID())
    if len(value) > LONGEST_NAME:
        reason = causes.NAME_CUT(length=len(value), longest=LONGEST_NAME)
        return put(Verdict.LOSSY, value[:LONGEST_NAME], reason)
    return put(Verdict.EXACT, value, causes.NAME_GIVEN())


def _no_setting(_: Json, __: Grounds) -> Decision:
    return leave(Verdict.NOT_NEEDED, causes.NOT_A_SETTING())


_NO_SETTING_RULE = "not_needed: not a setting"

ROWS = (
    row(
        "sid",
        ValueType.STAMP,
        _sid,
        "exact in place; converted elsewhere, where the service has a new SID; not_needed if null",
        to=(Resource.SERVICE, "sid"),
    ),
    row(
        "account_sid",
        ValueType.TEXT,
        _account_sid,
        "exact in place; converted elsewhere; not_needed if null",
        to=(Resource.SERVICE, "account_sid"),
    ),
    row(
        "friendly_name",
        ValueType.TEXT,
        _friendly_name,
        "exact; elsewhere lossy beyond 256 characters, and converted to the SID if there is none",
        to=(Resource.SERVICE, "friendly_name"),
    ),
    row("date_created", ValueType.STAMP, _no_setting, _NO_SETTING_RULE),
    row("date_updated", ValueType.STAMP, _no_setting, _NO_SETTING_RULE),
    row("url", ValueType.STAMP, _no_setting, _NO_SETTING_RULE),
    row("links.*", ValueType.STAMP, _no_setting, _NO_SETTING_RULE),
)
