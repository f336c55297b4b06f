"""Lists: every item once, however the pages are cut."""

from __future__ import annotations

import pytest


def walk(caller, api, path):
    """Follow next_page_url to the end and return the pages."""
    call, base = {
        "chat": (caller.chat, "https://chat.twilio.com"),
        "conversations": (caller.conv, "https://conversations.twilio.com"),
    }[api]
    pages = [call(path).json()]
    while following := pages[-1]["meta"]["next_page_url"]:
        assert following.startswith(base + path.split("?")[0])
        pages.append(call(following.removeprefix(base)).json())
    return pages


@pytest.mark.parametrize(("api", "version"), [("chat", "v1"), ("chat", "v2"), ("conversations", "v1")])
@pytest.mark.parametrize("size", [1, 5, 6, 12, 13])
def test_all_services_once(shared, api, version, size):
    """Following the pages gives every service once, in one order, at any page size."""
    pages = walk(shared, api, f"/{version}/Services?PageSize={size}")
    found = [service["sid"] for page in pages for service in page["services"]]
    assert found == list(shared.sim.world.first.services)
    assert {page["meta"]["page_size"] for page in pages} == {size}
    assert [page["meta"]["page"] for page in pages] == list(range(len(pages)))


def test_the_meta_of_a_middle_page(shared):
    """A page names itself, the first, the one before and the one after."""
    _, second, *_ = walk(shared, "chat", "/v2/Services?PageSize=4")
    meta = second["meta"]
    assert set(meta) == {
        *("page", "page_size", "key", "url"),
        *("first_page_url", "previous_page_url", "next_page_url"),
    }
    assert meta["key"] == "services"
    assert meta["first_page_url"] == "https://chat.twilio.com/v2/Services?PageSize=4&Page=0"
    assert "Page=2&PageToken=" in meta["next_page_url"]
    before = shared.chat(meta["previous_page_url"].removeprefix("https://chat.twilio.com")).json()
    assert before["services"] == shared.chat("/v2/Services?PageSize=4").json()["services"]


def test_the_default_page_holds_fifty(open_sim):
    """Without PageSize a page holds 50."""
    pages = walk(open_sim(services=60), "conversations", "/v1/Services")
    assert [len(page["services"]) for page in pages] == [50, 10]


def test_the_filter_stays_with_the_pages(open_sim):
    """A list's own filter is part of the next page's URL."""
    caller = open_sim()
    service = next(s for s in caller.sim.world.first.services.values() if len(s.channels) == 5)
    path = f"/v2/Services/{service.sid}/Channels?Type=private&Type=public&PageSize=2"
    pages = walk(caller, "chat", path)
    assert [c["sid"] for page in pages for c in page["channels"]] == list(service.channels)


def test_deletions_between_pages(open_sim):
    """A service that goes while pages are read makes no other one be skipped, unless it was the cursor."""
    caller = open_sim()
    sids = list(caller.sim.world.first.services)
    first = caller.chat("/v2/Services?PageSize=5").json()
    with caller.sim.locked() as world:
        world.delete_service(sids[0])
    following = first["meta"]["next_page_url"].removeprefix("https://chat.twilio.com")
    assert [s["sid"] for s in caller.chat(following).json()["services"]] == sids[5:10]
    with caller.sim.locked() as world:
        world.delete_service(sids[4])
    assert caller.chat(following).status_code == 200


def test_pages_on_the_simulators_own_host(open_sim):
    """With page_hosts="self" every URL can be followed as it stands."""
    caller = open_sim(page_hosts="self")
    shown = caller.chat("/v2/Services?PageSize=5").json()
    following = caller.session.get(shown["meta"]["next_page_url"], timeout=5).json()
    assert following["meta"]["page"] == 1
    roles = caller.session.get(shown["services"][0]["links"]["roles"], timeout=5).json()
    assert len(roles["roles"]) == 4


def test_a_foreign_next_page(open_sim):
    """A hostile next page can be asked for, and nothing else is hostile then."""
    meta = open_sim(next_page_host="evil.example").chat("/v2/Services?PageSize=5").json()["meta"]
    assert meta["next_page_url"].startswith("https://evil.example/v2/Services?")
    assert meta["url"].startswith("https://chat.twilio.com/")


def test_a_page_after_the_end(shared):
    """A page past the end is empty, and names the way back."""
    shown = shared.chat("/v2/Services?PageSize=5&Page=1000000").json()
    assert shown["services"] == []
    assert shown["meta"]["next_page_url"] is None
    assert "Page=999999" in shown["meta"]["previous_page_url"]


def test_a_token_that_has_outlived_its_list(open_sim):
    """A page whose list has shrunk below its place meanwhile is empty, and no error."""
    caller = open_sim()
    first = caller.chat("/v2/Services?PageSize=11").json()
    with caller.sim.locked() as world:
        for sid in list(world.first.services)[:12]:
            world.delete_service(sid)
    following = caller.chat(first["meta"]["next_page_url"].removeprefix("https://chat.twilio.com"))
    assert (following.status_code, following.json()["services"]) == (200, [])
