"""The one webhook per phase that a Conversation Service has, made of all that Chat has.

Chat v1 has a URL for each of 16 events, besides the pre- and post-event URLs that v1 and v2 share. Conversations has
the latter only. The URLs of a phase are merged into one if nothing that happens today changes by it; otherwise
they are left to the operator.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from mappings.leaves import ServiceLeaves
from mappings.model import Api, Json
from mappings.values import ValueType, fits, is_empty, listed
from mappings.webhooks.filters import (
    CHAT,
    FilterTranslation,
    Phase,
    new_name,
    phase_of,
    translate_filters,
)

METHODS = ("GET", "POST")
"""The methods of a Conversations webhook (Twilio docs, Conversations Service Webhook resource)."""

DEFAULT_METHOD = "POST"
"""Twilio docs, Chat Services resource, webhook_method."""

EVENTS: Mapping[str, str] = {
    "on_message_send": "onMessageSend",
    "on_message_update": "onMessageUpdate",
    "on_message_remove": "onMessageRemove",
    "on_channel_add": "onChannelAdd",
    "on_channel_destroy": "onChannelDestroy",
    "on_channel_update": "onChannelUpdate",
    "on_member_add": "onMemberAdd",
    "on_member_remove": "onMemberRemove",
    "on_message_sent": "onMessageSent",
    "on_message_updated": "onMessageUpdated",
    "on_message_removed": "onMessageRemoved",
    "on_channel_added": "onChannelAdded",
    "on_channel_destroyed": "onChannelDestroyed",
    "on_channel_updated": "onChannelUpdated",
    "on_member_added": "onMemberAdded",
    "on_member_removed": "onMemberRemoved",
}
"""Event of Chat v1's `webhooks` → the Chat filter of the same event (Twilio docs, Chat v1 Services resource)."""

PHASES: Mapping[str, Phase] = {
    event: Phase.POST if event.endswith(("ed", "sent")) else Phase.PRE for event in EVENTS
}


@dataclass(frozen=True)
class EventWebhook:
    """One per-event webhook that has a URL, with its method as in Chat."""

    event: str
    url: Json
    chat_method: Json

    @property
    def filter(self) -> str:
        """The Chat filter of this event."""
        return EVENTS[self.event]

    @property
    def method(self) -> str | None:
        """The method in Conversations, or None if it has no such method."""
        return method_of(self.chat_method)


@dataclass(frozen=True)
class SharedWebhooks:
    """The pre- and post-event webhooks that Chat v1 and v2 share.

    Attributes:
        urls: by phase; None if not set.
        method: in upper case; None if Conversations has no such method.
        filters: as in Chat; None if they are no list of strings.
    """

    urls: Mapping[Phase, Json]
    method: str | None
    filters: tuple[str, ...] | None
    not_examined: Mapping[str, str]

    @property
    def in_use(self) -> bool:
        """Whether any URL is set."""
        return any(url is not None for url in self.urls.values())


@dataclass(frozen=True)
class WebhookMerge:
    """What the service's webhooks will be, once the per-event ones are merged in.

    Attributes:
        events: the per-event webhooks that have a URL, by phase.
        merged: the per-event webhooks that are merged, by phase; a phase without is absent.
        obstacles: why the per-event webhooks of a phase are not merged; a phase that is merged, or has none, is absent.
        urls: the effective URLs by phase; None if there is none.
    """

    shared: SharedWebhooks
    events: Mapping[Phase, tuple[EventWebhook, ...]]
    merged: Mapping[Phase, tuple[EventWebhook, ...]]
    obstacles: Mapping[Phase, str]
    urls: Mapping[Phase, Json]
    filters: FilterTranslation
    events_examined: bool

    @property
    def in_use(self) -> bool:
        """Whether any webhook will be called."""
        return any(url is not None for url in self.urls.values())

    @property
    def merged_events(self) -> tuple[str, ...]:
        """The merged per-event webhooks, `on_message_send`."""
        return tuple(hook.event for hooks in self.merged.values() for hook in hooks)

    @property
    def merged_method(self) -> str | None:
        """The method of the merged webhooks, or None if nothing is merged."""
        return next((hook.method for hooks in self.merged.values() for hook in hooks), None)


def method_of(value: Json) -> str | None:
    """Return the HTTP method in upper case, Chat's default if empty, or None if Conversations has no such method."""
    if is_empty(value):
        return DEFAULT_METHOD
    method = value.upper() if isinstance(value, str) else ""
    return method if method in METHODS else None


def merge_webhooks(source: ServiceLeaves) -> WebhookMerge:
    """Decide once, for all fields, what the service's webhooks will be."""
    shared, hooks = _read_shared(source), _read_events(source)
    obstacles = _obstacles(hooks, shared)
    merged = {phase: found for phase, found in hooks.items() if found and phase not in obstacles}
    urls = {phase: merged[phase][0].url if phase in merged else shared.urls[phase] for phase in Phase}
    events = tuple(hook.filter for found in merged.values() for hook in found)
    return WebhookMerge(
        shared=shared,
        events=hooks,
        merged=merged,
        obstacles=obstacles,
        urls=urls,
        filters=translate_filters((*(shared.filters or ()), *events)),
        events_examined=source.all_examined
        or not any(source.why_not_examined(f"webhooks.{event}.url", Api.V1) for event in EVENTS),
    )


_SHARED = ("pre_webhook_url", "post_webhook_url", "webhook_method", "webhook_filters")


def _read_shared(source: ServiceLeaves) -> SharedWebhooks:
    filters = source.value("webhook_filters")
    readable = is_empty(filters) or fits(ValueType.NAMES, filters)
    return SharedWebhooks(
        urls={phase: _url(source.value(f"{phase.value}_webhook_url")) for phase in Phase},
        method=method_of(source.value("webhook_method")),
        filters=tuple(filters or ()) if readable else None,
        not_examined={}
        if source.all_examined
        else {field: why for field in _SHARED if (why := source.why_not_examined(field))},
    )


def _read_events(source: ServiceLeaves) -> Mapping[Phase, tuple[EventWebhook, ...]]:
    """Return the per-event webhooks that have a URL, by phase."""
    found: dict[Phase, tuple[EventWebhook, ...]] = dict.fromkeys(Phase, ())
    for event, phase in PHASES.items():
        leaf = source.leaves.get(f"webhooks.{event}.url")
        if leaf and not is_empty(leaf.value):
            method = source.value(f"webhooks.{event}.method")
            found[phase] += (EventWebhook(event, leaf.value, method),)
    return found


def _url(value: Json) -> Json:
    return None if is_empty(value) else value


def _obstacles(hooks: Mapping[Phase, tuple[EventWebhook, ...]], shared: SharedWebhooks) -> dict[Phase, str]:
    """Return why the per-event webhooks of a phase cannot be merged, for each phase that has some that cannot."""
    obstacles = {}
    for phase, found in hooks.items():
        obstacle = next(_obstacles_of(phase, found, shared), None) if found else None
        if obstacle:
            obstacles[phase] = obstacle
    clear = [found for phase, found in hooks.items() if found and phase not in obstacles]
    if len({found[0].method for found in clear}) > 1:
        text = (
            "the pre- and the post-event webhooks use different methods, and Conversations has one for both"
        )
        obstacles = dict.fromkeys(Phase, text)
    return obstacles


def _obstacles_of(phase: Phase, hooks: tuple[EventWebhook, ...], shared: SharedWebhooks) -> Iterator[str]:
    url, methods = hooks[0].url, {hook.method for hook in hooks}
    if shared.not_examined:
        yield f"{listed(shared.not_examined)} was not examined"
    if not all(isinstance(hook.url, str) for hook in hooks):
        yield "one of the URLs is not a string"
    if any(hook.url != url for hook in hooks):
        yield f"the {phase.value}-event webhooks call different URLs"
    if shared.urls[phase] not in (None, url):
        yield f"{phase.value}_webhook_url holds another URL"
    if None in methods or len(methods) > 1:
        yield "their methods differ, or are neither GET nor POST"
    if shared.in_use and methods != {shared.method}:
        yield "their method is not that of webhook_method, and Conversations has one for all"
    yield from _filter_obstacles(phase, hooks, shared)


def _filter_obstacles(phase: Phase, hooks: tuple[EventWebhook, ...], shared: SharedWebhooks) -> Iterator[str]:
    if shared.filters is None:
        yield "webhook_filters is not a list of strings"
    events = {CHAT[hook.filter] for hook in hooks}
    idle = [name for name in shared.filters or () if phase_of(name) is phase and new_name(name) not in events]
    if idle and shared.urls[phase] is None:
        yield f"webhook_filters also names {listed(idle)}, which call nobody now and would start to call this URL"
