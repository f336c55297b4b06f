"""`rollback`: what a run has overwritten is there again; what others have done since, or did before, is left alone."""

from __future__ import annotations

import io
import re
from copy import deepcopy
from dataclasses import replace

import pytest
from driving import about, code_of, drive, states
from worlds import lost, named, posts

from migrate.core.errors import BadInput, Interrupted, SafetyRefusal
from migrate.core.stop import StopToken
from migrate.report import render
from migrate.report.view import View
from migrate.simulator import Channel, Fault, Simulator, Unevenness
from migrate.source.live import ExportRequest


def other_account(simulator):
    """The second account."""
    return list(simulator.world.accounts.values())[1]


@pytest.mark.parametrize("user_filters", ["accept", "refuse"])
def test_everything_is_as_it_was(tmp_path, user_filters):
    """After `run` and `rollback`, every value that the run wrote is the one that was there before."""
    with Simulator(services=12, seed=7, user_filters=user_filters) as simulator:
        before = deepcopy(simulator.world.first)
        driver = drive(tmp_path, simulator)
        assert code_of(driver.run()) == 0
        assert lost(before, simulator.world.first), "the comparison sees what a run does"
        assert code_of(driver.rollback()) == 0
        assert lost(before, simulator.world.first) == {}


def test_the_newest_step_comes_first(simulator, tmp_path):
    """Within a service, the steps are undone in the opposite order, each by one write."""
    driver = drive(tmp_path, simulator)
    driver.run()
    done = posts(simulator)
    since = len(simulator.requests)
    driver.rollback(concurrency=1)
    undone = posts(simulator, since)
    for sid in simulator.world.first.services:
        forth = [request.path for request in done if sid in request.path]
        back = [request.path for request in undone if sid in request.path]
        # A step may be impossible to undo; what is undone comes in the opposite order.
        assert back == [path for path in reversed(forth) if path in back]


def test_what_someone_changed_since_is_left(simulator, tool):
    """A value that is no longer the run's is reported as drifted and left, all others are restored; exit 6."""
    before = deepcopy(simulator.world.first)
    service = named(simulator, "Kestrel")
    drive(tool.folder, simulator).run()
    service.conversations_notifications["new_message"]["template"] = "theirs"
    theirs = deepcopy(service.conversations_notifications)
    result = tool("rollback", "--yes", "--format", "json")
    assert result.code == 6
    assert service.conversations_notifications == theirs
    assert lost(before, simulator.world.first).keys() == {"Kestrel Logistics"}
    states = {step["key"]: step["state"] for each in result.json["services"] for step in each["steps"]}
    assert [key for key, state in states.items() if state == "drifted"] == [f"{service.sid}/notifications"]


def test_drift_that_a_run_overwrote_is_restored(simulator, tmp_path):
    """Where a run overwrote somebody's newer value, that one comes back, not the one of the plan."""
    service = named(simulator, "Kestrel")
    driver = drive(tmp_path, simulator)
    driver.export()
    driver.diff()
    service.conversations_notifications["new_message"]["template"] = "theirs"
    driver.apply(allow_drift=True)
    assert service.conversations_notifications["new_message"]["template"] != "theirs"
    assert code_of(driver.rollback()) == 0
    assert service.conversations_notifications["new_message"]["template"] == "theirs"


def test_what_twilio_made_of_a_lost_write_is_not_the_value_before(tmp_path):
    """Where a run went on over a value that Twilio had made of its own lost request, the one before it comes back."""
    with Simulator(services=12, seed=7, uneven=Unevenness(values=frozenset({"trimmed"}))) as simulator:
        service = named(simulator, "Kestrel")
        service.chat["notifications"]["new_message"]["template"] = "  hi  "
        before = deepcopy(simulator.world.first)
        driver = drive(tmp_path, simulator)
        simulator.inject(Fault("500_after", method="POST", path=f"{service.sid}/Configuration/Notifications"))
        assert code_of(driver.run()) == 6
        assert code_of(driver.resume(allow_drift=True)) == 0
        assert service.conversations_notifications["new_message"]["template"] == "hi"
        assert code_of(driver.rollback()) == 0
        assert lost(before, simulator.world.first) == {}


def test_an_earlier_value_that_twilio_keeps_otherwise_is_told(tmp_path):
    """Where Twilio makes something else of an earlier value, the report shows what it holds, for a person."""
    with Simulator(services=12, seed=7, uneven=Unevenness(values=frozenset({"default_text"}))) as simulator:
        service = named(simulator, "Brightwater")
        driver = drive(tmp_path, simulator)
        driver.run()
        report = driver.rollback()
        assert service.conversations_notifications["new_message"]["template"] == "${MESSAGE}"
        rows = {row.target: row for row in about(report, service.sid).fields}
        held, sound = rows["new_message.template"], rows["new_message.sound"]
        assert (held.after, held.verdict.value) == ("${MESSAGE}", "manual")
        assert "holds '${MESSAGE}' instead of nothing" in held.reasons[0].text
        assert (sound.after, sound.verdict.value) == ("", "exact")


def test_drift_after_a_lost_write_is_restored(simulator, tmp_path):
    """Where somebody changed one value after a lost request, a rollback restores that one, and the other as it was."""
    service = named(simulator, "Kestrel")
    push = service.conversations_notifications
    push["removed_from_conversation"]["sound"] = "before"
    service.chat["notifications"]["removed_from_channel"]["sound"] = "after"
    path = f"{service.sid}/Configuration/Notifications"
    driver = drive(tmp_path, simulator)
    simulator.inject(
        Fault("500_after", method="POST", path=path),
        Fault("500_before", method="GET", path=path, nth=2, times=5),
    )
    assert code_of(driver.run()) == 4
    push["new_message"]["template"] = "theirs"
    assert code_of(driver.resume(allow_drift=True)) == 0
    assert push["new_message"]["template"] != "theirs"
    assert code_of(driver.rollback()) == 0
    assert push["new_message"]["template"] == "theirs"
    assert push["removed_from_conversation"]["sound"] == "before"


def test_a_role_that_could_do_nothing_keeps_what_it_got(simulator, tmp_path):
    """Twilio takes no role without permissions, so one that showed none is left, and nothing has failed."""
    role = next(iter(named(simulator, "Kestrel").roles.values()))
    role.untranslated = list(role.permissions)
    driver = drive(tmp_path, simulator)
    driver.run()
    since = len(simulator.requests)
    report = driver.rollback()
    assert code_of(report) == 0
    assert [request for request in posts(simulator, since) if role.sid in request.path] == []
    (step,) = [step for each in report.services for step in each.steps if role.sid in step.key]
    assert "Twilio takes no empty value for permissions, so what the run wrote stays" in step.error.message


def test_a_dry_run_writes_nothing(simulator, tool):
    """`--dry-run` shows what would become of each step and writes neither to Twilio nor to the journal."""
    drive(tool.folder, simulator).run()
    service = named(simulator, "Kestrel")
    service.conversations_notifications["new_message"]["template"] = "theirs"
    since = len(simulator.requests)
    runs, entries = tool.rows("SELECT * FROM runs"), tool.rows("SELECT * FROM journal")
    result = tool("rollback", "--dry-run", "--format", "json")
    assert result.code == 0
    assert posts(simulator, since) == []
    assert (tool.rows("SELECT * FROM runs"), tool.rows("SELECT * FROM journal")) == (runs, entries)
    by_state = result.json["summary"]["steps_by_state"]
    assert (by_state["drifted"], by_state["planned"] > 5) == (1, True)


def test_a_dry_run_tells_what_the_rollback_then_does(simulator, tmp_path):
    """What `--dry-run` announces is what happens."""
    driver = drive(tmp_path, simulator)
    driver.run()
    assert driver.preview().summary.steps_by_state == {"planned": 14, "skipped": 1}
    assert driver.rollback().summary.steps_by_state == {"rolled_back": 14, "skipped": 1}


def test_a_dry_run_where_all_is_gone_already(two, elsewhere):
    """What the run created and somebody has deleted since is no error: the rollback will find it gone."""
    elsewhere.run(target="new", export=ExportRequest(services=(named(two, "Kestrel").sid,)))
    (sid,) = other_account(two).services
    two.world.delete_service(sid)
    assert elsewhere.preview(delete_created=True).summary.steps_by_state["planned"] == 1
    assert code_of(elsewhere.rollback(delete_created=True)) == 0


def test_what_cannot_be_undone_is_said_first(simulator, tool):
    """What Twilio offers no way back from is counted by its reason before anything is written, and named after."""
    service = named(simulator, "Lindqvist")
    service.conversations_webhooks["method"] = None
    assert tool("run", "--yes", "--service", service.sid).code == 0
    since = len(simulator.requests)
    assert tool("rollback").code == 2
    assert posts(simulator, since) == []
    result = tool("rollback", "--yes")
    assert re.search("Twilio takes no empty value +1 +1", result.err)
    assert "Twilio takes no empty value for method, so what the run wrote stays" in result.out.replace(
        "\n", " "
    )
    assert service.conversations_webhooks["method"] == "POST"


def test_created_services_are_named_and_kept(two, elsewhere, tmp_path, tool):
    """Without `--delete-created`, what the run has created stays; it is counted before, and named in the report."""
    elsewhere.run(target="new")
    created = set(other_account(two).services)
    there = replace(tool, environ={**tool.environ, **elsewhere.environ})
    result = there("rollback", "--yes", "--format", "json")
    assert result.code == 0
    assert set(other_account(two).services) == created
    assert not [request for request in two.requests if request.method == "DELETE"]
    assert re.search("The run created it; `--delete-created` removes it +12 +12", result.err)
    assert "It belongs to a Service that the run created" not in result.err
    assert {service["target_sid"] for service in result.json["services"]} == created


def test_created_services_are_removed_on_demand(two, elsewhere):
    """With `--delete-created` they are gone, each by one DELETE; the report says which ones they were."""
    elsewhere.run(target="new")
    created = set(other_account(two).services)
    before = deepcopy(two.world.first)
    report = elsewhere.rollback(delete_created=True)
    assert (code_of(report), other_account(two).services) == (0, {})
    assert sum(request.method == "DELETE" for request in two.requests) == len(created) == 12
    assert lost(before, two.world.first) == {}
    removed = {
        step.params["Sid"]: step
        for service in report.services
        for step in service.steps
        if step.action == "delete"
    }
    assert removed.keys() == created
    assert {(step.state, step.error) for step in removed.values()} == {("rolled_back", None)}


def test_after_a_removal_a_run_creates_again(two, elsewhere):
    """What was removed is not used as a target: the next `run --target new` makes everything anew."""
    elsewhere.run(target="new")
    first = set(other_account(two).services)
    elsewhere.rollback(delete_created=True)
    assert code_of(elsewhere.run(target="new")) == 0
    assert len(other_account(two).services) == 12
    assert not first & set(other_account(two).services)
    assert code_of(elsewhere.rollback(delete_created=True)) == 0
    assert other_account(two).services == {}


def test_removed_services_stand_for_nothing(two, elsewhere, tool):
    """`sids` names what stands for what now; what was removed is not among it."""
    elsewhere.run(target="new")
    there = replace(tool, environ={**tool.environ, **elsewhere.environ})
    assert len(there("sids", "--format", "json").json) > 12
    elsewhere.rollback(delete_created=True)
    assert there("sids", "--format", "json").json == []


CHANGES = {
    "a conversation": lambda service: service.channels.update(
        CH=Channel("CH" + "0" * 32, "Room", None, "private", service.date_created, service.date_updated)
    ),
    "a setting": lambda service: service.conversations_notifications["new_message"].update(sound="theirs"),
    "a role more": lambda service: service.add_role("RL" + "7" * 32, "theirs", "channel", ["sendMessage"]),
    "a role less": lambda service: service.roles.pop(service.role_named("moderator").sid),
    "permissions": lambda service: service.role_named("guest").permissions.append("deleteAnyMessage"),
    "permissions of a role that was right": lambda service: service.role_named(
        "channel user"
    ).permissions.pop(),
    "a role of a name that Twilio uses": lambda service: service.add_role(
        "RL" + "7" * 32, "channel user", "channel", ["deleteAnyMessage"]
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_created_service_in_use_is_left(two, elsewhere, change):
    """What someone uses or has changed since is not deleted, but reported as drifted; all others go."""
    elsewhere.run(target="new")
    used = named(two, "Saltmarsh", other_account(two).sid)
    CHANGES[change](used)
    report = elsewhere.rollback(delete_created=True)
    assert code_of(report) == 6
    assert list(other_account(two).services) == [used.sid]


@pytest.mark.parametrize("resource", ["Notifications", "Webhooks"])
def test_a_lost_answer_is_no_change_of_a_created_service(two, elsewhere, resource):
    """What the run has found there after a lost answer is its own: the service that it has made can be removed."""
    two.inject(Fault("500_after", method="POST", path=f"/Configuration/{resource}$"))
    request = ExportRequest(services=(named(two, "Kestrel").sid,))
    assert code_of(elsewhere.run(target="new", export=request)) == 0
    assert code_of(elsewhere.rollback(delete_created=True)) == 0
    assert other_account(two).services == {}


def test_a_service_that_was_there_before_is_never_deleted(two, elsewhere):
    """Undoing a later run restores what it changed in services of an earlier one, and deletes nothing."""
    elsewhere.run(target="new")
    service = named(two, "Saltmarsh")
    service.chat["notifications"]["new_message"] |= {"enabled": True, "sound": "new sound"}
    service.add_role("RL" + "5" * 32, "auditor", "channel", ["sendMessage"])
    before = deepcopy(other_account(two))
    assert code_of(elsewhere.run(target="new")) == 0
    assert lost(before, other_account(two))
    since = len(two.requests)
    assert code_of(elsewhere.rollback(delete_created=True)) == 0
    deleted = [request.path for request in two.requests[since:] if request.method == "DELETE"]
    assert len(deleted) == 1
    assert "/Roles/" in deleted[0], "the role that the later run has created"
    assert lost(before, other_account(two)) == {}


def test_roles_of_an_earlier_run_stay(two, elsewhere):
    """Rolling a later run back removes its own roles only, never those that an earlier run has made."""
    elsewhere.run(target="new")
    roles = {sid: set(service.roles) for sid, service in other_account(two).services.items()}
    named(two, "Saltmarsh").role_named("guest").permissions.append("deleteAnyMessage")
    elsewhere.run(target="new")
    assert code_of(elsewhere.rollback(delete_created=True)) == 0
    assert {sid: set(service.roles) for sid, service in other_account(two).services.items()} == roles
    target = named(two, "Saltmarsh", other_account(two).sid)
    assert "deleteAnyMessage" not in target.role_named("guest").permissions


@pytest.fixture
def mapping(two, tmp_path):
    """The options that map a service with roles of its own to one that exists in the other account."""
    source = named(two, "Saltmarsh")
    with two.locked() as world:
        target = world.create_service(other_account(two), "Their service")
    table = tmp_path / "map.csv"
    table.write_text(f"source_sid,target_sid\n{source.sid},{target.sid}\n")
    return {"target": "map", "target_map": table}


@pytest.fixture
def mapped(two, elsewhere, mapping):
    """A driver that has migrated the mapped service, and the other account as it was before."""
    before = deepcopy(other_account(two))
    assert code_of(elsewhere.run(**mapping)) == 0
    return elsewhere, before


@pytest.mark.parametrize("delete_created", [False, True])
def test_a_mapped_service_gets_back_what_it_had(two, mapped, delete_created):
    """Settings and roles that were there are restored; roles that the run has made go on demand only."""
    driver, before = mapped
    report = driver.rollback(delete_created=delete_created)
    assert code_of(report) == 0
    (target,) = other_account(two).services.values()
    made = target.roles.keys() - before.services[target.sid].roles.keys()
    assert len(made) == (0 if delete_created else 3)
    kept = [step.params.get("Sid") for step in report.services[0].steps if step.resource == "roles"]
    assert made <= set(kept)
    for sid in made:
        del target.roles[sid]
    assert lost(before, other_account(two)) == {}


def test_a_role_that_appeared_before_the_run_gets_back_what_it_had(two, elsewhere, mapping):
    """A role that someone else made between diff and apply is used, and has its own permissions again afterwards."""
    elsewhere.export()
    elsewhere.diff(**mapping)
    (target,) = other_account(two).services.values()
    theirs = target.add_role("RL" + "6" * 32, "guest", "channel", ["deleteAnyMessage"])
    assert code_of(elsewhere.apply()) == 0
    assert len([role for role in target.roles.values() if role.friendly_name == "guest"]) == 1
    assert theirs.permissions != ["deleteAnyMessage"]
    assert code_of(elsewhere.rollback(delete_created=True)) == 0
    assert target.roles[theirs.sid].permissions == ["deleteAnyMessage"]


@pytest.mark.parametrize("fault", ["500_before", "500_after"])
def test_a_role_that_was_found_is_not_taken_for_a_created_one(two, elsewhere, mapping, fault):
    """Where the answers to its update are lost, a resume updates somebody's role, and a rollback restores it."""
    elsewhere.export()
    elsewhere.diff(**mapping)
    (target,) = other_account(two).services.values()
    theirs = target.add_role("RL" + "6" * 32, "moderator", "channel", ["deleteAnyMessage"])
    two.inject(
        Fault(fault, method="POST", path=theirs.sid),
        Fault("500_before", method="GET", path=theirs.sid, nth=2, times=5),
    )
    assert code_of(elsewhere.apply()) == 4
    assert code_of(elsewhere.resume()) == 0
    assert set(theirs.permissions) == {"deleteAnyMessage", "editAnyMessage", "removeMember", "sendMessage"}
    assert code_of(elsewhere.rollback(delete_created=True)) == 0
    assert target.roles[theirs.sid].permissions == ["deleteAnyMessage"]


def test_a_role_in_use_is_left(two, mapped):
    """A role that the run has made and someone has changed since is not removed."""
    driver, before = mapped
    (target,) = other_account(two).services.values()
    role = target.role_named("moderator")
    role.permissions.append("editAnyUserInfo")
    assert code_of(driver.rollback(delete_created=True)) == 6
    assert target.roles.keys() - before.services[target.sid].roles.keys() == {role.sid}


def test_a_run_without_writes_leaves_nothing_to_undo(simulator, tool):
    """Where no run has written anything, there is nothing to do, and nothing is sent."""
    tool("run", "--yes", "--service", named(simulator, "Lindqvist").sid)
    since = len(simulator.requests)
    result = tool("rollback", "--yes")
    assert (result.code, len(simulator.requests)) == (0, since)
    assert "nothing to do" in result.out


def test_a_second_rollback_does_nothing(simulator, tmp_path):
    """What is rolled back already is not rolled back again; asked for by its id, it is sent and changes nothing."""
    before = deepcopy(simulator.world.first)
    driver = drive(tmp_path, simulator)
    driver.run()
    driver.rollback()
    since = len(simulator.requests)
    assert driver.rollback() is None
    assert len(simulator.requests) == since
    assert code_of(driver.rollback(1)) == 0
    assert lost(before, simulator.world.first) == {}
    assert len(posts(simulator, since)) == 14, (
        "an old reading may show the earlier values: they are sent all the same"
    )


def test_an_interrupted_rollback_is_resumed(simulator, tmp_path):
    """Ctrl-C in the middle: what was restored is recorded, and `resume` does the rest."""
    before = deepcopy(simulator.world.first)
    driver = drive(tmp_path, simulator)
    driver.run()
    stop = StopToken()
    simulator.inject(Fault("edit", method="POST", nth=4, edit=lambda _world: stop.set()))
    with pytest.raises(Interrupted, match="resume"):
        replace(driver, stop=stop).rollback(concurrency=1)
    assert lost(before, simulator.world.first)
    with pytest.raises(SafetyRefusal, match="resume"):
        driver.rollback(1)
    driver.resume()
    assert lost(before, simulator.world.first) == {}
    assert driver.resume() is None


def test_the_wrong_account_is_refused(two, elsewhere, tmp_path):
    """Credentials of another account than the one that was written to are refused, and nothing is sent."""
    elsewhere.run(target="new")
    since = len(two.requests)
    there = drive(tmp_path, two)
    for roll_back in (there.rollback, there.preview):
        for delete_created in (False, True):
            with pytest.raises(SafetyRefusal, match=other_account(two).sid):
                roll_back(delete_created=delete_created)
    assert len(two.requests) == since


@pytest.mark.parametrize(("run_id", "says"), [(7, "run 7"), (2, "Run 2 is itself the rollback of run 1")])
def test_an_unknown_run_is_refused(simulator, tmp_path, run_id, says):
    """A run that does not exist, or that is a rollback itself, is refused in one sentence."""
    driver = drive(tmp_path, simulator)
    driver.run()
    driver.rollback()
    since = len(simulator.requests)
    with pytest.raises(BadInput, match=says) as refused:
        driver.rollback(run_id)
    assert "\n" not in str(refused.value)
    assert len(simulator.requests) == since


def test_nobody_agreed(simulator, tool):
    """Without a terminal and without `--yes` it refuses and names the option."""
    drive(tool.folder, simulator).run()
    since = len(simulator.requests)
    result = tool("rollback")
    assert (result.code, len(simulator.requests)) == (2, since)
    assert "--yes" in result.err


def test_the_plan_of_an_undone_run_is_stale(simulator, tmp_path):
    """`apply` after `rollback` reports no success of the run that was undone; a new plan does the work again."""
    driver = drive(tmp_path, simulator)
    driver.run()
    after = deepcopy(simulator.world.first)
    driver.rollback()
    since = len(simulator.requests)
    with pytest.raises(SafetyRefusal, match="chat-migrate diff"):
        driver.apply()
    assert posts(simulator, since) == []
    driver.diff()
    assert code_of(driver.apply()) == 0
    assert lost(after, simulator.world.first) == {}


def test_a_run_with_an_undecided_create_must_be_resumed_first(tmp_path):
    """While nobody knows whether a service was made, its run cannot be rolled back, nor a dry run say how."""
    with Simulator(services=1, seed=7, accounts=2) as simulator:
        driver = drive(tmp_path, simulator, other_account(simulator).sid)
        simulator.inject(Fault("reset_after", method="POST", path="/Services$"))
        listing = {"method": "GET", "path": "^/v1/Services$", "api": "conversations"}
        simulator.inject(Fault("500_before", **listing, nth=2, times=6))
        assert code_of(driver.run(target="new")) == 4
        since = len(simulator.requests)
        for roll_back in (driver.rollback, driver.preview):
            with pytest.raises(SafetyRefusal, match="resume"):
                roll_back(delete_created=True)
        assert posts(simulator, since) == []
        assert code_of(driver.resume()) == 0
        assert code_of(driver.rollback(delete_created=True)) == 0
        assert other_account(simulator).services == {}


def test_the_journal_tells_of_every_write(simulator, tmp_path):
    """Each write of a rollback has its intent and its outcome in the journal."""
    driver = drive(tmp_path, simulator)
    driver.run()
    since = len(simulator.requests)
    driver.rollback()
    states = driver.rows("SELECT key, state FROM journal WHERE run = 2 ORDER BY id")
    intents = [row["key"] for row in states if row["state"] == "intent"]
    assert len(intents) == len(posts(simulator, since))
    ends = {row["key"]: row["state"] for row in states}
    assert {ends[key] for key in intents} == {"rolled_back"}


def test_a_rollback_tells_what_it_cannot_bring_back(simulator, tool):
    """What was in Chat's words, and webhooks that were never set, are told with what stands there instead."""
    drive(tool.folder, simulator).run()
    done = tool("-v", "rollback", "--yes")
    assert done.code == 0
    kestrel = named(simulator, "Kestrel").sid
    [row] = tool.rows(
        "SELECT message FROM journal WHERE run = 2 AND state = 'skipped' AND key = ?", f"{kestrel}/webhooks"
    )
    assert "in Chat's words" in row["message"]
    assert re.search("There was no webhook before +7 +7", done.err)


def test_fields_that_drifted_are_not_told_as_restored(simulator, tool):
    """A field that someone changed since the run is not among those that the rollback's report restores."""
    drive(tool.folder, simulator).run()
    service = named(simulator, "Kestrel")
    service.conversations_notifications["new_message"]["template"] = "theirs"
    told = tool("rollback", "--yes", "--format", "json")
    assert told.code == 6
    [kestrel] = [found for found in told.json["services"] if found["source_sid"] == service.sid]
    assert kestrel["fields"] == []
    assert [step["state"] for step in kestrel["steps"]] == ["skipped", "drifted"]
    advice = kestrel["steps"][1]["error"]["advice"]
    assert "set it by hand" in advice
    assert "--allow-drift" not in advice


def test_alike_roles_have_a_row_each(simulator, tmp_path):
    """Three roles of one name with the same permissions are three rows of a rollback's report, each of its own."""
    service = named(simulator, "Lindqvist")
    sids = ["RL" + digit * 32 for digit in "123"]
    for sid in sids:
        role = service.add_role(sid, "Helper", "channel", ["sendMessage", "destroyChannel"])
        role.untranslated.append("destroyChannel")
    before = deepcopy(simulator.world.first)
    driver = drive(tmp_path, simulator)
    assert code_of(driver.run()) == 0
    report = driver.rollback()
    assert code_of(report) == 0
    rows = [row for row in about(report, service.sid).fields if row.resource == "roles"]
    assert [(row.item_sid, row.change, row.verdict) for row in rows] == [(sid, True, "exact") for sid in sids]
    assert {(tuple(row.before), tuple(row.after)) for row in rows} == {
        (("sendMessage", "deleteConversation"), ("sendMessage",))
    }
    assert [step.key for step in about(report, service.sid).steps if step.state == "rolled_back"] == [
        f"{service.sid}/roles/{sid}" for sid in reversed(sids)
    ]
    assert lost(before, simulator.world.first) == {}


def test_a_dry_run_tells_what_would_be_removed(two, elsewhere):
    """With `--delete-created`, a dry run lists the services as still to be deleted, and sends nothing."""
    elsewhere.run(target="new")
    since = len(two.requests)
    report = elsewhere.preview(delete_created=True)
    told = [step.state for service in report.services for step in service.steps if step.action == "delete"]
    assert (told, posts(two, since)) == (["planned"] * 12, [])


@pytest.mark.parametrize(("fault", "came_to"), [("500_before", "unknown"), ("400", "failed")])
def test_a_removal_that_is_not_answered_or_refused(two, elsewhere, fault, came_to):
    """A DELETE whose answers are lost may have had its effect: `resume` decides. One that is refused has failed."""
    elsewhere.run(target="new", export=ExportRequest(services=(named(two, "Saltmarsh").sid,)))
    two.inject(Fault(fault, method="DELETE", times=None))
    assert code_of(elsewhere.rollback(delete_created=True)) == 4
    (state,) = elsewhere.rows("SELECT state FROM step_state WHERE run = 2 AND key LIKE '%/service'")
    assert state["state"] == came_to
    assert len(other_account(two).services) == 1


def test_what_somebody_has_set_since_is_drifted(simulator, tmp_path):
    """One value that is not what the run wrote leaves its whole resource as it is; all others are restored."""
    driver = drive(tmp_path, simulator)
    driver.run()
    service = named(simulator, "Alder")
    service.conversations_webhooks["post_webhook_url"] = "https://somebody.example.com/"
    report = driver.rollback()
    assert code_of(report) == 6
    assert states(report, service.sid)["webhooks"] == "drifted"
    assert service.conversations_webhooks["post_webhook_url"] == "https://somebody.example.com/"
    (told,) = driver.rows("SELECT message FROM journal WHERE state = 'drifted'")
    assert told["message"] == "Someone has changed this since the run; it was left unchanged."


def test_a_created_service_that_somebody_has_deleted_is_gone(two, elsewhere):
    """What is not there any more counts as removed, without a request to remove it."""
    elsewhere.run(target="new", export=ExportRequest(services=(named(two, "Saltmarsh").sid,)))
    two.world.delete_service(next(iter(other_account(two).services)))
    assert code_of(elsewhere.rollback(delete_created=True)) == 0
    assert not [request for request in two.requests if request.method == "DELETE"]
    (state,) = elsewhere.rows("SELECT state FROM step_state WHERE run = 2 AND key LIKE '%/service'")
    assert state["state"] == "rolled_back"


@pytest.mark.parametrize("fault", ["500_after", "edit"])
def test_a_removal_whose_answer_was_lost_is_not_sent_again(two, elsewhere, fault):
    """What the DELETE, or somebody at the same moment, has removed is gone: one request is enough."""
    elsewhere.run(target="new", export=ExportRequest(services=(named(two, "Saltmarsh").sid,)))
    (made,) = other_account(two).services
    two.inject(Fault(fault, method="DELETE", edit=lambda world: world.delete_service(made)))
    assert code_of(elsewhere.rollback(delete_created=True)) == 0
    assert [request.method for request in two.requests].count("DELETE") == 1
    assert other_account(two).services == {}


def test_a_dry_run_tells_what_would_stay(two, elsewhere):
    """Without `--delete-created`, a dry run lists what was created as skipped, and how to remove it."""
    elsewhere.run(target="new", export=ExportRequest(services=(named(two, "Saltmarsh").sid,)))
    (service,) = elsewhere.preview().services
    (made,) = other_account(two).services
    (told,) = [step for step in service.steps if step.key.endswith("/service")]
    assert told.state == "skipped"
    assert told.error.message == f"The run created {made}; `--delete-created` removes it."


def headline(report):
    """The first sentences of a report as text."""
    stream = io.StringIO()
    render(report, "text", stream, View(width=200))
    return stream.getvalue().splitlines()[1]


def test_what_was_not_restored_is_not_told_as_restored(simulator, tmp_path):
    """The first sentences count what is restored, and the steps that failed, until a resume has done those too."""
    driver = drive(tmp_path, simulator)
    driver.run()
    everything = headline(driver.preview())
    webhooks = named(simulator, "Alder").sid + "/Configuration/Webhooks"
    simulator.inject(Fault("400", method="POST", path=webhooks))
    failing, resumed = driver.rollback(), driver.resume()
    assert (code_of(failing), code_of(resumed)) == (4, 0)
    assert [everything, headline(failing), headline(resumed)] == [
        "47 fields in 11 services would be restored.",
        "44 fields in 11 services are restored. 1 step failed. 1 step was skipped.",
        "47 fields in 11 services are restored. 1 step was skipped.",
    ]


def test_a_rollback_that_has_restored_nothing_says_so(simulator, tmp_path):
    """Where Twilio has refused every request, nothing "would be" restored any more."""
    driver = drive(tmp_path, simulator)
    driver.run(export=ExportRequest(services=(named(simulator, "Alder").sid,)))
    simulator.inject(Fault("400", method="POST", times=None))
    assert headline(driver.rollback()) == "0 fields in 0 services are restored. 2 steps failed."


def test_what_is_deleted_is_told_first(two, elsewhere):
    """The first sentences of a rollback with `--delete-created` count what is deleted, before and after."""
    elsewhere.run(target="new", export=ExportRequest(services=(named(two, "Saltmarsh").sid,)))
    assert headline(elsewhere.preview()) == "0 fields in 0 services would be restored."
    assert headline(elsewhere.preview(delete_created=True)) == (
        "0 fields in 0 services would be restored. Created by the run, and would be deleted: 1 service."
    )
    assert "Created by the run, and deleted: 1 service." in headline(elsewhere.rollback(delete_created=True))


def test_steps_that_the_run_did_not_take_are_no_part_of_its_rollback(simulator, tool):
    """Report, status and history count the same steps: those that the run has written."""
    tool("run", "--yes", "--limit", "1")
    told = tool("rollback", "--dry-run", "--format", "json").json["summary"]
    assert (told["steps"], told["steps_by_state"]) == (1, {"planned": 1})
    done = tool("rollback", "--yes", "--format", "json").json["summary"]
    assert (done["steps"], done["steps_by_state"]) == (1, {"rolled_back": 1})
    assert tool("history", "--format", "json").json[-1]["counts"] == {"rolled_back": 1}
    assert "\nsteps      1 rolled back\n" in tool("status").out
