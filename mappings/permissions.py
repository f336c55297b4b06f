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

REFUSED: Mapping[str, frozenset[str]] = {
    "service": frozenset({"leaveConversation", "sendMessage", "sendMediaMessage", "deleteOwnMessage"}),
    "conversation": frozenset({"createConversation", "joinConversation"}),
}
"""Role type in Conversations → permissions that it cannot have (Twilio docs, Conversations Role resource). Those that
the page does not list at all are left to Twilio to judge."""


@dataclass(frozen=True)
class PermissionTranslation:
    """A role's permissions, sorted by what became of them.

    Attributes:
        misplaced: the Conversations names that a role of this type cannot have; Twilio would refuse the whole role
            (error 50104).
        unknown: the names that neither API documents; Twilio would refuse them likewise.
    """

    names: tuple[str, ...]
    renamed: tuple[str, ...]
    lost: tuple[str, ...]
    misplaced: tuple[str, ...]
    unknown: tuple[str, ...]


def translate_permissions(names: Iterable[str], role_type: str) -> PermissionTranslation:
    """Return a role's permissions in Conversations' words; names of Conversations' own pass unchanged.

    Args:
        names: Chat's or Conversations' names.
        role_type: the role's type in Conversations; of another one, nothing is misplaced.
    """
    given = distinct(names)
    refused = REFUSED.get(role_type, frozenset())
    known = distinct(name for name in (RENAMED.get(name, name) for name in given) if name in CONVERSATIONS)
    return PermissionTranslation(
        names=tuple(name for name in known if name not in refused),
        renamed=tuple(name for name in given if name in RENAMED and RENAMED[name] not in refused),
        lost=tuple(name for name in given if name in NO_EQUIVALENT),
        misplaced=tuple(name for name in known if name in refused),
        unknown=tuple(name for name in given if not name_is_known(name)),
    )


def name_is_known(name: str) -> bool:
    """Return whether Chat or Conversations documents the permission."""
    return name in RENAMED or name in CONVERSATIONS or name in NO_EQUIVALENT
