"""From a request to an answer, without any network: routes, credentials, pages."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlencode

from migrate.simulator.forms import ApiError, Form, Pairs, Param, bad_request, integer, parse_form, text
from migrate.simulator.world import Account, Service, World

Json = Any

HOSTS = {"chat": "https://chat.twilio.com", "conversations": "https://conversations.twilio.com"}
"""The real APIs, by name: what answers name in their URLs, whoever serves them."""

DEFAULT_PAGE_SIZE = 50
FORM_TYPE = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Request:
    """One request, as Twilio sees it.

    Attributes:
        api: `chat` or `conversations`.
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
    query: Pairs = field(default_factory=list)
    form: Pairs = field(default_factory=list)
    authorization: str = ""
    webhook_enabled: str | None = None
    content_type: str = FORM_TYPE


@dataclass(frozen=True)
class Answer:
    """One answer: the status and the JSON document (None: no body)."""

    status: int
    document: Json = None

    @property
    def body(self) -> str:
        """The body as sent."""
        return "" if self.document is None else json.dumps(self.document)


def refusal(error: ApiError) -> Answer:
    """Return an error in Twilio's envelope."""
    return Answer(
        error.status,
        {
            "code": error.code,
            "message": error.message,
            "more_info": f"https://www.twilio.com/docs/errors/{error.code}",
            "status": error.status,
        },
    )


@dataclass(frozen=True)
class Rules:
    """What is not the same in every simulator.

    Attributes:
        bases: the base of the URLs in answers, by API.
        next_page_base: the base of `next_page_url` if it is another one.
        service_filters: the filters that the webhooks of one service accept.
        chat_status: the status with which the whole Chat API refuses, or None.
    """

    bases: Mapping[str, str]
    next_page_base: str | None
    service_filters: frozenset[str]
    chat_status: int | None


@dataclass(frozen=True)
class Call:
    """One authenticated request on its way through a handler."""

    world: World
    account: Account
    rules: Rules
    request: Request
    version: str
    sids: tuple[str, ...]

    @property
    def root(self) -> str:
        """Where the URLs of this API version start: `https://chat.twilio.com/v2`."""
        return f"{self.rules.bases[self.request.api]}/{self.version}"

    def not_found(self) -> ApiError:
        """Return the refusal of a resource that does not exist, or is another account's."""
        return ApiError(404, 20404, f"The requested resource {self.request.path} was not found")

    def service(self) -> Service:
        """Return the service that the path names."""
        service = self.account.services.get(self.sids[0])
        if service is None:
            raise self.not_found()
        return service


Handler = Callable[[Call], Answer]


@dataclass(frozen=True)
class Route:
    """One operation: method and path (`*` stands for a SID), its handler, its query, its header."""

    method: str
    path: str
    handler: Handler
    query: Form = field(default_factory=dict)
    webhook_header: bool = False

    def matches(self, segments: Sequence[str]) -> bool:
        """Tell whether the path has the shape of this route."""
        pattern = self.path.split("/")
        return len(pattern) == len(segments) and all(
            want in ("*", got) for want, got in zip(pattern, segments, strict=True)
        )


def page_query(most: int, extra: Form | None = None) -> Form:
    """Return the query parameters of a list whose pages hold at most so many items."""
    return {
        "PageSize": Param(("page_size",), integer(1, most, what="PageSize")),
        "Page": Param(("page",), integer(what="Page")),
        "PageToken": Param(("page_token",), text()),
        **(extra or {}),
    }


class Router:
    """Finds the operation of a request."""

    def __init__(self, routes: Mapping[tuple[str, str], Iterable[Route]]) -> None:
        """Take the routes by (API, version)."""
        self._routes: dict[tuple[str, str, int], list[Route]] = {}
        for (api, version), group in routes.items():
            for route in group:
                self._routes.setdefault((api, version, route.path.count("/")), []).append(route)

    def find(self, request: Request) -> tuple[Route, str, tuple[str, ...]]:
        """Return the route, the API version and the SIDs in the path.

        Raises:
            ApiError: 404/20404 for an unknown path, 405/20004 for a method that it does not have.
        """
        _, version, *segments = request.path.split("/")
        candidates = self._routes.get((request.api, version, len(segments) - 1), [])
        matching = [route for route in candidates if route.matches(segments)]
        for route in matching:
            if route.method == request.method:
                return route, version, self._sids(route, segments, request)
        if matching:
            raise ApiError(405, 20004, "Method not allowed")
        raise ApiError(404, 20404, f"The requested resource {request.path} was not found")

    @staticmethod
    def _sids(route: Route, segments: Sequence[str], request: Request) -> tuple[str, ...]:
        sids = tuple(
            unquote(got) for want, got in zip(route.path.split("/"), segments, strict=True) if want == "*"
        )
        if sids and not re.fullmatch(r"IS[0-9a-fA-F]{32}", sids[0]):
            raise ApiError(404, 20404, f"The requested resource {request.path} was not found")
        return sids


def authenticate(world: World, authorization: str) -> Account:
    """Return the account of the credentials: account SID and token, or API key and secret.

    Raises:
        ApiError: 401/20003.
    """
    scheme, _, encoded = authorization.partition(" ")
    try:
        username, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except ValueError:  # neither base64 nor UTF-8
        username = password = ""
    account = world.accounts.get(username)
    if account is not None and account.auth_token == password and scheme.lower() == "basic":
        return account
    for account in world.accounts.values():
        if password and account.api_keys.get(username) == password:
            return account
    raise ApiError(401, 20003, "Authenticate")


def answer(world: World, router: Router, rules: Rules, request: Request) -> Answer:
    """Process one request; the caller holds the world's lock."""
    try:
        if request.api == "chat" and rules.chat_status is not None:
            raise ApiError(rules.chat_status, 20404, "Programmable Chat is no longer available")
        account = authenticate(world, request.authorization)
        route, version, sids = router.find(request)
        _check_carriers(route, request)
        parse_form(route.query, request.query)
        return route.handler(Call(world, account, rules, request, version, sids))
    except ApiError as error:
        return refusal(error)


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


def page(
    call: Call, query: Form, key: str, items: Sequence[Json], show: Callable[[Json], dict[str, Json]]
) -> Answer:
    """Answer with one page of the items.

    The token holds the last item's SID and its place: the SID finds the way after deletions and creations
    in between, the place where that item is gone.
    """
    asked = parse_form(query, call.request.query)
    size = asked.get("PageSize", DEFAULT_PAGE_SIZE)
    number = asked.get("Page", 0)
    start = _start(items, asked.get("PageToken"), number * size)
    chosen = items[start : start + size]
    path = call.request.path

    def url(base: str, number: int, token: str | None) -> str:
        kept = [(k, v) for k, v in call.request.query if k not in {"PageSize", "Page", "PageToken"}]
        paging = [("PageSize", str(size)), ("Page", str(number))] + ([("PageToken", token)] if token else [])
        return f"{base}{path}?{urlencode(kept + paging)}"

    base = call.rules.bases[call.request.api]
    more = start + size < len(items)
    meta = {
        "page": number,
        "page_size": size,
        "first_page_url": url(base, 0, None),
        "previous_page_url": url(base, number - 1, _token(items, start - size)) if start else None,
        "url": url(base, number, asked.get("PageToken")),
        "next_page_url": url(call.rules.next_page_base or base, number + 1, _token(items, start + size))
        if more
        else None,
        "key": key,
    }
    return Answer(200, {"meta": meta, key: [show(item) for item in chosen]})


def _token(items: Sequence[Json], start: int) -> str | None:
    if start <= 0:
        return None
    return "PT" + base64.urlsafe_b64encode(f"{start}:{items[start - 1].sid}".encode()).decode()


def _start(items: Sequence[Json], token: str | None, otherwise: int) -> int:
    if token is None:
        return otherwise
    try:
        place, sid = base64.urlsafe_b64decode(token.removeprefix("PT")).decode().split(":")
        start = max(0, int(place))
    except ValueError as error:
        raise bad_request("Invalid page token", 19038) from error
    if 0 < start <= len(items) and items[start - 1].sid == sid:
        return start
    return next((i + 1 for i, item in enumerate(items) if item.sid == sid), start)
