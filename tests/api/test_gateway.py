"""The client: one request, once; raw answers; no credentials to strangers; no write by mistake."""

from __future__ import annotations

import asyncio
import json
import logging

import pytest
from api_clients import ACCOUNT, CREDENTIALS, client_at, http, of, reader_of, wire, writer_of

from migrate.api.gateway import Reader, Remover, Request, Surface, Writer
from migrate.api.routes import Routes
from migrate.core.config import Endpoints
from migrate.core.errors import CallFailed, SafetyRefusal, Trouble
from migrate.simulator import Fault, Simulator
from migrate.simulator.faults import KINDS, How, Kind

BASE = "http://127.0.0.1:8000/chat"
CONFIGURATION = "/v1/Services/IS" + "1" * 32 + "/Configuration"
WRITE = Request("POST", Surface.CONVERSATIONS, CONFIGURATION, {"ReachabilityEnabled": "true"})
OTHER = "AC" + "2" * 32


def made_up(monkeypatch, body, status=200, **options):
    """A fault that answers with this body."""
    monkeypatch.setitem(
        KINDS, "made_up", Kind(How.ANSWER, processed=False, status=status, body=body, **options)
    )
    return Fault("made_up")


def services(client, page_size=100):
    """Read the first page of services."""
    return client.page(Surface.CHAT, "/v2/Services", "services", query={"PageSize": page_size})


def run(client, work):
    """Run one coroutine function with a client, in a loop of its own, and close the client."""

    async def whole():
        async with client:
            return await work(client)

    return asyncio.run(whole())


def failure_of(client, work):
    """The failure of a call that must fail."""
    with pytest.raises(CallFailed) as caught:
        run(client, work)
    return caught.value.failure


def test_an_answer_is_raw(simulator):
    """A payload is the very JSON that was sent, with status and request id beside it."""
    sid = next(iter(simulator.world.first.services))
    answer = run(reader_of(simulator), lambda reader: reader.get(Surface.CHAT, f"/v2/Services/{sid}"))
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
    assert routes.rewrite("https://chat.dublin.ie1.twilio.com/v2/Services") == f"{BASE}/v2/Services"
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
    "https://api.twilio.com/2010-04-01/Accounts.json",
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


@pytest.mark.parametrize(
    "url", ["https://example.com/x", "https://chat.twilio.com/a b", "https://chat.twilio.com/\r\nX: y"]
)
def test_no_url_leads_out_of_twilio(url):
    """A host that is not Twilio's, and a URL that would change the request around it, are refused."""
    with pytest.raises(SafetyRefusal):
        Routes(Endpoints()).rewrite(url)


@pytest.mark.parametrize("region", ["evil.example/", "evil.example?", "@evil.example/", "x@evil.example#"])
def test_a_region_cannot_lead_elsewhere(region):
    """A region or edge that would change the host is refused before anything is sent."""
    for settings in (Endpoints(region=region), Endpoints(edge=region, region="us1")):
        with pytest.raises(SafetyRefusal):
            run(Reader(CREDENTIALS, settings), services)


@pytest.mark.parametrize("path", ["@example.com/", ".example.com/v2", ":8443/v2", ""])
def test_a_path_cannot_lead_elsewhere(path):
    """What does not begin with a slash would become a part of the host, and is refused."""
    with pytest.raises(SafetyRefusal):
        run(Reader(CREDENTIALS, Endpoints()), lambda reader: reader.get(Surface.CHAT, path))


@pytest.mark.parametrize(
    ("kind", "refused"),
    [
        (Reader, ["POST", "PUT", "PATCH", "DELETE", "post", "HEAD"]),
        (Writer, ["DELETE", "PUT", "PATCH", "HEAD"]),
        (Remover, ["PUT", "PATCH", "HEAD"]),
    ],
)
def test_each_client_has_its_methods_and_no_others(simulator, kind, refused):
    """A reader reads, a writer also posts, a remover also deletes; the library below them can do no more."""

    async def try_all(client):
        for method in refused:
            with pytest.raises(SafetyRefusal, match=f"{method} was refused"):
                await client._client.request_async(method, "https://conversations.twilio.com/v1/Services")

    run(of(kind, simulator), try_all)
    assert simulator.requests == []
    assert (hasattr(kind, "send"), hasattr(kind, "delete")) == (kind is not Reader, kind is Remover)


def test_the_library_below_reaches_twilio_the_same_way(simulator):
    """A request of the twilio package's own client passes the same gate, with the same credentials."""
    run(
        reader_of(simulator),
        lambda reader: reader._client.request_async("GET", "https://chat.twilio.com/v2/Services"),
    )
    [sent] = simulator.requests
    assert (sent.api, sent.path, sent.status, sent.account_sid) == (
        "chat",
        "/v2/Services",
        200,
        simulator.account_sid,
    )


def test_an_empty_update_is_never_sent(simulator):
    """An update without parameters, which Twilio refuses with 20161, does not leave."""
    request = Request("POST", Surface.CONVERSATIONS, CONFIGURATION, {})
    with pytest.raises(SafetyRefusal, match="empty update"):
        run(writer_of(simulator), lambda writer: writer.send(request))
    assert simulator.requests == []


def test_a_form_is_sent_as_it_is(simulator):
    """A write sends its parameters, lists by repeating the name, to the place it names."""
    sid = next(iter(simulator.world.first.services))
    path = f"/v1/Services/{sid}/Configuration/Webhooks"
    form = {"Filters": ["onMessageAdd", "onMessageAdded"], "Method": "POST"}
    request = Request("POST", Surface.CONVERSATIONS, path, form)
    answer = run(writer_of(simulator), lambda writer: writer.send(request))
    [sent] = simulator.requests
    assert (sent.method, sent.api, sent.path) == ("POST", "conversations", path)
    assert sorted(sent.form) == [
        ("Filters", "onMessageAdd"),
        ("Filters", "onMessageAdded"),
        ("Method", "POST"),
    ]
    assert answer.payload["filters"] == ["onMessageAdd", "onMessageAdded"]


def test_a_write_carries_its_headers():
    """The headers of a request are sent beside the client's own."""

    async def ask():
        async with wire(http("{}")) as server, client_at(server.url) as client:
            form, headers = {"Type": "private"}, {"X-Twilio-Webhook-Enabled": "true"}
            await client.send(Request("POST", Surface.CHAT, "/v3/Services/IS1/Channels/CH1", form, headers))
            return server.requests[0]

    sent = asyncio.run(ask())
    assert "\r\nX-Twilio-Webhook-Enabled: true\r\n" in sent
    assert "\r\nContent-Type: application/x-www-form-urlencoded\r\n" in sent
    assert sent.endswith("\r\n\r\nType=private")


def test_a_list_in_a_query_is_sent_by_repeating_the_name():
    """A query parameter with several values is sent once per value, and only with the first page."""

    async def ask():
        page = '{"meta": {"next_page_url": null}, "channels": []}'
        async with wire(http(page)) as server, client_at(server.url) as client:
            query = {"PageSize": 50, "Type": ["public", "private"]}
            await client.page(Surface.CHAT, "/v2/Services/IS1/Channels", "channels", query=query)
            await client.page(
                Surface.CHAT, "/v2/Services/IS1/Channels?PageToken=a%2Fb", "channels", query=query
            )
            return [request.split(" ", 2)[1] for request in server.requests]

    assert asyncio.run(ask()) == [
        "/v2/Services/IS1/Channels?PageSize=50&Type=public&Type=private",
        "/v2/Services/IS1/Channels?PageToken=a%2Fb",
    ]


def test_a_refusal_tells_all_that_twilio_said(simulator):
    """Status, code, message and request id of a refusal are kept for the person who has to act."""
    path = "/v2/Services/IS" + "0" * 32
    failure = failure_of(reader_of(simulator), lambda reader: reader.get(Surface.CHAT, path))
    assert (failure.trouble, failure.status, failure.code) == (Trouble.REFUSED, 404, 20404)
    assert failure.request_id
    assert str(failure) == (
        f"GET {path}: {failure.message} (HTTP 404, error 20404, request {failure.request_id})"
    )


def test_a_secret_that_twilio_repeats_is_masked_where_people_read_it(simulator, monkeypatch):
    """The text of a failure hides the credentials in a URL; the message itself stays whole for the journal."""
    body = '{"code": 20001, "message": "Invalid URL https://user:hunter2@example.com/?token=s3cr3t"}'
    simulator.inject(made_up(monkeypatch, body, status=400))
    failure = failure_of(reader_of(simulator), services)
    assert "hunter2" in failure.message
    assert str(CallFailed(failure)).startswith(
        "GET /v2/Services: Invalid URL https://***@example.com/?token=*** ("
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
    "lone surrogate": '{"meta": {}, "services": [], "x": "\\ud83d"}',
    "lone surrogate in capitals": '{"meta": {}, "services": [], "x": "\\uD83D"}',
    "nested without end": '{"meta": {}, "services": ' + "[" * 99_999,
    "nested too deep": '{"meta": {}, "services": [], "x": ' + "[" * 51 + "]" * 51 + "}",
    "number without end": '{"meta": {}, "services": [], "x": 1e999}',
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_an_answer_of_the_wrong_shape_is_garbled(simulator, monkeypatch, body):
    """An answer that is not what Twilio's documents promise is a failure, never a crash or a result."""
    simulator.inject(made_up(monkeypatch, body))
    failure = failure_of(reader_of(simulator), services)
    assert (failure.trouble, failure.status) == (Trouble.GARBLED, 200)


def test_an_answer_to_another_question_is_garbled(simulator):
    """A payload that the caller's check turns down is a failure."""
    failure = failure_of(
        reader_of(simulator),
        lambda reader: reader.get(Surface.CHAT, "/v2/Services", check=lambda found: "sid" in found),
    )
    assert failure.trouble is Trouble.GARBLED


@pytest.mark.parametrize(
    "body", ["", "<html>", "[1]", '{"code": "x", "message": 5}', '{"code": null}', "[" * 99_999]
)
def test_a_refusal_need_not_be_twilios(simulator, monkeypatch, body):
    """An error page of a proxy, whatever it holds, is a refusal with its status."""
    simulator.inject(made_up(monkeypatch, body, status=502))
    failure = failure_of(reader_of(simulator), services)
    assert (failure.trouble, failure.status, failure.code) == (Trouble.REFUSED, 502, None)


def test_a_redirect_is_not_followed(simulator, monkeypatch):
    """An answer that points elsewhere is a failure; nobody follows it with the credentials."""
    simulator.inject(made_up(monkeypatch, "", status=307))
    assert failure_of(reader_of(simulator), services).status == 307
    assert len(simulator.requests) == 1


ACCOUNTS = {
    "of the resource": ('{"sid": "IS1", "account_sid": "%s"}', OTHER, False),
    "of an item": (
        '{"meta": {}, "roles": [{"sid": "RL1"}, {"sid": "RL2", "account_sid": "%s"}]}',
        OTHER,
        False,
    ),
    "its own": ('{"sid": "IS1", "account_sid": "%s"}', ACCOUNT, True),
    "its own, in capitals": ('{"sid": "IS1", "account_sid": "%s"}', ACCOUNT.upper(), True),
    "null": ('{"sid": "IS1", "account_sid": null}', None, False),
    "none": ('{"sid": "IS1"}', None, False),
}


@pytest.mark.parametrize(("body", "account", "proved"), ACCOUNTS.values(), ids=ACCOUNTS)
def test_an_answer_of_another_account_is_refused(body, account, proved):
    """An answer that names another account ends everything; one that names none proves nothing."""

    async def ask():
        content = body % account if account else body
        async with wire(http(content)) as server, client_at(server.url) as client:
            if account == OTHER:
                with pytest.raises(
                    SafetyRefusal, match=f"are another account's: .*{OTHER}, not for {ACCOUNT}"
                ):
                    await client.get(Surface.CHAT, "/v2/Services/IS1")
            else:
                await client.get(Surface.CHAT, "/v2/Services/IS1")
            return client.account_proved

    assert asyncio.run(ask()) is proved


def test_accounts_are_paged_as_the_2010_api_does():
    """The list of accounts names its next page by a path, without `meta`."""
    page = '{"accounts": [{"sid": "AC%s"}], "next_page_uri": "/2010-04-01/Accounts.json?Page=1&PageToken=x"}'

    async def ask():
        async with wire(http(page % ("3" * 32))) as server, client_at(server.url) as client:
            return await client.page(
                Surface.ACCOUNTS, "/2010-04-01/Accounts.json", "accounts", query={"PageSize": 1000}
            )

    items, following = asyncio.run(ask())
    assert items == [{"sid": "AC" + "3" * 32}]
    assert following == "/2010-04-01/Accounts.json?Page=1&PageToken=x"


@pytest.mark.parametrize("uri", ["https://example.com/x", "http://api.twilio.com/x", "@example.com/"])
def test_accounts_are_not_paged_elsewhere(uri):
    """A next page of accounts that is not a path is refused."""

    async def ask():
        page = json.dumps({"accounts": [], "next_page_uri": uri})
        async with wire(http(page)) as server, client_at(server.url) as client:
            with pytest.raises(SafetyRefusal, match="foreign host"):
                await client.page(Surface.ACCOUNTS, "/2010-04-01/Accounts.json", "accounts", query={})

    asyncio.run(ask())


def test_what_is_asked_for_right_before_a_request_comes_first(simulator):
    """`about_to_send` is awaited once, before the write or the removal reaches Twilio."""
    seen = []

    async def fence():
        seen.append(len(simulator.requests))

    async def work(client):
        sid = next(iter(simulator.world.first.services))
        form = {"ReachabilityEnabled": "true"}
        path = f"/v1/Services/{sid}/Configuration"
        await client.send(Request("POST", Surface.CONVERSATIONS, path, form), about_to_send=fence)
        await client.delete(Surface.CONVERSATIONS, f"/v1/Services/{sid}", about_to_send=fence)

    run(of(Remover, simulator), work)
    assert seen == [0, 1]
    assert [request.method for request in simulator.requests] == ["POST", "DELETE"]


@pytest.mark.parametrize(
    "error", [SafetyRefusal("the lock is lost"), OSError("disk full"), TimeoutError("no")]
)
def test_nothing_is_sent_where_that_refuses(simulator, error):
    """Where `about_to_send` raises, the caller sees that very error, nothing leaves, and the next write goes."""

    async def refuse():
        raise error

    async def work(client):
        sid = next(iter(simulator.world.first.services))
        request = Request("POST", Surface.CONVERSATIONS, f"/v1/Services/{sid}/Configuration", WRITE.form)
        with pytest.raises(type(error)) as caught:
            await client.send(request, about_to_send=refuse)
        assert caught.value is error
        assert simulator.requests == []
        await client.send(request)

    run(writer_of(simulator, concurrency=1), work)
    assert len(simulator.requests) == 1


def test_the_library_logs_no_secret(simulator, caplog):
    """The log of the library and of the transport, turned up to everything, holds no secret."""
    with caplog.at_level(logging.DEBUG):
        run(reader_of(simulator), services)
    assert simulator.auth_token not in caplog.text


def test_the_environment_is_not_read_behind_our_back(simulator, monkeypatch, tmp_path):
    """Neither variables of the process nor a `.netrc` replace the credentials and addresses that were given."""
    monkeypatch.setenv("TWILIO_REGION", "ie1")
    monkeypatch.setenv("TWILIO_EDGE", "dublin")
    monkeypatch.setenv("TWILIO_ACCOUNT_SID", "AC" + "f" * 32)
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", "wrong")
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    run(reader_of(simulator), services)
    assert simulator.requests[-1].account_sid == simulator.account_sid


def test_an_api_key_opens_its_account(simulator):
    """An API key and its secret are as good as account SID and token."""
    [(key, secret)] = simulator.world.first.api_keys.items()
    reader = reader_of(simulator, TWILIO_AUTH_TOKEN="", TWILIO_API_KEY=key, TWILIO_API_SECRET=secret)
    assert len(run(reader, services)[0]) == 12


def test_the_page_size_is_asked_for_once():
    """The first page names the size; later pages are asked for exactly as Twilio named them."""

    async def both(reader):
        _, second = await services(reader, page_size=2)
        await reader.page(Surface.CHAT, second, "services", query={"PageSize": 2})

    with Simulator(services=5) as simulator:
        run(reader_of(simulator), both)
        queries = [request.query for request in simulator.requests]
    assert queries[0] == [("PageSize", "2")]
    assert [name for name, _ in queries[1]] == ["PageSize", "Page", "PageToken"]


def test_a_region_is_part_of_the_host(monkeypatch):
    """Region and edge, as the twilio package spells them, lead to Twilio's host for them."""
    reader = Reader(CREDENTIALS, Endpoints(region="ie1", edge="dublin"))
    assert reader._bases[Surface.CONVERSATIONS] == "https://conversations.dublin.ie1.twilio.com"
