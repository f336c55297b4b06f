"""What the simulated Twilio holds: accounts, services, roles and channels.

A Chat Service and the Conversation Service with the same SID are one `Service` (Twilio docs, "Migrating from
Programmable Chat to Conversations"). Whether they also share webhook and notification settings is not
documented, so a service holds those once per API.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from migrate.simulator import words
from migrate.simulator.shelves import Channels, Shelf

Json = Any
"""A value as `json.loads` returns it."""


def make_sid(prefix: str, *parts: object) -> str:
    """Return the SID that belongs to these parts: always the same one."""
    digest = hashlib.blake2b("/".join(map(str, parts)).encode(), digest_size=16)
    return prefix + digest.hexdigest()


def dice(seed: object) -> random.Random:
    """Return what draws the same for the same seed."""
    return random.Random(str(seed))  # noqa: S311 - a rehearsal wants to be repeated


def now() -> str:
    """Return the present time as Twilio writes it: ISO 8601, UTC, whole seconds."""
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass
class Role:
    """One role, seen by both APIs.

    Attributes:
        sid: `RL…`.
        friendly_name: the name.
        type: Chat's word, `channel` or `deployment`.
        permissions: Chat's words; those that only Conversations knows, in its words.
        untranslated: permissions (Chat's words) that Conversations does not show yet.
        date_created: ISO 8601.
        date_updated: ISO 8601.
    """

    sid: str
    friendly_name: str
    type: str
    permissions: list[str]
    untranslated: list[str]
    date_created: str
    date_updated: str


@dataclass
class User:
    """One user, seen by both APIs."""

    sid: str
    identity: str
    role_sid: str
    date_created: str
    date_updated: str
    friendly_name: str | None = None
    attributes: str = "{}"


class UserShelf(Shelf[User]):
    """The users of one service, found by their identities as well, which never change."""

    def __init__(self, held: Mapping[str, User] | None = None) -> None:
        super().__init__(held)
        self._by_identity = {user.identity: sid for sid, user in self.items()}

    def __setitem__(self, sid: str, user: User) -> None:
        super().__setitem__(sid, user)
        self._by_identity[user.identity] = sid

    def __delitem__(self, sid: str) -> None:
        self._by_identity.pop(self[sid].identity)
        super().__delitem__(sid)

    def identified(self, identity: str) -> User | None:
        """Return the user of that identity, or None."""
        return self.get(self._by_identity.get(identity, ""))


def new_chat_settings() -> dict[str, Json]:
    """Return Chat's settings of a new service: v2's properties, and v1's `webhooks`."""
    event: dict[str, Json] = {"enabled": False, "template": "", "sound": ""}
    return {
        "friendly_name": "",
        "default_service_role_sid": None,
        "default_channel_role_sid": None,
        "default_channel_creator_role_sid": None,
        "read_status_enabled": True,
        "reachability_enabled": False,
        "typing_indicator_timeout": 5,
        "consumption_report_interval": 10,
        "limits": {"channel_members": 100, "user_channels": 250},
        "webhooks": {},
        "pre_webhook_url": None,
        "post_webhook_url": None,
        "webhook_method": "POST",
        "webhook_filters": [],
        "pre_webhook_retry_count": 0,
        "post_webhook_retry_count": 0,
        "notifications": {
            "log_enabled": False,
            "new_message": event | {"badge_count_enabled": False},
            "added_to_channel": dict(event),
            "removed_from_channel": dict(event),
            "invited_to_channel": dict(event),
        },
        "media": {"size_limit_mb": 150, "compatibility_message": "Media messages are not supported"},
    }


def new_conversations_notifications() -> dict[str, Json]:
    """Return the push settings of a Conversation Service that nobody configured."""
    event: dict[str, Json] = {"enabled": False, "template": "", "sound": ""}
    with_media = {"enabled": False, "template": ""}
    return {
        "log_enabled": False,
        "new_message": event | {"badge_count_enabled": False, "with_media": with_media},
        "added_to_conversation": dict(event),
        "removed_from_conversation": dict(event),
    }


def new_conversations_webhooks() -> dict[str, Json]:
    """Return the webhooks of a Conversation Service that nobody configured: four nulls."""
    return {"pre_webhook_url": None, "post_webhook_url": None, "filters": None, "method": None}


@dataclass
class Service:
    """One service, seen by both APIs.

    Attributes:
        sid: `IS…`.
        account_sid: `AC…`.
        date_created: ISO 8601.
        date_updated: ISO 8601.
        chat: Chat's settings, in the shape of the v2 resource plus v1's `webhooks`. Conversations shows
            the friendly name, the default roles and the reachability from here.
        v1_differs: top-level properties that v1 shows otherwise than v2.
        conversations_webhooks: what Conversations shows as `/Configuration/Webhooks`.
        conversations_notifications: what Conversations shows as `/Configuration/Notifications`.
        roles: by SID, oldest first.
        users: by SID, oldest first.
        channels: by SID, oldest first.
    """

    sid: str
    account_sid: str
    date_created: str
    date_updated: str
    chat: dict[str, Json] = field(default_factory=new_chat_settings)
    v1_differs: dict[str, Json] = field(default_factory=dict)
    conversations_webhooks: dict[str, Json] = field(default_factory=new_conversations_webhooks)
    conversations_notifications: dict[str, Json] = field(default_factory=new_conversations_notifications)
    roles: Shelf[Role] = field(default_factory=Shelf)
    users: UserShelf = field(default_factory=UserShelf)
    channels: Channels = field(default_factory=Channels)

    def settings(self) -> dict[str, Json]:
        """Return the service as JSON, without its channels; it shares what it holds with the service."""
        return vars(self) | {
            "roles": [vars(role) for role in self.roles.values()],
            "users": [vars(user) for user in self.users.values()],
            "channels": None,
        }

    def to_json(self) -> dict[str, Json]:
        """Return the service as JSON; it shares what it holds with the service."""
        return self.settings() | {"channels": self.channels.to_json()}

    @classmethod
    def from_json(cls, document: Mapping[str, Json], channels: Channels | None = None) -> Service:
        """Return the service that `to_json` wrote, or, with these channels, the one of `settings`."""
        roles = {role["sid"]: Role(**role) for role in document["roles"]}
        users = {user["sid"]: User(**user) for user in document["users"]}
        if channels is None:
            channels = Channels.from_json(document["sid"], document["channels"])
        held = {"roles": Shelf(roles), "users": UserShelf(users), "channels": channels}
        return cls(**{**document, **held})

    def add_role(self, sid: str, friendly_name: str, role_type: str, permissions: Iterable[str]) -> Role:
        """Add a role, in Chat's words, as old as the service's last change."""
        moment = self.date_updated
        role = Role(sid, friendly_name, role_type, list(permissions), [], moment, moment)
        self.roles[sid] = role
        return role

    def redate(self, moment: str) -> None:
        """Date the creation of the service and of its roles."""
        self.date_created = self.date_updated = moment
        for role in self.roles.values():
            role.date_created = role.date_updated = moment

    def role_named(self, friendly_name: str) -> Role:
        """Return the first role of that name; StopIteration if there is none."""
        return next(role for role in self.roles.values() if role.friendly_name == friendly_name)


def add_default_roles(service: Service, new_sid: Callable[[], str]) -> None:
    """Give a service the four roles that every service is born with, and make three of them its defaults."""
    for name, (role_type, permissions) in words.DEFAULT_ROLES.items():
        service.add_role(new_sid(), name, role_type, permissions)
    for setting, name in words.DEFAULT_ROLE_SETTINGS.items():
        service.chat[setting] = service.role_named(name).sid


@dataclass
class Account:
    """One account: its credentials, its services by SID (oldest first), its own Conversations settings.

    Attributes:
        api_keys: main keys, `SK…` → secret. A key belongs to this account, whatever its user claims.
        standard_keys: keys that the 2010 API refuses.
        owner_sid: the parent account; None: it is the parent.
        status: `active`, `suspended` or `closed`.
        chat_only: SIDs of services that Conversations does not have.
        seeded: from what its services are drawn when somebody first looks; None: they are not drawn.
    """

    sid: str
    auth_token: str
    api_keys: dict[str, str] = field(default_factory=dict)
    standard_keys: dict[str, str] = field(default_factory=dict)
    friendly_name: str = ""
    owner_sid: str | None = None
    status: str = "active"
    chat_only: list[str] = field(default_factory=list)
    date_created: str = "2017-01-01T00:00:00Z"
    services: Shelf[Service] = field(default_factory=Shelf)
    seeded: dict[str, Json] | None = field(default=None, compare=False)
    configuration: dict[str, Json] = field(
        default_factory=lambda: {
            "default_chat_service_sid": None,
            "default_messaging_service_sid": None,
            "default_inactive_timer": None,
            "default_closed_timer": None,
        }
    )
    webhooks: dict[str, Json] = field(
        default_factory=lambda: {
            "method": "POST",
            "filters": [],
            "pre_webhook_url": None,
            "post_webhook_url": None,
            "target": "webhook",
        }
    )

    def settings(self) -> dict[str, Json]:
        """Return the account as JSON, without its services."""
        return {key: value for key, value in vars(self).items() if key != "services"}

    def to_json(self, *, whole: bool = True) -> dict[str, Json]:
        """Return the account as JSON, with its services; or, not whole, without those that are still to be drawn."""
        if self.services.untouched and not whole:
            return self.settings() | {"services": None}
        return self.settings() | {"services": [service.to_json() for service in self.services.values()]}

    @classmethod
    def from_json(cls, document: Mapping[str, Json]) -> Account:
        """Return the account that `to_json` wrote; services that were not written are for the caller to draw."""
        services = [Service.from_json(service) for service in document["services"] or ()]
        return cls(**{**document, "services": Shelf({service.sid: service for service in services})})


@dataclass
class World:
    """The whole simulated Twilio.

    Attributes:
        accounts: by SID; the first one is the simulator's own.
        serial: how many SIDs have been given out; the next one depends on it.
    """

    accounts: dict[str, Account] = field(default_factory=dict)
    serial: int = 0
    _key_owners: dict[str, Account] = field(default_factory=dict, compare=False, repr=False)

    @property
    def first(self) -> Account:
        """The first account."""
        return next(iter(self.accounts.values()))

    def add_account(self, seed: object = 0) -> Account:
        """Add an empty account whose SID and credentials depend on the seed and on its place."""
        number = len(self.accounts)
        key = ("account", seed, number)
        account = Account(sid=make_sid("AC", *key), auth_token=make_sid("", *key, "token"))
        account.api_keys[make_sid("SK", *key)] = make_sid("", *key, "secret")
        if self.accounts:
            account.owner_sid = self.first.sid
        account.friendly_name = f"Account {number}" if number else "Parent account"
        self.accounts[account.sid] = account
        return account

    def service(self, sid: str) -> Service:
        """Return a service, whosever it is; KeyError if there is none."""
        looked_into_first = sorted(self.accounts.values(), key=lambda account: account.services.untouched)
        for account in looked_into_first:
            if sid in account.services:
                return account.services[sid]
        raise KeyError(sid)

    def delete_service(self, sid: str) -> None:
        """Delete a service and all that is in it; KeyError if there is none."""
        account = self.accounts[self.service(sid).account_sid]
        del account.services[sid]
        if account.configuration["default_chat_service_sid"] == sid:
            account.configuration["default_chat_service_sid"] = None

    def owner_of_key(self, key_sid: str) -> Account | None:
        """Return the account of an API key, or None."""
        account = self._key_owners.get(key_sid)
        if account is None or not {*account.api_keys, *account.standard_keys} >= {key_sid}:
            self._key_owners = {
                key: one for one in self.accounts.values() for key in (*one.api_keys, *one.standard_keys)
            }
            account = self._key_owners.get(key_sid)
        return account

    def new_sid(self, prefix: str) -> str:
        """Return a SID that was never given out."""
        self.serial += 1
        return make_sid(prefix, "new", self.first.sid, self.serial)

    def create_service(self, account: Account, friendly_name: str) -> Service:
        """Create a service, born with the four default roles, as Chat and Conversations both do."""
        moment = now()
        service = Service(self.new_sid("IS"), account.sid, moment, moment)
        service.chat["friendly_name"] = friendly_name
        add_default_roles(service, lambda: self.new_sid("RL"))
        account.services[service.sid] = service
        return service

    def to_json(self, *, whole: bool = True) -> dict[str, Json]:
        """Return the world as JSON; not whole, without the services that are still to be drawn."""
        accounts = [account.to_json(whole=whole) for account in self.accounts.values()]
        return {"serial": self.serial, "accounts": accounts}

    @classmethod
    def from_json(cls, document: Mapping[str, Json]) -> World:
        """Return the world that `to_json` wrote; it takes over what the document holds."""
        accounts = [Account.from_json(account) for account in document["accounts"]]
        return cls({account.sid: account for account in accounts}, document["serial"])
