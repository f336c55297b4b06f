"""Each way to be uneven does what it says, over real HTTP, and no more."""

from __future__ import annotations

import json
import socket
import time
from base64 import b64encode
from contextlib import suppress
from email.utils import parsedate_to_datetime

import pytest
import requests

from migrate.simulator import Fault, Unevenness

LONG, SHORT = 60, 0.2
"""Seconds: a lag that no test outlives, and one that every test can wait for."""

LAGS = pytest.mark.parametrize("lag", [LONG, SHORT])


def first(caller):
    """Return the first service."""
    return next(iter(caller.sim.world.first.services.values()))


def create(caller, name="New"):
    """Create a service and return its SID."""
    return caller.conv("/v1/Services", {"FriendlyName": name}).json()["sid"]


def wait_for(look, wanted):
    """Look again until it shows what is wanted."""
    end = time.monotonic() + 10
    while look() != wanted:
        assert time.monotonic() < end
        time.sleep(0.02)


def lagging(lag, look, now, later):
    """Check that it shows the one as long as the lag lasts, and then the other."""
    if lag == LONG:
        assert look() == now
    else:
        wait_for(look, later)


def test_nothing_is_uneven_by_default():
    """Every switch is off in a simulator that nobody told otherwise."""
    assert Unevenness() == Unevenness(reads_lag=0, values=frozenset(), webhook_stores=2, drip_path=None)


@pytest.mark.parametrize("options", [{"values": {"upside down"}}, {"lag_share": 2}])
def test_unevenness_that_makes_no_sense(options):
    """What can't be played is refused when it is described."""
    with pytest.raises(ValueError, match=r"otherwise|share"):
        Unevenness(**options)


@LAGS
@pytest.mark.parametrize("resource", ["", "/Notifications", "/Webhooks"])
def test_reads_that_lag(open_sim, resource, lag):
    """A write is answered with the new value, a read shows the old one for a while, then the new one."""
    caller = open_sim(uneven=Unevenness(reads_lag=lag))
    path = f"/v1/Services/{first(caller).sid}/Configuration{resource}"
    key, name = {
        "": ("reachability_enabled", "ReachabilityEnabled"),
        "/Notifications": ("log_enabled", "LogEnabled"),
        "/Webhooks": ("post_webhook_url", "PostWebhookUrl"),
    }[resource]
    before = caller.conv(path).json()[key]
    form = {name: "https://example.com/new" if resource == "/Webhooks" else str(not before).lower()}
    after = caller.conv(path, form).json()[key]
    assert after != before
    lagging(lag, lambda: caller.conv(path).json()[key], before, after)


def test_roles_services_and_channels_lag_too(open_sim):
    """Roles, Chat's own view, lists and channels show what was, as every read does."""
    caller = open_sim(uneven=Unevenness(reads_lag=30), channels=5, public_share=1.0)
    service = first(caller)
    role, channel = service.role_named("channel user").sid, service.channels.sid_at(0)
    paths = {
        f"/v2/Services/{service.sid}/Roles/{role}": {"Permission": "sendMessage"},
        f"/v2/Services/{service.sid}": {"FriendlyName": "Renamed"},
    }
    for path, form in paths.items():
        before = caller.chat(path).json()
        assert caller.chat(path, form).json() != before
        assert caller.chat(path).json() == before
    caller.chat(f"/v3/Services/{service.sid}/Channels/{channel}", {"Type": "private"})
    assert caller.chat(f"/v2/Services/{service.sid}/Channels/{channel}").json()["type"] == "public"
    listed = caller.chat(f"/v2/Services/{service.sid}/Channels?Type=public").json()["channels"]
    assert {(one["sid"], one["type"]) for one in listed} >= {(channel, "public")}
    assert caller.conv(f"/v1/Services/{service.sid}/Conversations").json()["conversations"] == []
    shown = caller.chat("/v2/Services").json()["services"][0]
    assert shown["friendly_name"] != "Renamed" == service.chat["friendly_name"]


@LAGS
def test_what_was_deleted_is_still_read(open_sim, lag):
    """A deleted service or role is found by its SID for a while, cannot be written, and then is gone."""
    caller = open_sim(uneven=Unevenness(reads_lag=lag))
    service, other, *_ = caller.sim.world.first.services
    role = caller.sim.world.service(service).role_named("service admin").sid
    for path in (f"/v1/Services/{service}/Roles/{role}", f"/v1/Services/{other}"):
        assert caller.conv(path, method="DELETE").status_code == 204
        assert caller.conv(path, method="DELETE").status_code == 404
        lagging(lag, lambda path=path: caller.conv(path).status_code, 200, 404)


def test_only_a_share_of_the_reads_lags(open_sim):
    """With a share, some reads are old and some are new, drawn by the seed."""
    caller = open_sim(uneven=Unevenness(reads_lag=30, lag_share=0.5, seed=3))
    path = f"/v1/Services/{first(caller).sid}/Configuration/Notifications"
    caller.conv(path, {"NewMessage.Sound": "new"})
    sounds = {caller.conv(path).json()["new_message"]["sound"] for _ in range(30)}
    assert sounds == {"chime", "new"}


@LAGS
def test_lists_that_lag(open_sim, lag):
    """What was created is found by its SID at once, and listed later; so are the roles of a new service."""
    caller = open_sim(services=2, uneven=Unevenness(lists_lag=lag))
    sid = create(caller)
    role = {"FriendlyName": "r", "Type": "service", "Permission": "joinConversation"}
    old = first(caller).sid
    role_sid = caller.conv(f"/v1/Services/{old}/Roles", role).json()["sid"]

    def listed(path, key):
        return len(caller.conv(path).json()[key])

    assert caller.conv(f"/v1/Services/{sid}").status_code == 200
    assert caller.conv(f"/v1/Services/{old}/Roles/{role_sid}").status_code == 200
    lagging(lag, lambda: listed("/v1/Services", "services"), 2, 3)
    lagging(lag, lambda: listed(f"/v1/Services/{sid}/Roles", "roles"), 0, 4)
    lagging(lag, lambda: listed(f"/v1/Services/{old}/Roles", "roles"), 4, 5)


@LAGS
@pytest.mark.parametrize("kind", ["reset_after", "timeout_after", "500_after", "503_after"])
def test_effects_that_come_after_a_lost_answer(open_sim, kind, lag):
    """A write whose answer a fault took away takes effect later, once."""
    caller = open_sim(services=1, uneven=Unevenness(late_effects=lag))
    caller.sim.inject(Fault(kind, method="POST", seconds=0.01))
    with suppress(requests.ConnectionError):
        assert caller.conv("/v1/Services", {"FriendlyName": "Late"}).status_code >= 500
    lagging(lag, lambda: len(caller.sim.world.first.services), 1, 2)
    assert caller.sim.requests[0].processed


@LAGS
def test_effects_of_a_client_that_leaves(open_sim, lag):
    """A write whose sender closes the connection right away takes effect later, once."""
    caller = open_sim(services=1, uneven=Unevenness(late_effects=lag))
    host, port = caller.sim.url.removeprefix("http://").split(":")
    token = b64encode(f"{caller.sim.account_sid}:{caller.sim.auth_token}".encode()).decode()
    with socket.create_connection((host, int(port))) as client:
        client.sendall(
            b"POST /conversations/v1/Services HTTP/1.1\r\nHost: twilio\r\nAuthorization: Basic "
            + token.encode()
            + b"\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 17\r\n\r\nFriendlyName=Late"
        )
    wait_for(lambda: len(caller.sim.requests), 1)
    lagging(lag, lambda: len(caller.sim.world.first.services), 1, 2)
    assert caller.sim.requests[0].status is None


def test_late_effects_that_are_under_way_at_the_end(open_sim):
    """What would take effect after the simulator is closed takes effect as it closes."""
    caller = open_sim(services=1, uneven=Unevenness(late_effects=60))
    caller.sim.inject(Fault("500_after", method="POST"))
    caller.conv("/v1/Services", {"FriendlyName": "Late"})
    caller.sim.close()
    assert len(caller.sim.world.first.services) == 2


@LAGS
def test_what_was_just_created_can_be_missing(open_sim, lag):
    """A new service answers 404 for a while, to reads and to writes, and then is there."""
    caller = open_sim(uneven=Unevenness(new_missing=lag))
    path = f"/v1/Services/{create(caller)}/Configuration"
    lagging(lag, lambda: caller.conv(path).status_code, 404, 200)
    lagging(lag, lambda: caller.conv(path, {"ReachabilityEnabled": "true"}).status_code, 404, 200)


@LAGS
def test_a_404_that_passes(open_sim, lag):
    """Paths of a pattern answer 404 for a while after they were first asked for; others don't."""
    caller = open_sim(uneven=Unevenness(missing_path="/Users$", missing_seconds=lag))
    sid = first(caller).sid
    lagging(lag, lambda: caller.conv(f"/v1/Services/{sid}/Users").status_code, 404, 200)
    assert caller.conv(f"/v1/Services/{sid}").status_code == 200


def test_values_that_come_back_changed(open_sim):
    """Templates are trimmed or replaced, URLs get a slash, filters another order: so kept and so answered."""
    caller = open_sim(uneven=Unevenness(values=frozenset({"trimmed", "default_text", "slash", "order"})))
    base = f"/v1/Services/{first(caller).sid}/Configuration"
    form = {"NewMessage.Template": "  hello ", "AddedToConversation.Template": " "}
    shown = caller.conv(f"{base}/Notifications", form).json()
    assert shown["new_message"]["template"] == "hello"
    assert shown["added_to_conversation"]["template"] == "${MESSAGE}"
    form = {"PostWebhookUrl": "https://example.com?a=b", "Filters": ["onMessageAdd", "onMessageAdded"]}
    shown = caller.conv(f"{base}/Webhooks", form).json()
    assert shown["post_webhook_url"] == "https://example.com/?a=b"
    assert shown["filters"] == ["onMessageAdded", "onMessageAdd"]
    assert caller.conv(f"{base}/Webhooks").json() == shown


def test_one_store_of_webhooks(open_sim):
    """With one store, each API shows what the other wrote, in the words in which it was written."""
    caller = open_sim(uneven=Unevenness(webhook_stores=1))
    sid = next(s.sid for s in caller.sim.world.first.services.values() if s.chat["webhook_filters"])
    chat, webhooks = f"/v2/Services/{sid}", f"/v1/Services/{sid}/Configuration/Webhooks"
    assert caller.conv(webhooks).json()["filters"] == caller.chat(chat).json()["webhook_filters"]
    caller.conv(webhooks, {"Filters": "onMessageAdded", "PreWebhookUrl": "", "Method": "GET"})
    shown = caller.chat(chat).json()
    assert shown["webhook_filters"] == ["onMessageAdded"]
    assert (shown["pre_webhook_url"], shown["webhook_method"]) == (None, "GET")


def test_dates_that_lag(open_sim):
    """A creation may be dated before the request that made it."""
    caller = open_sim(uneven=Unevenness(dates_lag=3600))
    created = caller.chat("/v1/Services", {"FriendlyName": "Old already"}).json()["date_created"]
    assert 3590 < time.time() - parsedate_to_datetime(created).timestamp() < 3660


def test_odd_dates(open_sim):
    """Creations may be dated long ago or far ahead."""
    caller = open_sim(uneven=Unevenness(odd_dates=True, seed=1))
    dates = {caller.conv("/v1/Services", {"FriendlyName": "x"}).json()["date_created"][:4] for _ in range(12)}
    assert dates == {"1970", "2016", "2038", "2099"}


def test_a_clock_that_steps(open_sim):
    """The clock of the dates and of the header Date jumps ahead and back."""
    caller = open_sim(uneven=Unevenness(clock_step=86400, clock_period=1.0))

    def is_ahead():
        header = parsedate_to_datetime(caller.conv("/v1/Services").headers["Date"]).timestamp()
        return header - time.time() > 80000

    wait_for(is_ahead, True)
    wait_for(is_ahead, False)


def test_iso_dates_in_chat_v1(open_sim):
    """Chat v1 may write its dates as its document declares them, instead of as it describes them."""
    caller = open_sim(uneven=Unevenness(v1_dates="iso8601"))
    service = first(caller)
    assert caller.chat(f"/v1/Services/{service.sid}").json()["date_created"] == service.date_created


def test_retry_after_as_a_date(open_sim):
    """`Retry-After` may be an HTTP date, of the simulator's own refusals and of injected ones."""
    caller = open_sim(max_concurrent=0, uneven=Unevenness(retry_after=120, retry_after_as="date"))
    told = parsedate_to_datetime(caller.conv("/v1/Services").headers["Retry-After"]).timestamp()
    assert 110 < told - time.time() < 121
    other = open_sim(uneven=Unevenness(retry_after_as="date"))
    other.sim.inject(Fault("429_retry_after", retry_after=60))
    assert other.conv("/v1/Services").headers["Retry-After"].endswith(" GMT")


def test_retry_after_in_seconds_and_an_empty_429(open_sim):
    """A refusal may carry `Retry-After` in seconds, and nothing else."""
    caller = open_sim(max_concurrent=0, uneven=Unevenness(retry_after=7, empty_429=True))
    refused = caller.conv("/v1/Services")
    assert (refused.status_code, refused.content, refused.headers["Retry-After"]) == (429, b"", "7")


def test_a_body_that_drips(open_sim):
    """A body may come byte by byte, without any pause that a time-out of one read would notice."""
    caller = open_sim(uneven=Unevenness(drip_path="/Configuration$", drip_seconds=0.002))
    sid = first(caller).sid
    started = time.monotonic()
    answer = caller.conv(f"/v1/Services/{sid}/Configuration")
    assert answer.json()["chat_service_sid"] == sid
    assert time.monotonic() - started > 0.002 * len(answer.content)
    assert caller.conv(f"/v1/Services/{sid}").status_code == 200


def test_a_body_that_is_huge(open_sim):
    """A small packed body may be huge once unpacked, and still be the right document."""
    caller = open_sim(uneven=Unevenness(huge_path="/Webhooks$", huge_bytes=2**25))
    answer = caller.conv(f"/v1/Services/{first(caller).sid}/Configuration/Webhooks")
    assert int(answer.headers["Content-Length"]) < 2**17 < 2**24 < len(answer.content)
    assert json.loads(answer.content)["chat_service_sid"] == first(caller).sid


@pytest.mark.parametrize(("pages", "counts"), [("repeated", [2, 1, 2, 1, 2]), ("empty", [2, 1, 0, 0, 0])])
def test_a_list_without_an_end(open_sim, pages, counts):
    """A list may have always another next page, with its items again or with none, each at another URL."""
    uneven = Unevenness(endless_path="^/v2/Services$", endless_pages=pages)
    caller = open_sim(services=3, uneven=uneven)
    url, urls, seen = "/v2/Services?PageSize=2", set(), []
    for _ in range(5):
        shown = caller.chat(url).json()
        seen.append(len(shown["services"]))
        urls.add(url)
        url = shown["meta"]["next_page_url"].removeprefix("https://chat.twilio.com")
    assert (seen, len(urls)) == (counts, 5)


def test_lists_in_another_order_each_time(open_sim):
    """Each walk through a list has an order of its own, in which every item comes once."""
    caller = open_sim(services=40, uneven=Unevenness(shuffled=True, seed=5))
    walks = []
    for _ in range(3):
        url, sids = "/v2/Services?PageSize=7", []
        while url:
            shown = caller.chat(url).json()
            sids += [service["sid"] for service in shown["services"]]
            url = (shown["meta"]["next_page_url"] or "").removeprefix("https://chat.twilio.com")
        walks.append(sids)
    everything = sorted(caller.sim.world.first.services)
    assert [sorted(sids) for sids in walks] == [everything] * 3
    assert len({tuple(sids) for sids in walks}) == 3
