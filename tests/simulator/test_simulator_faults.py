"""Each fault does what it says, and strikes the same requests whatever the order of threads."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
import requests

from migrate.simulator import Fault, FaultPlan
from migrate.simulator.faults import KINDS, RANDOM_KINDS, FaultInjector

BEFORE = sorted(name for name, kind in KINDS.items() if not kind.processed)
AFTER = sorted(name for name, kind in KINDS.items() if kind.processed and kind.random)
CUT = {"reset_before", "reset_after", "timeout_before", "timeout_after"}


def create(caller, kind, **options):
    """Create a service while the fault strikes, and return the answer (None: there was none)."""
    caller.sim.inject(Fault(kind, method="POST", seconds=0.01, **options))
    try:
        return caller.conv("/v1/Services", {"FriendlyName": "Struck"})
    except requests.ConnectionError:
        return None


@pytest.mark.parametrize("kind", BEFORE)
def test_faults_before_the_effect(open_sim, kind):
    """The request has no effect, and its sender does not learn of success."""
    caller = open_sim()
    answer = create(caller, kind)
    assert (answer is None) == (kind in CUT)
    assert answer is None or answer.status_code == KINDS[kind].status >= 400
    assert len(caller.sim.world.first.services) == 12
    (record,) = caller.sim.requests
    assert (record.fault, record.processed) == (kind, False)
    assert record.status == (answer.status_code if answer is not None else None)


@pytest.mark.parametrize("kind", AFTER)
def test_faults_after_the_effect(open_sim, kind):
    """The request takes effect, whatever its sender learns."""
    caller = open_sim()
    answer = create(caller, kind)
    assert (answer is None) == (kind in CUT)
    assert len(caller.sim.world.first.services) == 13
    (record,) = caller.sim.requests
    assert (record.fault, record.processed) == (kind, True)


def test_retry_after(open_sim):
    """One 429 tells how long to wait, the other does not; both are Twilio's envelope."""
    caller = open_sim()
    told = create(caller, "429_retry_after", retry_after=7)
    silent = create(caller, "429")
    assert told.headers["Retry-After"] == "7"
    assert "Retry-After" not in silent.headers
    assert told.json()["code"] == silent.json()["code"] == 20429


def test_bodies_that_cannot_be_used(open_sim):
    """HTML, half a document, and documents of another shape."""
    caller = open_sim()
    assert create(caller, "html_502").headers["Content-Type"].startswith("text/html")
    truncated = create(caller, "truncated")
    assert truncated.status_code == 201
    with pytest.raises(requests.JSONDecodeError):
        truncated.json()
    assert "sid" not in create(caller, "wrong_shape").json()
    assert isinstance(create(caller, "wrong_type").json(), list)


def test_silence_lasts(open_sim):
    """A time-out is silence for longer than the client waits; closing the simulator does not wait for it."""
    caller = open_sim(faults=FaultPlan((Fault("timeout_before", seconds=60),)))
    with pytest.raises(requests.ReadTimeout):
        caller.session.get(caller.sim.chat_url + "/v2/Services", timeout=0.05)
    assert caller.chat("/v2/Services").status_code == 200


def test_nth_and_times(open_sim):
    """A fault counts the requests that it matches and strikes those from the nth on, so many times."""
    caller = open_sim(faults=FaultPlan((Fault("503_before", path="^/v2/Services$", nth=2, times=2),)))
    caller.chat("/v1/Services")
    statuses = [caller.chat("/v2/Services").status_code for _ in range(5)]
    assert statuses == [200, 503, 503, 200, 200]


def test_match_by_api_and_method(open_sim):
    """A fault strikes only the API and the method that it names."""
    fault = Fault("500_before", api="conversations", method="GET", times=None)
    caller = open_sim(faults=FaultPlan((fault,)))
    assert caller.chat("/v1/Services").status_code == 200
    assert caller.conv("/v1/Services").status_code == 500
    assert caller.conv("/v1/Services", {"FriendlyName": "x"}).status_code == 201


def test_credentials_that_die(open_sim):
    """A 401 without an end refuses for ever."""
    caller = open_sim(faults=FaultPlan((Fault("401", nth=2, times=None),)))
    assert [caller.chat("/v2/Services").status_code for _ in range(4)] == [200, 401, 401, 401]


def test_a_second_hand(open_sim):
    """An edit changes the world before the request that it strikes, which is then answered as usual."""
    caller = open_sim()
    first, second, *_ = caller.sim.world.first.services

    def edit(world):
        world.service(first).conversations_notifications["log_enabled"] = "by somebody else"
        world.delete_service(second)

    caller.sim.inject(Fault("edit", path=first, edit=edit))
    shown = caller.conv(f"/v1/Services/{first}/Configuration/Notifications").json()
    assert shown["log_enabled"] == "by somebody else"
    assert caller.conv(f"/v1/Services/{second}").status_code == 404


@pytest.mark.parametrize(
    "make",
    [
        lambda: Fault("nonsense"),
        lambda: Fault("edit"),
        lambda: FaultPlan(rate=1.5),
        lambda: FaultPlan(kinds=("edit",)),
    ],
)
def test_plans_that_make_no_sense(make):
    """A plan that cannot be carried out is refused when it is made."""
    with pytest.raises(ValueError, match=r"kind|rate"):
        make()


def test_a_plan_or_a_rate(open_sim):
    """Faults are described once."""
    with pytest.raises(ValueError, match="not both"):
        open_sim(faults=FaultPlan(), fault_rate=0.5)


def test_random_faults_do_not_depend_on_the_order():
    """Two orders of the same requests are struck by the same faults; another seed strikes others."""
    requests_made = [("GET", f"/v1/Services/{n % 40}") for n in range(400)]
    shuffled = requests_made[1::2] + requests_made[::2]

    def struck(seed, order):
        injector = FaultInjector(FaultPlan(rate=0.3, seed=seed))
        found = [(m, p, f.kind) for m, p in order if (f := injector.decide("chat", m, p, ""))]
        return sorted(found)

    assert struck(7, requests_made) == struck(7, shuffled)
    assert struck(7, requests_made) != struck(8, requests_made)
    assert 60 < len(struck(7, requests_made)) < 180
    assert {kind for *_, kind in struck(7, requests_made)} == set(RANDOM_KINDS)


def test_the_rate_bounds(open_sim):
    """A rate of 1 strikes every request, a rate of 0 none."""
    plan = FaultPlan(rate=1.0, kinds=("500_before",))
    always, never = open_sim(faults=plan), open_sim()
    assert {always.chat("/v2/Services").status_code for _ in range(10)} == {500}
    assert {never.chat("/v2/Services").status_code for _ in range(10)} == {200}


def test_too_many_at_once(open_sim):
    """Above the limit, and only there, requests are refused with 20429 and have no effect."""
    slow = Fault("slow", path="/Configuration$", times=None, seconds=1.0)
    caller = open_sim(max_concurrent=2, faults=FaultPlan((slow,)))
    sid = next(iter(caller.sim.world.first.services))
    barrier = Barrier(2)

    def hold(_):
        barrier.wait()
        return caller.conv(f"/v1/Services/{sid}/Configuration").status_code

    with ThreadPoolExecutor(2) as pool:
        held = pool.map(hold, range(2))
        while len(caller.sim.requests) < 2:
            time.sleep(0.005)
        refused = caller.conv("/v1/Services", {"FriendlyName": "One too many"})
        assert list(held) == [200, 200]
    assert (refused.status_code, refused.json()["code"]) == (429, 20429)
    assert len(caller.sim.world.first.services) == 12
    assert caller.conv("/v1/Services", {"FriendlyName": "Now"}).status_code == 201
