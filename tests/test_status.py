"""`status`: where things stand, and the next command to type, in each situation."""

from __future__ import annotations

import pytest
from driving import drive
from worlds import named

from migrate.commands.status import status
from migrate.simulator import Fault, Simulator
from migrate.store import journal, open_store, plans
from migrate.store.journal import Entry, State


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


def test_secrets_in_errors_are_masked(driver, look):
    """What Twilio quotes of a URL is masked: passwords and tokens are not for the terminal."""
    driver.export()
    driver.diff()
    message = "Invalid URL 'https://user:hush-hush@example.com/?token=hush-hush'"
    with open_store(driver.db) as store:
        run = journal.start(store, plans.latest(store))
        key = plans.steps_of(store, run.plan, journal.open_services(store, run)[0])[0].key
        journal.record(store, run, key, Entry(State.FAILED, message, 400, 50078))
    (error,) = (rest for word, rest in look() if word == "error")
    assert "example.com" in error
    assert "hush-hush" not in error


def test_after_drift(simulator, driver, look):
    """If all that is left has drifted, resume would leave it again: a diff is next."""
    service = named(simulator, "Kestrel")
    path = f"{service.sid}/Configuration/Webhooks"
    driver.export()
    driver.diff()

    def second_hand(_world):
        service.conversations_webhooks["filters"] = ["onMessageRemoved"]

    simulator.inject(
        Fault("500_before", method="POST", path=path),
        Fault("edit", method="GET", path=path, edit=second_hand),
    )
    driver.apply()
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
            found = status(store)
        assert len(found.errors) == 5
        assert found.left >= 30


def test_nothing_is_changed_or_sent(simulator, driver, look):
    """Status reads the database and nothing else."""
    driver.run()
    sent, before = len(simulator.requests), driver.db.read_bytes()
    look()
    assert len(simulator.requests) == sent
    assert driver.db.read_bytes() == before


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


def test_without_a_plan_there_is_no_report(driver, tool):
    """Without a plan, another format than text is refused with the command to type first."""
    driver.export()
    result = tool("status", "--format", "json")
    assert result.code == 2
    assert "chat-migrate diff" in result.err
