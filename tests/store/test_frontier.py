"""What is ready: needs before what needs them, each step once a session, in bounded batches."""

from __future__ import annotations

import pytest
from stored import make_plan, make_run, planned, record, sid, step, take_snapshot

from migrate.store import frontier, plans, runs
from migrate.store.frontier import Frontier, Scope, skip_all


@pytest.fixture(autouse=True)
def small_batches(monkeypatch):
    """So that a few steps fill several batches."""
    monkeypatch.setattr(frontier, "LOOK", 3)


def keys(steps):
    """Their keys."""
    return [step.key for step in steps]


def test_a_need_comes_first_and_what_needs_it_follows(store):
    """A tree, a join and a chain are given out in an order in which everything is settled that is needed."""
    steps = [
        (0, step("create")),
        *((1, step(f"role {number}", ["create"])) for number in range(4)),
        (2, step("configuration", [f"role {number}" for number in range(3)])),
        (2, step("free")),
        (3, step("last", ["configuration"])),
    ]
    ahead = Frontier(store, make_run(store, make_plan(store, steps)), 1)
    assert keys(ahead.ready(10)) == ["create", "free"]
    assert ahead.ready(10) == []
    assert ahead.under_way == 2
    ahead.settled("create")
    assert keys(ahead.ready(10)) == []  # nothing on disk says that it is settled


def test_what_is_settled_opens_what_needs_it(store, write):
    """As soon as the last need is settled, and not before, a step is ready."""
    steps = [
        (0, step("create")),
        *((1, step(f"role {number}", ["create"])) for number in range(4)),
        (2, step("configuration", [f"role {number}" for number in range(3)])),
    ]
    run = make_run(store, make_plan(store, steps))
    ahead = Frontier(store, run, 1)
    given = []
    while batch := keys(ahead.ready(2)):
        given.append(batch)
        write(run, *(record(key, "intent", "verified") for key in batch))
        for key in batch:
            ahead.settled(key)
    assert given == [["create"], ["role 0", "role 1"], ["role 2", "role 3"], ["configuration"]]
    assert ahead.under_way == 0


def test_a_failed_step_stops_only_what_needs_it(store, write):
    """The rest goes on; in the next session the failed step is given out again, and its followers after it."""
    steps = [(0, step("a")), (0, step("b")), (1, step("a2", ["a"])), (1, step("b2", ["b"]))]
    run = make_run(store, make_plan(store, steps))
    ahead = Frontier(store, run, 1)
    assert keys(ahead.ready(10)) == ["a", "b"]
    write(run, record("a", "intent", "failed"), record("b", "intent", "verified"))
    ahead.left("a")
    ahead.settled("b")
    assert keys(ahead.ready(10)) == ["b2"]
    write(run, record("b2", "intent", "verified"))
    ahead.settled("b2")
    assert (ahead.ready(10), ahead.under_way) == ([], 0)
    again = Frontier(store, run, runs.new_session(store, run))
    assert keys(again.ready(10)) == ["a"]


def test_no_step_is_given_out_twice_in_a_session(store, write):
    """Neither what is under way nor what was worked on comes again, whichever of its needs is settled when."""
    steps = [(0, step("a")), (0, step("b")), *((1, step(f"c{number}", ["a", "b"])) for number in range(7))]
    run = make_run(store, make_plan(store, steps))
    ahead = Frontier(store, run, 1)
    ahead.ready(2)
    write(run, record("a", "verified"), record("b", "verified"))
    ahead.settled("a")
    first = keys(ahead.ready(4))
    write(run, *(record(key, "intent", "failed") for key in first))
    for key in first:
        ahead.left(key)
    ahead.settled("b")
    rest = keys(ahead.ready(100))
    assert sorted(first + rest) == [f"c{number}" for number in range(7)]


@pytest.mark.parametrize(
    ("state", "allow_drift", "expected"),
    [
        ("intent", False, ["a"]),
        ("unknown", False, ["a"]),
        ("failed", False, ["a"]),
        ("applied", False, []),
        ("skipped", False, []),
        ("verified", True, []),
        ("altered", True, []),
        ("drifted", False, []),
        ("drifted", True, ["a"]),
    ],
)
def test_a_resume_takes_up_what_is_not_settled(store, write, state, allow_drift, expected):
    """What is settled stays; what drifted is taken up only where that is allowed."""
    run = make_run(store, make_plan(store, [(0, step("a"))]))
    write(run, record("a", state))
    again = Frontier(store, run, runs.new_session(store, run), Scope(allow_drift=allow_drift))
    assert keys(again.ready(10)) == expected


@pytest.fixture
def three(store):
    """A run on three services with two steps each."""
    snapshot = take_snapshot(store, 1, 2, 3)
    steps = [(phase, step(f"{number}/{phase}", service=number)) for phase in (0, 1) for number in (1, 2, 3)]
    services = [planned(number) for number in (1, 2, 3)]
    return make_run(store, make_plan(store, steps, snapshot=snapshot, services=services))


def test_steps_come_in_the_order_of_their_phases(store, three):
    """First all of one phase, then the next, each as it was planned."""
    assert keys(Frontier(store, three, 1).ready(4)) == ["1/0", "2/0", "3/0", "1/1"]


def test_only_the_services_that_are_wanted(store, three):
    """Other services' steps stay where they are."""
    scope = Scope(only=frozenset({sid(2)}))
    assert keys(Frontier(store, three, 1, scope).ready(10)) == ["2/0", "2/1"]


def test_a_limit_prefers_what_was_never_worked_on(store, three, write):
    """A service that fails each time does not keep the others waiting for ever."""
    assert keys(Frontier(store, three, 1, Scope(limit=1)).ready(10)) == ["1/0", "1/1"]
    write(three, record("1/0", "intent", "failed"), record("2/0", "verified"), record("2/1", "verified"))
    session = runs.new_session(store, three)
    assert keys(Frontier(store, three, session, Scope(limit=1)).ready(10)) == ["3/0", "3/1"]
    assert keys(Frontier(store, three, session, Scope(limit=2)).ready(10)) == ["1/0", "3/0", "1/1", "3/1"]


def test_a_limit_does_not_count_what_is_done(store, three, write):
    """Otherwise what comes last would never be worked on again after it has failed."""
    write(three, *(record(f"{number}/{phase}", "verified") for number in (1, 2) for phase in (0, 1)))
    write(three, record("3/0", "intent", "failed"))
    session = runs.new_session(store, three)
    assert keys(Frontier(store, three, session, Scope(limit=1)).ready(10)) == ["3/0", "3/1"]


def test_most_bounds_how_many_of_a_kind_are_worked_on(store):
    """A session takes at most so many steps of that kind, and all of every other."""
    steps = [(0, step(f"c{number}", kind="channels")) for number in range(5)] + [(1, step("other"))]
    run = make_run(store, make_plan(store, steps))
    ahead = Frontier(store, run, 1, Scope(most={"channels": 2}))
    assert [*keys(ahead.ready(1)), *keys(ahead.ready(10))] == ["c0", "c1", "other"]
    assert ahead.ready(10) == []


def test_a_rollback_goes_backwards_through_what_was_written(store, write):
    """What was needed is undone after what needed it; what was not written is not touched."""
    steps = [
        (0, step("create")),
        (1, step("role", ["create"])),
        (1, step("refused", ["create"])),
        (2, step("configuration", ["role"])),
    ]
    run = make_run(store, make_plan(store, steps))
    write(run, *(record(key, "intent", "verified") for key in ("create", "role", "configuration")))
    write(run, record("refused", "intent", "failed", decided=1))
    back = make_run(store, plans.by_number(store, run.plan), command="rollback", undoes=run)
    behind = Frontier(store, back, 1)
    given = []
    while batch := keys(behind.ready(10)):
        given.append(batch)
        write(back, *(record(key, "intent", "rolled_back") for key in batch))
        for key in batch:
            behind.settled(key)
    assert given == [["configuration"], ["role"], ["create"]]


def test_what_a_rollback_has_passed_by_is_found_again(store, write):
    """What had to wait for what needs it is undone as soon as it may be, not only at the plan's beginning."""
    steps = [*((0, step(f"f{number}")) for number in range(6)), (1, step("x")), (2, step("y", ["x"]))]
    run = make_run(store, make_plan(store, steps))
    write(run, *(record(each.key, "intent", "verified") for _, each in steps))
    back = make_run(store, plans.by_number(store, run.plan), command="rollback", undoes=run)
    behind = Frontier(store, back, 1)
    given = []
    while batch := keys(behind.ready(1)):
        given += batch
        write(back, *(record(key, "intent", "rolled_back") for key in batch))
        behind.settled(batch[0])
    assert given == ["y", "f5", "x", "f4", "f3", "f2", "f1", "f0"]


def test_what_nobody_consented_to_is_skipped_but_not_what_may_have_been_sent(store, write, monkeypatch):
    """All open steps of a kind become skipped, over several batches; settled and undecided ones stay as they are."""
    monkeypatch.setattr(frontier, "BATCH", 2)
    channels = [(0, step(f"channel {number}", kind="channels")) for number in range(6)]
    steps = [(0, step("other", service=2)), *channels]
    run = make_run(store, make_plan(store, steps))
    write(
        run,
        record("channel 1", "verified"),
        record("channel 2", "intent", "unknown"),
        record("channel 3", "failed"),
    )
    skip_all(store, run, ["channels"], "Not opted in.")
    assert runs.counts_by_kind(store, run) == {
        "channels": {"skipped": 4, "unknown": 1, "verified": 1},
        "thing": {"planned": 1},
    }
    assert runs.state(store, run, "channel 0").last.message == "Not opted in."
    entries = store.rows("SELECT state FROM journal WHERE key = 'channel 3' ORDER BY id")
    assert [entry["state"] for entry in entries] == ["failed", "skipped"]
    assert keys(Frontier(store, run, 2).ready(10)) == ["other", "channel 2"]
    states = store.rows("SELECT DISTINCT kind, source_sid FROM step_state")
    assert states == [{"kind": "channels", "source_sid": sid(1)}]
