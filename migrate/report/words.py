"""The words that every report uses: verdicts, kinds of report, states, field groups. Policy as tables."""

from __future__ import annotations

from dataclasses import dataclass

from mappings import Verdict
from migrate.model.state import State
from migrate.report.model import ReportKind


@dataclass(frozen=True)
class VerdictWord:
    """How a report speaks of one verdict: a mark that tells it apart without colour, and one clause for a legend."""

    mark: str
    meaning: str
    color: str


VERDICTS = {
    Verdict.MANUAL: VerdictWord("!", "you must decide or act", "red"),
    Verdict.DROPPED: VerdictWord("✕", "no equivalent, and a meaningful value is lost", "magenta"),
    Verdict.LOSSY: VerdictWord("~", "part of the meaning is lost", "yellow"),
    Verdict.CARRIED: VerdictWord("∞", "no setting in Conversations, but the shared Service keeps it", "cyan"),
    Verdict.CONVERTED: VerdictWord("⇄", "value translated, meaning kept", "blue"),
    Verdict.RENAMED: VerdictWord("→", "same value, new name", "blue"),
    Verdict.EXACT: VerdictWord("=", "same name, same value", "green"),
    Verdict.NOT_NEEDED: VerdictWord("·", "no equivalent, and the value has no effect", "green"),
}
"""In the order in which a report lists them: what needs a person first."""

TROUBLED = frozenset({State.INTENT, State.FAILED, State.UNKNOWN, State.DRIFTED})
"""States in which a step waits for a person or for `resume`."""
DONE = frozenset({State.APPLIED, State.VERIFIED, State.ALTERED, State.ROLLED_BACK})
"""States in which a step has changed its target."""
STATE_COLORS = {
    **dict.fromkeys((state.value for state in TROUBLED), "red"),
    State.ALTERED.value: "yellow",
}


@dataclass(frozen=True)
class KindWords:
    """What a report of one kind calls itself and its parts: the list of services, a field's columns, the failures.

    `receivers` says whether it tells what the receivers of webhooks will see.
    """

    title: str
    changes: str
    before: str
    after: str
    troubles: str = "Did not end well"
    receivers: bool = False


KINDS = {
    ReportKind.DIFF: KindWords("Dry run", "What changes", "now", "after", receivers=True),
    ReportKind.VERIFY: KindWords("Verification", "What differs", "found", "expected"),
    ReportKind.RUN: KindWords("Run", "What was done", "before", "after", receivers=True),
    ReportKind.ROLLBACK: KindWords("Rollback", "What is restored", "now", "restored", "Not restored"),
    ReportKind.REHEARSAL: KindWords("Rehearsal", "What was tried", "before", "after"),
}

TARGETS = {
    "same": "in place, the Conversation Service of the same SID",
    "new": "new Conversation Services",
    "map": "the Conversation Services of a map file",
}
SOURCES = {"live": "read live from Twilio", "file": "read from files, not from Twilio"}

FIELD_GROUPS = (
    ("Roles", ("roles.", "default_service_role", "default_channel_role", "default_channel_creator_role")),
    ("Presence", ("reachability", "read_status", "typing_indicator", "consumption_report")),
    ("Limits", ("limits",)),
    ("Webhooks", ("webhook_", "pre_webhook", "post_webhook")),
    ("v1 events", ("webhooks",)),
    ("Push", ("notifications",)),
    ("Media", ("media",)),
)
"""Columns of the picture: heading, and the beginnings of the source paths that belong to it."""

OTHER_GROUP = "Identity"
GROUPS = (OTHER_GROUP, *(name for name, _ in FIELD_GROUPS))


def group_of(source: str) -> str:
    """Return the heading in `GROUPS` under which a source path stands."""
    for name, beginnings in FIELD_GROUPS:
        if source.startswith(beginnings):
            return name
    return OTHER_GROUP


def verb(number: int, one: str = "is", many: str = "are") -> str:
    """Return the verb that goes with so many things."""
    return one if number == 1 else many


def count(number: int, noun: str) -> str:
    """Return `1 service`, `1,250 services`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def spoken(name: str) -> str:
    """Return the name of a state or verdict as people say it: `rolled back`."""
    return name.replace("_", " ")
