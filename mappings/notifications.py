"""Push notifications: when they are sent, with which text, sound and badge."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from mappings.leaves import Source
from mappings.model import Api, Json, Resource, Verdict
from mappings.rows import Decision, Finding, Row, fields_of, findings_of, leave, put, row
from mappings.templates import GUESSED, RENAMED, RENDERED_LIMIT, TemplateTranslation, translate_template
from mappings.values import Kind, listed

EVENTS = {
    "new_message": "new_message",
    "added_to_channel": "added_to_conversation",
    "removed_from_channel": "removed_from_conversation",
}
"""Notification in Chat → notification in Conversations."""

INVITED = "notifications.invited_to_channel"

_INVITED_PARTS = (
    ("enabled", "the notification itself", Kind.FLAG, Api.BOTH),
    ("template", "its text", Kind.TEXT, Api.BOTH),
    ("sound", "its sound", Kind.TEXT, Api.V2),
)

_Decide = Callable[[Json, bool], Decision]


def _keep(same_name: bool, default: Json, value: Json, _: bool) -> Decision:
    """Carries a value over as it is; Chat's null stands for the default."""
    setting = default if value is None else value
    if same_name:
        return put(Verdict.EXACT, setting, "Conversations has the same setting.")
    return put(Verdict.RENAMED, setting, "Conversations has the same setting under another name.")


def _template(same_name: bool, value: Json, invited: bool) -> Decision:
    translated = translate_template(value or "")
    if translated.unknown:
        verdict = Verdict.LOSSY
    elif translated.renamed:
        verdict = Verdict.CONVERTED
    else:
        return _keep(same_name, "", value, invited)
    return put(verdict, translated.text, " ".join(_template_sentences(value, translated)))


def _template_sentences(before: str, translated: TemplateTranslation) -> Iterator[str]:
    if translated.renamed:
        renames = listed(f"${{{name}}} → ${{{RENAMED[name]}}}" for name in translated.renamed)
        yield f"Variables renamed: {renames}."
    guessed = [f"${{{name}}}" for name in translated.renamed if name in GUESSED]
    if guessed:
        yield f"Chat does not document {listed(guessed)}, so its new name is a guess: send a test notification."
    if translated.unknown:
        unknown = listed(f"${{{name}}}" for name in translated.unknown)
        yield f"Conversations does not document {unknown}, kept as it is: check what a notification shows."
    if len(translated.text) > max(RENDERED_LIMIT, len(before)):
        yield (
            f"The definition grew from {len(before)} to {len(translated.text)} characters; "
            f"a rendered text is cut at {RENDERED_LIMIT}."
        )


def _invited(lost: str, value: Json, enabled: bool) -> Decision:
    if not enabled:
        return leave(Verdict.NOT_NEEDED, "Invitations are not notified in Chat, and Conversations has none.")
    if value is None:
        return leave(Verdict.NOT_NEEDED, "Not set, and Conversations has no invitations.")
    return leave(
        Verdict.DROPPED,
        f"Conversations has no invitations, so {lost} is lost. "
        "People are added directly: put the text into the added_to_conversation notification.",
    )


def _rows() -> Iterator[Row[bool]]:
    log_path = "notifications.log_enabled"
    log_rule: _Decide = partial(_keep, True, False)
    yield row(log_path, Kind.FLAG, log_rule, "exact", to=(Resource.NOTIFICATIONS, "log_enabled"))
    for event in EVENTS:
        yield from _event_rows(event)
    yield _event_row("new_message", "badge_count_enabled", Kind.FLAG, partial(_keep, True, False), Api.V2)
    for part, lost, kind, api in _INVITED_PARTS:
        rule = "not_needed unless invitations are notified; then dropped"
        yield row(f"{INVITED}.{part}", kind, partial(_invited, lost), rule, api=api)


def _event_rows(event: str) -> Iterator[Row[bool]]:
    same_name = EVENTS[event] == event
    yield _event_row(event, "enabled", Kind.FLAG, partial(_keep, same_name, False), Api.BOTH)
    yield _event_row(event, "template", Kind.TEXT, partial(_template, same_name), Api.BOTH)
    yield _event_row(event, "sound", Kind.TEXT, partial(_keep, same_name, ""), Api.V2)


def _event_row(event: str, part: str, kind: Kind, decide: _Decide, api: Api) -> Row[bool]:
    rule = "exact" if EVENTS[event] == event else "renamed"
    if part == "template":
        rule += "; converted if a variable was renamed; lossy if a variable is unknown"
    target = (Resource.NOTIFICATIONS, f"{EVENTS[event]}.{part}")
    return row(f"notifications.{event}.{part}", kind, decide, rule, api=api, to=target)


ROWS = tuple(_rows())
FIELDS = fields_of(ROWS)


def findings(source: Source) -> Iterator[Finding]:
    """What becomes of the push notifications."""
    return findings_of(ROWS, source, source.value(f"{INVITED}.enabled") is True)
