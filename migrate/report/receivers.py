"""What concerns the programs behind webhooks, in the words that text, markdown and HTML share."""

from __future__ import annotations

from collections.abc import Sequence

from mappings.values import listed
from mappings.webhooks.filters import Phase
from mappings.webhooks.receivers import (
    PARAMETERS,
    PRE_EVENT_ANSWERS,
    EventChange,
    ParameterChange,
    Receivers,
    Routing,
)
from migrate.report.model import ServiceReport

HEADING = "Webhook handlers must change"
INTRODUCTION = (
    "Conversations calls the same URLs, but with other event names and parameters: settings alone do not keep the "
    "programs behind them working."
)
NO_EVENTS = "No event: the filters name none of a phase that has a URL."
PARAMETERS_HEADING = "Parameters, in every event that has them"
ANSWERS = PRE_EVENT_ANSWERS


def folded(service: ServiceReport) -> frozenset[str]:
    """Returns the sources of the fields that wait for a person and that the routing table tells instead."""
    routing = service.receivers and service.receivers.routing
    if not routing:
        return frozenset()
    return frozenset(
        row.source for row in service.fields if row.verdict == "manual" and row.source in routing.sources
    )


def routing_reason(routing: Routing) -> str:
    """Returns why there is a routing table and what to do with it."""
    phases = [phase for phase, _ in routing.obstacles]
    urls = " and ".join(f"{phase.value}_webhook_url" for phase in phases)
    sentences = [
        "Conversations has one URL per phase, not one per event. Put up one endpoint that routes on EventType as in "
        f"this table, let {urls} name it, and add these events to the filters.",
        f"Not merged: {'; '.join(dict.fromkeys(text for _, text in routing.obstacles))}.",
    ]
    if routing.doubled:
        sentences.append(
            f"Several URLs want {listed(routing.doubled)}: Twilio does not document which of them Chat called, so "
            "look it up in the logs of their receivers."
        )
    return " ".join(sentences)


def events_of(events: Sequence[EventChange]) -> list[tuple[Phase, list[EventChange]]]:
    """Returns the events by phase, without phases that have none."""
    by_phase = [(phase, [event for event in events if event.phase is phase]) for phase in Phase]
    return [(phase, found) for phase, found in by_phase if found]


def event_text(event: EventChange) -> str:
    """Returns `onMessageSent → onMessageAdded (fires for messages with media too)`."""
    same = event.chat == event.conversations
    name = f"{event.chat} (same name)" if same else f"{event.chat} → {event.conversations}"
    return f"{name} ({event.note})" if event.note else name


def method_text(receivers: Receivers) -> str:
    """Returns the method of the calls."""
    return receivers.method or "GET or POST, to be chosen:"


def parameters() -> list[tuple[str, list[ParameterChange]]]:
    """Returns the parameters that change, by how sure that is."""
    by_certainty: dict[str, list[ParameterChange]] = {}
    for change in PARAMETERS:
        by_certainty.setdefault(change.certainty, []).append(change)
    return list(by_certainty.items())
