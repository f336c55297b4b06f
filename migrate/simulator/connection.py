"""HTTP/1.1, as much of it as clients of Twilio use: one connection, one request after the other.

Written by hand because the client that is tried out shares the machine, and because an uneven service does
with a connection what no server library does on purpose.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import zlib
from collections.abc import Callable
from functools import lru_cache
from http import HTTPStatus
from typing import NamedTuple, cast
from urllib.parse import parse_qsl

from migrate.simulator.api import FORM_TYPE, Request
from migrate.simulator.forms import Pairs

MOST_HEAD, MOST_BODY = 2**16, 2**24
REASONS = {status.value: status.phrase for status in HTTPStatus}
PADDING = b" " * 2**20


class Message(NamedTuple):
    """What is sent as an answer.

    Attributes:
        status: HTTP status; None: the connection is cut.
        body: as text.
        content_type: of the body.
        headers: further lines, each with its end.
        drip: seconds between two bytes of the body; 0: it is sent at once.
        huge: how long the body is once unpacked, if it is packed; 0: as long as it is.
    """

    status: int | None
    body: str = ""
    content_type: str = "application/json"
    headers: str = ""
    drip: float = 0.0
    huge: int = 0


class Connection(asyncio.Protocol):
    """One connection: calls `arrived` for each request; the next one waits until `answer` was called."""

    def __init__(self, arrived: Callable[[Connection, Request], None], alive: set[Connection]) -> None:
        self._arrived = arrived
        self._alive = alive
        self._transport: asyncio.Transport | None = None
        self._received = b""
        self._busy = False
        self._last = False

    @property
    def gone(self) -> bool:
        """Whether the client has left."""
        return self._transport is None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection up."""
        self._transport = cast(asyncio.Transport, transport)
        self._alive.add(self)

    def connection_lost(self, _exc: Exception | None) -> None:
        """Note that nobody listens any more."""
        self._transport = None
        self._alive.discard(self)

    def data_received(self, data: bytes) -> None:
        """Take what came; a request that is complete goes its way."""
        self._received = self._received + data if self._received else data
        self._next()

    def _next(self) -> None:
        if self._busy:
            return
        end = self._received.find(b"\r\n\r\n")
        if end < 0:
            if len(self._received) > MOST_HEAD:
                self._refuse(431)
            return
        first, _, rest = self._received[:end].partition(b"\r\n")
        headers = headers_of(rest)
        length = headers.get("content-length", "0")
        parts = first.decode("latin-1").split(" ")
        if len(parts) != 3 or not length.isdecimal():
            self._refuse(400)
        elif "transfer-encoding" in headers or int(length) > MOST_BODY:
            self._refuse(411 if "transfer-encoding" in headers else 413)
        elif len(self._received) < end + 4 + int(length):
            if "expect" in headers and len(self._received) == end + 4:
                self._write(b"HTTP/1.1 100 Continue\r\n\r\n")
        else:
            body = self._received[end + 4 : end + 4 + int(length)]
            self._received = self._received[end + 4 + int(length) :]
            self._busy = True
            self._last = headers.get("connection", "").lower() == "close" or parts[2] == "HTTP/1.0"
            self._arrived(self, _request(parts[0], parts[1], headers, body))

    def _refuse(self, status: int) -> None:
        self._last = True
        self.answer(Message(status))

    def _write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)

    def answer(self, message: Message) -> None:
        """Send the answer, or cut the connection."""
        if self._transport is None:
            return
        if message.status is None:
            self.cut()
            return
        body = packed(message.body, message.huge) if message.huge else message.body.encode()
        head = (
            f"HTTP/1.1 {message.status} {REASONS.get(message.status, '')}\r\n{message.headers}"
            f"{'Connection: close' if self._last else 'Connection: keep-alive'}\r\n"
        )
        if message.status != 204:
            head += f"Content-Type: {message.content_type}; charset=utf-8\r\nContent-Length: {len(body)}\r\n"
        if message.huge:
            head += "Content-Encoding: deflate\r\n"
        if message.drip:
            self._write(f"{head}\r\n".encode("latin-1"))
            self._drip(body, message.drip)
        else:
            self._write(f"{head}\r\n".encode("latin-1") + body)
            self._done()

    def _drip(self, rest: bytes, seconds: float) -> None:
        if not rest:
            self._done()
        elif not self.gone:
            self._write(rest[:1])
            asyncio.get_running_loop().call_later(seconds, self._drip, rest[1:], seconds)

    def _done(self) -> None:
        self._busy = False
        if self._transport is None:
            return
        if self._last:
            self._transport.close()
        elif self._received:
            asyncio.get_running_loop().call_soon(self._next)

    def cut(self) -> None:
        """Reset the connection: the client sees that it is gone, and not an end in good order."""
        if self._transport is not None:
            linger_for_nothing = struct.pack("ii", 1, 0)
            own_socket = self._transport.get_extra_info("socket")
            own_socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger_for_nothing)
            self._transport.abort()


@lru_cache(maxsize=1024)
def headers_of(lines: bytes) -> dict[str, str]:
    """Return the headers, their names in lower case. A client sends the same ones with many requests."""
    headers = {}
    for line in lines.decode("latin-1").split("\r\n"):
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    return headers


def pairs(text: str) -> Pairs:
    """Return the decoded (name, value) pairs of a form or query, in order, empty values too."""
    if "%" not in text and "+" not in text:
        return [(name, value) for name, _, value in (pair.partition("=") for pair in text.split("&") if pair)]
    return parse_qsl(text, keep_blank_values=True)


def _request(method: str, target: str, headers: dict[str, str], body: bytes) -> Request:
    """Return the request whose target starts with the name of the API: `/chat/v2/Services?PageSize=5`."""
    path, _, query = target.partition("?")
    _, api, *rest = path.split("/", 2)
    content_type = headers.get("content-type", "").partition(";")[0].strip().lower() if body else FORM_TYPE
    return Request(
        api,
        method,
        "/" + "".join(rest),
        pairs(query),
        pairs(body.decode("utf-8", "replace")),
        headers.get("authorization", ""),
        headers.get("x-twilio-webhook-enabled"),
        content_type,
    )


@lru_cache(maxsize=1)
def packed(body: str, size: int) -> bytes:
    """Return the text, filled up with spaces to so many bytes and packed (zlib)."""
    packer = zlib.compressobj(9)
    parts = [packer.compress(body.encode())]
    parts += [packer.compress(PADDING) for _ in range(max(0, size - len(body)) // len(PADDING))]
    return b"".join([*parts, packer.flush()])
