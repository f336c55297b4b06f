"""The connection: what left and what did not, one deadline, a bound on what is read, no proxy for loopback."""

from __future__ import annotations

import asyncio
import errno
import gzip
import socket
import ssl
import tracemalloc
import zlib

import aiohttp
import pytest
from api_clients import CREDENTIALS, client_at, http, reader_of, wire

from migrate.api import connection
from migrate.api.gateway import Reader, Request, Surface
from migrate.api.pace import Gate, Pace
from migrate.core.config import Endpoints
from migrate.core.errors import CallFailed, NoAnswer, Trouble
from migrate.simulator import Fault

WRITE = Request(
    "POST", Surface.CONVERSATIONS, "/v1/Services/IS1/Configuration", {"ReachabilityEnabled": "true"}
)


class Wide(Pace):
    """A pace that has learnt already that 150 at once are accepted."""

    def __init__(self):
        super().__init__()
        self._account = Gate(150, 150, probing=False)


async def failure_of(awaitable):
    """The failure of a call that must fail."""
    with pytest.raises(CallFailed) as caught:
        await awaitable
    return caught.value.failure


def ask(answer, **settings):
    """The outcome of one read from a server that answers so: a payload, or a failure; and the requests."""

    async def whole():
        async with wire(answer) as server, client_at(server.url, **settings) as client:
            try:
                outcome = (await client.get(Surface.CHAT, "/v2/Services")).payload
            except CallFailed as error:
                outcome = error.failure
            return outcome, len(server.requests)

    return asyncio.run(whole())


@pytest.mark.parametrize("kind", ["reset_before", "reset_after", "timeout_before", "timeout_after"])
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_a_lost_answer_is_lost(simulator, kind, method):
    """A connection that breaks, or time that runs out, after the request left, is neither success nor refusal."""
    sid = next(iter(simulator.world.first.services))
    path = f"/v1/Services/{sid}"

    async def whole():
        url = simulator.conversations_url
        async with client_at(url, timeout=0.2) as client:
            # A connection that is kept: aiohttp would send reads and deletes on it a second time by itself.
            await failure_of(client.get(Surface.CONVERSATIONS, "/v1/Services/IS" + "0" * 32))
            simulator.inject(Fault(kind, method=method, seconds=0.4))
            if method == "GET":
                return await failure_of(client.get(Surface.CONVERSATIONS, path))
            if method == "DELETE":
                return await failure_of(client.delete(Surface.CONVERSATIONS, path))
            return await failure_of(client.send(Request("POST", Surface.CONVERSATIONS, path, WRITE.form)))

    failure = asyncio.run(whole())
    assert (failure.trouble, failure.method) == (Trouble.LOST, method)
    assert failure.cause is (NoAnswer.TIMEOUT if "timeout" in kind else NoAnswer.BROKEN)
    assert failure.path == path
    assert [request.fault for request in simulator.requests if request.fault] == [kind]
    assert len(simulator.requests) == 2


def test_a_body_that_drips_is_cut_at_the_deadline():
    """The time allowed is for the whole request: bytes that keep coming do not prolong it."""

    async def drip(writer):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        for _ in range(200):
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.02)

    failure, _ = ask(drip, timeout=0.2)
    assert (failure.trouble, failure.cause) == (Trouble.LOST, NoAnswer.TIMEOUT)
    assert failure.message == "127.0.0.1 did not answer in full within 0.2 s"


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress])
def test_a_packed_body_is_unpacked(pack):
    """A body in gzip or deflate is read as what it holds."""
    encoding = "gzip" if pack is gzip.compress else "deflate"
    payload, _ = ask(http(pack(b'{"sid": "IS1"}'), Content_Encoding=encoding))
    assert payload == {"sid": "IS1"}


def test_a_packed_body_that_is_cut_is_lost():
    """A packed body without its end is no answer."""
    failure, _ = ask(http(gzip.compress(b'{"sid": "IS1"}')[:-9], Content_Encoding="gzip"))
    assert (failure.trouble, failure.cause) == (Trouble.LOST, NoAnswer.BROKEN)


def test_a_body_is_not_read_without_end(monkeypatch):
    """A body that is larger than any of Twilio's is told as such, packed or not, without filling the memory."""
    monkeypatch.setattr(connection, "MOST_BYTES", 2 * 1024 * 1024)
    bomb = gzip.compress(b" " * 60_000_000)
    tracemalloc.start()
    packed, _ = ask(http(bomb, Content_Encoding="gzip"))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    plain, _ = ask(http(b" " * 3_000_000))
    for failure in (packed, plain):
        assert (failure.trouble, failure.cause) == (Trouble.GARBLED, NoAnswer.TOO_LARGE)
        assert (
            failure.message == "the answer of 127.0.0.1 is larger than 2 MB, which no answer of Twilio's is"
        )
    assert peak < 20_000_000


def test_the_bound_is_far_above_a_page():
    """32 MB of one answer are read: a thousand channels with attributes of 32 kB each."""
    assert connection.MOST_BYTES == 33_554_432


def not_sent(url, **settings):
    """The failure of a read from where no connection can be made."""

    async def whole():
        async with client_at(url, **settings) as client:
            return await failure_of(client.get(Surface.CHAT, "/v2/Services"))

    return asyncio.run(whole())


def test_a_refused_connection_was_not_sent(simulator):
    """Where nobody listens, the request cannot have had an effect, and the message says so."""
    simulator.close()
    failure = not_sent(simulator.chat_url)
    assert (failure.trouble, failure.cause) == (Trouble.NOT_SENT, NoAnswer.CONNECTION_REFUSED)
    port = simulator.chat_url.split(":")[2].split("/")[0]
    assert failure.message == f"127.0.0.1 refuses connections on port {port}: nothing is listening there"
    assert failure.path == "/v2/Services"


def test_an_unknown_host_was_not_sent():
    """A name that resolves to nothing (RFC 2606: .invalid) is told as such."""
    failure = not_sent("https://chat.invalid")
    assert (failure.trouble, failure.cause) == (Trouble.NOT_SENT, NoAnswer.UNKNOWN_HOST)
    assert (
        failure.message == "the host name chat.invalid cannot be resolved: check the network and the spelling"
    )


def test_a_handshake_that_never_comes_was_not_sent():
    """A server that accepts connections and never answers the TLS handshake got no request."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        failure = not_sent(f"https://127.0.0.1:{silent.getsockname()[1]}", timeout=0.2)
    assert (failure.trouble, failure.cause) == (Trouble.NOT_SENT, NoAnswer.CONNECT_TIMEOUT)


def test_a_host_that_speaks_no_tls_was_not_sent():
    """A server that answers the TLS handshake with something else got no request."""

    async def whole():
        async def speak(_reader, writer):
            writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            writer.close()

        server = await asyncio.start_server(speak, "127.0.0.1", 0)
        async with server, client_at(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}") as client:
            return await failure_of(client.get(Surface.CHAT, "/v2/Services"))

    failure = asyncio.run(whole())
    assert (failure.trouble, failure.cause) == (Trouble.NOT_SENT, NoAnswer.TLS)


KEY = aiohttp.client_reqrep.ConnectionKey("chat.twilio.com", 443, True, True, None, None, None)
RAISED = {
    "certificate": (
        aiohttp.ClientConnectorCertificateError(KEY, ssl.SSLCertVerificationError(1, "bad certificate")),
        NoAnswer.CERTIFICATE,
    ),
    "no way": (aiohttp.ClientConnectorError(KEY, OSError(errno.ENETUNREACH, "no way")), NoAnswer.UNREACHABLE),
    "kernel gave up": (
        aiohttp.ClientConnectorError(KEY, OSError(errno.ETIMEDOUT, "timed out")),
        NoAnswer.CONNECT_TIMEOUT,
    ),
    "proxy gone": (
        aiohttp.ClientProxyConnectionError(KEY, OSError(errno.ECONNREFUSED, "no")),
        NoAnswer.PROXY,
    ),
    "bare time-out": (asyncio.TimeoutError(), NoAnswer.CONNECT_TIMEOUT),
    "bad URL": (aiohttp.InvalidURL("https://x"), NoAnswer.NO_CONNECTION),
    "anything else": (aiohttp.ClientError("odd"), NoAnswer.NO_CONNECTION),
}


@pytest.mark.parametrize(("error", "cause"), RAISED.values(), ids=RAISED)
def test_whatever_fails_while_connecting_was_not_sent(monkeypatch, error, cause):
    """Every error before a connection stands means that the request has had no effect."""

    async def fail(*_arguments):
        raise error

    monkeypatch.setattr(aiohttp.TCPConnector, "connect", fail)
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")

    async def whole():
        async with Reader(CREDENTIALS, Endpoints()) as reader:
            return await failure_of(reader.get(Surface.CHAT, "/v2/Services"))

    failure = asyncio.run(whole())
    assert (failure.trouble, failure.cause) == (Trouble.NOT_SENT, cause)
    assert "None" not in failure.message


def test_a_host_that_has_answered_is_no_first_contact(simulator):
    """A failure tells whether this client has ever had an answer from that host."""

    async def whole():
        async with reader_of(simulator) as reader:
            simulator.inject(Fault("reset_before"))
            first = await failure_of(reader.get(Surface.CHAT, "/v2/Services"))
            await reader.get(Surface.CHAT, "/v2/Services")
            simulator.inject(Fault("reset_before"))
            return first, await failure_of(reader.get(Surface.CHAT, "/v2/Services"))

    assert [failure.first_contact for failure in asyncio.run(whole())] == [True, False]


def test_no_proxy_is_asked_for_the_way_to_this_machine(simulator, monkeypatch):
    """A proxy in the environment receives nothing that is meant for a loopback host."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")

    async def whole():
        async with reader_of(simulator) as reader:
            return await reader.get(Surface.CHAT, "/v2/Services")

    assert asyncio.run(whole()).status == 200


def test_a_proxy_is_asked_for_the_way_to_twilio(monkeypatch):
    """A proxy from the environment is used for other hosts, with its credentials; its refusal is no lost answer."""

    async def whole():
        async with wire(http("", status="407 Proxy Authentication Required")) as proxy:
            monkeypatch.setenv("HTTPS_PROXY", proxy.url.replace("//", "//user:pass@"))
            monkeypatch.setenv("https_proxy", proxy.url.replace("//", "//user:pass@"))
            async with Reader(CREDENTIALS, Endpoints(timeout=2)) as reader:
                failure = await failure_of(reader.get(Surface.CHAT, "/v2/Services"))
            return failure, proxy.requests[0]

    failure, asked = asyncio.run(whole())
    assert asked.startswith("CONNECT chat.twilio.com:443 ")
    assert "Proxy-Authorization: Basic dXNlcjpwYXNz" in asked
    assert (failure.trouble, failure.cause) == (Trouble.NOT_SENT, NoAnswer.PROXY)
    assert failure.message == "the proxy 127.0.0.1 made no connection to chat.twilio.com (HTTP 407)"


def test_more_at_once_than_a_connector_allows_by_itself():
    """No request waits for a connection: only the pace holds requests back."""

    async def whole():
        arrived, all_there = [], asyncio.Event()

        async def answer(writer):
            arrived.append(writer)
            if len(arrived) == 150:
                all_there.set()
            await asyncio.wait_for(all_there.wait(), 10)
            writer.write(http("{}"))

        async with wire(answer) as server, client_at(server.url, pace=Wide()) as client:
            reads = [client.get(Surface.CHAT, "/v2/Services") for _ in range(150)]
            return len(await asyncio.gather(*reads))

    assert asyncio.run(whole()) == 150
