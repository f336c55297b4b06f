"""Before anything is written: whose account it is, what is there now, and that nobody else is at it."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
from driving import states
from trust_world import held, patient, second
from worlds import USER_EVENTS, named, posts

from migrate.core.errors import SafetyRefusal
from migrate.simulator import Fault, Unevenness
from migrate.simulator.faults import ENVELOPE_MESSAGES


def key_of(simulator, owner, claimed, prefix="TWILIO"):
    """The variables of an API key of one account, with the SID of another one."""
    ((key, secret),) = simulator.world.accounts[owner].api_keys.items()
    return {
        f"{prefix}_ACCOUNT_SID": claimed,
        f"{prefix}_API_KEY": key,
        f"{prefix}_API_SECRET": secret,
        f"{prefix}_AUTH_TOKEN": "",
    }


@pytest.mark.parametrize("command", [("run", "--yes"), ("export",), ("run", "--yes", "--target", "new")])
def test_a_key_of_another_account(account, tool_at, command):
    """An API key of account A with the SID of B is refused, by what Twilio answers, before any write."""
    simulator = account()
    tool = tool_at(simulator, **key_of(simulator, simulator.account_sid, second(simulator)))
    result = tool(*command)
    assert (result.code, posts(simulator)) == (6, [])
    assert simulator.account_sid in result.err
    assert second(simulator) in result.err


@pytest.mark.parametrize("command", ["apply", "resume", "verify", "rollback"])
def test_a_key_of_another_account_later_on(account, tool_at, command):
    """Each command that reads or writes compares what Twilio answers, whatever the commands before it have found."""
    simulator = account()
    tool = tool_at(simulator)
    tool("export")
    tool("diff")
    if command != "apply":
        tool("apply", "--yes", "--limit", "1")
    sent = len(posts(simulator))
    third = simulator.world.add_account("third")
    arguments = [command, *(["--yes"] if command in {"apply", "rollback"} else [])]
    result = tool(*arguments, environ=key_of(simulator, third.sid, simulator.account_sid))
    assert (result.code, len(posts(simulator))) == (6, sent)
    assert third.sid in result.err


@pytest.mark.parametrize("silent", [False, True])
def test_a_target_key_of_another_account(account, tool_at, silent):
    """`--target new` into B with a key of A makes nothing in A; where A is empty and silent, at most one service."""
    uneven = Unevenness(missing_path="^/v1/Configuration$", missing_seconds=60 if silent else 0)
    simulator = account(services=4, uneven=uneven)
    empty = simulator.world.add_account("empty")
    tool = tool_at(simulator, **key_of(simulator, empty.sid, second(simulator), "TWILIO_TARGET"))
    result = tool("run", "--yes", "--target", "new")
    assert result.code == 6
    assert empty.sid in result.err
    assert len(empty.services) <= int(silent)
    assert len(simulator.world.accounts[second(simulator)].services) == 0


def edited(simulator, name="Alder"):
    """Someone else sets the sound of a push notification, which needs no write of ours, and a URL, which does."""
    service = named(simulator, name)
    service.conversations_notifications["log_enabled"] = True
    service.conversations_webhooks["pre_webhook_url"] = "https://somebody.example.com/"
    return service


def test_an_edit_after_diff(account, tmp_path):
    """What someone else has changed since `diff`, seconds ago, is not overwritten: nothing is sent at all."""
    simulator = account(services=12)
    driver = patient(tmp_path, simulator)
    driver.export()
    driver.diff()
    service = edited(simulator)
    with pytest.raises(SafetyRefusal, match=service.sid):
        driver.apply()
    assert posts(simulator) == []


FIELDS = {
    "a role": lambda service: service.role_named("moderator").permissions.append("addNonChatParticipant"),
    "a method": lambda service: service.conversations_webhooks.update(method="GET"),
    "a URL": lambda service: service.conversations_webhooks.update(
        pre_webhook_url="https://else.example.com/"
    ),
    "push": lambda service: service.conversations_notifications["new_message"].update(sound="other"),
}


@pytest.mark.parametrize("what", ["a method", "a URL", "push"])
def test_an_edit_between_apply_and_resume(account, tmp_path, what):
    """What someone else changes between `apply --limit` and `resume` is left as it is, and reported."""
    simulator = account(services=12)
    driver = patient(tmp_path, simulator)
    driver.export()
    report = driver.diff()
    driver.apply(services=1)
    done = {request.path.split("/")[3] for request in posts(simulator)}
    kind = "notifications" if what == "push" else "webhooks"
    service = next(
        simulator.world.service(each.source_sid)
        for each in report.services
        if each.source_sid not in done and any(step.key.endswith(kind) for step in each.steps)
    )
    FIELDS[what](service)
    mine = held(simulator)[service.sid][f"conversations_{kind}"]
    report = driver.resume()
    assert held(simulator)[service.sid][f"conversations_{kind}"] == mine
    assert states(report, service.sid)[kind] == "drifted"
    assert driver.code() == 6


def test_an_edit_while_a_person_thinks(account, tmp_path, monkeypatch):
    """In a `run`, an edit after the reading is seen if that is too old: the age is measured, not read off a clock."""
    monkeypatch.setattr("migrate.execute.work.FRESH_SECONDS", 0.0)
    simulator = account(services=12)
    service = named(simulator, "Alder")
    driver = replace(patient(tmp_path, simulator), meanwhile=lambda: edited(simulator))
    driver.run()
    assert service.conversations_webhooks["pre_webhook_url"] == "https://somebody.example.com/"
    assert driver.code() == 6


def test_a_clock_that_was_set_back(account, tmp_path, monkeypatch):
    """A wall clock that goes back makes no old reading fresh."""
    simulator = account(services=12)
    driver = patient(tmp_path, simulator)
    driver.export()
    driver.diff()
    service = edited(simulator)
    for module in ("plans", "runs", "journal", "snapshots"):
        monkeypatch.setattr(f"migrate.store.{module}.now", lambda: "2016-01-01T00:00:00.000Z")
    monkeypatch.setattr("time.time", lambda: 1_450_000_000.0)
    with pytest.raises(SafetyRefusal, match=service.sid):
        driver.apply()
    assert posts(simulator) == []


def with_live_webhooks(simulator):
    """A service without webhooks in Chat whose Conversations webhooks are in use."""
    service = named(simulator, "Lindqvist")
    service.chat |= {"pre_webhook_url": None, "post_webhook_url": None, "webhook_filters": [], "webhooks": {}}
    service.conversations_webhooks |= {
        "post_webhook_url": "https://live.example.com/conv",
        "filters": ["onMessageAdded"],
        "method": "POST",
    }
    return service


def test_nothing_is_emptied_unasked(account, tmp_path):
    """A webhook that only Conversations has stays, and the report says so; `--clear` empties it."""
    simulator = account(services=12)
    service = with_live_webhooks(simulator)
    driver = patient(tmp_path, simulator)
    report = driver.run()
    assert service.conversations_webhooks["post_webhook_url"] == "https://live.example.com/conv"
    assert service.conversations_webhooks["filters"] == ["onMessageAdded"]
    told = [
        row
        for each in report.services
        for row in each.fields
        if row.before == "https://live.example.com/conv"
    ]
    assert [(row.verdict.value, row.change) for row in told] == [("manual", False)]
    driver.run(clear=True)
    assert not service.conversations_webhooks["post_webhook_url"]
    assert driver.code() == 0


def test_v2_alone_empties_nothing(account, tool_at, tmp_path):
    """What v1 has set is not emptied by a snapshot of v2 alone."""
    simulator = account(services=12)
    tool = tool_at(simulator)
    assert tool("run", "--yes").code == 0
    urls = {
        sid: s.conversations_webhooks["post_webhook_url"] for sid, s in simulator.world.first.services.items()
    }
    assert any(urls.values())
    shown = [
        {key: value for key, value in service.chat.items() if key != "webhooks"}
        | {"sid": sid, "account_sid": service.account_sid}
        for sid, service in simulator.world.first.services.items()
    ]
    (tmp_path / "v2.json").write_text(json.dumps(shown))
    result = tool("run", "--yes", "--from-file", "v2.json")
    assert result.code == 0, result.err
    assert urls == {
        sid: s.conversations_webhooks["post_webhook_url"] for sid, s in simulator.world.first.services.items()
    }


def test_output_over_the_database(account, tool_at):
    """`-o` never replaces the database or what belongs to it."""
    simulator = account(services=2)
    tool = tool_at(simulator)
    tool("run", "--yes")
    for name in ("chat-migrate.db-wal", "./chat-migrate.db"):
        assert tool("diff", "-o", name).code == 2
    assert len(tool.rows("SELECT * FROM journal")) > 0


def test_output_through_a_pipe(account, tool_at):
    """`-o` writes through a FIFO or device, which is still one afterwards."""
    simulator = account(services=2)
    tool = tool_at(simulator)
    tool("export")
    os.mkfifo(tool.folder / "pipe")
    reader = os.open(tool.folder / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    try:
        assert tool("diff", "--format", "json", "-o", "pipe").code == 0
        assert (tool.folder / "pipe").is_fifo()
        assert b'"format"' in os.read(reader, 2000)
    finally:
        os.close(reader)
    assert tool("diff", "-o", "/dev/null").code == 0
    assert Path("/dev/null").is_char_device()


def test_what_twilio_says_is_masked(account, tool_at, monkeypatch):
    """`-v` shows no secret that Twilio repeats in a message."""
    said = "No answer from https://user:hunter2@hooks.example.com/a?token=s3cr3t"
    monkeypatch.setitem(ENVELOPE_MESSAGES, 20503, said)
    simulator = account(services=2)
    simulator.inject(Fault("503_before", method="GET", nth=3), Fault("503_before", method="POST"))
    result = tool_at(simulator)("-v", "run", "--yes")
    assert result.code == 0
    assert "hooks.example.com" in result.err
    assert "hunter2" not in result.err + result.out
    assert "s3cr3t" not in result.err + result.out


def test_an_edit_of_a_new_service(account, tmp_path):
    """Settings that someone gives a new service before a `resume` are drift: they are left as they are."""
    simulator = account(services=1)
    target = second(simulator)
    simulator.inject(Fault("reset_before", method="POST", path="/Notifications$", times=6))
    driver = patient(tmp_path, simulator, target)
    driver.run(target="new")
    assert driver.code() == 4
    (service,) = simulator.world.accounts[target].services.values()
    service.conversations_notifications["new_message"]["sound"] = "somebody's"
    driver.resume()
    assert service.conversations_notifications["new_message"]["sound"] == "somebody's"
    assert driver.code() == 6


def test_one_unrelated_refusal(account, tmp_path):
    """A single 400 does not make Twilio's taking of `onUser…` filters doubtful: they are set, now and later."""
    simulator = account(services=12)
    service = named(simulator, "Juniper")
    simulator.inject(Fault("400", method="POST", path=f"{service.sid}/Configuration/Webhooks"))
    driver = patient(tmp_path, simulator)
    driver.run()
    assert set(service.conversations_webhooks["filters"]) >= USER_EVENTS
    assert driver.code() == 0
