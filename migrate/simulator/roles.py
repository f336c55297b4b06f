"""Roles: one object, which each API shows in its own words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from migrate.simulator import words
from migrate.simulator.api import Answer, Call, Route, page, page_query
from migrate.simulator.forms import Form, Param, bad_request, choice, name, parse_form, parse_update
from migrate.simulator.world import Role, Service, now

Json = Any


@dataclass(frozen=True)
class Vocabulary:
    """How one API speaks of roles.

    Attributes:
        service_key: the property that holds the service's SID.
        types: stored type → shown type.
        shown: the permissions of a role that this API shows, in its words.
        stored: permission in this API's words → the stored word.
        date: a stored date as this API version writes it.
    """

    service_key: str
    types: Mapping[str, str]
    shown: Callable[[Role], list[str]]
    stored: Mapping[str, str]
    date: Callable[[str, str], str]


def _chat_permissions(role: Role) -> list[str]:
    return [p for p in role.permissions if p in words.CHAT_PERMISSIONS]


def _conversations_permissions(role: Role) -> list[str]:
    visible = [p for p in role.permissions if p not in role.untranslated]
    return [words.CONVERSATIONS_PERMISSION.get(p, p) for p in visible if p != "inviteMember"]


def chat_vocabulary(date: Callable[[str, str], str]) -> Vocabulary:
    """Return Chat's words, with the date style of its versions."""
    own = {word: word for word in words.CHAT_PERMISSIONS}
    same = {word: word for word in words.CONVERSATIONS_ROLE_TYPE}
    return Vocabulary("service_sid", same, _chat_permissions, own, date)


CONVERSATIONS = Vocabulary(
    "chat_service_sid",
    words.CONVERSATIONS_ROLE_TYPE,
    _conversations_permissions,
    words.STORED_PERMISSION,
    lambda _version, date: date,
)


def role_routes(vocabulary: Vocabulary, max_page_size: int) -> list[Route]:
    """Return the five operations on the roles of a service, in these words."""
    operations = RoleOperations(vocabulary, page_query(max_page_size))
    return [
        Route("GET", "Services/*/Roles", operations.list, query=operations.query),
        Route("POST", "Services/*/Roles", operations.create),
        Route("GET", "Services/*/Roles/*", operations.fetch),
        Route("POST", "Services/*/Roles/*", operations.update),
        Route("DELETE", "Services/*/Roles/*", operations.delete),
    ]


class RoleOperations:
    """The operations on roles, in the words of one API."""

    def __init__(self, vocabulary: Vocabulary, query: Form) -> None:
        self.query = query
        self._words = vocabulary
        permission = Param(
            ("permissions",),
            choice(vocabulary.stored, "permission", 50104),
            repeated=True,
            required=True,
        )
        self._update_form = {"Permission": permission}
        self._create_form = {
            "FriendlyName": Param(("friendly_name",), name, required=True),
            "Type": Param(("type",), choice(vocabulary.types.values(), "role type", 50105), required=True),
            "Permission": permission,
        }

    def _show(self, call: Call, service: Service, role: Role) -> dict[str, Json]:
        return {
            "sid": role.sid,
            "account_sid": service.account_sid,
            self._words.service_key: service.sid,
            "friendly_name": role.friendly_name,
            "type": self._words.types[role.type],
            "permissions": self._words.shown(role),
            "date_created": self._words.date(call.version, role.date_created),
            "date_updated": self._words.date(call.version, role.date_updated),
            "url": f"{call.root}/Services/{service.sid}/Roles/{role.sid}",
        }

    def _find(self, call: Call) -> tuple[Service, Role]:
        service = call.service()
        role = service.roles.get(call.sids[1])
        if role is None:
            raise call.not_found()
        return service, role

    def list(self, call: Call) -> Answer:
        """Answer with a page of the service's roles."""
        service = call.service()
        roles = list(service.roles.values())
        return page(call, self.query, "roles", roles, lambda role: self._show(call, service, role))

    def fetch(self, call: Call) -> Answer:
        """Answer with one role."""
        return Answer(200, self._show(call, *self._find(call)))

    def create(self, call: Call) -> Answer:
        """Create a role. Not idempotent: Twilio does not ask for unique names."""
        service = call.service()
        given = parse_form(self._create_form, call.request.form)
        stored_type = next(old for old, new in self._words.types.items() if new == given["Type"])
        permissions = [self._words.stored[word] for word in given["Permission"]]
        service.date_updated = now()
        role = service.add_role(call.world.new_sid("RL"), given["FriendlyName"], stored_type, permissions)
        return Answer(201, self._show(call, service, role))

    def update(self, call: Call) -> Answer:
        """Replace a role's whole set of permissions (Twilio docs, Role resource)."""
        service, role = self._find(call)
        given = parse_update(self._update_form, call.request.form)
        role.permissions = [self._words.stored[word] for word in given["Permission"]]
        role.untranslated = []
        role.date_updated = now()
        return Answer(200, self._show(call, service, role))

    def delete(self, call: Call) -> Answer:
        """Delete a role, unless it is one of the service's defaults."""
        service, role = self._find(call)
        if role.sid in {service.chat[setting] for setting in words.DEFAULT_ROLE_SETTINGS}:
            raise bad_request(f"Role {role.sid} is a default role of the service")
        del service.roles[role.sid]
        return Answer(204)


def check_default_role(service: Service, sid: str, role_type: str, code: int) -> None:
    """Refuse a default role that the service does not have, or that is of the other (stored) type.

    Raises:
        ApiError: 400 with the code.
    """
    role = service.roles.get(sid)
    if role is None or role.type != role_type:
        raise bad_request(f"Role {sid} not found", code)
