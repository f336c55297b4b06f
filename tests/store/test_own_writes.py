"""The last write to each resource: found by what a step sets, and forgotten with what is gone."""

from __future__ import annotations

from dataclasses import replace

import pytest
from stored import ACCOUNT, OTHER, make_plan, make_run, record, step

from migrate.model.state import Counterpart, OwnWrite
from migrate.store import own_writes

ROLE = OwnWrite("roles", "RL8", "IS8", {"a": 1}, {"a": 2}, {"a": 2})
HOOKS = OwnWrite("webhooks", "IS8", "IS8", {"b": 1}, {"b": 2}, {"b": 2})


@pytest.fixture
def run(store):
    """A run of a plan with two steps."""
    return make_run(store, make_plan(store, [(0, step("a")), (0, step("b"))]))


def pair(target):
    """The pair of a role that a run has made."""
    return Counterpart("roles", "created", "guest", "RL1", target, "IS1", "IS8")


def test_the_last_write_to_what_a_step_sets(store, run, write):
    """By kind and target; nothing is said of a step whose target is still to be found."""
    write(run, record("a", "applied", own_write=ROLE), record("b", "applied", own_write=HOOKS))
    steps = [
        replace(step("role", kind="roles"), target_sid="RL8"),
        replace(step("another role", kind="roles"), target_sid="RL9"),
        replace(step("no role", kind="webhooks"), target_sid="RL8"),
        step("to be found", kind="roles"),
    ]
    assert own_writes.to_steps(store, ACCOUNT, steps) == {"role": ROLE, "another role": None, "no role": None}
    assert own_writes.to_steps(store, OTHER, steps[:1]) == {"role": None}


def test_what_was_written_to_a_removed_item_is_forgotten(store, run, write):
    """That item's write alone, so that no reading is waited for in which it would come into sight again."""
    other = replace(ROLE, target_sid="RL9")
    write(run, record("a", "applied", counterpart=pair("RL8"), own_write=ROLE))
    write(run, record("b", "applied", counterpart=pair("RL9"), own_write=other))
    write(run, record("b", "applied", own_write=HOOKS), record("a", "rolled_back", removed="RL8"))
    assert own_writes.own_writes(store, ACCOUNT, "IS8", ["roles", "webhooks"]) == [other, HOOKS]


def test_what_was_written_within_a_removed_service_is_forgotten(store, run, write):
    """The service and all that belongs to it, and nothing of another service."""
    other = replace(HOOKS, target_sid="IS9", service_sid="IS9")
    write(run, record("a", "applied", own_write=ROLE), record("b", "applied", own_write=HOOKS))
    write(run, record("b", "applied", own_write=other), record("a", "rolled_back", removed="IS8"))
    assert own_writes.own_writes(store, ACCOUNT, "IS8", ["roles", "webhooks"]) == []
    assert own_writes.own_write(store, ACCOUNT, "webhooks", "IS9") == other


def test_another_accounts_writes_outlive_a_removal(store, run, write):
    """SIDs of one account say nothing about another's."""
    there = make_run(store, make_plan(store, [(0, step("a"))], target_account_sid=OTHER))
    write(there, record("a", "applied", counterpart=pair("RL8"), own_write=ROLE))
    write(run, record("a", "applied", counterpart=pair("RL8"), own_write=ROLE))
    write(run, record("a", "rolled_back", removed="RL8"))
    write(run, record("a", "rolled_back", removed="IS8"))
    assert own_writes.own_write(store, ACCOUNT, "roles", "RL8") is None
    assert own_writes.own_write(store, OTHER, "roles", "RL8") == ROLE
