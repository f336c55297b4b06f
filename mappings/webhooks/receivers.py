"""What the receivers of a service's webhooks will see: events under new names, parameters under new names.

Translated settings make Conversations call the same URLs; the programs behind them must change as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from mappings.leaves import ChatService, ServiceLeaves
from mappings.model import Json
from mappings.values import ValueType, distinct, fits, is_empty, quote
from mappings.webhooks.filters import (
    CHAT,
    FilterTranslation,
    Phase,
    new_name,
    phase_of,
    translate_filters,
)
from mappings.webhooks.merging import (
    DEFAULT_METHOD,
    EventWebhook,
    WebhookMerge,
    merge_webhooks,
)


@dataclass(frozen=True)
class EventChange:
    """One event that a receiver sees: its name in Chat and in Conversations, often the same.

    Attributes:
        note: when the new event fires for more than the old one, what it fires for; otherwise "".
    """

    phase: Phase
    chat: str
    conversations: str
    note: str = ""


@dataclass(frozen=True)
class WebhookCall:
    """A URL that Conversations will call for the events of one phase."""

    phase: Phase
    url: str


@dataclass(frozen=True)
class EventRoute:
    """What an endpoint that receives all events of a phase must do with one of them.

    Attributes:
        method: how; it need not be one that Conversations itself could use.
    """

    phase: Phase
    event: str
    url: str
    method: str


@dataclass(frozen=True)
class Routing:
    """The per-event webhooks of Chat v1 that do not merge into one URL per phase, as one table.

    Attributes:
        obstacles: phase and why its webhooks do not merge, `the pre-event webhooks call different URLs`.
        sources: the source paths that the table stands for, `webhooks.on_message_send.url`.
    """

    obstacles: tuple[tuple[Phase, str], ...]
    routes: tuple[EventRoute, ...]
    sources: frozenset[str]

    @property
    def doubled(self) -> tuple[str, ...]:
        """The events that several URLs want."""
        events = [route.event for route in self.routes]
        return distinct(event for event in events if events.count(event) > 1)


@dataclass(frozen=True)
class Receivers:
    """The receivers of one service's webhooks.

    Attributes:
        method: how it calls them; None if an operator must choose.
        routing: the table for per-event URLs that do not merge, or None.
    """

    calls: tuple[WebhookCall, ...]
    method: str | None
    events: tuple[EventChange, ...]
    routing: Routing | None


@dataclass(frozen=True)
class ParameterChange:
    """Parameters of a webhook request: names in Chat, what stands for them, and how sure that is."""

    chat: str
    conversations: str
    certainty: str


_DOCUMENTED = "Twilio documents the new name; the old one is known from receivers in use"
_IN_USE = "known from receivers in use, not from Twilio's documentation"
_INFERRED = "inferred: Twilio publishes no table of it"

PARAMETERS = (
    ParameterChange("ChannelSid", "ConversationSid", _DOCUMENTED),
    ParameterChange("InstanceSid", "ChatServiceSid", _DOCUMENTED),
    ParameterChange("MemberSid", "ParticipantSid", _DOCUMENTED),
    ParameterChange("From", "Author", _DOCUMENTED),
    ParameterChange(
        "MediaSid, MediaFilename, MediaContentType, MediaSize",
        "Media, a JSON array with an object for each",
        _IN_USE,
    ),
    ParameterChange("EventType with Chat's names", "EventType with the names above", _INFERRED),
    ParameterChange("ChannelType", "gone: every conversation is private", _INFERRED),
    ParameterChange(
        "(new)",
        "MessagingServiceSid, MessagingBinding.*, State, Source, RetryCount, ClientIdentity",
        "Twilio documents most of them; a receiver may ignore them",
    ),
)
"""Form parameters that change in every event that has them (Twilio docs, Conversations Webhooks and Chat Webhook
Events)."""

PRE_EVENT_ANSWERS = (
    "A pre-event receiver accepts with HTTP 200 and an empty body or `{}`, changes a conversation's friendly_name or a "
    "message's body, author or attributes with HTTP 200 and JSON, and rejects with any 4xx or 5xx; after 5 seconds "
    "without an answer Conversations goes on unmodified. Twilio does not document whether Chat understood the same "
    "JSON, so test each receiver that answers with some."
)
"""Twilio docs, Conversations Webhooks."""


def receivers(service: ChatService, refused: frozenset[str] = frozenset()) -> Receivers | None:
    """Return what the receivers of a service's webhooks will see; total over any JSON, never raises.

    Args:
        refused: Conversations filters that Twilio has refused for the target, so that they call nobody.

    Returns:
        None if the service has no webhook.
    """
    source = ServiceLeaves.of(service, same_service=True)
    merge = merge_webhooks(source)
    events = merge.events
    routing = _routing(source, merge, events)
    calls = tuple(WebhookCall(phase, _text(url)) for phase, url in merge.urls.items() if url is not None)
    if not calls and routing is None:
        return None
    method = merge.merged_method or merge.shared.method
    return Receivers(calls, method, tuple(_changes(merge, events, refused)), routing)


_ByPhase = Mapping[Phase, tuple[EventWebhook, ...]]


def _changes(merge: WebhookMerge, events: _ByPhase, refused: frozenset[str]) -> Iterator[EventChange]:
    """Yield the events of each phase: those of its filters, if they call anybody, then the per-event ones."""
    for phase in Phase:
        filters = merge.shared.filters if merge.urls[phase] is not None else ()
        called = [name for name in filters or () if phase_of(name) is phase]
        names = distinct((*called, *(webhook.filter for webhook in events[phase])))
        translated = translate_filters(names)
        for name in names:
            if new_name(name) not in refused:
                yield EventChange(phase, name, new_name(name), _note(name, translated))


def _note(name: str, translated: FilterTranslation) -> str:
    if name in translated.widened:
        return "fires for every message, with or without media"
    return "fires for messages with media too" if name in translated.grown else ""


def _routing(source: ServiceLeaves, merge: WebhookMerge, events: _ByPhase) -> Routing | None:
    if not merge.obstacles:
        return None
    obstacles = tuple((phase, merge.obstacles[phase]) for phase in Phase if phase in merge.obstacles)
    shared_method = _method(source.value("webhook_method"))
    routes = [
        route for phase, _ in obstacles for route in _routes(merge, phase, events[phase], shared_method)
    ]
    unmerged = [webhook for phase, _ in obstacles for webhook in events[phase]]
    return Routing(obstacles, tuple(dict.fromkeys(routes)), frozenset(_sources(unmerged)))


def _routes(
    merge: WebhookMerge, phase: Phase, events: Iterable[EventWebhook], shared_method: str
) -> Iterator[EventRoute]:
    for webhook in events:
        yield EventRoute(phase, CHAT[webhook.filter], _text(webhook.url), _method(webhook.chat_method))
    shared = merge.shared.urls[phase]
    for name in merge.shared.filters or ():
        if shared is not None and phase_of(name) is phase:
            yield EventRoute(phase, new_name(name), _text(shared), shared_method)


def _sources(webhooks: Iterable[EventWebhook]) -> Iterator[str]:
    """Yield the fields that the table tells whole; a value of the wrong type keeps its own row and reason."""
    for webhook in webhooks:
        if fits(ValueType.TEXT, webhook.url):
            yield f"webhooks.{webhook.event}.url"
        if fits(ValueType.METHOD, webhook.chat_method) and webhook.chat_method:
            yield f"webhooks.{webhook.event}.method"


def _method(value: Json) -> str:
    if is_empty(value):
        return DEFAULT_METHOD
    return value.upper() if isinstance(value, str) else quote(value)


def _text(url: Json) -> str:
    return url if isinstance(url, str) else quote(url)
