"""`resume`: from whatever state a crash left, to the state that an undisturbed run would have reached."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from copy import deepcopy
from dataclasses import replace

import pytest
from driving import about, code_of, drive, states
from worlds import differences_between, differences_in_place, named, posts

from migrate.core.errors import Interrupted, RunInterrupted
from migrate.core.stop import StopToken
from migrate.execute.leftovers import look_for_leftovers
from migrate.simulator import Fault
from migrate.store.database import write_error


def test_nothing_to_resume(simulator, tool):
    """With no run, or none unfinished, resume says so, sends nothing and ends well."""
    drive(tool.folder, simulator).export()
    for command in ((), ("run", "--yes")):
        if command:
            tool(*command)
        sent = len(simulator.requests)
        result = tool("resume")
        assert result.code == 0
        assert "nothing to resume" in result.out
        assert len(simulator.requests) == sent


def start(tool, *arguments):
    """Begin a command and leave it running."""
    return subprocess.Popen(
        [sys.executable, "-m", "migrate", *arguments],
        cwd=tool.folder,
        env=tool.environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


def wait_for(condition):
    """Wait until something is so."""
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.01)


@pytest.mark.parametrize("kind", ["timeout_after", "timeout_before"])
def test_killed_while_a_write_is_under_way(simulator, tool, kind):
    """After SIGKILL with a write in flight, resume reads the target first, and sends again only what was not done."""
    before = deepcopy(simulator.world)
    service = named(simulator, "Kestrel")
    path = f"{service.sid}/Configuration/Webhooks"
    simulator.inject(Fault(kind, method="POST", path=path, seconds=30))
    running = start(tool, "run", "--yes")
    wait_for(lambda: any(request.path.endswith(path) for request in posts(simulator)))
    running.kill()
    running.communicate()
    (state,) = tool.rows("SELECT state FROM step_state WHERE key = ?", f"{service.sid}/webhooks")
    assert state["state"] == "intent"
    assert tool("resume").code == 0
    sent = sum(request.path.endswith(path) for request in posts(simulator))
    assert sent == (1 if kind == "timeout_after" else 2)
    found = [
        differences_in_place(each, simulator.world.service(sid))
        for sid, each in before.first.services.items()
    ]
    assert not any(found)


def test_interrupted_by_a_person(simulator, tool):
    """The first Ctrl-C lets the call in flight end and records it; exit code 130; resume does the rest."""
    simulator.inject(Fault("slow", method="POST", nth=1, times=3, seconds=1))
    running = start(tool, "run", "--yes", "--concurrency", "2")
    wait_for(lambda: posts(simulator))
    os.kill(running.pid, signal.SIGINT)
    _out, err = running.communicate(timeout=30)
    assert running.returncode == 130
    assert b"chat-migrate resume" in err
    rows = tool.rows("SELECT state, count(*) AS steps FROM step_state GROUP BY 1")
    assert {row["state"] for row in rows} == {"verified"}, "what was in flight was finished and recorded"
    first = {request.path for request in posts(simulator)}
    sent = len(simulator.requests)
    assert tool("resume").code == 0
    assert not first & {request.path for request in posts(simulator, sent)}


def test_a_write_that_stays_unknown(simulator, driver):
    """A write whose outcome cannot be read either stays `unknown`, with exit code 4; resume settles it later."""
    service = named(simulator, "Kestrel")
    path = f"{service.sid}/Configuration/Webhooks"
    simulator.inject(
        Fault("500_after", method="POST", path=path),
        # The first two readings are those before the run and before the write.
        Fault("html_502", method="GET", path=path, nth=3, times=5),
    )
    report = driver.apply()
    assert states(report, service.sid)["webhooks"] == "unknown"
    (step,) = (step for step in about(report, service.sid).steps if step.resource == "webhooks")
    assert "chat-migrate resume" in step.error.advice
    assert code_of(report) == 4
    assert code_of(driver.resume()) == 0
    assert sum(request.path.endswith(path) for request in posts(simulator)) == 1


def test_after_mending(simulator, driver):
    """What failed is tried again: a service that was gone and is back gets the rest of its settings."""
    service = named(simulator, "Kestrel")
    simulator.inject(
        Fault("edit", method="POST", path=service.sid, edit=lambda world: world.delete_service(service.sid))
    )
    assert code_of(driver.apply()) == 4
    simulator.world.first.services[service.sid] = service
    sent = len(simulator.requests)
    report = driver.resume()
    assert code_of(report) == 0
    assert {request.path.split("/")[3] for request in posts(simulator, sent)} == {service.sid}
    assert set(states(report, service.sid).values()) == {"verified"}


def test_what_is_done_is_not_done_again(simulator, driver):
    """Resume asks nothing about a step that is settled, and reads each target once, right before its write."""
    driver.apply(services=3)
    sent = len(simulator.requests)
    driver.resume()
    paths = [request.path for request in posts(simulator)]
    assert len(paths) == len(set(paths)) == 15
    asked = [r for r in simulator.requests[sent:] if r.path != "/v1/Configuration"]
    read, written = ({r.path for r in asked if r.method == method} for method in ("GET", "POST"))
    assert read == written
    assert len(asked) == 2 * len(written)


def test_again_and_again(simulator, driver):
    """A run may be continued a few services at a time until it is finished."""
    left = driver.apply(services=4).summary
    runs = 0
    while (report := driver.resume(services=4)) is not None:
        assert code_of(report) in (0, 4)
        runs += 1
    assert runs == -(-(left.services_to_change - 4) // 4)
    assert driver.run().summary.steps == 0


def test_what_changed_since_the_diff_is_left(simulator, driver):
    """A resume reads a target before it writes to it, and leaves what somebody has changed since the diff."""
    driver.apply(services=1)
    service = named(simulator, "Alder")
    service.conversations_webhooks["post_webhook_url"] = "https://somebody.example.com/"
    report = driver.resume()
    assert states(report, service.sid)["webhooks"] == "drifted"
    assert service.conversations_webhooks["post_webhook_url"] == "https://somebody.example.com/"
    assert code_of(report) == 6


def test_a_stop_before_the_next_try(simulator, driver):
    """A stop that comes while a call waits to be tried again ends the run without another request."""
    stop = StopToken()
    fault = Fault("edit", method="POST", edit=lambda _world: stop.set())
    simulator.inject(fault, Fault("429", method="POST", nth=2, times=None))
    with pytest.raises(Interrupted, match="chat-migrate resume"):
        replace(driver, stop=stop).apply()
    assert len(posts(simulator)) <= 16


def test_a_stop_during_the_diff(simulator, driver):
    """What was exported is not exported again: the run goes on from its snapshot."""
    stop = StopToken()
    simulator.inject(Fault("edit", api="conversations", nth=30, edit=lambda _world: stop.set()))
    with pytest.raises(Interrupted, match="before anything was written"):
        replace(driver, stop=stop).run(concurrency=1)
    sent = len(simulator.requests)
    assert code_of(driver.resume()) == 0
    paths = [request.path for request in simulator.requests[sent:]]
    assert [path for path in paths if path.startswith("/v2/") or path == "/v1/Services"] == []
    assert [row["number"] for row in driver.rows("SELECT count(*) AS number FROM snapshots")] == [2]


def test_a_stop_before_the_last_look(two, elsewhere, monkeypatch):
    """All is written and only the last look is left: nothing claims that nothing was written, and resume ends it."""
    stop = StopToken()

    def interrupted(work):
        stop.set()
        return look_for_leftovers(work)

    two.inject(Fault("500_before", method="POST", path="/v1/Services$"))
    with monkeypatch.context() as patched:
        patched.setattr("migrate.commands.apply.look_for_leftovers", interrupted)
        with pytest.raises(
            RunInterrupted, match="What was done is recorded; `chat-migrate resume` continues"
        ):
            replace(elsewhere, stop=stop).run(target="new")
    sent = len(two.requests)
    assert code_of(elsewhere.resume()) == 0
    assert posts(two, sent) == []
    assert differences_between(two, list(two.world.accounts)[1]) == []


def test_a_stop_when_a_resume_has_just_begun(driver):
    """What an earlier session has written is not denied by a stop at the beginning of the next one."""
    driver.apply(services=1)
    stop = StopToken()
    stop.set()
    with pytest.raises(RunInterrupted, match="What was done is recorded; `chat-migrate resume` continues"):
        replace(driver, stop=stop).resume()


def test_a_database_that_fails_after_the_question_leaves_the_run_to_resume(simulator, tool, monkeypatch):
    """Where the consent cannot be recorded, resume goes on as the error says; it does not find the run finished."""

    def locked(store, _lock):
        raise write_error(store.path, sqlite3.OperationalError("database is locked"))

    with monkeypatch.context() as patched:
        patched.setattr("migrate.commands.apply.renew", locked)
        result = tool("run", "--yes")
    assert (result.code, posts(simulator)) == (1, [])
    assert "chat-migrate resume" in result.err
    result = tool("resume", "--yes", "--format", "json")
    assert (result.code, result.json["summary"]["steps_by_state"]) == (0, {"verified": 15})
