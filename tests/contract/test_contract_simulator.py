"""The simulator speaks as Twilio's OpenAPI documents do, and refuses what they do not allow."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest
import requests

from migrate.simulator import Fault, Simulator

CHAT, CONVERSATIONS = "https://chat.twilio.com", "https://conversations.twilio.com"

WRITES = [
    ("chat", "/v1/Services/{IS}", {"FriendlyName": "ü", "Webhooks.OnChannelAdd.Url": "https://example.com/"}),
    ("chat", "/v2/Services/{IS}", {"WebhookFilters": ["onMessageSent", "onUserAdded"], "PreWebhookUrl": ""}),
    (
        "chat",
        "/v2/Services/{IS}/Roles",
        {"FriendlyName": "r", "Type": "channel", "Permission": ["sendMessage"]},
    ),
    ("chat", "/v2/Services/{IS}/Roles/{RL}", {"Permission": ["sendMessage", "leaveChannel"]}),
    ("conversations", "/v1/Services/{IS}/Configuration", {"ReachabilityEnabled": "true"}),
    ("conversations", "/v1/Services/{IS}/Configuration/Notifications", {"NewMessage.WithMedia.Template": ""}),
    ("conversations", "/v1/Services/{IS}/Configuration/Webhooks", {"PostWebhookUrl": "", "Filters": [""]}),
    ("conversations", "/v1/Services/{IS}/Roles/{RL}", {"Permission": ["sendMessage", "leaveConversation"]}),
    ("conversations", "/v1/Configuration", {"DefaultInactiveTimer": "PT1M"}),
    ("conversations", "/v1/Configuration/Webhooks", {"Filters": ["onUserAdded"], "Method": "GET"}),
    ("chat", "/v2/Services/{IS}/Users", {"Identity": "ann", "Attributes": "{}", "FriendlyName": "Ann"}),
    ("chat", "/v1/Services/{IS}/Users", {"Identity": "ann"}),
    ("conversations", "/v1/Services/{IS}/Users", {"Identity": "ann", "FriendlyName": "Ann"}),
    ("conversations", "/v1/Users", {"Identity": "ann"}),
    ("conversations", "/v1/Services/{IS}/Conversations", {"UniqueName": "a", "Attributes": "{}"}),
    ("conversations", "/v1/Conversations", {"FriendlyName": "A"}),
    (
        "conversations",
        "/v1/Roles",
        {"FriendlyName": "r", "Type": "service", "Permission": "joinConversation"},
    ),
    ("chat", "/v1/Services", {"FriendlyName": "new"}),
    ("chat", "/v2/Services", {"FriendlyName": "new"}),
    ("conversations", "/v1/Services", {"FriendlyName": "new"}),
]

REFUSED = [
    ("POST", "chat", "/v2/Services/{IS}", {"Nonsense": "1"}),
    ("POST", "chat", "/v2/Services/{IS}", {"WebhookMethod": "PUT"}),
    ("POST", "chat", "/v2/Services/{IS}", {"ReadStatusEnabled": "maybe"}),
    ("POST", "chat", "/v2/Services/{IS}", {"DefaultServiceRoleSid": "RL0"}),
    (
        "POST",
        "chat",
        "/v2/Services/{IS}/Roles",
        {"FriendlyName": "r", "Type": "conversation", "Permission": "x"},
    ),
    ("POST", "chat", "/v2/Services/{IS}/Roles/{RL}", {}),
    ("POST", "conversations", "/v1/Services", {}),
    ("POST", "conversations", "/v1/Services/{IS}/Configuration/Webhooks", {"PreWebhookUrl": "no url"}),
    ("POST", "conversations", "/v1/Services/{IS}/Configuration/Webhooks", {"PreWebhookUrl": "//example.com"}),
    ("POST", "conversations", "/v1/Services/{IS}/Configuration/Notifications", {"NewMessage.Sounds": "x"}),
    ("GET", "conversations", "/v1/Services/{IS}/Roles?PageSize=51", None),
    ("GET", "chat", "/v1/Services?Limit=5", None),
    ("GET", "chat", "/v2/Services/{IS}/Channels?Type=secret", None),
]


@pytest.fixture
def sim():
    """A simulator of its own for each test."""
    with Simulator(services=12) as simulator:
        yield simulator


@pytest.fixture
def send(sim):
    """Send one request; `{IS}` and `{RL}` stand for a service and a role."""
    service = next(iter(sim.world.first.services.values()))
    sids = {"IS": service.sid, "RL": service.role_named("channel user").sid}
    bases = {"chat": sim.chat_url, "conversations": sim.conversations_url}
    with requests.Session() as session:
        session.trust_env = False
        session.auth = (sim.account_sid, sim.auth_token)

        def call(method, api, path, form=None, **options):
            return session.request(method, bases[api] + path.format(**sids), data=form, timeout=5, **options)

        yield call


def problems(contract, sim):
    """Return every problem with everything that was sent and answered."""
    return [problem for recorded in sim.requests for problem in contract.check(recorded)]


def test_reading_everything(contract, sim, send):
    """All that the twelve archetypes show through either API has the documented shape."""
    for version in ("v1", "v2"):
        send("GET", "chat", f"/{version}/Services?PageSize=5")
        for sid, service in sim.world.first.services.items():
            types = "?Type=public&Type=private"
            for path in ("", "/Roles", f"/Channels{types}", *(f"/Channels/{c}" for c in service.channels)):
                send("GET", "chat", f"/{version}/Services/{sid}{path}")
    send("GET", "conversations", "/v1/Services")
    for sid in sim.world.first.services:
        configuration = ("/Configuration", "/Configuration/Notifications", "/Configuration/Webhooks")
        for path in ("", "/Roles", "/Conversations", *configuration):
            send("GET", "conversations", f"/v1/Services/{sid}{path}")
    for path in ("/Configuration", "/Configuration/Webhooks", "/Roles", "/Users", "/Conversations"):
        send("GET", "conversations", f"/v1{path}")
    assert {recorded.status for recorded in sim.requests} == {200}
    assert problems(contract, sim) == []


@pytest.mark.parametrize(("api", "path", "form"), WRITES)
def test_writing(contract, sim, send, api, path, form):
    """A write that the documents allow is accepted, and answered in the documented shape."""
    assert send("POST", api, path, form).ok
    assert problems(contract, sim) == []


def test_following_pages_migrating_and_deleting(contract, sim, send):
    """Page URLs, the channel migration and deletions keep to the documents too."""
    following = send("GET", "chat", "/v2/Services?PageSize=5").json()["meta"]["next_page_url"]
    send("GET", "chat", following.removeprefix(CHAT))
    services = sim.world.first.services.values()
    service, channel = next((s, c) for s in services for c in s.channels.values() if c.type == "public")
    path = f"/v3/Services/{service.sid}/Channels/{channel.sid}"
    send("POST", "chat", path, {"Type": "private"}, headers={"X-Twilio-Webhook-Enabled": "true"})
    role = service.role_named("service admin").sid
    send("DELETE", "conversations", f"/v1/Services/{service.sid}/Roles/{role}")
    send("DELETE", "conversations", f"/v1/Services/{service.sid}")
    assert [recorded.status for recorded in sim.requests] == [200, 200, 200, 204, 204]
    assert problems(contract, sim) == []


@pytest.mark.parametrize("refused", REFUSED)
def test_refusing(contract, sim, send, refused):
    """What the documents forbid, the simulator refuses in Twilio's envelope, and the checker names."""
    assert send(*refused).status_code == 400
    (recorded,) = sim.requests
    assert contract.check_request(recorded)
    assert contract.check_answer(recorded) == []


def test_channels_in_numbers(contract):
    """Drawn channels, and what they become, have the documented shape in every version."""
    with Simulator(services=1, channels=120) as many, requests.Session() as session:
        session.trust_env = False
        session.auth = (many.account_sid, many.auth_token)
        (service,) = many.world.first.services.values()
        path = f"/Services/{service.sid}/Channels"
        for version in ("v1", "v2"):
            session.get(f"{many.chat_url}/{version}{path}?Type=public&Type=private&PageSize=100", timeout=5)
            session.get(f"{many.chat_url}/{version}{path}/{service.channels.sid_at(5)}", timeout=5)
        public = [n for n in range(120) if service.channels.type_at(n) == "public"]
        for number in public[:20]:
            url = f"{many.chat_url}/v3{path}/{service.channels.sid_at(number)}"
            session.post(url, data={"Type": "private"}, timeout=5)
        session.get(f"{many.conversations_url}/v1/Services/{service.sid}/Conversations", timeout=5)
        assert {recorded.status for recorded in many.requests} == {200}
        assert problems(contract, many) == []


def test_missing_credentials(contract, sim, send):
    """A request without credentials is a problem; its 401 is not."""
    send("GET", "chat", "/v2/Services", auth=lambda request: request)
    (recorded,) = sim.requests
    assert recorded.status == 401
    assert contract.check_request(recorded)
    assert contract.check_answer(recorded) == []


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ('"friendly_name"', '"name"'),
        ('"sid": "IS', '"sid": "XX'),
        ('"read_status_enabled": true', '"read_status_enabled": "true"'),
        ('"url": "https', '"url": "a b https'),
        ('"date_created": "2', '"date_created": "a2'),
    ],
)
def test_the_checker_sees_wrong_answers(contract, sim, send, wrong, right):
    """An answer whose property is missing, misnamed, of another type or form does not pass."""
    send("GET", "chat", "/v2/Services/{IS}")
    (recorded,) = sim.requests
    assert wrong in recorded.body
    assert contract.check_answer(replace(recorded, body=recorded.body.replace(wrong, right)))


def test_v1_dates_must_be_rfc_2822(contract, sim, send):
    """Chat v1's dates are judged by the reference page, which the document contradicts."""
    send("GET", "chat", "/v1/Services/{IS}")
    (recorded,) = sim.requests
    assert contract.check_answer(recorded) == []
    shown = json.loads(recorded.body)
    assert re.fullmatch(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d \+0000", shown["date_created"])
    iso = json.dumps(shown | {"date_created": "2015-07-30T20:00:00Z"})
    assert contract.check_answer(replace(recorded, body=iso))


def test_faulted_answers_are_exempt(contract, sim, send):
    """A fault's answer is not Twilio's; the request that it struck is still judged."""
    sim.inject(Fault("wrong_shape", times=2))
    send("GET", "chat", "/v2/Services")
    send("GET", "chat", "/v2/Services?Nonsense=1")
    good, bad = sim.requests
    assert contract.check(good) == []
    assert len(contract.check(bad)) == 1
