"""Conversations v1 ("classic"), as far as services, their settings, roles and lists of conversations go."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from migrate.simulator import words
from migrate.simulator.api import Answer, Call, Route, page_query
from migrate.simulator.chat import create_service, delete_service, write_settings
from migrate.simulator.forms import (
    ApiError,
    Form,
    Param,
    bad_request,
    boolean,
    choice,
    duration,
    json_text,
    matching,
    optional,
    parse_form,
    push_params,
    put,
    sid,
    text,
    web_url,
)
from migrate.simulator.pages import Listing, page
from migrate.simulator.roles import CONVERSATIONS, check_default_role, role_routes
from migrate.simulator.shelves import Channel
from migrate.simulator.users import UserView, empty, find_channel, shown_type
from migrate.simulator.world import Account, Service

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
CONVERSATION_LINKS = {"participants": "Participants", "messages": "Messages", "webhooks": "Webhooks"}

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
_MOMENT = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
_DAY = r"\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\dZ)?"
ACCOUNT_CONFIGURATION: Form = {
    "DefaultChatServiceSid": Param(("default_chat_service_sid",), sid("IS")),
    "DefaultMessagingServiceSid": Param(("default_messaging_service_sid",), sid("MG")),
    "DefaultInactiveTimer": Param(("default_inactive_timer",), optional(duration(60, 50379, 50375))),
    "DefaultClosedTimer": Param(("default_closed_timer",), optional(duration(600, 50380, 50376))),
}
CREATE_CONVERSATION: Form = {
    "FriendlyName": Param(("friendly_name",), text(256)),
    "UniqueName": Param(("unique_name",), text()),
    "Attributes": Param(("attributes",), json_text),
    "MessagingServiceSid": Param(("messaging_service_sid",), sid("MG")),
    "DateCreated": Param(("date_created",), matching(_MOMENT, "DateCreated", 50308)),
    "DateUpdated": Param(("date_updated",), matching(_MOMENT, "DateUpdated", 50309)),
}
WITH_PARTICIPANTS: Form = {
    **CREATE_CONVERSATION,
    "Participant": Param(("participant",), json_text, repeated=True),
}

SERVICE_PAGES = page_query(100)
CONVERSATION_PAGES = page_query(
    100,
    {
        "StartDate": Param(("start_date",), matching(_DAY, "StartDate")),
        "EndDate": Param(("end_date",), matching(_DAY, "EndDate")),
        "State": Param(("state",), choice(("initializing", "inactive", "active", "closed"), "state")),
    },
)


USERS = UserView(
    "chat_service_sid",
    {"user_conversations": "Conversations"},
    {},
    lambda _call, date: date,
    50,
    unscoped=True,
    webhook_header=True,
)


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
    services, hidden = call.account.services, frozenset(call.account.chat_only)

    def wanted(place: int) -> bool:
        return services.sid_at(place) not in hidden

    show = partial(_show_service, call)
    return page(call, Listing("services", SERVICE_PAGES, services, show, wanted if hidden else None))


def _create_service(call: Call) -> Answer:
    return Answer(201, _show_service(call, create_service(call)))


def _fetch_service(call: Call) -> Answer:
    return Answer(200, _show_service(call, call.past.seen(call.service())))


@dataclass(frozen=True)
class Settings:
    """One resource of settings, of a service or of the account.

    Attributes:
        path: where it is.
        form: what may be written, by the simulator's rules.
        find: what holds it, by the path.
        show: what holds it, as the resource shows it.
        write: writes the values where they belong; it may refuse.
    """

    path: str
    form: Callable[[Call], Form]
    find: Callable[[Call], Any]
    show: Callable[[Call, Any], dict[str, Json]]
    write: Callable[[Call, Any, Form, Mapping[str, Json]], None]

    def fetch(self, call: Call) -> Answer:
        """Answer with the settings."""
        return Answer(200, self.show(call, call.past.seen(self.find(call))))

    def update(self, call: Call) -> Answer:
        """Write what the request names and answer with all settings."""
        form, holder = self.form(call), self.find(call)
        given = call.read(form)
        self.write(call, holder, form, given)
        return Answer(200, self.show(call, holder))

    def routes(self) -> list[Route]:
        """Return both operations."""
        return [Route("GET", self.path, self.fetch), Route("POST", self.path, self.update)]


def _show_configuration(call: Call, service: Service) -> dict[str, Json]:
    url = f"{_service_url(call, service)}/Configuration"
    return {
        "chat_service_sid": service.sid,
        **{name: service.chat[setting] for name, setting in words.CONFIGURATION_SETTINGS.items()},
        "url": url,
        "links": {"notifications": f"{url}/Notifications", "webhooks": f"{url}/Webhooks"},
    }


def _write_configuration(call: Call, service: Service, form: Form, given: Mapping[str, Json]) -> None:
    for key, (_, role_type, code) in ROLE_SETTINGS.items():
        if key in given:
            check_default_role(service, given[key], role_type, code)
    write_settings(call, service, form, given)


def _show_sub_resource(call: Call, service: Service, name: str, settings: dict[str, Json]) -> dict[str, Json]:
    return {
        "account_sid": service.account_sid,
        "chat_service_sid": service.sid,
        **settings,
        "url": f"{_service_url(call, service)}/Configuration/{name}",
    }


def _show_notifications(call: Call, service: Service) -> dict[str, Json]:
    return _show_sub_resource(call, service, "Notifications", service.conversations_notifications)


def _write_notifications(call: Call, service: Service, form: Form, given: Mapping[str, Json]) -> None:
    call.past.keep(service)
    put(service.conversations_notifications, form, given)
    service.date_updated = call.past.now()


IN_CHAT = {"filters": "webhook_filters", "method": "webhook_method"}
"""Where Chat holds a webhook setting that has the other name in Conversations."""


def _show_webhooks(call: Call, service: Service) -> dict[str, Json]:
    settings = service.conversations_webhooks
    if call.past.uneven.webhook_stores == 1:
        settings = {key: service.chat[IN_CHAT.get(key, key)] for key in settings}
    return _show_sub_resource(call, service, "Webhooks", settings)


def _by_property(form: Form, given: Mapping[str, Json]) -> dict[str, Json]:
    return {form[key].path[0]: value for key, value in given.items()}


def _write_webhooks(call: Call, service: Service, form: Form, given: Mapping[str, Json]) -> None:
    call.past.keep(service)
    if call.past.uneven.webhook_stores == 1:
        service.chat.update(
            {IN_CHAT.get(key, key): value for key, value in _by_property(form, given).items()}
        )
    else:
        put(service.conversations_webhooks, form, given)
    service.date_updated = call.past.now()


def _show_conversation(call: Call, service: Service, channel: Channel) -> dict[str, Json]:
    url = f"{call.home}/Conversations/{channel.sid}"
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
        "links": {link: f"{url}/{path}" for link, path in CONVERSATION_LINKS.items()},
    }


def _list_conversations(call: Call) -> Answer:
    service = call.service()
    channels, show = service.channels, partial(_show_conversation, call, service)
    asked = parse_form(CONVERSATION_PAGES, call.request.query)
    start, end = asked.get("StartDate", ""), asked.get("EndDate", "~")
    dated = "StartDate" in asked or "EndDate" in asked

    def wanted(place: int) -> bool:
        if shown_type(call, channels, place) != "private" or asked.get("State", "active") != "active":
            return False
        channel = channels.at(place) if dated else None
        # Dates in one format compare as text; a bare day stands before its own moments.
        return channel is None or start <= channel.date_created <= end + "~"

    return page(call, Listing("conversations", CONVERSATION_PAGES, channels, show, wanted))


def _fetch_conversation(call: Call) -> Answer:
    return Answer(200, _show_conversation(call, call.service(), call.past.seen(find_channel(call))))


def _create_conversation(form: Form, call: Call) -> Answer:
    service = call.service()
    given = parse_form(form, call.request.form)
    name = given.get("UniqueName") or None
    if name and service.channels.named(name):
        raise ApiError(409, 50307, f"Conversation with provided unique name already exists: {name}")
    moment = call.past.now()
    told = {key: value for key, value in _by_property(form, given).items() if key != "participant"}
    values = {"friendly_name": None, "date_created": moment, "date_updated": moment} | told
    channel = Channel(**{**values, "sid": call.world.new_sid("CH"), "unique_name": name, "type": "private"})
    service.channels[channel.sid] = channel
    call.past.born(channel.sid)
    return Answer(201, _show_conversation(call, service, channel))


def _account(call: Call) -> Account:
    return call.account


def _show_account_configuration(call: Call, account: Account) -> dict[str, Json]:
    url = f"{call.root}/Configuration"
    default = account.configuration["default_chat_service_sid"]
    service = f"{call.root}/Services/{default}/Configuration" if default else None
    return {
        "account_sid": account.sid,
        **account.configuration,
        "url": url,
        "links": {"service": service, "webhooks": f"{url}/Webhooks"},
    }


def _write_account_configuration(call: Call, account: Account, form: Form, given: Mapping[str, Json]) -> None:
    default = given.get("DefaultChatServiceSid")
    if default is not None and default not in account.services:
        raise bad_request(f"Service instance {default} not found", 50050)
    call.past.keep(account)
    put(account.configuration, form, given)


def _show_account_webhooks(call: Call, account: Account) -> dict[str, Json]:
    url = f"{call.root}/Configuration/Webhooks"
    return {"account_sid": account.sid, **account.webhooks, "url": url}


def _write_account_webhooks(call: Call, account: Account, form: Form, given: Mapping[str, Json]) -> None:
    call.past.keep(account)
    put(account.webhooks, form, given)


_SERVICE_WEBHOOKS = {
    filters: _webhooks(filters)
    for filters in (words.SERVICE_FILTERS, words.SERVICE_FILTERS | words.USER_FILTERS)
}


def _service_webhooks(call: Call) -> Form:
    return _SERVICE_WEBHOOKS[call.rules.service_filters]


_CONFIGURATION, _CONVERSATIONS = "Services/*/Configuration", "Services/*/Conversations"
_CONVERSATION = f"{_CONVERSATIONS}/*"
SETTINGS = (
    Settings(
        _CONFIGURATION, lambda _: CONFIGURATION, Call.service, _show_configuration, _write_configuration
    ),
    Settings(
        f"{_CONFIGURATION}/Notifications",
        lambda _: NOTIFICATIONS,
        Call.service,
        _show_notifications,
        _write_notifications,
    ),
    Settings(f"{_CONFIGURATION}/Webhooks", _service_webhooks, Call.service, _show_webhooks, _write_webhooks),
    Settings(
        "Configuration",
        lambda _: ACCOUNT_CONFIGURATION,
        _account,
        _show_account_configuration,
        _write_account_configuration,
    ),
    Settings(
        "Configuration/Webhooks",
        lambda _: ACCOUNT_WEBHOOKS,
        _account,
        _show_account_webhooks,
        _write_account_webhooks,
    ),
)


def _creation(path: str, form: Form) -> Route:
    handler = partial(_create_conversation, form)
    return Route("POST", path, handler, webhook_header=True, unscoped=True)


ROUTES = {
    ("conversations", "v1"): [
        Route("GET", "Services", _list_services, query=SERVICE_PAGES),
        Route("POST", "Services", _create_service),
        Route("GET", "Services/*", _fetch_service),
        Route("DELETE", "Services/*", delete_service),
        *(route for settings in SETTINGS for route in settings.routes()),
        Route("GET", _CONVERSATIONS, _list_conversations, query=CONVERSATION_PAGES, unscoped=True),
        _creation(_CONVERSATIONS, CREATE_CONVERSATION),
        Route("GET", _CONVERSATION, _fetch_conversation, unscoped=True),
        _creation("Services/*/ConversationWithParticipants", WITH_PARTICIPANTS),
        empty("Services/*/Bindings", 100, Call.service),
        empty("Services/*/ParticipantConversations", 50, Call.service, unscoped=True),
        empty(f"{_CONVERSATION}/Participants", 100, find_channel, unscoped=True),
        empty(f"{_CONVERSATION}/Messages", 100, find_channel, unscoped=True),
        empty(f"{_CONVERSATION}/Webhooks", 5, find_channel, unscoped=True),
        *USERS.routes(),
        *role_routes(CONVERSATIONS, 50),
    ]
}
