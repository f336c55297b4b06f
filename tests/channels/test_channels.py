"""Public channels become visible: planned, reviewed, allowed, made private, told. The account is seen from outside."""

from __future__ import annotations

import io
import json
from collections import Counter
from dataclasses import replace

import pytest
from driving import about, code_of, drive
from worlds import posts

from migrate.core.errors import BadInput, ChatUnavailable
from migrate.report import render
from migrate.report.layout import View
from migrate.simulator import Channel, Fault, FaultPlan, Simulator

CONSENT = {"consents": frozenset({"channels"})}
INVENTORY = frozenset({"channels"})
ASKED = {"kinds": {"channels": {}}}
MG = "MG" + "5" * 32


def only_service(simulator):
    """The first service of the account."""
    return next(iter(simulator.world.first.services.values()))


def types(simulator):
    """How many channels of each type the account has."""
    services = simulator.world.first.services.values()
    return Counter(channel.type for service in services for channel in service.channels.values())


def v3(simulator, since=0):
    """The writes to channels that have arrived."""
    return [request for request in posts(simulator, since) if request.path.startswith("/v3/")]


def settled(driver):
    """Migrate the settings, so that only channels are left to do."""
    driver.run()
    driver.export(inventory=INVENTORY)


@pytest.fixture
def public():
    """One service with forty public channels."""
    with Simulator(services=1, channels=40, public_share=1.0) as running:
        yield running


def test_500_public_channels_become_private_and_nothing_else_is_written(tmp_path):
    """Every public channel is made private in place, by one request each, and nothing else changes."""
    with Simulator(services=2, channels=250, public_share=1.0) as simulator:
        service = only_service(simulator)
        driver = drive(tmp_path, simulator)
        settled(driver)
        before = dict(service.channels.items())
        since = len(simulator.requests)
        report = driver.diff(**ASKED)
        assert not posts(simulator, since)
        assert (report.summary.steps, report.summary.changes) == (500, 0)
        done = driver.apply(**CONSENT)
        assert types(simulator) == {"private": 500}
        written = posts(simulator, since)
        assert len({request.path for request in written}) == len(written) == 500
        assert {request.path.split("/")[1] for request in written} == {"v3"}
        assert {tuple(request.form) for request in written} == {(("Type", "private"),)}
        assert {request.webhook_enabled for request in written} == {None}
        for sid, channel in service.channels.items():
            assert channel._replace(type="", date_updated="") == before[sid]._replace(
                type="", date_updated=""
            )
        assert done.code == 0


def test_without_consent_no_channel_is_touched_and_the_run_is_complete(public, tmp_path):
    """An `apply` without --channels skips the steps of channels, says so, and ends with 0."""
    driver = drive(tmp_path, public)
    driver.export(inventory=INVENTORY)
    driver.diff(**ASKED)
    report = driver.apply()
    assert types(public) == {"public": 40}
    assert not v3(public)
    (items,) = about(report, only_service(public).sid).items
    assert dict(items.skipped) == {"skipped (not opted in)": 40}
    assert report.code == 0
    assert driver.resume() is None
    assert driver.verify().summary.changes == 0


def test_a_plan_without_channels_touches_none_whatever_is_allowed(public, tmp_path):
    """What was not reviewed is not done: the consent alone converts nothing."""
    driver = drive(tmp_path, public)
    driver.export(inventory=INVENTORY)
    driver.diff()
    driver.apply(**CONSENT)
    assert types(public) == {"public": 40}


def test_channels_need_an_inventory(public, tmp_path):
    """A snapshot without channels is not taken for an account that has none."""
    driver = drive(tmp_path, public)
    driver.export()
    with pytest.raises(BadInput, match="export --channels"):
        driver.diff(**ASKED)


def test_an_inventory_asks_for_both_types_with_the_largest_pages(tmp_path):
    """Channels are listed through v1, a thousand a page, both types asked for."""
    with Simulator(services=1, channels=2_500) as simulator:
        driver = drive(tmp_path, simulator)
        driver.export(inventory=INVENTORY)
        pages = [request for request in simulator.requests if request.path.endswith("/Channels")]
        assert [request.path.split("/")[1] for request in pages] == ["v1"] * 3
        for request in pages:
            assert [value for name, value in request.query if name == "Type"] == ["public", "private"]
            assert ("PageSize", "1000") in request.query


def test_an_inventory_keeps_of_attributes_their_size(tmp_path):
    """Attributes are not kept, only how many bytes they take; where Twilio shows none, they take none."""
    with Simulator(services=1, channels=3) as simulator:
        channels = only_service(simulator).channels
        for sid, attributes in zip(list(channels), ('{"a": "é"}', "{}", None), strict=True):
            channels.change(sid, attributes=attributes)
        driver = drive(tmp_path, simulator)
        driver.export(inventory=INVENTORY)
        kept = [
            json.loads(row["payload"])
            for row in driver.rows("SELECT payload FROM items WHERE kind = 'channels'")
        ]
        assert sorted(channel["attributes_size"] for channel in kept) == [0, 2, 11]
        assert not [channel for channel in kept if "attributes" in channel]


def test_the_counts_are_those_of_the_account(tmp_path):
    """A report counts a service's channels by type, with the members and messages of those to change."""
    with Simulator(services=1, channels=0) as simulator:
        service = only_service(simulator)
        for number, (kind, members, messages) in enumerate(
            [("public", 3, 10), ("public", 4, 20), ("private", 100, 100)]
        ):
            sid = f"CH{number:032x}"
            service.channels[sid] = Channel(
                sid, None, f"room-{number}", kind, "2020-01-01T00:00:00Z", "2020-01-01T00:00:00Z",
                members_count=members, messages_count=messages,
            )  # fmt: skip
        driver = drive(tmp_path, simulator)
        driver.export(inventory=INVENTORY)
        (items,) = about(driver.diff(**ASKED), service.sid).items
    assert (items.kind, items.found, items.to_change, items.reversible) == ("channels", 3, 2, False)
    assert dict(items.facts) == {"public": 2, "private": 1, "members in them": 7, "messages in them": 30}


@pytest.mark.parametrize(
    ("options", "left"),
    [
        ({"filter": "room-1*"}, {"room-1", "Room 10"}),
        ({"filter": "Room 2"}, {"Room 2"}),
        ({"filter": "nothing-*"}, set()),
        ({"only": ["CH" + "0" * 31 + "1"]}, {"room-1"}),
    ],
)
def test_filters_choose_by_sid_unique_or_friendly_name(tmp_path, options, left):
    """Only what the filters leave is planned; the others are counted."""
    with Simulator(services=1, channels=0) as simulator:
        service = only_service(simulator)
        names = [("room-1", None), (None, "Room 2"), ("room-10", "Room 10"), (None, None)]
        for number, (unique, friendly) in enumerate(names, 1):
            sid = f"CH{number:032x}"
            service.channels[sid] = Channel(
                sid, friendly, unique, "public", "2020-01-01T00:00:00Z", "2020-01-01T00:00:00Z"
            )
        driver = drive(tmp_path, simulator)
        driver.run()
        driver.export(inventory=INVENTORY)
        told = about(driver.diff(kinds={"channels": options}), service.sid)
        driver.apply(**CONSENT)
        private = {
            one.friendly_name or one.unique_name for one in service.channels.values() if one.type == "private"
        }
    assert private == left
    assert dict(told.items[0].facts)["left out by the filters"] == 4 - len(left)


def test_a_channel_that_the_snapshot_does_not_hold_is_refused(public, tmp_path):
    """A mistyped SID is no reason to plan nothing and call it done."""
    driver = drive(tmp_path, public)
    driver.export(inventory=INVENTORY)
    unknown = "CH" + "f" * 32
    with pytest.raises(BadInput, match=unknown):
        driver.diff(kinds={"channels": {"only": [unknown]}})


def test_a_messaging_service_and_webhooks_go_with_each_write(public, tmp_path):
    """What was reviewed is sent: the Messaging Service in the form, and the header that fires webhooks."""
    driver = drive(tmp_path, public)
    settled(driver)
    driver.diff(kinds={"channels": {"messaging_service_sid": MG, "fire_webhooks": True}})
    driver.apply(**CONSENT)
    assert {tuple(request.form) for request in v3(public)} == {
        (("Type", "private"), ("MessagingServiceSid", MG))
    }
    assert {request.webhook_enabled for request in v3(public)} == {"true"}
    assert {one.messaging_service_sid for one in only_service(public).channels.values()} == {MG}


def test_a_channel_that_is_private_already_is_done(public, tmp_path):
    """Its own type is read right before the write, so that nothing is sent for what somebody else has converted."""
    driver = drive(tmp_path, public)
    settled(driver)
    driver.diff(**ASKED)
    service = only_service(public)
    sid = next(iter(service.channels))
    service.channels.change(sid, type="private")
    report = driver.apply(**CONSENT)
    assert len(v3(public)) == 39
    assert not [request for request in v3(public) if request.path.endswith(sid)]
    assert {state.value: n for state, n in report.summary.steps_by_state.items()} == {"verified": 40}


def test_a_channel_that_is_gone_is_told_and_keeps_nothing_open(public, tmp_path):
    """A deleted channel ends as skipped, with the reason; the run is complete and the others are done."""
    driver = drive(tmp_path, public)
    settled(driver)
    driver.diff(**ASKED)
    service = only_service(public)
    del service.channels[next(iter(service.channels))]
    report = driver.apply(**CONSENT)
    (items,) = about(report, service.sid).items
    told = "The channel was deleted after the inventory was read, so there is nothing left to do."
    assert dict(items.skipped) == {told: 1}
    assert types(public) == {"private": 39}
    assert report.code == 0


def test_a_failure_of_one_never_stops_the_others(public, tmp_path):
    """A channel that Twilio refuses is failed, told, and done by a resume; all others are done meanwhile."""
    service = only_service(public)
    sid = next(iter(service.channels))
    with Simulator(
        world=public.world, faults=FaultPlan(faults=(Fault("500_before", "POST", f"/v3/.*{sid}", times=6),))
    ) as faulty:
        driver = drive(tmp_path, faulty)
        settled(driver)
        driver.diff(**ASKED)
        report = driver.apply(**CONSENT)
        assert types(faulty) == {"private": 39, "public": 1}
        (trouble,) = about(report, service.sid).item_troubles
        assert trouble.key == f"{service.sid}/channels/{sid}"
        assert report.code == 4
        resumed = driver.resume()
        assert types(faulty) == {"private": 40}
        assert code_of(resumed) == 0


def test_a_limit_leaves_the_rest_to_a_resume(public, tmp_path):
    """Of forty channels three are converted first; the resume goes by what its run was allowed, and does the rest."""
    driver = drive(tmp_path, public)
    settled(driver)
    driver.diff(**ASKED)
    report = driver.apply(**CONSENT, limits={"channels": 3})
    assert "37 steps in 1 service are left." in text_of(report)
    assert types(public) == {"private": 3, "public": 37}
    driver.resume()
    assert types(public) == {"private": 40}
    assert len(v3(public)) == 40


def test_a_resume_of_a_run_without_consent_converts_nothing(public, tmp_path):
    """What a run was not allowed, its resume is not either."""
    driver = drive(tmp_path, public)
    driver.export(inventory=INVENTORY)
    driver.diff(**ASKED)
    driver.apply(services=1)
    driver.resume()
    assert types(public) == {"public": 40}


def test_where_chat_is_gone_the_run_ends_with_7_and_keeps_what_it_knows(public, tmp_path):
    """Settings are done, a few channels are tried, and the others are left, listed by a later report."""
    driver = drive(tmp_path, public)
    driver.export(inventory=INVENTORY)
    driver.diff(**ASKED)
    with Simulator(world=public.world, chat_status=410) as dead:
        late = replace(driver, environ=dead.environment())
        with pytest.raises(ChatUnavailable, match="stay invisible in Conversations"):
            late.apply(**CONSENT, concurrency=2)
        tried = v3(dead)
        assert 3 <= len(tried) <= 24
        assert types(dead) == {"public": 40}
        with pytest.raises(ChatUnavailable):
            late.resume()
    resumed = driver.resume()
    assert types(public) == {"private": 40}
    assert code_of(resumed) == 0


def test_where_chat_is_gone_verify_looks_at_conversations(public, tmp_path):
    """What Conversations lists is private; it is asked for in the largest pages."""
    driver = drive(tmp_path, public)
    settled(driver)
    driver.diff(**ASKED)
    driver.apply(**CONSENT, limits={"channels": 30})
    with Simulator(world=public.world, chat_status=410) as dead:
        assert differences(replace(driver, environ=dead.environment())) == 10
        (page,) = [each for each in dead.requests if each.path.endswith("/Conversations")]
        assert ("PageSize", "100") in page.query


def test_two_refusals_in_a_row_are_not_the_end_of_chat(public, tmp_path):
    """Fewer than three channels that are refused as if Chat were gone have failed; all others are converted."""
    driver = drive(tmp_path, public)
    settled(driver)
    driver.diff(**ASKED)
    sids = list(only_service(public).channels)[:2]
    for sid in sids:
        public.inject(Fault("410", path=sid, times=None))
    report = driver.apply(**CONSENT, concurrency=1)
    assert report.code == 4
    assert types(public) == {"private": 38, "public": 2}


def test_refusals_of_which_nobody_can_tell_the_cause_are_not_the_end_of_chat(public, tmp_path):
    """Three channels that are refused, and that Chat can't show for a moment, have failed; the others are converted."""
    driver = drive(tmp_path, public)
    settled(driver)
    driver.diff(**ASKED)
    for sid in list(only_service(public).channels)[:3]:
        public.inject(
            Fault("410", "POST", sid, times=None), Fault("500_before", "GET", sid, nth=2, times=None)
        )
    report = driver.apply(**CONSENT, concurrency=1)
    assert report.code == 4
    assert types(public) == {"private": 37, "public": 3}


def test_verify_counts_what_is_still_public(public, tmp_path):
    """Before the plan is applied all forty differ, afterwards none; one that is new is no matter of the plan."""
    driver = drive(tmp_path, public)
    settled(driver)
    plan = driver.diff(**ASKED)
    assert plan.summary.steps == 40
    assert differences(driver) == 40
    driver.apply(**CONSENT)
    assert differences(driver) == 0
    pages = [
        request
        for request in public.requests
        if request.path.endswith("/Channels") and "/v2/" in request.path
    ]
    assert len(pages) == 2
    assert all(("PageSize", "100") in request.query for request in pages)
    with Simulator(world=public.world, chat_status=410) as dead:
        assert differences(replace(driver, environ=dead.environment())) == 0


def test_verify_says_what_is_still_public(public, tmp_path):
    """Channels that differ are told where fields are, so that the report never contradicts the exit code."""
    driver = drive(tmp_path, public)
    settled(driver)
    driver.diff(**ASKED)
    report = driver.verify()
    assert "40 channels differ." in text_of(report)
    assert "Nothing differs" not in text_of(report)
    assert about(report, only_service(public).sid).items[0].facts["differing"] == 40
    driver.apply(**CONSENT)
    only_service(public).channels.change(next(iter(only_service(public).channels)), type="public")
    assert "1 channel differs." in text_of(driver.verify())


def text_of(report):
    """The report as text, on one line."""
    stream = io.StringIO()
    render(report, "text", stream, View(full=False, width=200))
    return " ".join(stream.getvalue().split())


def differences(driver):
    """What `verify` counts."""
    from migrate.commands.verify import VerifyOptions, verify

    return verify(driver.context, VerifyOptions()).differences


def test_a_rollback_says_that_they_stay(public, tmp_path):
    """Nothing is sent for them, the report says why, and the rollback is finished."""
    driver = drive(tmp_path, public)
    settled(driver)
    driver.diff(**ASKED)
    driver.apply(**CONSENT)
    since = len(public.requests)
    report = driver.rollback()
    assert not posts(public, since)
    (items,) = about(report, only_service(public).sid).items
    assert dict(items.skipped) == {"Twilio offers no way back from this step: it stays.": 40}
    assert types(public) == {"private": 40}
    assert report.code == 0


def test_a_rollback_of_a_run_that_skipped_them_ends(tmp_path):
    """What a run was not allowed to do does not keep the rollback of its other steps open."""
    with Simulator(services=4, channels=10, public_share=1.0) as simulator:
        driver = drive(tmp_path, simulator)
        driver.export(inventory=INVENTORY)
        driver.diff(**ASKED)
        driver.apply()
        assert posts(simulator)
        assert code_of(driver.rollback()) == 0
        assert driver.resume() is None


def test_a_run_that_skipped_all_has_nothing_to_undo(public, tmp_path):
    """A run that has written nothing is not rolled back."""
    driver = drive(tmp_path, public)
    driver.export(inventory=INVENTORY)
    driver.diff(**ASKED)
    driver.apply()
    assert not posts(public)
    assert driver.rollback() is None


def test_saved_files_hold_channels_too(tmp_path):
    """A file of services and one of channels are as good as the live inventory."""
    with Simulator(services=1, channels=30, public_share=0.5) as simulator:
        service = only_service(simulator)
        live = drive(tmp_path, simulator)
        live.export(inventory=INVENTORY)
        wanted = about(live.diff(**ASKED), service.sid).items
        bodies = {
            request.path.rsplit("/", 1)[-1]: request.body
            for request in simulator.requests
            if request.path.startswith("/v1/") and request.api == "chat"
        }
        files = []
        for name in ("Services", "Channels"):
            document = json.loads(bodies[name])
            file = tmp_path / f"{name}.json"
            file.write_text(json.dumps(document[name.lower()]))
            files.append(file)
        saved = replace(live, db=tmp_path / "saved.db")
        saved.export(tuple(files), inventory=INVENTORY)
        assert about(saved.diff(**ASKED), service.sid).items == wanted
        kept = "SELECT sid, payload FROM items WHERE kind = 'channels' ORDER BY sid"
        assert list(map(tuple, saved.rows(kept))) == list(map(tuple, live.rows(kept)))
