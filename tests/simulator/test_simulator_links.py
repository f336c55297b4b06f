"""Every link that an answer names is served, and what is refused says what is allowed."""

from __future__ import annotations

import pytest

from migrate.simulator.world import User

CHAT, CONVERSATIONS = "https://chat.twilio.com", "https://conversations.twilio.com"


def links(document):
    """Return all URLs of Twilio in a document, its own first."""
    if isinstance(document, dict):
        return [url for value in document.values() for url in links(value)]
    if isinstance(document, list):
        return [url for value in document for url in links(value)]
    return [document] if isinstance(document, str) and document.startswith((CHAT, CONVERSATIONS)) else []


def test_every_link_is_served(open_sim):
    """From the lists of services and the account's settings on, no link leads nowhere."""
    caller = open_sim(services=12, channels=3, public_share=0.5)
    sid = next(iter(caller.sim.world.first.services))
    for path in (f"/v1/Services/{sid}/Users", "/v1/Users"):
        caller.conv(path, {"Identity": f"ann {path}"})
    waiting = [f"{CHAT}/v1/Services?PageSize=1", f"{CHAT}/v2/Services?PageSize=1"]
    waiting += [f"{CONVERSATIONS}/v1/Services?PageSize=1", f"{CONVERSATIONS}/v1/Configuration"]
    waiting += [f"{CONVERSATIONS}/v1/{name}" for name in ("Roles", "Users", "Conversations")]
    seen = set()
    while waiting:
        url = waiting.pop()
        if url in seen or (sid not in url and "Services/IS" in url):
            continue
        seen.add(url)
        answer = (
            caller.chat(url.removeprefix(CHAT))
            if url.startswith(CHAT)
            else caller.conv(url.removeprefix(CONVERSATIONS))
        )
        if answer.status_code == 405 and answer.headers["Allow"] == "POST":
            continue
        assert answer.status_code == 200, url
        waiting += links(answer.json())
    assert len(seen) > 60


@pytest.mark.parametrize("api", ["chat", "conv"])
def test_users_are_created_found_and_changed(shared, service, api):
    """A user is created once, found by SID and by identity, listed, changed and deleted, in both APIs."""
    call = getattr(shared, api)
    base = f"{'/v2' if api == 'chat' else '/v1'}/Services/{service.sid}/Users"
    created = call(base, {"Identity": "ann@example.com", "Attributes": '{"a": 1}'})
    assert (created.status_code, created.json()["attributes"]) == (201, '{"a": 1}')
    assert created.json()["role_sid"] == service.role_named("service user").sid
    again = call(base, {"Identity": "ann@example.com"})
    assert (again.status_code, again.json()["code"]) == (409, 50201)
    sid = created.json()["sid"]
    for name in (sid, "ann%40example.com"):
        assert call(f"{base}/{name}").json()["sid"] == sid
    role = service.role_named("service admin").sid
    assert call(f"{base}/{sid}", {"FriendlyName": "Ann", "RoleSid": role}).json()["friendly_name"] == "Ann"
    assert [user["role_sid"] for user in call(base).json()["users"]] == [role]
    assert call(f"{base}/{sid}", method="DELETE").status_code == 204
    for name in (sid, "ann%40example.com"):
        assert call(f"{base}/{name}").status_code == 404
    assert call(base, {"Identity": "ann@example.com"}).status_code == 201


def test_a_user_costs_the_same_however_many_there_are(shared, service):
    """To find or create one user by its identity, hardly any other one is looked at."""
    looks = []

    class Watched(str):
        __slots__ = ()
        __hash__ = str.__hash__

        def __eq__(self, other):
            looks.append(other)
            return str.__eq__(self, other)

    for number in range(500):
        sid = f"US{number:032x}"
        service.users[sid] = User(sid, Watched(f"person {number}"), "RL", "2020", "2020")
    base = f"/v1/Services/{service.sid}/Users"
    looks.clear()
    assert shared.conv(f"{base}/person%20499").json()["identity"] == "person 499"
    assert shared.conv(base, {"Identity": "ann"}).status_code == 201
    assert len(looks) < 10


def test_a_conversation_is_created(shared, service):
    """A conversation is created under a unique name once, and is a private channel in Chat."""
    path = f"/v1/Services/{service.sid}/Conversations"
    form = {"FriendlyName": "Help", "UniqueName": "help", "Attributes": "{}"}
    created = shared.conv(path, form)
    assert (created.status_code, created.json()["unique_name"]) == (201, "help")
    again = shared.conv(path, form)
    assert (again.status_code, again.json()["code"]) == (409, 50307)
    sid = created.json()["sid"]
    assert shared.chat(f"/v2/Services/{service.sid}/Channels/help").json()["sid"] == sid
    assert [c["sid"] for c in shared.conv(path).json()["conversations"]] == [sid]


def test_the_default_service_needs_no_sid(open_sim):
    """Roles, users and conversations without a service are those of the account's default service."""
    caller = open_sim(channels=4, public_share=0.5)
    sid = caller.conv("/v1/Configuration").json()["default_chat_service_sid"]
    for name, key in (("Roles", "roles"), ("Conversations", "conversations"), ("Users", "users")):
        caller.conv("/v1/Users", {"Identity": "ann"})
        short, full = caller.conv(f"/v1/{name}").json(), caller.conv(f"/v1/Services/{sid}/{name}").json()
        assert [one["sid"] for one in short[key]] == [one["sid"] for one in full[key]] != []
        assert short[key][0]["url"] == f"{CONVERSATIONS}/v1/{name}/{short[key][0]['sid']}"
    nowhere = open_sim(services=0)
    assert nowhere.conv("/v1/Roles").status_code == 404


def test_refusals_say_what_is_allowed(shared, service):
    """405 names the methods in `Allow`; 401 says how to authenticate."""
    path = f"/v1/Services/{service.sid}"
    assert shared.conv(path, {"FriendlyName": "x"}).headers["Allow"] == "DELETE, GET"
    nobody = shared.conv(path, auth=("nobody", "nothing"))
    assert nobody.headers["WWW-Authenticate"].startswith("Basic ")
