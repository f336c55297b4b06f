"""What was not read is not taken for empty: an unreachable Chat, another shape of file, a missing page, half a run."""

from __future__ import annotations

import json
import re
import socket
import time

import pytest
from trust_world import before, patient, started, wait_until
from twilio_cli import cli
from worlds import differences_in_place, named, posts

from migrate.core.errors import CallFailed
from migrate.simulator import Fault


def all_differences(was, simulator):
    """What Conversations does not hold as Chat did, over all services."""
    found = [differences_in_place(service, simulator.world.service(sid)) for sid, service in was.items()]
    return [line for lines in found for line in lines]


@pytest.fixture
def free_port():
    """A port on which nobody listens yet."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def test_nobody_at_the_address(account, tool_at, free_port):
    """A Chat API that can't be reached is an error that says so, within seconds; v2 alone is not read instead."""
    simulator = account(services=3)
    tool = tool_at(simulator, TWILIO_CHAT_URL=f"http://127.0.0.1:{free_port}/chat")
    result = tool("-q", "run", "--yes")
    assert (result.code, posts(simulator)) == (1, [])
    assert "127.0.0.1" in result.err
    assert "does not answer any more" not in result.err


@pytest.mark.parametrize("kind", ["html_502", "reset_before", "timeout_before"])
@pytest.mark.parametrize("version", ["v1", "v2"])
def test_a_version_that_is_unreachable_at_first(account, tmp_path, kind, version):
    """A version that fails for a while is asked again, not taken for gone: what only it shows is migrated too."""
    simulator = account(services=12)
    was = before(simulator)
    simulator.inject(Fault(kind, api="chat", path=f"/{version}/Services$", times=4, seconds=0.01))
    driver = patient(tmp_path, simulator)
    driver.run()
    assert all_differences(was, simulator) == []
    assert driver.code() == 0


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_a_version_that_is_unreachable(account, tmp_path, version):
    """A version that goes on failing ends the run before any write; only a refusal means that it is gone."""
    simulator = account(services=3)
    simulator.inject(Fault("reset_before", api="chat", path=f"/{version}/Services$", times=None))
    with pytest.raises(CallFailed, match=f"/{version}/Services"):
        patient(tmp_path, simulator).run()
    assert posts(simulator) == []


def test_what_twilio_cli_saves(account, tool_at):
    """JSON of twilio-cli, with its own names at the top level, is read right, and what it can't hold is named."""
    simulator = account(services=12)
    service = named(simulator, "Kestrel")
    service.chat["read_status_enabled"] = False
    shown = {key: value for key, value in service.chat.items() if key != "webhooks"}
    shown |= {"sid": service.sid, "account_sid": service.account_sid, "links": {}, "url": "x"}
    tool = tool_at(simulator)
    (tool.folder / "cli.json").write_text(json.dumps([cli(shown)]))
    was = before(simulator)[service.sid]
    result = tool("run", "--yes", "--from-file", "cli.json", "--format", "json")
    assert result.code == 0, result.err
    after = simulator.world.service(service.sid)
    assert after.conversations_webhooks["post_webhook_url"] == was.chat["post_webhook_url"]
    assert [line for line in differences_in_place(was, after) if not line.startswith("role")] == []
    (row,) = (row for row in result.json["services"][0]["fields"] if row["source"] == "read_status_enabled")
    assert row["verdict"] != "not_needed"
    assert "Roles were not examined" in result.err


def saved_page(simulator, following):
    """A list page of v2, as a tool may have saved it."""
    services = [
        {key: value for key, value in service.chat.items() if key != "webhooks"}
        | {"sid": sid, "account_sid": service.account_sid}
        for sid, service in simulator.world.first.services.items()
    ]
    meta = {"key": "services", "page": 0, "page_size": len(services), "next_page_url": following}
    return json.dumps({"services": services, "meta": meta})


def test_a_page_that_is_missing(account, tool_at):
    """A page whose next one is not there is refused; with `--partial`, every report says what is missing."""
    simulator = account(services=3)
    tool = tool_at(simulator)
    following = "https://chat.twilio.com/v2/Services?PageSize=3&Page=1&PageToken=PAx"
    (tool.folder / "page.json").write_text(saved_page(simulator, following))
    result = tool("run", "--yes", "--from-file", "page.json")
    assert (result.code, posts(simulator)) == (2, [])
    assert "page.json" in result.err
    result = tool("-q", "export", "--from-file", "page.json", "--partial")
    assert result.code == 0
    assert "next page" in result.err
    assert "next page" in tool("diff").out


@pytest.mark.parametrize(("version", "missing"), [("v2", "v1"), ("v1", "v2")])
def test_what_was_not_examined_is_said(account, tool_at, version, missing):
    """A snapshot without a version that refuses to answer says so on stderr, with -q too, and in every report."""
    simulator = account(services=3)
    simulator.inject(Fault("410", api="chat", path=f"/{missing}/", times=None))
    tool = tool_at(simulator)
    result = tool("-q", "run", "--yes")
    assert result.code == 0
    assert f"Chat {missing}" in result.err
    assert f"Chat {missing}" in tool("diff").out
    assert f"Chat {missing}" in tool("verify").out


def foreign(account, tool_at):
    """A snapshot of six services that Conversations does not have."""
    simulator = account(services=6)
    tool = tool_at(simulator)
    assert tool("export").code == 0
    simulator.world.first.chat_only.extend(simulator.world.first.services)
    return simulator, tool


def test_services_that_conversations_does_not_have(account, tool_at):
    """They are a failure of their own for apply, run and verify, and the first thing that `diff` says."""
    simulator, tool = foreign(account, tool_at)
    result = tool("diff")
    assert result.code == 0
    said = " ".join(result.out.split())
    assert said.startswith("chat-migrate · Dry run 6 of 6 services were not found in Conversations.")
    assert tool("diff", "--exit-code").code == 4
    assert tool("apply", "--yes").code == 4
    assert tool("verify").code == 4
    assert tool("run", "--yes").code == 4
    assert posts(simulator) == []


@pytest.mark.parametrize("path", ["/v2/Services$", "/Roles$", "/Configuration/Webhooks$"])
def test_killed_while_it_was_exporting_or_planning(account, tmp_path, path):
    """After a kill -9 before anything was written, `resume` goes on with that run to the same end."""
    simulator = account(services=12)
    was = before(simulator)
    simulator.inject(Fault("slow", method="GET", path=path, nth=1, seconds=0.8))
    driver = patient(tmp_path, simulator)
    running = started(tmp_path, driver.environ, "run", "--yes")
    wait_until(lambda: any(re.search(path, r.path) for r in simulator.requests))
    time.sleep(0.1)
    running.kill()
    running.communicate()
    assert posts(simulator) == []
    report = driver.resume()
    assert report is not None
    assert driver.asked, "nobody had agreed yet, so it asks"
    assert all_differences(was, simulator) == []
    assert driver.code() == 0
    assert driver.resume() is None


def test_resume_of_a_run_that_was_not_agreed_to(account, tool_at):
    """A `resume` of a run that nobody has agreed to writes nothing without `--yes` or a person."""
    simulator = account(services=3)
    simulator.inject(Fault("slow", method="GET", path="/Roles$", seconds=1))
    tool = tool_at(simulator)
    running = started(tool.folder, tool.environ, "run", "--yes")
    wait_until(lambda: any(r.path.endswith("/Roles") for r in simulator.requests))
    running.kill()
    running.communicate()
    result = tool("resume")
    assert (result.code, posts(simulator)) == (2, [])
    assert "--yes" in result.err
    assert tool("resume", "--yes").code == 0
    assert posts(simulator) != []
