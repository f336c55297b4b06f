"""`status`: where things stand, and the next command to type, in each situation."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from driving import code_of, drive
from worlds import named

from migrate.commands.run import RunOptions, run
from migrate.commands.status import as_lines, status
from migrate.core.errors import BadInput, Declined
from migrate.core.stop import StopToken
from migrate.model.state import Leftover
from migrate.simulator import Fault, Simulator
from migrate.simulator.faults import KINDS, How
from migrate.simulator.faults import Kind as FaultKind
from migrate.store import lock, open_store, runs

LEFTOVER = Leftover("service", "IS" + "7" * 32, "", {"friendly_name": "Alder"})


@pytest.fixture
def driver(simulator, tmp_path):
    """A driver on the database of the tool."""
    return drive(tmp_path, simulator)


@pytest.fixture
def look(tool):
    """Return the lines of `status` by their first word; it needs no credentials."""

    def run():
        result = tool("status", environ={"TWILIO_ACCOUNT_SID": "", "TWILIO_AUTH_TOKEN": ""})
        assert result.code == 0
        return [line.split(maxsplit=1) for line in result.out.splitlines()]

    return run


def next_of(lines):
    """The command that status names."""
    ((word, command),) = (line for line in lines if line[0] == "next")
    assert word == "next"
    return command


def test_without_a_database(tool):
    """Without a database, the message names the first command, and none is made."""
    result = tool("status")
    assert result.code == 2
    assert "chat-migrate export" in result.err
    assert not tool.db.exists()


def test_after_an_export(driver, look):
    """After an export, a diff is next."""
    driver.export()
    assert next_of(look()) == "chat-migrate diff"


def test_after_a_diff(driver, look):
    """After a diff with changes, apply is next; the plan is named by its id."""
    driver.export()
    plan = driver.diff().plan
    lines = look()
    assert next_of(lines) == "chat-migrate apply"
    assert any(plan.id[:12] in rest for word, rest in lines if word == "plan")


def test_after_a_diff_without_changes(driver, look):
    """After a diff that found nothing to do, there is nothing to apply: verify is next."""
    driver.run()
    driver.export()
    driver.diff()
    assert next_of(look()) == "chat-migrate verify"


def test_after_an_offline_diff(driver, look):
    """An offline plan cannot be applied: a real diff is next."""
    driver.export()
    driver.diff(offline=True)
    assert next_of(look()) == "chat-migrate diff"


def test_after_a_newer_export(driver, look):
    """A snapshot that is newer than the plan asks for a new diff."""
    driver.export()
    driver.diff()
    driver.export()
    assert next_of(look()) == "chat-migrate diff"


def test_in_the_middle_of_a_run(driver, look):
    """An unfinished run is to be resumed; what is left is counted."""
    driver.export()
    report = driver.diff()
    driver.apply(services=2)
    lines = dict(map(tuple, look()))
    assert lines["next"] == "chat-migrate resume"
    assert "unfinished" in lines["run"]
    assert 0 < int(lines["left"]) < report.summary.steps


def test_after_a_finished_run(driver, look):
    """After a finished run, nothing is left, and verify is next."""
    driver.run()
    lines = dict(map(tuple, look()))
    assert lines["next"] == "chat-migrate verify"
    assert lines["left"] == "0"
    assert "finished" in lines["run"]


def test_after_verify_has_found_differences(simulator, driver, look):
    """What verify has found asks for a new plan, not for the same look again; what is applied, for a look."""
    driver.run()
    assert next_of(look()) == "chat-migrate verify"
    named(simulator, "Kestrel").conversations_webhooks["post_webhook_url"] = "https://elsewhere.example.com"
    assert driver.verify().summary.changes == 1
    assert next_of(look()) == "chat-migrate diff"
    driver.diff()
    assert next_of(look()) == "chat-migrate apply"
    driver.apply()
    assert next_of(look()) == "chat-migrate verify"


def test_after_a_failure(simulator, driver, look):
    """A failed step is told with its message, HTTP status, Twilio's code, request id and advice; resume is next."""
    service = named(simulator, "Kestrel")
    service.chat["post_webhook_url"] = "nowhere"
    driver.run()
    lines = look()
    (error,) = (rest for word, rest in lines if word == "error" and "failed" in rest)
    for what in (
        f"{service.sid}/webhooks",
        "HTTP 400",
        "error 50078",
        "request RQ",
        "Correct the post-event",
    ):
        assert what in error
    assert next_of(lines) == "chat-migrate resume"


def test_secrets_in_errors_are_masked(simulator, driver, look, monkeypatch):
    """What Twilio quotes of a URL is masked: passwords and tokens are not for the terminal."""
    message = "Invalid URL 'https://user:hush-hush@example.com/?token=hush-hush'"
    body = json.dumps({"code": 50078, "message": message, "status": 400})
    monkeypatch.setitem(KINDS, "quoting", FaultKind(How.ANSWER, processed=False, status=400, body=body))
    simulator.inject(Fault("quoting", method="POST", path="Webhooks$", times=None))
    driver.run()
    errors = [rest for word, rest in look() if word == "error"]
    assert errors
    assert all("example.com" in error for error in errors)
    assert not [error for error in errors if "hush-hush" in error]


def test_errors_can_neither_steer_a_terminal_nor_forge_a_line(simulator, driver, tool, look, monkeypatch):
    """Escapes and line breaks in Twilio's words are written out, in a status and in an error."""
    body = json.dumps({"code": 50078, "message": "no \x1b[2J\nnext chat-migrate rollback", "status": 400})
    monkeypatch.setitem(KINDS, "steering", FaultKind(How.ANSWER, processed=False, status=400, body=body))
    simulator.inject(Fault("steering", method="POST", times=None))
    driver.run()
    assert next_of(look()) == "chat-migrate resume"
    told = tool("status").out
    assert r"no \x1b[2J\nnext chat-migrate rollback" in told
    assert "\x1b" not in told
    simulator.inject(Fault("steering", method="GET", times=None))
    refused = tool("verify")
    assert refused.code == 1
    assert r"no \x1b[2J\nnext chat-migrate rollback" in refused.err


def test_after_drift(simulator, driver, look):
    """If all that is left has drifted, resume would leave it again: a diff is next."""
    service = named(simulator, "Kestrel")
    path = f"{service.sid}/Configuration/Webhooks"

    def second_hand(_world):
        service.conversations_webhooks["filters"] = ["onMessageRemoved"]

    simulator.inject(
        Fault("500_before", method="POST", path=path),
        Fault("edit", method="GET", path=path, nth=2, edit=second_hand),
    )
    driver.run()
    lines = look()
    assert any("drifted" in rest for word, rest in lines if word == "error")
    assert next_of(lines) == "chat-migrate diff"


def test_only_the_last_errors(tmp_path):
    """With many failures, the newest five are shown."""
    with Simulator(services=30, seed=3) as simulator:
        for service in simulator.world.first.services.values():
            service.chat |= {"post_webhook_url": "nowhere", "webhook_filters": ["onMessageSent"]}
        driver = drive(tmp_path, simulator)
        driver.run()
        with open_store(driver.db) as store:
            found = status(driver.context, store)
        assert len(found.errors) == 5
        assert found.left >= 30


def test_nothing_is_changed_or_sent(simulator, driver, look):
    """Status reads the database and nothing else."""
    driver.run()
    sent, before = len(simulator.requests), driver.db.read_bytes()
    look()
    assert len(simulator.requests) == sent
    assert driver.db.read_bytes() == before


def test_while_another_command_works(driver, look):
    """The command that holds the lock is named with its process, and there is nothing to type but to wait."""
    driver.export()
    driver.diff()
    with open_store(driver.db) as store:
        account = store.value("SELECT account_sid FROM plans")
        with lock.held(store, account, "apply", StopToken()) as held:
            lines = dict(map(tuple, look()))
    assert lines["now"].startswith("apply running, process ")
    assert lines["now"].endswith(f"(lock {held.id})")
    assert lines["next"] == "nothing: wait for it to end"


def test_while_a_run_waits_for_confirmation(driver):
    """A run that has not begun to write says how far it has come."""
    seen = []

    def look_and_refuse(*_asked):
        with open_store(driver.db) as store:
            seen.append("\n".join(as_lines(status(driver.context, store))))
        raise Declined("No.")

    with pytest.raises(Declined):
        run(driver.context, RunOptions(), look_and_refuse, lambda _store, _plan: None)
    assert "waiting for confirmation" in seen[0]
    assert "errors" not in seen[0]


def test_one_service_is_no_services(tmp_path):
    """Counts of one are singular."""
    with Simulator(services=1, seed=7) as simulator:
        driver = drive(tmp_path, simulator)
        driver.run()
        with open_store(driver.db) as store:
            text = "\n".join(as_lines(status(driver.context, store)))
    assert ", 1 service, live" in text
    assert "1 services" not in text


def test_two_accounts_are_told_apart(tmp_path):
    """In a database of two accounts, each has a status of its own; without a choice, both are named."""
    with Simulator(services=2, seed=7) as one, Simulator(services=3, seed=9) as other:
        first, second = drive(tmp_path, one), drive(tmp_path, other)
        first.run()
        second.export()
        with open_store(first.db) as store:
            done, fresh = status(first.context, store), status(second.context, store)
            with pytest.raises(BadInput, match=r"holds 2 accounts .*--account"):
                status(replace(first.context, environ={}), store)
    assert (done.account_sid, done.snapshot.services, done.next_command) == (
        one.account_sid,
        2,
        "chat-migrate verify",
    )
    assert (fresh.account_sid, fresh.snapshot.services, fresh.next_command) == (
        other.account_sid,
        3,
        "chat-migrate diff",
    )


@pytest.mark.parametrize("format_name", ["markdown", "json", "html"])
def test_other_formats_tell_the_whole_report(driver, tool, format_name):
    """Besides its lines, status prints the whole report: of the plan, then of the run, in every format."""
    driver.export()
    driver.diff()
    planned = tool("status", "--format", format_name)
    driver.apply()
    done = tool("status", "--format", format_name, "-o", "status.out")
    assert (planned.code, done.code) == (0, 0)
    assert "planned" in planned.out
    assert "verified" in (tool.folder / "status.out").read_text()


def test_the_rollback_of_an_older_run(simulator, driver, look):
    """What a rollback of an older run has taken back, or left undone, is never "as planned"."""
    alder = named(simulator, "Alder")
    driver.run()
    alder.chat["pre_webhook_url"] = "https://new.example.com/pre"
    driver.run()
    driver.verify()
    assert dict(map(tuple, look()))["next"] == "nothing: everything is as planned"
    simulator.inject(Fault("400", method="POST", path=named(simulator, "Kestrel").sid))
    assert code_of(driver.rollback(1)) == 4
    lines = dict(map(tuple, look()))
    assert lines["run"].startswith("3, the rollback of run 1, ")
    assert lines["next"] == "chat-migrate resume"
    assert code_of(driver.resume()) == 0
    assert dict(map(tuple, look()))["next"] == "chat-migrate diff"


def test_a_run_for_one_service_is_not_resumed_for_the_others(simulator, driver, tool, look):
    """A resume would do nothing once the chosen services are done: a new plan takes up the others."""
    driver.export()
    driver.diff()
    alder = named(simulator, "Alder").sid
    simulator.inject(Fault("400", method="POST", path=alder))
    assert tool("apply", "--yes", "--service", alder).code == 4
    assert dict(map(tuple, look()))["next"] == "chat-migrate resume"
    resumed = tool("resume")
    assert resumed.code == 4
    assert "Next: chat-migrate diff\n" in resumed.out
    assert dict(map(tuple, look()))["next"] == "chat-migrate diff"
    driver.diff()
    assert code_of(driver.apply()) == 0


def test_what_nobody_claims_is_noted(driver, tool, look):
    """What a run may have made stays in every status until somebody has looked: it is not "as planned"."""
    done = driver.run()
    driver.verify()
    with open_store(driver.db) as store:
        runs.note_leftovers(store, runs.find_latest(store, done.account_sid), [LEFTOVER])
    lines = dict(map(tuple, look()))
    assert lines["note"].startswith(
        f"{LEFTOVER.sid} (service) in the account may have been made by a request"
    )
    assert lines["next"] == "nothing: look at what is noted above"
    assert f"{LEFTOVER.sid} (service) in the account may" in tool("status", "--format", "markdown").out


def test_without_a_plan_there_is_no_report(driver, tool):
    """Without a plan, another format than text is refused with the command to type first."""
    driver.export()
    result = tool("status", "--format", "json")
    assert result.code == 2
    assert "chat-migrate diff" in result.err
