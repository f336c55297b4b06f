"""The pace: additive increase, multiplicative decrease, and never more at once than allowed."""

from __future__ import annotations

import threading
from collections import Counter

import pytest
from clients import IMPATIENT, reader_of
from hypothesis import given
from hypothesis import strategies as st

from migrate.api.gateway import Surface
from migrate.api.pace import DECREASE, FIRST_LIMIT, Pace
from migrate.api.retry import Retrier
from migrate.core.pool import parallel
from migrate.simulator import Simulator


@pytest.mark.parametrize(("ceiling", "first"), [(64, FIRST_LIMIT), (4, 4), (2, 2), (1, 1), (0, 1), (-3, 1)])
def test_it_starts_low(ceiling, first):
    """The first limit is small, and never above the ceiling, which is at least one."""
    assert Pace(ceiling).limit == first


def test_it_doubles_per_round_trip_until_the_first_429():
    """While nothing was refused, every accepted request allows one more."""
    pace = Pace(64)
    for _ in range(int(FIRST_LIMIT)):
        pace.accepted()
    assert pace.limit == 2 * FIRST_LIMIT


def test_it_falls_by_a_share_at_a_429_and_then_grows_by_one_per_round_trip():
    """After the first refusal the limit is 0.7 of what it was, and a whole round trip wins back about one."""
    pace = Pace(64)
    for _ in range(16):
        pace.accepted()
    with pace.slot() as epoch:
        pace.throttled(epoch)
    assert pace.limit == int(20 * DECREASE) == 14
    for _ in range(14):
        pace.accepted()
    assert pace.limit in (14, 15)
    for _ in range(3):
        pace.accepted()
    assert pace.limit == 15


def test_one_decrease_for_all_requests_of_an_epoch():
    """Requests that were under way together and are refused together count as one refusal."""
    pace = Pace(64)
    for _ in range(16):
        pace.accepted()
    with pace.slot() as first, pace.slot() as second, pace.slot() as third:
        for epoch in (first, second, third):
            pace.throttled(epoch)
    assert pace.limit == 14
    with pace.slot() as later:
        pace.throttled(later)
    assert pace.limit == 9


def test_it_never_falls_below_one():
    """However often it is refused, one request at a time may always go."""
    pace = Pace(8)
    for _ in range(50):
        with pace.slot() as epoch:
            pace.throttled(epoch)
    assert pace.limit == 1


@given(st.integers(1, 40), st.lists(st.booleans(), max_size=200))
def test_the_limit_stays_between_one_and_the_ceiling(ceiling, answers):
    """No sequence of answers leads the limit out of its bounds."""
    pace = Pace(ceiling)
    for accepted in answers:
        with pace.slot() as epoch:
            pass
        if accepted:
            pace.accepted()
        else:
            pace.throttled(epoch)
        assert 1 <= pace.limit <= ceiling


def test_a_slot_is_given_back_after_an_error():
    """A request that raises does not keep its place."""
    pace = Pace(1)
    for _ in range(3):
        with pytest.raises(ValueError, match="made up"), pace.slot():
            raise ValueError("made up")
    with pace.slot():
        pass


def test_no_more_at_once_than_the_limit():
    """With many threads at the gate, the number inside never exceeds the limit, and all get through."""
    pace = Pace(3)
    inside, seen, mutex = Counter(), [], threading.Lock()

    def enter(number):
        with pace.slot():
            with mutex:
                inside["now"] += 1
                seen.append(inside["now"])
            pace.accepted()
            with mutex:
                inside["now"] -= 1
        return number

    assert sorted(parallel(enter, range(200), 16)) == list(range(200))
    assert max(seen) <= 3


def test_an_unknown_limit_of_the_server_is_found():
    """Against a server that refuses more than five at once, all requests succeed in the end, and the pace slows."""
    with Simulator(services=1, latency_ms=4, max_concurrent=5) as simulator:
        reader, retrier = reader_of(simulator, concurrency=24), Retrier(IMPATIENT)

        def ask(_number):
            page = retrier.call(lambda: reader.page(Surface.CHAT, "/v2/Services", "services", page_size=1))
            return len(page[0])

        assert list(parallel(ask, range(300), 24)) == [1] * 300
        statuses = Counter(request.status for request in simulator.requests)
    assert statuses[200] == 300
    assert set(statuses) == {200, 429}
    assert reader._pace.limit < 24
