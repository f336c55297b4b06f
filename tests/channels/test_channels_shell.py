"""The options about channels, as they are typed, and the question that names what can't be undone."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from driving import drive

from migrate.cli import present
from migrate.execute.work import Bounds
from migrate.simulator import Simulator
from migrate.store import open_store, plans


@pytest.fixture
def simulator():
    """One service with twelve public channels."""
    with Simulator(services=1, channels=12, public_share=1.0) as running:
        yield running


def types(simulator):
    """How many channels of each type the account has."""
    service = next(iter(simulator.world.first.services.values()))
    return Counter(channel.type for channel in service.channels.values())


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        (("diff", "--fire-webhooks"), "go with --channels only"),
        (("diff", "--channel-filter", "x"), "go with --channels only"),
        (("apply", "--yes", "--limit-channels", "3"), "--limit-channels goes with --channels only"),
        (("diff", "--channels", "--channel-filter", ""), "--channel-filter is empty"),
        (("diff", "--channels", "--only-channel", ""), "--only-channel : not a SID; CH and 32"),
        (("diff", "--channels", "--messaging-service-sid", ""), "--messaging-service-sid : not a SID; MG"),
        (("diff", "--channels", "--only-channel", "IS12"), "--only-channel IS12: not a SID; CH and 32"),
        (
            ("diff", "--channels", "--messaging-service-sid", "12"),
            "--messaging-service-sid 12: not a SID; MG",
        ),
        (("diff", "--channels", "--target", "new"), "--channels goes with --target same only"),
        (("diff", "--channels"), "Run `chat-migrate export --channels` first."),
    ],
)
def test_what_makes_no_sense_is_refused(tool, typed, told):
    """Each mistake gets one sentence, exit code 2, and nothing is stored."""
    assert tool("export").code == 0
    answer = tool(*typed)
    assert answer.code == 2
    assert told in answer.err
    assert tool.rows("SELECT * FROM runs") == []


def test_yes_alone_is_not_enough(tool, simulator):
    """`--yes` without --channels leaves the channels; `run --channels --yes` makes them private, all in one go."""
    assert tool("export", "--channels").code == 0
    assert tool("diff", "--channels").code == 0
    assert tool("apply", "--yes").code == 0
    assert types(simulator) == {"public": 12}
    done = tool("run", "--channels", "--yes")
    assert done.code == 0
    assert types(simulator) == {"private": 12}
    assert "12 verified" in done.out


def test_a_consent_that_comes_too_late_is_not_taken_for_done(tool, simulator):
    """A plan that was finished without --channels is refused with it, and a new plan makes the channels private."""
    assert tool("export", "--channels").code == 0
    assert tool("diff", "--channels").code == 0
    assert tool("apply", "--yes").code == 0
    late = tool("apply", "--yes", "--channels")
    assert late.code == 6
    assert late.err == (
        "Error: Run 1 has finished this plan without --channels, so its channels were skipped. Run "
        "`chat-migrate diff --channels` again, then apply the new plan with --channels.\n"
    )
    assert types(simulator) == {"public": 12}
    assert tool("diff", "--channels").code == 0
    assert tool("apply", "--yes", "--channels").code == 0
    assert types(simulator) == {"private": 12}
    assert tool("apply", "--yes", "--channels").code == 0


def test_every_report_says_that_it_cannot_be_undone(tool):
    """In the dry run each step of a channel is listed as irreversible."""
    assert tool("export", "--channels").code == 0
    report = tool("diff", "--channels", "--format", "json").json
    steps = [step for step in report["services"][0]["steps"] if step["resource"] == "channels"]
    assert [step["action"] for step in steps] == ["migrate"] * 12
    assert {step["reversible"] for step in steps} == {False}
    assert report["snapshot"]["examined"]["inventory"] == ["channels"]
    assert "can't be undone" in tool("diff", "--channels").out


@pytest.mark.parametrize(
    ("bounds", "asked"),
    [
        (Bounds(), ["Write them?"]),
        (Bounds(consents=frozenset({"channels"})), ["Write them?", "Go ahead with all 12?"]),
        (
            Bounds(consents=frozenset({"channels"}), limits={"channels": 1}),
            ["Write them?", "Go ahead with it?"],
        ),
    ],
)
def test_the_question_names_the_count(tmp_path, monkeypatch, capsys, bounds, asked):
    """What can't be undone is asked for by itself, with how many channels are meant, and only if it is allowed."""
    with Simulator(services=3, channels=4, public_share=1.0) as simulator:
        driver = drive(tmp_path, simulator)
        driver.export(inventory=frozenset({"channels"}))
        driver.diff(kinds={"channels": {}})
    questions = []
    monkeypatch.setattr(present, "confirm", questions.append)
    monkeypatch.setattr(present, "require_consent", lambda **_asked: None)
    with open_store(driver.db) as store:
        present.ask(store, plans.latest(store, simulator.account_sid), bounds, yes=False)
    assert questions == asked
    told = " ".join(capsys.readouterr().err.split())
    number = {1: None, 2: "1 channel" if bounds.limits else "12 channels"}[len(asked)]
    question = (
        f"About to make {number} private in account {simulator.account_sid}. This can't be undone: there"
    )
    assert (question in told) == (number is not None)


def test_a_run_that_is_over_with_chat_shows_its_report(tool, simulator):
    """Where Chat refuses in the middle of a run, the report of what is done is printed, and the exit code is 7."""
    assert tool("export", "--channels").code == 0
    assert tool("diff", "--channels").code == 0
    with Simulator(world=simulator.world, chat_status=403) as dead:
        late = replace(tool, environ={**tool.environ, **dead.environment()})
        answer = late("apply", "--channels", "--yes", "--concurrency", "1")
    assert answer.code == 7
    assert "stay invisible in Conversations" in answer.err
    assert "steps are done" in answer.out
    assert types(simulator) == {"public": 12}


def test_v2_serves_where_v1_is_not_asked(tool, simulator):
    """With `--api v2`, the inventory is read through v2."""
    assert tool("export", "--channels", "--api", "v2").code == 0
    listed = [request.path for request in simulator.requests if request.path.endswith("/Channels")]
    assert len(listed) == 1
    assert listed[0].startswith("/v2/")
    assert len(tool.rows("SELECT * FROM items WHERE kind = 'channels'")) == 12
