"""Roles: one object, which each API shows in its own words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from migrate.simulator import words
from migrate.simulator.api import Answer, Call, Route, page_query
from migrate.simulator.forms import Form, Param, bad_request, choice, parse_form, role_name
from migrate.simulator.pages import Listing, page
from migrate.simulator.uneven import kept
from migrate.simulator.world import Role, Service

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
        unscoped: whether the default service's roles can be reached without its SID.
    """

    service_key: str
    types: Mapping[str, str]
    shown: Callable[[Role], list[str]]
    stored: Mapping[str, str]
    date: Callable[[Call, str], str]
    unscoped: bool = False


def _chat_permissions(role: Role) -> list[str]:
    return [p for p in role.permissions if p in words.CHAT_PERMISSIONS]


def _conversations_permissions(role: Role) -> list[str]:
    hidden, renamed = {"inviteMember", *role.untranslated}, words.CONVERSATIONS_PERMISSION
    return [renamed.get(word, word) for word in role.permissions if word not in hidden]


def chat_vocabulary(date: Callable[[Call, str], str]) -> Vocabulary:
    """Return Chat's words, with the date style of its versions."""
    own = {word: word for word in words.CHAT_PERMISSIONS}
    same = {word: word for word in words.CONVERSATIONS_ROLE_TYPE}
    return Vocabulary("service_sid", same, _chat_permissions, own, date)


CONVERSATIONS = Vocabulary(
    "chat_service_sid",
    words.CONVERSATIONS_ROLE_TYPE,
    _conversations_permissions,
    words.STORED_PERMISSION,
    lambda _call, date: date,
    unscoped=True,
)


def role_routes(vocabulary: Vocabulary, max_page_size: int) -> list[Route]:
    """Return the five operations on the roles of a service, in these words."""
    operations = RoleOperations(vocabulary, page_query(max_page_size))
    here, one = "Services/*/Roles", "Services/*/Roles/*"
    unscoped = vocabulary.unscoped
    return [
        Route("GET", here, operations.list, query=operations.query, unscoped=unscoped),
        Route("POST", here, operations.create, unscoped=unscoped),
        Route("GET", one, operations.fetch, unscoped=unscoped),
        Route("POST", one, operations.update, unscoped=unscoped),
        Route("DELETE", one, operations.delete, unscoped=unscoped),
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
            "FriendlyName": Param(("friendly_name",), role_name, required=True),
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
            "date_created": self._words.date(call, role.date_created),
            "date_updated": self._words.date(call, role.date_updated),
            "url": f"{call.home}/Roles/{role.sid}",
        }

    def _find(self, call: Call) -> tuple[Service, Role]:
        service = call.service()
        role = call.find(service.sid, service.roles, call.sids[1])
        if role is None or call.past.is_missing(role.sid):
            raise call.not_found()
        return service, role

    def _permissions(self, role_type: str, given: Iterable[str]) -> list[str]:
        """Return the stored words; ApiError 400/50104 for one that a role of the type cannot have."""
        permissions = [self._words.stored[word] for word in given]
        for word, permission in zip(given, permissions, strict=True):
            if permission in words.REFUSED_PERMISSIONS[role_type]:
                raise bad_request(f"Permission {word} is not valid for this type of role", 50104)
        return permissions

    def list(self, call: Call) -> Answer:
        """Answer with a page of the service's roles."""
        service = call.service()
        show = partial(self._show, call, service)
        return page(call, Listing("roles", self.query, service.roles, show))

    def fetch(self, call: Call) -> Answer:
        """Answer with one role."""
        service, role = self._find(call)
        return Answer(200, self._show(call, service, call.past.seen(role)))

    def create(self, call: Call) -> Answer:
        """Create a role. Not idempotent: Twilio does not ask for unique names."""
        service = call.service()
        given = kept(call.past.uneven, parse_form(self._create_form, call.request.form))
        stored_type = next(old for old, new in self._words.types.items() if new == given["Type"])
        permissions = self._permissions(stored_type, given["Permission"])
        service.date_updated = call.past.now()
        role = service.add_role(call.world.new_sid("RL"), given["FriendlyName"], stored_type, permissions)
        call.past.born(role.sid)
        return Answer(201, self._show(call, service, role))

    def update(self, call: Call) -> Answer:
        """Replace a role's whole set of permissions (Twilio docs, Role resource)."""
        service, role = self._find(call)
        permissions = self._permissions(role.type, call.read(self._update_form)["Permission"])
        call.past.keep(role)
        role.permissions = permissions
        role.untranslated = []
        role.date_updated = call.past.now()
        return Answer(200, self._show(call, service, role))

    def delete(self, call: Call) -> Answer:
        """Delete a role, unless it is one of the service's defaults."""
        service, role = self._find(call)
        if role.sid in {service.chat[setting] for setting in words.DEFAULT_ROLE_SETTINGS}:
            raise bad_request(f"Role {role.sid} is a default role of the service")
        call.past.bury(service.sid, role)
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
