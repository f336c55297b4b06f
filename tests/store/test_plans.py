"""Plans: kept as they were reviewed, told apart by everything in them, one account's beside another's."""

from __future__ import annotations

import json
import zlib
from dataclasses import replace

import pytest
from stored import ACCOUNT, LOST, OTHER, make_draft, make_plan, planned, row, sid, step, take_snapshot

from mappings import Reason, Verdict
from migrate.core.errors import BadInput
from migrate.model.image import TargetImage
from migrate.model.plan import ItemCount
from migrate.model.rows import FieldRow
from migrate.store import codec, plans
from migrate.store.drafts import PARTS
from migrate.store.plans import VerifiedService

NONE = Reason("none", "No such", "There is no such.")
QUIET = (5, None, None, None, 7, True, "lossy", 0, None, "k", False)
FULL = planned(
    1,
    counterparts={"RL1": "RL9"},
    refused=frozenset({"onUserAdded"}),
    rows=(
        row(value={"a": ["\ud83d", None, 1.5]}, reasons=(LOST, Reason("x", "X", "Y."))),
        row(
            source="r",
            resource="roles",
            target="p",
            item_sid="RL1",
            step="k",
            change=True,
            verdict=Verdict.LOSSY,
            held_to=True,
        ),
    ),
    receivers={"post": [1]},
    items={"channels": ItemCount(5, 3, {"private": 2})},
)


def test_a_service_comes_back_as_it_was_reviewed(store):
    """Image, rows with their reasons, counterparts and counts are the same, whatever letters they hold."""
    plan = make_plan(store, [], services=[FULL])
    assert plans.service(store, plan.number, sid(1)) == FULL
    with pytest.raises(BadInput, match="is not in plan"):
        plans.service(store, plan.number, sid(2))


@pytest.mark.parametrize("kept", [0, 1, 0.5, 0.9])
def test_damaged_rows_are_no_fewer_rows(store, kept):
    """Rows that are cut off, even between their two parts, are refused: a plan without rows would agree with all."""
    rows = (*FULL.rows, row(source="quiet", verdict=Verdict.EXACT))
    plan = make_plan(store, [], services=[replace(FULL, rows=rows)])
    (whole,) = store.rows("SELECT rows FROM plan_rows")
    first = zlib.decompressobj()
    first.decompress(whole["rows"])
    length = len(whole["rows"]) - len(first.unused_data) if kept == 1 else int(kept * len(whole["rows"]))
    with store.writing() as db:
        db.execute("DROP TRIGGER plan_rows_no_update")
        db.execute("UPDATE plan_rows SET rows = ?", [whole["rows"][:length]])
    with pytest.raises(BadInput, match=f"Service {sid(1)} of this plan cannot be read"):
        plans.service(store, plan.number, sid(1))


def test_at_a_glance_a_service_has_what_a_summary_tells(store):
    """Rows that change, have a step or need a person are there; the others are counted; no payloads are read."""
    told = (
        row(source="changes", change=True, verdict=Verdict.EXACT),
        row(source="has a step", step="k", verdict=Verdict.EXACT),
        row(source="needs a person", verdict=Verdict.MANUAL),
    )
    quiet = (
        row(source="q", verdict=Verdict.EXACT),
        row(source="r", verdict=Verdict.CARRIED),
        row(source="s", verdict=Verdict.EXACT),
    )
    there = planned(1, rows=(*quiet, *told))
    gone = planned(
        2, target_sid=None, rows=(), image=TargetImage(sid(2), False, {"settings": {"a": 1}}, "2026")
    )
    plan = make_plan(store, [], services=[there, gone, planned(3, rows=(), image=None)])
    first, second, third = plans.glances(store, plan.number)
    assert (first.rows, dict(first.others)) == (told, {Verdict.EXACT: 2, Verdict.CARRIED: 1})
    assert (first.is_missing, second.is_missing, third.is_missing) == (False, True, False)
    assert (first.image.payloads, second.image.payloads, third.image) == ({}, {}, None)


def test_services_come_in_order_over_many_batches(store):
    """All of them, or those that are asked for, sorted by their source SIDs."""
    plan = make_plan(store, [], services=[planned(number) for number in reversed(range(450))])
    assert [each.source_sid for each in plans.services(store, plan.number)] == [sid(n) for n in range(450)]
    some = frozenset(sid(number) for number in range(100, 500))
    found = [each.source_sid for each in plans.services(store, plan.number, only=some)]
    assert found == [sid(number) for number in range(100, 450)]


def test_rows_come_back_in_the_order_of_their_sources(store):
    """Those that matter at a glance are kept apart from the others, and stand among them again."""
    rows = tuple(
        row(source=name, verdict=Verdict.MANUAL if name in "bd" else Verdict.EXACT) for name in "abcde"
    )
    plan = make_plan(store, [], services=[planned(1, rows=rows)])
    assert plans.service(store, plan.number, sid(1)).rows == rows


def test_rows_that_an_earlier_version_has_stored():
    """They were packed all together; at a glance, all of them are there, and none is counted twice."""
    reasons = '[{"args":{},"cause":"No such","id":"none","text":"There is no such."}]'
    kept = [
        [reasons],
        [[*"aaa", None, None, None, None, False, "exact", 0, None, None, True], [*"bb", *QUIET]],
    ]
    told = (
        FieldRow(*"aaa", None, None, None, None, False, Verdict.EXACT, (NONE,), None, None, True),
        FieldRow(*"bb", 5, None, None, None, 7, True, Verdict.LOSSY, (NONE,), None, "k", False),
    )
    data = zlib.compress(json.dumps(kept).encode())
    assert codec.all_rows(data) == codec.notable_rows(data) == told


def test_services_that_go_elsewhere_are_found_without_the_others(store):
    """Neither those in place nor those that are still to be created; in order, over many batches."""
    moved = [planned(number, target_sid="IS9") for number in reversed(range(450))]
    services = [*moved, planned(500), planned(501, target_sid=None)]
    plan = make_plan(store, [], services=services)
    found = [each.source_sid for each in plans.services_elsewhere(store, plan.number)]
    assert found == [sid(number) for number in range(450)]


def test_the_head_counts_what_is_in_it(store):
    """Services, changes, steps and verdicts are those that were added."""
    gone = planned(2, image=TargetImage(sid(2), False, {}, "2026"), rows=())
    plan = make_plan(store, [(0, step("a")), (0, step("b"))], services=[planned(1), gone], colour="red")
    assert (plan.services, plan.services_to_change, plan.services_missing) == (2, 1, 1)
    assert (plan.changes, plan.steps, plan.verdicts) == (1, 2, {"dropped": 1, "exact": 1})
    assert (plan.options, plan.target, plan.offline) == ({"colour": "red"}, "same", False)
    make_plan(store, [(0, step("c", service=2))], services=[planned(2)])
    assert list(plans.source_sids_to_change(store, plan.number)) == [sid(1)]


def test_a_plan_is_stored_while_it_is_made(store, monkeypatch):
    """So many services or steps at a time: a plan of any size takes no more memory than these."""
    monkeypatch.setattr("migrate.store.drafts.STEPS", 3)
    monkeypatch.setattr("migrate.store.drafts.SERVICES", 2)
    draft = make_draft(store, take_snapshot(store, 1))

    def stored():
        counted = (
            "SELECT (SELECT count(*) FROM plan_steps) AS steps, (SELECT count(*) FROM plan_services) AS heads"
        )
        return list(store.row(counted).values())

    found = []
    for number in range(4):
        draft.add_step(0, step(f"s{number}"))
        found.append(draft.is_full)
        if draft.is_full:
            draft.commit()
    assert (found, stored()) == ([False, False, True, False], [3, 0])
    draft.add(planned(1), masked=lambda row: row)
    assert not draft.is_full
    draft.add(planned(2), masked=lambda row: row)
    assert draft.is_full
    draft.commit()
    assert (draft.is_full, stored()) == (False, [4, 2])


def test_steps_come_back_in_the_order_of_their_phases(store, monkeypatch):
    """A phase's steps keep the order in which they were added, from call to call; needs come with them."""
    monkeypatch.setattr("migrate.store.drafts.STEPS", 2)
    later = [step("z", ["b", "a"]), step("y", service=2), step("x"), step("v"), step("w")]
    number = make_plan(store, [*((1, each) for each in later), (0, step("b"))]).number
    assert [each.key for each in plans.steps(store, number)] == ["b", "z", "y", "x", "v", "w"]
    assert [each.key for each in plans.steps(store, number, sid(2))] == ["y"]
    assert plans.steps_by_key(store, number, ["nowhere", "z"]) == [step("z", ["a", "b"])]
    of_each = plans.steps_of(store, number, [sid(1), sid(2), sid(3)], ["thing"])
    assert {of: [each.key for each in its] for of, its in of_each.items()} == {
        sid(1): ["b", "z", "x", "v", "w"],
        sid(2): ["y"],
    }
    assert plans.steps_of(store, number, [sid(1)], ["other"]) == {}


def test_a_step_needs_what_its_own_plan_says(store):
    """Of two plans with steps of the same keys, each has its own needs, every one of them once."""
    old = make_plan(store, [(0, step("a")), (1, step("b")), (2, step("c", ["a"]))])
    new = make_plan(store, [(0, step("a")), (1, step("b", ["a"])), (2, step("c", ["b"]))])
    assert [each.needs for each in plans.steps(store, old.number)] == [(), (), ("a",)]
    assert [each.needs for each in plans.steps(store, new.number)] == [(), ("a",), ("b",)]


STEP = step("a")


def ids_of(store, snapshot, services=(FULL,), steps=((0, STEP),), **options):
    """The id of a plan of these."""
    return make_plan(store, steps, snapshot=snapshot, services=list(services), **options).id


def test_plans_that_differ_in_anything_have_different_ids(store):
    """Rows, images, counterparts, refusals, steps and their order, needs, options, accounts: each counts."""
    snapshot = take_snapshot(store, 1)
    image = FULL.image
    services = [
        planned(1),
        replace(FULL, image=replace(image, payloads={"settings": {"a": 2}})),
        replace(FULL, counterparts={}),
        replace(FULL, refused=frozenset()),
        replace(FULL, target_sid="IS9"),
        replace(FULL, rows=FULL.rows[::-1]),
        replace(FULL, rows=(FULL.rows[0]._replace(reasons=(LOST,)), FULL.rows[1])),
        replace(FULL, items={}),
    ]
    steps = [
        [],
        [(0, step("b"))],
        [(0, step("a", ["x"]))],
        [(0, step("a", after={"a": 3}))],
        [(0, step("a")), (0, step("b"))],
        [(1, step("a")), (0, step("b"))],
    ]
    found = {ids_of(store, snapshot)}
    found |= {ids_of(store, snapshot, [service]) for service in services}
    found |= {ids_of(store, snapshot, steps=each) for each in steps}
    found |= {ids_of(store, snapshot, clear=True), ids_of(store, snapshot, target_account_sid=OTHER)}
    found |= {ids_of(store, take_snapshot(store, 2))}
    assert len(found) == 1 + 8 + 6 + 2 + 1


def test_a_plan_of_the_same_things_has_the_same_id(store):
    """Dates and addresses in an image, when it was read, and the order in which roles were listed do not count."""
    snapshot = take_snapshot(store, 1)
    roles = [{"sid": "RL1", "url": "x"}, {"sid": "RL2"}]
    first = replace(FULL, image=replace(FULL.image, payloads={"roles": {"roles": roles}}))
    second = replace(
        FULL,
        image=replace(
            FULL.image, payloads={"roles": {"roles": roles[::-1], "date_updated": "y"}}, read_at="later"
        ),
    )
    assert ids_of(store, snapshot, [first]) == ids_of(store, snapshot, [second])


def test_a_plan_is_found_by_the_beginning_of_its_id(store):
    """Eight letters are enough if they fit one plan; another account's plans are not looked at."""
    plan = make_plan(store, [])
    assert plans.get(store, ACCOUNT, plan.id[:8]) == plan
    assert plans.get(store, None, plan.id) == plan
    for account, prefix in ((ACCOUNT, plan.id[:7]), (ACCOUNT, "********"), (OTHER, plan.id)):
        with pytest.raises(BadInput, match="There is no plan"):
            plans.get(store, account, prefix)


def test_latest_is_of_the_account_that_is_asked_for(store):
    """Each account has its own latest plan; a half plan does not count, and the next one of its account removes it."""
    with pytest.raises(BadInput, match="no plan for"):
        plans.latest(store, ACCOUNT)
    mine = make_plan(store, [])
    theirs = make_plan(store, [], snapshot=take_snapshot(store, 1, account=OTHER))
    assert (plans.latest(store, ACCOUNT), plans.latest(store, OTHER)) == (mine, theirs)
    assert plans.find_latest(store, None) == theirs
    half = make_draft(store, take_snapshot(store, 1))
    half.add_step(0, step("a", ["b"]))
    half.add(FULL, masked=lambda row: row)
    half.commit()
    counted = {table: f"SELECT count(*) FROM {table} WHERE plan = {half.number}" for table in PARTS}  # noqa: S608
    assert plans.latest(store, ACCOUNT) == mine
    assert all(store.value(sql) for sql in counted.values())
    make_draft(store, take_snapshot(store, 1))
    assert not any(store.value(sql) for sql in counted.values())


def test_what_verify_has_seen_is_kept_beside_the_rows(store):
    """A later reading replaces an earlier one; the newest comparison is told with its count."""
    plan = make_plan(store, [])
    assert plans.last_verification(store, plan) is None
    seen = VerifiedService(sid(1), True, (None, {"a": 1}))
    plans.save_verified(store, plan, [VerifiedService(sid(1), False, ()), VerifiedService(sid(2), False, ())])
    plans.save_verified(store, plan, [seen])
    assert plans.verified(store, plan.number, [sid(1), sid(3)]) == {sid(1): seen}
    plans.note_verified(store, plan, 5)
    plans.note_verified(store, plan, 0)
    assert plans.last_verification(store, plan).differences == 0


def test_findings_are_masked_and_of_what_changes_or_needs_a_person(store):
    """People find one row per such field, with the causes, and no secret."""
    rows = (
        row(),
        row(source="quiet", verdict=Verdict.EXACT),
        row(source="url", change=True, verdict=Verdict.EXACT),
    )
    draft = make_draft(store, take_snapshot(store, 1))
    draft.add(planned(1, rows=rows), masked=lambda row: row._replace(value="***"))
    assert draft.finish().changes == 1
    found = store.rows("SELECT source, value, change, verdict, reason, cause FROM findings ORDER BY id")
    assert [tuple(each.values()) for each in found] == [
        ("limits.members", '"***"', 0, "dropped", "Conversations has no such limit.", "limit_lost"),
        ("url", '"***"', 1, "exact", "Conversations has no such limit.", "limit_lost"),
    ]
    assert plans.service(store, draft.number, sid(1)).rows == rows
