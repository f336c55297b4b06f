"""All about one service, as blocks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from migrate.model.rows import FieldRow
from migrate.model.state import State
from migrate.report.blocks import Block, Bullets, Fold, Inline, Prose, ServiceBlock, Span, Table, text
from migrate.report.model import LEAVE, ItemsReport, ReportKind, ServiceReport, StepError, StepRow
from migrate.report.outcome import states_line
from migrate.report.picture import LEVELS
from migrate.report.receivers import calls, folded, routing
from migrate.report.values import Delta, delta, shorten, show, visible
from migrate.report.words import KINDS, VERDICTS, count, spoken

EQUAL_CHARACTERS = 80
"""Longest value in the folded list of fields with nothing to do; the JSON report has them whole."""


def section(number: int, service: ServiceReport, kind: ReportKind) -> ServiceBlock:
    """Return the block of one service: what needs a person, what changes, its webhooks, SIDs and steps."""
    counted = Counter(level_of(row) for row in service.fields)
    target = service.target_sid or "a new service"
    moved = target != service.source_sid and not service.is_missing
    return ServiceBlock(
        number=number,
        name=show(service.friendly_name),
        sids=visible(service.source_sid) + (f" → {visible(target)}" if moved else ""),
        levels=[(level.name, counted[level.name]) for level in LEVELS if counted[level.name]],
        blocks=tuple(_blocks(service, kind, moved=moved)),
    )


def level_of(row: FieldRow) -> str:
    """Return the name of the level of the picture that one field is on."""
    if row.needs_a_person:
        return row.verdict.value
    return "change" if row.change else "equal"


def _blocks(service: ServiceReport, kind: ReportKind, *, moved: bool) -> Iterator[Block]:
    words = KINDS[kind]
    if service.is_missing:
        yield Prose(text("Conversations does not have this service."))
    tabled = folded(service)
    rows = [row for row in service.fields if row.source not in tabled]
    told = [row for row in rows if row.needs_a_person]
    told += [row for row in rows if row.change and not row.needs_a_person]
    if told:
        head = ("field", f"{words.before} → {words.after}", "why")
        states = {step.key: step.state for step in service.steps} if kind is ReportKind.RUN else {}
        yield Table(head, [_row(row, states.get(row.step or "")) for row in told], by_field=True)
    yield from routing(service, tabled)
    yield from calls(service) if words.receivers else ()
    if moved and service.sids:
        pairs = [
            (text(visible(old), "code"), text(visible(new), "code")) for old, new in service.sids.items()
        ]
        yield Fold(text("Old and new SIDs"), (Table(("in Chat", "in Conversations"), pairs),))
    yield from (Prose(text(_items(one))) for one in service.items)
    yield from _steps(service)
    yield from _equal(service.fields)


def _row(row: FieldRow, state: State | None) -> tuple[Inline, ...]:
    """Tell of one field; of one that needs nobody, a run says what became of it instead of why."""
    where = f"{row.resource}.{visible(row.target)}" if row.resource and row.target else ""
    name = text(visible(row.source), "code")
    if where and where != row.source:
        name += (Span(" → ", "quiet"), Span(where, "code"))
    value = _delta(delta(row)) if row.change else text(show(row.value), "code")
    verdict = row.verdict.value
    why = (Span(verdict, verdict), Span(f" {visible(row.reason)}"))
    if state is None:
        return name, value, why
    became = text(spoken(state.value), state.value)
    return name, value, (*became, Span(", "), *why) if row.needs_a_person else became


def _delta(change: Delta) -> Inline:
    if not change.is_list:
        note = f" ({change.note})" if change.note else ""
        before = Span(change.before, "del" if change.has_before else "quiet")
        return before, Span(" → ", "quiet"), Span(change.after, "ins"), Span(note, "quiet")
    parts: list[Span] = []
    for style, sign, items in (("del", "-", change.removed), ("ins", "+", change.added)):
        for item in items:
            parts += [Span(sign + item, style), Span(" ")]
    return *parts, Span(f"({change.kept} kept)" if change.kept else "", "quiet")


def _items(one: ItemsReport) -> str:
    other = [f"{number:,} {visible(what)}" for what, number in one.facts.items()]
    told = ", ".join([f"{one.found:,} found", f"{one.to_change:,} to change", *other])
    states = states_line(one.steps_by_state)
    undo = "" if one.reversible or not one.to_change else " This can't be undone."
    why = "".join(f" {number:,} skipped: {visible(_ended(what))}" for what, number in one.skipped.items())
    return f"{one.kind}: {told}." + (f" Steps: {states}." if states else "") + why + undo


def _ended(sentence: str) -> str:
    return sentence if sentence.endswith(".") else f"{sentence}."


def _steps(service: ServiceReport) -> Iterator[Block]:
    if service.steps:
        yield Bullets([step_text(step) for step in service.steps])
    if any(one.steps_by_state for one in service.items):
        yield Bullets(map(step_text, service.item_steps))


def step_text(step: StepRow) -> Inline:
    """Return one line on a step: what it does, its state, and what went wrong."""
    name = f"{step.action} {step.resource}"
    # Many items have steps of the same name; their keys tell them apart.
    which = f" {visible(step.key.rsplit('/', 1)[-1])}" if step.key.count("/") > 1 else ""
    told = [Span(name + which + ("" if step.action == LEAVE else ": "))]
    if step.action != LEAVE:
        told.append(Span(spoken(step.state.value), step.state.value))
    if not step.reversible and step.action != LEAVE:
        told.append(Span(", can't be undone", "strong"))
    if step.altered:
        told.append(Span(f"; {held_text(step)}"))
    if step.error is not None:
        told.append(Span(f": {error_text(step.error)}"))
    return tuple(told)


def held_text(step: StepRow) -> str:
    """Return what was sent and what Twilio holds, for each value that differs."""
    return "; ".join(
        f"{visible(one.path)}: sent {shorten(show(one.sent), 60)}, Twilio holds {shorten(show(one.held), 60)}"
        for one in step.altered
    )


def error_text(error: StepError, *, advice: bool = True) -> str:
    """Return message, facts, advice and request id in one line."""
    told = [visible(error.message)]
    if said := error_facts(error):
        told.append(f"({said})")
    if advice and error.advice:
        told.append(visible(error.advice))
    if error.request_id:
        told.append(f"Request {visible(error.request_id)}.")
    return " ".join(told)


def error_facts(error: StepError) -> str:
    """Return Twilio's code and the HTTP status, as `Twilio 50104, HTTP 400`; `""` if there is neither."""
    facts = (("Twilio", error.code), ("HTTP", error.status))
    return ", ".join(f"{name} {number}" for name, number in facts if number is not None)


def _equal(fields: Sequence[FieldRow]) -> Iterator[Block]:
    equal = [row for row in fields if level_of(row) == "equal"]
    if not equal:
        return
    blocks: list[Block] = []
    for verdict in VERDICTS:
        if found := [_value(row) for row in equal if row.verdict is verdict]:
            name = Span(spoken(verdict.value), verdict.value)
            blocks += (Prose((name, Span(f" {len(found)}"))), Bullets(found))
    yield Fold(text(f"{count(len(equal), 'field')} with nothing to do"), tuple(blocks), aside=True)


def _value(row: FieldRow) -> Inline:
    return Span(visible(row.source), "code"), Span(f" {shorten(show(row.value), EQUAL_CHARACTERS)}")
