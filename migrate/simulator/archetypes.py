"""Twelve kinds of Chat Services, each with its own difficulty for whoever migrates it.

Together they hold every setting in a state that matters: equal in both APIs, not configured, in old words,
drifted, without an equivalent, contradictory. The companies are fictional.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from migrate.simulator import words
from migrate.simulator.shelves import Channel
from migrate.simulator.world import Service, make_sid

Json = Any

EVENTS = {
    "onMessageSend": "onMessageAdd",
    "onMessageSent": "onMessageAdded",
    "onMessageUpdated": "onMessageUpdated",
    "onChannelDestroyed": "onConversationRemoved",
    "onMemberAdd": "onParticipantAdd",
    "onMemberAdded": "onParticipantAdded",
}
"""What an ordinary service subscribes to: Chat's word, Conversations' word."""

PUSH = {
    "new_message": (
        "new_message",
        "${CHANNEL}: ${USER}: ${MESSAGE}",
        "${CONVERSATION}: ${PARTICIPANT}: ${MESSAGE}",
    ),
    "added_to_channel": (
        "added_to_conversation",
        "You have been added to ${CHANNEL} by ${USER}",
        "You have been added to ${CONVERSATION} by ${PARTICIPANT}",
    ),
    "removed_from_channel": (
        "removed_from_conversation",
        "${USER_FRIENDLY_NAME} has removed you from ${CHANNEL_FRIENDLY_NAME}",
        "${PARTICIPANT_FRIENDLY_NAME} has removed you from ${CONVERSATION_FRIENDLY_NAME}",
    ),
}
"""Push events: Chat's group → Conversations' group, and a template in the words of each."""


@dataclass(frozen=True)
class Flavour:
    """What sets one service of a kind apart from the next: its host, and its own chance."""

    host: str
    chance: random.Random


Archetype = Callable[[Service, Flavour], None]


def _webhooks(service: Service, host: str, filters: list[str], method: str = "POST") -> None:
    service.chat |= {
        "pre_webhook_url": f"https://{host}/twilio/pre",
        "post_webhook_url": f"https://{host}/twilio/post",
        "webhook_method": method,
        "webhook_filters": filters,
    }


def _copy_webhooks(service: Service, filters: list[str]) -> None:
    chat = service.chat
    service.conversations_webhooks |= {
        "pre_webhook_url": chat["pre_webhook_url"],
        "post_webhook_url": chat["post_webhook_url"],
        "filters": filters,
        "method": chat["webhook_method"],
    }


def _push(service: Service, sound: str = "", *groups: str) -> None:
    for group in groups or PUSH:
        event = {"enabled": True, "template": PUSH[group][1], "sound": sound}
        service.chat["notifications"][group] |= event


def _copy_push(service: Service, template: int = 2) -> None:
    """Copy the push settings, with the templates in Conversations' words (2) or in Chat's (1)."""
    chat, copied = service.chat["notifications"], service.conversations_notifications
    copied["log_enabled"] = chat["log_enabled"]
    copied["new_message"]["badge_count_enabled"] = chat["new_message"]["badge_count_enabled"]
    for group, entry in PUSH.items():
        event = {"enabled": chat[group]["enabled"], "sound": chat[group]["sound"]}
        event["template"] = entry[template] if chat[group]["template"] else ""
        copied[entry[0]] |= event


def _without_invites(service: Service) -> None:
    for role in service.roles.values():
        role.permissions = [p for p in role.permissions if p != "inviteMember"]


def _channels(service: Service, public: int, private: int) -> None:
    for number in range(public + private):
        sid = make_sid("CH", service.sid, number)
        kind = "public" if number < public else "private"
        service.channels[sid] = Channel(
            sid, f"Room {number + 1}", f"room-{number + 1}", kind, service.date_created, service.date_updated
        )


def already_right(service: Service, flavour: Flavour) -> None:
    """Conversations holds every value already, in its own words: nothing to write."""
    _without_invites(service)
    service.chat["consumption_report_interval"] = 0
    service.chat["media"]["compatibility_message"] = ""
    service.chat["reachability_enabled"] = True
    service.chat["notifications"]["log_enabled"] = True
    service.chat["notifications"]["new_message"]["badge_count_enabled"] = True
    _webhooks(service, flavour.host, list(EVENTS))
    _copy_webhooks(service, list(EVENTS.values()))
    _push(service, "chime")
    _copy_push(service)
    _channels(service, 0, 2)


def unconfigured(service: Service, flavour: Flavour) -> None:
    """Everything is set in Chat; Conversations shows nothing of it."""
    service.chat["notifications"]["log_enabled"] = True
    _webhooks(service, flavour.host, list(EVENTS))
    _push(service, flavour.chance.choice(["ding", "marimba", ""]))


def old_words(service: Service, flavour: Flavour) -> None:
    """Conversations shows Chat's own filter names and templates, as if both shared one storage."""
    _webhooks(service, flavour.host, ["onMessageSent", "onChannelDestroyed", "onMemberRemoved"])
    _copy_webhooks(service, list(service.chat["webhook_filters"]))
    _push(service, "ding", "new_message", "added_to_channel")
    _copy_push(service, template=1)


def drifted(service: Service, flavour: Flavour) -> None:
    """Somebody has changed Conversations since: another URL, method, sound, template."""
    _webhooks(service, flavour.host, list(EVENTS))
    _copy_webhooks(service, ["onMessageAdded", "onDeliveryUpdated"])
    service.conversations_webhooks |= {
        "post_webhook_url": f"https://{flavour.host}/conversations/post",
        "method": "GET",
    }
    _push(service, "ding")
    _copy_push(service)
    service.conversations_notifications["log_enabled"] = True
    service.conversations_notifications["new_message"] |= {"sound": "gong", "template": "New: ${MESSAGE}"}


def media_only(service: Service, flavour: Flavour) -> None:
    """Subscribed to media messages alone: the merged Conversations event fires for all messages."""
    _webhooks(service, flavour.host, ["onMediaMessageSend", "onMediaMessageSent"])
    service.chat["pre_webhook_url"] = None


def user_events(service: Service, flavour: Flavour) -> None:
    """Subscribed to user events, which a single service may not accept; retries that have no equivalent."""
    _webhooks(service, flavour.host, ["onMessageSent", "onUserAdded", "onUserUpdate", "onUserUpdated"])
    service.chat["pre_webhook_retry_count"] = flavour.chance.randint(1, 3)
    service.chat["post_webhook_retry_count"] = 3


def one_event_url(service: Service, flavour: Flavour) -> None:
    """V1 URLs per event that agree: they fit one pre URL and one post URL."""
    url = f"https://{flavour.host}/hooks"
    service.chat["webhooks"] = {
        "on_message_send": {"url": f"{url}/before", "method": "POST", "format": "JSON"},
        "on_channel_add": {"url": f"{url}/before", "method": "POST", "format": "JSON"},
        "on_message_sent": {"url": f"{url}/after", "method": "POST", "format": "JSON"},
        "on_member_added": {"url": f"{url}/after", "method": "POST", "format": "JSON"},
    }
    _channels(service, 2, 1)


def many_event_urls(service: Service, flavour: Flavour) -> None:
    """V1 URLs per event that differ, one with a verb that Conversations does not have."""
    url = f"https://{flavour.host}/hooks"
    service.chat["webhooks"] = {
        words.snake(event): {"url": f"{url}/{words.snake(event)}", "method": "POST", "format": "XML"}
        for event in words.V1_EVENTS
    }
    service.chat["webhooks"]["on_message_sent"]["method"] = "PUT"
    service.chat["post_webhook_url"] = f"https://{flavour.host}/all"
    service.chat["webhook_filters"] = ["onMessageSent"]


def invites(service: Service, flavour: Flavour) -> None:
    """Invitations, unknown template variables, read status off; Conversations shows half its objects."""
    service.chat |= {
        "read_status_enabled": False,
        "typing_indicator_timeout": flavour.chance.randint(6, 30),
        "consumption_report_interval": 60,
    }
    _push(service, "ding", "new_message")
    service.chat["notifications"]["new_message"]["template"] = "${USER_SID} on ${ORDER_NUMBER}: ${MESSAGE}"
    service.chat["notifications"]["invited_to_channel"] |= {
        "enabled": True,
        "template": "${USER} invites you to ${CHANNEL}",
        "sound": "bell",
    }
    service.conversations_notifications |= {"new_message": None, "added_to_conversation": {"enabled": False}}


def special_roles(service: Service, flavour: Flavour) -> None:
    """Raised limits, a message for old clients, roles of its own, a role of nothing but invitations."""
    service.chat["limits"] = {"channel_members": 1000, "user_channels": flavour.chance.randint(300, 1000)}
    service.chat["media"]["compatibility_message"] = "Please update the app to see this picture"
    custom = (
        ("dispatcher", "deployment", ("addMember", "createChannel", "destroyChannel", "inviteMember")),
        ("guest", "channel", ("sendMessage", "leaveChannel", "editOwnMessage")),
        ("moderator", "channel", ("deleteAnyMessage", "editAnyMessage", "removeMember", "sendMessage")),
        ("inviter", "channel", ("inviteMember",)),
    )
    for name, role_type, permissions in custom:
        service.add_role(make_sid("RL", service.sid, name), name, role_type, permissions)
    service.role_named("moderator").untranslated = ["removeMember"]
    service.chat["default_channel_role_sid"] = service.role_named("guest").sid


def secret_urls(service: Service, flavour: Flavour) -> None:
    """Webhook URLs that carry a password and a token, called with GET."""
    _webhooks(service, f"hooks:demo-password@{flavour.host}", ["onMessageSent", "onMemberUpdated"], "GET")
    service.chat["post_webhook_url"] += "?token=demo-token"
    _push(service, "", "added_to_channel")


def disagreeing(service: Service, flavour: Flavour) -> None:
    """V1 and v2 disagree, Chat holds a Conversations name, and some channels are public."""
    _webhooks(service, flavour.host, ["onMessageSent", "onConversationAdded"])
    service.v1_differs = {
        "pre_webhook_url": f"https://{flavour.host}/twilio/v1-pre",
        "limits": service.chat["limits"] | {"actions_per_second": 30},
    }
    _channels(service, 3, 2)


ARCHETYPES: tuple[tuple[str, str, Archetype], ...] = (
    ("Lindqvist Home Care", "lindqvist.example.com", already_right),
    ("Brightwater Support", "brightwater.example.com", unconfigured),
    ("Kestrel Logistics", "kestrel.example.com", old_words),
    ("Alder & Finch Tutoring", "alder-finch.example.com", drifted),
    ("Marigold Photo Prints", "marigold.example.com", media_only),
    ("Juniper Insurance", "juniper.example.com", user_events),
    ("Osprey Field Service", "osprey.example.com", one_event_url),
    ("Tamarind Table Bookings", "tamarind.example.com", many_event_urls),
    ("Hollow Oak Clinic", "hollow-oak.example.com", invites),
    ("Saltmarsh Rescue", "saltmarsh.example.com", special_roles),
    ("Zoë's <b>Café</b> | «Кофе» ☕ ${USER}", "cafe.example.com", secret_urls),
    ("Brightwater Support", "brightwater-two.example.com", disagreeing),
)
"""The first twelve services of every seeded world: friendly name, webhook host, kind."""
