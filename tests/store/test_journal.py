"""The journal: on disk at return, all or nothing, fenced by the lock, and the states that follow from it."""

from __future__ import annotations

import asyncio
import sqlite3
import threading

import pytest
from stored import ACCOUNT, make_plan, make_run, planned, record, sid, step, take_snapshot

from migrate.core.clock import ticks
from migrate.core.errors import LockLost, MigrateError
from migrate.model.state import Counterpart, Entry, OwnWrite, State
from migrate.model.step import Action
from migrate.store import counterparts, lock, own_writes, runs
from migrate.store.journal import Journal


@pytest.fixture
def run(store):
    """A run of a plan with two steps, the first of which makes the service."""
    steps = [(0, step("a", action=Action.CREATE)), (1, step("b"))]
    return make_run(store, make_plan(store, steps, services=[planned(1, target_sid=None)]))


def test_what_was_recorded_is_on_disk_at_return(store, run, write, path):
    """Another connection sees the lines in order, and the clock has not gone back since."""
    before = ticks()
    at = write(run, record("a", "intent"), record("a", Entry(State.FAILED, "no", 400, 50077, "RQ1")))
    connection = sqlite3.connect(path)
    found = connection.execute(
        "SELECT key, state, status, code, request_id, message FROM journal ORDER BY id"
    ).fetchall()
    connection.close()
    assert found == [("a", "intent", None, None, None, ""), ("a", "failed", 400, 50077, "RQ1", "no")]
    assert before <= at <= ticks()


FOLLOWS = {
    "a success": (["intent", "applied", "verified"], ("verified", 1, 0, True)),
    "a value of Twilio's own": (["intent", "altered"], ("altered", 1, 0, True)),
    "a refusal": (["intent", "refused"], ("failed", 1, 0, False)),
    "a failure that decides nothing": (["intent", "failed"], ("failed", 1, 1, True)),
    "a refusal after a lost answer": (
        ["intent", "unknown", "intent", "refused"],
        ("failed", 2, 1, True),
    ),
    "two refusals": (["intent", "refused", "intent", "refused"], ("failed", 2, 0, False)),
    "a success after a lost answer": (["intent", "unknown", "intent", "verified"], ("verified", 2, 0, True)),
    "a lost answer": (["intent", "unknown"], ("unknown", 1, 1, True)),
    "a kill": (["intent"], ("intent", 1, 1, True)),
    "two lost answers": (["intent", "unknown", "intent", "unknown"], ("unknown", 2, 2, True)),
    "found done after a kill": (["intent", "applied"], ("applied", 1, 0, True)),
    "found done at once": (["verified"], ("verified", 0, 0, False)),
    "someone's edit": (["drifted"], ("drifted", 0, 0, False)),
    "something else after a lost answer": (["intent", "unknown", "drifted"], ("drifted", 1, 0, True)),
    "a refusal after a success": (["intent", "applied", "intent", "refused"], ("failed", 2, 0, True)),
    "no consent": (["skipped"], ("skipped", 0, 0, False)),
    "an undoing": (["intent", "rolled_back"], ("rolled_back", 1, 0, True)),
}


REFUSED = record("a", "failed", decided=1)
"""Twilio has refused the last request: it had no effect."""


@pytest.mark.parametrize("together", [False, True])
@pytest.mark.parametrize(("states", "expected"), FOLLOWS.values(), ids=FOLLOWS)
def test_the_state_follows_from_the_lines(store, run, write, states, expected, together):
    """Attempts, undecided requests and effects are counted alike, in one commit or in several."""
    records = [REFUSED if each == "refused" else record("a", each) for each in states]
    if together:
        write(run, *records)
    else:
        for each in records:
            write(run, each)
    state = runs.state(store, run, "a")
    assert (state.last.state.value, state.attempts, state.undecided, state.wrote) == expected
    assert runs.state(store, run, "b") is None


def test_lines_of_one_record_are_counted_one_by_one(store, run, write):
    """An intent and what came of it, recorded at once, lead where they lead one after the other."""
    write(run, record("a", "intent", "failed", decided=1), record("b", "intent", "unknown"))
    write(run, record("a", "intent", "verified"), record("b", "failed"))
    first, second = runs.state(store, run, "a"), runs.state(store, run, "b")
    assert (first.last.state, first.attempts, first.undecided, first.wrote) == (State.VERIFIED, 2, 0, True)
    assert (second.last.state, second.attempts, second.undecided, second.wrote) == (State.FAILED, 1, 1, True)


def test_a_first_record_may_hold_all_of_a_step(store, run, write):
    """An intent and its success that are recorded at once leave nothing undecided, and count as a write."""
    write(run, record("a", "intent", "applied", "verified"))
    found = runs.state(store, run, "a")
    assert (found.last.state, found.attempts, found.undecided, found.wrote) == (State.VERIFIED, 1, 0, True)


def test_the_sids_before_the_last_announced_create_are_kept(store, run, write):
    """Those that the last intent names count; a line that names none leaves them."""
    write(run, record("a", "intent", known=("IS8",)))
    write(run, record("a", "intent", known=("IS8", "IS9")))
    write(run, record("a", "unknown"))
    write(run, record("b", "intent", known=()))
    assert runs.state(store, run, "a").known == ("IS8", "IS9")
    assert runs.state(store, run, "b").known == ()


def test_what_is_overwritten_is_what_was_there_last(store, run, write):
    """The values that the last announced request writes over count; a line that names none leaves them."""
    write(run, record("b", "intent", overwritten={"x": 1}))
    write(run, record("b", "intent", overwritten={"x": 2}))
    write(run, record("b", "applied"), record("a", "intent"))
    assert runs.state(store, run, "b").overwritten == {"x": 2}
    assert runs.state(store, run, "a").overwritten is None
    assert runs.state(store, run, "a").known is None


def test_values_that_were_given_up_stay_given_up(store, run, write):
    """What Twilio has refused is known to a later session; it counts as worked on in the session that wrote last."""
    write(run, record("b", "intent", given_up=("onUserAdded",)))
    assert runs.state(store, run, "b").session == 1
    runs.new_session(store, run)
    write(run, record("b", "applied"))
    assert runs.state(store, run, "b").given_up == ("onUserAdded",)
    assert runs.state(store, run, "b").session == 2
    write(run, record("b", "intent", given_up=()))
    assert runs.state(store, run, "b").given_up == ()


def test_texts_that_sqlite_cannot_hold_are_spelled_out(store, run, write):
    """A lone surrogate and a zero character in Twilio's words, or in values, do not stop the journal."""
    write(
        run, record("a", Entry(State.FAILED, "bad \ud83d\0 end \u00fc", 400, 1, "RQ\udc80", {"x": "\ud83d"}))
    )
    entry = runs.state(store, run, "a").last
    assert entry.message == "bad \\ud83d\\u0000 end \u00fc"
    assert entry.request_id == "RQ\\udc80"
    assert entry.seen == {"x": "\ud83d"}


def test_all_that_waits_is_committed_together(store, run, write):
    """A pair, an own write and a hundred records at once arrive whole."""
    pair = Counterpart("thing", "created", "name", sid(1), "IS9", sid(1), "IS9")
    own = OwnWrite("thing", "IS9", "IS9", {"a": 1}, {"a": 2}, {"a": 2, "b": 3})
    records = [record("b", "intent") for _ in range(100)]
    write(run, record("a", "applied", counterpart=pair, own_write=own), *records)
    assert runs.state(store, run, "b").attempts == 100
    assert counterparts.lookup(store, ACCOUNT, run, sid(1), [sid(1)]) == {sid(1): "IS9"}
    assert counterparts.of_run(store, run, sid(1), ["thing"]) == [pair]
    assert own_writes.own_write(store, ACCOUNT, "thing", "IS9") == own
    assert own_writes.own_writes(store, ACCOUNT, "IS9", [own.kind]) == [own]
    write(run, record("a", "rolled_back", removed="IS9"))
    assert counterparts.latest_created(store, ACCOUNT, sid(1)) is None
    assert [(pair.target_sid, pair.how) for pair in counterparts.of_run(store, run, sid(1), ["thing"])] == [
        ("IS9", "removed")
    ]


def test_refused_values_are_remembered_with_the_write_that_went_without_them(store, run, write):
    """Nothing is remembered before the rest took effect, and nothing where the commit failed."""
    own = OwnWrite("thing", "IS9", "IS9", {}, {"a": 2}, {"a": 2})
    write(run, record("a", "intent", given_up=("onUserAdded",)))
    assert own_writes.refused(store, "IS9") == frozenset()
    with pytest.raises(AssertionError):
        write(
            run,
            record("a", "applied", own_write=own, given_up=("onUserAdded",)),
            record("nowhere", "intent"),
        )
    assert own_writes.refused(store, "IS9") == frozenset()
    write(run, record("a", "applied", own_write=own, given_up=("onUserAdded", "onUserUpdated")))
    write(run, record("b", "applied", own_write=own))
    assert own_writes.refused(store, "IS9") == frozenset({"onUserAdded", "onUserUpdated"})


def in_journal(store, run, work):
    """Run a coroutine function with a held lock's journal."""

    async def inside(held):
        async with Journal(store, run, held) as journal:
            return await work(journal, held)

    with lock.held(store, run.account_sid, "apply", threading.Event()) as held:
        return asyncio.run(inside(held))


def test_without_the_lock_nothing_is_recorded(store, run):
    """Once another run holds the lock, every task that waits is told, and no line is written."""

    async def work(journal, held):
        lock.unlock(store, held.id)
        tasks = [journal.record(record(key, "intent")) for key in ("a", "b", "a")]
        return await asyncio.gather(*tasks, return_exceptions=True)

    outcomes = in_journal(store, run, work)
    assert [type(outcome) for outcome in outcomes] == [LockLost, LockLost, LockLost]
    assert outcomes[0].exit_code == 8
    assert store.value("SELECT count(*) FROM journal") == 0


def test_recording_shows_that_the_holder_lives(store, run):
    """Each commit moves the lock's beat."""

    async def work(journal, _held):
        before = store.value("SELECT beat FROM lock")
        await journal.record(record("a", "intent"))
        return store.value("SELECT beat FROM lock") - before

    assert in_journal(store, run, work) == 1


def test_a_disk_that_fails_is_told_to_all_and_the_next_group_works(store, run):
    """An error reaches every task that waits; nothing of the group is kept, and the journal goes on."""

    async def work(journal, _held):
        journal._connection.execute("PRAGMA query_only = ON")
        tasks = [journal.record(record(key, "intent")) for key in ("a", "b")]
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        journal._connection.execute("PRAGMA query_only = OFF")
        await journal.record(record("b", "intent"))
        return outcomes

    outcomes = in_journal(store, run, work)
    assert [type(outcome) for outcome in outcomes] == [MigrateError, MigrateError]
    assert "cannot be written" in str(outcomes[0])
    assert [row["key"] for row in store.rows("SELECT key FROM journal")] == ["b"]


def test_an_entry_of_no_step_is_a_bug_that_shows(store, run, write):
    """A key that the plan does not have is refused, and nothing of its group is kept."""
    with pytest.raises(AssertionError, match="1 of 1 records"):
        write(run, record("nowhere", "intent"))
    assert store.value("SELECT count(*) FROM journal") == 0


def test_a_task_that_is_cancelled_harms_no_other(store, run):
    """Who stops waiting has its line recorded all the same, and who waits on gets its answer."""

    async def work(journal, _held):
        one = asyncio.ensure_future(journal.record(record("a", "intent")))
        two = asyncio.ensure_future(journal.record(record("b", "intent")))
        await asyncio.sleep(0)
        one.cancel()
        return await two

    assert in_journal(store, run, work) > 0
    assert sorted(row["key"] for row in store.rows("SELECT key FROM journal")) == ["a", "b"]


@pytest.mark.parametrize("turns", [1, 2])
def test_what_was_handed_in_is_on_disk_at_the_end(store, run, turns):
    """Closing waits for what nobody waits for any more, whether its commit is due or under way."""

    async def work(journal, _held):
        task = asyncio.ensure_future(journal.record(record("a", "intent")))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()

    in_journal(store, run, work)
    assert [row["key"] for row in store.rows("SELECT key FROM journal")] == ["a"]


@pytest.mark.parametrize("sql", ["UPDATE journal SET state = 'verified'", "DELETE FROM journal"])
def test_the_journal_is_append_only(store, run, write, path, sql):
    """Nobody changes what was recorded, not even with plain sqlite3."""
    write(run, record("a", "intent"))
    connection = sqlite3.connect(path)
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        connection.execute(sql)
    connection.close()


def test_what_was_written_or_found_is_history(store, run, write):
    """Until then, nothing needs to be looked up; a failed attempt is history, and so is a pair that was only found."""
    assert not counterparts.has_history(store)
    pair = Counterpart("roles", "found", "", "RL1", "RL2", sid(1), sid(2))
    with store.writing() as db:
        counterparts.add(db.conn, ACCOUNT, run.id, [pair])
    assert counterparts.has_history(store)
    with store.writing() as db:
        db.execute("DELETE FROM counterparts")
    assert not counterparts.has_history(store)
    write(run, record("a", "intent", "failed"))
    assert counterparts.has_history(store)


def test_two_runs_do_not_mix(store, write):
    """Each run has states of its own, whatever another run of the same plan did."""
    plan = make_plan(store, [(0, step("a"))], snapshot=take_snapshot(store, 1))
    first, second = make_run(store, plan), make_run(store, plan)
    write(first, record("a", "intent", "verified"))
    assert runs.counts(store, first) == {"verified": 1}
    assert runs.counts(store, second) == {"planned": 1}
