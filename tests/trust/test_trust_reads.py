"""What is read may be old, a 404 may pass, and Twilio may keep a value differently: none of it is taken for an end."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from driving import about, states
from trust_world import LAG, before, held, patient, plain, second, started, wait_until
from worlds import FILTERS, differences_between, differences_in_place, named, posts, shown

from migrate.commands.verify import VerifyOptions, verify
from migrate.simulator import Fault, Unevenness


def all_differences(was, simulator):
    """What Conversations does not hold as Chat did, over all services."""
    found = [differences_in_place(service, simulator.world.service(sid)) for sid, service in was.items()]
    return [line for lines in found for line in lines]


def said(value):
    """Settings without those that say "not set": a group that is missing, and one that holds nothing."""
    if isinstance(value, dict):
        return {key: found for key, item in value.items() if (found := said(item))}
    return value or None


def in_words_of_conversations(service):
    """What Conversations shows of a service; Twilio has no way back to a method that was never set."""
    hooks = service.conversations_webhooks
    return {
        "notifications": said(service.conversations_notifications),
        "urls": plain([hooks["pre_webhook_url"], hooks["post_webhook_url"]]),
        "filters": {FILTERS.get(name, name) for name in hooks["filters"] or () if name},
        "roles": {sid: shown(role) for sid, role in service.roles.items()},
    }


def not_restored(was, simulator):
    """The services of which Conversations does not show what it showed."""
    return [
        service.chat["friendly_name"]
        for sid, service in was.items()
        if in_words_of_conversations(service) != in_words_of_conversations(simulator.world.service(sid))
    ]


def test_a_rollback_right_after_apply(account, tmp_path):
    """A rollback that reads the values of before the run writes all the same: they may be old."""
    simulator = account(services=12, uneven=Unevenness(reads_lag=0.8))
    was = before(simulator)
    driver = patient(tmp_path, simulator)
    driver.export()
    driver.diff()
    driver.apply()
    assert not_restored(was, simulator)
    driver.rollback()
    assert not_restored(was, simulator) == []
    assert driver.code() == 0


@pytest.mark.parametrize("lag_share", [1.0, 0.5])
def test_verify_right_after_a_run(account, tmp_path, lag_share):
    """A reading that shows what our own write has replaced is no mismatch until the settle time has passed."""
    simulator = account(services=12, uneven=Unevenness(reads_lag=LAG, lag_share=lag_share))
    was = before(simulator)
    driver = patient(tmp_path, simulator)
    driver.run()
    assert all_differences(was, simulator) == []
    assert driver.verify().summary.changes == 0


def test_verify_of_channels_right_after_their_run(account, tmp_path):
    """A list that still shows a channel as public is asked for again until the settle time has passed."""
    simulator = account(
        services=1, seed=7, accounts=2, channels=5, public_share=1.0, uneven=Unevenness(reads_lag=LAG)
    )
    driver = patient(tmp_path, simulator)
    driver.export(inventory=frozenset({"channels"}))
    driver.diff(kinds={"channels": {}})
    driver.apply(consents=frozenset({"channels"}))
    assert verify(driver.context, VerifyOptions()).differences == 0


MISSING = {"the service": "{sid}$", "its users": "{sid}/Users$", "its roles": "{sid}/Roles$", "all": "{sid}"}


@pytest.fixture
def missing(account, tmp_path, what):
    """A simulator in which what was made for a service, or a part of it, answers 404 for a while, and its driver."""
    simulator = account(services=1)
    target = second(simulator)
    patient(tmp_path, simulator, target).run(target="new")
    (sid,) = simulator.world.accounts[target].services
    uneven = account(
        world=simulator.world,
        uneven=Unevenness(missing_path=MISSING[what].format(sid=sid), missing_seconds=LAG),
    )
    return uneven, replace(patient(tmp_path, uneven, target), settle=3.0)


@pytest.mark.parametrize("what", ["the service", "its users", "its roles"])
def test_removing_what_answers_404_for_a_while(missing):
    """`rollback --delete-created` deletes a service that, or a part of which, answers 404 for a while."""
    simulator, driver = missing
    driver.rollback(delete_created=True)
    assert list(simulator.world.accounts[second(simulator)].services) == []
    assert driver.code() == 0


def test_what_cannot_be_looked_at_whole_is_not_removed(account, tmp_path):
    """A service of which a part answers 404 for longer than the settle time may hold anything: it stays."""
    simulator = account(services=1)
    target = second(simulator)
    patient(tmp_path, simulator, target).run(target="new")
    (sid,) = simulator.world.accounts[target].services
    uneven = account(
        world=simulator.world,
        uneven=Unevenness(missing_path=MISSING["its roles"].format(sid=sid), missing_seconds=60),
    )
    driver = replace(patient(tmp_path, uneven, target), settle=0.3)
    driver.rollback(delete_created=True)
    assert list(simulator.world.accounts[target].services) == [sid]
    assert driver.code() == 6


@pytest.mark.parametrize("what", ["the service", "its roles", "all"])
def test_a_second_run_while_what_was_made_answers_404(missing):
    """A second `run --target new` waits for a service that answers 404 for a while, and creates nothing."""
    simulator, driver = missing
    driver.run(target="new")
    assert posts(simulator) == []
    assert differences_between(simulator, second(simulator)) == []
    assert driver.code() == 0


def test_a_write_that_is_told_that_its_target_is_not_there(account, tmp_path):
    """An update of a role that answers 404 for a while, though its list shows it, is sent again."""
    simulator = account(services=12, uneven=Unevenness(missing_path="/Roles/RL", missing_seconds=LAG))
    was = before(simulator)
    driver = patient(tmp_path, simulator)
    driver.run()
    assert [request for request in posts(simulator) if "/Roles/RL" in request.path]
    assert all_differences(was, simulator) == []
    assert driver.code() == 0


def test_verify_of_what_answers_404_for_a_while(account, tmp_path):
    """A target that Conversations has shown, and that answers 404 for a while, is not reported as missing."""
    simulator = account(services=2)
    patient(tmp_path, simulator).run()
    uneven = account(
        world=simulator.world, uneven=Unevenness(missing_path="/Configuration", missing_seconds=LAG)
    )
    assert patient(tmp_path, uneven).verify().summary.changes == 0


ALTERED = frozenset({"trimmed", "default_text", "slash", "order"})


@pytest.fixture
def altering(account, request):
    """An account that keeps some kinds of values differently, and a service that has them all."""
    values = getattr(request, "param", ALTERED)
    simulator = account(services=12, uneven=Unevenness(values=values))
    service = named(simulator, "Alder")
    service.chat["post_webhook_url"] = "https://alder.example.com?a=b"
    service.chat["notifications"]["new_message"] |= {"enabled": True, "template": "  Hello  "}
    service.conversations_notifications["new_message"]["template"] = "Before"
    return simulator


def test_values_that_twilio_keeps_differently(altering, tmp_path):
    """They are sent once, shown with both values, no failure, and known to `resume` and to a later run."""
    service = named(altering, "Alder")
    driver = patient(tmp_path, altering)
    report = driver.run()
    assert service.conversations_webhooks["post_webhook_url"] == "https://alder.example.com/?a=b"
    assert service.conversations_notifications["new_message"]["template"] == "Hello"
    assert states(report, service.sid)["webhooks"] == "altered"
    assert states(report, service.sid)["notifications"] == "altered"
    told = " ".join(row.reason for row in about(report, service.sid).fields)
    assert "'https://alder.example.com/?a=b' instead of 'https://alder.example.com?a=b'" in told
    assert "'Hello' instead of '  Hello  '" in told
    messages = [row["message"] for row in driver.rows("SELECT message FROM journal WHERE state = 'altered'")]
    assert (
        "Twilio accepted the write and holds other values: post_webhook_url is 'https://alder.example.com/?a=b' "
        "instead of 'https://alder.example.com?a=b'."
    ) in messages
    assert driver.code() == 0
    sent = [request.path for request in posts(altering)]
    assert len(sent) == len(set(sent))
    assert driver.resume() is None
    assert driver.verify().summary.changes == 0
    driver.run()
    assert len(posts(altering)) == len(sent)
    assert driver.code() == 0


def test_a_permission_that_twilio_does_not_keep(account, tmp_path):
    """It is sent once and told as altered, known to a later run, which writes nothing, and no failure."""
    simulator = account(services=12, uneven=Unevenness(values=frozenset({"permission"})))
    driver = patient(tmp_path, simulator, list(simulator.world.accounts)[1])
    report = driver.run(target="new")
    states = {step.state.value for one in report.services for step in one.steps if step.resource == "roles"}
    assert "altered" in states
    assert states <= {"altered", "verified"}
    sent = len(posts(simulator))
    report = driver.run(target="new")
    assert len(posts(simulator)) == sent
    assert driver.code() == 0
    told = {row.reason for one in report.services for row in one.fields if "instead of" in row.reason}
    assert any("Twilio accepted this value and holds" in reason for reason in told)
    assert driver.verify().summary.changes == 0


@pytest.mark.parametrize("altering", [ALTERED - {"default_text"}], indirect=True)
def test_values_that_twilio_keeps_differently_go_back(altering, tmp_path):
    """A rollback knows the value that Twilio holds, and restores the earlier one."""
    was = before(altering)
    driver = patient(tmp_path, altering)
    driver.run()
    assert "Alder" in "".join(not_restored(was, altering))
    driver.rollback()
    assert not_restored(was, altering) == []
    assert driver.code() == 0


@pytest.mark.parametrize("wait", [0.0, 0.15, 0.25])
def test_killed_right_after_a_value_came_back_changed(altering, tmp_path, wait):
    """A kill around the answer changes nothing: what Twilio keeps differently is named, and sent at most once more."""
    service = named(altering, "Alder")
    altering.inject(Fault("slow", method="POST", path=f"{service.sid}/Configuration/Webhooks", seconds=0.2))
    driver = patient(tmp_path, altering)
    running = started(tmp_path, driver.environ, "run", "--yes")
    wait_until(lambda: any(service.sid in r.path and r.path.endswith("Webhooks") for r in posts(altering)))
    time.sleep(wait)
    running.kill()
    running.communicate()
    driver.resume()
    report = driver.run()
    assert driver.code() == 0
    assert service.conversations_webhooks["post_webhook_url"] == "https://alder.example.com/?a=b"
    assert "holds 'https://alder.example.com/?a=b'" in " ".join(
        row.reason for row in about(report, service.sid).fields
    )


def test_a_second_run_on_old_readings(account, tmp_path):
    """A run right after another one knows its writes: it repeats none, and keeps the right before-image."""
    simulator = account(services=12, uneven=Unevenness(reads_lag=0.8))
    service = named(simulator, "Kestrel")
    driver = patient(tmp_path, simulator)
    driver.run()
    first = held(simulator)
    sent = len(posts(simulator))
    driver.run()
    assert len(posts(simulator)) == sent
    service.chat["notifications"]["new_message"]["sound"] = "another"
    driver.export()
    driver.diff()
    driver.apply()
    assert service.conversations_notifications["new_message"]["sound"] == "another"
    driver.rollback()
    now = held(simulator)[service.sid]["conversations_notifications"]
    assert now == first[service.sid]["conversations_notifications"]
    assert driver.code() == 0


def test_the_order_of_a_list_says_nothing(account, tmp_path):
    """Roles and filters in another order make no plan stale, and no change."""
    simulator = account(services=12, uneven=Unevenness(shuffled=True, values=frozenset({"order"})))
    was = before(simulator)
    driver = patient(tmp_path, simulator)
    driver.export()
    driver.diff()
    driver.apply()
    assert all_differences(was, simulator) == []
    sent = len(posts(simulator))
    driver.run()
    assert len(posts(simulator)) == sent
    assert driver.code() == 0


def test_chat_and_conversations_hold_one_set_of_webhooks(account, tmp_path):
    """Where both show the same webhooks, they stay, in Conversations' words, and a later run writes nothing."""
    simulator = account(services=12, uneven=Unevenness(webhook_stores=1))
    was = before(simulator)
    driver = patient(tmp_path, simulator)
    driver.run()
    for sid, service in was.items():
        now = simulator.world.service(sid).chat
        for url in ("pre_webhook_url", "post_webhook_url"):
            assert (now[url] or None) in {service.chat[url] or None} | {
                hook["url"] for hook in service.chat["webhooks"].values()
            }
        assert {FILTERS.get(name, name) for name in service.chat["webhook_filters"]} <= set(
            now["webhook_filters"]
        )
    sent = len(posts(simulator))
    driver.run()
    assert len(posts(simulator)) == sent
    assert driver.code() == 0


def test_a_rollback_while_a_lost_write_is_on_its_way(account, tmp_path):
    """What a lost request of the run changes during its rollback is restored too."""
    simulator = account(services=12, uneven=Unevenness(late_effects=0.9))
    simulator.inject(Fault("500_after", method="POST", times=15))
    was = before(simulator)
    driver = patient(tmp_path, simulator)
    driver.run()
    driver.rollback()
    time.sleep(1.0)
    assert not_restored(was, simulator) == []
    assert driver.code() == 0
    lines = {tuple(line) for line in driver.rows("SELECT run, state, key FROM journal")}
    lost = {key for run, state, key in lines if (run, state) == (1, "unknown")}
    restored = {key for run, state, key in lines if (run, state) == (2, "rolled_back")}
    told = {key for run, state, key in lines if (run, state) == (2, "applied")}
    assert told == lost & restored != set(), "each of its writes is on record"


@pytest.fixture
def keeping(account):
    """An account that trims templates, and a service whose template is then as it was before."""
    simulator = account(services=12, uneven=Unevenness(values=frozenset({"trimmed"})))
    service = named(simulator, "Alder")
    service.chat["notifications"]["new_message"] |= {"enabled": True, "template": "  Hello  "}
    service.conversations_notifications["new_message"] |= {"enabled": True, "template": "Hello"}
    return simulator


def path_of(simulator):
    """The end of the path of that service's push notifications."""
    return f"{named(simulator, 'Alder').sid}/Configuration/Notifications$"


def test_an_answer_that_shows_the_old_value_is_read_again(keeping, tmp_path):
    """If the settle time brings nothing else, Twilio keeps the value differently: it is named, and not sent again."""
    driver = patient(tmp_path, keeping)
    report = driver.run()
    assert states(report, named(keeping, "Alder").sid)["notifications"] == "altered"
    assert len([request for request in posts(keeping) if "Notifications" in request.path]) == len(
        {request.path for request in posts(keeping) if "Notifications" in request.path}
    )
    assert driver.code() == 0


def test_an_answer_that_shows_the_old_value_for_a_moment(keeping, tmp_path):
    """If a later reading, though not the first, shows what was sent, that is what counts."""
    service = named(keeping, "Alder")
    readings = []

    def appear(_world):
        if any(path_of(keeping)[:-1] in request.path for request in posts(keeping)):
            readings.append("after the write")
        if len(readings) > 1:
            service.conversations_notifications["new_message"]["template"] = "  Hello  "

    keeping.inject(Fault("edit", method="GET", path=path_of(keeping), times=None, edit=appear))
    driver = patient(tmp_path, keeping)
    report = driver.run()
    assert states(report, service.sid)["notifications"] == "verified"
    assert driver.code() == 0


def test_a_written_value_that_cannot_be_read_again(keeping, tmp_path):
    """Twilio has accepted the write, so its outcome is known; that it could not be looked at has failed."""
    broken = Fault("500_before", method="GET", path=path_of(keeping), times=None)
    keeping.inject(
        Fault("edit", method="POST", path=path_of(keeping), edit=lambda _world: keeping.inject(broken))
    )
    driver = patient(tmp_path, keeping)
    report = driver.run()
    assert states(report, named(keeping, "Alder").sid)["notifications"] == "failed"
    assert driver.code() == 4


def test_a_rollback_right_after_another_one(account, tmp_path):
    """What the newer rollback has just replaced, and a reading still shows, is nobody's change."""
    simulator = account(services=1, uneven=Unevenness(reads_lag=1.0))
    (service,) = simulator.world.first.services.values()
    sound = service.conversations_notifications["new_message"]["sound"]
    driver = patient(tmp_path, simulator)
    service.chat["notifications"]["new_message"] |= {"enabled": True, "sound": "first"}
    driver.run()
    service.chat["notifications"]["new_message"]["sound"] = "second"
    time.sleep(1.0)
    driver.run()
    assert service.conversations_notifications["new_message"]["sound"] == "second"
    time.sleep(1.0)
    driver.rollback()
    assert service.conversations_notifications["new_message"]["sound"] == "first"
    driver.rollback()
    assert service.conversations_notifications["new_message"]["sound"] == sound
    assert driver.code() == 0
