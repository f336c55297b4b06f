"""The database as people see it who open it with sqlite-utils, Datasette or plain sqlite3."""

from __future__ import annotations

import pytest
from stored import ACCOUNT, OTHER, make_plan, make_run, planned, record, row, sid, step, take_snapshot

from mappings import Verdict
from migrate.model.state import Counterpart
from migrate.store import counterparts, runs
from migrate.store.schema import VIEWS

ROWS = (
    row(source="lost"),
    row(source="hand", verdict=Verdict.MANUAL),
    row(source="kept", verdict=Verdict.EXACT, change=True, after="half \ud83d of a pair"),
    row(source="quiet", verdict=Verdict.EXACT),
)


def see(store, view, columns="*"):
    """The rows of a view, as tuples."""
    return [tuple(found.values()) for found in store.rows(f"SELECT {columns} FROM {view}")]  # noqa: S608 - our own names


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_is_there_from_the_start_and_says_whose_a_row_is(store, view):
    """A database without a plan or a run has empty views, not missing ones; each has the account."""
    assert see(store, view) == []
    assert "account_sid" in {column.name for column in store._database.view(view).columns}


def test_views_follow_the_latest_plan_of_each_account(store):
    """What a newer plan of the same account replaces is no longer shown; another account's stays."""
    make_plan(store, [], services=[planned(1, rows=(row(source="old"),))])
    make_plan(
        store, [], snapshot=take_snapshot(store, 1, account=OTHER), services=[planned(1, rows=(ROWS[0],))]
    )
    make_plan(store, [], services=[planned(1, rows=ROWS)])
    assert see(store, "needs_a_person", "account_sid, verdict, field, cause") == [
        (ACCOUNT, "manual", "hand", "limit_lost"),
        (ACCOUNT, "dropped", "lost", "limit_lost"),
        (OTHER, "dropped", "lost", "limit_lost"),
    ]
    assert see(store, "changes", "field, after, friendly_name") == [
        ("kept", '"half \\ud83d of a pair"', "Service 1")
    ]


def test_steps_show_where_the_newest_run_left_them(store, write):
    """In the order of the plan; a rollback that has not come to a step leaves it as the run left it."""
    plan = make_plan(store, [(1, step("b")), (0, step("a"))])
    run = make_run(store, plan)
    assert see(store, "steps", "key, state") == [("a", "planned"), ("b", "planned")]
    write(run, record("a", "intent", "verified"), record("b", "intent", "failed"))
    back = make_run(store, plan, command="rollback", undoes=run)
    write(back, record("a", "intent", "rolled_back"))
    assert see(store, "steps", "key, state, run, friendly_name") == [
        ("a", "rolled_back", 2, "Service 1"),
        ("b", "failed", 1, "Service 1"),
    ]


def test_steps_are_those_of_the_latest_plan_and_of_plans_that_were_executed(store):
    """A plan that was replaced before anything was done for it is not shown; the newest plan comes first."""
    make_run(store, make_plan(store, [(0, step("done"))]))
    make_plan(store, [(0, step("replaced"))])
    make_plan(store, [(0, step("next"))])
    assert see(store, "steps", "key") == [("next",), ("done",)]


def test_what_happened_is_told_newest_first_with_names(store, write):
    """Every line of the journal stands there once, with the service's name; a rollback says what it undoes."""
    plan = make_plan(store, [(0, step("a"))])
    run = make_run(store, plan)
    write(run, record("a", "intent", "verified"))
    write(make_run(store, plan, command="rollback", undoes=run), record("a", "rolled_back"))
    assert see(store, "what_happened", "run, friendly_name, state") == [
        ("run 2, rollback of run 1", "Service 1", "rolled_back"),
        ("run 1", "Service 1", "verified"),
        ("run 1", "Service 1", "intent"),
    ]


def test_sid_map_has_the_pairs_of_the_newest_target_with_names(store):
    """A pair without a name of its own shows that of the item; it is what `sids` prints."""
    run = make_run(store, make_plan(store, []))
    for target in ("IS8", "IS9"):
        service = Counterpart("thing", "created", "", sid(1), target, sid(1), target)
        runs.known_pairs(
            store,
            run,
            [service, Counterpart("roles", "found", "admin", "RL1", f"RL{target}", sid(1), target)],
        )
    shown = [("Service 1", sid(1), "IS9", "created"), ("admin", "RL1", "RLIS9", "found")]
    assert see(store, "sid_map", "friendly_name, source_sid, target_sid, how") == shown
    assert [each["target_sid"] for each in counterparts.current(store, ACCOUNT)] == ["IS9", "RLIS9"]


def test_services_are_those_of_the_latest_snapshots(store):
    """Once each, with the API versions that showed them."""
    take_snapshot(store, 1, 2)
    take_snapshot(store, 3, account=OTHER)
    take_snapshot(store, 2)
    assert see(store, "services", "sid, friendly_name, apis, account_sid, source") == [
        (sid(2), "Service 2", "v1, v2", ACCOUNT, "live"),
        (sid(3), "Service 3", "v1, v2", OTHER, "live"),
    ]
