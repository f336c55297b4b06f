"""From a request to an answer, without any network: routes, credentials, limits."""

from __future__ import annotations

import base64
import json
import re
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar
from urllib.parse import unquote

from migrate.simulator.forms import (
    ApiError,
    Form,
    Pairs,
    Param,
    bad_request,
    integer,
    parse_form,
    parse_update,
    text,
)
from migrate.simulator.shelves import Shelf
from migrate.simulator.uneven import EVEN, Past, kept
from migrate.simulator.world import Account, Service, World

Json = Any
T = TypeVar("T")

HOSTS = {
    "chat": "https://chat.twilio.com",
    "conversations": "https://conversations.twilio.com",
    "api": "https://api.twilio.com",
}
"""The real APIs, by name: what answers name in their URLs, whoever serves them."""

FORM_TYPE = "application/x-www-form-urlencoded"


class Request(NamedTuple):
    """One request, as Twilio sees it.

    Attributes:
        api: `chat`, `conversations` or `api`.
        method: upper case.
        path: `/v2/Services`.
        query: decoded, in order.
        form: decoded, in order.
        authorization: the header of that name, or "".
        webhook_enabled: the header `X-Twilio-Webhook-Enabled`, if it was sent.
        content_type: of the body.
    """

    api: str
    method: str
    path: str
    query: Pairs
    form: Pairs
    authorization: str = ""
    webhook_enabled: str | None = None
    content_type: str = FORM_TYPE


class Answer(NamedTuple):
    """One answer: the status, the JSON document (None: no body), headers of its own."""

    status: int
    document: Json = None
    headers: Mapping[str, str] = {}

    @property
    def body(self) -> str:
        """The body as sent."""
        return "" if self.document is None else json.dumps(self.document)


def refusal(error: ApiError) -> Answer:
    """Return an error in Twilio's envelope."""
    document = {
        "code": error.code,
        "message": error.message,
        "more_info": f"https://www.twilio.com/docs/errors/{error.code}",
        "status": error.status,
    }
    return Answer(error.status, document, error.headers)


@dataclass(frozen=True)
class Rules:
    """What is not the same in every simulator.

    Attributes:
        bases: the base of the URLs in answers, by API.
        next_page_base: the base of `next_page_url` if it is another one.
        service_filters: the filters that the webhooks of one service accept.
        chat_status: the status with which the whole Chat API refuses, or None.
        template_limit: the most characters of a template, or None.
        sound_limit: the most characters of a sound, or None.
        writes_per_second: so many writes a second each service takes, or None.
        past: what an uneven service remembers.
        written: the moments of each service's last writes.
    """

    bases: Mapping[str, str]
    service_filters: frozenset[str]
    next_page_base: str | None = None
    chat_status: int | None = None
    template_limit: int | None = None
    sound_limit: int | None = None
    writes_per_second: int | None = None
    past: Past = field(default_factory=lambda: Past(EVEN))
    written: dict[str, deque[float]] = field(default_factory=dict)

    def take(self, service_sid: str) -> None:
        """Count a write to the service.

        Raises:
            ApiError: 429/50063: it is one too many for this second.
        """
        if self.writes_per_second is None:
            return
        moments = self.written.setdefault(service_sid, deque())
        present = time.monotonic()
        while moments and present - moments[0] >= 1:
            moments.popleft()
        if len(moments) >= self.writes_per_second:
            raise ApiError(429, 50063, f"Too many requests for service instance {service_sid}")
        moments.append(present)

    def check_texts(self, given: Mapping[str, Json]) -> None:
        """Check the lengths of templates and sounds.

        Raises:
            ApiError: 400/50058 for a template, 400/50059 for a sound.
        """
        for ending, limit, code in (
            ("Template", self.template_limit, 50058),
            ("Sound", self.sound_limit, 50059),
        ):
            for key, value in given.items():
                if limit is not None and key.endswith(ending) and len(value) > limit:
                    raise bad_request(f"{key} is longer than {limit} characters", code)


class Call(NamedTuple):
    """One authenticated request on its way through a handler."""

    world: World
    account: Account
    rules: Rules
    request: Request
    version: str
    sids: tuple[str, ...]
    parent: str

    @property
    def past(self) -> Past:
        """What an uneven service remembers."""
        return self.rules.past

    @property
    def root(self) -> str:
        """Where the URLs of this API version start: `https://chat.twilio.com/v2`."""
        return f"{self.rules.bases[self.request.api]}/{self.version}"

    @property
    def home(self) -> str:
        """Where the URLs of this service start: at its SID, or, for the default service, at the root."""
        return f"{self.root}/{self.parent}" if self.parent else self.root

    def not_found(self) -> ApiError:
        """Return the refusal of a resource that does not exist, or is another account's."""
        return ApiError(404, 20404, f"The requested resource {self.request.path} was not found")

    def find(self, owner_sid: str, shelf: Shelf[T], sid: str) -> T | None:
        """Return the owner's thing of that SID; None: it is not there, and a read doesn't see that it was."""
        reading = self.request.method == "GET"
        return shelf.get(sid) or (self.past.deleted(owner_sid, sid) if reading else None)

    def service(self) -> Service:
        """Return the service that the path names, as it is, to be shown or changed."""
        service = self.find(self.account.sid, self.account.services, self.sids[0])
        if service is None or self.past.is_missing(service.sid):
            raise self.not_found()
        if self.request.api == "conversations" and service.sid in self.account.chat_only:
            raise self.not_found()
        return service

    def read(self, form: Form) -> dict[str, Json]:
        """Return the values of a partial update, as the service keeps them."""
        given = parse_update(form, self.request.form)
        if self.rules.template_limit is not None or self.rules.sound_limit is not None:
            self.rules.check_texts(given)
        return kept(self.past.uneven, given) if self.past.uneven.values else given


Handler = Callable[[Call], Answer]


@dataclass(frozen=True)
class Route:
    """One operation.

    Attributes:
        method: upper case.
        path: `*` stands for a SID.
        handler: of the operation.
        query: the query parameters.
        webhook_header: whether it takes `X-Twilio-Webhook-Enabled`.
        unscoped: whether the same path without `Services/*/` does this in the account's default service.
    """

    method: str
    path: str
    handler: Handler
    query: Form = field(default_factory=dict)
    webhook_header: bool = False
    unscoped: bool = False


def page_query(most: int, extra: Form | None = None) -> Form:
    """Return the query parameters of a list whose pages hold at most so many items."""
    return {
        "PageSize": Param(("page_size",), integer(1, most, what="PageSize")),
        "Page": Param(("page",), integer(what="Page")),
        "PageToken": Param(("page_token",), text()),
        **(extra or {}),
    }


class Crossing:
    """One place in the tree of paths: where the next segment leads, and what is served here."""

    def __init__(self) -> None:
        self.ways: dict[str, Crossing] = {}
        self.routes: dict[str, Route] = {}
        self.in_default_service = False


_SERVICE_SID = re.compile(r"IS[0-9a-fA-F]{32}")
_SCOPE = "Services/*/"


class Router:
    """Finds the operation of a request."""

    def __init__(self, routes: Mapping[tuple[str, str], Iterable[Route]]) -> None:
        """Take the routes by (API, version)."""
        self._roots: dict[tuple[str, str], Crossing] = {}
        for key, group in routes.items():
            root = self._roots[key] = Crossing()
            for route in group:
                self._lay(root, route.path).routes[route.method] = route
                if route.unscoped:
                    there = self._lay(root, route.path.removeprefix(_SCOPE))
                    there.routes[route.method] = route
                    there.in_default_service = True

    @staticmethod
    def _lay(root: Crossing, path: str) -> Crossing:
        for segment in path.split("/"):
            root = root.ways.setdefault(segment, Crossing())
        return root

    def find(self, request: Request) -> tuple[Route, str, tuple[str, ...], bool]:
        """Return the route, the API version, the SIDs in the path, and whether it is about the default service.

        Raises:
            ApiError: 404/20404 for an unknown path, 405/20004 for a method that it does not have.
        """
        _, version, *segments = request.path.split("/")
        place = self._roots.get((request.api, version))
        sids = []
        for segment in segments:
            if place is None:
                break
            way = place.ways.get(segment)
            if way is None or segment == "*":
                way = place.ways.get("*")
                sids.append(unquote(segment))
            place = way
        scoped = len(segments) > 1 and segments[0] == "Services"
        if place is None or not place.routes or (scoped and not _SERVICE_SID.fullmatch(sids[0])):
            raise ApiError(404, 20404, f"The requested resource {request.path} was not found")
        route = place.routes.get(request.method)
        if route is None:
            raise ApiError(405, 20004, "Method not allowed", {"Allow": ", ".join(sorted(place.routes))})
        return route, version, tuple(sids), place.in_default_service


@lru_cache(maxsize=8192)
def _credentials(authorization: str) -> tuple[str, str]:
    scheme, _, encoded = authorization.partition(" ")
    try:
        username, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except ValueError:  # neither base64 nor UTF-8
        return "", ""
    return (username, password) if scheme.lower() == "basic" else ("", "")


def authenticate(world: World, authorization: str) -> tuple[Account, str]:
    """Return the account of the credentials (account SID and token, or API key and secret) and the user name.

    Raises:
        ApiError: 401/20003.
    """
    username, password = _credentials(authorization)
    account = world.accounts.get(username)
    if account is not None and account.auth_token == password:
        return account, username
    if password and username.startswith("SK"):
        account = world.owner_of_key(username)
        if account and password in (account.api_keys.get(username), account.standard_keys.get(username)):
            return account, username
    raise ApiError(401, 20003, "Authenticate", {"WWW-Authenticate": 'Basic realm="Twilio API"'})


def answer(world: World, router: Router, rules: Rules, request: Request) -> Answer:
    """Process one request; the caller holds the world's lock."""
    try:
        if request.api == "chat" and rules.chat_status is not None:
            raise ApiError(rules.chat_status, 20404, "Programmable Chat is no longer available")
        account, _ = authenticate(world, request.authorization)
        if account.status != "active":
            raise ApiError(403, 20005, f"Account {account.sid} is not active")
        route, version, sids, in_default = router.find(request)
        _check_carriers(route, request)
        if request.query:
            parse_form(route.query, request.query)
        call = Call(world, account, rules, request, version, *_scope(account, sids, in_default))
        if rules.past.is_missing_path(request.path):
            raise call.not_found()
        if sids and request.method != "GET":
            rules.take(call.sids[0])
        return route.handler(call)
    except ApiError as error:
        return refusal(error)


def _scope(account: Account, sids: tuple[str, ...], in_default: bool) -> tuple[tuple[str, ...], str]:
    """Return the SIDs, the service's first, and the part of the path that names the service."""
    if not in_default:
        return sids, f"Services/{sids[0]}" if sids else ""
    return (account.configuration["default_chat_service_sid"] or "", *sids), ""


def _check_carriers(route: Route, request: Request) -> None:
    """Refuse what comes by a way that the operation does not read: body or header."""
    if request.content_type != FORM_TYPE:
        raise ApiError(415, 20001, f"The body must be {FORM_TYPE}")
    if request.form and request.method != "POST":
        raise bad_request(f"Unknown parameter {request.form[0][0]}")
    if request.webhook_enabled is None:
        return
    if not route.webhook_header:
        raise bad_request("X-Twilio-Webhook-Enabled does not apply to this resource")
    if request.webhook_enabled not in {"true", "false"}:
        raise bad_request("Invalid X-Twilio-Webhook-Enabled")
