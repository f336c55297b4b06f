"""The report for a pull request: GitHub-flavoured Markdown, long parts folded."""

from __future__ import annotations

import html
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TextIO

from migrate.report.digest import Digest, Finding, Irreversible, Place, Trouble, digest
from migrate.report.heading import conclusion, equal_line, error_facts, examined, why
from migrate.report.model import FieldRow, Report, ServiceReport
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
    characters: int = 300


_BRIEF = _Limits()
_WHOLE = _Limits(sys.maxsize, sys.maxsize, sys.maxsize, sys.maxsize)


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
        yield from self._troubles(found.troubles)
        yield from self._findings(found)
        yield from self._irreversible(found.irreversible)
        if found.changes or report.summary.steps:
            yield from (f"### {words.changes}: {count(found.changes, 'field')}", "")
            yield from self._changes(report)
        if found.fields:
            yield f"Nothing to do for {prose(equal_line(found))}"

    def _troubles(self, troubles: Sequence[Trouble]) -> Iterator[str]:
        if not troubles:
            return
        yield from ("### Did not end well", "")
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
        if not found.findings:
            return
        yield from ("### Needs a person", "")
        for verdict in NEEDS_A_PERSON:
            findings = [finding for finding in found.findings if finding.verdict == verdict]
            if not findings:
                continue
            total = count(found.needs[verdict], "field")
            yield from (f"#### {VERDICT[verdict].mark} {verdict}: {total}", "")
            for finding in findings:
                yield from self._finding(finding)

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
        places = self._capped([f"- {self._place(place)}" for place in finding.places], self.limits.places)
        yield from (", ".join(fields), "")
        yield from _fold(count(len(finding.places), "service"), places) if len(places) > 6 else (*places, "")

    def _irreversible(self, irreversible: Sequence[Irreversible]) -> Iterator[str]:
        if not irreversible:
            return
        yield from ("### Can't be undone", "")
        for sort in irreversible:
            yield f"- {code(f'{sort.action} {sort.resource}')}: {count(len(sort.places), 'step')}"
            places = [f"{self._place(place)} {code(show(place.value))}" for place in sort.places]
            yield from (f"  - {line}" for line in self._capped(places, self.limits.places))
        yield ""

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
