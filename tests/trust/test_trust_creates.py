"""Nothing is created twice, and nothing is left out, whatever lists, dates and lost answers say."""

from __future__ import annotations

import csv
import time
from dataclasses import replace

import pytest
from clients import IMPATIENT
from trust_world import (
    LAG,
    SETTLE,
    before,
    creates,
    held,
    journal,
    not_re_created,
    patient,
    second,
    started,
    wait_until,
)
from worlds import differences_between, differences_elsewhere, named, posts

from migrate.api.retry import Remedy
from migrate.core.errors import LastLookFailed
from migrate.simulator import Fault, Unevenness

SERVICES = "/v1/Services$"
ROLES = "/Roles$"


@pytest.mark.parametrize("kind", ["reset_after", "500_after", "wrong_shape", "reset_before", "html_502"])
def test_lost_creates_while_lists_lag(account, tmp_path, kind):
    """Six creates whose answers were lost give six services, though lists show them late, or they were never made."""
    simulator = account(uneven=Unevenness(lists_lag=LAG))
    simulator.inject(Fault(kind, method="POST", path=SERVICES, times=6))
    driver = patient(tmp_path, simulator, second(simulator))
    driver.run(target="new")
    assert differences_between(simulator, second(simulator)) == []
    assert driver.code() == 0


def test_roles_that_come_with_a_service(account, tmp_path):
    """Roles that Twilio makes with a service are waited for while their list is empty, and never created again."""
    simulator = account(uneven=Unevenness(lists_lag=LAG))
    driver = patient(tmp_path, simulator, second(simulator))
    driver.run(target="new")
    assert differences_between(simulator, second(simulator)) == []
    assert driver.code() == 0
    assert driver.verify().summary.changes == 0


def test_a_new_service_that_is_not_found_at_first(account, tmp_path):
    """A service or role that was just created and answers 404 for a while is waited for, in reads and in writes."""
    simulator = account(uneven=Unevenness(new_missing=LAG))
    driver = patient(tmp_path, simulator, second(simulator))
    driver.run(target="new")
    assert differences_between(simulator, second(simulator)) == []
    assert driver.code() == 0
    assert len(simulator.requests) < 600, "it does not ask without a pause"


@pytest.mark.parametrize("path", [SERVICES, ROLES])
def test_a_create_that_lands_after_the_time_out(account, tmp_path, path):
    """A create that takes effect after its client has given up on it is found, not repeated."""
    simulator = account(uneven=Unevenness(late_effects=LAG))
    simulator.inject(Fault("timeout_after", method="POST", path=path, times=4, seconds=1))
    driver = patient(tmp_path, simulator, second(simulator), CHAT_MIGRATE_TIMEOUT="0.2")
    driver.run(target="new")
    assert differences_between(simulator, second(simulator)) == []
    assert driver.code() == 0


@pytest.mark.parametrize("moment", [0.05, 0.3])
def test_a_create_that_lands_after_a_kill(account, tmp_path, moment):
    """After a kill -9 with a create on its way, `resume` at once waits for it instead of creating another one."""
    simulator = account(services=1, latency_ms=200, uneven=Unevenness(late_effects=LAG))
    driver = patient(tmp_path, simulator, second(simulator))
    running = started(tmp_path, driver.environ, "run", "--yes", "--target", "new")
    wait_until(lambda: driver.db.exists() and "service" in "".join(journal(driver, "intent")))
    time.sleep(moment)
    running.kill()
    running.communicate()
    driver.resume()
    assert differences_between(simulator, second(simulator)) == []
    assert driver.code() == 0


@pytest.mark.parametrize("answer", ["429", "400"])
def test_a_refusal_after_an_empty_look(account, tmp_path, monkeypatch, answer):
    """After a lost create, what is answered to the second request decides nothing: it is looked for once more."""
    few = dict(IMPATIENT.tries) | {Remedy.RETRY: 2}
    monkeypatch.setattr("driving.IMPATIENT", replace(IMPATIENT, tries=tuple(few.items())))
    simulator = account(services=1, uneven=Unevenness(late_effects=1.0))
    simulator.inject(
        Fault("500_after", method="POST", path=SERVICES),
        Fault(answer, method="POST", path=SERVICES, nth=2, times=None),
    )
    driver = replace(patient(tmp_path, simulator, second(simulator)), settle=0.6)
    driver.run(target="new")
    assert differences_between(simulator, second(simulator)) == []
    assert driver.code() == 0


def test_a_create_that_was_never_made_and_is_refused(account, tmp_path):
    """A lost create that made nothing, refused the second time, has failed; another plan is not held up by it."""
    simulator = account(services=1)
    simulator.inject(
        Fault("reset_before", method="POST", path=SERVICES),
        Fault("400", method="POST", path=SERVICES, nth=2),
    )
    driver = replace(patient(tmp_path, simulator, second(simulator)), settle=0.3)
    driver.run(target="new")
    assert driver.code() == 4
    assert [key.split("/")[1] for key in journal(driver, "failed")] == ["service"]
    driver.run(target="new")
    assert differences_between(simulator, second(simulator)) == []
    assert driver.code() == 0


def test_a_refused_create_after_which_nothing_could_be_looked_for(account, tmp_path):
    """It may have been made by the request before, so it stands as unknown, with what was said last."""
    simulator = account(services=1)
    simulator.inject(
        Fault("reset_before", method="POST", path=SERVICES),
        Fault("400", method="POST", path=SERVICES, nth=2),
        Fault("400", method="GET", path=SERVICES, api="conversations", nth=3),
    )
    driver = replace(patient(tmp_path, simulator, second(simulator)), settle=0.0)
    driver.run(target="new")
    assert driver.code() == 4
    lines = driver.rows("SELECT state, status FROM journal ORDER BY id")
    assert [tuple(line) for line in lines] == [
        ("intent", None),
        ("unknown", None),
        ("intent", None),
        ("unknown", 400),
    ]
    driver.resume()
    assert differences_between(simulator, second(simulator)) == []
    assert driver.code() == 0


DATES = {
    "behind": Unevenness(lists_lag=LAG, dates_lag=2),
    "odd": Unevenness(lists_lag=LAG, odd_dates=True, seed=3),
    "a clock that steps": Unevenness(lists_lag=LAG, clock_step=-3600, clock_period=0.3),
}


@pytest.mark.parametrize("dates", DATES)
def test_dates_decide_nothing(account, tmp_path, dates):
    """Lost creates beside sources of the same name and age: no source is taken for a new one, none made twice."""
    simulator = account(uneven=DATES[dates])
    for service in simulator.world.first.services.values():
        service.redate("2026-11-21T12:00:00Z")
    sources = before(simulator)
    holds = held(simulator)
    simulator.inject(Fault("reset_after", method="POST", path=SERVICES, times=6))
    driver = patient(tmp_path, simulator)
    driver.run(target="new")
    assert not_re_created(sources, simulator) == []
    assert {sid: held(simulator)[sid] for sid in sources} == holds
    assert driver.code() == 0


def test_a_clock_of_ours_that_is_wrong(account, tmp_path, monkeypatch):
    """A clock on this side that is hours behind duplicates nothing either."""
    monkeypatch.setattr("migrate.store.journal.now", lambda: "2016-01-01T00:00:00.000Z")
    monkeypatch.setattr("migrate.store.runs.now", lambda: "2039-01-01T00:00:00.000Z")
    simulator = account(uneven=Unevenness(lists_lag=LAG))
    sources = before(simulator)
    simulator.inject(Fault("reset_after", method="POST", path=SERVICES, times=6))
    driver = patient(tmp_path, simulator)
    driver.run(target="new")
    assert not_re_created(sources, simulator) == []
    assert driver.code() == 0


def mapped(simulator, folder):
    """Empty services in the second account, and the file that maps the first account's to them."""
    target = simulator.world.accounts[second(simulator)]
    file = folder / "map.csv"
    with file.open("w", newline="") as stream:
        lines = csv.writer(stream)
        lines.writerow(["source_sid", "target_sid"])
        for sid, service in simulator.world.first.services.items():
            lines.writerow([sid, simulator.world.create_service(target, service.chat["friendly_name"]).sid])
    return file


@pytest.mark.parametrize("kind", ["reset_after", "reset_before"])
def test_a_service_of_that_name_that_was_there_before(account, tmp_path, kind):
    """Somebody's service of the same name is neither taken for what a lost create has made, nor told as left over."""
    simulator = account(services=1)
    there = simulator.world.accounts[second(simulator)]
    (source,) = simulator.world.first.services.values()
    somebodys = simulator.world.create_service(there, source.chat["friendly_name"])
    was = held(simulator, second(simulator))[somebodys.sid]
    simulator.inject(Fault(kind, method="POST", path=SERVICES))
    driver = replace(patient(tmp_path, simulator, second(simulator)), settle=0.3)
    driver.run(target="new")
    (made,) = there.services.keys() - {somebodys.sid}
    assert differences_elsewhere(source, there.services[made]) == []
    assert held(simulator, second(simulator))[somebodys.sid] == was
    assert driver.rows("SELECT sid FROM leftovers") == []
    assert driver.code() == 0


def test_a_role_whose_answer_was_lost_is_the_runs_own(account, tmp_path):
    """A role that a lost answer has made is removed by `rollback --delete-created`, like every other one."""
    simulator = account(services=12, uneven=Unevenness(lists_lag=LAG))
    file = mapped(simulator, tmp_path)
    simulator.inject(Fault("reset_after", method="POST", path=ROLES))
    driver = patient(tmp_path, simulator, second(simulator))
    roles = {sid: len(service["roles"]) for sid, service in held(simulator, second(simulator)).items()}
    driver.run(target="map", target_map=file)
    assert driver.code() == 0
    made = {sid: len(service["roles"]) for sid, service in held(simulator, second(simulator)).items()}
    assert sum(made.values()) - sum(roles.values()) == creates(simulator)["Roles"] > 0
    driver.rollback(delete_created=True)
    after = {sid: len(service["roles"]) for sid, service in held(simulator, second(simulator)).items()}
    assert after == roles


def test_what_was_removed_is_not_waited_for(account, tmp_path):
    """After `rollback --delete-created`, a later plan does not take the removed roles for ones that are listed late."""
    simulator = account(services=12)
    file = mapped(simulator, tmp_path)
    driver = patient(tmp_path, simulator, second(simulator))
    driver.run(target="map", target_map=file)
    driver.rollback(delete_created=True)
    done = len(simulator.requests)
    driver.diff(target="map", target_map=file)
    lists = [request.path for request in simulator.requests[done:] if request.path.endswith("/Roles")]
    assert len(lists) == len(set(lists))


def test_what_nobody_claims_is_reported(account, tmp_path):
    """What a lost create makes after the settle time is named at the end of the run, which is no success."""
    simulator = account(services=1, uneven=Unevenness(late_effects=1.0))
    simulator.inject(
        Fault("500_after", method="POST", path=SERVICES),
        Fault("slow", method="POST", path="/Configuration/Notifications$", seconds=1.2),
    )
    driver = replace(patient(tmp_path, simulator, second(simulator)), settle=0.3)
    report = driver.run(target="new")
    first, other = simulator.world.accounts[second(simulator)].services
    (own,) = {service.target_sid for service in report.services}
    from migrate.commands.ending import notes_on
    from migrate.store import open_store, runs

    with open_store(driver.db) as store:
        (note,) = notes_on(store, runs.find_latest(store, None))
    assert next(sid for sid in (first, other) if sid != own) in note
    assert driver.code() == 4


def test_a_last_look_that_is_not_answered(account, tmp_path):
    """The run is not done until it has looked: exit 4, and a resume looks again and finds what nobody claims."""
    simulator = account(services=1, uneven=Unevenness(late_effects=1.0))
    refused = Fault("400", method="GET", path=SERVICES)
    simulator.inject(
        Fault("500_after", method="POST", path=SERVICES),
        Fault("slow", method="POST", path="/Configuration/Notifications$", seconds=1.2),
        Fault(
            "edit", method="POST", path="/Configuration/Webhooks$", edit=lambda _: simulator.inject(refused)
        ),
    )
    driver = replace(patient(tmp_path, simulator, second(simulator)), settle=0.3)
    with pytest.raises(LastLookFailed, match="`chat-migrate resume` looks again") as failed:
        driver.run(target="new")
    assert failed.value.exit_code == 4
    driver.resume()
    assert driver.code() == 4
    assert len(simulator.world.accounts[second(simulator)].services) == 2


def test_settle_is_what_bounds_it():
    """These tests play lags that are within the settle time."""
    assert LAG < SETTLE


def test_a_role_that_somebody_has_made_meanwhile(account, tmp_path):
    """A role of the same name is taken, not made again; a refusal to update it leaves nothing undecided."""
    simulator = account(services=12)
    file = mapped(simulator, tmp_path)
    driver = patient(tmp_path, simulator, second(simulator))
    driver.export()
    driver.diff(target="map", target_map=file)
    source = named(simulator, "Saltmarsh").role_named("moderator")
    target = named(simulator, "Saltmarsh", second(simulator))
    made = target.add_role("RL" + "ab" * 16, source.friendly_name, source.type, ["sendMessage"])
    simulator.inject(Fault("400", method="POST", path=f"/Roles/{made.sid}$"))
    driver.apply()
    assert driver.code() == 4
    assert [role.friendly_name for role in target.roles.values()].count("moderator") == 1
    driver.diff(target="new")
    driver.resume()
    assert "removeMember" in made.permissions
    assert [role.friendly_name for role in target.roles.values()].count("moderator") == 1
    assert driver.code() == 0


def test_a_second_run_whose_list_lacks_a_role(account, tmp_path):
    """A role that a run has found in a new service is not created by the next one, where a list lacks it for once."""
    simulator = account(services=1)
    target = second(simulator)
    (source,) = simulator.world.first.services.values()
    for role in source.roles.values():
        role.permissions = [name for name in role.permissions if name != "inviteMember"]
    driver = patient(tmp_path, simulator, target)
    driver.run(target="new")
    (made,) = simulator.world.accounts[target].services.values()
    role = made.role_named("channel user")
    written = [request for request in posts(simulator) if role.sid in request.path]
    simulator.inject(
        Fault("edit", path=f"{made.sid}/Roles$", edit=lambda _world: made.roles.pop(role.sid)),
        Fault(
            "edit", path=f"{made.sid}/Roles$", nth=2, edit=lambda _world: made.roles.update({role.sid: role})
        ),
    )
    done = len(simulator.requests)
    driver.run(target="new")
    assert (written, posts(simulator, done)) == ([], [])
    assert differences_between(simulator, target) == []


def test_two_roles_of_one_name_that_somebody_has_made_meanwhile(account, tmp_path):
    """None of them is taken and no third is made: both are named, and once one is deleted, the other is taken."""
    simulator = account(services=12)
    file = mapped(simulator, tmp_path)
    driver = patient(tmp_path, simulator, second(simulator))
    driver.export()
    driver.diff(target="map", target_map=file)
    target = named(simulator, "Saltmarsh", second(simulator))
    one, two = (
        target.add_role("RL" + letters * 16, "moderator", "channel", ["sendMessage"])
        for letters in ("ab", "cd")
    )
    driver.apply()
    assert driver.code() == 4
    (told,) = driver.rows("SELECT message FROM journal WHERE state = 'unknown'")
    assert f"2 items named 'moderator' ({one.sid}, {two.sid})" in told["message"]
    assert (one.permissions, two.permissions) == (["sendMessage"], ["sendMessage"])
    del target.roles[two.sid]
    driver.resume()
    assert "removeMember" in one.permissions
    assert [role.friendly_name for role in target.roles.values()].count("moderator") == 1
    assert driver.code() == 0


def test_a_role_that_does_not_come_with_its_service(account, tmp_path):
    """A role that Twilio makes with a service and that never appears has failed; it is not created."""
    simulator = account(services=1)
    (source,) = simulator.world.first.services.values()
    source.role_named("channel user").permissions = ["sendMessage"]
    target = simulator.world.accounts[second(simulator)]

    def take_away(_world):
        (made,) = target.services.values()
        made.roles.pop(made.role_named("channel user").sid, None)

    simulator.inject(Fault("edit", method="GET", path="/v1/Services/IS", api="conversations", edit=take_away))
    driver = replace(patient(tmp_path, simulator, second(simulator)), settle=0.3)
    driver.run(target="new")
    (told,) = driver.rows("SELECT message FROM journal WHERE state = 'failed'")
    assert told["message"] == "roles 'channel user' did not appear in the new Service."
    assert creates(simulator)["Services"] == 1
    assert driver.code() == 4


@pytest.mark.parametrize("answer", [None, "400"])
def test_a_request_that_could_not_leave_at_once_is_announced_again(account, tmp_path, monkeypatch, answer):
    """The announcement is renewed on disk, and both together count as the one request that was sent."""
    monkeypatch.setattr("migrate.execute.attempts.INTENT_SECONDS", -1.0)
    simulator = account(services=1)
    if answer:
        simulator.inject(Fault(answer, method="POST", path=SERVICES))
    driver = patient(tmp_path, simulator, second(simulator))
    driver.run(target="new")
    assert driver.code() == (4 if answer else 0)
    assert creates(simulator)["Services"] == 1
    told = driver.rows(
        "SELECT message FROM journal WHERE key LIKE '%/service' AND state = 'intent' ORDER BY id"
    )
    assert [row["message"] for row in told] == [
        "",
        "Announced again: the request could not leave at once.",
    ]
    (state,) = driver.rows("SELECT undecided, wrote FROM step_state WHERE key LIKE '%/service'")
    assert tuple(state) == (0, 0 if answer else 1)


def test_a_role_that_is_refused_with_404_for_a_while(account, tmp_path):
    """A create that is told that its service is not there is sent again until the settle time has passed."""
    simulator = account(services=12)
    file = mapped(simulator, tmp_path)
    driver = patient(tmp_path, simulator, second(simulator))
    driver.export()
    driver.diff(target="map", target_map=file)
    services = simulator.world.accounts[second(simulator)].services
    target = named(simulator, "Saltmarsh", second(simulator))
    simulator.inject(
        Fault(
            "edit", method="POST", path=f"{target.sid}/Roles$", edit=lambda _world: services.pop(target.sid)
        ),
        Fault(
            "edit",
            path=f"{target.sid}/Roles",
            method="POST",
            nth=2,
            edit=lambda _world: services.update({target.sid: target}),
        ),
    )
    driver.apply()
    assert driver.code() == 0
    names = [role.friendly_name for role in target.roles.values()]
    assert names.count("moderator") == 1
