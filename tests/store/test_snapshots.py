"""Snapshots: whole, in order, of one account, and equal exactly if their settings are."""

from __future__ import annotations

import pytest
from stored import ACCOUNT, OTHER, role, sid, take_snapshot, views

from mappings import ChatService
from migrate.core.errors import BadInput
from migrate.model.item import Examined, FileExamined, Item
from migrate.store import counterparts, runs, snapshots
from migrate.store.snapshots import InventoryProgress


def begun(store, account=ACCOUNT):
    """The number of a snapshot that has just begun."""
    return snapshots.begin(store, account_sid=account, source="live")


def test_a_half_snapshot_does_not_count_and_is_cleared_away(store):
    """What a killed export left is invisible, and the next export of that account removes it, with its items."""
    take_snapshot(store, 1, 2)
    half, others = begun(store), begun(store, OTHER)
    snapshots.add_items(store, half, ACCOUNT, views(3))
    assert snapshots.latest(store, ACCOUNT).services == 2
    with pytest.raises(BadInput, match=f"no snapshot {half}"):
        snapshots.get(store, half)
    again = begun(store)
    assert snapshots.stored_item(store, half, "thing", sid(3), "v1") is None
    assert [row["id"] for row in store.rows("SELECT id FROM snapshots ORDER BY id")] == [1, others, again]
    snapshots.add_items(store, others, OTHER, views(4))
    assert snapshots.finish(store, others, Examined()).services == 1


def test_a_snapshot_that_a_run_will_go_on_with_stays(store):
    """An unfinished `run` that was cut off while it read keeps what it has read."""
    run = runs.start(
        store,
        account_sid=ACCOUNT,
        target_account_sid=ACCOUNT,
        command="run",
        phase="export",
        plan=None,
        options={},
    )
    half = begun(store)
    run = runs.set_phase(store, run, "export", snapshot=half)
    snapshots.add_items(store, half, ACCOUNT, views(3))
    begun(store)
    assert (run.snapshot, run.phase) == (half, "export")
    assert snapshots.stored_item(store, half, "thing", sid(3), "v1") is not None


def test_services_come_whole_and_in_the_order_of_their_sids(store):
    """Views and roles are put together, over as many batches as it takes; roles keep the order in which they came."""
    snapshot = begun(store)
    for number in (7, 3, 205, 1, *range(300, 500)):
        snapshots.add_items(store, snapshot, ACCOUNT, views(number))
    snapshots.add_items(store, snapshot, ACCOUNT, [role(2, 3, a=1), role(1, 3), role(3, 1)])
    snapshots.add_items(store, snapshot, ACCOUNT, [Item("channels", "CH1", sid(3), {"sid": "CH1"})])
    found = list(snapshots.services(store, snapshot))
    assert [each.sid for each in found] == [sid(number) for number in (1, 3, 7, 205, *range(300, 500))]
    assert [each.sid for each in found] == list(snapshots.service_sids(store, snapshot))
    named = {"sid": sid(3), "friendly_name": "Service 3"}
    assert found[1] == ChatService(sid(3), named, named, ({"sid": "RL2", "a": 1}, {"sid": "RL1"}))
    assert snapshots.service(store, snapshot, sid(3)) == found[1]
    assert list(snapshots.services(store, snapshot, only=frozenset({sid(3), sid(9)}))) == [found[1]]
    assert len(list(snapshots.items(store, snapshot, "channels", sid(3)))) == 1
    assert [item.sid for item in snapshots.items(store, snapshot, "roles", sid(3))] == ["RL2", "RL1"]
    with pytest.raises(BadInput, match="is not in snapshot"):
        snapshots.service(store, snapshot, sid(9))


def test_an_item_that_comes_twice_is_kept_once(store):
    """A list that shifts between two of its pages shows an item again: the later reading holds."""
    snapshot = begun(store)
    snapshots.add_items(store, snapshot, ACCOUNT, [*views(1), role(1, 1, a=1), role(2, 1)])
    snapshots.add_items(store, snapshot, ACCOUNT, [role(1, 1, a=2)])
    roles = snapshots.service(store, snapshot, sid(1)).roles
    assert roles == ({"sid": "RL1", "a": 2}, {"sid": "RL2"})


def test_services_of_an_unfinished_snapshot_are_known(store):
    """Those that are asked for and in this snapshot, each once, neither its roles nor another snapshot's services."""
    snapshot, other = begun(store), begun(store, OTHER)
    snapshots.add_items(store, snapshot, ACCOUNT, [*views(1), role(1, 1), *views(2)])
    snapshots.add_items(store, other, OTHER, views(3))
    assert snapshots.unfinished_sids(store, snapshot, [sid(1), sid(3), "RL1"]) == [sid(1)]


def test_what_no_view_could_show_is_not_examined(store):
    """A path that one API version shows was examined, whatever the other could not show."""
    snapshot = begun(store)
    one, two = views(1)
    held = [
        Item(
            one.kind, one.sid, None, one.payload, "v1", "main.tf", "Terraform", frozenset({"limits", "media"})
        ),
        Item(two.kind, two.sid, None, two.payload, "v2", "b.json", "Pulumi", frozenset({"limits"})),
    ]
    snapshots.add_items(store, snapshot, ACCOUNT, held)
    assert snapshots.service(store, snapshot, sid(1)).not_examined == {
        "limits": "the Terraform and Pulumi file does not hold it",
        "roles": "no file holds them",
    }
    assert snapshots.stored_item(store, snapshot, "thing", sid(1), "v1") == held[0]


def digests(store, *items):
    """The digest of a snapshot of these items, and the one of its first service."""
    snapshot = begun(store)
    snapshots.add_items(store, snapshot, ACCOUNT, items)
    services = dict(snapshots.service_digests(store, snapshot))
    return snapshots.finish(store, snapshot, Examined()).digest, services[sid(1)]


SAME = [
    [*views(1, date_updated="x"), role(1, 1), role(2, 1)],
    [*views(1, url="x", links={}), role(1, 1), role(2, 1)],
    [*views(1), role(2, 1), role(1, 1)],
]
OTHER_SETTINGS = [
    [*views(1, friendly_name="x"), role(1, 1), role(2, 1)],
    [*views(1, limits=None), role(1, 1), role(2, 1)],
    [views(1)[0], role(1, 1), role(2, 1)],
    [*views(1), role(1, 1)],
    [*views(1), role(1, 1, permissions=["a"]), role(2, 1)],
]


def test_the_digests_are_of_settings_only(store):
    """Dates, addresses and the order of roles do not count; every setting, view and role does."""
    first = digests(store, *views(1), role(1, 1), role(2, 1))
    assert [digests(store, *items) for items in SAME] == [first] * 3
    others = [digests(store, *items) for items in OTHER_SETTINGS]
    assert len({first[0], *(whole for whole, _ in others)}) == 6
    assert len({first[1], *(service for _, service in others)}) == 6


def test_an_inventory_goes_on_where_it_stopped(store):
    """The next page is kept together with the items of the page before it."""
    snapshot = begun(store)
    assert snapshots.find_progress(store, snapshot, "channels", sid(1)) is None
    page = InventoryProgress("channels", sid(1), "page 2")
    channel = Item("channels", "CH1", sid(1), {})
    snapshots.add_items(store, snapshot, ACCOUNT, [channel], progress=page)
    assert snapshots.find_progress(store, snapshot, "channels", sid(1)) == page
    done = InventoryProgress("channels", sid(1), None)
    snapshots.add_items(store, snapshot, ACCOUNT, [], progress=done)
    assert snapshots.find_progress(store, snapshot, "channels", sid(1)) == done


def test_latest_is_of_the_account_that_is_asked_for(store):
    """With several accounts in one database, each has its own latest snapshot."""
    with pytest.raises(BadInput, match=f"no snapshot of {ACCOUNT}"):
        snapshots.latest(store, ACCOUNT)
    mine, theirs = take_snapshot(store, 1), take_snapshot(store, 2, account=OTHER)
    assert snapshots.latest(store, ACCOUNT) == mine
    assert snapshots.latest(store, OTHER) == theirs
    assert snapshots.find_latest(store, None) == theirs
    assert snapshots.find_latest(store, "AC0") is None


def test_what_was_examined_is_kept(store):
    """Files with their shapes, versions and warnings come back as they were."""
    examined = Examined(
        ("v2",), False, ("channels",), (FileExamined("a.json", ("page", "lines")),), ("No roles.",)
    )
    snapshot = begun(store)
    assert snapshots.finish(store, snapshot, examined).examined == examined


def test_sids_of_items_are_known_as_sources(store):
    """Any snapshot's item counts, of whatever account."""
    take_snapshot(store, 1)
    take_snapshot(store, 2, account=OTHER)
    assert counterparts.are_sources(store, [sid(1), sid(2), "RL1", sid(3)]) == {sid(1), sid(2), "RL1"}
