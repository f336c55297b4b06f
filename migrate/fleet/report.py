"""The fleet's report: totals, what needs a person by cause, and where each account's own report is."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TextIO

from mappings import Verdict
from migrate.fleet.summary import CauseOfMany, FleetSummary, Standing, summed
from migrate.fleet.task import GOOD, AccountOutcome, Deed
from migrate.model.state import State
from migrate.report.blocks import Block, Bullets, Facts, Heading, Inline, Prose, Span, Table
from migrate.report.encoding import fitting
from migrate.report.words import count, spoken

Json = Any
FEW_CAUSES = 5
FEW_ACCOUNTS = 3
MOST_LISTED = 200
"""Accounts under one cause in a whole report; the table below has all of them."""


@dataclass(frozen=True)
class FleetReport:
    """What is known of a fleet.

    Attributes:
        links: where the workspace is, as seen from the report: "" or a path that ends with a slash.
    """

    command: str
    workspace: Path
    begun_at: str
    standings: Sequence[Standing]
    next_command: str
    links: str = ""

    def file_of(self, account_sid: str) -> str:
        """Return where an account's own report is, as seen from this one; "" if there is none."""
        name = f"{account_sid}.html"
        return self.links + name if (self.workspace / name).exists() else ""


def render_fleet(
    report: FleetReport,
    format: str,  # noqa: A002 - the word that --format uses
    stream: TextIO,
    *,
    full: bool,
    width: int,
    color: bool = False,
) -> None:
    """Write a fleet's report as text, Markdown, JSON or HTML; `full` counts for text and Markdown."""
    stream = fitting(stream, format)
    if format == "json":
        _render_json(report, stream)
    elif format == "html":
        from migrate.report.html_report import render_page

        title = f"Fleet {report.command}, {count(len(report.standings), 'account')}"
        render_page(title, "accounts", _blocks(report, full=True), stream)
    elif format == "markdown":
        from migrate.report.markdown_report import render_markdown

        render_markdown(_blocks(report, full=full), stream)
    else:
        from migrate.report.text_report import render_text

        render_text(_blocks(report, full=full), stream, width=width, color=color)


def outcome_line(summary: FleetSummary) -> str:
    """Return one sentence on how many accounts ended how."""
    well = sum(number for code, number in summary.codes.items() if code in GOOD)
    parts = [f"{well:,} ended well"]
    parts += [f"{summary.failing:,} did not end well"] if summary.failing else []
    parts += [f"{summary.differing:,} with differences"] if summary.differing else []
    parts += [f"{summary.under_way:,} under way"] if summary.under_way else []
    parts += [f"{summary.waiting:,} planned, not written"] if summary.waiting else []
    parts += [f"{summary.not_begun:,} not begun"] if summary.not_begun else []
    return f"{count(summary.accounts, 'account')}: {', '.join(parts)}."


def _text(words: str, style: str = "") -> Inline:
    return (Span(words, style),)


def _blocks(report: FleetReport, *, full: bool) -> Iterator[Block]:
    summary = summed(report.standings)
    yield Heading(_text(f"chat-migrate · Fleet {report.command}"), level=1)
    yield Prose(_text(outcome_line(summary), "strong"))
    yield Facts([(label, _text(words)) for label, words in _facts(report, summary)])
    yield from _causes(report, summary, full=full)
    yield from _under_way(report.standings, full=full)
    if full:
        yield Heading(_text("Accounts"), anchor="accounts")
        yield Table(
            ("account", "how it ended", "services", "changes", "steps left", "fields for a person"),
            [_row(report, standing) for standing in report.standings],
        )
    yield Prose((Span("next  ", "strong"), Span(report.next_command, "code")), apart=True)


def _facts(report: FleetReport, summary: FleetSummary) -> Iterator[tuple[str, str]]:
    yield "workspace", str(report.workspace)
    yield "begun", report.begun_at
    yield "services", f"{summary.services:,}, {summary.services_to_change:,} with changes"
    states = ", ".join(
        f"{number:,} {spoken(name)}" for name, number in sorted(summary.steps_by_state.items())
    )
    yield "changes", f"{summary.changes:,}, {count(summary.steps, 'step')}{f' ({states})' if states else ''}"
    if summary.needy:
        fields = count(summary.fields_for_a_person, "field")
        yield (
            "people",
            f"{fields} in {count(summary.needy, 'account')} for a person to decide, see their own reports",
        )


def _causes(report: FleetReport, summary: FleetSummary, *, full: bool) -> Iterator[Block]:
    causes = summary.causes
    if not causes:
        return
    yield Heading(_text("Did not end well"))
    shown = causes if full else causes[:FEW_CAUSES]
    yield Bullets([_cause(report, cause, full=full) for cause in shown])
    if len(causes) > len(shown):
        yield Prose(_text(f"… and {count(len(causes) - len(shown), 'more cause')}: add --full, or -o FILE."))


def _cause(report: FleetReport, cause: CauseOfMany, *, full: bool) -> Inline:
    listed = cause.accounts[: MOST_LISTED if full else FEW_ACCOUNTS]
    more = len(cause.accounts) - len(listed)
    spans = [
        Span(count(len(cause.accounts), "account"), "strong"),
        Span(f", exit code {cause.code}: {cause.text or 'no reason was recorded.'} "),
        Span("In "),
    ]
    for number, sid in enumerate(listed):
        spans += [Span(", " if number else ""), _linked(report, sid)]
    return (*spans, Span(f" and {more:,} more." if more else "."))


def _linked(report: FleetReport, account_sid: str) -> Span:
    return Span(account_sid, link=report.file_of(account_sid))


def _under_way(standings: Iterable[Standing], *, full: bool) -> Iterator[Block]:
    now = [standing for standing in standings if standing.now]
    if now:
        yield Heading(_text("Under way"))
        shown = now if full else now[:FEW_CAUSES]
        yield Bullets([_text(f"{standing.account.account_sid}: {standing.now}") for standing in shown])


def _row(report: FleetReport, standing: Standing) -> tuple[Inline, ...]:
    outcome = standing.outcome
    cells = ("", "", "", "")
    if outcome is not None:
        needy = outcome.fields_for_a_person
        cells = (str(outcome.services), str(outcome.changes), str(outcome.left), str(needy))
    return ((_linked(report, standing.account.account_sid),), _text(_state(standing)), *map(_text, cells))


def _state(standing: Standing) -> str:
    if standing.now or standing.outcome is None:
        return standing.now or "not begun"
    if standing.outcome.waits:
        return "planned"
    code = standing.outcome.code
    return {0: "well", 3: "differences (3)"}.get(code, f"exit code {code}")


def _stage(standing: Standing) -> str:
    if standing.now or standing.outcome is None:
        return "under way" if standing.now else "not begun"
    return "planned" if standing.outcome.waits else "ended"


def _render_json(report: FleetReport, stream: TextIO) -> None:
    summary = summed(report.standings)
    head = {
        "format": 1,
        "kind": "fleet",
        "command": report.command,
        "begun_at": report.begun_at,
        "summary": _summary(summary),
        "causes": [asdict(cause) for cause in summary.causes],
    }
    stream.write(json.dumps(head, ensure_ascii=False)[:-1] + ', "accounts": [')
    separator = "\n"
    for standing in report.standings:
        stream.write(separator + json.dumps(_account(report, standing), ensure_ascii=False))
        separator = ",\n"
    stream.write("]}\n")


def _summary(summary: FleetSummary) -> dict[str, Json]:
    return {
        "accounts": summary.accounts,
        "accounts_by_code": {str(code): number for code, number in sorted(summary.codes.items())},
        "under_way": summary.under_way,
        "planned": summary.waiting,
        "not_begun": summary.not_begun,
        "services": summary.services,
        "services_to_change": summary.services_to_change,
        "changes": summary.changes,
        "steps": summary.steps,
        "steps_by_state": _steps(summary.steps_by_state),
        "verdicts": {verdict.value: summary.verdicts[verdict.value] for verdict in Verdict},
    }


def _steps(states: Any) -> dict[str, int]:
    return {state.value: states[state.value] for state in State if states.get(state.value)}


def _account(report: FleetReport, standing: Standing) -> dict[str, Json]:
    account, outcome = standing.account, standing.outcome
    known = outcome or AccountOutcome(account.account_sid, Deed.REVIEW, 0)
    return {
        "account_sid": account.account_sid,
        "target_account_sid": account.receiver,
        "state": _stage(standing),
        "code": None if outcome is None or standing.now else outcome.code,
        "message": known.message,
        "notes": list(known.notes),
        "services": known.services,
        "services_to_change": known.services_to_change,
        "changes": known.changes,
        "steps": known.steps,
        "steps_by_state": _steps(known.steps_by_state),
        "left": known.left,
        "report": report.file_of(account.account_sid) or None,
    }
