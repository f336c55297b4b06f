"""What the receivers of a service's webhooks will see, as a plan keeps it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mappings import ChatService
from mappings.webhooks.filters import Phase
from mappings.webhooks.receivers import EventChange, EventRoute, Receivers, Routing, WebhookCall, receivers

Json = Any


def receivers_of(service: ChatService, refused: frozenset[str]) -> Mapping[str, Json] | None:
    """Return what the receivers of a service's webhooks will see, as JSON; None if it has no webhook."""
    found = receivers(service, refused)
    if found is None:
        return None
    routing = found.routing and {
        "obstacles": found.routing.obstacles,
        "routes": [vars(route) for route in found.routing.routes],
        "sources": sorted(found.routing.sources),
    }
    return {
        "calls": [vars(call) for call in found.calls],
        "method": found.method,
        "events": [vars(event) for event in found.events],
        "routing": routing,
    }


def receivers_from_json(value: Mapping[str, Json] | None) -> Receivers | None:
    """Return what `receivers_of` has turned into JSON."""
    if value is None:
        return None
    return Receivers(
        calls=tuple(WebhookCall(Phase(call["phase"]), call["url"]) for call in value["calls"]),
        method=value["method"],
        events=tuple(EventChange(**{**event, "phase": Phase(event["phase"])}) for event in value["events"]),
        routing=_routing(value["routing"]),
    )


def _routing(value: Mapping[str, Json] | None) -> Routing | None:
    if value is None:
        return None
    return Routing(
        obstacles=tuple((Phase(phase), why) for phase, why in value["obstacles"]),
        routes=tuple(EventRoute(**{**route, "phase": Phase(route["phase"])}) for route in value["routes"]),
        sources=frozenset(value["sources"]),
    )
