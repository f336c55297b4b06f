"""Channels in numbers: drawn when somebody asks, kept when somebody changes them."""

from __future__ import annotations

import json
import re
import tracemalloc

import pytest

from migrate.simulator import Channel, Simulator, World, seeded_world
from migrate.simulator.shelves import Channels
from migrate.simulator.state import StateFile

HOST = "https://chat.twilio.com"
BOTH = "Type=public&Type=private"


@pytest.fixture(scope="module")
def many():
    """The channels of a service that has 100,000, and the service's SID."""
    with Simulator(services=1, channels=100_000) as sim:
        yield sim


def sid_of(sim):
    """Return the first service's SID."""
    return next(iter(sim.world.first.services))


def walk(call, url, key):
    """Return the SIDs of all pages, in order, and the number of pages."""
    sids, pages = [], 0
    while url:
        shown = call(url).json()
        sids += [one["sid"] for one in shown[key]]
        pages += 1
        url = re.sub("^https://[^/]+", "", shown["meta"]["next_page_url"] or "")
    return sids, pages


@pytest.mark.parametrize(("version", "size", "pages"), [("v1", 1000, 3), ("v2", 100, 25)])
def test_all_channels_once(open_sim, version, size, pages):
    """With the largest pages of a version, every channel comes once, of both types or of the one asked for."""
    caller = open_sim(services=1, channels=2_500, public_share=0.6)
    path = f"/{version}/Services/{sid_of(caller.sim)}/Channels?PageSize={size}"
    everything, count = walk(caller.chat, f"{path}&{BOTH}", "channels")
    assert (len(set(everything)), count) == (2_500, pages)
    public, _ = walk(caller.chat, f"{path}&Type=public", "channels")
    private, _ = walk(caller.chat, f"{path}&Type=private", "channels")
    assert sorted(public + private) == sorted(everything)
    assert 1_490 < len(public) < 1_510
    assert walk(caller.chat, path, "channels")[0] == public
    conversations, _ = walk(
        caller.conv, f"/v1/Services/{sid_of(caller.sim)}/Conversations?PageSize=100", "conversations"
    )
    assert conversations == private


def test_a_channel_has_all_that_an_inventory_asks_for(open_sim):
    """Channels differ in names, counts, dates, creator and attributes; the same seed draws the same ones."""
    caller = open_sim(services=1, channels=300)
    path = f"/v2/Services/{sid_of(caller.sim)}/Channels?PageSize=100&{BOTH}"
    shown = caller.chat(path).json()["channels"]
    for key in ("members_count", "messages_count", "created_by", "attributes", "date_created", "type"):
        assert len({one[key] for one in shown}) > 1, key
    for key in ("friendly_name", "unique_name"):
        assert {one[key] is None for one in shown} == {True, False}
    assert all(isinstance(json.loads(one["attributes"]), dict) for one in shown)
    assert open_sim(services=1, channels=300).chat(path).json()["channels"] == shown


def test_channels_are_found_by_both_names(open_sim):
    """A channel is fetched by SID and by unique name; a SID or a name that was not drawn is 404."""
    caller = open_sim(services=1, channels=50)
    base = f"/v2/Services/{sid_of(caller.sim)}/Channels"
    named = next(one for one in caller.chat(f"{base}?{BOTH}").json()["channels"] if one["unique_name"])
    assert caller.chat(f"{base}/{named['sid']}").json() == named
    assert caller.chat(f"{base}/{named['unique_name']}").json() == named
    for wrong in ("room-51", "room-0", "room-x", "CH" + "0" * 32, named["sid"][:-1], named["sid"] + "0"):
        assert caller.chat(f"{base}/{wrong}").status_code == 404, wrong


def test_a_drawn_channel_is_made_private_for_good(open_sim):
    """The migration is answered with the whole channel, shown by every read, and recorded with its header."""
    caller = open_sim(services=1, channels=40, public_share=1.0)
    service = sid_of(caller.sim)
    public = caller.chat(f"/v2/Services/{service}/Channels").json()["channels"]
    sid = public[7]["sid"]
    form = {"Type": "private", "MessagingServiceSid": "MG" + "1" * 32}
    answered = caller.chat(
        f"/v3/Services/{service}/Channels/{sid}", form, headers={"X-Twilio-Webhook-Enabled": "true"}
    )
    assert caller.sim.requests[-1].webhook_enabled == "true"
    kept = {key: public[7][key] for key in ("friendly_name", "members_count", "messages_count", "created_by")}
    assert answered.status_code == 200
    assert (
        answered.json().items()
        >= (kept | {"type": "private", "messaging_service_sid": "MG" + "1" * 32}).items()
    )
    conversation = caller.conv(f"/v1/Services/{service}/Conversations/{sid}").json()
    assert conversation["messaging_service_sid"] == "MG" + "1" * 32
    assert len(caller.chat(f"/v2/Services/{service}/Channels").json()["channels"]) == 39
    again = caller.chat(f"/v3/Services/{service}/Channels/{sid}", {"Type": "public"})
    assert (again.status_code, again.json()["code"]) == (400, 50393)


def test_a_dead_chat_migrates_nothing(open_sim):
    """With a chat status, v3 refuses as v1 and v2 do."""
    caller = open_sim(services=1, channels=1, public_share=1.0, chat_status=410)
    service = next(iter(caller.sim.world.first.services.values()))
    path = f"/v3/Services/{service.sid}/Channels/{service.channels.sid_at(0)}"
    assert caller.chat(path, {"Type": "private"}).status_code == 410
    assert service.channels.type_at(0) == "public"


def test_the_far_end_of_a_long_list(many):
    """Pages at the end of 100,000 channels hold what they should, by number and by token."""
    import requests

    with requests.Session() as session:
        session.trust_env = False
        session.auth = (many.account_sid, many.auth_token)
        path = f"{many.chat_url}/v1/Services/{sid_of(many)}/Channels?{BOTH}&PageSize=1000"
        shown = session.get(f"{path}&Page=98", timeout=5).json()
        following = shown["meta"]["next_page_url"].replace(HOST, many.chat_url)
        last = session.get(following, timeout=5).json()
    channels = many.world.service(sid_of(many)).channels
    assert [one["sid"] for one in shown["channels"]] == [channels.sid_at(n) for n in range(98_000, 99_000)]
    assert [one["sid"] for one in last["channels"]] == [channels.sid_at(n) for n in range(99_000, 100_000)]
    assert last["meta"]["next_page_url"] is None


def test_many_channels_need_little_memory():
    """A million channels cost nothing until they are changed, and a changed one less than 1 KB."""
    tracemalloc.start()
    channels = Channels("IS" + "0" * 32, 1_000_000, 1.0)
    for number in range(2_000):
        channels.change(
            channels.sid_at(number * 3), type="private", date_updated=f"2026-01-01T00:00:{number % 60}Z"
        )
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert used < 2_000_000
    assert len(channels) == 1_000_000


def test_channels_are_a_mapping_like_any_other():
    """Channels can be put in, changed and taken out, drawn ones too."""
    channels = Channels("IS" + "0" * 32, 3, 1.0)
    drawn = list(channels)
    extra = Channel(
        "CH" + "9" * 32, "Extra", "extra", "private", "2020-01-01T00:00:00Z", "2020-01-01T00:00:00Z"
    )
    channels[extra.sid] = extra
    del channels[drawn[1]]
    assert list(channels) == [drawn[0], drawn[2], extra.sid]
    assert len(channels) == 3
    assert drawn[1] not in channels
    assert channels.named("extra") == extra
    assert channels.change(drawn[2], friendly_name="Renamed") == channels[drawn[2]]
    del channels[extra.sid]
    assert channels.named("extra") is None
    assert Channels.from_json("IS" + "0" * 32, json.loads(json.dumps(channels.to_json()))) == channels


def test_changed_channels_survive(tmp_path, open_sim):
    """What was changed of the channels is in the journal at once, and in the state file at the end."""
    state = tmp_path / "state.json"
    caller = open_sim(services=1, channels=1_000, public_share=1.0, state=state)
    service = next(iter(caller.sim.world.first.services.values()))
    for number in (3, 500):
        caller.chat(
            f"/v3/Services/{service.sid}/Channels/{service.channels.sid_at(number)}", {"Type": "private"}
        )
    created = caller.conv(f"/v1/Services/{service.sid}/Conversations", {"UniqueName": "new"}).json()["sid"]
    journal = tmp_path / "state.json.journal"
    assert len(journal.read_text()) < 20_000
    assert StateFile(state).load() == caller.sim.world
    caller.sim.close()
    channels = StateFile(state).load().service(service.sid).channels
    assert [n for n in range(1_000) if channels.type_at(n) == "private"] == [3, 500]
    assert channels.named("new").sid == created
    assert state.stat().st_size < 30_000


def test_a_world_with_channels_survives_json():
    """A seeded world with channels is the same after a way through its JSON."""
    world = seeded_world(3, 2, channels=20)
    assert World.from_json(json.loads(json.dumps(world.to_json()))) == world
