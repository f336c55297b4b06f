"""What a report for people says, in which order, in which words. Text, Markdown and HTML print these blocks."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from textwrap import shorten

from mappings import NEEDS_A_PERSON
from migrate.model.state import State
from migrate.report.blocks import (
    ELSEWHERE,
    Block,
    Bullets,
    Card,
    Facts,
    Filter,
    Heading,
    Inline,
    Places,
    Prose,
    ServiceBlock,
    Span,
    Table,
    more,
    text,
)
from migrate.report.digest import FEW, CauseGroup, Digest, Group, StepExample, StepGroup
from migrate.report.model import Report, ReportKind, StepError
from migrate.report.outcome import facts, is_under_way, outcome, services_written, totals, written
from migrate.report.receivers import handlers
from migrate.report.rehearsal import rehearsal
from migrate.report.section import error_facts, error_text, held_text, section
from migrate.report.values import cut, show, visible
from migrate.report.view import View
from migrate.report.words import KINDS, VERDICTS, count, spoken

MOST_ROWS, LEAST_ROWS = 8, -2
"""Rows of a list in a summary, as there is room."""
SHORT_MESSAGE = 150
"""Characters of a message where there is no room for more."""


@dataclass(frozen=True)
class Page:
    """A masked report, laid out. `found` has the names of the services if the page is to be printed whole."""

    report: Report
    found: Digest
    view: View

    def _head(self) -> Iterator[Block]:
        words = KINDS[self.report.kind]
        yield Heading(text(f"chat-migrate · {words.title}"), level=1)
        yield Prose(text(outcome(self.report, self.found), "strong"))
        yield from (Prose(text(note)) for note in self.view.notes)
        told = facts(self.report, self.found, brief=not self.view.full)
        yield Facts([(label, text(fact)) for label, fact in told])

    def screen(self, rows: int = MOST_ROWS) -> Iterator[Block]:
        """Yield a summary; what needs a person has at most so many rows. Below 0, fewer failures are shown, too."""
        yield from self._head()
        yield from self._rehearsed(most=max(rows, 1))
        yield from self._troubles(groups=3, most=FEW + 2 * min(rows, 0))
        yield from self._altered(groups=2)
        yield from self._missing()
        if self.report.rehearsed is None:
            yield from self._changes()
            yield from self._needs_table(rows) if rows > 0 else ()
        yield from self._irreversible()
        yield from self._left(groups=max(rows, 1))
        if KINDS[self.report.kind].receivers and self.found.handlers:
            services = sum(group.services for group in self.found.handlers.values())
            told = f"Webhook handlers must change in {count(services, 'service')}: {ELSEWHERE}, for what they will see."
            yield Prose(text(told), apart=True)
        yield from self._next()

    def whole(self, *, drawn: bool = False) -> Iterator[Block]:
        """Yield everything; reads the services once. `drawn`: the medium can show a picture and filter."""
        yield from self._head()
        yield from self._rehearsed()
        yield from self._troubles()
        yield from self._altered()
        yield from self._missing()
        yield from (Filter(),) if drawn else ()
        yield from self._needs() if self.report.rehearsed is None else ()
        yield from self._picture() if drawn else ()
        yield from self._irreversible()
        yield from self._left()
        yield from handlers(self.found) if KINDS[self.report.kind].receivers else ()
        yield Heading(text(KINDS[self.report.kind].changes), anchor="services")
        yield from self._services()
        yield from self._next()
        yield Prose(text(totals(self.report, self.found), "strong"), apart=True, whole=True)

    def _rehearsed(self, most: int | None = None) -> Iterator[Block]:
        if self.report.rehearsed is not None:
            yield from rehearsal(self.report.rehearsed, most)

    def _services(self) -> Iterator[ServiceBlock]:
        for number, service in enumerate(self.report.services):
            yield section(number, service, self.report.kind)

    def _picture(self) -> Iterator[Block]:
        ignored = {key for key, group in self.found.causes.items() if self.found.is_widespread(group)}
        drawing = self.found.strips.picture(ignored)
        if drawing.groups:
            yield Heading(text("The account at a glance"), anchor="picture")
            yield drawing

    def _troubles(self, groups: int | None = None, most: int = FEW) -> Iterator[Block]:
        met = sorted(self.found.troubles.values(), key=lambda group: -group.count)
        if not met:
            return
        steps = count(sum(group.count for group in met), "step")
        yield Heading(text(f"{KINDS[self.report.kind].troubles}: {steps}"), anchor="troubles")
        told = met[:groups]
        room = sys.maxsize if most == FEW else SHORT_MESSAGE
        for place, group in enumerate(told):
            # On a screen, one example of each cause, and what is left of five goes to the most frequent one.
            number = most if groups is None else 1 if place else max(1, most + 1 - len(told))
            shown = group.steps[:number]
            error = _error(shown[0])
            said, advice = error_facts(error), shorten(visible(error.advice), room, placeholder=" …")
            what = (f" ({said})" if said else "", f" {advice}" if error.advice else "")
            examples = [shorten(_said(one), room, placeholder=" …") for one in shown]
            lines = [(_place(one), Span(f": {said}")) for one, said in zip(shown, examples, strict=True)]
            yield self._steps("manual", group, what, lines)
        yield from more(len(met) - len(told), "cause")

    def _altered(self, groups: int | None = None) -> Iterator[Block]:
        met = list(self.found.altered.values())
        if met:
            yield Heading(text("Twilio holds another value than was sent"), anchor="altered")
        for group in met[:groups]:
            shown = group.steps if self.view.full else group.steps[:2]
            held = [(_place(one), Span(f": {held_text(one.step)}")) for one in shown]
            yield self._steps("lossy", group, ("", ""), held)
        yield from more(len(met) - len(met[:groups]), "setting")

    def _steps(self, level: str, group: StepGroup, what: tuple[str, str], told: Sequence[Inline]) -> Card:
        """Tell of steps that came to the same: what and how many, and the first few in full."""
        step = group.steps[0].step
        name = f" {step.action} {step.resource}{what[0]}: {_size(group, 'step')}.{what[1]}"
        head = (Span(spoken(step.state.value), step.state.value), Span(name))
        return Card(level, (Prose(head), Bullets(told)), self._shown(group))

    def _missing(self) -> Iterator[Block]:
        missing = self.found.missing
        if missing.services:
            told = f"Not found in Conversations: {count(missing.services, 'service')}"
            yield Heading(text(told), anchor="missing")
            yield Card("manual", (Prose(text(_MISSING)),), self.found.places(missing))

    def _needs_heading(self) -> Heading:
        fields = sum(group.count for group in self.found.causes.values())
        told = f"{count(fields, 'field')} in {count(self.found.needy.services, 'service')}"
        return Heading(text(f"Needs a person: {told}"), anchor="needs")

    def _needs_table(self, rows: int) -> Iterator[Block]:
        causes, widespread = self.found.ranked(), self.found.widespread()
        if not self.found.causes:
            return
        yield self._needs_heading()
        if causes:
            cells = [self._needs_row(group) for group in causes[:rows]]
            yield Table(("", "cause", "services", "for example"), cells)
        yield from more(len(causes) - len(causes[:rows]), "cause")
        if widespread:
            told = "; ".join(visible(group.heading) for group in widespread[:4])
            rest = f"; {len(widespread) - 4} more" if len(widespread) > 4 else ""
            yield Prose(text(f"The same for nearly all services: {told}{rest}."))

    def _changes(self) -> Iterator[Block]:
        """Yield where the changes are: the summary does not name them one by one."""
        kind = self.report.kind
        run = kind is ReportKind.RUN or (kind is ReportKind.ROLLBACK and is_under_way(self.report))
        changes = self.found.written if run else self.found.changes
        if not changes:
            return
        fields = written(self.found) if run else self.report.summary.changes
        services = services_written(self.found) if run else self.report.summary.services_to_change
        told = f"{count(fields, 'field')} in {count(services, 'service')}"
        yield Heading(text(f"{KINDS[self.report.kind].changes}: {told}"), anchor="changes")
        rows = [
            (text(resource), text(f"{group.count:,}"), text(f"{group.services:,}"), self._examples(group))
            for resource, group in changes.items()
        ]
        yield Table(("", "fields", "services", "for example"), rows)

    def _needs_row(self, group: CauseGroup) -> tuple[Inline, ...]:
        verdict = group.verdict.value
        heading, services = text(visible(group.heading)), text(f"{group.services:,}")
        return text(verdict, verdict), heading, services, self._examples(group)

    def _examples(self, group: Group) -> Inline:
        narrow = self.view.width < 100
        names = [cut(show(name), 16 if narrow else 24) for name, _ in group.examples[: 1 if narrow else 2]]
        return text(", ".join(names) + (", …" if group.services > len(names) else ""))

    def _needs(self) -> Iterator[Block]:
        if not self.found.causes:
            yield Heading(text("Nothing needs a person"), anchor="needs")
            return
        yield self._needs_heading()
        causes = self.found.ranked()
        for verdict in NEEDS_A_PERSON:
            of_verdict = [group for group in causes if group.verdict is verdict]
            if of_verdict:
                yield Heading(text(VERDICTS[verdict].meaning.capitalize()), level=3)
                yield from (self._cause(group, self.found.places(group)) for group in of_verdict)
        if widespread := self.found.widespread():
            yield Heading(text("The same for nearly all services"), level=3)
            yield from (self._cause(group, Places(group.numbers, ())) for group in widespread)

    def _cause(self, group: CauseGroup, places: Places) -> Card:
        verdict = group.verdict.value
        named = (Span(verdict, verdict), Span(" "), Span(visible(group.heading), "strong"))
        heading = (*named, Span(f": {_size(group, 'field')}."))
        example = "For example: " if group.varied else ""
        fields = [span for path in sorted(group.fields) for span in (Span(visible(path), "code"), Span(" "))]
        blocks = (Prose(heading), Prose(text(example + visible(group.text))), Prose(tuple(fields[:-1])))
        return Card(verdict, blocks, places)

    def _irreversible(self) -> Iterator[Block]:
        if not self.found.irreversible:
            return
        yield Heading(text("Can't be undone"), anchor="irreversible")
        for (resource, action), group in self.found.irreversible.items():
            told = Prose(text(f"{action} {resource}: {_size(group, 'step')}."))
            yield Card("manual", (told,), self._shown(group))

    def _left(self, groups: int | None = None) -> Iterator[Block]:
        met = sorted(self.found.left.items(), key=lambda one: -one[1].count)
        if not met:
            return
        yield Heading(text("Left as it is"), anchor="left")
        for message, group in met[:groups]:
            resources = ", ".join(dict.fromkeys(one.step.resource for one in group.steps))
            told = Prose(text(f"{resources}: {_size(group, 'step')}. {visible(message)}"))
            yield Card("lossy", (told,), self._shown(group))
        yield from more(len(met) - len(met[:groups]), "reason")

    def _shown(self, group: Group) -> Places:
        return self.found.places(group) if self.view.full else Places(group.numbers, ())

    def _next(self) -> Iterator[Block]:
        if self.view.next_commands:
            yield Prose((Span("Next: "), *_commands(self.view.next_commands)), apart=True)


_MISSING = "Check that the snapshot belongs to this account, and look the services up in the Console."
_NO_MESSAGE = {
    State.INTENT: "The request may or may not have reached Twilio.",
    State.UNKNOWN: "No answer told whether Twilio carried out the request.",
    State.DRIFTED: "The target holds neither the value before nor the value that was to be written.",
}


def _commands(commands: Iterable[str]) -> Iterator[Span]:
    for number, command in enumerate(commands):
        yield from ((Span(" or "), Span(command, "code")) if number else (Span(command, "code"),))


def levels_line(block: ServiceBlock) -> str:
    """Return `2 manual, 3 changes`."""
    told = [
        count(number, "change") if level == "change" else f"{number:,} {level}"
        for level, number in block.levels
        if level != "equal"
    ]
    return ", ".join(told) or "nothing to do"


def _size(group: Group, noun: str) -> str:
    return f"{count(group.count, noun)} in {count(group.services, 'service')}"


def _error(one: StepExample) -> StepError:
    return one.step.error or StepError(_NO_MESSAGE.get(one.step.state, ""))


def _said(one: StepExample) -> str:
    return error_text(_error(one), advice=False)


def _place(one: StepExample) -> Span:
    return Span(f"{show(one.service)} ({visible(one.sid)})", "", one.number)
