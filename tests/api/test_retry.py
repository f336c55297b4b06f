"""The one retry layer: each row of its table through the real client, and the bounds of every wait."""

from __future__ import annotations

import asyncio
import json

import pytest
from api_clients import client_at, http, impatient, reader_of, wire, writer_of
from hypothesis import given
from hypothesis import strategies as st

from migrate.api.gateway import Request, Surface
from migrate.api.retry import CODES, STATUSES, TROUBLES, Patience, Remedy, Retrier, remedy_for
from migrate.core.errors import CallFailed, CredentialsRefused, Failure, Interrupted, NoAnswer, Trouble
from migrate.core.stop import StopToken
from migrate.simulator import Fault
from migrate.simulator.faults import KINDS, How, Kind

SHORT = {"CHAT_MIGRATE_TIMEOUT": "0.1"}


class Waits(StopToken):
    """A token that is never set, and writes down how long one would have waited on it."""

    def __init__(self):
        super().__init__()
        self.seconds = []

    async def wait(self, timeout=None):
        """Return at once, as if the time had passed."""
        self.seconds.append(timeout)
        return False


def call(retrier, function):
    """Run one call in a loop of its own."""
    return asyncio.run(retrier.call(function))


def ask(retrier, client, function):
    """Run one call with a client, and close the client."""

    async def whole():
        async with client:
            return await retrier.call(lambda: function(client))

    return asyncio.run(whole())


def failed(trouble=Trouble.REFUSED, status=None, code=None, retry_after=None, **more):
    """A call's error."""
    return CallFailed(Failure(trouble, "GET", "/v1/x", "made up", status, code, None, retry_after, **more))


def failing(*errors, then="done"):
    """A function that raises these errors, one per call, and then returns."""
    waiting = list(errors)

    async def call():
        if waiting:
            raise waiting.pop(0)
        return then

    return call


def always(error):
    """A function that fails for ever, and the list of its calls."""
    calls = []

    async def call():
        calls.append(1)
        raise error

    return call, calls


def list_services(client):
    """The call whose retries the tests watch."""
    return client.page(Surface.CHAT, "/v2/Services", "services", query={"PageSize": 100})


def configure(simulator):
    """A write whose retries the tests watch."""
    sid = next(iter(simulator.world.first.services))
    form = {"ReachabilityEnabled": "true"}
    request = Request("POST", Surface.CONVERSATIONS, f"/v1/Services/{sid}/Configuration", form)
    return lambda client: client.send(request)


REFUSALS = {"400", "410"}
ONCE = [kind for kind in KINDS if kind not in {"edit", "slow"} | REFUSALS]


@pytest.mark.parametrize("kind", ONCE)
def test_one_fault_of_any_kind_is_got_over_by_a_read(simulator, kind):
    """A read struck once by any fault but a definite refusal is sent once more, and succeeds."""
    simulator.inject(Fault(kind, seconds=0.3, retry_after=0))
    items, _ = ask(impatient(), reader_of(simulator, **SHORT), list_services)
    assert len(items) == 12
    assert [request.fault for request in simulator.requests] == [kind, None]


def test_a_slow_answer_is_waited_for(simulator):
    """An answer that comes late, but within the time-out, is taken; nothing is sent twice."""
    simulator.inject(Fault("slow", seconds=0.05))
    items, _ = ask(impatient(), reader_of(simulator), list_services)
    assert (len(items), len(simulator.requests)) == (12, 1)


LASTING = {
    "429": 4,
    "429_retry_after": 4,
    "401": 3,
    "500_before": 3,
    "503_after": 3,
    "html_502": 3,
    "reset_before": 3,
    "timeout_before": 3,
    "truncated": 3,
    "wrong_shape": 3,
    "wrong_type": 3,
}
FEW = Patience(
    tries=((Remedy.RETRY, 3), (Remedy.RETRY_BRIEFLY, 2), (Remedy.READ_BACK, 2), (Remedy.FAIL, 0)),
    first_wait=0.001,
    longest_wait=0.002,
)


@pytest.mark.parametrize(("kind", "requests"), LASTING.items())
def test_a_lasting_fault_is_tried_as_often_as_the_table_says(simulator, kind, requests):
    """Every call ends: after the tries of its row, the last failure is what the caller sees."""
    simulator.inject(Fault(kind, times=None, seconds=0.2, retry_after=0))
    with pytest.raises((CallFailed, CredentialsRefused)) as refusal:
        ask(Retrier(FEW), reader_of(simulator, **SHORT), list_services)
    assert len(simulator.requests) == requests
    assert isinstance(refusal.value, CredentialsRefused) == (kind == "401")


def test_a_lasting_401_is_retried_at_most_twice(simulator):
    """By default, credentials that are refused are tried three times in all, and then refused for good."""
    simulator.inject(Fault("401", times=None))
    waits = Waits()
    with pytest.raises(CredentialsRefused, match="Check TWILIO_ACCOUNT_SID") as refusal:
        ask(Retrier(stop=waits), reader_of(simulator), list_services)
    assert (len(simulator.requests), len(waits.seconds)) == (3, 2)
    assert simulator.auth_token not in str(refusal.value)


@pytest.mark.parametrize("status", [400, 403, 404, 405, 409, 410, 415, 418])
def test_a_refusal_for_good_is_not_repeated(simulator, monkeypatch, status):
    """A request that would be refused again is sent once."""
    body = json.dumps({"code": 20001, "message": "No", "status": status})
    monkeypatch.setitem(KINDS, "no", Kind(How.ANSWER, processed=False, status=status, body=body))
    simulator.inject(Fault("no", times=None))
    for client, work in (
        (reader_of(simulator), list_services),
        (writer_of(simulator), configure(simulator)),
    ):
        before = len(simulator.requests)
        with pytest.raises(CallFailed, match="No"):
            ask(impatient(), client, work)
        assert len(simulator.requests) == before + 1


TABLE = {
    (20429, 429): "retry",
    (50063, 400): "retry",
    (50063, 429): "retry",
    (50074, 400): "retry",
    (50002, 400): "retry",
    (50213, 409): "retry",
    (50349, 409): "retry",
    (50391, 409): "retry",
    (50419, 409): "retry",
    (50449, 409): "retry",
    (50449, 500): "retry",
    (20003, 401): "retry_briefly",
    (20003, 400): "retry_briefly",
    (20003, 403): "fail",
    (20429, 403): "fail",
    (99999, 429): "retry",
    (None, 429): "retry",
    (None, 401): "retry_briefly",
    (None, 408): "read_back",
    (None, 500): "read_back",
    (20503, 503): "read_back",
    (None, 599): "read_back",
    (20001, 400): "fail",
    (20404, 404): "fail",
    (None, 302): "fail",
}
"""Twilio's error catalogue as we read it, written down a second time."""


@pytest.mark.parametrize(("code", "status"), TABLE)
def test_the_table_as_people_read_it(code, status):
    """Each answer of Twilio's has the remedy that its documents call for."""
    assert remedy_for(failed(status=status, code=code).failure).value == TABLE[code, status]


@pytest.mark.parametrize(
    ("trouble", "status", "remedy"),
    [
        (Trouble.NOT_SENT, None, "retry"),
        (Trouble.LOST, None, "read_back"),
        (Trouble.GARBLED, 200, "read_back"),
        (Trouble.GARBLED, None, "read_back"),
    ],
)
def test_what_is_no_answer_of_twilios_has_a_remedy(trouble, status, remedy):
    """A request that never left is sent again; one whose effect is unknown is read back."""
    assert remedy_for(failed(trouble, status).failure).value == remedy


@pytest.mark.parametrize(("code", "status"), [row for row, remedy in TABLE.items() if remedy == "retry"])
def test_what_was_not_processed_is_sent_again(simulator, monkeypatch, code, status):
    """A write that Twilio did not process is sent once more, whatever status its code comes with."""
    body = json.dumps({"code": code, "message": "Once", "status": status})
    monkeypatch.setitem(KINDS, "once", Kind(How.ANSWER, processed=False, status=status, body=body))
    simulator.inject(Fault("once"))
    answer = ask(impatient(), writer_of(simulator), configure(simulator))
    assert answer.payload["reachability_enabled"] is True
    assert [request.fault for request in simulator.requests] == ["once", None]


@given(
    st.sampled_from(Trouble),
    st.none() | st.integers(100, 599),
    st.none() | st.sampled_from([*CODES, 20001, 20404, 20500]),
)
def test_every_failure_has_an_action(trouble, status, code):
    """No failure falls through the table, and every remedy has a bound."""
    assert dict(Patience().tries)[remedy_for(failed(trouble, status, code).failure)] >= 0
    assert set(TROUBLES) == set(Trouble)
    assert set(CODES.values()) | set(STATUSES.values()) <= set(Remedy)


@pytest.mark.parametrize(
    ("retry_after", "shortest", "longest"), [(None, 0, 0.1), (0, 0, 0.1), (7, 7, 7.1), (120, 120, 120.1)]
)
def test_retry_after_is_honoured_in_full(retry_after, shortest, longest):
    """Twilio's own wish comes before the jitter, and is not cut while the patience of the call lasts."""
    waits = Waits()
    error = failed(status=429, retry_after=retry_after)
    assert call(Retrier(stop=waits), failing(error)) == "done"
    [seconds] = waits.seconds
    assert shortest <= seconds <= longest


def test_retry_after_beyond_all_patience_ends_the_call():
    """A wait that would outlast the patience of the call is not begun; the caller sees why."""
    waits = Waits()
    with pytest.raises(CallFailed) as caught:
        call(Retrier(stop=waits), failing(failed(status=429, retry_after=86_400)))
    assert (waits.seconds, caught.value.failure.retry_after) == ([], 86_400)


HEADERS = {
    "seconds": ({"Retry_After": "120"}, 120),
    "a fraction": ({"Retry_After": "1.5"}, 1.5),
    "a date": (
        {"Retry_After": "Fri, 20 Nov 2026 21:02:00 GMT", "Date": "Fri, 20 Nov 2026 21:00:00 GMT"},
        120,
    ),
    "a date of another age": (
        {"Retry_After": "Sat, 01 Jan 2000 00:00:09 GMT", "Date": "Sat, 01 Jan 2000 00:00:00 GMT"},
        9,
    ),
    "a date that has passed": (
        {"Retry_After": "Fri, 20 Nov 2026 20:00:00 GMT", "Date": "Fri, 20 Nov 2026 21:00:00 GMT"},
        0,
    ),
    "a date without a clock": ({"Retry_After": "Sat, 01 Jan 2000 00:00:00 GMT"}, 0),
    "a negative number": ({"Retry_After": "-5"}, None),
    "infinity": ({"Retry_After": "inf"}, None),
    "a word": ({"Retry_After": "soon"}, None),
    "an impossible date": ({"Retry_After": "1 Jan 2020 01:01:01 +99999999999999999999999"}, None),
    "nothing": ({}, None),
}


@pytest.mark.parametrize(("headers", "seconds"), HEADERS.values(), ids=HEADERS)
def test_retry_after_has_two_forms(headers, seconds):
    """Seconds, or a date that is read by the server's own clock; anything else is no wish."""

    async def whole():
        answer = http("{}", "429 Too Many Requests", **headers)
        async with wire(answer) as server, client_at(server.url) as client:
            with pytest.raises(CallFailed) as caught:
                await client.get(Surface.CHAT, "/v2/Services")
            return caught.value.failure.retry_after

    assert asyncio.run(whole()) == seconds


def test_waits_are_full_jitter_and_bounded():
    """The n-th wait is spread over 0 to first times 2 to the n seconds, and never longer than the longest."""
    patience = Patience(first_wait=0.5, longest_wait=4.0, total_seconds=1e9)
    spread = [[] for _ in range(7)]
    for _ in range(60):
        waits = Waits()
        call(Retrier(patience, stop=waits), failing(*[failed(status=409, code=50349)] * 7))
        for number, seconds in enumerate(waits.seconds):
            spread[number].append(seconds)
    for number, seconds in enumerate(spread):
        ceiling = min(0.5 * 2**number, 4.0)
        assert 0 <= min(seconds) < ceiling / 2 < max(seconds) <= ceiling


def test_no_try_starts_after_the_total_time():
    """A wait that would end after the time allowed is not begun: the last failure is raised instead."""
    waits = Waits()
    fails, calls = always(failed(status=429, retry_after=29))
    with pytest.raises(CallFailed):
        call(Retrier(Patience(total_seconds=20), stop=waits), fails)
    assert (len(calls), waits.seconds) == (1, [])


def test_no_connection_is_tried_only_a_few_times():
    """A dead host is given up long before a busy one."""
    waits = Waits()
    fails, calls = always(failed(Trouble.NOT_SENT))
    with pytest.raises(CallFailed):
        call(Retrier(stop=waits), fails)
    assert len(calls) == Patience().not_sent_tries + 1


def test_throttling_is_bounded_by_time_and_by_number():
    """Even a server that answers 429 for ever, in no time, is given up."""
    fails, calls = always(failed(status=429))
    with pytest.raises(CallFailed):
        call(Retrier(Patience(throttled_wait=0), stop=Waits()), fails)
    assert len(calls) == dict(Patience().tries)[Remedy.RETRY] + 1


def test_each_remedy_has_a_count_of_its_own():
    """Mixed failures are counted by remedy: five lost answers among throttled ones are still got over."""
    mixed = [failed(Trouble.LOST), failed(status=429)] * 5
    assert call(Retrier(stop=Waits()), failing(*mixed)) == "done"
    with pytest.raises(CallFailed):
        call(Retrier(stop=Waits()), failing(*mixed, failed(Trouble.LOST)))


def test_every_loop_has_a_stop_and_a_longest_wait():
    """The default patience, which every command uses, is bounded in every dimension."""
    patience = Patience()
    assert {remedy for remedy, _ in patience.tries} == set(Remedy)
    assert dict(patience.tries)[Remedy.RETRY_BRIEFLY] == 2
    assert dict(patience.tries)[Remedy.FAIL] == 0
    assert 0 < patience.first_wait <= patience.longest_wait <= 60
    assert patience.total_seconds <= 900


@pytest.mark.parametrize(
    "cause", [NoAnswer.UNKNOWN_HOST, NoAnswer.CONNECTION_REFUSED, NoAnswer.CONNECT_TIMEOUT]
)
def test_a_host_that_never_answered_is_told_within_seconds(cause):
    """A typing error in an address is told after three tries in two seconds, not after the usual patience."""
    waits = Waits()
    fails, calls = always(failed(Trouble.NOT_SENT, cause=cause, first_contact=True))
    with pytest.raises(CallFailed):
        call(Retrier(stop=waits), fails)
    assert (len(calls), waits.seconds) == (3, [1.0, 1.0])


def test_a_slow_first_contact_has_no_second_one():
    """Where connecting took all the time that a first contact has, there is no other try."""
    waits = Waits()

    async def whole():
        async def fail():
            await asyncio.sleep(0.02)
            raise failed(Trouble.NOT_SENT, first_contact=True)

        with pytest.raises(CallFailed):
            await Retrier(Patience(first_contact_seconds=0.02), stop=waits).call(fail)

    asyncio.run(whole())
    assert waits.seconds == []


def test_a_first_answer_that_is_lost_has_the_usual_patience():
    """Only what never left is given up early: a host that cuts connections is there."""
    lost = [failed(Trouble.LOST, first_contact=True)] * 5
    assert call(Retrier(stop=Waits()), failing(*lost)) == "done"


def test_a_stop_ends_a_wait_at_once():
    """Ctrl-C in the middle of a long wait ends the call: nothing more is sent."""
    stop = StopToken()
    fails, calls = always(failed(status=429, retry_after=500))

    async def whole():
        asyncio.get_running_loop().call_later(0.05, stop.set)
        with pytest.raises(Interrupted):
            await asyncio.wait_for(Retrier(stop=stop).call(fails), 20)

    asyncio.run(whole())
    assert len(calls) == 1


def test_nothing_is_sent_after_a_stop():
    """Once stopped, a call is not even begun."""
    retrier = impatient()
    retrier.stop.set()
    fails, calls = always(failed())
    with pytest.raises(Interrupted):
        call(retrier, fails)
    assert calls == []


def test_every_retry_is_told():
    """Whoever watches hears of each failure that is retried and of the wait, and not of the last failure."""
    told = []
    errors = [failed(status=429, retry_after=8), failed(status=500), failed(status=404)]
    waits = Waits()
    with pytest.raises(CallFailed):
        call(Retrier(stop=waits, on_retry=lambda *told_of: told.append(told_of)), failing(*errors))
    assert [failure.status for failure, _ in told] == [429, 500]
    assert [seconds for _, seconds in told] == waits.seconds
    assert 8 <= told[0][1] <= 8.1


def test_the_last_failure_is_the_one_that_is_raised():
    """The caller sees the very error that ended the tries, not a wrapper of the retry library."""
    last = failed(status=404)
    with pytest.raises(CallFailed) as caught:
        call(impatient(), failing(failed(status=500), last))
    assert caught.value is last


@pytest.mark.parametrize("error", [ValueError("bug"), Interrupted("stop"), KeyboardInterrupt()])
def test_what_is_no_failed_call_is_not_retried(error):
    """A bug, or an interruption, is raised at once."""
    fails, calls = always(error)
    with pytest.raises(type(error)):
        call(impatient(), fails)
    assert len(calls) == 1


def test_calls_in_turn_do_not_overtake_one_another():
    """Where calls go in turn, one that has to be tried again is tried again before the next one begins."""
    story = []

    def told(name, *errors):
        inner = failing(*errors)

        async def function():
            story.append(name)
            return await inner()

        return function

    async def both(retrier):
        await asyncio.gather(
            retrier.call(told("first", failed(status=429, code=20429))), retrier.call(told("second"))
        )

    asyncio.run(both(Retrier(Patience(throttled_wait=0), in_turn=True)))
    assert story == ["first", "first", "second"]
    story.clear()
    asyncio.run(both(Retrier(Patience(throttled_wait=0))))
    assert story == ["first", "second", "first"]
