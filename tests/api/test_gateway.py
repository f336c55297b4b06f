"""The client: one request, once; raw answers; no credentials to strangers; no write by mistake."""

from __future__ import annotations

import json
import logging
import ssl

import pytest
import requests
from clients import reader_of, writer_of
from urllib3.exceptions import MaxRetryError, NewConnectionError
from urllib3.exceptions import SSLError as PoolSSLError

from migrate.api.gateway import Reader, Routes, ServerClock, Surface, Writer
from migrate.core.config import Credentials, Endpoints
from migrate.core.errors import CallFailed, SafetyRefusal, Trouble
from migrate.simulator import Fault, Simulator
from migrate.simulator.faults import KINDS, How, Kind

CREDENTIALS = Credentials("AC" + "1" * 32, "AC" + "1" * 32, "secret")
BASE = "http://127.0.0.1:8000/chat"


def made_up(monkeypatch, body, status=200, **options):
    """A fault that answers with this body."""
    monkeypatch.setitem(
        KINDS, "made_up", Kind(How.ANSWER, processed=False, status=status, body=body, **options)
    )
    return Fault("made_up")


def failure_of(call):
    """The failure of a call that must fail."""
    with pytest.raises(CallFailed) as caught:
        call()
    return caught.value.failure


def services(reader):
    """Read the first page of services."""
    return reader.page(Surface.CHAT, "/v2/Services", "services", page_size=100)


def test_an_answer_is_raw(simulator):
    """A payload is the very JSON that was sent, with status and request id beside it."""
    sid = next(iter(simulator.world.first.services))
    answer = reader_of(simulator).get(Surface.CHAT, f"/v2/Services/{sid}")
    assert answer.payload == json.loads(simulator.requests[-1].body)
    assert answer.status == 200
    assert answer.request_id


@pytest.mark.parametrize(
    "url",
    [
        "https://chat.twilio.com/v2/Services?PageSize=5&PageToken=a",
        "https://chat.dublin.ie1.twilio.com/v2/Services?PageSize=5&PageToken=a",
        f"{BASE}/v2/Services?PageSize=5&PageToken=a",
    ],
)
def test_a_next_page_is_found_below_the_configured_base(url):
    """A next page that Twilio names by its own host, or by the configured base, is asked for there."""
    routes = Routes(Endpoints(chat_url=BASE))
    assert routes.locate(Surface.CHAT, url) == "/v2/Services?PageSize=5&PageToken=a"
    assert routes.rewrite("https://chat.twilio.com/v2/Services") == f"{BASE}/v2/Services"
    assert Routes(Endpoints()).rewrite("https://chat.twilio.com/v2") == "https://chat.twilio.com/v2"


FOREIGN = [
    "https://example.com/v2/Services",
    "http://chat.twilio.com/v2/Services",
    "https://chat.twilio.com:8443/v2/Services",
    "https://chat.twilio.com:99999/v2/Services",
    "https://user@chat.twilio.com/v2/Services",
    "https://chat.twilio.com@example.com/v2/Services",
    "https://chat.twilio.com.example.com/v2/Services",
    "https://chat.example.com/?.twilio.com",
    "https://conversations.twilio.com/v1/Services",
    "https://evil-chat.twilio.com/",
    "https://a.b.chat.c.d.twilio.com/",
    "http://127.0.0.1:8000/other/v2/Services",
    "http://127.0.0.1:8000/chatter/v2/Services",
    "http://127.0.0.1:80001/chat/v2/Services",
    "//example.com/v2",
    "/v2/Services",
    "javascript:alert(1)",
    "https://[",
    "https://[::1",
    "",
]


@pytest.mark.parametrize("url", FOREIGN)
def test_a_foreign_next_page_is_refused(url):
    """A URL in an answer that is neither Twilio's host for this API nor below the configured base is refused."""
    with pytest.raises(SafetyRefusal, match="foreign host"):
        Routes(Endpoints(chat_url=BASE)).locate(Surface.CHAT, url)


@pytest.mark.parametrize("region", ["evil.example/", "evil.example?", "@evil.example/", "x@evil.example#"])
def test_a_region_cannot_lead_elsewhere(region):
    """A region or edge that would change the host is refused before anything is sent."""
    for settings in (Endpoints(region=region), Endpoints(edge=region, region="us1")):
        with pytest.raises((SafetyRefusal, CallFailed)) as refusal:
            Reader(CREDENTIALS, settings).get(Surface.CHAT, "/v2/Services")
        assert isinstance(refusal.value, SafetyRefusal)


def test_a_reader_cannot_write(simulator):
    """A reader has no way to write, and its transport refuses every method but GET."""
    reader = reader_of(simulator)
    assert not hasattr(reader, "post")
    for method in ("POST", "PUT", "PATCH", "DELETE", "post", "HEAD"):
        with pytest.raises(SafetyRefusal, match="may only read"):
            reader._client().request(method, "https://conversations.twilio.com/v1/Services")
    assert simulator.requests == []


def test_a_writer_cannot_delete(simulator):
    """A writer can GET and POST, and nothing else."""
    writer = writer_of(simulator)
    for method in ("DELETE", "PUT", "PATCH"):
        with pytest.raises(SafetyRefusal):
            writer._client().request(method, "https://conversations.twilio.com/v1/Services")
    assert simulator.requests == []


def test_an_empty_update_is_never_sent(simulator):
    """An update without parameters, which Twilio refuses with 20161, does not leave."""
    sid = next(iter(simulator.world.first.services))
    with pytest.raises(SafetyRefusal, match="empty update"):
        writer_of(simulator).post(Surface.CONVERSATIONS, f"/v1/Services/{sid}/Configuration", {})
    assert simulator.requests == []


def test_a_form_is_sent_as_it_is(simulator):
    """A write sends its parameters, lists by repeating the name, to the place it names."""
    sid = next(iter(simulator.world.first.services))
    path = f"/v1/Services/{sid}/Configuration/Webhooks"
    form = {"Filters": ["onMessageAdd", "onMessageAdded"], "Method": "POST"}
    answer = writer_of(simulator).post(Surface.CONVERSATIONS, path, form)
    [sent] = simulator.requests
    assert (sent.method, sent.api, sent.path) == ("POST", "conversations", path)
    assert sorted(sent.form) == [
        ("Filters", "onMessageAdd"),
        ("Filters", "onMessageAdded"),
        ("Method", "POST"),
    ]
    assert answer.payload["filters"] == form["Filters"]


def test_a_refusal_tells_all_that_twilio_said(simulator):
    """Status, code, message and request id of a refusal are kept for the person who has to act."""
    failure = failure_of(lambda: reader_of(simulator).get(Surface.CHAT, "/v2/Services/IS" + "0" * 32))
    assert (failure.trouble, failure.status, failure.code) == (Trouble.REFUSED, 404, 20404)
    assert failure.request_id
    assert str(failure) == (
        f"GET /v2/Services/IS{'0' * 32}: {failure.message} (HTTP 404, error 20404, request {failure.request_id})"
    )


BODIES = {
    "no JSON": "hello",
    "HTML": "<html></html>",
    "empty": "",
    "null": "null",
    "list": "[]",
    "string": '"a"',
    "other object": '{"ok": true}',
    "no meta": '{"services": []}',
    "no items": '{"meta": {}}',
    "items no list": '{"meta": {}, "services": {}}',
    "item no object": '{"meta": {}, "services": [1]}',
    "item without SID": '{"meta": {}, "services": [{}]}',
    "SID that is a path": '{"meta": {}, "services": [{"sid": "../../x"}]}',
    "next page that is a number": '{"meta": {"next_page_url": 5}, "services": []}',
    "next page that is an object": '{"meta": {"next_page_url": {}}, "services": []}',
    "NaN": '{"meta": {}, "services": [], "x": NaN}',
    "a lone surrogate": '{"meta": {}, "services": [], "x": "\\ud83d"}',
    "nested without end": '{"meta": {}, "services": ' + "[" * 99_999,
    "number without end": '{"meta": {}, "services": [], "x": 1e999}',
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_an_answer_of_the_wrong_shape_is_garbled(simulator, monkeypatch, body):
    """An answer that is not what Twilio's documents promise is a failure, never a crash or a result."""
    simulator.inject(made_up(monkeypatch, body))
    failure = failure_of(lambda: services(reader_of(simulator)))
    assert (failure.trouble, failure.status) == (Trouble.GARBLED, 200)


@pytest.mark.parametrize(
    "body", ["", "<html>", "[1]", '{"code": "x", "message": 5}', '{"code": null}', "[" * 99_999]
)
def test_a_refusal_need_not_be_twilios(simulator, monkeypatch, body):
    """An error page of a proxy, whatever it holds, is a refusal with its status."""
    simulator.inject(made_up(monkeypatch, body, status=502))
    failure = failure_of(lambda: services(reader_of(simulator)))
    assert (failure.trouble, failure.status, failure.code) == (Trouble.REFUSED, 502, None)


def test_a_redirect_is_not_followed(simulator, monkeypatch):
    """An answer that points elsewhere is a failure; nobody follows it with the credentials."""
    simulator.inject(made_up(monkeypatch, "", status=307))
    assert failure_of(lambda: services(reader_of(simulator))).status == 307
    assert len(simulator.requests) == 1


def test_a_refused_connection_was_not_sent(simulator):
    """Where nobody listens, the request cannot have had an effect."""
    simulator.close()
    failure = failure_of(lambda: services(reader_of(simulator)))
    assert failure.trouble is Trouble.NOT_SENT
    assert "127.0.0.1" in failure.message


def test_an_unknown_host_was_not_sent():
    """A name that resolves to nothing (RFC 2606: .invalid) is no connection."""
    reader = Reader(CREDENTIALS, Endpoints(chat_url="https://chat.invalid"))
    failure = failure_of(lambda: services(reader))
    assert failure.trouble is Trouble.NOT_SENT
    assert "no connection to chat.invalid" in failure.message


@pytest.mark.parametrize("kind", ["reset_before", "reset_after", "timeout_before", "timeout_after"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_lost_answer_is_lost(simulator, kind, method):
    """A connection that breaks, or time that runs out, after the request left, is neither success nor refusal."""
    sid = next(iter(simulator.world.first.services))
    writer = writer_of(simulator, CHAT_MIGRATE_TIMEOUT="0.1")
    simulator.inject(Fault(kind, method=method, seconds=0.3))
    path = f"/v1/Services/{sid}/Configuration"
    form = {"ReachabilityEnabled": "true"}

    def call():
        if method == "GET":
            return writer.get(Surface.CONVERSATIONS, path)
        return writer.post(Surface.CONVERSATIONS, path, form)

    failure = failure_of(call)
    assert (failure.trouble, failure.is_write) == (Trouble.LOST, method == "POST")
    assert failure.status is None


def wrapped(cause):
    """An error as requests hands it on: wrapped by urllib3's pool."""
    return MaxRetryError(None, "/v1", cause)


TRANSPORT = {
    "certificate": (
        requests.exceptions.SSLError(
            wrapped(PoolSSLError(ssl.SSLCertVerificationError(1, "bad certificate")))
        ),
        Trouble.NOT_SENT,
    ),
    "TLS cut after the request": (
        requests.exceptions.SSLError(wrapped(PoolSSLError(ssl.SSLEOFError(8, "EOF occurred")))),
        Trouble.LOST,
    ),
    "connect time-out": (requests.exceptions.ConnectTimeout(), Trouble.NOT_SENT),
    "read time-out": (requests.exceptions.ReadTimeout(), Trouble.LOST),
    "refused": (
        requests.exceptions.ConnectionError(wrapped(NewConnectionError(None, "refused"))),
        Trouble.NOT_SENT,
    ),
    "proxy": (requests.exceptions.ProxyError(), Trouble.NOT_SENT),
    "bad proxy": (requests.exceptions.InvalidProxyURL(), Trouble.NOT_SENT),
    "bad URL": (requests.exceptions.InvalidURL(), Trouble.NOT_SENT),
    "cut": (requests.exceptions.ConnectionError(ConnectionResetError(104, "reset")), Trouble.LOST),
    "cut in the body": (requests.exceptions.ChunkedEncodingError(), Trouble.LOST),
    "bad compression": (requests.exceptions.ContentDecodingError(), Trouble.LOST),
    "anything else": (requests.exceptions.RequestException(), Trouble.LOST),
}


@pytest.mark.parametrize(("error", "trouble"), TRANSPORT.values(), ids=TRANSPORT)
def test_only_what_cannot_have_left_counts_as_not_sent(monkeypatch, error, trouble):
    """Every error of the transport is told apart by one question: can the request have had an effect?"""

    def fail(*_args, **_options):
        raise error

    monkeypatch.setattr(requests.Session, "send", fail)
    writer = Writer(CREDENTIALS, Endpoints())
    failure = failure_of(
        lambda: writer.post(Surface.CONVERSATIONS, "/v1/Services/IS/Configuration", {"A": "b"})
    )
    assert failure.trouble is trouble


def test_every_error_of_requests_leaves_as_ours(monkeypatch):
    """Whatever class of error the transport raises, callers see `CallFailed`."""
    classes = [
        found
        for found in vars(requests.exceptions).values()
        if isinstance(found, type) and issubclass(found, requests.exceptions.RequestException)
    ]
    assert len(classes) > 15
    for found in classes:
        error = found.__new__(found)
        Exception.__init__(error, "made up")

        def fail(*_args, _error=error, **_options):
            raise _error

        monkeypatch.setattr(requests.Session, "send", fail)
        assert failure_of(lambda: services(Reader(CREDENTIALS, Endpoints()))).method == "GET"


def test_proxies_are_not_asked_for_the_way_to_this_machine(simulator, monkeypatch):
    """A proxy in the environment receives nothing that is meant for a loopback host."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    items, _ = services(reader_of(simulator))
    assert len(items) == 12


def test_the_library_logs_no_secret(simulator, caplog):
    """The log of the library and of the transport, turned up to everything, holds no secret."""
    with caplog.at_level(logging.DEBUG):
        services(reader_of(simulator))
    assert "/v2/Services" in caplog.text
    assert simulator.auth_token not in caplog.text


def test_the_environment_is_not_read_behind_our_back(simulator, monkeypatch):
    """The library takes nothing from the process's environment: what counts was given."""
    monkeypatch.setenv("TWILIO_REGION", "ie1")
    monkeypatch.setenv("TWILIO_EDGE", "dublin")
    monkeypatch.setenv("TWILIO_ACCOUNT_SID", "AC" + "f" * 32)
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", "wrong")
    services(reader_of(simulator))
    assert simulator.requests[-1].account_sid == simulator.account_sid


def test_an_api_key_opens_its_account(simulator):
    """An API key and its secret are as good as account SID and token."""
    [(key, secret)] = simulator.world.first.api_keys.items()
    reader = reader_of(simulator, TWILIO_AUTH_TOKEN="", TWILIO_API_KEY=key, TWILIO_API_SECRET=secret)
    assert len(services(reader)[0]) == 12


def test_the_page_size_is_asked_for_once():
    """The first page names the size; later pages are asked for exactly as Twilio named them."""
    with Simulator(services=5) as simulator:
        reader = reader_of(simulator)
        _, second = reader.page(Surface.CHAT, "/v2/Services", "services", page_size=2)
        reader.page(Surface.CHAT, second, "services", page_size=2)
        queries = [request.query for request in simulator.requests]
    assert queries[0] == [("PageSize", "2")]
    assert [name for name, _ in queries[1]] == ["PageSize", "Page", "PageToken"]


@pytest.mark.parametrize(
    ("date", "heard"),
    [
        ("Fri, 20 Nov 2026 21:00:00 GMT", True),
        ("Fri, 20 Nov 2026 21:00:00 -0000", True),
        ("tomorrow", False),
        ("1 Jan 2020 01:01:01 +99999999999999999999999", False),
        ("", False),
        (None, False),
    ],
)
def test_the_time_at_twilio_is_taken_from_good_dates_only(date, heard):
    """A `Date` header that is none, as a proxy may send, changes nothing and breaks nothing."""
    clock = ServerClock()
    clock.hear(date)
    assert clock.is_set is heard
