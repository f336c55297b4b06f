"""Faults of the network and of Twilio, each kind on each request, and all of them mixed: the end state is the same."""

from __future__ import annotations

from collections import Counter
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

import pytest
from crashes import FIGURES, FULL, UNEVEN, Look, small_world
from driving import Driver, code_of, drive, states
from worlds import differences_between, named, posts

from migrate.core.errors import CredentialsRefused, LastLookFailed, MigrateError
from migrate.execute.work import Bounds
from migrate.simulator import Fault, FaultPlan, Simulator
from migrate.simulator.faults import KINDS, RANDOM_KINDS

SILENT = ("timeout_before", "timeout_after")
FINAL = ("400", "410")
"""Refusals for good, which are not asked again: a read ends with them, or takes an API for gone."""
TIMEOUT = {"CHAT_MIGRATE_TIMEOUT": "0.2"}
RETRY_AFTER = 1 if FULL else 0
"""Seconds; how long Retry-After asks to wait makes no difference to the end."""
SEEDS = range(40) if FULL else range(2)
SINGLY = [kind for kind in KINDS if kind not in {"edit", "slow"}] if FULL else []
"""The kinds that strike each single request: in a full session only."""
RESUMES = 3


@pytest.fixture(scope="module", params=["same", "new"])
def target(request):
    """Where settings go."""
    return request.param


@dataclass
class Trial:
    """One small account, one driver, and the attempts to get a migration done."""

    simulator: Simulator
    driver: Driver
    target: str
    trail: list[str] = field(default_factory=list)

    def attempt(self) -> bool:
        """`run`, or `resume` if there is a run; whether everything is done."""
        try:
            resumed = self.driver.resume() if self.driver.db.exists() else None
            report = resumed or self.driver.run(target=self.target)
        except MigrateError as error:
            self.trail.append(str(error))
            return False
        self.trail.append(str(dict(report.summary.steps_by_state)))
        return code_of(report) == 0

    def finish(self) -> None:
        """Get it done, with three more attempts at most."""
        assert any(self.attempt() for _ in range(1 + RESUMES)), self.trail
        FIGURES["resumes"] += len(self.trail) - 1


def begin(tmp_path, target: str, *faults: Fault, plan: FaultPlan | None = None) -> tuple[Trial, Look]:
    """A trial in a world of its own; the caller closes the simulator."""
    simulator = Simulator(
        world=small_world(), user_filters="refuse", faults=plan or FaultPlan(faults)
    ).start()
    account = list(simulator.world.accounts)[1] if target == "new" else None
    driver = drive(tmp_path, simulator, account, **TIMEOUT)
    return Trial(simulator, driver, target), Look(simulator, driver.db)


@pytest.fixture(scope="module")
def expected(tmp_path_factory, target) -> tuple[dict[str, Any], Counter[str], int]:
    """What an undisturbed run leaves: the accounts, how much it created, how many requests it made."""
    trial, look = begin(tmp_path_factory.mktemp("undisturbed"), target)
    with closing(trial.simulator):
        assert trial.attempt()
        return look.end_state(), look.creates(), len(trial.simulator.requests)


def check(trial: Trial, look: Look, expected: tuple[dict[str, Any], Counter[str], int]) -> None:
    """The end is that of an undisturbed run, nothing was made twice, and the journal tells of every write."""
    state, creates, _ = expected
    assert look.end_state() == state, trial.trail
    assert look.creates() == creates, trial.trail
    look.check_intents()
    look.check_file()
    FIGURES["faults"] += sum(request.fault is not None for request in trial.simulator.requests)
    FIGURES["requests"] += len(trial.simulator.requests)


def each_request_once(kind: str) -> tuple[Fault, ...]:
    """A fault for the first request to each kind of place: lists, settings, roles, reads and writes."""
    places = ("/Services$", "Configuration$", "Notifications$", "Webhooks$", "/Roles$", "/Roles/RL")
    methods = ("POST",) if kind in SILENT or kind in FINAL else ("GET", "POST")
    return tuple(
        Fault(kind, method, path, seconds=0.6 if kind in SILENT else 0.02, nth=nth, retry_after=RETRY_AFTER)
        for path in places
        for method in methods
        for nth in (1, 4)
    )


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "edit"])
def test_each_kind_of_fault_in_every_place(tmp_path, target, expected, kind):
    """Whatever befalls a request of any kind, reading or writing, the end state is that of an undisturbed run."""
    trial, look = begin(tmp_path, target, *each_request_once(kind))
    with closing(trial.simulator):
        trial.finish()
        check(trial, look, expected)
        assert any(request.fault for request in trial.simulator.requests)


@pytest.mark.parametrize("kind", SINGLY)
def test_each_kind_of_fault_on_each_request(tmp_path, target, expected, kind):
    """A single fault, on the first request, the second, and so on to the last."""
    methods = ("POST",) if kind in FINAL else ()
    for nth in count(1):
        folder = tmp_path / str(nth)
        folder.mkdir()
        trial, look = begin(folder, target, Fault(kind, *methods, nth=nth, seconds=0.6))
        with closing(trial.simulator):
            trial.finish()
            check(trial, look, expected)
            if not any(request.fault for request in trial.simulator.requests):
                return


@pytest.mark.parametrize("uneven", [None, UNEVEN], ids=["even", "uneven"])
@pytest.mark.parametrize("seed", SEEDS)
def test_mixed_faults_on_every_request(tmp_path, seed, uneven):
    """With 15 % of all requests struck, 24 services are re-created once each, all equal, within three resumes."""
    kinds = tuple(kind for kind in RANDOM_KINDS if kind != "slow")
    plan = FaultPlan(rate=0.15, seed=seed, kinds=kinds, seconds=0.6, retry_after=RETRY_AFTER)
    options = {"uneven": uneven} if uneven else {}
    with Simulator(services=24, seed=seed, accounts=2, faults=plan, **options) as simulator:
        account = list(simulator.world.accounts)[1]
        driver = replace(drive(tmp_path, simulator, account, **TIMEOUT), settle=0.8 if uneven else 0.0)
        trial = Trial(simulator, driver, "new")
        look = Look(simulator, driver.db)
        trial.finish()
        assert differences_between(simulator, account) == [], f"seed {seed}: {trial.trail}"
        assert len(simulator.world.accounts[account].services) == 24, f"seed {seed}: {trial.trail}"
        look.check_intents()
        look.check_file()
        FIGURES["faults"] += sum(request.fault is not None for request in simulator.requests)
        FIGURES["requests"] += len(simulator.requests)
        FIGURES["writes repeated"] += look.sent_twice()


def test_two_creates_of_one_name_are_lost(tmp_path):
    """Both services are there, nobody knows whose they are, and it does not matter: each is taken once."""
    lost = Fault("reset_after", "POST", "/Services$", times=2)
    # Each create looks for its name first; the answers to both searches afterwards fail as long as patience lasts.
    blind = [
        Fault("500_before", "GET", "^/v1/Services$", "conversations", nth=nth, times=10) for nth in (2, 13)
    ]
    trial, look = begin(tmp_path, "new", lost, *blind)
    with closing(trial.simulator) as simulator:
        for service in list(simulator.world.first.services.values()):
            if service.chat["friendly_name"] != "Brightwater Support":
                simulator.world.delete_service(service.sid)
        with suppress(LastLookFailed):  # it may fail like the searches
            trial.driver.run(target="new", bounds=Bounds(concurrency=1))
        assert len(look.rows("SELECT 1 FROM step_state WHERE state = 'unknown'")) == 2
        # The first resume can't tell for one of them which is its own, until the other one has been taken.
        assert any(code_of(trial.driver.resume()) == 0 for _ in range(2))
        assert look.creates()["Services"] == 2
        assert differences_between(simulator, trial.driver.environ["TWILIO_TARGET_ACCOUNT_SID"]) == []


@pytest.mark.parametrize("first", [1, 6])
def test_a_lasting_refusal_of_the_credentials(tmp_path, target, expected, first):
    """A 401 that stays stops the run with 5; what was done is recorded, and a resume with good ones ends it."""
    good: dict[str, str] = {}

    def revoke(world):
        for account in world.accounts.values():
            good[account.sid], account.auth_token = account.auth_token, "0" * 32

    for nth in count(first) if FULL else (first,):
        folder = tmp_path / str(nth)
        folder.mkdir()
        trial, look = begin(folder, target, Fault("edit", "POST", nth=nth, edit=revoke))
        with closing(trial.simulator) as simulator:
            good.clear()
            with suppress(CredentialsRefused):
                trial.driver.run(target=target)
                assert not good, "it must not go on with refused credentials"
                return
            assert CredentialsRefused.exit_code == 5
            done = [request for request in posts(simulator) if request.status in {200, 201}]
            assert len(look.rows("SELECT 1 FROM journal WHERE state = 'verified'")) >= len(done)
            for sid, token in good.items():
                simulator.world.accounts[sid].auth_token = token
            trial.finish()
            check(trial, look, expected)


EDITS = {
    "webhooks": lambda service: service.conversations_webhooks.update(
        post_webhook_url="https://theirs.example.com"
    ),
    "notifications": lambda service: service.conversations_notifications["new_message"].update(
        template="theirs"
    ),
}


@pytest.mark.parametrize("kind", [None, "reset_after", "reset_before", "500_after", "timeout_after"])
@pytest.mark.parametrize("resource", EDITS)
def test_a_second_hand_that_edits(tmp_path, resource, kind):
    """What someone else sets during the run is never overwritten, answer lost or not: drifted, exit 6."""
    trial, look = begin(tmp_path, "same")
    with closing(trial.simulator) as simulator:
        service = named(simulator, "Brightwater")
        path = f"{service.sid}/Configuration/{resource.capitalize()}$"

        def edit(world):
            EDITS[resource](world.service(service.sid))

        trial.driver.export()
        trial.driver.diff()
        # The reads of one resource from here on: of the guard, before the write, and after an answer that was lost.
        faults = [Fault(kind, "POST", path, seconds=0.6)] if kind else []
        simulator.inject(*faults, Fault("edit", "GET", path, nth=3 if kind else 2, edit=edit))
        report = trial.driver.apply()
        assert states(report, service.sid)[resource] == "drifted"
        assert code_of(report) == 6
        before = len(posts(simulator))
        assert code_of(trial.driver.resume()) == 6
        assert len(posts(simulator)) == before
        edited = small_world().service(service.sid)
        EDITS[resource](edited)
        theirs = getattr(service, f"conversations_{resource}")
        if kind in {None, "reset_before"}:
            assert theirs == getattr(edited, f"conversations_{resource}")
        assert "theirs" in str(theirs)
        assert code_of(trial.driver.resume(allow_drift=True)) == 0
        assert "theirs" not in str(getattr(service, f"conversations_{resource}"))
        look.check_intents()


def test_a_service_that_is_deleted_in_mid_run(simulator, tool):
    """Its own steps fail with advice, all others go on, exit 4; a resume tries again and says the same."""
    service = named(simulator, "Kestrel")
    simulator.inject(Fault("edit", "POST", service.sid, edit=lambda world: world.delete_service(service.sid)))
    result = tool("run", "--yes", "--format", "json")
    assert result.code == 4
    for each in result.json["services"]:
        for step in each["steps"]:
            assert step["state"] in (
                {"failed", "planned"} if each["source_sid"] == service.sid else {"verified"}
            )
    failed = [s["error"] for each in result.json["services"] for s in each["steps"] if s["state"] == "failed"]
    assert failed
    assert all(
        (error["status"], "look it up in the Console" in error["advice"]) == (404, True) for error in failed
    )
    sent = len(posts(simulator))
    assert tool("resume").code == 4
    assert len(posts(simulator)) <= sent + len(failed)


def test_a_created_service_that_is_deleted_in_mid_run(tmp_path):
    """The same for a service that the run itself has made: the others are complete, nothing is made twice."""
    trial, look = begin(tmp_path, "new")
    with closing(trial.simulator) as simulator:
        account = list(simulator.world.accounts.values())[1]

        def delete(world):
            world.delete_service(list(account.services)[-1])

        simulator.inject(Fault("edit", "POST", "/Configuration$", edit=delete))
        report = trial.driver.run(target="new", bounds=Bounds(concurrency=1))
        assert code_of(report) == 4
        assert report.summary.steps_by_state["failed"] == 1
        assert len(account.services) == 3
        assert code_of(trial.driver.resume()) == 4
        assert len(account.services) == 3
        assert look.creates()["Services"] == 4


def test_a_role_that_comes_out_otherwise_is_not_made_twice(tmp_path):
    """Twilio leaves out a permission of a role that it creates: it is told, and the next run takes that very role."""
    trial, look = begin(tmp_path, "new")
    with closing(trial.simulator) as simulator:
        whole = simulator._process

        def forgetful(request):
            done = whole(request)
            if request.method == "POST" and request.path.endswith("/Roles"):
                done.document["permissions"].pop()
                sids = simulator.world.service(request.path.split("/")[3]).roles
                sids[done.document["sid"]].permissions.pop()
            return done

        simulator._process = forgetful
        report = trial.driver.run(target="new")
        assert (code_of(report), report.summary.steps_by_state["altered"]) == (0, 3)
        simulator._process = whole
        assert code_of(trial.driver.run(target="new")) == 0
        assert look.creates()["Roles"] == 3
        target = named(simulator, "Saltmarsh", trial.driver.environ["TWILIO_TARGET_ACCOUNT_SID"])
        assert len({role.friendly_name for role in target.roles.values()}) == len(target.roles) == 7
