"""`run` in place: Conversations holds what Chat holds, with the least writes, and a second time with none."""

from __future__ import annotations

import time
from copy import deepcopy
from dataclasses import replace

import pytest
from driving import about, code_of, drive, states, verdicts
from worlds import USER_EVENTS, differences_in_place, named, posts

from migrate.simulator import Fault, Simulator
from migrate.simulator.forms import bad_request
from migrate.source.live import ExportRequest


def all_differences(before, after, refused=frozenset()):
    """Every difference of every service, by name."""
    return {
        service.chat["friendly_name"]: found
        for sid, service in before.first.services.items()
        if (found := differences_in_place(service, after.first.services[sid], refused))
    }


def test_every_setting_equals_chat(simulator, tool):
    """After `run --yes`, every setting that Conversations can hold equals the Chat setting."""
    before = deepcopy(simulator.world)
    assert all_differences(before, simulator.world), "the comparison sees what there is to do"
    result = tool("run", "--yes", "--format", "json")
    assert (result.code, all_differences(before, simulator.world)) == (0, {})


def test_what_is_right_already_gets_no_write(simulator, tool):
    """A service whose settings agree is read, counted, and left alone."""
    right = named(simulator, "Lindqvist")
    drive(tool.folder, simulator).run()
    assert not [request for request in posts(simulator) if right.sid in request.path]
    assert [request for request in simulator.requests if right.sid in request.path]


def test_a_second_run_writes_nothing(simulator, tool):
    """A second `run --yes` makes no write and exits with 0."""
    drive(tool.folder, simulator).run()
    done = len(simulator.requests)
    result = tool("run", "--yes", "--format", "json")
    assert (result.code, posts(simulator, done)) == (0, [])
    assert result.json["summary"]["steps"] == 0
    assert result.json["summary"]["services"] == 12


def test_whose_account_it_is_is_asked_only_where_nothing_tells(simulator, tool):
    """A run whose targets name their account asks for nothing else; one without targets asks once for all phases."""
    drive(tool.folder, simulator).run()
    asked = [request.path for request in simulator.requests].count("/v1/Configuration")
    done = len(simulator.requests)
    drive(tool.folder, simulator).run(target="new")
    again = [request.path for request in simulator.requests[done:]].count("/v1/Configuration")
    assert (asked, again) == (0, 1)


def test_nothing_is_created_or_deleted(simulator, tool):
    """In place, nothing but GET and updates of resources that exist is ever sent."""
    before = deepcopy(simulator.world)
    drive(tool.folder, simulator).run()
    assert {request.method for request in simulator.requests} == {"GET", "POST"}
    assert {request.status for request in posts(simulator)} == {200}
    assert not [request for request in posts(simulator) if request.path.endswith(("/Services", "/Roles"))]
    after = simulator.world.first.services
    assert {sid: set(service.roles) for sid, service in before.first.services.items()} == {
        sid: set(service.roles) for sid, service in after.items()
    }


@pytest.mark.parametrize("services", [12, 250])
def test_the_budget_of_requests(tmp_path, services):
    """The list pages, and of each service at most 5 reads and 3 writes of settings, however many there are."""
    with Simulator(services=services, seed=3) as simulator:
        assert code_of(drive(tmp_path, simulator).run()) == 0
        lists = [r for r in simulator.requests if r.path.endswith("/Services")]
        assert len(lists) == 2 * -(-services // 100)
        for sid in simulator.world.first.services:
            mine = [r for r in simulator.requests if sid in r.path]
            assert sum(r.method == "GET" for r in mine) <= 5
            assert sum(r.method == "POST" and "/Roles/" not in r.path for r in mine) <= 3
            roles = [r.path for r in mine if r.method == "POST" and "/Roles/" in r.path]
            assert len(roles) == len(set(roles))


@pytest.mark.parametrize(
    ("options", "over"), [((), False), (("--concurrency", 1), True), (("--channels",), True)]
)
def test_targets_are_read_while_the_export_ends(simulator, tool, options, over):
    """Nothing waits for the last answer from Chat, unless one at a time was asked for, or more than settings."""
    seen = []
    slow = Fault("slow", api="chat", path="/Roles", seconds=1.0)
    look = Fault(
        "edit",
        api="conversations",
        edit=lambda _world: seen.append(tool.rows("SELECT completed_at IS NOT NULL AS over FROM snapshots")),
    )
    simulator.inject(slow, look)
    assert tool("run", "--yes", *options).code == 0
    assert [[bool(row["over"]) for row in rows] for rows in seen] == [[over]]


@pytest.fixture
def emptied(simulator):
    """A service where Chat holds "" and no filters, and Conversations has values."""
    service = named(simulator, "Alder")
    service.chat |= {"pre_webhook_url": "", "webhook_filters": []}
    service.chat["notifications"]["new_message"]["sound"] = ""
    service.conversations_webhooks["pre_webhook_url"] = "https://live.example.com/conv"
    service.conversations_notifications["new_message"]["sound"] = "bell"
    return service


def test_nothing_is_emptied_unasked(simulator, emptied, tmp_path):
    """Where Chat holds nothing and the target a value, the value stays and is told as a person's work."""
    filters = list(emptied.conversations_webhooks["filters"])
    report = drive(tmp_path, simulator).run()
    assert code_of(report) == 0
    assert emptied.conversations_webhooks["pre_webhook_url"] == "https://live.example.com/conv"
    assert emptied.conversations_webhooks["filters"] == filters
    assert emptied.conversations_notifications["new_message"]["sound"] == "bell"
    sent = [pair for request in posts(simulator) if emptied.sid in request.path for pair in request.form]
    assert not [name for name, value in sent if not value]
    rows = {row.source: row for row in about(report, emptied.sid).fields}
    for source in ("pre_webhook_url", "webhook_filters", "notifications.new_message.sound"):
        assert (rows[source].verdict, rows[source].change) == ("manual", False)
        assert "only Conversations has one" in rows[source].reason
        assert "--clear" in rows[source].reason


def test_an_explicit_empty_value_clears_on_demand(simulator, emptied, tmp_path):
    """With --clear, where Chat holds "" and the target a value, the empty value is written."""
    service = emptied
    drive(tmp_path, simulator).run(clear=True)
    sent = {pair for request in posts(simulator) if service.sid in request.path for pair in request.form}
    assert {("PreWebhookUrl", ""), ("NewMessage.Sound", "")} <= sent
    assert not service.conversations_webhooks["pre_webhook_url"]
    assert service.conversations_notifications["new_message"]["sound"] == ""


def test_empty_filters_clear_on_demand(simulator, tmp_path):
    """With --clear, no filters are written as one empty filter, because nothing at all would keep the old ones."""
    service = named(simulator, "Kestrel")
    service.chat["webhook_filters"] = []
    drive(tmp_path, simulator).run(clear=True)
    (sent,) = (r for r in posts(simulator) if r.path.endswith(f"{service.sid}/Configuration/Webhooks"))
    assert ("Filters", "") in sent.form
    assert not service.conversations_webhooks["filters"]


def test_keys_that_chat_does_not_show_are_left_alone(simulator, tmp_path):
    """What the Chat resource does not mention keeps the target's value, and is not sent."""
    service = named(simulator, "Alder")
    del service.chat["notifications"]["removed_from_channel"]
    service.conversations_notifications["removed_from_conversation"] |= {"sound": "bell", "template": "bye"}
    service.conversations_notifications["new_message"]["with_media"] = {"enabled": True, "template": "pic"}
    before = deepcopy(service.conversations_notifications)
    assert code_of(drive(tmp_path, simulator).run()) == 0
    after = service.conversations_notifications
    assert after["removed_from_conversation"] == before["removed_from_conversation"]
    assert after["new_message"]["with_media"] == before["new_message"]["with_media"]
    keys = {key for request in posts(simulator) if service.sid in request.path for key, _ in request.form}
    assert not [key for key in keys if key.startswith("RemovedFrom") or "WithMedia" in key]


@pytest.mark.parametrize("name", ["onDeliveryUpdated", "onConversationStateUpdated"])
def test_filters_that_only_conversations_has_are_kept(simulator, tmp_path, name):
    """An event without a Chat counterpart that the target subscribes to stays subscribed."""
    service = named(simulator, "Kestrel")
    service.conversations_webhooks["filters"] = ["onMessageAdded", name]
    drive(tmp_path, simulator).run()
    assert name in service.conversations_webhooks["filters"]
    done = len(simulator.requests)
    drive(tmp_path, simulator).run()
    assert posts(simulator, done) == []


def test_a_role_gets_the_union(simulator, tmp_path):
    """A role keeps what Conversations alone shows, and gains what Chat has."""
    role = named(simulator, "Saltmarsh").role_named("moderator")
    role.permissions.append("addNonChatParticipant")
    drive(tmp_path, simulator).run()
    (sent,) = (r for r in posts(simulator) if role.sid in r.path)
    assert sorted(sent.form) == [
        ("Permission", name)
        for name in sorted(
            (
                "addNonChatParticipant",
                "deleteAnyMessage",
                "editAnyMessage",
                "removeParticipant",
                "sendMessage",
            )
        )
    ]


def test_user_events_are_set_where_twilio_takes_them(simulator, tmp_path):
    """The events onUser… are tried, and set if Twilio accepts them for one service."""
    service = named(simulator, "Juniper")
    drive(tmp_path, simulator).run()
    assert set(service.conversations_webhooks["filters"]) >= USER_EVENTS


@pytest.fixture
def refusing():
    """A simulator that refuses onUser… for the webhooks of one service."""
    with Simulator(services=12, seed=7, user_filters="refuse") as running:
        yield running


def test_refused_user_events_are_left_out(refusing, tmp_path):
    """Where Twilio refuses onUser…, everything else is set, and the run ends well."""
    before = deepcopy(refusing.world)
    assert code_of(drive(tmp_path, refusing).run()) == 0
    assert all_differences(before, refusing.world, USER_EVENTS) == {}


def test_refused_user_events_are_reported(refusing, tmp_path):
    """Where Twilio refuses onUser…, the report says so, as a thing that a person must do."""
    service = named(refusing, "Juniper")
    report = drive(tmp_path, refusing).run()
    (row,) = (row for row in about(report, service.sid).fields if row.source == "webhook_filters")
    assert row.verdict == "manual"
    assert "Twilio refused onUserAdded, onUserUpdate, onUserUpdated" in row.reason
    assert set(row.after) == {"onMessageAdded"}


def test_refused_user_events_are_not_tried_again(refusing, tmp_path):
    """What Twilio has refused is remembered: the second run makes no write and still reports it."""
    driver = drive(tmp_path, refusing)
    driver.run()
    done = len(refusing.requests)
    report = driver.run()
    assert posts(refusing, done) == []
    (row,) = (
        row for row in about(report, named(refusing, "Juniper").sid).fields if row.source == "webhook_filters"
    )
    assert (row.verdict, row.change) == ("manual", False)


class RefusesOnce(dict):
    """Settings whose first write Twilio refuses, for whatever reason."""

    refused = False

    def __setitem__(self, key, value):
        """Take the value, but for the first time."""
        if not self.refused:
            self.refused = True
            raise bad_request("Not now", 20001)
        super().__setitem__(key, value)


def test_one_stray_refusal_does_not_discredit_user_events(simulator, tmp_path):
    """A single 400 may be about something else: onUser… are sent a second time before they are given up."""
    service = named(simulator, "Juniper")
    service.conversations_webhooks = RefusesOnce(service.conversations_webhooks)
    assert code_of(drive(tmp_path, simulator).run()) == 0
    assert set(service.conversations_webhooks["filters"]) >= USER_EVENTS
    statuses = [
        r.status for r in posts(simulator) if r.path.endswith(f"{service.sid}/Configuration/Webhooks")
    ]
    assert statuses == [400, 200]


def test_user_events_are_given_up_after_two_refusals(refusing, tmp_path):
    """Where Twilio refuses onUser… twice, the third request goes without them."""
    service = named(refusing, "Juniper")
    drive(tmp_path, refusing).run()
    sent = [r for r in posts(refusing) if r.path.endswith(f"{service.sid}/Configuration/Webhooks")]
    assert [r.status for r in sent] == [400, 400, 200]
    tried = [USER_EVENTS & {value for name, value in r.form if name == "Filters"} for r in sent]
    assert tried == [USER_EVENTS, USER_EVENTS, set()]


def test_another_refusal_does_not_discredit_user_events(simulator, tmp_path):
    """If the write fails without onUser… too, they were not the reason, and the next plan tries them again."""
    service = named(simulator, "Juniper")
    good = service.chat["post_webhook_url"]
    service.chat["post_webhook_url"] = "nowhere"
    driver = drive(tmp_path, simulator)
    assert code_of(driver.run()) == 4
    service.chat["post_webhook_url"] = good
    assert code_of(driver.run()) == 0
    assert set(service.conversations_webhooks["filters"]) >= USER_EVENTS


def test_a_service_that_conversations_lacks(simulator, tmp_path):
    """A Chat Service without a Conversation Service gets no write and makes the run incomplete; the report says why."""
    service = named(simulator, "Brightwater")
    driver = drive(tmp_path, simulator)
    driver.export()
    simulator.world.delete_service(service.sid)
    report = driver.diff()
    assert report.summary.services_missing == 1
    assert code_of(driver.apply()) == 4
    mine = about(report, service.sid)
    assert (mine.target_sid, mine.steps) == (None, ())
    settings = [row for row in mine.fields if row.resource in ("configuration", "webhooks", "notifications")]
    assert settings
    assert all(row.verdict == "manual" and "--target new" in row.reason for row in settings)
    assert not [request for request in posts(simulator) if service.sid in request.path]


def test_a_service_that_disappears_during_the_run(simulator, tmp_path):
    """A service that is deleted before its write fails alone; all others are migrated."""
    service = named(simulator, "Kestrel")
    simulator.inject(
        Fault("edit", method="POST", path=service.sid, edit=lambda world: world.delete_service(service.sid))
    )
    report = drive(tmp_path, simulator).run()
    assert states(report, service.sid)["notifications"] == "failed"
    assert {
        state
        for each in report.services
        if each.source_sid != service.sid
        for state in states(report, each.source_sid).values()
    } == {"verified"}
    assert code_of(report) == 4


@pytest.mark.parametrize(("fresh_seconds", "ends"), [(60.0, "verified"), (0.0, "drifted")])
def test_how_long_a_run_trusts_its_own_reading(simulator, tmp_path, monkeypatch, fresh_seconds, ends):
    """Within 60 seconds a run writes by its own reading; after that it reads again, and leaves what has changed."""
    monkeypatch.setattr("migrate.execute.work.FRESH_SECONDS", fresh_seconds)
    service = named(simulator, "Alder")
    theirs = "https://somebody.example.com/"

    def meanwhile():
        service.conversations_webhooks["post_webhook_url"] = theirs

    report = replace(drive(tmp_path, simulator), meanwhile=meanwhile).run()
    assert states(report, service.sid)["webhooks"] == ends
    held = service.conversations_webhooks["post_webhook_url"]
    assert held == (theirs if ends == "drifted" else service.chat["post_webhook_url"])


def test_a_reading_is_as_old_as_its_first_answer(simulator, tmp_path, monkeypatch):
    """Where the rest of a service is answered late, what was read first is read again before it is written."""
    monkeypatch.setattr("migrate.execute.work.FRESH_SECONDS", 0.5)
    service = named(simulator, "Saltmarsh")
    role = next(role for role in service.roles.values() if role.friendly_name == "moderator")

    def meanwhile(_world):
        role.permissions.remove("sendMessage")
        time.sleep(1)

    path = f"{service.sid}/Configuration/Webhooks"
    simulator.inject(Fault("edit", method="GET", api="conversations", path=path, edit=meanwhile))
    report = drive(tmp_path, simulator).run()
    assert states(report, service.sid)[f"roles/{role.sid}"] == "drifted"
    assert "sendMessage" not in role.permissions


def test_an_account_without_services(tmp_path):
    """An empty account is looked at, and the report says that it is empty."""
    with Simulator(services=0) as simulator:
        report = drive(tmp_path, simulator).run()
        assert (code_of(report), report.summary.services, posts(simulator)) == (0, 0, [])


@pytest.mark.parametrize("api", ["v1", "v2"])
def test_one_api_version_is_enough(simulator, tmp_path, api):
    """With either version alone, what it shows is migrated and a second run writes nothing."""
    driver, only = drive(tmp_path, simulator), ExportRequest(apis=(api,))
    assert code_of(driver.run(export=only)) == 0
    done = len(simulator.requests)
    assert posts(simulator)
    assert code_of(driver.run(export=only)) == 0
    assert posts(simulator, done) == []
    assert not [r for r in simulator.requests if r.api == "chat" and not r.path.startswith(f"/{api}/")]


def test_only_chosen_services(simulator, tool):
    """`--service` keeps everything else untouched."""
    service = named(simulator, "Kestrel")
    assert tool("run", "--yes", "--service", service.sid).code == 0
    assert posts(simulator)
    assert all(service.sid in request.path for request in posts(simulator))


def test_the_summary_counts_what_was_refused(refusing, tmp_path):
    """A verdict that a refusal has changed during the run is counted in the summary as it is listed."""
    report = drive(tmp_path, refusing).run()
    assert verdicts(report) == {name: count for name, count in report.summary.verdicts.items() if count}
