"""What a role may do: Chat's permission names in Conversations' words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from mappings.values import distinct

RENAMED: Mapping[str, str] = {
    "createChannel": "createConversation",
    "joinChannel": "joinConversation",
    "destroyChannel": "deleteConversation",
    "leaveChannel": "leaveConversation",
    "addMember": "addParticipant",
    "removeMember": "removeParticipant",
    "editChannelName": "editConversationName",
    "editChannelAttributes": "editConversationAttributes",
    "editAnyMemberAttributes": "editAnyParticipantAttributes",
    "editOwnMemberAttributes": "editOwnParticipantAttributes",
}
"""Chat permission → Conversations permission (Twilio docs, Chat and Conversations Role resources)."""

UNCHANGED: frozenset[str] = frozenset(
    {
        "sendMessage",
        "sendMediaMessage",
        "deleteOwnMessage",
        "deleteAnyMessage",
        "editAnyMessage",
        "editAnyMessageAttributes",
        "editOwnMessage",
        "editOwnMessageAttributes",
        "editAnyUserInfo",
        "editOwnUserInfo",
        "editNotificationLevel",
    }
)
"""Permissions with one name in both APIs."""

NO_EQUIVALENT: frozenset[str] = frozenset({"inviteMember"})
"""Conversations has no invites (Twilio docs, Migrating from Programmable Chat to Conversations)."""

CONVERSATIONS: frozenset[str] = UNCHANGED | frozenset(RENAMED.values()) | {"addNonChatParticipant"}
"""Every permission that Conversations knows; they pass unchanged."""


@dataclass(frozen=True)
class PermissionTranslation:
    """A role's permissions, sorted by what became of them.

    Attributes:
        names: what the role gets, without duplicates, in Chat's order.
        renamed: the Chat names among the source that have a new name.
        lost: the Chat names that have no equivalent.
        unknown: the names that neither API documents; Twilio refuses them (error 50104).
    """

    names: tuple[str, ...]
    renamed: tuple[str, ...]
    lost: tuple[str, ...]
    unknown: tuple[str, ...]


def translate_permissions(names: Iterable[str]) -> PermissionTranslation:
    """Translates a role's permissions; names of Conversations' own pass unchanged."""
    given = distinct(names)
    translated = (RENAMED.get(name, name) for name in given)
    return PermissionTranslation(
        names=distinct(name for name in translated if name in CONVERSATIONS),
        renamed=tuple(name for name in given if name in RENAMED),
        lost=tuple(name for name in given if name in NO_EQUIVALENT),
        unknown=tuple(name for name in given if not name_is_known(name)),
    )


def name_is_known(name: str) -> bool:
    """Whether Chat or Conversations documents the permission."""
    return name in RENAMED or name in CONVERSATIONS or name in NO_EQUIVALENT
