"""An inventory that was cut off is found again, and goes on with what it holds."""

from __future__ import annotations

import pytest
from stored import ACCOUNT, OTHER, sid, views

from migrate.model.item import Examined, Item
from migrate.store import snapshots
from migrate.store.snapshots import InventoryProgress

LONG_AGO = "2020-01-01T00:00:00.000Z"


def channel(number, of):
    """A channel of a service."""
    return Item("channels", f"CH{number}", sid(of), {"sid": f"CH{number}"})


def held(store, snapshot):
    """What a snapshot holds: kind and SID."""
    rows = store.rows("SELECT kind, sid FROM items WHERE snapshot = :id ORDER BY id", id=snapshot)
    return [(row["kind"], row["sid"]) for row in rows]


def under_way(store, snapshot):
    """The services whose inventories have begun: SID and next page."""
    rows = store.rows(
        "SELECT parent, next_page FROM inventory_progress WHERE snapshot = :id ORDER BY parent",
        id=snapshot,
    )
    return [(row["parent"], row["next_page"]) for row in rows]


@pytest.fixture
def snapshot(store):
    """An unfinished snapshot of two services, with channels of both."""
    begun = snapshots.begin(store, account_sid=ACCOUNT, source="live", request={"a": 1})
    for number in (1, 2):
        where = InventoryProgress("channels", sid(number), f"/page{number}")
        snapshots.add_items(store, begun, ACCOUNT, views(number)[:1])
        snapshots.add_items(store, begun, ACCOUNT, [channel(number, number)], progress=where)
    return begun


def test_only_the_same_request_of_the_account_goes_on(store, snapshot):
    """Another account, another request, one that is too old, or one that is finished: it begins anew."""
    assert snapshots.find_unfinished(store, ACCOUNT, {"a": 1}, LONG_AGO) == snapshot
    assert snapshots.find_unfinished(store, OTHER, {"a": 1}, LONG_AGO) is None
    assert snapshots.find_unfinished(store, ACCOUNT, {"a": 2}, LONG_AGO) is None
    assert snapshots.find_unfinished(store, ACCOUNT, {"a": 1}, "2999-01-01T00:00:00.000Z") is None
    snapshots.finish(store, snapshot, Examined())
    assert snapshots.find_unfinished(store, ACCOUNT, {"a": 1}, LONG_AGO) is None


def test_services_are_read_anew_and_their_inventories_kept(store, snapshot):
    """Of one snapshot, all items go but those of the kinds that are kept."""
    other = snapshots.begin(store, account_sid=OTHER, source="live")
    snapshots.add_items(store, other, OTHER, views(1)[:1])
    snapshots.keep_inventory(store, snapshot, ["channels"])
    assert held(store, snapshot) == [("channels", "CH1"), ("channels", "CH2")]
    assert held(store, other) == [("thing", sid(1))]


def test_what_belongs_to_a_service_that_is_gone_goes(store, snapshot):
    """Items and the place in their list go with the service, in this snapshot alone."""
    snapshots.keep_inventory(store, snapshot, ["channels"])
    snapshots.add_items(store, snapshot, ACCOUNT, views(2)[:1])
    other = snapshots.begin(store, account_sid=OTHER, source="live")
    snapshots.add_items(store, other, OTHER, [*views(1)[:1], channel(3, 3)])
    snapshots.drop_orphans(store, snapshot)
    assert held(store, snapshot) == [("channels", "CH2"), ("thing", sid(2))]
    assert under_way(store, snapshot) == [(sid(2), "/page2")]
    assert held(store, other) == [("thing", sid(1)), ("channels", "CH3")]


def test_one_list_begins_again(store, snapshot):
    """What was read of one service's items of one kind is forgotten, and nothing else."""
    snapshots.restart(store, snapshot, "channels", sid(1))
    assert held(store, snapshot) == [("thing", sid(1)), ("thing", sid(2)), ("channels", "CH2")]
    assert under_way(store, snapshot) == [(sid(2), "/page2")]
    snapshots.restart(store, snapshot, "users", sid(2))
    assert under_way(store, snapshot) == [(sid(2), "/page2")]


def test_what_a_snapshot_lacks(store, snapshot):
    """The items of a kind that are asked for and are not there, sorted."""
    assert snapshots.lacking(store, snapshot, "channels", ["CH9", "CH1", "CH3"]) == ["CH3", "CH9"]
    assert snapshots.lacking(store, snapshot, "users", ["CH1"]) == ["CH1"]
    assert snapshots.lacking(store, 99, "channels", ["CH1"]) == ["CH1"]
