"""The only place that imports twilio: credentials, raw payloads, headers and error classes.

`Reader` can only read: its HTTP client refuses every method but GET, so that a dry run cannot write by
mistake. `Writer` adds POST; only `Remover`, which `rollback --delete-created` alone uses, adds DELETE.
None of them retries (see `migrate.api.retry`). All of a client's calls belong to one event loop.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Any, TypeVar
from urllib.parse import urlencode, urlsplit

from twilio.http.async_http_client import AsyncTwilioHttpClient
from twilio.http.response import Response
from twilio.rest import Client

from migrate.api.connection import AboutToSend, Line
from migrate.api.messages import Answer, Check, Json, Request, Surface
from migrate.api.pace import Pace
from migrate.api.routes import Routes
from migrate.core import strict_json
from migrate.core.config import Credentials, Endpoints, is_sid
from migrate.core.errors import CallFailed, Failure, Interrupted, NoAnswer, SafetyRefusal, Trouble
from migrate.core.stop import StopToken

__all__ = ["Answer", "Check", "Json", "Reader", "Remover", "Request", "Surface", "Writer"]

READ_ONLY = frozenset({"GET"})
READ_WRITE = frozenset({"GET", "POST"})
READ_WRITE_DELETE = frozenset({"GET", "POST", "DELETE"})
THROTTLING_CODES = frozenset({20429, 50063, 50074})
_SERVICE = re.compile(r"/Services/(IS[0-9a-fA-F]{32})")

Self = TypeVar("Self", bound="Reader")


class _Transport(AsyncTwilioHttpClient):
    """Sees every request and answer of the library's client; errors leave it as `CallFailed`."""

    def __init__(
        self,
        credentials: Credentials,
        endpoints: Endpoints,
        pace: Pace,
        methods: frozenset[str],
        stop: StopToken | None,
    ) -> None:
        super().__init__(pool_connections=False, timeout=endpoints.timeout)
        token = base64.b64encode(f"{credentials.username}:{credentials.password}".encode()).decode()
        self._always = {"Authorization": f"Basic {token}", "Accept-Encoding": "gzip"}
        self._routes = Routes(endpoints)
        self._pace = pace
        self._methods = methods
        self._stop = stop
        self._line: Line | None = None

    async def request(  # noqa: PLR0913, PLR0917 - the library's own signature, and one more
        self,
        method: str,
        url: str,
        params: Mapping[str, Any] | None = None,
        data: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        auth: object = None,  # noqa: ARG002 - the header is ours: aiohttp deprecates this way
        timeout: float | None = None,  # noqa: ARG002 - one deadline for all
        allow_redirects: bool = False,  # noqa: ARG002 - never: a redirect would take the credentials along
        *,
        about_to_send: AboutToSend | None = None,
    ) -> Response:
        """Send one request, once.

        Raises:
            CallFailed: no answer.
            Interrupted: the stop token was set before the request's turn came.
            SafetyRefusal: the method or the host is not allowed to this client.
        """
        if method not in self._methods:
            raise SafetyRefusal(f"{method} was refused: this command may {_may(self._methods)}.")
        if params:
            url += ("&" if "?" in url else "?") + urlencode(params, doseq=True)
        body = urlencode(data, doseq=True).encode() if data else None
        sent_headers = {**(headers or {}), **self._always}
        service = _SERVICE.search(url)
        async with self._pace.slot(service and service.group(1), (method, "?" in url)) as slot:
            if self._stop is not None and self._stop.is_set():
                raise Interrupted("Interrupted.")
            if self._line is None:
                self._line = Line(self.timeout)
            try:
                received = await self._line.send(
                    method,
                    self._routes.rewrite(url),
                    body=body,
                    headers=sent_headers,
                    about_to_send=about_to_send,
                )
            except CallFailed as error:
                # A server that is asked too much may fall silent instead of answering 429.
                if error.failure.cause is NoAnswer.TIMEOUT:
                    slot.throttled()
                raise CallFailed(replace(error.failure, path=urlsplit(url).path)) from error.__cause__
            response = Response(received.status, received.text, received.headers)
            if received.status >= 400 and _is_throttled(response):
                slot.throttled(_error_code(response))
        return response

    async def close(self) -> None:
        """Close all connections."""
        if self._line is not None:
            await self._line.close()
            self._line = None


class Reader:
    """Reads from one Twilio account. Use it as an asynchronous context manager, or `close` it.

    Args:
        credentials: whose account.
        endpoints: where it is.
        concurrency: at most this many requests at once; None: as many as Twilio accepts.
        pace: what an earlier client of the same account has learnt, instead of `concurrency`.
        proved: credentials for which an answer has named the account already; this client adds its own.
        stop: once it is set, a request that has waited for its turn is not sent; None: every request is, as it must
            be where one call reads back what it has written.

    Attributes:
        account_sid: the account.
        pace: the gate that its requests pass.
    """

    _methods = READ_ONLY

    def __init__(
        self,
        credentials: Credentials,
        endpoints: Endpoints,
        *,
        concurrency: int | None = None,
        pace: Pace | None = None,
        proved: set[Credentials] | None = None,
        stop: StopToken | None = None,
    ) -> None:
        self.account_sid = credentials.account_sid
        self.pace = pace or Pace(concurrency)
        self._credentials = credentials
        self._proved = set() if proved is None else proved
        self._routes = Routes(endpoints)
        self._transport = _Transport(credentials, endpoints, self.pace, self._methods, stop)
        self._client = Client(
            credentials.username,
            credentials.password,
            credentials.account_sid,
            region=endpoints.region,
            edge=endpoints.edge,
            # A non-empty mapping keeps the library from reading the environment behind our back.
            environment={"": ""},
            http_client=self._transport,
            user_agent_extensions=["chat-migrate"],
        )
        # What `Client.request_async` works out anew for each request.
        self._headers = {method: self._client.get_headers(method, {}) for method in self._methods}
        self._bases = {surface: self._client.get_hostname(surface.official) for surface in Surface}

    @property
    def account_proved(self) -> bool:
        """Whether an answer has named the account; none has ever named another."""
        return self._credentials in self._proved

    async def __aenter__(self: Self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections."""
        await self._transport.close()

    async def get(
        self,
        surface: Surface,
        path: str,
        *,
        query: Mapping[str, object] | None = None,
        check: Check | None = None,
    ) -> Answer:
        """Fetch one resource, once.

        Args:
            surface: which product.
            path: below the base URL, `/v2/Services`.
            query: query parameters; a list is sent by repeating the name.
            check: says whether the payload is what was asked for.

        Raises:
            CallFailed: no answer, an error, or an answer that is not what was asked for.
            SafetyRefusal: the answer is another account's.
        """
        response = await self._respond("GET", surface, path, params=query)
        return self._answer("GET", path, response, check)

    async def page(
        self, surface: Surface, where: str, key: str, *, query: Mapping[str, object]
    ) -> tuple[list[Json], str | None]:
        """Fetch one page of a list, once.

        Args:
            surface: which product.
            where: the list's path for the first page; for the others, what the page before gave.
            key: the name under which a page holds its items.
            query: query parameters of the first page, `PageSize` among them; later pages have theirs in `where`.

        Returns:
            The items, and where the next page is (None after the last one).

        Raises:
            CallFailed: as `get`.
            SafetyRefusal: as `get`, or the next page is on a foreign host.
        """
        answer = await self.get(
            surface,
            where,
            query=None if "?" in where else query,
            check=lambda found: _is_page(surface, found, key),
        )
        following = _next_page(surface, answer.payload)
        return answer.payload[key], self._routes.locate(surface, following) if following else None

    async def _respond(self, method: str, surface: Surface, path: str, **arguments: Any) -> Response:
        if not path.startswith("/"):
            raise SafetyRefusal(
                f"A request to {path} was refused: it is not a path below {surface.official}."
            )
        headers = {**self._headers.get(method, {}), **arguments.pop("headers", {})}
        response = await self._transport.request(
            method, self._bases[surface] + path, headers=headers, **arguments
        )
        if not 200 <= response.status_code < 300:
            raise CallFailed(_refusal(method, urlsplit(path).path, response))
        return response

    def _answer(self, method: str, path: str, response: Response, check: Check | None) -> Answer:
        payload = _json_object(response)
        if payload is None:
            raise CallFailed(_garbled(method, urlsplit(path).path, response))
        self._compare_account(payload)
        if check is not None and not check(payload):
            raise CallFailed(_garbled(method, urlsplit(path).path, response))
        return Answer(payload, response.status_code, response.headers.get("Twilio-Request-Id"))

    def _compare_account(self, payload: Mapping[str, Json]) -> None:
        """Refuse an answer that names another account; one that names none is silence (DOMAIN: null in practice)."""
        named = set(_accounts_in(payload))
        for found in named:
            if found.lower() != self.account_sid.lower():
                raise SafetyRefusal(
                    f"The credentials are another account's: Twilio answers for {found}, not for {self.account_sid}. "
                    "Check TWILIO_ACCOUNT_SID and the auth token or API key (TWILIO_TARGET_* for another target "
                    "account)."
                )
        if named:
            self._proved.add(self._credentials)


class Writer(Reader):
    """Reads from and writes to one Twilio account."""

    _methods = READ_WRITE

    async def send(self, request: Request, *, about_to_send: AboutToSend | None = None) -> Answer:
        """Send one write, once.

        Args:
            request: what to write.
            about_to_send: awaited when a connection is there, right before the request leaves; where it raises,
                nothing is sent.

        Raises:
            CallFailed: no answer, an error, or an answer that is not about what was written.
            SafetyRefusal: the form is empty, which Twilio refuses (error 20161); the answer is another account's.
            Exception: whatever `about_to_send` raises.
        """
        if not request.form:
            raise SafetyRefusal(f"An empty update of {request.path} was refused before it was sent.")
        response = await self._respond(
            request.method,
            request.surface,
            request.path,
            data=request.form,
            headers=request.headers,
            about_to_send=about_to_send,
        )
        return self._answer(request.method, request.path, response, request.check)


class Remover(Writer):
    """A writer that can also delete what a run has created."""

    _methods = READ_WRITE_DELETE

    async def delete(self, surface: Surface, path: str, *, about_to_send: AboutToSend | None = None) -> None:
        """Delete one resource, once.

        Raises:
            CallFailed: no answer, or an error.
            Exception: whatever `about_to_send` raises; see `Writer.send`.
        """
        await self._respond("DELETE", surface, path, about_to_send=about_to_send)


def _may(methods: frozenset[str]) -> str:
    if methods == READ_ONLY:
        return "only read from Twilio"
    return "only send " + ", ".join(sorted(methods)) + " to Twilio"


def _accounts_in(payload: Mapping[str, Json]) -> Iterator[str]:
    found = [payload.get("account_sid")]
    for value in payload.values():
        if isinstance(value, dict):
            found.append(value.get("account_sid"))
        elif isinstance(value, list):
            found += [item.get("account_sid") for item in value if isinstance(item, dict)]
    return (sid for sid in found if sid and isinstance(sid, str))


def _next_page(surface: Surface, payload: Mapping[str, Json]) -> Json:
    # The 2010 API gives a path where all others give a URL within `meta` (Twilio docs, "Paging information").
    if surface is Surface.ACCOUNTS:
        following = payload.get("next_page_uri")
        if isinstance(following, str) and following.startswith("/"):
            return surface.official + following
        return following
    return payload["meta"].get("next_page_url")


def _is_page(surface: Surface, payload: Mapping[str, Json], key: str) -> bool:
    items = payload.get(key)
    if not isinstance(items, list) or not (
        surface is Surface.ACCOUNTS or isinstance(payload.get("meta"), dict)
    ):
        return False
    following = _next_page(surface, payload)
    return isinstance(following, str | None) and all(
        isinstance(item, dict) and is_sid("[A-Z]{2}", item.get("sid")) for item in items
    )


def _json_object(response: Response) -> Mapping[str, Json] | None:
    try:
        payload = strict_json.loads(response.text)
    except ValueError:
        return None
    return payload if isinstance(payload, dict) else None


def _error_code(response: Response) -> int | None:
    code = (_json_object(response) or {}).get("code")
    return code if isinstance(code, int) else None


def _is_throttled(response: Response) -> bool:
    return response.status_code == 429 or _error_code(response) in THROTTLING_CODES


def _refusal(method: str, path: str, response: Response) -> Failure:
    envelope = _json_object(response) or {}
    return Failure(
        Trouble.REFUSED,
        method,
        path,
        str(envelope.get("message") or "the response is not from Twilio"),
        status=response.status_code,
        code=_error_code(response),
        request_id=response.headers.get("Twilio-Request-Id"),
        retry_after=_retry_after(response),
    )


def _garbled(method: str, path: str, response: Response) -> Failure:
    return Failure(
        Trouble.GARBLED,
        method,
        path,
        "the response is not what Twilio documents",
        status=response.status_code,
        request_id=response.headers.get("Twilio-Request-Id"),
    )


def _retry_after(response: Response) -> float | None:
    """Return the seconds of a `Retry-After` header, in either form (RFC 9110, 10.2.3)."""
    text = response.headers.get("Retry-After") or ""
    if re.fullmatch(r"\d{1,9}(\.\d{1,9})?", text.strip()):
        return float(text)
    moment = _moment(text)
    if moment is None:
        return None
    # By the server's own clock, where it tells the time: ours may be wrong.
    present = _moment(response.headers.get("Date")) or datetime.now(timezone.utc)
    return max(0.0, (moment - present).total_seconds())


def _moment(date: str | None) -> datetime | None:
    try:
        moment = parsedate_to_datetime(date or "")
    except (ValueError, OverflowError):
        return None
    # "-0000" is UTC that says nothing of its origin (RFC 5322), and comes without a time zone.
    return moment.replace(tzinfo=moment.tzinfo or timezone.utc)
