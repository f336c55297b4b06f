"""The words that every report uses: verdicts, kinds of report, field groups. Policy as tables."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class VerdictWord:
    """How a report speaks of one verdict.

    Attributes:
        name: the value of `mappings.model.Verdict`.
        mark: one character that tells it apart without colour.
        meaning: one clause, for a legend.
        color: the `click.style` colour on a terminal.
    """

    name: str
    mark: str
    meaning: str
    color: str


VERDICTS = (
    VerdictWord("manual", "!", "an operator must decide or act", "red"),
    VerdictWord("dropped", "✕", "no equivalent, and a meaningful value is lost", "magenta"),
    VerdictWord("lossy", "~", "part of the meaning is lost", "yellow"),
    VerdictWord(
        "carried", "∞", "no setting in Conversations, but the shared Service keeps enforcing it", "cyan"
    ),
    VerdictWord("converted", "⇄", "value translated, meaning kept", "blue"),
    VerdictWord("renamed", "→", "same value, new name", "blue"),
    VerdictWord("exact", "=", "same name, same value", "green"),
    VerdictWord("not_needed", "·", "no equivalent, and the value has no effect", "green"),
)
"""In the order in which a report lists what needs a person."""

VERDICT = {word.name: word for word in VERDICTS}
VERDICT_RANK = {word.name: rank for rank, word in enumerate(VERDICTS)}
NEEDS_A_PERSON = ("manual", "dropped", "lossy")

VERDICTS_IN_JSON = (
    "exact", "renamed", "converted", "carried", "not_needed", "lossy", "dropped", "manual",
)  # fmt: skip
STATES = (
    "planned", "intent", "applied", "failed", "unknown", "skipped", "drifted", "verified", "rolled_back",
)  # fmt: skip
"""The states of a step, in the order of the state machine."""

TROUBLED_STATES = frozenset({"intent", "failed", "unknown", "drifted"})
"""States in which a step waits for a person or for `resume`."""


@dataclass(frozen=True)
class KindWords:
    """What a report of one kind calls its parts.

    Attributes:
        title: the name of the report.
        changes: heading of the list of fields whose `change` is true.
        to_change: completes "9 services …" in the summary.
        before: column heading of a field's value before.
        after: column heading of a field's value after.
        nothing: said when no field has a change.
        troubles: heading of the list of steps that went wrong.
        receivers: whether to tell what the receivers of webhooks will see.
    """

    title: str
    changes: str
    to_change: str
    before: str
    after: str
    nothing: str
    troubles: str = "Did not end well"
    receivers: bool = False


KINDS = {
    "diff": KindWords(
        "Dry run", "What changes", "to change", "now", "after", "Nothing to do", receivers=True
    ),
    "verify": KindWords(
        "Verification", "What differs", "that differ", "found", "expected", "Nothing differs"
    ),
    "run": KindWords(
        "Run", "What changed", "with changes", "before", "after", "Nothing had to change", receivers=True
    ),
    "rollback": KindWords(
        "Rollback",
        "What is restored",
        "to restore",
        "now",
        "restored",
        "Nothing to restore",
        troubles="Not restored",
    ),
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
    ("Channels", ("channels",)),
)
"""Columns of the picture: heading, and the beginnings of the source paths that belong to it."""

OTHER_GROUP = "Identity"
GROUPS = (OTHER_GROUP, *(name for name, _ in FIELD_GROUPS))


def group_of(source: str) -> str:
    """Returns the heading in `GROUPS` under which a source path stands."""
    for name, beginnings in FIELD_GROUPS:
        if source.startswith(beginnings):
            return name
    return OTHER_GROUP


def kind_words(kind: str) -> KindWords:
    """Returns the words for a kind of report. Raises ValueError for a kind that no renderer knows."""
    try:
        return KINDS[kind]
    except KeyError:
        raise ValueError(f"unknown kind of report: {kind!r}") from None


def count(number: int, noun: str) -> str:
    """Returns `1 service`, `1,250 services`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
