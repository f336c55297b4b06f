"""The comparison of the accounts with a plan: it notices whatever is not as planned."""

from __future__ import annotations

import copy
from types import SimpleNamespace

import pytest
from driving import drive

from migrate.rehearsal.judgement import judge
from migrate.simulator import Simulator
from migrate.store import open_store, plans


def played(folder, target, kinds=frozenset()):
    """A plan that was executed, and the accounts before and after."""
    with Simulator(services=12, seed=7) as simulator:
        driver = drive(folder, simulator)
        driver.export(inventory=kinds)
        driver.diff(target=target, kinds={kind: {} for kind in kinds})
        before = copy.deepcopy(simulator.world.to_json())
        driver.apply(consents=kinds)
        after = copy.deepcopy(simulator.world.to_json())
    return SimpleNamespace(db=driver.db, before=before, after=after)


@pytest.fixture(scope="module")
def in_place(tmp_path_factory):
    """A plan in place."""
    return played(tmp_path_factory.mktemp("same"), "same")


@pytest.fixture(scope="module")
def anew(tmp_path_factory):
    """A plan with new services."""
    return played(tmp_path_factory.mktemp("new"), "new")


@pytest.fixture(scope="module")
def with_channels(tmp_path_factory):
    """A plan in place with the channels of all services."""
    return played(tmp_path_factory.mktemp("channels"), "same", frozenset({"channels"}))


def judged(play, edit=lambda _services: None):
    """The verdict on the accounts after an edit of their services."""
    after = copy.deepcopy(play.after)
    edit(after["accounts"][0]["services"])
    with open_store(play.db) as store:
        return judge(store, plans.find_latest(store, None), play.before, after)


def test_what_is_as_planned(in_place, anew):
    """Where all is as planned, nothing is found."""
    for play in (in_place, anew):
        found = judged(play)
        assert (found.differences, found.doubles, found.warnings) == ((), (), ())


def test_what_was_not_executed(in_place, anew):
    """Where nothing was done, each place that the plan changes is told once, and every new service."""
    undone = SimpleNamespace(db=in_place.db, before=in_place.before, after=in_place.before)
    assert len(judged(undone).differences) == 51
    undone = SimpleNamespace(db=anew.db, before=anew.before, after=anew.before)
    assert {(one.resource, one.path) for one in judged(undone).differences} == {("service", "friendly_name")}
    assert len(judged(undone).differences) == 12


@pytest.mark.parametrize("place", [0, -1])
def test_a_value_that_is_not_as_planned(in_place, anew, place):
    """One wrong value is told with its resource and path, what the plan says and what is there."""

    def edit(services):
        services[place]["conversations_notifications"]["new_message"]["sound"] = "wrong"

    for play in (in_place, anew) if place else (in_place,):
        (one,) = judged(play, edit).differences
        assert (one.resource, one.path, one.held) == ("notifications", "new_message.sound", "wrong")


@pytest.mark.parametrize("name", ["log_enabled", "new_message.enabled"])
def test_a_flag_is_off_or_not_off(anew, name):
    """A flag of a new service that is the other way round is told, alone: those that are off are as planned."""
    event, _, member = name.rpartition(".")

    def edit(services):
        notifications = services[-1]["conversations_notifications"]
        place = notifications[event] if event else notifications
        place[member] = not place[member]

    (one,) = judged(anew, edit).differences
    assert (one.resource, one.path) == ("notifications", name)


def test_a_permission_that_is_not_as_planned(in_place):
    """A permission too many is told with the role's place in the Chat Service."""

    def edit(services):
        role = next(role for role in services[0]["roles"] if role["friendly_name"] == "channel user")
        role["permissions"].append("deleteAnyMessage")

    (one,) = judged(in_place, edit).differences
    assert (one.resource, one.source) == ("roles", "roles.channel user.permissions")


@pytest.mark.parametrize("place", [0, 2])
def test_a_channel_that_is_not_as_planned(with_channels, place):
    """Where all is as planned, nothing is found; a public channel is told, planned to change (2) or not (0)."""
    assert judged(with_channels).differences == ()

    def edit(services):
        [one for service in services for one in service["channels"]["added"]][place]["type"] = "public"

    (one,) = judged(with_channels, edit).differences
    assert (one.resource, one.path, one.wanted, one.held) == ("channels", "type", "private", "public")


def test_what_stands_twice(in_place, anew):
    """A service or role that is there once more than planned is told."""

    def twice(services):
        services.append({**services[-1], "sid": "IS" + "0" * 32})

    def role_twice(services):
        services[-1]["roles"].append({**services[-1]["roles"][0], "sid": "RL" + "0" * 32})

    assert len(judged(anew, twice).doubles) == 1
    assert (
        judged(anew, twice)
        .doubles[0]
        .startswith("Service 'Brightwater Support' was created once more than planned")
    )
    assert "stands 2 times in service" in judged(in_place, role_twice).doubles[0]


def test_a_service_that_is_gone(in_place, anew):
    """A service that is not there in the end is told, whether it was there before or was to be created."""
    for play in (in_place, anew):
        (one,) = judged(play, list.pop).differences
        assert one.resource == "service"
        assert one.held is None
