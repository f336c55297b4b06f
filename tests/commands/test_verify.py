"""`verify`: the targets read again, compared with the plan field by field."""

from __future__ import annotations

import pytest
from driving import about, drive, verdicts
from worlds import named, posts

from migrate.commands.verify import VerifyOptions, verify
from migrate.simulator import Fault, Simulator


@pytest.fixture
def driver(simulator, tmp_path):
    """A driver whose database holds a finished run in place."""
    made = drive(tmp_path, simulator)
    made.run()
    return made


def changed(report):
    """Source SID and field of every mismatch."""
    return {
        (service.source_sid, row.source)
        for service in report.services
        for row in service.fields
        if row.change
    }


def test_after_a_run_everything_agrees(simulator, tool):
    """After a run, verify reads, writes nothing, finds no mismatch, and exits with 0."""
    drive(tool.folder, simulator).run()
    sent = len(simulator.requests)
    result = tool("verify", "--format", "json")
    assert (result.code, result.json["kind"]) == (0, "verify")
    assert result.json["summary"]["services_to_change"] == 0
    assert {request.method for request in simulator.requests[sent:]} == {"GET"}
    assert result.json["summary"]["services"] == 12


def test_a_mismatch(simulator, tool):
    """A value that someone has changed since is shown with both values, and the exit code is 3."""
    drive(tool.folder, simulator).run()
    service = named(simulator, "Kestrel")
    service.conversations_webhooks["method"] = "GET"
    result = tool("verify", "--format", "json")
    assert (result.code, result.json["summary"]["services_to_change"]) == (3, 1)
    ((source_sid, row),) = (
        (each["source_sid"], row)
        for each in result.json["services"]
        for row in each["fields"]
        if row["change"]
    )
    assert (source_sid, row["source"]) == (service.sid, "webhook_method")
    assert (row["before"], row["after"]) == ("GET", "POST")
    assert posts(simulator)


def test_in_place_after_services_were_re_created_in_the_account(simulator, tmp_path):
    """What an earlier run has made of a service is not taken for the target of a run in place."""
    service = named(simulator, "Kestrel")
    driver = drive(tmp_path, simulator)
    driver.run(target="new")
    driver.run()
    assert changed(driver.verify()) == set()
    service.conversations_webhooks["method"] = "GET"
    assert changed(driver.verify()) == {(service.sid, "webhook_method")}
    assert about(driver.verify(), service.sid).target_sid == service.sid


def test_before_the_run_everything_is_a_mismatch(simulator, tmp_path):
    """A plan that was not applied yet is a plan whose values are not there; what was right agrees."""
    driver = drive(tmp_path, simulator)
    driver.export()
    pending = changed(driver.diff())
    assert changed(driver.verify()) == pending
    assert pending


def test_a_role_that_grants_more_is_no_mismatch(simulator, driver):
    """In place nothing is taken away from a role, so one more permission is nobody's mistake."""
    driver.run()
    named(simulator, "Saltmarsh").role_named("guest").permissions.append("deleteAnyMessage")
    assert verify(driver.context, VerifyOptions()).differences == 0
    assert driver.verify().summary.changes == 0


def test_a_role_that_lost_a_permission(simulator, driver):
    """Roles are compared too."""
    service = named(simulator, "Saltmarsh")
    service.role_named("moderator").permissions.remove("deleteAnyMessage")
    assert changed(driver.verify()) == {(service.sid, "roles.moderator.permissions")}


def test_a_filter_in_another_order_is_no_mismatch(simulator, driver):
    """Filters and permissions compare as sets."""
    for service in simulator.world.first.services.values():
        (service.conversations_webhooks["filters"] or []).reverse()
        for role in service.roles.values():
            role.permissions.reverse()
    assert changed(driver.verify()) == set()


def test_refused_filters_are_no_mismatch(tmp_path):
    """What Twilio has refused is told as a person's work, not as a mismatch."""
    with Simulator(services=12, seed=7, user_filters="refuse") as simulator:
        driver = drive(tmp_path, simulator)
        driver.run()
        report = driver.verify()
        assert changed(report) == set()
        rows = about(report, named(simulator, "Juniper").sid).fields
        assert {row.verdict for row in rows if row.source == "webhook_filters"} == {"manual"}


def test_the_summary_counts_what_the_report_lists(elsewhere):
    """The verdicts of the summary are those of the rows, as they are after the run."""
    _simulator, driver = elsewhere
    report = driver.verify()
    assert verdicts(report) == {name: count for name, count in report.summary.verdicts.items() if count}


def test_a_service_that_is_gone(simulator, driver):
    """A target that was deleted since the run is a mismatch of everything that should be there."""
    service = named(simulator, "Kestrel")
    simulator.world.delete_service(service.sid)
    assert {sid for sid, _ in changed(driver.verify())} == {service.sid}


def test_a_service_that_is_gone_is_one_difference(simulator, driver):
    """However many fields should be there, a target that was deleted is counted once."""
    simulator.world.delete_service(named(simulator, "Kestrel").sid)
    assert verify(driver.context, VerifyOptions()).differences == 1


def test_a_service_that_never_was_there(simulator, tmp_path):
    """A service that Conversations lacked when the plan was made was no part of it, and is no mismatch."""
    driver = drive(tmp_path, simulator)
    driver.export()
    service = named(simulator, "Kestrel")
    simulator.world.delete_service(service.sid)
    driver.diff()
    driver.apply()
    report = driver.verify()
    assert changed(report) == set()
    settings = [row for row in about(report, service.sid).fields if row.resource == "webhooks"]
    assert {row.verdict for row in settings} == {"manual"}


def test_an_offline_plan(simulator, driver):
    """A plan that was made offline can be compared all the same: what agrees is no mismatch."""
    driver.diff(offline=True)
    assert changed(driver.verify()) == set()
    named(simulator, "Kestrel").conversations_webhooks["method"] = "GET"
    assert changed(driver.verify()) == {(named(simulator, "Kestrel").sid, "webhook_method")}


def test_an_unknown_plan(simulator, tool):
    """A plan that does not exist is refused."""
    drive(tool.folder, simulator).run()
    result = tool("verify", "--plan", "f" * 64)
    assert result.code == 2
    assert "no plan" in result.err


# -- elsewhere ----------------------------------------------------------------------------------------------


@pytest.fixture
def elsewhere(tmp_path):
    """A simulator of two accounts, and a driver that has re-created the first in the second."""
    with Simulator(services=12, seed=7, accounts=2) as running:
        driver = drive(tmp_path, running, list(running.world.accounts)[1])
        driver.run(target="new")
        yield running, driver


def test_new_services_agree(elsewhere):
    """The services that a run has created hold what the plan wanted."""
    simulator, driver = elsewhere
    report = driver.verify()
    assert changed(report) == set()
    assert {each.target_sid for each in report.services} == set(
        simulator.world.accounts[report.target_account_sid].services
    )


def test_new_services_are_compared_role_by_role(elsewhere):
    """Another default role in a created service is a mismatch of that field."""
    simulator, driver = elsewhere
    source = named(simulator, "Saltmarsh")
    target = named(simulator, "Saltmarsh", driver.verify().target_account_sid)
    target.chat["default_channel_role_sid"] = target.role_named("channel user").sid
    assert changed(driver.verify()) == {(source.sid, "default_channel_role_sid")}


def test_an_earlier_plan_after_a_later_run(elsewhere):
    """The plan of the run that created the services can still be verified after another run."""
    _simulator, driver = elsewhere
    first = driver.verify().plan.id
    driver.run(target="new")
    report = driver.verify(first)
    assert changed(report) == set()
    assert all(each.target_sid for each in report.services)


def test_a_service_that_was_not_created(tmp_path):
    """A service whose create failed is a mismatch of everything that should be there."""
    with Simulator(services=2, seed=7, accounts=2) as simulator:
        driver = drive(tmp_path, simulator, list(simulator.world.accounts)[1])
        world, create = simulator.world, simulator.world.create_service
        simulator.inject(Fault("edit", method="POST", path="/Services$", edit=lambda _w: refuse(world)))
        driver.run(target="new")
        world.create_service = create
        report = driver.verify()
        missing = {each.source_sid for each in report.services if each.target_sid is None}
        assert missing
        assert {sid for sid, _ in changed(report)} == missing


def refuse(world):
    """Let Twilio refuse to create services from now on."""
    from migrate.simulator.forms import bad_request

    def refusing(_account, _name):
        raise bad_request("No more services", 20001)

    world.create_service = refusing
