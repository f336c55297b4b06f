"""The vocabularies of both APIs, as Twilio's reference pages list them.

The simulator keeps its own small tables, so that it can judge a translation made with other ones.
"""

from __future__ import annotations

CONVERSATIONS_PERMISSION = {
    "addMember": "addParticipant",
    "createChannel": "createConversation",
    "deleteAnyMessage": "deleteAnyMessage",
    "deleteOwnMessage": "deleteOwnMessage",
    "destroyChannel": "deleteConversation",
    "editAnyMemberAttributes": "editAnyParticipantAttributes",
    "editAnyMessage": "editAnyMessage",
    "editAnyMessageAttributes": "editAnyMessageAttributes",
    "editAnyUserInfo": "editAnyUserInfo",
    "editChannelAttributes": "editConversationAttributes",
    "editChannelName": "editConversationName",
    "editNotificationLevel": "editNotificationLevel",
    "editOwnMemberAttributes": "editOwnParticipantAttributes",
    "editOwnMessage": "editOwnMessage",
    "editOwnMessageAttributes": "editOwnMessageAttributes",
    "editOwnUserInfo": "editOwnUserInfo",
    "joinChannel": "joinConversation",
    "leaveChannel": "leaveConversation",
    "removeMember": "removeParticipant",
    "sendMediaMessage": "sendMediaMessage",
    "sendMessage": "sendMessage",
}
"""Chat permission → Conversations permission (Twilio docs, Role resource of both APIs)."""

STORED_PERMISSION = {new: old for old, new in CONVERSATIONS_PERMISSION.items()} | {
    "addNonChatParticipant": "addNonChatParticipant"
}
"""Conversations permission → the word under which a role stores it: Chat's, where Chat has one."""

CHAT_PERMISSIONS = frozenset(CONVERSATIONS_PERMISSION) | {"inviteMember"}

CONVERSATIONS_ROLE_TYPE = {"channel": "conversation", "deployment": "service"}
STORED_ROLE_TYPE = {new: old for old, new in CONVERSATIONS_ROLE_TYPE.items()}

CHAT_FILTERS = frozenset(
    f"on{thing}{event}"
    for thing, events in {
        "Message": ("Send", "Sent", "Update", "Updated", "Remove", "Removed"),
        "MediaMessage": ("Send", "Sent"),
        "Channel": ("Add", "Added", "Update", "Updated", "Destroy", "Destroyed"),
        "Member": ("Add", "Added", "Update", "Updated", "Remove", "Removed"),
        "User": ("Added", "Update", "Updated"),
    }.items()
    for event in events
)
"""The 23 values of `webhook_filters` (Twilio docs, Chat webhook events)."""

SERVICE_FILTERS = frozenset(
    f"on{thing}{event}"
    for thing in ("Message", "Conversation", "Participant")
    for event in ("Add", "Added", "Update", "Updated", "Remove", "Removed")
) | {"onConversationStateUpdated", "onDeliveryUpdated"}
"""The 20 filters that Twilio documents for the webhooks of one Conversation Service."""

USER_FILTERS = frozenset({"onUserAdded", "onUserUpdate", "onUserUpdated"})
"""Documented for the whole account; whether a single service accepts them is not documented."""

V1_EVENTS = tuple(
    f"On{thing}{event}"
    for thing, events in {
        "Message": ("Send", "Sent", "Update", "Updated", "Remove", "Removed"),
        "Channel": ("Add", "Added", "Destroy", "Destroyed", "Update", "Updated"),
        "Member": ("Add", "Added", "Remove", "Removed"),
    }.items()
    for event in events
)
"""The 16 events that Chat v1 can send to a URL each: `Webhooks.<event>.Url`."""

REFUSED_PERMISSIONS = {
    "deployment": frozenset({"leaveChannel", "sendMessage", "sendMediaMessage", "deleteOwnMessage"}),
    "channel": frozenset({"createChannel", "joinChannel"}),
}
"""Permissions that a role of the type cannot have (Twilio docs, Role resource); what they leave open is allowed."""

DEFAULT_ROLES = {
    "service admin": (
        "deployment",
        (
            "addMember",
            "createChannel",
            "deleteAnyMessage",
            "destroyChannel",
            "editAnyMessage",
            "editAnyMessageAttributes",
            "editAnyUserInfo",
            "editChannelAttributes",
            "editChannelName",
            "inviteMember",
            "joinChannel",
            "removeMember",
        ),
    ),
    "service user": ("deployment", ("createChannel", "joinChannel", "editOwnUserInfo")),
    "channel admin": (
        "channel",
        (
            "addMember",
            "deleteAnyMessage",
            "destroyChannel",
            "editAnyMemberAttributes",
            "editAnyMessage",
            "editAnyMessageAttributes",
            "editChannelAttributes",
            "editChannelName",
            "editNotificationLevel",
            "inviteMember",
            "leaveChannel",
            "removeMember",
            "sendMediaMessage",
            "sendMessage",
        ),
    ),
    "channel user": (
        "channel",
        (
            "deleteOwnMessage",
            "editNotificationLevel",
            "editOwnMessage",
            "editOwnMessageAttributes",
            "leaveChannel",
            "sendMediaMessage",
            "sendMessage",
        ),
    ),
}
"""The roles that a service is born with: name → (Chat role type, Chat permissions).

Their names stay the same when Conversations creates the service.
"""

CONFIGURATION_SETTINGS = {
    "default_conversation_creator_role_sid": "default_channel_creator_role_sid",
    "default_conversation_role_sid": "default_channel_role_sid",
    "default_chat_service_role_sid": "default_service_role_sid",
    "reachability_enabled": "reachability_enabled",
}
"""What Conversations shows as configuration: its name → the name under which the shared service holds it."""

DEFAULT_ROLE_SETTINGS = {
    "default_service_role_sid": "service user",
    "default_channel_role_sid": "channel user",
    "default_channel_creator_role_sid": "channel admin",
}
"""Which of them a new service uses by default, by the name of the Chat property."""


def snake(name: str) -> str:
    """Turn a form's word into a property's: `OnMessageSend` → `on_message_send`."""
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_")
