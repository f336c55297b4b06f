"""`rehearse`: the plan, tried out in the simulator by the real program."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import suppress

import pytest
from driving import drive, rows_of
from jsonschema import validate

from migrate.report import FORMATS
from migrate.report.schema import json_schema
from migrate.simulator import Simulator

LONG = bool(os.environ.get("CHAT_MIGRATE_LONG"))
SERVICES, KILLS, CHANNELS, FEW_KILLS = (200, 20, 5_000, 4) if LONG else (6, 2, 30, 2)


@pytest.mark.parametrize("target", ["same", "new"])
def test_a_disturbed_plan_ends_well(planned, target):
    """Under faults, kills and lists that lag, the accounts end as planned, nothing stands twice, and it exits 0."""
    with Simulator(services=SERVICES, seed=7) as simulator:
        stalls = planned(simulator, target=target)
    done = stalls.rehearse(
        "--fault-rate", 0.1, "--kills", KILLS, "--lag", 0.3, "--seed", 3, "--format", "json"
    )
    assert done.code == 0, done.err
    validate(done.json, json_schema())
    told = done.json["rehearsal"]
    assert told["held"] is True
    assert (told["differences"], told["doubles"], told["warnings"]) == ([], [], [])
    assert told["kills"] == KILLS
    assert told["resumes"] >= KILLS
    assert told["faults"]
    assert set(done.json["summary"]["steps_by_state"]) == {"verified"}


def test_channels_are_rehearsed(planned):
    """Public channels of a plan end as private ones under faults and kills, the others stay, and it exits 0."""
    with Simulator(services=3, seed=7, channels=CHANNELS, public_share=0.5) as simulator:
        public = sum(
            channel.type == "public"
            for service in simulator.world.first.services.values()
            for channel in service.channels.values()
        )
        stalls = planned(simulator, kinds={"channels": {}})
    done = stalls.rehearse("--fault-rate", 0.1, "--kills", FEW_KILLS, "--seed", 3, "--format", "json")
    assert done.code == 0, done.err
    told = done.json["rehearsal"]
    assert (told["held"], told["kills"]) == (True, FEW_KILLS)
    assert (told["differences"], told["doubles"], told["warnings"]) == ([], [], [])
    items = [items for service in done.json["services"] for items in service["items"]]
    assert {(one["kind"], one["found"]) for one in items} == {("channels", CHANNELS)}
    assert [set(one["steps_by_state"]) for one in items] == [{"verified"}] * 3
    assert sum(one["to_change"] for one in items) == public > CHANNELS
    assert told["writes"] >= public


def test_it_touches_neither_twilio_nor_the_database(ready, simulator):
    """With credentials at hand nothing is sent, database and folder stay as they are, and `apply` still does it all."""
    folder, before, sent = ready.tool.folder, ready.tool.db.read_bytes(), len(simulator.requests)
    files = sorted(path.name for path in folder.iterdir())
    done = ready.rehearse("--kills", 1, **simulator.environment())
    assert done.code == 0, done.err
    assert len(simulator.requests) == sent
    assert ready.tool.db.read_bytes() == before
    assert sorted(path.name for path in folder.iterdir()) == files
    assert list(ready.temporary.iterdir()) == []
    applied = drive(folder, simulator).apply()
    assert applied.code == 0
    assert applied.summary.steps_by_state == {"verified": 15}


def refused_permission(world):
    """Let a service role send messages, which Conversations refuses as soon as the role is written."""
    service = next(iter(world.first.services.values()))
    role = service.role_named("service user")
    role.permissions.append("sendMessage")
    role.untranslated.append("editOwnUserInfo")


def test_a_permission_that_the_type_of_a_role_refuses_is_found(planned, simulator):
    """A refused value is named with its service, field and Twilio's message, and it exits with 4."""
    stalls = planned(simulator, edit=refused_permission)
    sid = next(iter(simulator.world.first.services))
    code, reports = stalls.reports("json", "text")
    assert code == 4
    report, text = json.loads(reports["json"]), reports["text"]
    told = report["rehearsal"]
    assert told["held"] is False
    assert [(one["source_sid"], one["source"]) for one in told["differences"]] == [
        (sid, "roles.service user.permissions")
    ]
    service = next(one for one in report["services"] if one["source_sid"] == sid)
    failed = [step for step in service["steps"] if step["state"] == "failed"]
    assert [step["resource"] for step in failed] == ["roles"]
    assert failed[0]["error"]["status"] == 400
    assert "The plan would not end well" in text
    assert "would be createConversation, joinConversation, sendMessage instead of" in " ".join(text.split())
    assert text.count(sid) >= 2


def test_a_service_that_conversations_lacks_is_found(planned, simulator):
    """A service that is not in Conversations is named, and it exits with 4."""
    sid = next(iter(simulator.world.first.services))
    stalls = planned(simulator, edit=lambda world: world.first.chat_only.append(sid))
    done = stalls.rehearse()
    assert done.code == 4
    assert "1 of 12 services was not found in Conversations. The plan would not end well" in " ".join(
        done.out.split()
    )
    assert "Not found in Conversations: 1 service" in done.out
    assert sid in done.out


def test_a_long_template_is_a_warning(planned, simulator):
    """What the documents leave open is told with the limit that is assumed, and is no reason to exit with 4."""

    def lengthen(world):
        service = next(iter(world.first.services.values()))
        service.chat["notifications"]["new_message"]["template"] = "x" * 200

    done = planned(simulator, edit=lengthen).rehearse("--format", "json")
    assert done.code == 0, done.err
    (warning,) = done.json["rehearsal"]["warnings"]
    assert "notifications.new_message.template would have 200 characters" in warning
    assert "a limit of 178 characters is assumed" in warning


def test_every_format_tells_it(ready):
    """Each format of the report says that it was a rehearsal, and how to repeat it."""
    code, reports = ready.reports(*FORMATS, seed=8, lag=0.5)
    assert code == 0
    told = json.loads(reports.pop("json"))
    assert (told["kind"], told["rehearsal"]["options"]["seed"]) == ("rehearsal", 8)
    assert told["rehearsal"]["settle"] == 1.5
    assert set(reports) == {"text", "markdown", "html"}
    for text in map(str.split, reports.values()):
        plain = " ".join(text).replace("\\-", "-").replace("\\.", ".")
        assert "The plan would end well" in plain
        assert "--seed 8 --fault-rate 0" in plain
        assert "with a settle time of 1.5 seconds" in plain


def test_a_plan_made_offline_is_refused(planned, simulator):
    """What `apply` would refuse is refused by a rehearsal, with the same exit code."""
    done = planned(simulator, offline=True).rehearse()
    assert done.code == 6
    assert "was made offline" in done.err


def test_a_plan_that_was_executed_is_refused(ready, simulator):
    """A plan with a run has nothing left to rehearse."""
    assert drive(ready.tool.folder, simulator).apply().code == 0
    done = ready.rehearse()
    assert done.code == 6
    assert "Run 1 has executed plan" in done.err


def test_without_a_database(lonely_tool):
    """Where there is no database, it says what to run first, and makes none."""
    done = lonely_tool("rehearse")
    assert done.code == 2
    assert "Run `chat-migrate export` first" in done.err
    assert list(lonely_tool.folder.iterdir()) == []


def test_an_interrupted_rehearsal_leaves_nothing(ready):
    """Ctrl-C ends it with 130, along with the processes that it has started and its temporary files."""
    command = [sys.executable, "-m", "migrate", "rehearse", "--latency", "2000"]
    with subprocess.Popen(
        command, cwd=ready.tool.folder, env=ready.tool.environ, stderr=subprocess.PIPE, text=True
    ) as process:
        wait_until(lambda: any(ready.temporary.glob("*/complaints.txt")))
        process.send_signal(signal.SIGINT)
        _, complaint = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Nothing was sent to Twilio" in complaint
    assert list(ready.temporary.iterdir()) == []


def test_a_rehearsal_that_is_killed_leaves_nothing(ready):
    """After a SIGKILL the folder with the copy of the database goes, and so does the program that played."""
    process = subprocess.Popen(
        [sys.executable, "-m", "migrate", "rehearse", "--latency", "300"],
        cwd=ready.tool.folder,
        env=ready.tool.environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_until(lambda: any(is_locked(db) for db in ready.temporary.glob("*/rehearsal.db")))
    process.kill()
    process.wait()
    wait_until(lambda: not any(ready.temporary.iterdir()))
    playing = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert str(ready.temporary) not in playing


def is_locked(db):
    """Whether a run is at work in the database."""
    with suppress(sqlite3.OperationalError):
        return bool(rows_of(db, "SELECT 1 FROM lock"))
    return False


def wait_until(condition):
    """Wait until something has come true."""
    until = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)


def test_roles_of_which_a_file_says_little(stalls, simulator):
    """A plan from saved roles without names, types or permissions is rehearsed like any other."""
    service = next(iter(simulator.world.first.services.values()))
    owner = {"account_sid": service.account_sid, "service_sid": service.sid}
    chat = {key: value for key, value in service.chat.items() if key != "webhooks"}
    saved = [{"sid": service.sid, **owner, **chat}]
    del saved[0]["service_sid"]
    url = f"https://chat.twilio.com/v2/Services/{service.sid}/Roles/"
    for number, known in enumerate(({"friendly_name": None}, {"permissions": None}, {})):
        sid = f"RL{number:032x}"
        saved.append({"sid": sid, **owner, "url": url + sid, **known})
    file = stalls.tool.folder / "saved.json"
    file.write_text(json.dumps(saved))
    driver = drive(stalls.tool.folder, simulator)
    driver.export(files=(file,))
    driver.diff(target="new")
    done = stalls.rehearse()
    assert (done.code, done.err) == (0, "")
    assert "The plan would end well" in done.out
