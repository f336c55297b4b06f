"""The report for a person at a terminal."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TextIO

import click

from migrate.report.digest import (
    Digest,
    Finding,
    Handlers,
    Irreversible,
    Left,
    Place,
    RoutingTable,
    Trouble,
    digest,
)
from migrate.report.heading import conclusion, equal_line, error_facts, examined, why
from migrate.report.model import FieldRow, Report, ServiceReport, StepRow
from migrate.report.receivers import (
    ANSWERS,
    HEADING,
    INTRODUCTION,
    NO_EVENTS,
    PARAMETERS_HEADING,
    event_text,
    events_of,
    method_text,
    parameters,
    routing_reason,
)
from migrate.report.values import Delta, delta, shorten, show, visible
from migrate.report.words import NEEDS_A_PERSON, VERDICT, count, kind_words

WIDTH = 100
"""Columns; prose is wrapped there, values never are, so that they can be copied and found by grep."""

ELSEWHERE = "see --verbose, or --format json or html"


@dataclass(frozen=True)
class _Limits:
    """How much is printed before the rest is counted."""

    places: int = 8
    fields: int = 12
    services: int = 25
    tables: int = 5
    roles: int = 4
    characters: int = 160


_BRIEF = _Limits()
_WHOLE = _Limits(*[sys.maxsize] * 6)


def render_text(report: Report, stream: TextIO, *, color: bool, verbose: bool) -> None:
    """Writes a masked report. Reads its services twice; colours it only if told to."""
    page = _Page(color, _WHOLE if verbose else _BRIEF)
    found = digest(report.services, whole=verbose)
    for line in page.lines(report, found):
        stream.write(line.rstrip() + "\n")


@dataclass(frozen=True)
class _Page:
    color: bool
    limits: _Limits

    def lines(self, report: Report, found: Digest) -> Iterator[str]:
        words = kind_words(report.kind)
        yield self._paint(f"chat-migrate · {words.title}", bold=True)
        for label, text in examined(report, found):
            yield f"  {label:<9} {text}"
        yield from self._troubles(words.troubles, found.troubles)
        yield from self._findings(found)
        yield from self._irreversible(found.irreversible)
        yield from self._left(found.left)
        yield from self._handlers(found.handlers if words.receivers else ())
        if found.changes or report.summary.steps:
            yield from self._heading(f"{words.changes}: {count(found.changes, 'field')}")
            yield from self._changes(report)
        yield from self._became(found.became)
        if found.equal:
            yield from self._heading(f"Nothing to do for {equal_line(found)}")
        yield from ("", self._paint(conclusion(report, found), bold=True))

    def _paint(self, text: str, fg: str | None = None, *, bold: bool = False) -> str:
        return click.style(text, fg=fg, bold=bold or None) if self.color else text

    def _heading(self, text: str) -> Iterator[str]:
        yield from ("", self._paint(text, bold=True))

    def _prose(self, text: str, indent: int) -> Iterator[str]:
        margin = " " * indent
        yield from textwrap.wrap(
            visible(text),
            WIDTH,
            initial_indent=margin,
            subsequent_indent=margin,
            break_long_words=False,
            break_on_hyphens=False,
        )

    def _value(self, text: str) -> str:
        return shorten(text, self.limits.characters)

    def _troubles(self, heading: str, troubles: Sequence[Trouble]) -> Iterator[str]:
        if not troubles:
            return
        yield from self._heading(heading)
        for trouble in troubles:
            facts = error_facts(trouble.error)
            state = self._paint(trouble.state.upper(), "red", bold=True)
            yield f"  {state}  {trouble.action} {trouble.resource}" + (f"  {facts}" if facts else "")
            yield from self._prose(trouble.error.message, 4)
            yield from self._prose(f"Do: {trouble.error.advice}" if trouble.error.advice else "", 4)
            asked = [
                self._place(place) + (f"  request {visible(request)}" if request else "")
                for place, request in zip(trouble.places, trouble.request_ids, strict=True)
            ]
            yield from self._listed(asked)

    def _findings(self, found: Digest) -> Iterator[str]:
        if not found.needs:
            return
        yield from self._heading("Needs a person")
        for verdict in NEEDS_A_PERSON:
            if not found.needs.get(verdict):
                continue
            total = f"{count(found.needs[verdict], 'field')}: {VERDICT[verdict].meaning}"
            yield from ("", f"  {self._paint(verdict.upper(), VERDICT[verdict].color, bold=True)}  {total}")
            if verdict == "manual":
                yield from self._routings(found.routings)
            for finding in found.findings:
                if finding.verdict == verdict:
                    yield from self._finding(finding)

    def _routings(self, tables: Sequence[RoutingTable]) -> Iterator[str]:
        for table in tables[: self.limits.tables]:
            yield from ("", f"    webhooks.on_*: {count(len(table.fields), 'field')}, as one routing table")
            yield from self._prose(routing_reason(table.routing), 6)
            yield from (f"        {line}" for line in self._routes(table))
            yield from self._in(table.places)
        more = len(tables) - self.limits.tables
        if more > 0:
            yield f"    … and {count(more, 'more routing table')}; {ELSEWHERE}"

    def _routes(self, table: RoutingTable) -> Iterator[str]:
        cells = [
            (route.phase.value, route.event, visible(route.method), self._value(show(route.url)))
            for route in table.routing.routes
        ]
        widths = [max(len(row[column]) for row in cells) for column in range(3)]
        for *known, url in cells:
            yield "  ".join(cell.ljust(width) for cell, width in zip(known, widths, strict=True)) + f"  {url}"

    def _in(self, places: Sequence[Place]) -> Iterator[str]:
        if len(places) == 1:
            yield f"      in {self._place(places[0])}"
            return
        yield f"      in {count(len(places), 'service')}:"
        yield from self._listed(map(self._place, places))

    def _finding(self, finding: Finding) -> Iterator[str]:
        yield ""
        if len(finding.places) == 1:
            values = [
                f"{visible(field)} = {self._value(show(finding.values[field]))}" for field in finding.fields
            ]
            yield from self._capped(values, self.limits.fields, 4)
            yield from self._prose(why(finding), 6)
            yield f"      in {self._place(finding.places[0])}"
            return
        yield from self._capped([visible(field) for field in finding.fields], self.limits.fields, 4)
        yield from self._prose(why(finding), 6)
        yield f"      in {count(len(finding.places), 'service')}:"
        single = len(finding.fields) == 1
        yield from self._listed(
            self._place(place) + (f" = {self._value(show(place.value))}" if single else "")
            for place in finding.places
        )

    def _place(self, place: Place) -> str:
        return f"{show(place.name)} ({visible(place.sid)})"

    def _listed(self, lines: Iterable[str]) -> Iterator[str]:
        yield from self._capped(list(lines), self.limits.places, 8)

    def _capped(
        self, lines: Sequence[str], limit: int, indent: int, elsewhere: str = ELSEWHERE
    ) -> Iterator[str]:
        margin = " " * indent
        for line in lines[:limit]:
            yield margin + line
        if len(lines) > limit:
            yield f"{margin}… and {len(lines) - limit:,} more; {elsewhere}"

    def _irreversible(self, irreversible: Sequence[Irreversible]) -> Iterator[str]:
        if not irreversible:
            return
        yield from self._heading("Can't be undone")
        for sort in irreversible:
            yield f"  {sort.action} {sort.resource}: {count(len(sort.places), 'step')}"
            yield from self._listed(f"{self._place(place)}  {show(place.value)}" for place in sort.places)

    def _left(self, lefts: Sequence[Left]) -> Iterator[str]:
        if not lefts:
            return
        yield from self._heading("Left as it is")
        for left in lefts:
            yield from ("", f"  {', '.join(left.resources)}")
            if left.varied:
                told = [f"{self._place(place)}: {visible(place.value)}" for place in left.places]
                yield from self._capped(told, self.limits.places, 4)
            else:
                yield from self._prose(left.reason, 4)
                yield from self._in(left.places)

    def _handlers(self, handlers: Sequence[Handlers]) -> Iterator[str]:
        if not handlers:
            return
        services = sum(len(group.places) for group in handlers)
        yield from self._heading(f"{HEADING}: {count(services, 'service')}")
        yield from self._prose(INTRODUCTION, 2)
        for group in handlers[: self.limits.fields]:
            yield ""
            for phase, events in events_of(group.events):
                yield from self._prose(f"{phase.value}-event: {', '.join(map(event_text, events))}", 4)
            yield from self._prose("" if group.events else NO_EVENTS, 4)
            for place in group.places[: self.limits.tables]:
                yield from self._calls(place)
            if len(group.places) > self.limits.tables:
                yield f"      … and {count(len(group.places) - self.limits.tables, 'more service')}; {ELSEWHERE}"
        more = sum(len(group.places) for group in handlers[self.limits.fields :])
        if more:
            yield f"    … and {count(more, 'more service')}; {ELSEWHERE}"
        yield from ("", f"  {PARAMETERS_HEADING}:")
        for certainty, changes in parameters():
            listed = "; ".join(f"{change.chat} → {change.conversations}" for change in changes)
            yield from self._prose(f"{listed} ({certainty})", 4)
        yield from self._prose(ANSWERS, 2)

    def _calls(self, place: Place) -> Iterator[str]:
        yield f"      in {self._place(place)}" + (
            ", through its routing table" if place.value.routing else ""
        )
        for call in place.value.calls:
            yield f"        {call.phase.value:<4} {method_text(place.value)} {self._value(show(call.url))}"

    def _became(self, became: Sequence[Place]) -> Iterator[str]:
        if not became:
            return
        pairs = sum(len(place.value) for place in became)
        yield from self._heading(f"What became of what: {count(pairs, 'SID')}")
        for place in became[: self.limits.services]:
            (service, *roles) = (f"{visible(old)} → {visible(new)}" for old, new in place.value.items())
            yield f"  {show(place.name)}: {service}"
            yield from self._capped(roles, self.limits.roles, 4, "see chat-migrate sids")
        more = len(became) - self.limits.services
        if more > 0:
            yield f"  … and {count(more, 'more service')}; see chat-migrate sids"

    def _changes(self, report: Report) -> Iterator[str]:
        shown = hidden = 0
        for service in report.services:
            rows = [row for row in service.fields if row.change]
            if not rows and not service.steps:
                continue
            if shown == self.limits.services:
                hidden += 1
                continue
            shown += 1
            yield from self._service(service, rows)
        if hidden:
            yield f"\n  … and {count(hidden, 'service')} more; {ELSEWHERE}"

    def _service(self, service: ServiceReport, rows: Sequence[FieldRow]) -> Iterator[str]:
        target = service.target_sid or "a new service"
        moved = f" → {visible(target)}" if target != service.source_sid else ""
        yield ""
        name = self._paint(show(service.friendly_name), bold=True)
        yield f"  {name} ({visible(service.source_sid)}){moved}"
        for row in rows:
            yield from self._change(row)
        if service.steps:
            yield "    steps: " + ", ".join(self._step(step) for step in service.steps)

    def _step(self, step: StepRow) -> str:
        return f"{step.action} {step.resource} ({step.state.replace('_', ' ')})"

    def _change(self, row: FieldRow) -> Iterator[str]:
        word = VERDICT[row.verdict]
        where = f" ({row.resource}.{visible(row.target)})" if row.resource and row.target else ""
        verdict = self._paint(word.name, word.color)
        yield f"    {visible(row.source)}{where} [{verdict}]"
        yield from self._delta(delta(row))

    def _delta(self, change: Delta) -> Iterator[str]:
        margin = " " * 6
        if not change.is_list:
            note = f"  ({change.note})" if change.note else ""
            yield f"{margin}{self._value(change.before)} → {self._value(change.after)}{note}"
            return
        kept = f"  ({change.kept} kept)" if change.kept else ""
        removed = self._paint(" ".join(f"-{item}" for item in change.removed), "red")
        added = self._paint(" ".join(f"+{item}" for item in change.added), "green")
        yield f"{margin}{removed}{' ' if change.removed and change.added else ''}{added}{kept}"
