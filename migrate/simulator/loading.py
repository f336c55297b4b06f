"""A world made from what was read elsewhere: saved answers of both APIs, as plain JSON."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any

from migrate.simulator import words
from migrate.simulator.shelves import Channel
from migrate.simulator.world import Account, Role, Service, User, World, add_default_roles, make_sid

Json = Any

BORN = "2017-01-01T00:00:00Z"
NO_SETTINGS = frozenset(
    {"sid", "account_sid", "service_sid", "chat_service_sid", "date_created", "date_updated", "url", "links"}
)
V1_EVENT_KEYS = frozenset({"enabled", "template"})


def world_from(accounts: Mapping[str, Mapping[str, Json]]) -> World:
    """Return the world that these answers describe.

    Args:
        accounts: by account SID, the first one being the simulator's own, each with any of
            `auth_token`: otherwise one is made from the SID;
            `configuration`, `webhooks`: the account's own, as Conversations answers;
            `services`: a list, each with any of
                `sid`: needed where no payload has it;
                `v2`, `v1`: the service as Chat answers; where both are there and differ, v2 counts and v1
                goes on showing its own;
                `roles`: as Chat answers; without it the service has the four that it was born with;
                `conversations`: null: Conversations does not have the service; otherwise `configuration`,
                `notifications`, `webhooks` and `roles`, as Conversations answers: for what both APIs share,
                this counts, being what a write would meet;
                `channels`, `users`: lists, as Chat answers.

    Raises:
        KeyError: a service, role, channel or user without what identifies it.
    """
    world = World()
    for sid, told in accounts.items():
        account = Account(sid, told.get("auth_token") or make_sid("", sid, "token"))
        account.owner_sid = world.first.sid if world.accounts else None
        account.configuration.update(_settings(told.get("configuration")))
        account.webhooks.update(_settings(told.get("webhooks")))
        world.accounts[sid] = account
        for one in told.get("services", ()):
            service = _service(sid, one)
            account.services[service.sid] = service
            if one.get("conversations", {}) is None:
                account.chat_only.append(service.sid)
    return world


def _settings(payload: Mapping[str, Json] | None) -> dict[str, Json]:
    """Return what is a setting in the payload, and nobody else's object."""
    return copy.deepcopy({key: value for key, value in (payload or {}).items() if key not in NO_SETTINGS})


def _date(payload: Mapping[str, Json], key: str) -> str:
    """Return a date in the stored format, from ISO 8601 or RFC 2822; an early one for anything else."""
    text = str(payload.get(key) or "")
    if len(text) >= 20 and text[4:5] == "-":
        return f"{text[:19]}Z"
    try:
        return parsedate_to_datetime(text).strftime("%Y-%m-%dT%H:%M:%SZ")
    except ValueError:
        return BORN


def _service(account_sid: str, told: Mapping[str, Json]) -> Service:
    newest = told.get("v2") or told.get("v1") or told
    service = Service(
        newest["sid"], account_sid, _date(newest, "date_created"), _date(newest, "date_updated")
    )
    v1, v2 = _settings(told.get("v1")), _settings(told.get("v2"))
    service.chat.update(v1 | v2)
    if v1 and v2:
        seen_by_v1 = {key: _as_v1(key, value) for key, value in v2.items()}
        differing = {key: value for key, value in v1.items() if key != "webhooks"}
        service.v1_differs = {
            key: value for key, value in differing.items() if key not in v2 or value != seen_by_v1[key]
        }
    _add_roles(service, told.get("roles"))
    _add_conversations(service, told.get("conversations") or {})
    for channel in told.get("channels", ()):
        fields = {key: channel[key] for key in Channel._fields if channel.get(key) is not None}
        dates = {key: _date(channel, key) for key in ("date_created", "date_updated")}
        blank = {"friendly_name": None, "unique_name": None}
        service.channels[channel["sid"]] = Channel(**(blank | fields | dates))
    for user in told.get("users", ()):
        role = user.get("role_sid") or service.chat["default_service_role_sid"]
        made = User(
            user["sid"], user["identity"], role, _date(user, "date_created"), _date(user, "date_updated")
        )
        made.friendly_name, made.attributes = user.get("friendly_name"), user.get("attributes") or "{}"
        service.users[made.sid] = made
    return service


def _as_v1(key: str, value: Json) -> Json:
    """Return a v2 setting as v1 shows it."""
    if key != "notifications" or not isinstance(value, Mapping):
        return value
    return {
        name: {k: v for k, v in event.items() if k in V1_EVENT_KEYS} if isinstance(event, Mapping) else event
        for name, event in value.items()
    }


def _add_roles(service: Service, roles: list[Mapping[str, Json]] | None) -> None:
    """Add the roles as Chat shows them, or those that the service was born with, under the SIDs that it names."""
    if roles is not None:
        for role in roles:
            made = service.add_role(role["sid"], role["friendly_name"], role["type"], role["permissions"])
            made.date_created, made.date_updated = _date(role, "date_created"), _date(role, "date_updated")
        return
    named = {name: service.chat.get(key) for key, name in words.DEFAULT_ROLE_SETTINGS.items()}
    sids = iter([named.get(name) or make_sid("RL", service.sid, name) for name in words.DEFAULT_ROLES])
    add_default_roles(service, lambda: next(sids))


def _add_conversations(service: Service, told: Mapping[str, Json]) -> None:
    """Add what Conversations shows of the service."""
    configuration = _settings(told.get("configuration"))
    for shown, stored in words.CONFIGURATION_SETTINGS.items():
        if shown in configuration:
            service.chat[stored] = configuration[shown]
    service.conversations_notifications.update(_settings(told.get("notifications")))
    service.conversations_webhooks.update(_settings(told.get("webhooks")))
    for role in told.get("roles", ()):
        _merge_role(service, role)


def _merge_role(service: Service, shown: Mapping[str, Json]) -> None:
    """Bring what Conversations shows of a role together with what Chat shows of it."""
    stored = [words.STORED_PERMISSION.get(word, word) for word in shown["permissions"]]
    role: Role | None = service.roles.get(shown["sid"])
    if role is None:
        role_type = words.STORED_ROLE_TYPE[shown["type"]]
        service.add_role(shown["sid"], shown["friendly_name"], role_type, stored)
        return
    role.untranslated = [word for word in role.permissions if word not in stored and word != "inviteMember"]
    role.permissions += [word for word in stored if word not in role.permissions]
