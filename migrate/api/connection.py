"""One request over one connection: what left and what did not, how long it may take, how much may come."""

from __future__ import annotations

import asyncio
import errno
import zlib
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
from multidict import CIMultiDictProxy
from yarl import URL

from migrate.core.config import is_loopback
from migrate.core.errors import CallFailed, Failure, NoAnswer, Trouble

MOST_BYTES = 32 * 1024 * 1024
"""More than the largest page of any list holds, unpacked."""
CONNECT_SECONDS = 5.0
"""Two lost packets are got over in this time; a host that is not there is told after it."""
CHUNK = 64 * 1024

AboutToSend = Callable[[], Awaitable[None]]


@dataclass
class _Flight:
    about_to_send: AboutToSend | None
    left: bool = False
    forbidden: Exception | None = None


_FLIGHT: ContextVar[_Flight] = ContextVar("_FLIGHT")


class _Connector(aiohttp.TCPConnector):
    """Knows the moment in which a request leaves: a connection is there, and nothing was written to it yet."""

    async def connect(
        self, req: aiohttp.ClientRequest, traces: list[Any], timeout: aiohttp.ClientTimeout
    ) -> Any:
        flight = _FLIGHT.get()
        if flight.left:
            # aiohttp repeats reads and deletes by itself where a kept connection turns out to be dead.
            raise aiohttp.ServerDisconnectedError
        connection = await super().connect(req, traces, timeout)
        try:
            if flight.about_to_send is not None:
                await flight.about_to_send()
        except BaseException as error:
            connection.release()
            flight.forbidden = error if isinstance(error, Exception) else None
            raise
        flight.left = True
        return connection


@dataclass(frozen=True)
class Received:
    """A whole answer.

    Attributes:
        status: HTTP status.
        headers: HTTP headers.
        text: the body, unpacked and decoded.
    """

    status: int
    headers: CIMultiDictProxy[str]
    text: str


class Line:
    """Sends requests, each once, each under one deadline. Belongs to the event loop in which it was made.

    Args:
        timeout: seconds for one request as a whole.
    """

    def __init__(self, timeout: float) -> None:
        self._seconds = timeout
        self._proxies: dict[str, str | None] = {}
        self._answered: set[str] = set()
        self._session = aiohttp.ClientSession(
            # The pace is the only gate: a request that waited for a connection would run out of time there.
            connector=_Connector(limit=0),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=timeout, connect=min(CONNECT_SECONDS, timeout / 2)),
            auto_decompress=False,
            # A matching `.netrc` would replace, or clash with, the credentials that were given.
            trust_env=False,
        )

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()

    async def send(
        self,
        method: str,
        url: str,
        *,
        body: bytes | None,
        headers: dict[str, str],
        about_to_send: AboutToSend | None,
    ) -> Received:
        """Send one request and read its answer.

        Raises:
            CallFailed: no answer came, or one that is too large.
            Exception: whatever `about_to_send` raised; nothing was sent.
        """
        flight = _Flight(about_to_send)
        _FLIGHT.set(flight)
        try:
            async with self._session.request(
                method,
                URL(url, encoded=True),
                data=body,
                headers=headers,
                allow_redirects=False,
                proxy=self._proxy_for(url),
            ) as response:
                content = await _read(response)
        except _TooLarge as error:
            raise CallFailed(_too_large(method, url)) from error
        except (aiohttp.ClientError, OSError, asyncio.TimeoutError, zlib.error, ValueError) as error:
            if flight.forbidden is not None:
                raise flight.forbidden from None
            explain = self._lost if flight.left else self._not_sent
            failure = explain(method, url, error)
            raise CallFailed(replace(failure, first_contact=_origin(url) not in self._answered)) from error
        self._answered.add(_origin(url))
        return Received(response.status, response.headers, content.decode("utf-8", "replace"))

    def _proxy_for(self, url: str) -> str | None:
        where = _origin(url)
        if where not in self._proxies:
            parts = urlsplit(url)
            self._proxies[where] = _proxy_for(parts.scheme, parts.hostname or "")
        return self._proxies[where]

    def _lost(self, method: str, url: str, error: Exception) -> Failure:
        parts = urlsplit(url)
        cause, message = NoAnswer.BROKEN, f"the connection to {parts.hostname} broke ({_root(error)})"
        if isinstance(error, asyncio.TimeoutError):
            cause = NoAnswer.TIMEOUT
            message = f"{parts.hostname} did not answer in full within {self._seconds:g} s"
        return Failure(Trouble.LOST, method, parts.path, message, cause=cause)

    def _not_sent(self, method: str, url: str, error: Exception) -> Failure:
        parts = urlsplit(url)
        cause = _why_not_connected(error)
        names = {
            "host": parts.hostname,
            "port": parts.port or (443 if parts.scheme == "https" else 80),
            "why": _root(error),
            "proxy": urlsplit(self._proxies.get(_origin(url)) or "").hostname,
        }
        return Failure(Trouble.NOT_SENT, method, parts.path, SENTENCES[cause].format(**names), cause=cause)


SENTENCES = {
    NoAnswer.UNKNOWN_HOST: "the host name {host} cannot be resolved: check the network and the spelling",
    NoAnswer.CONNECTION_REFUSED: "{host} refuses connections on port {port}: nothing is listening there",
    NoAnswer.UNREACHABLE: "{host} cannot be reached from this machine ({why})",
    NoAnswer.CONNECT_TIMEOUT: "{host} does not react to attempts to connect: check the network and any firewall",
    NoAnswer.CERTIFICATE: "the TLS certificate of {host} is not trusted ({why})",
    NoAnswer.TLS: "no TLS connection to {host} was made ({why})",
    NoAnswer.PROXY: "the proxy {proxy} made no connection to {host} ({why})",
    NoAnswer.NO_CONNECTION: "no connection to {host} was made ({why})",
}
"""What is told of a request that never left, by its cause."""

_BY_CLASS: tuple[tuple[type[Exception], NoAnswer], ...] = (
    (aiohttp.ClientProxyConnectionError, NoAnswer.PROXY),
    (aiohttp.ClientHttpProxyError, NoAnswer.PROXY),
    (aiohttp.ClientConnectorCertificateError, NoAnswer.CERTIFICATE),
    (aiohttp.ClientSSLError, NoAnswer.TLS),
    (aiohttp.ClientConnectorDNSError, NoAnswer.UNKNOWN_HOST),
    (asyncio.TimeoutError, NoAnswer.CONNECT_TIMEOUT),
)
_BY_NUMBER = {
    errno.ECONNREFUSED: NoAnswer.CONNECTION_REFUSED,
    errno.ENETUNREACH: NoAnswer.UNREACHABLE,
    errno.EHOSTUNREACH: NoAnswer.UNREACHABLE,
    errno.ENETDOWN: NoAnswer.UNREACHABLE,
    errno.ETIMEDOUT: NoAnswer.CONNECT_TIMEOUT,
}


def _why_not_connected(error: Exception) -> NoAnswer:
    for found, cause in _BY_CLASS:
        if isinstance(error, found):
            return cause
    number = error.errno if isinstance(error, OSError) else None
    return _BY_NUMBER.get(number or 0, NoAnswer.NO_CONNECTION)


def _origin(url: str) -> str:
    """Return scheme, host and port, without taking the rest apart."""
    return url[: url.index("/", len("https://"))]


def _root(error: BaseException) -> str:
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return f"HTTP {error.status}"
    # Before its base class, whose os_error it lacks before aiohttp 3.13.
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        error = error.certificate_error
    elif isinstance(error, aiohttp.ClientConnectorError):
        error = error.os_error
    return str(getattr(error, "strerror", None) or error or type(error).__name__)


def _proxy_for(scheme: str, host: str) -> str | None:
    # A proxy cannot reach this machine's loopback, and would receive the credentials over plain http.
    if is_loopback(host) or proxy_bypass(host):
        return None
    return getproxies().get(scheme)


class _TooLarge(Exception):
    pass


def _too_large(method: str, url: str) -> Failure:
    parts = urlsplit(url)
    message = f"the answer of {parts.hostname} is larger than {MOST_BYTES // 2**20} MB, which no answer of Twilio's is"
    return Failure(Trouble.GARBLED, method, parts.path, message, cause=NoAnswer.TOO_LARGE)


async def _read(response: aiohttp.ClientResponse) -> bytes:
    """Read the body, unpacked piece by piece, so that a small answer cannot grow into a large one in memory."""
    packing = response.headers.get("Content-Encoding", "identity").lower()
    if packing != "identity":
        return await _unpack(response)
    # Most answers come in one piece.
    content = bytearray(await response.content.readany())
    while not response.content.at_eof():
        content += await response.content.readany()
        if len(content) > MOST_BYTES:
            raise _TooLarge
    return bytes(content)


async def _unpack(response: aiohttp.ClientResponse) -> bytes:
    # 32 more than the largest window lets zlib tell gzip and deflate apart by their headers.
    unpacker = zlib.decompressobj(zlib.MAX_WBITS | 32)
    content = bytearray()
    async for piece in response.content.iter_any():
        waiting = piece
        while waiting:
            content += unpacker.decompress(waiting, CHUNK)
            waiting = unpacker.unconsumed_tail
            if len(content) > MOST_BYTES:
                raise _TooLarge
    if not unpacker.eof:
        raise zlib.error("the packed body ends too early")
    return bytes(content)
