"""The simulator's own HTTP: whatever way a client cuts its requests, each gets its answer."""

from __future__ import annotations

import re
import socket
from base64 import b64encode
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrate.simulator.connection import pairs


@pytest.fixture
def raw(shared):
    """Return a function that sends pieces of bytes on one connection and returns all that is answered."""
    host, port = shared.sim.url.removeprefix("http://").split(":")

    def exchange(*pieces: bytes, until: int = 1) -> bytes:
        with socket.create_connection((host, int(port)), timeout=5) as client:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for piece in pieces:
                client.sendall(piece)
            answered = b""
            while answered.count(b"HTTP/1.1 ") < until or b"\r\n\r\n" not in answered:
                received = client.recv(65536)
                if not received:
                    break
                answered += received
            return answered

    return exchange


@pytest.fixture
def head(shared):
    """Return a function that writes the head of a request."""
    token = b64encode(f"{shared.sim.account_sid}:{shared.sim.auth_token}".encode()).decode()

    def write(first: str, *more: str) -> bytes:
        lines = (first, "Host: twilio", f"authorization:Basic {token}", *more)
        return ("\r\n".join(lines) + "\r\n\r\n").encode()

    return write


def test_requests_in_pieces(raw, head):
    """A request that comes byte by byte is answered as one that comes at once."""
    request = head("GET /chat/v2/Services?PageSize=1 HTTP/1.1")
    assert b"200 OK" in raw(*(bytes([byte]) for byte in request))


def test_requests_before_the_answer(raw, head):
    """Requests sent without waiting for answers are answered one after the other, in order."""
    one, two = head("GET /chat/v2/Services?PageSize=1 HTTP/1.1"), head("GET /chat/v2/Nothing HTTP/1.1")
    answered = raw(one + two + one, until=3)
    assert re.findall(rb"HTTP/1\.1 (\d+)", answered) == [b"200", b"404", b"200"]


@pytest.mark.parametrize("first", ["GET /chat/v2/Services HTTP/1.0", "GET /chat/v2/Services HTTP/1.1"])
def test_connections_that_end(raw, head, first):
    """The connection is closed after an answer where the client asks for it, and where it knows no other way."""
    more = ("Connection: close",) if first.endswith("1.1") else ()
    answered = raw(head(first, *more), until=2)
    assert b"Connection: close" in answered


def test_a_client_that_asks_first(raw, head):
    """A client that waits to be told so is told to go on."""
    body = b"FriendlyName=Asked"
    lines = (
        "Expect: 100-continue",
        f"Content-Length: {len(body)}",
        "Content-Type: application/x-www-form-urlencoded",
    )
    assert raw(head("POST /chat/v2/Services HTTP/1.1", *lines)).startswith(b"HTTP/1.1 100 Continue")


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"nonsense\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nContent-Length: many\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", b"411"),
        (b"POST / HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n", b"413"),
        (b"GET /" + b"a" * 70_000, b"431"),
    ],
)
def test_requests_that_make_no_sense(raw, request_, status):
    """What is no request, or too much of one, is refused and the connection closed."""
    answered = raw(request_, until=2)
    assert answered.startswith(b"HTTP/1.1 " + status)
    assert b"Connection: close" in answered


@given(st.text(alphabet="ab=&%+ü;2C", max_size=20))
def test_pairs_are_read_as_forms_are(text):
    """Pairs come out as the standard library reads them."""
    assert pairs(text) == parse_qsl(text, keep_blank_values=True)
