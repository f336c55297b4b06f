"""Runs and what they leave: which one is meant, what is left of it, and who stands for whom."""

from __future__ import annotations

from pathlib import Path

import pytest
from stored import ACCOUNT, OTHER, make_plan, make_run, planned, record, sid, step, take_snapshot

from mappings import Resource
from migrate.core.errors import BadInput
from migrate.model.state import Counterpart, Entry, State
from migrate.model.step import Action
from migrate.store import counterparts, plans, refusals, runs


@pytest.fixture
def plan(store):
    """A plan with a create and two updates, on two services."""
    steps = [
        (0, step("create", action=Action.CREATE)),
        (1, step("one")),
        (1, step("two", kind="other", service=2)),
    ]
    services = [planned(1, target_sid=None), planned(2)]
    return make_plan(store, steps, snapshot=take_snapshot(store, 1, 2), services=services)


def test_a_run_comes_back_as_it_was_started(store, plan):
    """Options, accounts and phases are kept; a run without a plan gets one later."""
    run = runs.start(
        store,
        account_sid=ACCOUNT,
        target_account_sid=OTHER,
        command="run",
        phase="export",
        plan=None,
        options={"a": [1]},
    )
    assert (run.plan, run.phase, run.options, run.finished_at) == (None, "export", {"a": [1]}, None)
    run = runs.set_phase(store, run, "apply", plan=plan)
    assert (run.plan, run.phase, run.target_account_sid) == (plan.number, "apply", OTHER)
    assert (runs.new_session(store, run), runs.new_session(store, run)) == (1, 2)
    runs.finish(store, run)
    assert (runs.get(store, run.id).phase, runs.get(store, run.id).finished_at is None) == ("done", False)
    with pytest.raises(BadInput, match="no run 99"):
        runs.get(store, 99)


def test_the_latest_run_is_that_of_the_account(store, plan):
    """Another account's run is neither the latest nor the one to resume."""
    theirs = make_plan(store, [], snapshot=take_snapshot(store, 1, account=OTHER))
    assert runs.find_latest(store, ACCOUNT) is None
    mine, other = make_run(store, plan), make_run(store, theirs)
    assert runs.find_latest(store, ACCOUNT).id == runs.find_unfinished(store, ACCOUNT).id == mine.id
    assert runs.find_latest(store, None).id == runs.find_unfinished(store, OTHER).id == other.id
    runs.finish(store, mine)
    assert runs.find_unfinished(store, ACCOUNT) is None
    assert runs.find_latest_of(store, plan).id == mine.id
    assert runs.find_latest_of(store, theirs).id == other.id


def test_a_create_that_nobody_decided_is_found_again(store, plan, write):
    """Though a newer run has finished, the run with the undecided create is the one to resume."""
    first = make_run(store, plan)
    write(first, record("create", "intent", "unknown"), record("one", "intent", "unknown"))
    second = make_run(store, plan)
    runs.finish(store, second)
    assert runs.find_unfinished(store, ACCOUNT).id == first.id
    assert runs.undecided_create(store, ACCOUNT, second) is None
    write(first, record("create", "applied"))
    assert runs.undecided_create(store, ACCOUNT) is None


def test_only_what_may_have_written_is_to_be_undone(store, plan, write):
    """Neither a run that was refused everything nor one that a finished rollback has undone."""
    refused = make_run(store, plan)
    write(refused, record("one", "intent", "failed"))
    assert runs.find_latest_to_undo(store, ACCOUNT) is None
    run = make_run(store, plan)
    write(run, record("one", "intent"))
    assert runs.find_latest_to_undo(store, ACCOUNT).id == run.id
    assert runs.find_latest_to_undo(store, OTHER) is None
    back = make_run(store, plan, command="rollback", undoes=run)
    assert runs.find_rollback_of(store, run).id == back.id
    assert runs.find_latest_to_undo(store, ACCOUNT).id == run.id
    runs.finish(store, back)
    assert runs.find_latest_to_undo(store, ACCOUNT) is None


def test_steps_are_counted_by_state_and_kind(store, plan, write):
    """What nothing was done about is planned; a service is done when all of its steps are settled."""
    run = make_run(store, plan)
    assert runs.counts(store, run) == {"planned": 3}
    assert runs.services_done(store, run) == (0, 2)
    write(run, record("create", "intent", "verified"), record("two", "intent", "altered"))
    assert runs.counts(store, run) == {"altered": 1, "planned": 1, "verified": 1}
    assert runs.counts_by_kind(store, run) == {
        "other": {"altered": 1},
        "thing": {"planned": 1, "verified": 1},
    }
    assert runs.services_done(store, run) == (1, 2)
    write(run, record("one", "drifted"))
    assert runs.services_done(store, run) == (1, 2)
    back = make_run(store, plan, command="rollback", undoes=run)
    write(back, *(record(key, state) for key, state in (("create", "rolled_back"), ("two", "drifted"))))
    assert runs.services_done(store, back) == (1, 2)


def test_states_are_read_by_service_and_by_key(store, plan, write):
    """Only those about which something was done are there."""
    run = make_run(store, plan)
    write(run, record("create", "intent"), record("two", "intent"))
    assert set(runs.states(store, run, sid(1))) == {"create"}
    assert set(runs.states_of(store, run, [sid(1), sid(2)])) == {"create", "two"}
    assert set(runs.states_by_key(store, run, ["one", "two"])) == {"two"}


def test_troubles_are_told_newest_first(store, plan, write):
    """What is settled is no trouble; as many are told as are asked for."""
    run = make_run(store, plan)
    write(run, record("one", Entry(State.FAILED, "first")), record("two", "intent", "verified"))
    write(run, record("create", Entry(State.DRIFTED, "second")))
    assert [(key, state.last.message) for key, state in runs.troubles(store, run)] == [
        ("create", "second"),
        ("one", "first"),
    ]
    assert [key for key, _ in runs.troubles(store, run, 1)] == ["create"]


def test_history_names_every_id_that_a_command_asks_for(store, plan, write):
    """Snapshots, plans and runs of an account, oldest first, with what they hold and how far they came."""
    run = make_run(store, plan)
    write(run, record("one", "intent", "verified"))
    told = [
        (each.what, each.id, each.detail, each.state, each.counts) for each in runs.history(store, ACCOUNT)
    ]
    totals = {"services": 2, "services_to_change": 2, "changes": 2, "steps": 3}
    assert told == [
        ("snapshot", "1", "live", "finished", {"services": 2}),
        ("plan", plan.id, "same", "finished", totals),
        ("run", "1", "apply", "apply", {"planned": 2, "verified": 1}),
    ]
    assert runs.history(store, OTHER) == []
    assert len(runs.history(store, None)) == 3


def pair(source, target, of, how="created", name=""):
    """A pair: of a service if `of` is its own target, else of something in it."""
    return Counterpart("thing", how, name, source, target, sid(1), of)


def test_a_run_looks_up_what_stands_for_what_in_its_own_target(store, plan):
    """Of several targets of one source, that of the run counts; one that has none yet does not take another run's."""
    first, second = make_run(store, plan), make_run(store, plan)
    runs.known_pairs(store, first, [pair(sid(1), "IS8", "IS8"), pair("RL1", "RL8", "IS8")])
    runs.known_pairs(store, second, [pair(sid(1), "IS9", "IS9"), pair("RL1", "RL9", "IS9")])
    wanted = [sid(1), "RL1", "RL2"]
    assert counterparts.lookup(store, ACCOUNT, first, sid(1), wanted) == {sid(1): "IS8", "RL1": "RL8"}
    assert counterparts.lookup(store, ACCOUNT, second, sid(1), wanted) == {sid(1): "IS9", "RL1": "RL9"}
    third = make_run(store, plan)
    assert counterparts.lookup(store, ACCOUNT, third, sid(1), wanted) == {}
    assert counterparts.lookup(store, OTHER, second, sid(1), wanted) == {}
    assert counterparts.latest_created(store, ACCOUNT, sid(1)) == "IS9"
    assert counterparts.is_claimed(store, ACCOUNT, ["IS8", "RL9", "IS7"]) == {"IS8", "RL9"}
    assert sorted(counterparts.created(store, ACCOUNT)) == ["IS8", "IS9"]
    assert {row["target_sid"] for row in counterparts.current(store, ACCOUNT)} == {"IS9", "RL9"}
    assert list(counterparts.current(store, OTHER)) == []


def test_what_is_known_of_a_pair_stays_known(store, plan):
    """Who made it and its name outlive a later run that finds it; it becomes the newest pair again."""
    first, second = make_run(store, plan), make_run(store, plan)
    runs.known_pairs(store, first, [pair(sid(1), "IS8", "IS8", name="Eight"), pair(sid(1), "IS9", "IS9")])
    runs.known_pairs(store, second, [pair(sid(1), "IS8", "IS8", how="found")])
    [row] = counterparts.current(store, None)
    assert (row["target_sid"], row["how"], row["friendly_name"], row["run"]) == (
        "IS8",
        "created",
        "Eight",
        first.id,
    )


def test_a_service_that_is_removed_goes_with_all_that_is_in_it(store, plan, write):
    """A rollback's removal is noted; the run's creates are still told."""
    run = make_run(store, plan)
    runs.known_pairs(
        store, run, [pair(sid(1), "IS8", "IS8"), pair("RL1", "RL8", "IS8"), pair("RL2", "RL9", "IS9")]
    )
    write(run, record("create", "rolled_back", removed="IS8"))
    assert counterparts.lookup(store, ACCOUNT, run, sid(1), [sid(1), "RL1"]) == {}
    assert counterparts.created_by(store, run, "RL1") == "RL8"
    assert counterparts.latest_created(store, ACCOUNT, "RL1") is None
    assert counterparts.latest_created(store, ACCOUNT, "RL2") == "RL9"


def test_what_another_plan_has_created_since_is_found(store, plan):
    """Only a create of the same source item, by a run of another plan, after that moment, counts."""
    moment = "2000-01-01T00:00:00.000Z"
    runs.known_pairs(store, make_run(store, plan), [pair(sid(1), "IS8", "IS8")])
    assert counterparts.created_besides(store, ACCOUNT, plan.number, moment) is None
    other = make_plan(store, [], snapshot=take_snapshot(store, 1))
    runs.known_pairs(store, make_run(store, other), [pair(sid(1), "IS9", "IS9"), pair(sid(2), "IS7", "IS7")])
    assert counterparts.created_besides(store, ACCOUNT, plan.number, moment)["target_sid"] == "IS9"
    assert counterparts.created_besides(store, ACCOUNT, plan.number, "9999") is None
    assert counterparts.created_besides(store, OTHER, plan.number, moment) is None


def test_refusals_are_remembered_until_they_are_forgotten(store):
    """Of each service its own, by kind."""
    entry = Entry(State.FAILED, "no", 400, 50077)
    refusals.remember(store, ACCOUNT, "IS1", "webhooks", ("a", "b"), entry)
    refusals.remember(store, ACCOUNT, "IS2", "webhooks", ("a",), entry)
    refusals.forget(store, "IS1", "webhooks", ("b",))
    refusals.forget(store, "IS2", "other", ("a",))
    assert refusals.refused(store, "IS1") == frozenset({"a"})
    assert refusals.refused_many(store, ["IS1", "IS2", "IS3"]) == {
        "IS1": frozenset({"a"}),
        "IS2": frozenset({"a"}),
    }
    assert refusals.count_since(store, ACCOUNT, "2000") == 2
    assert refusals.count_since(store, OTHER, "2000") == 0


def test_no_kind_is_named():
    """Only the kind that mappings look at with its service is known by name; `plans.service` is a function."""
    words = {}
    for path in Path(plans.__file__).parent.glob("*.py"):
        text = path.read_text(encoding="utf-8")
        found = [kind.value for kind in Resource if f'"{kind.value}"' in text or f"'{kind.value}'" in text]
        if found:
            words[path.name] = found
    assert words == {"plans.py": ["service"], "snapshots.py": ["roles"]}
