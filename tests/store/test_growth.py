"""Looking one service up takes the same work, however many services there are."""

from __future__ import annotations

import pytest
from stored import ACCOUNT, make_plan, make_run, sid, step

from migrate.model.state import Counterpart, OwnWrite
from migrate.store import counterparts, own_writes, plans, runs

KINDS = ("services", "thing")
LOOKUPS = {
    "own writes": lambda store, _: own_writes.own_writes(store, ACCOUNT, sid(1), KINDS),
    "counterparts": lambda store, _: counterparts.within(store, ACCOUNT, sid(1), sid(1), KINDS),
    "known items": lambda store, _: counterparts.items_within(store, ACCOUNT, sid(1), KINDS),
    "pairs of a run": lambda store, run: counterparts.of_run(store, run, sid(1), KINDS),
    "refusals": lambda store, _: own_writes.refused(store, sid(1)),
    "states": lambda store, run: runs.states(store, run, [sid(1)], KINDS),
    "steps": lambda store, run: list(plans.steps(store, run.plan, sid(1), kinds=set(KINDS))),
    "steps of services": lambda store, run: plans.steps_of(store, run.plan, [sid(1)], KINDS),
}


def filled(store, write, services):
    """A run of so many services, of each of which all tables know something."""
    steps = [(0, step(f"{sid(number)}/thing", service=number)) for number in range(1, services + 1)]
    run = make_run(store, make_plan(store, steps))
    with store.writing() as db:
        for number in range(1, services + 1):
            own = OwnWrite("thing", sid(number), sid(number), {}, {"a": 1}, {"a": 1})
            pair = Counterpart("thing", "found", "", sid(number), sid(number), sid(number), sid(number))
            own_writes.save(db.conn, ACCOUNT, run.id, [own])
            counterparts.add(db.conn, ACCOUNT, run.id, [pair])
            own_writes.remember(db.conn, ACCOUNT, own, ("a",))
    return run


def instructions(store, look):
    """How many instructions of SQLite's machine a lookup takes, in tens."""
    counted = 0

    def count():
        nonlocal counted
        counted += 1

    with store.reading() as db:
        db.conn.set_progress_handler(count, 10)
        look()
        db.conn.set_progress_handler(None, 0)
    return counted


@pytest.mark.parametrize("name", LOOKUPS)
def test_a_lookup_does_not_grow_with_the_account(store, write, name):
    """Two hundred services more take hardly more instructions of SQLite's machine."""
    look = LOOKUPS[name]
    few = filled(store, write, 5)
    alone = instructions(store, lambda: look(store, few))
    many = filled(store, write, 200)
    assert instructions(store, lambda: look(store, many)) <= alone + 10
