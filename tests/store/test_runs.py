"""Runs and what they leave: which one is meant, what is left of it, and who stands for whom."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from stored import ACCOUNT, OTHER, make_plan, make_run, planned, record, sid, step, take_snapshot

from mappings import Resource
from migrate.core.errors import BadInput
from migrate.model.state import Counterpart, Entry, Leftover, OwnWrite, State
from migrate.model.step import Action
from migrate.store import counterparts, own_writes, plans, runs


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
    write(refused, record("one", "intent", "failed", decided=1))
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
    """What nothing was done about is planned; a service is done when all of its steps are settled.

    A rollback is about those steps alone of which its run has written something.
    """
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
    assert runs.counts(store, back) == {"drifted": 1, "rolled_back": 1}
    assert runs.services_done(store, back) == (2, 2)


def test_states_are_read_by_service_and_by_key(store, plan, write):
    """Only those about which something was done are there."""
    run = make_run(store, plan)
    write(run, record("create", "intent"), record("two", "intent"))
    assert set(runs.states(store, run, [sid(1)], ["thing", "other"])) == {"create"}
    assert set(runs.states(store, run, [sid(2)], ["thing"])) == set()
    assert set(runs.states(store, run, [sid(2)], ["thing", "other"])) == {"two"}
    assert set(runs.states(store, run, [sid(1), sid(2)], ["thing", "other"])) == {"create", "two"}
    assert set(runs.states_by_key(store, run, ["one", "two"])) == {"two"}


def test_items_are_counted_by_state_without_reading_them(store, plan, write):
    """What nothing was done about is planned, of one kind of one service, before there is a run too."""
    assert runs.item_counts(store, None, "thing", sid(1), 2) == {State.PLANNED: 2}
    run = make_run(store, plan)
    write(run, record("create", "intent", "verified"), record("two", "intent"))
    assert runs.item_counts(store, run, "thing", sid(1), 2) == {State.PLANNED: 1, State.VERIFIED: 1}
    write(run, record("one", "verified"))
    assert runs.item_counts(store, run, "thing", sid(1), 2) == {State.VERIFIED: 2}
    assert runs.item_counts(store, run, "thing", sid(2), 0) == {}


def test_creates_that_may_have_left_something_are_found(store, plan, write):
    """More than one announced request, or a lost answer, may have left something behind; an update leaves nothing."""
    run = make_run(store, plan)
    write(run, record("create", "intent", "verified"), record("one", "intent", "unknown"))
    assert list(runs.lost_creates(store, run)) == []
    write(run, record("create", "intent", "verified"))
    assert [(each.key, state.attempts) for each, state in runs.lost_creates(store, run)] == [("create", 2)]
    other = make_run(store, plan)
    write(other, record("create", "intent"))
    assert [(each.key, state.undecided) for each, state in runs.lost_creates(store, other)] == [("create", 1)]


def test_leftovers_are_those_that_the_last_session_found(store, plan):
    """A later look replaces what an earlier one noted, of that run alone."""
    run, other = make_run(store, plan), make_run(store, plan)
    one = Leftover("thing", "IS8", "", {"friendly_name": "Eight"})
    two = Leftover("roles", "RL9", "IS9", {"friendly_name": "Nine", "permissions": ["a"]})
    runs.note_leftovers(store, run, [two, one])
    runs.note_leftovers(store, other, [one])
    assert runs.leftovers(store, run) == [one, two]
    runs.note_leftovers(store, run, [])
    assert runs.leftovers(store, run) == []
    assert runs.leftovers(store, other) == [one]


def test_older_writes_stand_below_what_is_to_be_undone(store, plan, write):
    """Earlier runs of the account that wrote and that nobody has undone, newest first."""
    first, refused, third, last = (make_run(store, plan) for _ in range(4))
    theirs = make_run(
        store, make_plan(store, [(0, step("x"))], snapshot=take_snapshot(store, 1, account=OTHER))
    )
    write(first, record("one", "intent", "verified"))
    write(refused, record("one", "intent", "failed", decided=1))
    write(third, record("one", "intent"))
    write(theirs, record("x", "intent", "verified"))
    assert runs.older_writes(store, last) == (third.id, first.id)
    assert runs.older_writes(store, first) == ()
    runs.finish(store, make_run(store, plan, command="rollback", undoes=third))
    assert runs.older_writes(store, last) == (first.id,)


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


def test_steps_are_found_by_where_they_stand(store, write):
    """Those of a service, of some kinds and in some states, in the order of the plan, over many batches."""
    steps = [step(f"{number}", kind="thing" if number else "other") for number in range(450)]
    plan = make_plan(store, [*((0, each) for each in steps), (0, step("elsewhere", service=2))])
    run = make_run(store, plan)
    write(run, record("4", "intent", "verified"))
    failed = ["elsewhere", *(f"{number}" for number in reversed(range(450)) if number != 4)]
    write(run, *(record(key, Entry(State.FAILED, "no")) for key in failed))
    found = list(runs.steps_in(store, run, sid(1), {"thing"}, {State.FAILED, State.DRIFTED}))
    assert [each.key for each, _ in found] == [f"{number}" for number in range(1, 450) if number != 4]
    assert {state.last.message for _, state in found} == {"no"}
    assert list(runs.steps_in(store, make_run(store, plan), sid(1), {"thing"}, set(State))) == []


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
    assert counterparts.within(store, ACCOUNT, sid(1), "IS8", ["thing"]) == {sid(1): "IS8", "RL1": "RL8"}
    assert counterparts.within(store, ACCOUNT, sid(2), "IS8", ["thing"]) == {}
    assert counterparts.of_run(store, first, sid(1), ["thing"]) == [
        pair(sid(1), "IS8", "IS8"),
        pair("RL1", "RL8", "IS8"),
    ]
    assert counterparts.of_run(store, second, sid(1), ["thing"]) == [
        pair(sid(1), "IS9", "IS9"),
        pair("RL1", "RL9", "IS9"),
    ]
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


def test_what_another_run_has_created_is_found(store, plan):
    """So that undoing a run never removes what an earlier one has made."""
    first, second = make_run(store, plan), make_run(store, plan)
    runs.known_pairs(store, first, [pair(sid(1), "IS8", "IS8"), pair("RL1", "RL8", "IS8")])
    runs.known_pairs(store, second, [pair("RL2", "RL9", "IS8"), pair("RL3", "RL7", "IS8", how="mapped")])
    told = [
        {each.target_sid: each.how for each in counterparts.of_run(store, run, sid(1), ["thing"])}
        for run in (first, second)
    ]
    assert told == [
        {"IS8": "created", "RL8": "created", "RL9": "found", "RL7": "mapped"},
        {"IS8": "found", "RL8": "found", "RL9": "created", "RL7": "mapped"},
    ]


def test_an_older_target_that_was_taken_up_again(store, plan):
    """A run that goes back to an earlier target of a service knows what is in that one."""
    first, second, third = (make_run(store, plan) for _ in range(3))
    runs.known_pairs(store, first, [pair(sid(1), "IS8", "IS8"), pair("RL1", "RL8", "IS8")])
    runs.known_pairs(store, second, [pair(sid(1), "IS9", "IS9"), pair("RL1", "RL9", "IS9")])
    runs.known_pairs(store, third, [pair(sid(1), "IS8", "IS8", how="mapped")])
    found = counterparts.of_run(store, third, sid(1), ["thing"])
    assert [(each.target_sid, each.how) for each in found] == [("RL8", "found"), ("IS8", "found")]


def test_a_run_knows_the_target_of_its_plan(store, plan):
    """Though another target of the same service was used later, by whatever run."""
    older = make_plan(store, [], services=[planned(1, target_sid="IS8")])
    in_place = make_plan(store, [], services=[planned(1)])
    first, second, third = make_run(store, older), make_run(store, plan), make_run(store, in_place)
    runs.known_pairs(store, first, [pair(sid(1), "IS8", "IS8", how="mapped"), pair("RL1", "RL8", "IS8")])
    runs.known_pairs(store, second, [pair(sid(1), "IS9", "IS9"), pair("RL1", "RL9", "IS9")])
    again = make_run(store, older)
    found = counterparts.of_run(store, again, sid(1), ["thing"])
    assert [(each.target_sid, each.how) for each in found] == [("IS8", "mapped"), ("RL8", "found")]
    assert counterparts.of_run(store, third, sid(1), ["thing"]) == []


def test_what_is_known_to_be_in_a_service(store, plan, write):
    """What a run has made or found there, of the kinds that are asked for, until it is removed."""
    run = make_run(store, plan)
    runs.known_pairs(
        store, run, [pair(sid(1), "IS8", "IS8"), pair("RL1", "RL8", "IS8"), pair("RL2", "RL9", "IS9")]
    )
    assert set(counterparts.items_within(store, ACCOUNT, "IS8", ["thing"])) == {
        ("thing", "IS8"),
        ("thing", "RL8"),
    }
    assert counterparts.items_within(store, ACCOUNT, "IS8", ["roles"]) == ()
    assert counterparts.items_within(store, OTHER, "IS8", ["thing"]) == ()
    write(run, record("create", "rolled_back", removed="RL8"))
    assert counterparts.items_within(store, ACCOUNT, "IS8", ["thing"]) == (("thing", "IS8"),)


@pytest.mark.parametrize(
    ("state", "given_up", "expected"),
    [
        ("verified", None, False),
        ("verified", (), False),
        ("verified", ("onUserAdded",), True),
        ("altered", None, True),
    ],
)
def test_what_has_ended_otherwise_than_planned(store, plan, write, state, given_up, expected):
    """A value that Twilio refuses or keeps differently, in this run and no other."""
    run, other = make_run(store, plan), make_run(store, plan)
    write(run, record("one", "intent", state, given_up=given_up))
    assert runs.has_other_outcomes(store, run) is expected
    assert runs.has_other_outcomes(store, other) is False


def test_a_service_that_is_removed_goes_with_all_that_is_in_it(store, plan, write):
    """A rollback's removal is noted; the run's creates are still told."""
    run = make_run(store, plan)
    runs.known_pairs(
        store, run, [pair(sid(1), "IS8", "IS8"), pair("RL1", "RL8", "IS8"), pair("RL2", "RL9", "IS9")]
    )
    write(run, record("create", "rolled_back", removed="IS8"))
    assert counterparts.lookup(store, ACCOUNT, run, sid(1), [sid(1), "RL1"]) == {}
    assert counterparts.within(store, ACCOUNT, sid(1), "IS8", ["thing"]) == {}
    assert counterparts.latest_created(store, ACCOUNT, "RL1") is None
    assert counterparts.latest_created(store, ACCOUNT, "RL2") == "RL9"
    assert [counterparts.is_created(store, ACCOUNT, each) for each in ("RL8", "IS8", "RL9")] == [
        False,
        False,
        True,
    ]
    assert counterparts.is_claimed(store, ACCOUNT, ["IS8", "RL8"]) == {"IS8", "RL8"}


def test_what_was_removed_may_be_created_again(store, plan, write):
    """A pair that a rollback has removed is told as created once a later run knows it as such."""
    run = make_run(store, plan)
    runs.known_pairs(store, run, [pair(sid(1), "IS8", "IS8"), pair("RL1", "RL8", "IS8")])
    write(run, record("create", "rolled_back", removed="RL8"))
    assert counterparts.of_run(store, run, sid(1), ["thing"])[1] == pair("RL1", "RL8", "IS8", how="removed")
    runs.known_pairs(store, run, [pair("RL1", "RL8", "IS8", how="found")])
    assert counterparts.within(store, ACCOUNT, sid(1), "IS8", ["thing"]) == {sid(1): "IS8", "RL1": "RL8"}
    assert not counterparts.is_created(store, ACCOUNT, "RL8")
    assert counterparts.is_created(store, ACCOUNT, "IS8")
    assert not counterparts.is_created(store, OTHER, "IS8")


def test_what_another_plan_has_created_since_is_found(store, plan):
    """Only a create of the same source item in the same account, by a run of another plan, since this plan, counts."""
    runs.known_pairs(store, make_run(store, plan), [pair(sid(1), "IS8", "IS8")])
    assert counterparts.created_besides(store, plan) is None
    other = make_plan(store, [], snapshot=take_snapshot(store, 1))
    runs.known_pairs(
        store, make_run(store, other), [pair(sid(2), "IS7", "IS7"), pair(sid(1), "IS6", "IS6", "found")]
    )
    assert counterparts.created_besides(store, plan) is None
    runs.known_pairs(store, make_run(store, other), [pair(sid(1), "IS9", "IS9")])
    assert counterparts.created_besides(store, plan)["target_sid"] == "IS9"
    assert counterparts.created_besides(store, replace(plan, created_at="9999")) is None
    assert counterparts.created_besides(store, replace(plan, target_account_sid=OTHER)) is None


def refuse(store, service, *values, kind="webhooks"):
    """Remember that Twilio has refused values for a service."""
    with store.writing() as db:
        own_writes.remember(db.conn, ACCOUNT, OwnWrite(kind, service, service, {}, {}, {}), values)


def test_refusals_are_remembered_once_each(store):
    """Of each service its own, however often Twilio says so."""
    refuse(store, "IS1", "a", "b")
    refuse(store, "IS1", "a")
    refuse(store, "IS2", "a")
    refuse(store, "IS2")
    assert own_writes.refused(store, "IS1") == frozenset({"a", "b"})
    assert own_writes.refused(store, "IS3") == frozenset()
    assert own_writes.refused(store, "IS2") == frozenset({"a"})
    assert store.value("SELECT count(*) FROM refusals") == 3


def test_no_kind_is_named():
    """Only the kind that mappings look at with its service is known by name."""
    words = {}
    for path in Path(plans.__file__).parent.glob("*.py"):
        text = path.read_text(encoding="utf-8")
        found = [kind.value for kind in Resource if f'"{kind.value}"' in text or f"'{kind.value}'" in text]
        if found:
            words[path.name] = found
    assert words == {"snapshots.py": ["roles"]}
