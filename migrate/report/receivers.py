"""What concerns the programs behind webhooks, as blocks."""

from __future__ import annotations

from collections.abc import Iterator

from mappings import Verdict
from mappings.values import listed
from mappings.webhooks.filters import Phase
from mappings.webhooks.receivers import PARAMETERS, PRE_EVENT_ANSWERS, EventChange, Routing
from migrate.report.blocks import Block, Bullets, Card, Fold, Heading, Inline, Prose, Span, Table, text
from migrate.report.digest import Digest
from migrate.report.model import ServiceReport
from migrate.report.values import show, visible
from migrate.report.words import count

INTRODUCTION = (
    "Conversations calls the same URLs with other event names and parameters. Change the programs behind them: "
    "settings alone do not keep them working."
)
NO_EVENTS = "No event: the filters name none of a phase that has a URL."


def folded(service: ServiceReport) -> frozenset[str]:
    """Return the sources of the fields that wait for a person and that the routing table tells instead."""
    table = service.receivers and service.receivers.routing
    tabled = table.sources if table else frozenset()
    return frozenset(row.source for row in service.fields if row.verdict is Verdict.MANUAL) & tabled


def routing(service: ServiceReport, tabled: frozenset[str]) -> Iterator[Block]:
    """Yield the routing table of a service, with why there is one and what to do with it."""
    table = service.receivers and service.receivers.routing
    if not table or not tabled:
        return
    yield Prose((Span("manual", "manual"), Span(f" {_routing_reason(table)}")))
    cells = [(one.phase.value, one.event, visible(one.method), show(one.url)) for one in table.routes]
    rows = [tuple(text(cell, "code") for cell in row) for row in cells]
    told = Table(("phase", "EventType", "method", "URL"), rows)
    yield Fold(text(f"{count(len(tabled), 'field')} webhooks.on_* as one routing table"), (told,))


def _routing_reason(table: Routing) -> str:
    urls = " and ".join(f"{phase.value}_webhook_url" for phase, _ in table.obstacles)
    sentences = [
        "Conversations has one URL per phase, not one per event. Put up one endpoint that routes on EventType as in "
        f"this table, let {urls} name it, and add these events to the filters.",
        f"Not merged: {'; '.join(dict.fromkeys(visible(why) for _, why in table.obstacles))}.",
    ]
    if table.doubled:
        sentences.append(
            f"Several URLs want {listed(table.doubled)}: Twilio does not document which of them Chat called, so "
            "look it up in the logs of their receivers."
        )
    return " ".join(sentences)


def calls(service: ServiceReport) -> Iterator[Block]:
    """Yield the URLs that Conversations will call for a service."""
    receivers = service.receivers
    if receivers is None or not receivers.calls:
        return
    method = receivers.method or "GET or POST (choose one)"
    yield Bullets([
        (Span(f"{call.phase.value}-event webhook: {visible(method)} "), Span(show(call.url), "code"))
        for call in receivers.calls
    ])  # fmt: skip


def handlers(found: Digest) -> Iterator[Block]:
    """Yield what the receivers of webhooks will see, once for all services with the same events."""
    if not found.handlers:
        return
    groups = sorted(found.handlers.items(), key=lambda one: (-one[1].services, one[1].numbers[0]))
    services = sum(group.services for _, group in groups)
    yield Heading(text(f"Webhook handlers must change: {count(services, 'service')}"), anchor="receivers")
    yield Prose(text(INTRODUCTION))
    for events, group in groups:
        yield Card("change", tuple(_events(events)) or (Prose(text(NO_EVENTS)),), found.places(group))
    rows = [
        (text(change.chat, "code"), text(change.conversations), text(change.certainty, "quiet"))
        for change in PARAMETERS
    ]
    yield Heading(text("Parameters, in every event that has them"), level=3)
    yield Table(("In Chat", "In Conversations", "How sure"), rows)
    yield Prose(text(PRE_EVENT_ANSWERS))


def _events(events: tuple[EventChange, ...]) -> Iterator[Block]:
    for phase in Phase:
        told: list[Span] = []
        for event in events:
            if event.phase is phase:
                told += [Span("; " if told else f"{phase.value}-event: "), *_event(event)]
        if told:
            yield Prose(tuple(told))


def _event(event: EventChange) -> Inline:
    chat = Span(visible(event.chat), "code")
    note = Span(f" ({event.note})" if event.note else "", "quiet")
    if event.chat == event.conversations:
        return chat, Span(" (same name)", "quiet"), note
    return chat, Span(" → "), Span(visible(event.conversations), "code"), note
