"""`apply`: exactly the reviewed plan, journaled step by step; what fails stops its own service only."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import select
import sqlite3
import struct
import subprocess
import sys
import termios
import time
from collections import Counter
from contextlib import closing

import pytest
from driving import about, code_of, drive, states
from worlds import named, posts

from migrate.core.errors import BadInput, CredentialsRefused
from migrate.simulator import Fault, Simulator
from migrate.store.frontier import Frontier


def journal_of(driver, key):
    """The states that a step went through."""
    rows = driver.rows("SELECT state FROM journal WHERE key = ? ORDER BY id", key)
    return [row["state"] for row in rows]


# -- the plan as reviewed -----------------------------------------------------------------------------------


def test_what_is_sent_is_what_was_reviewed(simulator, tool):
    """The forms that are sent are, one to one, the parameters that the diff has shown."""
    drive(tool.folder, simulator).export()
    report = tool("diff", "--format", "json").json
    for service in simulator.world.first.services.values():
        service.chat["notifications"]["log_enabled"] = not service.chat["notifications"]["log_enabled"]
    assert tool("apply", "--yes").code == 0
    secret = named(simulator, "Zoë").sid  # its URLs are masked in reports
    planned = [
        sorted((name, item) for name, value in step["params"].items() for item in as_list(value))
        for service in report["services"]
        for step in service["steps"]
        if service["source_sid"] != secret
    ]
    assert planned
    assert sorted(planned) == sorted(sorted(r.form) for r in posts(simulator) if secret not in r.path)


def as_list(value):
    """A parameter's values, as a form sends them."""
    return value if isinstance(value, list) else [value]


def test_a_plan_is_named_by_the_beginning_of_its_id(simulator, tool):
    """`--plan` takes eight characters or more, and applies that plan and no later one."""
    tool("export", "--service", named(simulator, "Kestrel").sid)
    first = tool("diff", "--format", "json").json["plan"]["id"]
    drive(tool.folder, simulator).export()
    drive(tool.folder, simulator).diff()
    assert tool("apply", "--yes", "--plan", first[:8]).code == 0
    assert {request.path.split("/")[3] for request in posts(simulator)} == {named(simulator, "Kestrel").sid}


def test_a_service_that_is_not_in_the_plan(simulator, driver):
    """A mistyped SID is refused: it is no reason to write nothing and call it done."""
    unknown = "IS" + "0" * 32
    with pytest.raises(BadInput, match=f"Service {unknown} is not in plan"):
        driver.apply(only=frozenset({unknown, named(simulator, "Alder").sid}))
    assert posts(simulator) == []
    assert driver.rows("SELECT id FROM runs") == []


@pytest.mark.parametrize("name", ["f" * 64, "abc", "*", "", "ffffffff*"])
def test_an_unknown_plan(driver, name):
    """A plan that does not exist, or a beginning that is too short to name one, is refused."""
    with pytest.raises(BadInput, match="no plan"):
        driver.apply(name or "''")


def test_a_database_without_a_plan(simulator, tool):
    """Without a plan, the message names the command that makes one."""
    drive(tool.folder, simulator).export()
    result = tool("apply", "--yes")
    assert result.code == 2
    assert "chat-migrate diff" in result.err


def test_a_finished_plan_is_not_applied_twice(simulator, driver):
    """Applying a plan again that a run has finished sends nothing and ends well."""
    driver.apply()
    done = len(simulator.requests)
    assert code_of(driver.apply()) == 0
    assert len(simulator.requests) == done


def test_an_unfinished_plan_is_resumed_not_applied(simulator, driver, tool):
    """Applying a plan again whose run is unfinished names the command that continues it."""
    assert tool("apply", "--yes", "--limit", "2").code == 0
    result = tool("apply", "--yes")
    assert result.code == 2
    assert "chat-migrate resume" in result.err


def test_a_limit_and_the_rest(simulator, driver):
    """`--limit N` changes N services; resume does the rest, and no service twice."""
    driver.apply(services=2)
    first = {request.path.split("/")[3] for request in posts(simulator)}
    assert len(first) == 2
    done = len(simulator.requests)
    assert code_of(driver.resume()) == 0
    rest = {request.path.split("/")[3] for request in posts(simulator, done)}
    assert rest
    assert not first & rest
    assert driver.run().summary.steps == 0


def test_what_an_apply_reads(simulator, driver):
    """It reads each target to change once, four reads a service, and each resource again right before its write."""
    done = len(simulator.requests)
    driver.apply()
    asked = [request for request in simulator.requests[done:] if request.path != "/v1/Configuration"]
    assert Counter(request.method for request in asked) == {"GET": 11 * 4 + 15, "POST": 15}
    for number, request in enumerate(asked):
        if request.method == "POST":
            assert [each.method for each in asked[:number] if each.path == request.path][-1] == "GET"


# -- the journal --------------------------------------------------------------------------------------------


def test_the_intent_is_on_disk_before_the_request_leaves(simulator, driver):
    """While a write is under way, another process reads its intent, and no outcome, in the database."""
    service = named(simulator, "Kestrel")
    key, seen = f"{service.sid}/webhooks", []
    look = Fault(
        "edit",
        method="POST",
        path=f"{service.sid}/Configuration/Webhooks",
        edit=lambda _world: seen.append(journal_of(driver, key)),
    )
    simulator.inject(look)
    driver.apply()
    assert seen == [["intent"]]
    assert journal_of(driver, key) == ["intent", "applied", "verified"]


def test_the_answer_to_a_write_is_its_verification(simulator, driver):
    """A write whose answer shows other values than were sent is told as altered, with both, and not sent again."""
    service = named(simulator, "Kestrel")
    path = f"{service.sid}/Configuration/Webhooks"
    put_back = Fault("edit", method="POST", path=path, edit=lambda _world: freeze(service))
    simulator.inject(put_back)
    report = driver.apply()
    assert states(report, service.sid)["webhooks"] == "altered"
    (step,) = (step for step in about(report, service.sid).steps if step.resource == "webhooks")
    ((altered),) = step.altered
    assert (altered.path, altered.sent, altered.held) == (
        "filters",
        ["onMessageAdded", "onConversationRemoved", "onParticipantRemoved"],
        ["onMessageSent", "onChannelDestroyed", "onMemberRemoved"],
    )
    assert code_of(report) == 0
    sent = len(simulator.requests)
    assert driver.resume() is None
    assert code_of(driver.run()) == 0
    assert posts(simulator, sent) == []


class Frozen(dict):
    """Settings that take no new value."""

    def __setitem__(self, key, value):
        """Keep what is there."""


def freeze(service):
    """Let Twilio ignore what is written to the webhooks of a service."""
    service.conversations_webhooks = Frozen(service.conversations_webhooks)


def test_the_journal_is_append_only(driver):
    """Nobody can change or delete what the journal says."""
    driver.apply()
    with closing(sqlite3.connect(driver.db)) as connection, connection:
        for change in ("UPDATE journal SET state = 'failed'", "DELETE FROM journal"):
            with pytest.raises(sqlite3.IntegrityError, match="append-only"):
                connection.execute(change)
    connection.close()


# -- failures -----------------------------------------------------------------------------------------------


@pytest.fixture
def failing(simulator):
    """A service whose webhook step Twilio refuses, though it has another step after it."""
    service = named(simulator, "Saltmarsh")
    service.chat |= {"post_webhook_url": "nowhere", "webhook_filters": ["onMessageSent"]}
    return service


def test_a_failure_stops_nothing_that_does_without_it(simulator, failing, tmp_path):
    """After a refused step, all that does not need it is done, in the same service and in the others."""
    report = drive(tmp_path, simulator).run()
    own = states(report, failing.sid)
    moderator = failing.role_named("moderator").sid
    assert (own["webhooks"], own[f"roles/{moderator}"]) == ("failed", "verified")
    others = [each.source_sid for each in report.services if each.source_sid != failing.sid]
    assert {state for sid in others for state in states(report, sid).values()} == {"verified"}
    assert code_of(report) == 4


def test_nothing_is_kept_of_a_step_that_was_worked_on(simulator, failing, tmp_path, monkeypatch):
    """Whether it is settled or has failed, at the end of a run no step is still under way."""
    made = []

    def watched(*arguments):
        made.append(Frontier(*arguments))
        return made[-1]

    monkeypatch.setattr("migrate.commands.apply.Frontier", watched)
    drive(tmp_path, simulator).run()
    assert [frontier.under_way for frontier in made] == [0]


def test_a_failure_is_explained(simulator, failing, tool):
    """The summary names the step, Twilio's code, the HTTP status, the request id, and what to do."""
    result = tool("run", "--yes")
    assert result.code == 4
    for what in (r"50078", r"400", r"RQ[0-9a-f]{32}", r"Correct the post-event webhook URL", failing.sid):
        assert re.search(what, " ".join(result.out.split())), what
    report = tool("resume", "--format", "json").json
    (error,) = (
        step["error"] for service in report["services"] for step in service["steps"] if "error" in step
    )
    assert (error["status"], error["code"]) == (400, 50078)
    assert re.fullmatch("RQ[0-9a-f]{32}", error["request_id"])
    assert error["advice"]


def test_after_the_setting_is_corrected(simulator, failing, tmp_path):
    """With the setting corrected in Chat, the next run does what was left, and nothing else."""
    driver = drive(tmp_path, simulator)
    driver.run()
    failing.chat["post_webhook_url"] = "https://example.com/post"
    done = len(simulator.requests)
    assert code_of(driver.run()) == 0
    assert {request.path.split("/")[3] for request in posts(simulator, done)} == {failing.sid}


def test_refused_credentials_stop_the_run(simulator, driver):
    """A token that is withdrawn ends the run at once, and that is recorded; when it is good, resume does the rest."""
    good = simulator.auth_token

    def withdraw(world):
        world.first.auth_token = "withdrawn"

    simulator.inject(Fault("edit", method="POST", nth=3, edit=withdraw))
    with pytest.raises(CredentialsRefused):
        driver.apply(concurrency=1)
    assert [request.status for request in posts(simulator)[:3]] == [200, 200, 401]
    assert len(posts(simulator)) <= 2 + 2 * 3, "two more tries, of what was under way"
    failed = driver.rows("SELECT DISTINCT status FROM journal WHERE state = 'failed'")
    assert [row["status"] for row in failed] == [401]
    simulator.world.first.auth_token = good
    assert code_of(driver.resume()) == 0


# -- an outcome that nobody has seen ------------------------------------------------------------------------


LOST_AFTER = ["500_after", "503_after", "reset_after", "truncated", "wrong_shape", "wrong_type"]
LOST_BEFORE = ["500_before", "503_before", "reset_before", "html_502"]


@pytest.mark.parametrize("kind", LOST_AFTER)
def test_a_write_that_was_done_is_not_sent_again(simulator, driver, kind):
    """An answer that was lost after the effect is settled by reading: the write is sent once."""
    service = named(simulator, "Kestrel")
    path = f"{service.sid}/Configuration/Webhooks"
    simulator.inject(Fault(kind, method="POST", path=path))
    assert code_of(driver.apply()) == 0
    assert sum(request.path.endswith(path) for request in posts(simulator)) == 1
    assert journal_of(driver, f"{service.sid}/webhooks") == ["intent", "unknown", "applied", "verified"]


@pytest.mark.parametrize("kind", LOST_BEFORE)
def test_a_write_that_was_not_done_is_sent_again(simulator, driver, kind):
    """An answer that was lost before the effect is settled by reading: the write is sent a second time."""
    service = named(simulator, "Kestrel")
    path = f"{service.sid}/Configuration/Webhooks"
    simulator.inject(Fault(kind, method="POST", path=path))
    assert code_of(driver.apply()) == 0
    assert sum(request.path.endswith(path) for request in posts(simulator)) == 2
    entries = ["intent", "unknown", "intent", "applied", "verified"]
    assert journal_of(driver, f"{service.sid}/webhooks") == entries


@pytest.fixture
def raced(simulator, driver):
    """A write that is lost, and a second hand that sets something else before it can be read back.

    The first two readings are those before the run and before the write.
    """
    service = named(simulator, "Kestrel")
    path = f"{service.sid}/Configuration/Webhooks"

    def second_hand(_world):
        service.conversations_webhooks["filters"] = ["onMessageRemoved"]

    simulator.inject(
        Fault("500_before", method="POST", path=path),
        Fault("edit", method="GET", path=path, nth=3, edit=second_hand),
    )
    return service


def test_a_second_hand_is_not_overwritten(simulator, driver, raced):
    """What someone else has set meanwhile is left, reported as drifted, and the exit code says so."""
    report = driver.apply()
    assert states(report, raced.sid)["webhooks"] == "drifted"
    assert raced.conversations_webhooks["filters"] == ["onMessageRemoved"]
    assert code_of(report) == 6
    assert code_of(driver.resume()) == 6
    assert raced.conversations_webhooks["filters"] == ["onMessageRemoved"]


def test_a_second_hand_is_overwritten_on_purpose(simulator, driver, raced):
    """With --allow-drift, at the apply or at a later resume, the reviewed value is written."""
    assert code_of(driver.apply()) == 6
    assert code_of(driver.resume(allow_drift=True)) == 0
    assert "onConversationRemoved" in raced.conversations_webhooks["filters"]


def test_drift_may_be_allowed_from_the_start(simulator, driver, raced):
    """With --allow-drift at the apply, the race is decided for the plan."""
    assert code_of(driver.apply(allow_drift=True)) == 0
    assert "onConversationRemoved" in raced.conversations_webhooks["filters"]


# -- a person is asked --------------------------------------------------------------------------------------


def test_without_a_terminal_somebody_must_have_agreed(simulator, driver, tool):
    """Without --yes and without a terminal, a command that writes names the option and sends nothing."""
    sent = len(simulator.requests)
    for command in ("apply", "run"):
        result = tool.process(command)
        assert result.code == 2
        assert "--yes" in result.err
    assert len(simulator.requests) == sent


def terminal():
    """A pseudo-terminal of 24 lines and 100 columns: its two ends."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
    return master, slave


def on_a_terminal(tool, *arguments, answer):
    """Run a command with stdin and stderr on a pseudo-terminal; return its code, stdout and what was shown."""
    master, slave = terminal()
    with (tool.folder / "stdout").open("w+", encoding="utf-8") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "migrate", *arguments],
            cwd=tool.folder,
            env={**tool.environ, "TERM": "xterm"},
            stdin=slave,
            stdout=out,
            stderr=slave,
        )
        os.close(slave)
        shown = _converse(master, answer)
        os.close(master)
        code = process.wait(timeout=30)
        out.seek(0)
        return code, out.read(), shown


def _converse(master, answer):
    shown, answered, end = b"", False, time.monotonic() + 30
    while time.monotonic() < end:
        if not select.select([master], [], [], 0.5)[0]:
            continue
        try:
            chunk = os.read(master, 65536)
        except OSError:
            break
        if not chunk:
            break
        shown += chunk
        if not answered and b"Type yes or no" in shown:
            answered = True
            os.write(master, answer.encode())
    return shown.decode()


def test_a_no_sends_nothing(simulator, tool):
    """On a terminal, the plan and the accounts are shown; after "n" nothing is sent, and the code is not 0."""
    code, _out, shown = on_a_terminal(tool, "run", answer="n\n")
    assert code not in (0, 130)
    assert posts(simulator) == []
    assert simulator.account_sid in shown
    assert "Nothing was sent" in shown
    assert "What changes: 58 fields in 11 services" in shown


def test_a_yes_goes_on(simulator, tool):
    """On a terminal, "y" is enough; the result is on stdout, and the bar is not."""
    code, out, shown = on_a_terminal(tool, "run", "--format", "json", answer="y\n")
    assert code == 0
    assert json.loads(out)["summary"]["steps_by_state"] == {"verified": len(posts(simulator))}
    assert "Writing" in shown
    assert "Writing" not in out


def test_nothing_to_do_asks_nothing(simulator, tool):
    """Where nothing is to be written, nobody is asked."""
    drive(tool.folder, simulator).run()
    code, _out, shown = on_a_terminal(tool, "run", answer="n\n")
    assert code == 0
    assert "Type yes or no" not in shown


def test_progress_only_on_a_terminal(tool):
    """Without a terminal, and with --quiet, there is no progress bar."""
    assert tool.process("run", "--yes").err == ""
    _code, _out, shown = on_a_terminal(tool, "--quiet", "run", "--yes", answer="")
    assert "Reading" not in shown


@pytest.mark.parametrize(("environ", "colourful"), [({}, True), ({"NO_COLOR": "1"}, False)], ids=str)
def test_colour_only_where_it_is_wanted(simulator, tool, environ, colourful):
    """Stdout is coloured on a terminal, unless NO_COLOR asks for plain text."""
    drive(tool.folder, simulator).export()
    master, slave = terminal()
    process = subprocess.Popen(
        [sys.executable, "-m", "migrate", "diff"],
        cwd=tool.folder,
        env={**tool.environ, **environ, "TERM": "xterm"},
        stdin=subprocess.DEVNULL,
        stdout=slave,
        stderr=subprocess.DEVNULL,
    )
    os.close(slave)
    shown = _converse(master, "")
    os.close(master)
    assert process.wait(timeout=30) == 0
    assert ("\x1b[" in shown) is colourful


def test_a_step_of_which_twilio_refuses_everything(tmp_path):
    """A step that would only set what Twilio refuses is skipped and says so; the run is complete."""
    with Simulator(services=12, seed=7, user_filters="refuse") as simulator:
        drive(tmp_path, simulator).run()
        (tmp_path / "later").mkdir()
        driver = drive(tmp_path / "later", simulator)
        driver.run()
        told = driver.rows("SELECT message FROM journal WHERE state = 'skipped'")
        assert {row["message"] for row in told} == {"Twilio refuses everything that this step would set."}
        assert driver.code() == 0
