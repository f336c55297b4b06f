"""The only place that imports twilio: endpoints, credentials, raw payloads, headers and error classes.

`Reader` can only read: its HTTP client refuses every method but GET, so that a dry run cannot write by
mistake. `Writer` adds POST; only `Remover`, which `rollback --delete-created` alone uses, adds DELETE.
None of them retries (see `migrate.api.retry`).
"""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from enum import Enum
from typing import Any
from urllib.parse import SplitResult, urlsplit

import requests
from requests.adapters import HTTPAdapter
from twilio.http.http_client import TwilioHttpClient
from twilio.http.response import Response
from twilio.rest import Client
from urllib3.exceptions import NewConnectionError

from migrate.api.pace import Pace
from migrate.core import clock, strict_json
from migrate.core.config import Credentials, Endpoints, is_loopback, is_sid
from migrate.core.errors import CallFailed, Failure, SafetyRefusal, Trouble
from migrate.model.step import Form

Json = Any

READ_ONLY = frozenset({"GET"})
READ_WRITE = frozenset({"GET", "POST"})
READ_WRITE_DELETE = frozenset({"GET", "POST", "DELETE"})
DEFAULT_CONCURRENCY = 16


class Surface(str, Enum):
    """One of Twilio's two products that this tool talks to, by the first label of its host."""

    CHAT = "chat"
    CONVERSATIONS = "conversations"

    @property
    def official(self) -> str:
        """The product's base URL."""
        return f"https://{self.value}.twilio.com"


@dataclass(frozen=True)
class Answer:
    """What Twilio answered to a successful request.

    Attributes:
        payload: the JSON object, whole.
        status: HTTP status, 2xx.
        request_id: the `Twilio-Request-Id` header, or None.
    """

    payload: Mapping[str, Json]
    status: int
    request_id: str | None


Check = Callable[[Mapping[str, Json]], bool]
"""Says whether a payload is an answer to what was asked."""


class Routes:
    """Maps the library's URLs to the configured ones and refuses every other host.

    The library follows a `next_page_url` to any host, with the credentials; this is the guard.
    """

    def __init__(self, endpoints: Endpoints) -> None:
        self._replacements = {
            Surface.CHAT: endpoints.chat_url,
            Surface.CONVERSATIONS: endpoints.conversations_url,
        }

    def locate(self, surface: Surface, url: str) -> str:
        """Return the path and query below the base URL that `url`, found in an answer, points to.

        Raises:
            SafetyRefusal: it points to another host.
        """
        base = self._replacements[surface]
        if base is not None and (url + "/").startswith((base + "/", base + "?")):
            return url[len(base) :]
        parts = _split(url)
        if parts.scheme == "https" and parts.netloc == parts.hostname and _is_official(surface, parts.netloc):
            return parts.path + (f"?{parts.query}" if parts.query else "")
        raise SafetyRefusal(
            f"Twilio's answer names a next page on a foreign host ({parts.netloc}), which would receive "
            "the credentials; nothing was sent there. Check TWILIO_CHAT_URL and TWILIO_CONVERSATIONS_URL "
            "and any proxy in between."
        )

    def rewrite(self, url: str) -> str:
        """Return the URL to really ask for one that the library made.

        Raises:
            SafetyRefusal: it points to a host that is not Twilio's.
        """
        for surface, base in self._replacements.items():
            if _is_official(surface, _split(url).hostname or ""):
                return base + self.locate(surface, url) if base else url
        raise SafetyRefusal(f"A request to {_split(url).netloc} was refused: it is not a host of Twilio's.")


def _split(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError:
        # Brackets that hold no IPv6 address: no host, so nobody's.
        return SplitResult("", "", url, "", "")


def _is_official(surface: Surface, host: str) -> bool:
    labels = host.split(".")
    return labels[0] == surface.value and labels[-2:] == ["twilio", "com"] and 3 <= len(labels) <= 5


class ServerClock:
    """What time it is at Twilio, by the `Date` headers of its answers: ours may be wrong by minutes."""

    def __init__(self) -> None:
        self._offset: timedelta | None = None

    @property
    def is_set(self) -> bool:
        """Whether an answer has told the time."""
        return self._offset is not None

    def hear(self, date: str | None) -> None:
        """Take the time from an answer's `Date` header, if it has a good one; the first one is enough."""
        if self._offset is not None or not date:
            return
        try:
            moment = parsedate_to_datetime(date)
        except (ValueError, OverflowError):
            return
        # "-0000" is UTC that says nothing of its origin (RFC 5322), and comes without a time zone.
        self._offset = moment.replace(tzinfo=moment.tzinfo or timezone.utc) - datetime.now(timezone.utc)

    def now(self) -> datetime:
        """Return the time at Twilio, rounded down: headers and resources are dated to the second."""
        moment = datetime.now(timezone.utc) + (self._offset or timedelta())
        return moment.replace(microsecond=0) - timedelta(seconds=1)


class _Transport(TwilioHttpClient):
    """Sees every request and answer; errors leave it as `CallFailed`.

    One object per thread, all of them sharing one session: the library re-reads an attribute of this
    object that another thread could have overwritten.
    """

    def __init__(
        self,
        session: requests.Session,
        routes: Routes,
        pace: Pace,
        clock: ServerClock,
        methods: frozenset[str],
    ) -> None:
        super().__init__(pool_connections=False)
        self.session = session
        self._routes = routes
        self._pace = pace
        self._clock = clock
        self._methods = methods

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Response:
        """Send one request, once.

        Raises:
            CallFailed: no answer, or an error.
            SafetyRefusal: the method or the host is not allowed to this client.
        """
        if method not in self._methods:
            raise SafetyRefusal(f"{method} was refused: this command may only read from Twilio.")
        with self._pace.slot() as epoch:
            response = self._send(method, self._routes.rewrite(url), *args, **kwargs)
        self._clock.hear(_header(response, "Date"))
        if response.status_code == 429:
            self._pace.throttled(epoch)
        else:
            self._pace.accepted()
        return response

    def _send(self, method: str, url: str, *args: Any, **kwargs: Any) -> Response:
        try:
            return super().request(method, url, *args, **kwargs)
        except requests.exceptions.RequestException as error:
            raise CallFailed(_transport_failure(method, url, error)) from error


class _Session(requests.Session):
    """Keeps proxies from the environment out of the way to this machine.

    They cannot reach it, and would receive the credentials over plain http.
    """

    def merge_environment_settings(self, url: str | bytes | None, *args: Any, **kwargs: Any) -> Any:
        """Return requests' settings for one URL, without proxies for a loopback host."""
        settings = super().merge_environment_settings(url, *args, **kwargs)
        if is_loopback(urlsplit(str(url)).hostname or ""):
            settings["proxies"] = {}
        return settings


NEVER_SENT = (
    requests.exceptions.ConnectTimeout,
    requests.exceptions.ProxyError,
    requests.exceptions.InvalidURL,
    requests.exceptions.InvalidSchema,
)
"""Errors of requests' that come before a request leaves; see also `_never_connected`."""


def _transport_failure(method: str, url: str, error: requests.exceptions.RequestException) -> Failure:
    host = urlsplit(url).hostname
    path = urlsplit(url).path
    if isinstance(error, requests.exceptions.Timeout):
        trouble = Trouble.NOT_SENT if isinstance(error, NEVER_SENT) else Trouble.LOST
        return Failure(trouble, method, path, f"{host} did not answer in time")
    if isinstance(error, NEVER_SENT) or _never_connected(error):
        return Failure(Trouble.NOT_SENT, method, path, f"no connection to {host} ({_root(error)})")
    return Failure(Trouble.LOST, method, path, f"the connection to {host} broke ({_root(error)})")


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Walk the chain of wrapped errors; requests and urllib3 wrap by argument, attribute and cause."""
    seen: list[BaseException] = []
    waiting: list[object] = [error]
    while waiting:
        found = waiting.pop(0)
        if not isinstance(found, BaseException) or found in seen:
            continue
        seen.append(found)
        yield found
        waiting += [*found.args, getattr(found, "reason", None), found.__cause__, found.__context__]


def _never_connected(error: BaseException) -> bool:
    # Other TLS errors may come in the middle of an answer: only a certificate is refused before all else.
    early = (NewConnectionError, ssl.SSLCertVerificationError)
    return any(isinstance(cause, early) for cause in _causes(error))


def _root(error: BaseException) -> str:
    systems = [cause for cause in _causes(error) if isinstance(cause, OSError) and cause.strerror]
    return str(systems[-1].strerror) if systems else type(error).__name__


class Reader:
    """Reads from one Twilio account. Safe to share between threads.

    Args:
        credentials: whose account.
        endpoints: where it is.
        concurrency: at most this many requests at once.
    """

    _methods = READ_ONLY

    def __init__(
        self, credentials: Credentials, endpoints: Endpoints, *, concurrency: int = DEFAULT_CONCURRENCY
    ) -> None:
        self.account_sid = credentials.account_sid
        self._credentials = credentials
        self._endpoints = endpoints
        self._routes = Routes(endpoints)
        self._pace = Pace(concurrency)
        self._session = _Session()
        for scheme in ("https://", "http://"):
            self._session.mount(scheme, HTTPAdapter(pool_maxsize=concurrency, max_retries=0))
        self._clock = ServerClock()
        self._local = threading.local()

    def get(
        self,
        surface: Surface,
        path: str,
        *,
        query: Mapping[str, object] | None = None,
        check: Check | None = None,
    ) -> Answer:
        """Fetch one resource, once.

        Args:
            surface: chat or conversations.
            path: below the base URL, `/v2/Services`.
            query: query parameters.
            check: says whether the payload is what was asked for.

        Raises:
            CallFailed: no answer, an error, or an answer that is not what was asked for.
        """
        return self._call("GET", surface, path, params=dict(query or {}), check=check)

    def page(
        self, surface: Surface, where: str, key: str, *, page_size: int
    ) -> tuple[list[Json], str | None]:
        """Fetch one page of a list, once.

        Args:
            surface: chat or conversations.
            where: the list's path for the first page; for the others, what the page before gave.
            key: the name under which a page holds its items.
            page_size: items per page; the API's maximum is the right choice.

        Returns:
            The items, and where the next page is (None after the last one).

        Raises:
            CallFailed: as `get`.
            SafetyRefusal: the next page is on a foreign host.
        """
        query = {} if "?" in where else {"PageSize": page_size}
        answer = self.get(surface, where, query=query, check=lambda found: _is_page(found, key))
        following = answer.payload["meta"].get("next_page_url")
        return answer.payload[key], self._routes.locate(surface, following) if following else None

    def server_time(self) -> str:
        """Return the time at Twilio, ISO 8601 in UTC, never later than it really is; may ask for it, once.

        Raises:
            CallFailed: as `get`.
        """
        if not self._clock.is_set:
            self.get(Surface.CONVERSATIONS, "/v1/Services", query={"PageSize": 1})
        return clock.as_text(self._clock.now())

    def _call(
        self, method: str, surface: Surface, path: str, *, check: Check | None, **arguments: Any
    ) -> Answer:
        response = self._respond(method, surface, path, **arguments)
        payload = _json_object(response)
        if payload is None or (check is not None and not check(payload)):
            raise CallFailed(_garbled(method, urlsplit(path).path, response))
        return Answer(payload, response.status_code, _header(response, "Twilio-Request-Id"))

    def _respond(self, method: str, surface: Surface, path: str, **arguments: Any) -> Response:
        response = self._client().request(
            method, surface.official + path, timeout=self._endpoints.timeout, **arguments
        )
        if not 200 <= response.status_code < 300:
            raise CallFailed(_refusal(method, urlsplit(path).path, response))
        return response

    def _client(self) -> Client:
        if not hasattr(self._local, "client"):
            self._local.client = Client(
                self._credentials.username,
                self._credentials.password,
                self._credentials.account_sid,
                region=self._endpoints.region,
                edge=self._endpoints.edge,
                # A non-empty mapping keeps the library from reading the environment behind our back.
                environment={"": ""},
                http_client=_Transport(self._session, self._routes, self._pace, self._clock, self._methods),
                user_agent_extensions=["chat-migrate"],
            )
        client: Client = self._local.client
        return client


class Writer(Reader):
    """Reads from and writes to one Twilio account. Safe to share between threads."""

    _methods = READ_WRITE

    def post(self, surface: Surface, path: str, form: Form, *, check: Check | None = None) -> Answer:
        """Send one write, once.

        Raises:
            CallFailed: no answer, an error, or an answer that is not about what was written.
            SafetyRefusal: the form is empty; Twilio refuses empty updates (error 20161).
        """
        if not form:
            raise SafetyRefusal(f"An empty update of {path} was refused before it was sent.")
        return self._call("POST", surface, path, data=dict(form), check=check)


class Remover(Writer):
    """A writer that can also delete what a run has created."""

    _methods = READ_WRITE_DELETE

    def delete(self, surface: Surface, path: str) -> None:
        """Delete one resource, once.

        Raises:
            CallFailed: no answer, or an error.
        """
        self._respond("DELETE", surface, path)


def _is_page(payload: Mapping[str, Json], key: str) -> bool:
    meta, items = payload.get("meta"), payload.get(key)
    return (
        isinstance(meta, dict)
        and isinstance(meta.get("next_page_url"), (str, type(None)))
        and isinstance(items, list)
        and all(isinstance(item, dict) and is_sid("[A-Z]{2}", item.get("sid")) for item in items)
    )


def _json_object(response: Response) -> Mapping[str, Json] | None:
    try:
        payload = strict_json.loads(response.text)
    except ValueError:
        return None
    return payload if isinstance(payload, dict) else None


def _header(response: Response, name: str) -> str | None:
    value = (response.headers or {}).get(name)
    return str(value) if value else None


def _refusal(method: str, path: str, response: Response) -> Failure:
    envelope = _json_object(response) or {}
    code = envelope.get("code")
    return Failure(
        Trouble.REFUSED,
        method,
        path,
        str(envelope.get("message") or "an answer that is not Twilio's"),
        status=response.status_code,
        code=code if isinstance(code, int) else None,
        request_id=_header(response, "Twilio-Request-Id"),
        retry_after=_retry_after(response),
    )


def _garbled(method: str, path: str, response: Response) -> Failure:
    return Failure(
        Trouble.GARBLED,
        method,
        path,
        "the answer is not what Twilio's documents promise",
        status=response.status_code,
        request_id=_header(response, "Twilio-Request-Id"),
    )


def _retry_after(response: Response) -> float | None:
    try:
        return max(0.0, float(_header(response, "Retry-After") or ""))
    except ValueError:
        return None
