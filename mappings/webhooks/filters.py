"""Which events call a webhook: Chat's filter names in Conversations' words."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum

from mappings.values import distinct


class Phase(str, Enum):
    """When a webhook is called: before the event, which it may then refuse, or after it."""

    PRE = "pre"
    POST = "post"


CHAT: Mapping[str, str] = {
    "onMessageSend": "onMessageAdd",
    "onMessageSent": "onMessageAdded",
    "onMediaMessageSend": "onMessageAdd",
    "onMediaMessageSent": "onMessageAdded",
    "onMessageUpdate": "onMessageUpdate",
    "onMessageUpdated": "onMessageUpdated",
    "onMessageRemove": "onMessageRemove",
    "onMessageRemoved": "onMessageRemoved",
    "onChannelAdd": "onConversationAdd",
    "onChannelAdded": "onConversationAdded",
    "onChannelUpdate": "onConversationUpdate",
    "onChannelUpdated": "onConversationUpdated",
    "onChannelDestroy": "onConversationRemove",
    "onChannelDestroyed": "onConversationRemoved",
    "onMemberAdd": "onParticipantAdd",
    "onMemberAdded": "onParticipantAdded",
    "onMemberUpdate": "onParticipantUpdate",
    "onMemberUpdated": "onParticipantUpdated",
    "onMemberRemove": "onParticipantRemove",
    "onMemberRemoved": "onParticipantRemoved",
    "onUserUpdate": "onUserUpdate",
    "onUserAdded": "onUserAdded",
    "onUserUpdated": "onUserUpdated",
}
"""All 23 Chat filters → Conversations filter. Twilio publishes both lists (Chat Webhook Events and Conversations
Webhooks) but no table between them: names belong together whose events are described in the same words."""

_PRE = frozenset(
    f"on{thing}{change}"
    for thing in ("Message", "Conversation", "Participant")
    for change in ("Add", "Update", "Remove")
) | {"onUserUpdate"}

CONVERSATIONS: Mapping[str, Phase] = {
    **{name: Phase.PRE if name in _PRE else Phase.POST for name in CHAT.values()},
    "onConversationStateUpdated": Phase.POST,
    "onDeliveryUpdated": Phase.POST,
}
"""Every Conversations filter and its phase (Twilio docs, Conversations Webhooks); they pass unchanged."""

UNCERTAIN: frozenset[str] = frozenset({"onUserAdded", "onUserUpdate", "onUserUpdated"})
"""Filters that Twilio lists for the webhooks of an account, but not for those of a Conversation Service."""

_WHOLE_OF_MEDIA = {"onMediaMessageSend": "onMessageSend", "onMediaMessageSent": "onMessageSent"}


@dataclass(frozen=True)
class FilterTranslation:
    """Webhook filters in Conversations' words.

    Attributes:
        widened: those of them that meant messages with media only, and now mean every message.
        grown: those of them that meant messages without media, and now include those with media.
        unknown: the names that neither API documents.
    """

    names: tuple[str, ...]
    renamed: tuple[str, ...]
    widened: tuple[str, ...]
    grown: tuple[str, ...]
    unknown: tuple[str, ...]


def translate_filters(names: Iterable[str]) -> FilterTranslation:
    """Return webhook filters in Conversations' words; names of Conversations' own pass unchanged."""
    given = distinct(names)
    return FilterTranslation(
        names=distinct(new_name(name) for name in given if phase_of(name)),
        renamed=tuple(name for name in given if new_name(name) != name),
        widened=tuple(name for name in given if _is_widened(name, given)),
        grown=tuple(whole for part, whole in _WHOLE_OF_MEDIA.items() if whole in given and part not in given),
        unknown=tuple(name for name in given if not phase_of(name)),
    )


def new_name(name: str) -> str:
    """Return the Conversations name of a filter; an unknown one is its own."""
    return CHAT.get(name, name)


def phase_of(name: str) -> Phase | None:
    """Return the phase of a Chat or Conversations filter, or None if neither API documents it."""
    return CONVERSATIONS.get(new_name(name))


def _is_widened(name: str, given: Collection[str]) -> bool:
    whole = _WHOLE_OF_MEDIA.get(name)
    return whole is not None and whole not in given and CHAT[whole] not in given
