"""One made-up account, and files of it as each tool would have saved them.

Nothing here is shared with the program: every writer says by itself what its tool writes. A file is a list of JSON
documents, so that a test can damage them before they become text.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from twilio.base.version import Version
from twilio.rest import Client
from twilio.rest.chat.v1.service import ServiceInstance as ServiceInstanceV1
from twilio.rest.chat.v2.service import ServiceInstance
from twilio.rest.chat.v2.service.role import RoleInstance
from twilio_cli import cli

Json = Any
AC = "AC0123456789abcdef0123456789abcdef"
SHOP = "IS00000000000000000000000000000001"
HELP = "IS00000000000000000000000000000002"
USER = "RL00000000000000000000000000000001"
ADMIN = "RL00000000000000000000000000000002"
MEMBER = "RL00000000000000000000000000000003"
GENERAL = "CH00000000000000000000000000000001"
HOST = "https://chat.twilio.com"


def service_v2(sid: str, **changes: Json) -> dict[str, Json]:
    """A Service as GET /v2/Services/IS… answers it."""
    url = f"{HOST}/v2/Services/{sid}"
    return {
        "sid": sid,
        "account_sid": AC,
        "friendly_name": "Café 🛒",
        "date_created": "2019-03-04T05:06:07Z",
        "date_updated": "2021-03-04T05:06:07Z",
        "default_service_role_sid": USER,
        "default_channel_role_sid": MEMBER,
        "default_channel_creator_role_sid": ADMIN,
        "read_status_enabled": False,
        "reachability_enabled": True,
        "typing_indicator_timeout": 7,
        "consumption_report_interval": 10,
        "limits": {"channel_members": 150, "user_channels": 260},
        "pre_webhook_url": "https://user:secret@hooks.example.com/pre?a=1",
        "post_webhook_url": "https://hooks.example.com/post",
        "webhook_method": "GET",
        "webhook_filters": ["onMessageSent", "onChannelAdded"],
        "pre_webhook_retry_count": 2,
        "post_webhook_retry_count": 3,
        "notifications": {
            "log_enabled": True,
            "new_message": {
                "enabled": True,
                "template": "${CHANNEL}: ${MESSAGE}",
                "sound": "ping",
                "badge_count_enabled": True,
            },
            "added_to_channel": {"enabled": True, "template": "${USER} added you", "sound": "ding"},
            "removed_from_channel": {"enabled": False, "template": "", "sound": "dong"},
            "invited_to_channel": {"enabled": True, "template": "Come in", "sound": "tada"},
        },
        "media": {"size_limit_mb": 150, "compatibility_message": "A file"},
        "url": url,
        "links": {name: f"{url}/{name.capitalize()}" for name in ("channels", "users", "roles", "bindings")},
        **changes,
    }


def service_v1(sid: str, **changes: Json) -> dict[str, Json]:
    """A Service as GET /v1/Services/IS… answers it."""
    service = service_v2(sid, **changes)
    for key in ("media", "pre_webhook_retry_count", "post_webhook_retry_count"):
        del service[key]
    for event in service["notifications"].values():
        if isinstance(event, dict):
            event.pop("sound", None)
            event.pop("badge_count_enabled", None)
    url = f"{HOST}/v1/Services/{sid}"
    return {
        **service,
        "date_created": "Mon, 04 Mar 2019 05:06:07 +0000",
        "date_updated": "Thu, 04 Mar 2021 05:06:07 +0000",
        "limits": {**service["limits"], "actions_per_second": 30},
        "webhooks": {
            "on_message_send": {"url": "https://hooks.example.com/send", "method": "POST", "format": "JSON"},
            "on_channel_added": {"url": None, "method": None},
        },
        "url": url,
        "links": {name: f"{url}/{name.capitalize()}" for name in ("channels", "users", "roles")},
    }


def role(sid: str, name: str, kind: str, permissions: list[str], of: str = SHOP) -> dict[str, Json]:
    """A Role as GET /v2/Services/IS…/Roles/RL… answers it."""
    return {
        "sid": sid,
        "account_sid": AC,
        "service_sid": of,
        "friendly_name": name,
        "type": kind,
        "permissions": permissions,
        "date_created": "2019-03-04T05:06:07Z",
        "date_updated": "2019-03-04T05:06:07Z",
        "url": f"{HOST}/v2/Services/{of}/Roles/{sid}",
    }


def channel(sid: str, name: str, kind: str, of: str = SHOP) -> dict[str, Json]:
    """A Channel as GET /v2/Services/IS…/Channels/CH… answers it."""
    url = f"{HOST}/v2/Services/{of}/Channels/{sid}"
    return {
        "sid": sid,
        "account_sid": AC,
        "service_sid": of,
        "friendly_name": name,
        "unique_name": name.lower(),
        "attributes": '{"topic":"any","n":[1,2]}',
        "type": kind,
        "date_created": "2019-03-04T05:06:07Z",
        "date_updated": "2019-03-04T05:06:07Z",
        "created_by": "system",
        "members_count": 12,
        "messages_count": 345,
        "url": url,
        "links": {"members": f"{url}/Members", "messages": f"{url}/Messages"},
    }


OTHER = {
    "friendly_name": "Help",
    "pre_webhook_url": None,
    "webhook_filters": [],
    "reachability_enabled": False,
}
SERVICES_V2 = [service_v2(SHOP), service_v2(HELP, **OTHER)]
SERVICES_V1 = [service_v1(SHOP), service_v1(HELP, **OTHER)]
ROLES = [
    role(USER, "service user", "deployment", ["createChannel", "joinChannel"]),
    role(ADMIN, "channel admin", "channel", ["sendMessage", "addMember"]),
    role(MEMBER, "Gäste", "channel", ["sendMessage"], of=HELP),
]
CHANNELS = [channel(GENERAL, "General", "public"), channel(GENERAL[:-1] + "2", "Back", "private", of=HELP)]
TRUTH = {
    **{("service", "v1", each["sid"]): each for each in SERVICES_V1},
    **{("service", "v2", each["sid"]): each for each in SERVICES_V2},
    **{("role", "v2", each["sid"]): each for each in ROLES},
    **{("channel", "v2", each["sid"]): each for each in CHANNELS},
}
"""Every resource of the account, by kind, API version and SID."""


# -- what cannot be read from a shape ---------------------------------------------------------------------------

V2_ALONE = {
    "media.compatibility_message",
    "media.size_limit_mb",
    "notifications.added_to_channel.sound",
    "notifications.invited_to_channel.sound",
    "notifications.new_message.badge_count_enabled",
    "notifications.new_message.sound",
    "notifications.removed_from_channel.sound",
    "post_webhook_retry_count",
    "pre_webhook_retry_count",
}
NOTIFICATIONS = {
    "notifications.added_to_channel.enabled",
    "notifications.added_to_channel.sound",
    "notifications.added_to_channel.template",
    "notifications.invited_to_channel.enabled",
    "notifications.invited_to_channel.sound",
    "notifications.invited_to_channel.template",
    "notifications.log_enabled",
    "notifications.new_message.badge_count_enabled",
    "notifications.new_message.enabled",
    "notifications.new_message.sound",
    "notifications.new_message.template",
    "notifications.removed_from_channel.enabled",
    "notifications.removed_from_channel.sound",
    "notifications.removed_from_channel.template",
}
WHOLE = {("service", "v1"): V2_ALONE, ("service", "v2"): {"webhooks"}}


@dataclass(frozen=True)
class Sample:
    """A file that a tool has written.

    Attributes:
        shape: what the program calls the tool.
        documents: the JSON documents in it.
        to_text: how the tool lays them out.
        keys: the resources in it.
        not_held: by kind and version, the fields that cannot be read from it; none if absent.
        holds_whole_objects: whether a member that is missing in `limits` and the like is empty.
    """

    shape: str
    documents: list[Json]
    to_text: Callable[[list[Json]], str]
    keys: list[tuple[str, str, str]]
    not_held: dict[tuple[str, str], set[str]]
    holds_whole_objects: bool = True

    @property
    def content(self) -> bytes:
        """The file."""
        return self.to_text(self.documents).encode()


# -- layouts ----------------------------------------------------------------------------------------------------


def compact(documents: list[Json]) -> str:
    """One document, as an API answers it."""
    return "".join(json.dumps(each, ensure_ascii=False, separators=(",", ":")) for each in documents)


def pretty(documents: list[Json]) -> str:
    """Documents one after the other, as jq prints them."""
    return "".join(json.dumps(each, ensure_ascii=False, indent=2) + "\n" for each in documents)


def lines(documents: list[Json]) -> str:
    """JSON lines."""
    return "".join(json.dumps(each) + "\n" for each in documents)


# -- tools ------------------------------------------------------------------------------------------------------


def page(key: str, items: list[Json], path: str) -> Json:
    """A list page of the API."""
    first = f"{HOST}{path}?PageSize=50&Page=0"
    meta = {
        "page": 0,
        "page_size": 50,
        "first_page_url": first,
        "previous_page_url": None,
        "url": first,
        "next_page_url": None,
        "key": key,
    }
    return {"meta": meta, key: items}


def terraform_state(resources: list[Json]) -> Json:
    """A state file, version 4."""
    return {
        "version": 4,
        "terraform_version": "1.5.7",
        "serial": 12,
        "lineage": "5f1c7f4e-1111-2222-3333-444455556666",
        "outputs": {},
        "resources": [
            {"mode": "managed", "type": "aws_s3_bucket", "name": "logs", "provider": "p", "instances": []},
            *resources,
        ],
        "check_results": None,
    }


def state_entry(kind: str, provider: str, attributes: list[Json]) -> Json:
    """The resources of one `resource` block with `count`."""
    return {
        "mode": "managed",
        "type": kind,
        "name": "chat",
        "provider": f'provider["registry.terraform.io/{provider}"]',
        "instances": [
            {
                "index_key": n,
                "schema_version": 0,
                "attributes": each,
                "sensitive_attributes": [],
                "private": "bnVsbA==",
            }
            for n, each in enumerate(attributes)
        ],
    }


def flat_service(service: dict[str, Json]) -> Json:
    """The attributes that the provider twilio/twilio keeps of a Service."""
    notifications = service["notifications"]
    events = ("added_to_channel", "invited_to_channel", "new_message", "removed_from_channel")
    return {
        "consumption_report_interval": None,
        "default_channel_creator_role_sid": service["default_channel_creator_role_sid"],
        "default_channel_role_sid": service["default_channel_role_sid"],
        "default_service_role_sid": service["default_service_role_sid"],
        "friendly_name": service["friendly_name"],
        "id": service["sid"],
        "limits_channel_members": service["limits"]["channel_members"],
        "limits_user_channels": None,
        "media_compatibility_message": service["media"]["compatibility_message"],
        **{f"notifications_{event}_enabled": notifications[event]["enabled"] for event in events},
        **{f"notifications_{event}_sound": notifications[event]["sound"] for event in events},
        **{f"notifications_{event}_template": notifications[event]["template"] for event in events},
        "notifications_log_enabled": notifications["log_enabled"],
        "notifications_new_message_badge_count_enabled": notifications["new_message"]["badge_count_enabled"],
        "post_webhook_retry_count": service["post_webhook_retry_count"],
        "post_webhook_url": service["post_webhook_url"],
        "pre_webhook_retry_count": service["pre_webhook_retry_count"],
        "pre_webhook_url": service["pre_webhook_url"] or "",
        "reachability_enabled": service["reachability_enabled"],
        "read_status_enabled": service["read_status_enabled"],
        "sid": service["sid"],
        "timeouts": None,
        "typing_indicator_timeout": service["typing_indicator_timeout"],
        "webhook_filters": service["webhook_filters"],
        "webhook_method": service["webhook_method"],
    }


def flat_role(each: dict[str, Json]) -> Json:
    """The attributes that the provider twilio/twilio keeps of a Role."""
    return {
        "friendly_name": each["friendly_name"],
        "id": f"{each['service_sid']}/{each['sid']}",
        "permission": each["permissions"],
        "service_sid": each["service_sid"],
        "sid": each["sid"],
        "timeouts": None,
        "type": each["type"],
    }


def nested_service(service: dict[str, Json]) -> Json:
    """The attributes that the provider RJPearson94/twilio keeps of a Service: objects are lists of one."""
    kept = {key: service[key] for key in service if key not in ("links", "consumption_report_interval")}
    notifications = {
        key: [value] if isinstance(value, dict) else value for key, value in service["notifications"].items()
    }
    return {
        **kept,
        "id": service["sid"],
        "pre_webhook_url": service["pre_webhook_url"] or "",
        "limits": [service["limits"]],
        "media": [service["media"]],
        "notifications": [notifications],
        "timeouts": None,
    }


def shown(kind: str, values: Json, index: int) -> Json:
    """One resource as `terraform show -json` prints it."""
    return {
        "address": f"{kind}.chat[{index}]",
        "mode": "managed",
        "type": kind,
        "name": "chat",
        "index": index,
        "provider_name": "registry.terraform.io/twilio/twilio",
        "schema_version": 0,
        "values": values,
        "sensitive_values": {"webhook_filters": [False]},
    }


def airbyte_row(record: Json) -> Json:
    """A row of a raw table or file."""
    return {
        "_airbyte_raw_id": "0191f2a2-7c61-7a57-9e6b-111111111111",
        "_airbyte_extracted_at": 1700000000000,
        "_airbyte_meta": {"sync_id": 1, "changes": []},
        "_airbyte_data": record,
    }


def airbyte_message(stream: str, record: Json) -> Json:
    """A message of Airbyte's protocol."""
    return {"type": "RECORD", "record": {"stream": stream, "data": record, "emitted_at": 1700000000000}}


def singer_service(service: dict[str, Json]) -> Json:
    """What the tap's schema leaves of a Service: no name, numbers through float, "" as null."""
    record = {key: value for key, value in service.items() if key != "friendly_name"}
    numbers = (
        "typing_indicator_timeout",
        "consumption_report_interval",
        "pre_webhook_retry_count",
        "post_webhook_retry_count",
    )
    return {
        **record,
        **{name: float(service[name]) for name in numbers},
        "limits": {name: float(value) for name, value in service["limits"].items()},
        "media": {**service["media"], "size_limit_mb": float(service["media"]["size_limit_mb"])},
    }


def singer(stream: str, record: Json) -> Json:
    """A record of the tap."""
    return {
        "type": "RECORD",
        "stream": stream,
        "record": record,
        "time_extracted": "2023-01-01T00:00:00.000000Z",
    }


def steampipe(service: dict[str, Json]) -> Json:
    """A row of the table twilio_chat_service."""
    row = {key: value for key, value in service.items() if key != "consumption_report_interval"}
    return {**row, "title": service["friendly_name"], "_ctx": {"connection_name": "twilio"}}


def dumped(instance: Any) -> Json:
    """`json.dumps(vars(instance), default=str)`, read again."""
    return json.loads(json.dumps(vars(instance), default=str))


def dumps_of_the_package() -> Iterator[Json]:
    """The account through the real package."""
    chat = Client(AC, "token").chat
    versions: tuple[Version, Version] = chat.v1, chat.v2
    yield from (
        dumped(ServiceInstanceV1(versions[0], deepcopy(each) | {"date_created": None}))
        for each in SERVICES_V1
    )
    yield from (dumped(ServiceInstance(versions[1], deepcopy(each))) for each in SERVICES_V2)
    yield from (dumped(RoleInstance(versions[1], deepcopy(each), each["service_sid"])) for each in ROLES)


# -- files ------------------------------------------------------------------------------------------------------

V1 = [("service", "v1", SHOP), ("service", "v1", HELP)]
V2 = [("service", "v2", SHOP), ("service", "v2", HELP)]
OF_ROLES = [("role", "v2", USER), ("role", "v2", ADMIN), ("role", "v2", MEMBER)]
OF_CHANNELS = [("channel", "v2", GENERAL), ("channel", "v2", GENERAL[:-1] + "2")]
FLAT_LACKS = {
    ("service", "v2"): {
        "consumption_report_interval",
        "limits.user_channels",
        "media.size_limit_mb",
        "webhooks",
    }
}
NESTED_LACKS = {("service", "v2"): {"consumption_report_interval", "webhooks"}}
SINGER_LACKS = {("service", "v2"): {"friendly_name", "webhooks"}}
STEAMPIPE_LACKS = {("service", "v2"): {"consumption_report_interval", "webhooks"}}
AIRBYTE_LACKS = {("service", "v2"): {"webhooks"} | NOTIFICATIONS}
DECLARED = [{**each, "notifications": {}} for each in SERVICES_V2]
"""What a destination that goes by Airbyte's schema keeps: notifications without a member of Chat's."""

SAMPLES = {
    "page of v2": Sample("Chat API", [page("services", SERVICES_V2, "/v2/Services")], compact, V2, WHOLE),
    "page of v1": Sample("Chat API", [page("services", SERVICES_V1, "/v1/Services")], pretty, V1, WHOLE),
    "page of roles": Sample(
        "Chat API", [page("roles", ROLES, f"/v2/Services/{SHOP}/Roles")], compact, OF_ROLES, {}
    ),
    "page of channels": Sample(
        "Chat API", [page("channels", CHANNELS, f"/v2/Services/{SHOP}/Channels")], compact, OF_CHANNELS, {}
    ),
    "one object": Sample("Chat API", SERVICES_V2[:1], compact, V2[:1], WHOLE),
    "array": Sample(
        "Chat API", [[*SERVICES_V1, *SERVICES_V2, *ROLES]], compact, [*V1, *V2, *OF_ROLES], WHOLE
    ),
    "array of pages": Sample(
        "Chat API",
        [[page("services", SERVICES_V2, "/v2/Services"), page("roles", ROLES, f"/v2/Services/{SHOP}/Roles")]],
        pretty,
        [*V2, *OF_ROLES],
        WHOLE,
    ),
    "JSON lines": Sample(
        "Chat API",
        [*SERVICES_V2, *SERVICES_V1, *ROLES, *CHANNELS],
        lines,
        [*V2, *V1, *OF_ROLES, *OF_CHANNELS],
        WHOLE,
    ),
    "jq": Sample("Chat API", [*SERVICES_V2, *ROLES], pretty, [*V2, *OF_ROLES], WHOLE),
    "twilio-cli v2": Sample("twilio-cli", [[cli(each) for each in SERVICES_V2]], pretty, V2, WHOLE),
    "twilio-cli v1": Sample("twilio-cli", [[cli(each) for each in SERVICES_V1]], pretty, V1, WHOLE),
    "twilio-cli roles": Sample("twilio-cli", [[cli(each) for each in ROLES]], pretty, OF_ROLES, {}),
    "twilio-cli channels": Sample("twilio-cli", [[cli(each) for each in CHANNELS]], pretty, OF_CHANNELS, {}),
    "Terraform twilio/twilio": Sample(
        "Terraform, provider twilio/twilio",
        [
            terraform_state(
                [
                    state_entry(
                        "twilio_chat_services_v2", "twilio/twilio", [flat_service(s) for s in SERVICES_V2]
                    ),
                    state_entry(
                        "twilio_chat_services_roles_v2", "twilio/twilio", [flat_role(r) for r in ROLES]
                    ),
                ]
            )
        ],
        pretty,
        [*V2, *OF_ROLES],
        FLAT_LACKS,
        holds_whole_objects=False,
    ),
    "terraform show": Sample(
        "Terraform, provider twilio/twilio",
        [
            {
                "format_version": "1.0",
                "terraform_version": "1.5.7",
                "values": {
                    "outputs": {},
                    "root_module": {
                        "resources": [shown("twilio_chat_services_v2", flat_service(SERVICES_V2[0]), 0)],
                        "child_modules": [
                            {
                                "resources": [
                                    shown("twilio_chat_services_v2", flat_service(SERVICES_V2[1]), 1)
                                ],
                                "address": "module.help",
                                "child_modules": [
                                    {
                                        "resources": [
                                            shown("twilio_chat_services_roles_v2", flat_role(each), n)
                                            for n, each in enumerate(ROLES)
                                        ],
                                        "address": "module.help.module.roles",
                                    }
                                ],
                            }
                        ],
                    },
                },
            }
        ],
        compact,
        [*V2, *OF_ROLES],
        FLAT_LACKS,
        holds_whole_objects=False,
    ),
    "Terraform RJPearson94/twilio": Sample(
        "Terraform, provider RJPearson94/twilio",
        [
            terraform_state(
                [
                    state_entry(
                        "twilio_chat_service", "rjpearson94/twilio", [nested_service(s) for s in SERVICES_V2]
                    ),
                    state_entry(
                        "twilio_chat_role", "rjpearson94/twilio", [{**r, "id": r["sid"]} for r in ROLES]
                    ),
                ]
            )
        ],
        pretty,
        [*V2, *OF_ROLES],
        NESTED_LACKS,
        holds_whole_objects=False,
    ),
    "Airbyte rows": Sample(
        "Airbyte",
        [airbyte_row(each) for each in [*DECLARED, *ROLES]],
        lines,
        [*V2, *OF_ROLES],
        AIRBYTE_LACKS,
        holds_whole_objects=False,
    ),
    "Airbyte strings": Sample(
        "Airbyte",
        [airbyte_row(json.dumps(each)) for each in SERVICES_V2],
        lines,
        V2,
        {("service", "v2"): {"webhooks"}},
        holds_whole_objects=False,
    ),
    "Airbyte messages": Sample(
        "Airbyte",
        [
            {"type": "LOG", "log": {"level": "INFO", "message": "Syncing"}},
            *(airbyte_message("services", each) for each in SERVICES_V2),
            *(airbyte_message("roles", each) for each in ROLES),
            airbyte_message("calls", {"sid": "CA" + "0" * 32}),
            {"type": "STATE", "state": {"data": {}}},
        ],
        lines,
        [*V2, *OF_ROLES],
        {("service", "v2"): {"webhooks"}},
        holds_whole_objects=False,
    ),
    "Singer": Sample(
        "Singer",
        [
            {"type": "SCHEMA", "stream": "services", "schema": {"type": "object"}, "key_properties": ["sid"]},
            *(singer("services", singer_service(each)) for each in SERVICES_V2),
            *(singer("roles", each) for each in ROLES),
            *(singer("chat_channels", {**c, "attributes": json.loads(c["attributes"])}) for c in CHANNELS),
            singer("messages", {"sid": "SM" + "0" * 32}),
            {"type": "STATE", "value": {"bookmarks": {}}},
        ],
        lines,
        [*V2, *OF_ROLES, *OF_CHANNELS],
        SINGER_LACKS,
        holds_whole_objects=False,
    ),
    "Steampipe array": Sample(
        "Steampipe", [[steampipe(s) for s in SERVICES_V2]], pretty, V2, STEAMPIPE_LACKS
    ),
    "Steampipe rows": Sample(
        "Steampipe",
        [
            {
                "columns": [{"name": "sid", "data_type": "text"}],
                "rows": [steampipe(s) for s in SERVICES_V2],
                "metadata": {"rows_returned": 2},
            }
        ],
        pretty,
        V2,
        STEAMPIPE_LACKS,
    ),
    "twilio package": Sample(
        "twilio package", [list(dumps_of_the_package())], compact, [*V1, *V2, *OF_ROLES], WHOLE
    ),
    "twilio package 6": Sample(
        "twilio package",
        [
            {"_version": "<Twilio.Chat.V2>", "_properties": s, "_context": None, "_solution": {}}
            for s in SERVICES_V2
        ],
        lines,
        V2,
        WHOLE,
    ),
}
"""A file of every shape, made the way its tool makes it."""
