"""What must hold before anything is sent: stale plans, wrong accounts and too many changes are refused."""

from __future__ import annotations

import pytest
from driving import code_of, drive
from worlds import named, posts

from migrate.core.errors import BadInput, SafetyRefusal
from migrate.execute.guards import Thresholds
from migrate.simulator import Fault, Simulator


@pytest.fixture
def two_accounts():
    """A simulator with a second account, which is empty."""
    with Simulator(services=3, seed=7, accounts=2) as running:
        yield running


def second(simulator):
    """The SID of the second account."""
    return list(simulator.world.accounts)[1]


# -- stale plans --------------------------------------------------------------------------------------------


def test_a_snapshot_that_shows_other_settings(simulator, driver, tool):
    """A plan is stale once a newer snapshot shows one of its services differently; nothing is sent."""
    service = named(simulator, "Kestrel")
    service.chat["notifications"]["new_message"]["sound"] = "new"
    driver.export()
    result = tool("apply", "--yes")
    assert result.code == 6
    assert service.sid in result.err
    assert "chat-migrate diff" in result.err
    assert posts(simulator) == []


def test_a_snapshot_that_shows_the_same(simulator, driver):
    """A newer snapshot with the same settings, or with other services, leaves the plan good."""
    driver.export()
    driver.export(services=(named(simulator, "Kestrel").sid,))
    assert code_of(driver.apply()) == 0


def test_a_target_that_has_changed(simulator, driver):
    """Every target is read again, and one that holds something else is refused before any write."""
    service = named(simulator, "Alder")
    service.conversations_webhooks["post_webhook_url"] = "https://somebody.example.com/"
    with pytest.raises(SafetyRefusal, match=f"the target has changed since .{service.sid}/webhooks"):
        driver.apply()
    assert posts(simulator) == []


def test_a_target_that_is_gone(simulator, driver):
    """A target that was deleted since the plan was made is a changed target."""
    service = named(simulator, "Alder")
    simulator.world.delete_service(service.sid)
    with pytest.raises(SafetyRefusal, match=service.sid):
        driver.apply()
    assert posts(simulator) == []


def test_many_targets_that_have_changed(simulator, driver):
    """Five are named, and of the others is told how many there are."""
    for sid in tuple(simulator.world.first.services):
        simulator.world.delete_service(sid)
    with pytest.raises(SafetyRefusal, match=r"since \(IS\w{32}(, IS\w{32}){4} and 6 more\)"):
        driver.apply()


def test_a_role_that_grants_more(simulator, driver):
    """In place nothing is taken away from a role, so that one that grants more by now makes no plan stale."""
    named(simulator, "Saltmarsh").role_named("guest").permissions.append("deleteAnyMessage")
    assert code_of(driver.apply()) == 0


def test_a_target_that_somebody_has_set_right(simulator, driver):
    """A target that holds the wanted values by now is no drift; it is not written again."""
    service = named(simulator, "Kestrel")
    filters = ["onMessageAdded", "onConversationRemoved", "onParticipantRemoved"]
    service.conversations_webhooks["filters"] = filters
    assert code_of(driver.apply()) == 0
    assert not [
        request
        for request in posts(simulator)
        if request.path.endswith(f"{service.sid}/Configuration/Webhooks")
    ]


def test_a_changed_target_may_be_overwritten(simulator, driver):
    """With --allow-drift, the plan is applied all the same."""
    service = named(simulator, "Alder")
    service.conversations_webhooks["post_webhook_url"] = "https://somebody.example.com/"
    assert code_of(driver.apply(allow_drift=True)) == 0
    assert service.conversations_webhooks["post_webhook_url"] == service.chat["post_webhook_url"]


def test_a_field_that_no_step_writes(simulator, driver):
    """A field that was reviewed as right already and is not so any more stops the plan, too."""
    service = named(simulator, "Alder")
    service.conversations_notifications["new_message"]["badge_count_enabled"] ^= True
    with pytest.raises(SafetyRefusal, match=f"{service.sid}/notifications/new_message.badge_count_enabled"):
        driver.apply()
    assert posts(simulator) == []


def test_the_rest_of_a_step_that_somebody_has_half_done(simulator, driver):
    """A target that holds some of the wanted values is neither as reviewed nor done: it is refused."""
    service = named(simulator, "Alder")
    service.conversations_webhooks["method"] = "POST"
    with pytest.raises(SafetyRefusal, match=f"{service.sid}/webhooks/method"):
        driver.apply()
    assert posts(simulator) == []


def test_a_plan_that_was_made_moments_ago(simulator, driver, tool):
    """However young the plan is, the command line reads the targets again, and names what allows to go on."""
    driver.export()
    driver.diff()
    named(simulator, "Alder").conversations_webhooks["method"] = "POST"
    named(simulator, "Alder").conversations_webhooks["filters"] = ["onMessageRemoved"]
    result = tool("apply", "--yes")
    assert result.code == 6
    assert "--allow-drift" in result.err
    assert posts(simulator) == []
    assert tool("apply", "--yes", "--allow-drift").code == 0


def test_other_mappings(driver, monkeypatch, simulator):
    """A plan that another version of the mappings made is not what this one would have shown."""
    monkeypatch.setattr("migrate.execute.guards.MAPPING_VERSION", "another")
    with pytest.raises(SafetyRefusal, match="another version of the mappings"):
        driver.apply()
    assert posts(simulator) == []


def test_a_plan_that_was_made_offline(driver, simulator):
    """What was not compared with the targets is not sent to them."""
    driver.diff(offline=True)
    with pytest.raises(SafetyRefusal, match="was made offline, without reading the targets"):
        driver.apply()
    assert posts(simulator) == []


def test_a_plan_that_would_create_while_a_create_is_undecided(two_accounts, tmp_path):
    """Until it is known what one run has made, no other plan is begun; nothing is sent."""
    driver = drive(tmp_path, two_accounts, second(two_accounts))
    driver.export(services=tuple(two_accounts.world.first.services)[:1])
    one, other = (driver.diff(target="new", clear=clear).plan.id for clear in (False, True))
    listing = {"method": "GET", "path": "^/v1/Services$", "api": "conversations"}
    two_accounts.inject(
        Fault("reset_after", method="POST", path="/Services$"), Fault("500_before", **listing, nth=2, times=6)
    )
    driver.apply(one)
    since = len(two_accounts.requests)
    with pytest.raises(SafetyRefusal, match="Run 1 may have created something that is not recorded yet"):
        driver.apply(other)
    assert posts(two_accounts, since) == []
    assert code_of(driver.resume()) == 0


# -- accounts -----------------------------------------------------------------------------------------------


def test_a_plan_for_another_account(two_accounts, tmp_path):
    """Credentials of another account than the plan's are refused, by apply, resume and verify alike."""
    driver = drive(tmp_path, two_accounts)
    driver.export()
    driver.diff()
    other = drive(tmp_path, two_accounts, second(two_accounts))
    with pytest.raises(SafetyRefusal, match=second(two_accounts)):
        other.apply()
    with pytest.raises(SafetyRefusal, match=second(two_accounts)):
        other.verify()
    driver.apply(services=1)
    sent = len(posts(two_accounts))
    with pytest.raises(SafetyRefusal, match=second(two_accounts)):
        other.resume()
    assert len(posts(two_accounts)) == sent


def test_a_snapshot_of_another_account(two_accounts, tmp_path):
    """Source credentials that are not the chosen snapshot's are refused; the message says how to name a target."""
    drive(tmp_path, two_accounts).export()
    account = two_accounts.world.accounts[second(two_accounts)]
    other = drive(
        tmp_path, two_accounts, TWILIO_ACCOUNT_SID=account.sid, TWILIO_AUTH_TOKEN=account.auth_token
    )
    with pytest.raises(SafetyRefusal, match=r"TWILIO_TARGET_\*"):
        other.diff(target="new", snapshot=1)
    with pytest.raises(SafetyRefusal, match=two_accounts.account_sid):
        other.diff(snapshot=1)
    with pytest.raises(BadInput, match=f"no snapshot of {account.sid} .*chat-migrate export"):
        other.diff()


def test_in_place_in_another_account(two_accounts, tmp_path):
    """A Service cannot be changed in place in an account that does not have it; that account is asked for nothing."""
    driver = drive(tmp_path, two_accounts, second(two_accounts))
    driver.export()
    for command in (driver.diff, driver.run):
        with pytest.raises(SafetyRefusal, match="--target new or map"):
            command()
    assert {request.account_sid for request in two_accounts.requests} == {two_accounts.account_sid}


# -- thresholds ---------------------------------------------------------------------------------------------


def test_too_many_changes(simulator, tool):
    """More fields than --max-changes are refused before anything is sent, with both numbers."""
    drive(tool.folder, simulator).export()
    fields = tool("diff", "--format", "json").json["services"]
    assert sum(row["change"] for service in fields for row in service["fields"]) == 58
    result = tool("apply", "--yes", "--max-changes", 57)
    assert result.code == 6
    assert "58 fields, more than --max-changes 57" in result.err
    assert posts(simulator) == []
    assert tool("apply", "--yes", "--max-changes", 58).code == 0


def test_too_large_a_share(simulator, tool):
    """More services than --max-change-percent allows are refused before anything is written."""
    result = tool("run", "--yes", "--max-change-percent", "50")
    assert result.code == 6
    assert "--max-change-percent 50" in result.err
    assert posts(simulator) == []
    assert tool("run", "--yes", "--max-change-percent", "100").code == 0


def test_the_bounds_are_inclusive_and_an_empty_plan_passes(driver, simulator):
    """As much as was allowed is allowed, and no change at all is never too much."""
    driver.diff()
    assert code_of(driver.apply(thresholds=Thresholds(changes=58, percent=100 * 11 / 12))) == 0
    driver.export()
    driver.diff()
    assert code_of(driver.apply(thresholds=Thresholds(0, 0.0))) == 0


def test_a_refused_plan_leaves_no_run(driver):
    """What a guard has refused is not begun: there is nothing to resume."""
    with pytest.raises(SafetyRefusal):
        driver.apply(thresholds=Thresholds(changes=0))
    assert driver.resume() is None
    assert code_of(driver.apply()) == 0


# -- creating twice -----------------------------------------------------------------------------------------


def test_a_plan_whose_services_were_created_meanwhile(simulator, driver):
    """A plan to create services that another run has created since is stale: it would create them twice."""
    old = driver.diff(target="new").plan.id
    del simulator.world.first.services[named(simulator, "Lindqvist").sid]
    driver.run(target="new")
    made = len(simulator.world.first.services)
    with pytest.raises(SafetyRefusal, match="would create it once more"):
        driver.apply(old)
    assert len(simulator.world.first.services) == made


def test_a_plan_to_create_again_is_applied(simulator, driver):
    """`--again` asks for a fresh set on purpose, so what was created before its diff is no obstacle."""
    driver.run(target="new")
    made = len(simulator.world.first.services)
    driver.export()
    driver.diff(target="new", again=True)
    assert code_of(driver.apply()) == 0
    assert len(simulator.world.first.services) == made + 12


def test_a_run_that_was_begun_may_end_though_a_newer_snapshot_differs(simulator, driver):
    """A newer snapshot with other settings keeps a plan from being begun, not its run from being resumed."""
    driver.export()
    driver.diff()
    driver.apply(services=1)
    named(simulator, "Lindqvist").chat["reachability_enabled"] = True
    driver.export()
    report = driver.resume()
    assert report is not None
    assert set(report.summary.steps_by_state) == {"verified"}
