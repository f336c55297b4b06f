"""`--target new`: services re-created elsewhere, each once, whatever gets lost on the way."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from driving import about, code_of, drive
from worlds import differences_between, differences_elsewhere, named, posts

from migrate.core.errors import SafetyRefusal
from migrate.execute.work import Bounds
from migrate.simulator import Fault, Simulator
from migrate.simulator.forms import bad_request
from migrate.source.live import ExportRequest


def second(simulator):
    """The SID of the account that receives."""
    return list(simulator.world.accounts)[1]


def creates(simulator, since=0):
    """The creates that have arrived."""
    return [request for request in posts(simulator, since) if request.path.endswith(("/Services", "/Roles"))]


@pytest.fixture
def simulator(two):
    """The two accounts."""
    return two


@pytest.fixture
def driver(elsewhere):
    """A driver that writes to the second account, and waits for no answer long."""
    return replace(elsewhere, environ={**elsewhere.environ, "CHAT_MIGRATE_TIMEOUT": "0.3"})


# -- a whole account ----------------------------------------------------------------------------------------


def test_twelve_services_in_another_account(simulator, tool, driver):
    """All settings and roles of twelve services, two of one name, are re-created in one pass, each once."""
    target = second(simulator)
    assert differences_between(simulator, target)
    result = tool("run", "--yes", "--target", "new", environ=simulator.environment(target))
    assert result.code == 0
    assert differences_between(simulator, target) == []
    assert {request.account_sid for request in posts(simulator)} == {target}


def test_the_budget_of_requests(simulator, driver):
    """A new service is read once a write, and written 4 times at most, and once per role to create or change.

    Besides, the roles that Twilio makes with it are looked for, and those of a name before it is created.
    """
    assert code_of(driver.run(target="new")) == 0
    target = second(simulator)
    for sid, service in simulator.world.accounts[target].services.items():
        mine = [r for r in simulator.requests if sid in r.path]
        assert sum(r.method == "GET" for r in mine) <= 3 + 2 * len(service.roles)
        roles = [r.path for r in mine if r.method == "POST" and "/Roles" in r.path]
        assert len(roles) <= len(service.roles)
        assert sum(r.method == "POST" for r in mine) - len(roles) <= 3, "besides its creation"
    assert sum(r.path == "/v1/Services" for r in posts(simulator)) == 12


def test_a_second_run_creates_and_writes_nothing(simulator, driver):
    """What was re-created is found again: the second run makes no create and no write."""
    driver.run(target="new")
    done = len(simulator.requests)
    report = driver.run(target="new")
    assert (code_of(report), posts(simulator, done)) == (0, [])
    assert report.summary.services == 12


def test_a_difference_is_mended_in_the_recorded_target(simulator, driver):
    """What changed in Chat since is written to the service that was created before, and nothing is created."""
    driver.run(target="new")
    named(simulator, "Kestrel").chat["notifications"]["new_message"]["sound"] = "new"
    done = len(simulator.requests)
    assert code_of(driver.run(target="new")) == 0
    (sent,) = posts(simulator, done)
    assert sent.form == [("NewMessage.Sound", "new")]
    assert named(simulator, "Kestrel", second(simulator)).sid in sent.path


def test_again_makes_a_fresh_set(simulator, driver):
    """`--again` creates everything once more, and later runs go on with the fresh set."""
    driver.run(target="new")
    first = set(simulator.world.accounts[second(simulator)].services)
    assert code_of(driver.run(target="new", again=True)) == 0
    fresh = set(simulator.world.accounts[second(simulator)].services) - first
    assert len(fresh) == 12
    done = len(simulator.requests)
    report = driver.run(target="new")
    assert posts(simulator, done) == []
    assert {service.target_sid for service in report.services} == fresh


def test_a_target_that_is_gone_is_created_again(simulator, driver):
    """A recorded target that was deleted since is made anew, with all its settings; the others are left."""
    driver.run(target="new")
    simulator.world.delete_service(named(simulator, "Saltmarsh", second(simulator)).sid)
    assert code_of(driver.run(target="new")) == 0
    assert differences_between(simulator, second(simulator)) == []


def test_resuming_a_finished_run_creates_nothing(simulator, driver):
    """After a run that ended well, resume finds nothing to do and sends nothing."""
    driver.run(target="new")
    done = len(simulator.requests)
    assert driver.resume() is None
    assert len(simulator.requests) == done


def test_in_the_same_account(simulator, tmp_path):
    """In one account, the copies are Chat Services as well; a second run does not copy, or touch, the copies."""
    driver = drive(tmp_path, simulator)
    assert code_of(driver.run(target="new")) == 0
    assert len(simulator.world.first.services) == 24
    done = len(simulator.requests)
    assert code_of(driver.run(target="new")) == 0
    assert posts(simulator, done) == []


def test_copies_are_not_overwritten_in_place(simulator, tmp_path):
    """A run in place leaves the copies alone: their Chat side was never configured, and would undo the copy."""
    driver = drive(tmp_path, simulator)
    report = driver.run(target="new")
    assert code_of(driver.run()) == 0
    for each in report.services:
        source, target = simulator.world.service(each.source_sid), simulator.world.service(each.target_sid)
        assert differences_elsewhere(source, target) == []


# -- lost answers -------------------------------------------------------------------------------------------

LOST = ["reset_after", "timeout_after", "500_after", "truncated", "wrong_shape"]
CREATES = 15
"""Services and roles of the seeded world that are to be created."""


def test_the_number_of_creates(simulator, driver):
    """The loop below cuts each create of an undisturbed run, and no more."""
    driver.run(target="new")
    assert len(creates(simulator)) == CREATES


@pytest.mark.parametrize("number", range(1, CREATES + 1))
def test_the_answer_to_one_create_is_lost(simulator, driver, number):
    """With the connection cut after any one of the creates, the end state is the same, and nothing stands twice."""
    kind = LOST[number % len(LOST)]
    simulator.inject(Fault(kind, method="POST", path="/(Services|Roles)$", nth=number, seconds=1))
    assert code_of(driver.run(target="new")) == 0
    assert len(creates(simulator)) == CREATES
    assert differences_between(simulator, second(simulator)) == []


@pytest.mark.parametrize("kind", ["reset_after", "reset_before"])
def test_the_answers_to_all_creates_are_lost(simulator, driver, kind):
    """With every second create cut, before or after its effect, the end state is the same too."""
    faults = (Fault(kind, method="POST", path="/(Services|Roles)$", nth=n) for n in range(1, 60, 2))
    simulator.inject(*faults)
    # One at a time: faults are counted over all services, and one step must not be struck by all of them.
    assert code_of(driver.run(target="new", bounds=Bounds(concurrency=1))) == 0
    assert differences_between(simulator, second(simulator)) == []


@pytest.fixture
def three(tmp_path):
    """A small world: three services of one name, and a second account."""
    with Simulator(services=3, seed=7, accounts=2) as running:
        for service in running.world.first.services.values():
            service.chat["friendly_name"] = "Twin"
        yield running


def lose_a_create(three):
    """Lose the answer to the next create, and let a second hand make a service of that name meanwhile."""
    target = three.world.accounts[second(three)]
    three.inject(
        Fault("reset_after", method="POST", path="/Services$"),
        Fault(
            "edit",
            method="GET",
            path="^/v1/Services$",
            api="conversations",
            nth=2,
            edit=lambda world: world.create_service(target, "Twin"),
        ),
    )


@pytest.fixture
def ambiguous(three, tmp_path):
    """A run in which one create is open."""
    lose_a_create(three)
    driver = drive(tmp_path, three, second(three))
    return driver, driver.run(target="new")


def open_create(report):
    """The service whose create is undecided, and that step."""
    (found,) = (
        (service, step)
        for service in report.services
        for step in service.steps
        if step.state == "unknown" and step.key.endswith("/service")
    )
    return found


def test_an_ambiguous_create(three, ambiguous):
    """Of two services that the lost answer may have made none is taken: both are named, the others go on."""
    _driver, report = ambiguous
    service, step = open_create(report)
    assert code_of(report) == 4
    sids = three.world.accounts[second(three)].services
    assert sum(sid in step.error.message for sid in sids) == 2
    assert {each.state for each in service.steps if each is not step} == {"planned"}
    others = [each for each in report.services if each is not service]
    assert {step.state for each in others for step in each.steps} == {"verified"}


def test_an_ambiguous_create_stays_open(three, ambiguous):
    """As long as nobody has decided, a resume creates nothing, and exits with 4 again."""
    driver, _report = ambiguous
    sent = len(three.requests)
    assert code_of(driver.resume()) == 4
    assert posts(three, sent) == []


def test_an_ambiguous_create_is_decided_by_a_person(three, ambiguous):
    """After one of the two was deleted, resume adopts the other and does what was left."""
    driver, report = ambiguous
    _service, step = open_create(report)
    target = three.world.accounts[second(three)]
    three.world.delete_service([sid for sid in target.services if sid in step.error.message][-1])
    sent = len(three.requests)
    assert code_of(driver.resume()) == 0
    assert creates(three, sent) == []
    assert differences_between(three, target.sid) == []


def test_no_new_plan_while_a_create_is_open(ambiguous):
    """While a create is undecided, a new plan for new services is refused: it might create them twice."""
    driver, _report = ambiguous
    with pytest.raises(SafetyRefusal, match="chat-migrate resume"):
        driver.diff(target="new")


def test_no_old_plan_while_a_create_is_open(three, tmp_path):
    """While a create is undecided, another plan for new services that was made before is refused as well."""
    driver = drive(tmp_path, three, second(three))
    driver.export(services=(next(iter(three.world.first.services)),))
    old = driver.diff(target="new").plan.id
    lose_a_create(three)
    driver.run(target="new")
    with pytest.raises(SafetyRefusal, match="chat-migrate resume"):
        driver.apply(old)


def test_a_stranger_of_the_same_name_is_not_adopted(three, tmp_path):
    """A service of that name that was there before the run is nobody's lost answer."""
    target = three.world.accounts[second(three)]
    stranger = three.world.create_service(target, "Twin")
    stranger.date_created = "2020-01-01T00:00:00Z"
    three.inject(Fault("reset_after", method="POST", path="/Services$"))
    assert code_of(drive(tmp_path, three, target.sid).run(target="new")) == 0
    assert len(target.services) == 4
    assert not [request for request in posts(three) if stranger.sid in request.path]


def test_names_that_twilio_trims(three, tmp_path):
    """Names that differ in white space at their ends count as one name, when they are sent and when they are sought."""
    for number, service in enumerate(three.world.first.services.values()):
        service.chat["friendly_name"] = "Twin" + " " * number
    world = three.world
    create = world.create_service
    world.create_service = lambda account, name: create(account, name.strip())
    three.inject(*(Fault("reset_after", method="POST", path="/Services$", nth=n) for n in (1, 2, 3)))
    driver = drive(tmp_path, three, second(three))
    report = driver.run(target="new")
    assert code_of(report) == 0
    assert driver.resume() is None
    assert len(world.accounts[second(three)].services) == 3


def test_a_name_that_twilio_changes(three, tmp_path):
    """A service that was created under a slightly other name is created: it is never created again."""
    for service in three.world.first.services.values():
        service.chat["friendly_name"] = " Twin "
    world = three.world
    create = world.create_service
    world.create_service = lambda account, name: create(account, name.strip())
    driver = drive(tmp_path, three, second(three))
    assert code_of(driver.run(target="new")) == 0
    driver.resume()
    assert len(world.accounts[second(three)].services) == 3


def test_a_service_without_a_date(three, tmp_path):
    """Dates decide nothing: a service whose date nobody understands may be the lost one, and is not created again."""
    target = three.world.accounts[second(three)]

    def spoil(world):
        for service in target.services.values():
            service.date_created = "yesterday"

    three.inject(
        Fault("reset_after", method="POST", path="/Services$"),
        Fault("edit", method="GET", path="^/v1/Services$", api="conversations", nth=2, edit=spoil),
    )
    assert code_of(drive(tmp_path, three, target.sid).run(target="new")) == 0
    assert len(target.services) == 3


def test_what_needs_a_create_that_failed_stays_planned(three, tmp_path):
    """Where a service cannot be created, nothing that belongs into it is tried; the other services are done."""
    world, create, refused = three.world, three.world.create_service, []

    def refuse_the_first(account, name):
        if not refused:
            refused.append(name)
            raise bad_request("No more services", 20001)
        return create(account, name)

    world.create_service = refuse_the_first
    driver = drive(tmp_path, three, second(three))
    report = driver.run(target="new")
    assert code_of(report) == 4
    (failed,) = (each for each in report.services if each.target_sid is None)
    assert {step.state for step in failed.steps if step.resource != "service"} == {"planned"}
    assert [step.state for step in failed.steps if step.resource == "service"] == ["failed"]
    others = [each for each in report.services if each is not failed]
    assert {step.state for each in others for step in each.steps} == {"verified"}
    assert code_of(driver.resume()) == 0
    assert differences_between(three, second(three)) == []


# -- roles --------------------------------------------------------------------------------------------------


def by_source(report, service):
    """The report's rows on one service, by source."""
    return {row.source: row for row in about(report, service.sid).fields}


def test_a_role_of_invitations_only(simulator, driver):
    """A role whose every permission is gone is for a person to decide, and is not created."""
    service = named(simulator, "Saltmarsh")
    report = driver.run(target="new")
    assert by_source(report, service)["roles.inviter.permissions"].verdict == "manual"
    target = named(simulator, "Saltmarsh", second(simulator))
    assert "inviter" not in {role.friendly_name for role in target.roles.values()}


def test_a_default_role_of_invitations_only(simulator, driver):
    """If such a role is a default, the report names what stays, and the target's own default does stay."""
    service = named(simulator, "Saltmarsh")
    service.chat["default_channel_role_sid"] = service.role_named("inviter").sid
    report = driver.run(target="new")
    row = by_source(report, service)["default_channel_role_sid"]
    assert row.verdict == "manual"
    assert "The target keeps its own default role" in row.reason
    target = named(simulator, "Saltmarsh", second(simulator))
    assert target.chat["default_channel_role_sid"] == target.role_named("channel user").sid
    assert code_of(report) == 0


def test_born_roles_match_whatever_their_case(simulator, driver):
    """The roles that a service is born with are matched by type and lower-cased name, and not created."""
    service = named(simulator, "Lindqvist")
    for role in service.roles.values():
        role.friendly_name = role.friendly_name.title()
    assert code_of(driver.run(target="new")) == 0
    target = named(simulator, "Lindqvist", second(simulator))
    assert len(target.roles) == 4
    assert differences_elsewhere(service, target) == []


def test_two_roles_of_one_name(simulator, driver):
    """Two Chat roles of one type and name become two roles, each with its own permissions."""
    service = named(simulator, "Lindqvist")
    for number, permission in enumerate(("sendMessage", "leaveChannel")):
        service.add_role(f"RL{number:032x}", "Guest", "channel", [permission])
    assert code_of(driver.run(target="new")) == 0
    target = named(simulator, "Lindqvist", second(simulator))
    assert differences_elsewhere(service, target) == []
    done = len(simulator.requests)
    driver.run(target="new")
    assert posts(simulator, done) == []


def test_a_born_role_gets_exactly_its_permissions(simulator, driver):
    """A default role that allows less in Chat allows less in the new service, too."""
    service = named(simulator, "Lindqvist")
    service.role_named("channel user").permissions = ["leaveChannel"]
    driver.run(target="new")
    target = named(simulator, "Lindqvist", second(simulator))
    assert target.role_named("channel user").permissions == ["leaveChannel"]


def test_a_born_role_is_looked_for_once(simulator, driver):
    """Each of the four roles that come with a service costs one list, also where a write has to be sent again."""
    source = named(simulator, "Lindqvist")
    source.role_named("channel user").permissions = ["leaveChannel"]
    simulator.inject(Fault("500_before", method="POST", path="/Roles/RL"))
    driver.run(target="new", export=ExportRequest(services=(source.sid,)))
    made = named(simulator, "Lindqvist", second(simulator))
    assert made.role_named("channel user").permissions == ["leaveChannel"]
    assert [request.status for request in posts(simulator) if "/Roles/RL" in request.path] == [500, 200]
    read = [request.path for request in simulator.requests if request.method == "GET"]
    assert read.count(f"/v1/Services/{made.sid}/Roles") == 4


# -- what is lost -------------------------------------------------------------------------------------------


def test_nothing_is_carried(simulator, driver):
    """A new service keeps nothing of the old one: `carried` never appears."""
    driver.export()
    report = driver.diff(target="new")
    assert report.summary.verdicts.get("carried", 0) == 0
    assert not [row for service in report.services for row in service.fields if row.verdict == "carried"]


def test_limits_are_told_with_their_values(simulator, driver):
    """A limit that no Conversations call can set needs a person, and the reason says how high it was."""
    service = named(simulator, "Saltmarsh")
    driver.export()
    rows = by_source(driver.diff(target="new"), service)
    for key in ("channel_members", "user_channels"):
        row = rows[f"limits.{key}"]
        assert row.verdict in ("manual", "dropped")
        assert str(service.chat["limits"][key]) in row.reason


def test_a_long_name_is_cut(simulator, driver):
    """A name of more than 256 characters is cut to what Conversations takes, and reported as lossy."""
    service = named(simulator, "Kestrel")
    service.chat["friendly_name"] = "Kestrel " + "x" * 300
    report = driver.run(target="new")
    assert by_source(report, service)["friendly_name"].verdict == "lossy"
    target = named(simulator, "Kestrel", second(simulator))
    assert target.chat["friendly_name"] == service.chat["friendly_name"][:256]
    assert code_of(report) == 0
    done = len(simulator.requests)
    driver.run(target="new")
    assert posts(simulator, done) == []


def test_a_service_without_a_name(simulator, driver):
    """A new service needs a name, so one without is named after its old SID."""
    service = named(simulator, "Kestrel")
    service.chat["friendly_name"] = ""
    driver.run(target="new")
    assert named(simulator, service.sid, second(simulator))


# -- the report ---------------------------------------------------------------------------------------------


def test_the_report_of_a_run_names_the_new_sids(simulator, driver):
    """After the run, the report shows the SIDs of what was created, and no placeholder."""
    report = driver.run(target="new")
    target = simulator.world.accounts[second(simulator)]
    assert {service.target_sid for service in report.services} == set(target.services)
    rows = [row for service in report.services for row in service.fields]
    assert not [row for row in rows if "counterpart of" in str(row.after)]
    row = by_source(report, named(simulator, "Saltmarsh"))["default_channel_role_sid"]
    assert row.after == named(simulator, "Saltmarsh", target.sid).role_named("guest").sid


# -- another account ----------------------------------------------------------------------------------------


def test_an_api_key_of_the_target(simulator, tool):
    """The target account may be named with an API key instead of a token."""
    account = simulator.world.accounts[second(simulator)]
    ((key, secret),) = account.api_keys.items()
    environ = {
        "TWILIO_TARGET_ACCOUNT_SID": account.sid,
        "TWILIO_TARGET_API_KEY": key,
        "TWILIO_TARGET_API_SECRET": secret,
    }
    assert tool("run", "--yes", "--target", "new", environ=environ).code == 0
    assert differences_between(simulator, account.sid) == []


def test_the_source_is_read_and_the_target_written(simulator, driver):
    """Chat is read with the source credentials, and Conversations with those of the target: never the other way."""
    driver.run(target="new")
    accounts = {request.api: set() for request in simulator.requests}
    for request in simulator.requests:
        accounts[request.api].add(request.account_sid)
    assert accounts == {"chat": {simulator.account_sid}, "conversations": {second(simulator)}}


def test_a_snapshot_from_a_file_needs_no_source_credentials(simulator, tool, tmp_path):
    """With saved JSON as the source, the target's credentials are enough."""
    drive(tool.folder, simulator).export()
    rows = tool.rows("SELECT payload FROM items")
    (tmp_path / "saved.jsonl").write_text("\n".join(json.dumps(json.loads(row["payload"])) for row in rows))
    target = second(simulator)
    environ = {**simulator.environment(target), "TWILIO_ACCOUNT_SID": "", "TWILIO_AUTH_TOKEN": ""}
    arguments = ("run", "--yes", "--from-file", "saved.jsonl", "--target", "new")
    assert tool("--db", "other.db", *arguments, environ=environ).code == 0
    assert differences_between(simulator, target) == []


def test_the_accounts_are_shown_before_the_question(simulator, tool):
    """The diff that precedes the question names both accounts."""
    environ = simulator.environment(second(simulator))
    drive(tool.folder, simulator).export()
    shown = tool("diff", "--target", "new", environ=environ).out
    assert simulator.account_sid in shown
    assert second(simulator) in shown
