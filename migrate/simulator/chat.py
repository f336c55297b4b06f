"""Programmable Chat v1, v2 and v3, as far as the settings of services and the kind of channels go."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Any

from migrate.simulator import words
from migrate.simulator.api import Answer, Call, Route, page_query
from migrate.simulator.forms import (
    Form,
    Param,
    bad_request,
    boolean,
    choice,
    integer,
    name,
    parse_form,
    push_params,
    put,
    sid,
    text,
    web_url,
)
from migrate.simulator.pages import Listing, page
from migrate.simulator.roles import chat_vocabulary, check_default_role, role_routes
from migrate.simulator.shelves import Channel
from migrate.simulator.users import UserView, empty, find_channel, shown_type
from migrate.simulator.world import Service

Json = Any

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

V2_ONLY = frozenset({"pre_webhook_retry_count", "post_webhook_retry_count", "media"})
V1_ONLY = frozenset({"webhooks"})


def _paths(*links: str) -> dict[str, str]:
    return {link: link.capitalize() for link in links}


LINKS = {"v1": _paths("channels", "users", "roles"), "v2": _paths("channels", "users", "roles", "bindings")}
CHANNEL_LINKS = {
    "v1": _paths("members", "messages", "invites"),
    "v2": _paths("members", "messages", "invites", "webhooks"),
}

DEFAULT_ROLE_RULES = {
    "DefaultServiceRoleSid": ("deployment", 50102),
    "DefaultChannelRoleSid": ("channel", 50101),
    "DefaultChannelCreatorRoleSid": ("channel", 50106),
}
"""The type that a default role must have, and the refusal otherwise (Twilio error catalogue)."""

_METHOD = choice(("GET", "POST"), "webhook method", 50055)


GROUPS = tuple(
    f"Notifications.{event}"
    for event in ("NewMessage", "AddedToChannel", "RemovedFromChannel", "InvitedToChannel")
)

SHARED_UPDATE: Form = {
    "FriendlyName": Param(("friendly_name",), name),
    **{key: Param((words.snake(key),), sid("RL")) for key in DEFAULT_ROLE_RULES},
    "ReadStatusEnabled": Param(("read_status_enabled",), boolean),
    "ReachabilityEnabled": Param(("reachability_enabled",), boolean),
    "TypingIndicatorTimeout": Param(("typing_indicator_timeout",), integer(code=50053)),
    "ConsumptionReportInterval": Param(("consumption_report_interval",), integer(code=50052)),
    "PreWebhookUrl": Param(("pre_webhook_url",), web_url(50077)),
    "PostWebhookUrl": Param(("post_webhook_url",), web_url(50078)),
    "WebhookMethod": Param(("webhook_method",), _METHOD),
    "WebhookFilters": Param(
        ("webhook_filters",), choice(words.CHAT_FILTERS, "webhook filter", 50054), repeated=True
    ),
    "Limits.ChannelMembers": Param(("limits", "channel_members"), integer(1, 1000, 50061)),
    "Limits.UserChannels": Param(("limits", "user_channels"), integer(1, 1000, 50060)),
    **{key: param for group in GROUPS for key, param in push_params(group, "Enabled", "Template").items()},
}
"""What both versions let a service update say (Twilio's OpenAPI documents for Chat v1 and v2)."""

V1_UPDATE: Form = {
    **SHARED_UPDATE,
    **{
        f"Webhooks.{event}.Url": Param(("webhooks", words.snake(event), "url"), web_url())
        for event in words.V1_EVENTS
    },
    **{
        f"Webhooks.{event}.Method": Param(("webhooks", words.snake(event), "method"), _METHOD)
        for event in words.V1_EVENTS
    },
}

V2_UPDATE: Form = {
    **SHARED_UPDATE,
    **{key: param for group in GROUPS for key, param in push_params(group, "Sound").items()},
    **push_params("Notifications.NewMessage", "BadgeCountEnabled"),
    "Notifications.LogEnabled": Param(("notifications", "log_enabled"), boolean),
    "PreWebhookRetryCount": Param(("pre_webhook_retry_count",), integer(0, 3, 50065)),
    "PostWebhookRetryCount": Param(("post_webhook_retry_count",), integer(0, 3, 50065)),
    "Media.CompatibilityMessage": Param(("media", "compatibility_message"), text()),
}

UPDATES = {"v1": V1_UPDATE, "v2": V2_UPDATE}
CREATE: Form = {"FriendlyName": Param(("friendly_name",), name, required=True)}
_CHANNEL_TYPE = choice(("public", "private"), "channel type")
CHANNEL_TYPES: Form = {"Type": Param(("type",), _CHANNEL_TYPE, repeated=True)}
MIGRATE: Form = {
    "Type": Param(("type",), _CHANNEL_TYPE),
    "MessagingServiceSid": Param(("messaging_service_sid",), sid("MG")),
}

SERVICE_PAGES = page_query(100)
CHANNEL_PAGES = {"v1": page_query(1000, CHANNEL_TYPES), "v2": page_query(100, CHANNEL_TYPES)}


def chat_date(call: Call, date: str) -> str:
    """Write a stored date as the version does: v1 RFC 2822, later ones ISO 8601 (Twilio docs)."""
    if call.version != "v1" or call.past.uneven.v1_dates == "iso8601":
        return date
    return rfc_2822(date)


def rfc_2822(date: str) -> str:
    """Write a stored date as RFC 2822 does."""
    day = datetime.fromisoformat(date[:10])
    return f"{DAYS[day.weekday()]}, {day.day:02} {MONTHS[day.month - 1]} {date[:4]} {date[11:19]} +0000"


def _v1_notifications(notifications: Json) -> Json:
    if not isinstance(notifications, Mapping):
        return notifications
    return {
        key: {k: v for k, v in value.items() if k in {"enabled", "template"}}
        if isinstance(value, Mapping)
        else value
        for key, value in notifications.items()
    }


def _v1_webhooks(webhooks: Json) -> Json:
    if not isinstance(webhooks, Mapping):
        return webhooks
    unset = {"url": None, "method": "POST", "format": "JSON"}
    return {event: unset | webhook for event, webhook in webhooks.items()}


def _settings(version: str, service: Service) -> dict[str, Json]:
    hidden = V2_ONLY if version == "v1" else V1_ONLY
    settings = {key: value for key, value in service.chat.items() if key not in hidden}
    if version == "v1":
        settings["notifications"] = _v1_notifications(settings["notifications"])
        settings["webhooks"] = _v1_webhooks(settings["webhooks"])
        settings |= service.v1_differs
    return settings


def _show_service(call: Call, service: Service) -> dict[str, Json]:
    url = f"{call.root}/Services/{service.sid}"
    return {
        "sid": service.sid,
        "account_sid": service.account_sid,
        **_settings(call.version, service),
        "date_created": chat_date(call, service.date_created),
        "date_updated": chat_date(call, service.date_updated),
        "url": url,
        "links": {link: f"{url}/{path}" for link, path in LINKS[call.version].items()},
    }


def _list_services(call: Call) -> Answer:
    show = partial(_show_service, call)
    return page(call, Listing("services", SERVICE_PAGES, call.account.services, show))


def create_service(call: Call) -> Service:
    """Create the service that the request describes, as both APIs do."""
    given = parse_form(CREATE, call.request.form)
    service = call.world.create_service(call.account, given["FriendlyName"])
    service.redate(call.past.now())
    call.past.born(service.sid, *service.roles)
    return service


def _create_service(call: Call) -> Answer:
    return Answer(201, _show_service(call, create_service(call)))


def _fetch_service(call: Call) -> Answer:
    return Answer(200, _show_service(call, call.past.seen(call.service())))


def write_settings(call: Call, service: Service, form: Form, given: Mapping[str, Json]) -> None:
    """Write settings of the shared service, whichever API they came by."""
    call.past.keep(service)
    put(service.chat, form, given)
    for key in given:
        # A value that v1 showed otherwise than v2 is settled by writing it.
        service.v1_differs.pop(form[key].path[0], None)
    service.date_updated = call.past.now()


def _update_service(call: Call) -> Answer:
    service = call.service()
    form = UPDATES[call.version]
    given = call.read(form)
    for key, (role_type, code) in DEFAULT_ROLE_RULES.items():
        if key in given:
            check_default_role(service, given[key], role_type, code)
    write_settings(call, service, form, given)
    return Answer(200, _show_service(call, service))


def delete_service(call: Call) -> Answer:
    """Delete the service in both APIs: it is one object."""
    service = call.service()
    sid = service.sid
    call.past.bury(call.account.sid, service)
    del call.account.services[sid]
    if call.account.configuration["default_chat_service_sid"] == sid:
        call.account.configuration["default_chat_service_sid"] = None
    return Answer(204)


def _show_channel(call: Call, service: Service, channel: Channel) -> dict[str, Json]:
    url = f"{call.root}/Services/{service.sid}/Channels/{channel.sid}"
    shown = {
        "sid": channel.sid,
        "account_sid": service.account_sid,
        "service_sid": service.sid,
        "friendly_name": channel.friendly_name,
        "unique_name": channel.unique_name,
        "attributes": channel.attributes,
        "type": channel.type,
        "date_created": chat_date(call, channel.date_created),
        "date_updated": chat_date(call, channel.date_updated),
        "created_by": channel.created_by,
        "members_count": channel.members_count,
        "messages_count": channel.messages_count,
        "url": url,
    }
    if call.version == "v3":
        return shown | {"messaging_service_sid": channel.messaging_service_sid}
    links = {link: f"{url}/{path}" for link, path in CHANNEL_LINKS[call.version].items()}
    return shown | {"links": links | {"last_message": None}}


def _list_channels(call: Call) -> Answer:
    service = call.service()
    query = CHANNEL_PAGES[call.version]
    # The documents say that a list without Type holds the public channels only.
    types = parse_form(query, call.request.query).get("Type", ["public"])
    channels, show = service.channels, partial(_show_channel, call, service)
    every = channels.complete and len(types) == 2
    wanted = None if every else lambda place: shown_type(call, channels, place) in types
    return page(call, Listing("channels", query, channels, show, wanted))


def _fetch_channel(call: Call) -> Answer:
    return Answer(200, _show_channel(call, call.service(), call.past.seen(find_channel(call))))


def _migrate_channel(call: Call) -> Answer:
    service, channel = call.service(), find_channel(call)
    given = call.read(MIGRATE)
    if given.get("Type") == "public":
        raise bad_request("Type value should be 'private'; migration to public not allowed", 50393)
    values = {MIGRATE[key].path[0]: value for key, value in given.items()}
    call.past.keep(channel)
    changed = service.channels.change(channel.sid, **values, date_updated=call.past.now())
    return Answer(200, _show_channel(call, service, changed))


def _user_view(version: str, max_page_size: int) -> UserView:
    links = {"user_channels": "Channels"} | ({"user_bindings": "Bindings"} if version == "v2" else {})
    more = {"joined_channels_count": 0}
    header = version == "v2"
    return UserView(
        "service_sid", links, more, chat_date, max_page_size, unscoped=False, webhook_header=header
    )


def _routes(version: str, most: int) -> list[Route]:
    channel = "Services/*/Channels/*"
    collections = [empty(f"{channel}/{path}", most, find_channel) for path in CHANNEL_LINKS[version].values()]
    if version == "v2":
        collections.append(empty("Services/*/Bindings", most, Call.service))
    return [
        Route("GET", "Services", _list_services, query=SERVICE_PAGES),
        Route("POST", "Services", _create_service),
        Route("GET", "Services/*", _fetch_service),
        Route("POST", "Services/*", _update_service),
        Route("DELETE", "Services/*", delete_service),
        Route("GET", "Services/*/Channels", _list_channels, query=CHANNEL_PAGES[version]),
        Route("GET", channel, _fetch_channel),
        *collections,
        *_user_view(version, most).routes(),
        *role_routes(chat_vocabulary(chat_date), most),
    ]


ROUTES = {
    ("chat", "v1"): _routes("v1", 1000),
    ("chat", "v2"): _routes("v2", 100),
    ("chat", "v3"): [Route("POST", "Services/*/Channels/*", _migrate_channel, webhook_header=True)],
}
"""The largest pages are those of Twilio's OpenAPI documents."""
