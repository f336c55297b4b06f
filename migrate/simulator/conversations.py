"""Conversations v1 ("classic"), as far as services, their settings, roles and lists of conversations go."""

from __future__ import annotations

from typing import Any

from migrate.simulator import words
from migrate.simulator.api import Answer, Call, Route, page, page_query
from migrate.simulator.chat import delete_service, find_channel, write_settings
from migrate.simulator.forms import (
    Form,
    Param,
    bad_request,
    boolean,
    choice,
    matching,
    name,
    optional,
    parse_form,
    parse_update,
    push_params,
    put,
    sid,
    web_url,
)
from migrate.simulator.roles import CONVERSATIONS, check_default_role, role_routes
from migrate.simulator.world import Channel, Service, now

Json = Any

SERVICE_LINKS = {
    "conversations": "Conversations",
    "users": "Users",
    "roles": "Roles",
    "bindings": "Bindings",
    "configuration": "Configuration",
    "participant_conversations": "ParticipantConversations",
    "conversation_with_participants": "ConversationWithParticipants",
}
CONVERSATION_LINKS = ("participants", "messages", "webhooks", "export")

ROLE_SETTINGS = {
    "DefaultConversationCreatorRoleSid": ("default_channel_creator_role_sid", "channel", 50106),
    "DefaultConversationRoleSid": ("default_channel_role_sid", "channel", 50109),
    "DefaultChatServiceRoleSid": ("default_service_role_sid", "deployment", 50102),
}
"""Where the shared service holds a default role, its stored type, the refusal (Twilio error catalogue)."""

CONFIGURATION: Form = {
    **{key: Param((setting,), sid("RL")) for key, (setting, _, _) in ROLE_SETTINGS.items()},
    "ReachabilityEnabled": Param(("reachability_enabled",), boolean),
}


NOTIFICATIONS: Form = {
    "LogEnabled": Param(("log_enabled",), boolean),
    **push_params("NewMessage", "Enabled", "Template", "Sound", "BadgeCountEnabled"),
    **push_params("NewMessage.WithMedia", "Enabled", "Template"),
    **push_params("AddedToConversation", "Enabled", "Template", "Sound"),
    **push_params("RemovedFromConversation", "Enabled", "Template", "Sound"),
}


def _webhooks(filters: frozenset[str]) -> Form:
    return {
        "PreWebhookUrl": Param(("pre_webhook_url",), web_url(50077)),
        "PostWebhookUrl": Param(("post_webhook_url",), web_url(50078)),
        "Filters": Param(("filters",), choice(filters, "webhook filter", 50054), repeated=True),
        "Method": Param(("method",), choice(("GET", "POST"), "webhook method", 50055)),
    }


ACCOUNT_WEBHOOKS: Form = {
    **_webhooks(words.SERVICE_FILTERS | words.USER_FILTERS),
    "Target": Param(("target",), choice(("webhook", "flex"), "target")),
}
_DURATION = r"P(?!$)(\d+D)?(T(?=\d)(\d+H)?(\d+M)?(\d+S)?)?"
ACCOUNT_CONFIGURATION: Form = {
    "DefaultChatServiceSid": Param(("default_chat_service_sid",), sid("IS")),
    "DefaultMessagingServiceSid": Param(("default_messaging_service_sid",), sid("MG")),
    "DefaultInactiveTimer": Param(("default_inactive_timer",), optional(matching(_DURATION, "timer", 50379))),
    "DefaultClosedTimer": Param(("default_closed_timer",), optional(matching(_DURATION, "timer", 50380))),
}
CREATE: Form = {"FriendlyName": Param(("friendly_name",), name, required=True)}

SERVICE_PAGES = page_query(100)
_DAY = r"\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\dZ)?"
CONVERSATION_PAGES = page_query(
    100,
    {
        "StartDate": Param(("start_date",), matching(_DAY, "StartDate")),
        "EndDate": Param(("end_date",), matching(_DAY, "EndDate")),
        "State": Param(("state",), choice(("initializing", "inactive", "active", "closed"), "state")),
    },
)


USER_PAGES = page_query(50)


def _service_url(call: Call, service: Service) -> str:
    return f"{call.root}/Services/{service.sid}"


def _show_service(call: Call, service: Service) -> dict[str, Json]:
    url = _service_url(call, service)
    return {
        # Null in practice, whatever the documents say.
        "account_sid": None,
        "sid": service.sid,
        "friendly_name": service.chat["friendly_name"],
        "date_created": service.date_created,
        "date_updated": service.date_updated,
        "url": url,
        "links": {link: f"{url}/{path}" for link, path in SERVICE_LINKS.items()},
    }


def _list_services(call: Call) -> Answer:
    services = list(call.account.services.values())
    return page(call, SERVICE_PAGES, "services", services, lambda service: _show_service(call, service))


def _create_service(call: Call) -> Answer:
    given = parse_form(CREATE, call.request.form)
    service = call.world.create_service(call.account, given["FriendlyName"])
    return Answer(201, _show_service(call, service))


def _fetch_service(call: Call) -> Answer:
    return Answer(200, _show_service(call, call.service()))


def _show_configuration(call: Call, service: Service) -> dict[str, Json]:
    url = f"{_service_url(call, service)}/Configuration"
    return {
        "chat_service_sid": service.sid,
        **{words.snake(key): service.chat[setting] for key, (setting, _, _) in ROLE_SETTINGS.items()},
        "reachability_enabled": service.chat["reachability_enabled"],
        "url": url,
        "links": {"notifications": f"{url}/Notifications", "webhooks": f"{url}/Webhooks"},
    }


def _fetch_configuration(call: Call) -> Answer:
    return Answer(200, _show_configuration(call, call.service()))


def _update_configuration(call: Call) -> Answer:
    service = call.service()
    given = parse_update(CONFIGURATION, call.request.form)
    for key, (_, role_type, code) in ROLE_SETTINGS.items():
        if key in given:
            check_default_role(service, given[key], role_type, code)
    write_settings(service, CONFIGURATION, given)
    return Answer(200, _show_configuration(call, service))


def _show_sub_resource(call: Call, service: Service, name: str, settings: dict[str, Json]) -> dict[str, Json]:
    return {
        "account_sid": service.account_sid,
        "chat_service_sid": service.sid,
        **settings,
        "url": f"{_service_url(call, service)}/Configuration/{name}",
    }


def _show_notifications(call: Call, service: Service) -> dict[str, Json]:
    return _show_sub_resource(call, service, "Notifications", service.conversations_notifications)


def _fetch_notifications(call: Call) -> Answer:
    return Answer(200, _show_notifications(call, call.service()))


def _update_notifications(call: Call) -> Answer:
    service = call.service()
    given = parse_update(NOTIFICATIONS, call.request.form)
    put(service.conversations_notifications, NOTIFICATIONS, given)
    service.date_updated = now()
    return Answer(200, _show_notifications(call, service))


def _show_webhooks(call: Call, service: Service) -> dict[str, Json]:
    return _show_sub_resource(call, service, "Webhooks", service.conversations_webhooks)


def _fetch_webhooks(call: Call) -> Answer:
    return Answer(200, _show_webhooks(call, call.service()))


def _update_webhooks(call: Call) -> Answer:
    service = call.service()
    form = _webhooks(call.rules.service_filters)
    put(service.conversations_webhooks, form, parse_update(form, call.request.form))
    service.date_updated = now()
    return Answer(200, _show_webhooks(call, service))


def _show_conversation(call: Call, service: Service, channel: Channel) -> dict[str, Json]:
    url = f"{_service_url(call, service)}/Conversations/{channel.sid}"
    return {
        "account_sid": service.account_sid,
        "chat_service_sid": service.sid,
        "messaging_service_sid": channel.messaging_service_sid,
        "sid": channel.sid,
        "friendly_name": channel.friendly_name,
        "unique_name": channel.unique_name,
        "attributes": channel.attributes,
        "state": "active",
        "date_created": channel.date_created,
        "date_updated": channel.date_updated,
        "timers": {},
        "bindings": {},
        "url": url,
        "links": {link: f"{url}/{link.capitalize()}" for link in CONVERSATION_LINKS},
    }


def _list_conversations(call: Call) -> Answer:
    service = call.service()
    asked = parse_form(CONVERSATION_PAGES, call.request.query)
    start, end = asked.get("StartDate", ""), asked.get("EndDate", "~")
    conversations = [
        channel
        for channel in service.channels.values()
        if channel.type == "private"
        and asked.get("State", "active") == "active"
        # Dates in one format compare as text; a bare day stands before its own moments.
        and start <= channel.date_created <= end + "~"
    ]
    return page(
        call,
        CONVERSATION_PAGES,
        "conversations",
        conversations,
        lambda channel: _show_conversation(call, service, channel),
    )


def _list_users(call: Call) -> Answer:
    """Users come with client SDKs, which never call here: every service has none."""
    call.service()
    return page(call, USER_PAGES, "users", [], lambda user: user)


def _fetch_conversation(call: Call) -> Answer:
    service = call.service()
    channel = find_channel(call, service)
    if channel.type == "public":
        raise call.not_found()
    return Answer(200, _show_conversation(call, service, channel))


def _show_account_configuration(call: Call) -> dict[str, Json]:
    url = f"{call.root}/Configuration"
    default = call.account.configuration["default_chat_service_sid"]
    service = f"{call.root}/Services/{default}/Configuration" if default else None
    return {
        "account_sid": call.account.sid,
        **call.account.configuration,
        "url": url,
        "links": {"service": service, "webhooks": f"{url}/Webhooks"},
    }


def _fetch_account_configuration(call: Call) -> Answer:
    return Answer(200, _show_account_configuration(call))


def _update_account_configuration(call: Call) -> Answer:
    given = parse_update(ACCOUNT_CONFIGURATION, call.request.form)
    default = given.get("DefaultChatServiceSid")
    if default is not None and default not in call.account.services:
        raise bad_request(f"Service instance {default} not found", 50050)
    put(call.account.configuration, ACCOUNT_CONFIGURATION, given)
    return Answer(200, _show_account_configuration(call))


def _show_account_webhooks(call: Call) -> dict[str, Json]:
    url = f"{call.root}/Configuration/Webhooks"
    return {"account_sid": call.account.sid, **call.account.webhooks, "url": url}


def _fetch_account_webhooks(call: Call) -> Answer:
    return Answer(200, _show_account_webhooks(call))


def _update_account_webhooks(call: Call) -> Answer:
    put(call.account.webhooks, ACCOUNT_WEBHOOKS, parse_update(ACCOUNT_WEBHOOKS, call.request.form))
    return Answer(200, _show_account_webhooks(call))


ROUTES = {
    ("conversations", "v1"): [
        Route("GET", "Services", _list_services, query=SERVICE_PAGES),
        Route("POST", "Services", _create_service),
        Route("GET", "Services/*", _fetch_service),
        Route("DELETE", "Services/*", delete_service),
        Route("GET", "Services/*/Configuration", _fetch_configuration),
        Route("POST", "Services/*/Configuration", _update_configuration),
        Route("GET", "Services/*/Configuration/Notifications", _fetch_notifications),
        Route("POST", "Services/*/Configuration/Notifications", _update_notifications),
        Route("GET", "Services/*/Configuration/Webhooks", _fetch_webhooks),
        Route("POST", "Services/*/Configuration/Webhooks", _update_webhooks),
        Route("GET", "Services/*/Conversations", _list_conversations, query=CONVERSATION_PAGES),
        Route("GET", "Services/*/Conversations/*", _fetch_conversation),
        Route("GET", "Services/*/Users", _list_users, query=USER_PAGES),
        *role_routes(CONVERSATIONS, 50),
        Route("GET", "Configuration", _fetch_account_configuration),
        Route("POST", "Configuration", _update_account_configuration),
        Route("GET", "Configuration/Webhooks", _fetch_account_webhooks),
        Route("POST", "Configuration/Webhooks", _update_account_webhooks),
    ]
}
