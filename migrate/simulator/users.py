"""Users, seen by both APIs, and the collections that are always empty here: what client SDKs would put in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from migrate.simulator.api import Answer, Call, Route, page_query
from migrate.simulator.forms import ApiError, Form, Param, json_text, parse_form, put, sid, text
from migrate.simulator.pages import Listing, page
from migrate.simulator.roles import check_default_role
from migrate.simulator.shelves import Channel, Channels, Shelf
from migrate.simulator.world import Service, User

Json = Any

UPDATE: Form = {
    "FriendlyName": Param(("friendly_name",), text(256)),
    "Attributes": Param(("attributes",), json_text),
    "RoleSid": Param(("role_sid",), sid("RL")),
}
CREATE: Form = {"Identity": Param(("identity",), text(256, 50207), required=True), **UPDATE}


@dataclass(frozen=True)
class UserView:
    """How one API version shows users.

    Attributes:
        service_key: the property that holds the service's SID.
        links: link → last part of its path.
        more: properties of this version alone.
        date: a stored date as this API version writes it.
        max_page_size: of lists.
        unscoped: whether the default service's users can be reached without its SID.
        webhook_header: whether writes take `X-Twilio-Webhook-Enabled`.
    """

    service_key: str
    links: dict[str, str]
    more: dict[str, Json]
    date: Callable[[Call, str], str]
    max_page_size: int
    unscoped: bool
    webhook_header: bool

    def routes(self) -> list[Route]:
        """Return the five operations on users, and the collections that their links lead to."""
        query = page_query(self.max_page_size)
        here, one = "Services/*/Users", "Services/*/Users/*"
        header, unscoped = self.webhook_header, self.unscoped
        return [
            Route("GET", here, partial(self._list, query), query=query, unscoped=unscoped),
            Route("POST", here, self._create, webhook_header=header, unscoped=unscoped),
            Route("GET", one, self._fetch, unscoped=unscoped),
            Route("POST", one, self._update, webhook_header=header, unscoped=unscoped),
            Route("DELETE", one, self._delete, webhook_header=header, unscoped=unscoped),
            *(empty(f"{one}/{path}", self.max_page_size, _find, unscoped) for path in self.links.values()),
        ]

    def _show(self, call: Call, service: Service, user: User) -> dict[str, Json]:
        url = f"{call.home}/Users/{user.sid}"
        return {
            "sid": user.sid,
            "account_sid": service.account_sid,
            self.service_key: service.sid,
            "identity": user.identity,
            "friendly_name": user.friendly_name,
            "attributes": user.attributes,
            "role_sid": user.role_sid,
            "is_online": False if service.chat["reachability_enabled"] else None,
            "is_notifiable": False if service.chat["reachability_enabled"] else None,
            **self.more,
            "date_created": self.date(call, user.date_created),
            "date_updated": self.date(call, user.date_updated),
            "url": url,
            "links": {link: f"{url}/{path}" for link, path in self.links.items()},
        }

    def _list(self, query: Form, call: Call) -> Answer:
        service = call.service()
        return page(call, Listing("users", query, service.users, partial(self._show, call, service)))

    def _fetch(self, call: Call) -> Answer:
        return Answer(200, self._show(call, call.service(), call.past.seen(_find(call))))

    def _create(self, call: Call) -> Answer:
        service = call.service()
        given = parse_form(CREATE, call.request.form)
        if service.users.identified(given["Identity"]):
            raise ApiError(409, 50201, "User already exists")
        role: str = given.get("RoleSid") or service.chat["default_service_role_sid"]
        check_default_role(service, role, "deployment", 50100)
        moment = call.past.now()
        user = User(call.world.new_sid("US"), given["Identity"], role, moment, moment)
        put(vars(user), CREATE, given)
        service.users[user.sid] = user
        call.past.born(user.sid)
        return Answer(201, self._show(call, service, user))

    def _update(self, call: Call) -> Answer:
        service, user = call.service(), _find(call)
        given = call.read(UPDATE)
        if "RoleSid" in given:
            check_default_role(service, given["RoleSid"], "deployment", 50100)
        call.past.keep(user)
        put(vars(user), UPDATE, given)
        user.date_updated = call.past.now()
        return Answer(200, self._show(call, service, user))

    def _delete(self, call: Call) -> Answer:
        del call.service().users[_find(call).sid]
        return Answer(204)


def _find(call: Call) -> User:
    """Return the user that the path names, by SID or by identity."""
    users, wanted = call.service().users, call.sids[1]
    user = users.get(wanted) or users.identified(wanted)
    if user is None or call.past.is_missing(user.sid):
        raise call.not_found()
    return user


def empty(path: str, most: int, find: Callable[[Call], object], unscoped: bool = False) -> Route:
    """Return the list at the path, which never holds anything; `find` raises if what it belongs to is not there."""
    query = page_query(most)
    last = path.rpartition("/")[2]
    key = "conversations" if last == "ParticipantConversations" else last.lower()
    nothing: Shelf[Json] = Shelf()

    def answer(call: Call) -> Answer:
        find(call)
        return page(call, Listing(key, query, nothing, dict, usual_size=min(most, 50)))

    return Route("GET", path, answer, query=query, unscoped=unscoped)


def shown_type(call: Call, channels: Channels, place: int) -> str | None:
    """Return the type of the channel at the place as a list sees it; None: there is none."""
    if not call.past.uneven.reads_lag:
        return channels.type_at(place)
    channel = channels.at(place)
    return call.past.seen(channel).type if channel else None


def find_channel(call: Call) -> Channel:
    """Return the channel that the path names, by SID or by unique name; Conversations sees private ones only."""
    channels, wanted = call.service().channels, call.sids[1]
    channel = channels.get(wanted) or channels.named(wanted)
    hidden = channel is None or (call.request.api == "conversations" and channel.type == "public")
    if channel is None or hidden or call.past.is_missing(channel.sid):
        raise call.not_found()
    return channel
