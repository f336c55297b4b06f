"""The fields of Chat's resources: their names, what stands in them, and which of them a resource holds.

Source: Twilio's OpenAPI documents of Chat v1 and v2, and, for what these leave untyped (`limits`, `notifications`,
`media`, `webhooks`), the reference pages of the Service resource.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Json = Any
Types = dict[str, Any]
"""Field names with a type's name, or with the `Types` of an object."""

TEXT = "a string"
FLAG = "true or false"
COUNT = "a whole number"
TEXTS = "a list of strings"
ANY = "anything"

_NOTIFICATION: Types = {"enabled": FLAG, "template": TEXT, "sound": TEXT}
_EVENTS = tuple(
    f"on_{thing}_{event}"
    for thing, events in {
        "message": ("send", "sent", "update", "updated", "remove", "removed"),
        "channel": ("add", "added", "destroy", "destroyed", "update", "updated"),
        "member": ("add", "added", "remove", "removed"),
    }.items()
    for event in events
)
_COMMON: Types = {
    "sid": TEXT,
    "account_sid": TEXT,
    "friendly_name": TEXT,
    "date_created": TEXT,
    "date_updated": TEXT,
    "url": TEXT,
}
TYPES: Mapping[str, Types] = {
    "service": {
        **_COMMON,
        "default_service_role_sid": TEXT,
        "default_channel_role_sid": TEXT,
        "default_channel_creator_role_sid": TEXT,
        "read_status_enabled": FLAG,
        "reachability_enabled": FLAG,
        "typing_indicator_timeout": COUNT,
        "consumption_report_interval": COUNT,
        "limits": {"channel_members": COUNT, "user_channels": COUNT, "actions_per_second": COUNT},
        "pre_webhook_url": TEXT,
        "post_webhook_url": TEXT,
        "webhook_method": TEXT,
        "webhook_filters": TEXTS,
        "pre_webhook_retry_count": COUNT,
        "post_webhook_retry_count": COUNT,
        "notifications": {
            "log_enabled": FLAG,
            "new_message": {**_NOTIFICATION, "badge_count_enabled": FLAG},
            "added_to_channel": _NOTIFICATION,
            "removed_from_channel": _NOTIFICATION,
            "invited_to_channel": _NOTIFICATION,
        },
        "media": {"size_limit_mb": COUNT, "compatibility_message": TEXT},
        "webhooks": {event: {"url": TEXT, "method": TEXT, "format": TEXT} for event in _EVENTS},
        "links": ANY,
    },
    "role": {**_COMMON, "service_sid": TEXT, "type": TEXT, "permissions": TEXTS},
    "channel": {
        **_COMMON,
        "service_sid": TEXT,
        "unique_name": TEXT,
        "attributes": TEXT,
        "type": TEXT,
        "created_by": TEXT,
        "members_count": COUNT,
        "messages_count": COUNT,
        "links": ANY,
    },
}

_NOT_EXAMINED_APART = frozenset(
    {"sid", "account_sid", "service_sid", "url", "links", "limits.actions_per_second"}
)
"""What says who a resource is, and what only a version's answer mentions: no setting that could be missing."""
_DATES = frozenset({"date_created", "date_updated"})
_V2_ONLY = frozenset(
    {
        "pre_webhook_retry_count",
        "post_webhook_retry_count",
        "media.size_limit_mb",
        "media.compatibility_message",
        "notifications.new_message.sound",
        "notifications.new_message.badge_count_enabled",
        "notifications.added_to_channel.sound",
        "notifications.removed_from_channel.sound",
        "notifications.invited_to_channel.sound",
    }
)
HIDDEN: Mapping[str, frozenset[str]] = {"v1": _V2_ONLY, "v2": frozenset({"webhooks"})}
"""The fields that an API version never shows."""


def _paths(types: Types, prefix: str = "") -> Iterator[str]:
    for name, kind in types.items():
        path = f"{prefix}{name}"
        if isinstance(kind, dict) and path != "webhooks":
            yield from _paths(kind, f"{path}.")
        else:
            yield path


EXAMINED: Mapping[str, frozenset[str]] = {
    kind: frozenset(_paths(types)) - _NOT_EXAMINED_APART - (frozenset() if kind == "channel" else _DATES)
    for kind, types in TYPES.items()
}
"""The dotted paths of the fields that are examined, or told as not examined, by kind."""


def has(payload: Mapping[str, Json], path: str, *, by_leaf: bool) -> bool:
    """Whether a payload shows what stands at a dotted path.

    Args:
        payload: a resource in the API's form.
        path: `limits.channel_members`.
        by_leaf: whether only a value at that very path counts. The API leaves out what is empty, so that an
            object that it shows has been examined whole; a tool that drops members is not to be believed that.
    """
    *above, last = path.split(".")
    inner: Json = payload
    for name in above:
        if name not in inner:
            return False
        inner = inner[name]
        if not by_leaf:
            return True
        if inner is None:
            return False
    return last in inner


def put(payload: dict[str, Json], path: str, value: Json) -> None:
    """Set the value at a dotted path, making the objects on the way."""
    *above, last = path.split(".")
    inner = payload
    for name in above:
        below = inner.get(name)
        inner[name] = inner = dict(below) if isinstance(below, dict) else {}
    inner[last] = value


def is_type(value: Json, wanted: Any) -> bool:
    """Whether a value is of a type of `TYPES`; null always is."""
    if value is None or wanted == ANY:
        return True
    if wanted == TEXTS:
        return isinstance(value, list) and all(isinstance(each, str) for each in value)
    if isinstance(wanted, dict):
        return isinstance(value, dict)
    if wanted == COUNT:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, bool if wanted == FLAG else str)
