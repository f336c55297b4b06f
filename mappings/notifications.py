"""Push notifications: when they are sent, with which text, sound and badge."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from mappings import causes
from mappings.grounds import INVITED, Grounds
from mappings.model import Api, Json, Resource, Verdict
from mappings.reasons import Reason
from mappings.rows import Decision, MappingRow, leave, put, row
from mappings.templates import (
    GUESSED,
    OTHER_MEANING,
    RENAMED,
    RENDERED_LIMIT,
    TemplateTranslation,
    translate_template,
)
from mappings.values import ValueType

EVENTS = {
    "new_message": "new_message",
    "added_to_channel": "added_to_conversation",
    "removed_from_channel": "removed_from_conversation",
}
"""Notification in Chat → notification in Conversations."""

_INVITED_PARTS = (
    ("enabled", "the notification itself", ValueType.FLAG, Api.BOTH),
    ("template", "its text", ValueType.TEXT, Api.BOTH),
    ("sound", "its sound", ValueType.TEXT, Api.V2),
)

_Decide = Callable[[Json, Grounds], Decision]


def _keep(same_name: bool, default: Json, value: Json, _: Grounds) -> Decision:
    """Return the decision to set the value as it is; Chat's null stands for the default."""
    setting = default if value is None else value
    if same_name:
        return put(Verdict.EXACT, setting, causes.SAME_SETTING())
    return put(Verdict.RENAMED, setting, causes.RENAMED_SETTING())


def _template(same_name: bool, value: Json, grounds: Grounds) -> Decision:
    translated = translate_template(value or "")
    if translated.unknown or not OTHER_MEANING.isdisjoint(translated.renamed):
        verdict = Verdict.LOSSY
    elif translated.renamed:
        verdict = Verdict.CONVERTED
    else:
        return _keep(same_name, "", value, grounds)
    return put(verdict, translated.text, *_template_reasons(value, translated))


def _template_reasons(before: str, translated: TemplateTranslation) -> Iterator[Reason]:
    if translated.unknown:
        yield causes.VARIABLES_UNKNOWN(variables=tuple(map(_variable, translated.unknown)))
    if "USER_SID" in translated.renamed:
        yield causes.USER_SID_VARIABLE()
    if "USER_IDENTITY" in translated.renamed:
        yield causes.USER_IDENTITY_VARIABLE()
    guessed = tuple(_variable(name) for name in translated.renamed if name in GUESSED)
    if guessed:
        yield causes.VARIABLES_GUESSED(variables=guessed)
    if translated.renamed:
        renames = (f"{_variable(name)} → {_variable(RENAMED[name])}" for name in translated.renamed)
        yield causes.VARIABLES_RENAMED(renames=tuple(renames))
    if len(translated.text) > max(RENDERED_LIMIT, len(before)):
        yield causes.TEMPLATE_GREW(before=len(before), after=len(translated.text), limit=RENDERED_LIMIT)


def _variable(name: str) -> str:
    return f"${{{name}}}"


def _invited(lost: str, value: Json, grounds: Grounds) -> Decision:
    if not grounds.invited:
        return leave(Verdict.NOT_NEEDED, causes.INVITATIONS_OFF())
    if value is None:
        return leave(Verdict.NOT_NEEDED, causes.INVITATION_PART_EMPTY())
    return leave(Verdict.DROPPED, causes.INVITATION_LOST(part=lost))


def _rows() -> Iterator[MappingRow]:
    log_path = "notifications.log_enabled"
    log_rule: _Decide = partial(_keep, True, False)
    yield row(log_path, ValueType.FLAG, log_rule, "exact", to=(Resource.NOTIFICATIONS, "log_enabled"))
    for event in EVENTS:
        yield from _event_rows(event)
    yield _event_row(
        "new_message", "badge_count_enabled", ValueType.FLAG, partial(_keep, True, False), Api.V2
    )
    for part, lost, type_, api in _INVITED_PARTS:
        rule = "not_needed unless invitations are notified; then dropped"
        yield row(f"{INVITED}.{part}", type_, partial(_invited, lost), rule, api=api)


def _event_rows(event: str) -> Iterator[MappingRow]:
    same_name = EVENTS[event] == event
    yield _event_row(event, "enabled", ValueType.FLAG, partial(_keep, same_name, False), Api.BOTH)
    yield _event_row(event, "template", ValueType.TEXT, partial(_template, same_name), Api.BOTH)
    yield _event_row(event, "sound", ValueType.TEXT, partial(_keep, same_name, ""), Api.V2)


def _event_row(event: str, part: str, type_: ValueType, decide: _Decide, api: Api) -> MappingRow:
    rule = "exact" if EVENTS[event] == event else "renamed"
    if part == "template":
        rule += (
            "; converted if a variable was renamed; lossy if a variable is unknown or means something else"
        )
    target = (Resource.NOTIFICATIONS, f"{EVENTS[event]}.{part}")
    return row(f"notifications.{event}.{part}", type_, decide, rule, api=api, to=target)


ROWS = tuple(_rows())
