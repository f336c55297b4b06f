"""What was examined and what came of it, in the words that text, markdown and HTML share."""

from __future__ import annotations

from migrate.report.digest import Digest, Finding
from migrate.report.model import Report, StepError
from migrate.report.values import age, moment, visible
from migrate.report.words import (
    NEEDS_A_PERSON,
    SOURCES,
    STATES,
    TARGETS,
    VERDICTS,
    count,
    kind_words,
)


def examined(report: Report, found: Digest) -> list[tuple[str, str]]:
    """Returns label and text of each line of the heading: accounts, snapshot, plan, counts."""
    snapshot, plan = report.snapshot, report.plan
    account = visible(report.account_sid)
    if report.target_account_sid != report.account_sid:
        account += f" → {visible(report.target_account_sid)}"
    old = age(snapshot.taken_at, report.planned_at) if report.planned_at else ""
    taken = f"taken {moment(snapshot.taken_at)}" + (f", {old} before this plan" if old else "")
    source = SOURCES.get(snapshot.source, visible(snapshot.source))
    return [
        ("account", account),
        ("snapshot", f"{snapshot.id}, {source}, {taken}, {count(snapshot.services, 'service')}"),
        ("plan", visible(plan.id[:12])),
        ("target", TARGETS.get(plan.target, visible(plan.target))),
        ("examined", f"{count(report.summary.services, 'service')}, {count(found.fields, 'field')}"),
    ]


def conclusion(report: Report, found: Digest) -> str:
    """Returns the summary in one sentence; it always says what was looked at."""
    summary, words = report.summary, kind_words(report.kind)
    looked_at = f"{count(summary.services, 'service')} examined"
    if not summary.services:
        return "Nothing was examined: no service is in this report."
    parts = [looked_at]
    if found.changes:
        parts.append(f"{summary.services_to_change:,} {words.to_change} ({count(found.changes, 'field')})")
    else:
        parts.append("0 changes")
    if summary.steps:
        parts.append(f"{count(summary.steps, 'step')} ({states(report)})")
    parts.append(needs_line(found))
    sentence = ", ".join(parts) + "."
    idle = not found.changes and not summary.steps
    return f"{words.nothing}: {sentence}" if idle else sentence


def states(report: Report) -> str:
    """Returns `18 applied, 1 failed`, in the order of the state machine."""
    counted = report.summary.steps_by_state
    return ", ".join(
        f"{counted[state]:,} {state.replace('_', ' ')}" for state in STATES if counted.get(state)
    )


def needs_line(found: Digest) -> str:
    """Returns `3 fields need a person (1 manual, 2 dropped)`."""
    needs = found.needs
    if not needs:
        return "nothing needs a person"
    total = sum(needs.values())
    listed = ", ".join(f"{needs[verdict]:,} {verdict}" for verdict in NEEDS_A_PERSON if needs.get(verdict))
    return f"{count(total, 'field')} {'needs' if total == 1 else 'need'} a person ({listed})"


def equal_line(found: Digest) -> str:
    """Returns how many fields are as they should be, by verdict."""
    total = sum(found.equal.values())
    listed = ", ".join(
        f"{found.equal[word.name]:,} {word.name.replace('_', ' ')}"
        for word in VERDICTS
        if found.equal.get(word.name)
    )
    return f"{total:,} of {count(found.fields, 'field')}" + (f": {listed}" if listed else "")


def why(finding: Finding) -> str:
    """Returns the reason of a finding, and whether it stands for others like it."""
    return finding.reason + (
        " (Likewise for the others, each with its own names and values.)" if finding.varied else ""
    )


def error_facts(error: StepError) -> str:
    """Returns Twilio's code and the HTTP status, as `Twilio 50104, HTTP 400`; `""` if there is neither."""
    facts = []
    if error.code is not None:
        facts.append(f"Twilio {error.code}")
    if error.status is not None:
        facts.append(f"HTTP {error.status}")
    return ", ".join(facts)
