"""The report for a pull request: GitHub-flavoured Markdown, long parts folded."""

from __future__ import annotations

import html
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TextIO

from mappings.webhooks.receivers import EventChange
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
from migrate.report.model import FieldRow, Report, ServiceReport
from migrate.report.receivers import (
    ANSWERS,
    HEADING,
    INTRODUCTION,
    NO_EVENTS,
    PARAMETERS_HEADING,
    events_of,
    method_text,
    parameters,
    routing_reason,
)
from migrate.report.values import Delta, delta, shorten, show, visible
from migrate.report.words import NEEDS_A_PERSON, VERDICT, count, kind_words

_PUNCTUATION = re.compile(r"([\\`*_\[\]~$])")
_LEADING = re.compile(r"^(\d*)([-+=#.)])")
"""What would make a heading, a rule or an item of a list at the beginning of a line."""
_BREAK = "<!-- -->"
"""Stands inside what GitHub would make a mention, a reference or a link of; a reader never sees it."""
_TRIGGER = re.compile(r"(@|#|://|www)(?=\S)")
_BACKTICKS = re.compile("`+")


@dataclass(frozen=True)
class _Limits:
    """How much is printed before the rest is counted; a comment on GitHub holds 65,536 characters."""

    places: int = 20
    fields: int = 40
    services: int = 25
    tables: int = 5
    characters: int = 300


_BRIEF = _Limits()
_WHOLE = _Limits(*[sys.maxsize] * 5)


def render_markdown(report: Report, stream: TextIO, *, verbose: bool) -> None:
    """Writes a masked report. Reads its services twice."""
    page = _Page(_WHOLE if verbose else _BRIEF)
    found = digest(report.services, whole=verbose)
    for line in page.lines(report, found):
        stream.write(line + "\n")


def code(text: str) -> str:
    """Returns a code span that shows the text as it is, also inside a table.

    A pipe would end the cell even in a code span, so it stands between spans, as an entity.
    """
    return "&#124;".join(_span(part) for part in visible(text).split("|") if part) or _span('""')


def _span(text: str) -> str:
    fence = "`" * (1 + max((len(run) for run in _BACKTICKS.findall(text)), default=0))
    # Code spans lose one blank at either end if they have one at both: give them one to lose.
    pad = " " if text.startswith(("`", " ")) or text.endswith(("`", " ")) else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def prose(text: str) -> str:
    """Returns a text in which nothing is markup, a mention, a reference or a link."""
    pieces = _TRIGGER.split(visible(text).strip())
    # Every second piece is a trigger: with a capturing group, split returns the separators too.
    literal = (_literal(piece) + (_BREAK if number % 2 else "") for number, piece in enumerate(pieces))
    return _LEADING.sub(r"\1\\\2", "".join(literal))


def _literal(text: str) -> str:
    escaped = html.escape(text, quote=False)
    return _PUNCTUATION.sub(r"\\\1", escaped).replace("|", "&#124;")


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _fold(summary: str, lines: Iterable[str]) -> Iterator[str]:
    """Folds Markdown lines; `summary` is HTML."""
    yield from ("<details>", f"<summary>{summary}</summary>", "", *lines, "", "</details>", "")


def _event(event: EventChange) -> str:
    name = code(event.chat)
    if event.chat != event.conversations:
        name += f" → {code(event.conversations)}"
    return f"{name} ({event.note})" if event.note else name


@dataclass(frozen=True)
class _Page:
    limits: _Limits

    def lines(self, report: Report, found: Digest) -> Iterator[str]:
        words = kind_words(report.kind)
        yield from (f"## chat-migrate: {words.title}", "", f"**{prose(conclusion(report, found))}**", "")
        yield from (_row("", ""), _row("---", "---"))
        for label, text in examined(report, found):
            yield _row(label, prose(text))
        yield ""
        yield from self._troubles(words.troubles, found.troubles)
        yield from self._findings(found)
        yield from self._irreversible(found.irreversible)
        yield from self._left(found.left)
        yield from self._handlers(found.handlers if words.receivers else ())
        if found.changes or report.summary.steps:
            yield from (f"### {words.changes}: {count(found.changes, 'field')}", "")
            yield from self._changes(report)
        yield from self._became(found.became)
        if found.equal:
            yield f"Nothing to do for {prose(equal_line(found))}"

    def _troubles(self, heading: str, troubles: Sequence[Trouble]) -> Iterator[str]:
        if not troubles:
            return
        yield from (f"### {heading}", "")
        for trouble in troubles:
            facts = error_facts(trouble.error)
            head = f"**{trouble.state}** {code(f'{trouble.action} {trouble.resource}')}"
            told = " ".join(prose(text) for text in (trouble.error.message, trouble.error.advice) if text)
            yield f"- {head}{f' ({facts})' if facts else ''}: {told}"
            asked = [
                self._place(place) + (f", request {code(request)}" if request else "")
                for place, request in zip(trouble.places, trouble.request_ids, strict=True)
            ]
            yield from (f"  - {line}" for line in self._capped(asked, self.limits.places))
        yield ""

    def _findings(self, found: Digest) -> Iterator[str]:
        if not found.needs:
            return
        yield from ("### Needs a person", "")
        for verdict in NEEDS_A_PERSON:
            if not found.needs.get(verdict):
                continue
            total = count(found.needs[verdict], "field")
            yield from (f"#### {VERDICT[verdict].mark} {verdict}: {total}", "")
            if verdict == "manual":
                yield from self._routings(found.routings)
            for finding in found.findings:
                if finding.verdict == verdict:
                    yield from self._finding(finding)

    def _routings(self, tables: Sequence[RoutingTable]) -> Iterator[str]:
        for table in tables[: self.limits.tables]:
            rows = [
                _row(route.phase.value, code(route.event), code(route.method), self._value(show(route.url)))
                for route in table.routing.routes
            ]
            fields = count(len(table.fields), "field")
            yield from (f"{code('webhooks.on_*')}: {prose(routing_reason(table.routing))}", "")
            yield from _fold(
                f"{fields}, as one routing table",
                (_row("phase", "EventType", "method", "URL"), _row(*["---"] * 4), *rows),
            )
            yield from self._places(table.places)
        yield from self._more(len(tables) - self.limits.tables, "more routing table")

    def _more(self, number: int, noun: str) -> Iterator[str]:
        if number > 0:
            yield from (f"… and {count(number, noun)}; see --format json or html", "")

    def _places(self, places: Sequence[Place]) -> Iterator[str]:
        listed = self._capped([f"- {self._place(place)}" for place in places], self.limits.places)
        yield from _fold(count(len(places), "service"), listed) if len(places) > 6 else (*listed, "")

    def _finding(self, finding: Finding) -> Iterator[str]:
        yield from (prose(why(finding)), "")
        if finding.values:
            rows = [_row(code(field), self._value(show(finding.values[field]))) for field in finding.fields]
            table = [_row("field", "value in Chat"), _row("---", "---"), *rows[: self.limits.fields]]
            if len(rows) > self.limits.fields:
                table.append(_row(self._rest(len(rows) - self.limits.fields), ""))
            yield from (f"In {self._place(finding.places[0])}:", "")
            yield from _fold(count(len(rows), "field"), table) if len(rows) > 6 else (*table, "")
            return
        fields = self._capped([code(field) for field in finding.fields], self.limits.fields)
        yield from (", ".join(fields), "")
        yield from self._places(finding.places)

    def _irreversible(self, irreversible: Sequence[Irreversible]) -> Iterator[str]:
        if not irreversible:
            return
        yield from ("### Can't be undone", "")
        for sort in irreversible:
            yield f"- {code(f'{sort.action} {sort.resource}')}: {count(len(sort.places), 'step')}"
            places = [f"{self._place(place)} {code(show(place.value))}" for place in sort.places]
            yield from (f"  - {line}" for line in self._capped(places, self.limits.places))
        yield ""

    def _left(self, lefts: Sequence[Left]) -> Iterator[str]:
        if not lefts:
            return
        yield from ("### Left as it is", "")
        for left in lefts:
            yield from (f"{', '.join(map(code, left.resources))}:", "")
            told = [f"- {self._place(place)}: {prose(place.value)}" for place in left.places]
            yield from (*self._capped(told, self.limits.places), "")

    def _handlers(self, handlers: Sequence[Handlers]) -> Iterator[str]:
        if not handlers:
            return
        services = sum(len(group.places) for group in handlers)
        yield from (f"### {HEADING}: {count(services, 'service')}", "", prose(INTRODUCTION), "")
        for group in handlers[: self.limits.fields]:
            for phase, events in events_of(group.events):
                yield from (f"**{phase.value}-event**: {', '.join(map(_event, events))}", "")
            if not group.events:
                yield from (prose(NO_EVENTS), "")
            calls = self._capped([self._calls(place) for place in group.places], self.limits.places)
            yield from _fold(count(len(group.places), "service"), calls) if len(calls) > 6 else (*calls, "")
        yield from self._more(len(handlers) - self.limits.fields, "more set of events")
        rows = [
            _row(code(change.chat), prose(change.conversations), prose(certainty))
            for certainty, changes in parameters()
            for change in changes
        ]
        table = (_row("in Chat", "in Conversations", "how sure"), _row("---", "---", "---"), *rows)
        yield from _fold(PARAMETERS_HEADING, table)
        yield from (prose(ANSWERS), "")

    def _calls(self, place: Place) -> str:
        called = "; ".join(
            f"{call.phase.value}: {prose(method_text(place.value))} {self._value(show(call.url))}"
            for call in place.value.calls
        )
        parts = [called, "through its routing table" if place.value.routing else ""]
        return f"- {self._place(place)}: {', '.join(part for part in parts if part)}"

    def _became(self, became: Sequence[Place]) -> Iterator[str]:
        if not became:
            return
        pairs = sum(len(place.value) for place in became)
        yield from (f"### What became of what: {count(pairs, 'SID')}", "")
        rows = [
            _row(code(show(place.name)), code(old), code(new))
            for place in became[: self.limits.services]
            for old, new in place.value.items()
        ]
        table = [_row("service", "in Chat", "in Conversations"), _row("---", "---", "---"), *rows]
        if len(became) > self.limits.services:
            more = count(len(became) - self.limits.services, "more service")
            table.append(_row(f"… and {more}; see chat-migrate sids", "", ""))
        yield from _fold(count(len(became), "service"), table)

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
            yield from self._service(service, rows, report.kind)
        if hidden:
            yield from (f"… and {count(hidden, 'service')} more; see --format json or html", "")

    def _service(self, service: ServiceReport, rows: Sequence[FieldRow], kind: str) -> Iterator[str]:
        words = kind_words(kind)
        target = service.target_sid or "a new service"
        sids = visible(service.source_sid) + (f" → {visible(target)}" if target != service.source_sid else "")
        name, sids = html.escape(show(service.friendly_name)), html.escape(sids)
        lines = [_row("field", f"{words.before} → {words.after}", "verdict"), _row("---", "---", "---")]
        lines += [self._change(row) for row in rows] if rows else [_row("no field", "", "")]
        steps = ", ".join(f"{step.action} {step.resource} ({step.state})" for step in service.steps)
        lines += ["", f"Steps: {prose(steps)}"] if steps else []
        summary = f"<code>{name}</code> <code>{sids}</code>: {count(len(rows), 'field')}"
        yield from _fold(summary, lines)

    def _change(self, row: FieldRow) -> str:
        where = f" → {code(f'{row.resource}.{row.target}')}" if row.resource and row.target else ""
        return _row(code(row.source) + where, self._delta(delta(row)), prose(row.verdict))

    def _delta(self, change: Delta) -> str:
        if not change.is_list:
            note = f" ({change.note})" if change.note else ""
            return f"{self._value(change.before)} → {self._value(change.after)}{note}"
        parts = [f"-{self._value(item)}" for item in change.removed]
        parts += [f"+{self._value(item)}" for item in change.added]
        return " ".join(parts) + (f" ({change.kept} kept)" if change.kept else "")

    def _value(self, shown: str) -> str:
        return code(shorten(shown, self.limits.characters))

    def _place(self, place: Place) -> str:
        return f"{code(show(place.name))} {code(place.sid)}"

    def _rest(self, number: int) -> str:
        return f"… and {number:,} more; see --format json or html"

    def _capped(self, lines: Sequence[str], limit: int) -> Sequence[str]:
        return lines if len(lines) <= limit else (*lines[:limit], self._rest(len(lines) - limit))
