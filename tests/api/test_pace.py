"""The pace: finds out how many requests at once are accepted, and stays there."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from api_clients import IMPATIENT, client_at, http, reader_of, wire
from hypothesis import given
from hypothesis import strategies as st

from migrate.api.gateway import Surface
from migrate.api.pace import Gate, Pace, RoundTrips
from migrate.api.retry import Retrier
from migrate.core.errors import CallFailed
from migrate.core.stop import StopToken
from migrate.core.together import begun
from migrate.simulator import Simulator


def full(limit, known):
    """A gate that knows that so many at once are accepted, and allows `limit`."""
    gate = Gate(limit, 1000, probing=False)
    gate._known = known
    return gate


def accept(gate, times):
    """So many requests were accepted that began when the gate was full."""
    for _ in range(times):
        gate.accepted(gate.limit)


@pytest.mark.parametrize(("ceiling", "first"), [(None, 8), (64, 8), (4, 4), (1, 1), (0, 1), (-3, 1)])
def test_it_starts_low(ceiling, first):
    """The first limit is eight, and never above the ceiling, which is at least one."""
    assert Pace(ceiling).limit == first


def test_it_doubles_per_round_trip_until_the_first_429():
    """While nothing was refused, every accepted request allows one more."""
    gate = Gate(8, 1000, probing=True)
    accept(gate, 8)
    assert gate.limit == 16
    accept(gate, 16)
    assert gate.limit == 32


def test_what_is_not_made_use_of_does_not_grow():
    """Requests one at a time say nothing about many at once."""
    gate = Gate(8, 1000, probing=True)
    for _ in range(100):
        gate.accepted(1)
    assert gate.limit == 8


def test_it_never_exceeds_its_ceiling():
    """Told a number, it grows up to that number and no further."""
    gate = Gate(8, 11, probing=True)
    accept(gate, 500)
    assert gate.limit == 11
    gate = Gate(11, 11, probing=False)
    accept(gate, 500)
    assert gate.limit == 11


def test_the_first_429_tells_the_limit():
    """The first request that was refused began as one more than were accepted."""
    gate = Gate(8, 1000, probing=True)
    accept(gate, 8 + 16)
    gate.refused(0, 21)
    assert gate.limit == 20


def test_the_first_429_costs_half_at_most():
    """A 429 that came by chance, among few requests, does not take more back than was gained last."""
    gate = Gate(8, 1000, probing=True)
    accept(gate, 8 + 16)
    gate.refused(0, 2)
    assert gate.limit == 16


def test_a_429_costs_a_tenth_once_a_round_trip():
    """Requests that were under way together and are refused together count as one refusal."""
    gate = full(40, known=40)
    gate.refused(0, 40)
    gate.refused(0, 39)
    gate.refused(0, 38)
    assert gate.limit == 36
    gate.refused(1, 36)
    assert gate.limit == 32


def test_it_wins_back_one_a_round_trip():
    """Below what is known to be accepted, a whole round trip allows about one more."""
    gate = full(20, known=30)
    accept(gate, 22)
    assert gate.limit == 21
    accept(gate, 22)
    assert gate.limit == 22


def test_more_than_is_known_is_tried_now_and_then():
    """After a refusal, a hundred requests pass before one more at once is tried; its refusal costs only the trial."""
    gate = full(30, known=20)
    gate.refused(0, 21)
    assert gate.limit == 20
    accept(gate, 99)
    assert gate.limit == 20
    accept(gate, 21)
    assert gate.limit == 21
    gate.refused(1, 21)
    assert gate.limit == 20


def test_a_trial_has_succeeded_after_two_round_trips():
    """A higher limit that is not refused for two round trips is known from then on, and the next trial follows."""
    gate = full(20, known=20)
    accept(gate, 21)
    assert gate.limit == 21
    accept(gate, 41)
    assert (gate.limit, gate._known) == (21, 20)
    accept(gate, 1)
    assert gate._known == 21
    accept(gate, 22)
    assert gate.limit == 22


def test_trials_that_are_refused_become_rarer():
    """Each refused trial doubles the number of requests before the next one, up to 400; success starts anew."""
    gate, pauses = full(20, known=20), []
    for _ in range(4):
        gate.accepted(20)
        gate.refused(gate._epoch, 21)
        pauses.append(gate._until_trial)
    assert pauses == [100, 200, 400, 400]
    accept(gate, 400 + 20 + 42)
    assert gate._known == 21
    gate.refused(gate._epoch, gate._known + 1)
    assert gate._until_trial == 100


def test_round_trips_have_lengthened_when_they_take_three_times_as_long():
    """What counts are the last ones on average, beside the best average, and it passes when they are short again."""
    trips = RoundTrips()
    assert [trips.took(0.1) for _ in range(8)] == [False] * 8
    assert not any(trips.took(0.25) for _ in range(100))
    assert [trips.took(1.0) for _ in range(3)][-1]
    assert not [trips.took(0.1) for _ in range(100)][-1]


def test_a_server_that_queues_is_not_asked_for_more():
    """A request that had to wait inside allows no more at once, though nothing was refused."""
    gate = Gate(8, 1000, probing=True)
    for _ in range(100):
        gate.accepted(8, queued=True)
    assert gate.limit == 8
    gate.accepted(8)
    assert gate.limit == 9


def test_the_limit_does_not_grow_while_round_trips_are_long(simulator, monkeypatch):
    """All of a client's requests are measured, reads apart from writes and from lists."""
    sorts = []

    def took(self, seconds):
        sorts.append(self)
        return seconds > 0

    async def whole():
        async with reader_of(simulator) as reader:
            sid = next(iter(simulator.world.first.services))
            paths = ["/v2/Services", f"/v2/Services/{sid}", "/v2/Services?PageSize=5"]
            await asyncio.gather(*(reader.get(Surface.CHAT, path) for path in paths * 20))
            return reader.pace.limit

    monkeypatch.setattr(RoundTrips, "took", took)
    assert asyncio.run(whole()) == 8
    assert sorted(Counter(map(id, sorts)).values()) == [20, 40]


@given(st.integers(-2, 40), st.lists(st.tuples(st.booleans(), st.integers(1, 60)), max_size=200))
def test_the_limit_stays_between_one_and_the_ceiling(ceiling, answers):
    """No sequence of answers leads the limit out of its bounds."""
    gate = Gate(8, max(1, ceiling), probing=True)
    for accepted, inside in answers:
        if accepted:
            gate.accepted(inside)
        else:
            gate.refused(gate._epoch, inside)
        assert 1 <= gate.limit <= max(1, ceiling)


def test_a_place_is_given_back_after_an_error():
    """A request that raises does not keep its place, nor does it count as accepted."""

    async def whole():
        pace = Pace(1)
        for _ in range(3):
            with pytest.raises(ValueError, match="made up"):
                async with pace.slot():
                    raise ValueError("made up")
        async with pace.slot():
            return pace.limit

    assert asyncio.run(whole()) == 1


def test_a_place_is_handed_on_by_who_was_cancelled():
    """A task that is cancelled while it waits, or at the moment its turn comes, blocks nobody."""

    async def whole():
        pace, done = Pace(1), []

        async def work(name):
            async with pace.slot():
                await asyncio.sleep(0.01)
                done.append(name)

        async def hold():
            async with pace.slot():
                await asyncio.sleep(0.01)
            # The place has just been given to `second`, which has not run since.
            tasks[1].cancel()

        tasks = [asyncio.ensure_future(hold())]
        await asyncio.sleep(0)
        tasks += [asyncio.ensure_future(work(name)) for name in ("second", "third", "fourth")]
        await asyncio.sleep(0)
        tasks[2].cancel()
        await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 10)
        async with pace.slot():
            return done

    assert asyncio.run(whole()) == ["fourth"]


def test_no_more_at_once_than_the_limit():
    """With many tasks at the gate, the number inside never exceeds the limit, and all get through in order."""

    async def whole():
        pace, inside, seen, done = Pace(3), Counter(), [], []

        async def enter(number):
            async with pace.slot():
                inside["now"] += 1
                seen.append(inside["now"])
                await asyncio.sleep(0)
                inside["now"] -= 1
                done.append(number)

        await asyncio.gather(*(enter(number) for number in range(200)))
        return max(seen), done

    assert asyncio.run(whole()) == (3, list(range(200)))


def test_what_an_earlier_item_is_made_of_goes_first():
    """Of those that wait, those of the earliest item come first, and those of no item before all of them."""

    async def whole():
        pace, done = Pace(1), []

        async def enter(name):
            async with pace.slot():
                await asyncio.sleep(0)
                done.append(name)

        async def item(number):
            await enter(f"{number}: first")
            await asyncio.gather(*(enter(f"{number}: {part}") for part in ("second", "third")))

        items = [begun(item(number)) for number in range(3)]
        await asyncio.gather(*items, enter("page 1"), enter("page 2"))
        return done

    assert asyncio.run(whole()) == [
        *("0: first", "page 1", "page 2", "0: second", "0: third", "1: first"),
        *("2: first", "1: second", "1: third", "2: second", "2: third"),
    ]


def test_an_unknown_limit_of_the_server_is_found():
    """Against a server that refuses more than five at once, all requests succeed in the end, at that limit."""
    with Simulator(services=1, latency_ms=4, max_concurrent=5) as simulator:

        async def whole():
            async with reader_of(simulator) as reader:
                retrier = Retrier(IMPATIENT)

                async def work():
                    for _ in range(20):
                        await retrier.call(lambda: reader.get(Surface.CHAT, "/v2/Services"))

                await asyncio.gather(*(work() for _ in range(24)))
                return reader.pace.limit

        limit = asyncio.run(whole())
        statuses = Counter(request.status for request in simulator.requests)
    assert statuses[200] == 480
    assert set(statuses) == {200, 429}
    assert limit in (5, 6)


def test_what_was_learnt_serves_the_next_client(simulator):
    """A pace that is handed on starts where it was."""

    async def whole():
        async with reader_of(simulator) as first:
            await asyncio.gather(*(first.get(Surface.CHAT, "/v2/Services") for _ in range(40)))
        async with client_at(simulator.chat_url, pace=first.pace) as second:
            return first.pace.limit, second.pace.limit

    first, second = asyncio.run(whole())
    assert first == second > 8


@pytest.mark.parametrize(("code", "parted"), [(50063, True), (50074, False), (20429, False)])
def test_a_service_has_a_pace_of_its_own_where_twilio_asks_for_it(code, parted):
    """50063 slows down requests to that service alone; other throttling slows down the account."""
    one, other = "IS" + "1" * 32, "IS" + "2" * 32

    async def whole():
        body = f'{{"code": {code}, "message": "Too many"}}'
        async with wire(http(body, "429 Too Many Requests")) as server, client_at(server.url) as client:
            with pytest.raises(CallFailed):
                await client.get(Surface.CONVERSATIONS, f"/v1/Services/{one}/Configuration")
            return client.pace.limit, [len(client.pace.gates(sid)) for sid in (one, other, None)]

    limit, gates = asyncio.run(whole())
    assert gates == [2 if parted else 1, 1, 1]
    assert limit == (8 if parted else 4)


def test_a_service_at_its_own_limit_leaves_the_others_room():
    """Requests to a service with a gate of its own wait there, and hold no place of the account meanwhile."""

    async def whole():
        pace, service = Pace(), "IS" + "1" * 32
        pace.part(service)
        held = [pace.slot(service) for _ in range(pace.gates(service)[0].limit)]
        for slot in held:
            await slot.__aenter__()
        waiting = asyncio.ensure_future(pace.slot(service).__aenter__())
        await asyncio.sleep(0)
        async with pace.slot("IS" + "2" * 32):
            busy = pace._account.busy
        for slot in held:
            await slot.__aexit__(None, None, None)
        await asyncio.wait_for(waiting, 10)
        return len(held), busy

    assert asyncio.run(whole()) == (4, 5)


def test_a_service_that_is_refused_again_slows_down_further():
    """A second 50063 takes from the service's own gate, not from the account's."""

    async def whole():
        pace, service = Pace(), "IS" + "1" * 32
        pace.part(service)
        async with pace.slot(service) as slot:
            slot.throttled(50063)
        return pace.gates(service)[0].limit, pace.limit

    limit, account = asyncio.run(whole())
    assert (limit, account) == (3, 8)


def test_a_time_out_counts_as_a_refusal():
    """A server that falls silent is asked less at once, as one that answers 429; a broken connection says nothing."""

    async def silent(_writer):
        await asyncio.sleep(0.3)

    async def closing(writer):
        writer.close()

    async def whole(answer):
        async with wire(answer) as server, client_at(server.url, timeout=0.05) as client:
            with pytest.raises(CallFailed):
                await client.get(Surface.CONVERSATIONS, "/v1/Configuration")
            return client.pace.limit

    assert [asyncio.run(whole(answer)) for answer in (silent, closing)] == [4, 8]


def test_what_waits_for_its_turn_is_not_sent_after_a_stop():
    """The request under way is finished; one that waited at the gate ends as interrupted, and gives its place back."""

    async def whole():
        stop = StopToken()

        async def stopping(writer):
            stop.set()
            await asyncio.sleep(0.01)
            writer.write(http("{}"))

        async with wire(stopping) as server, client_at(server.url, pace=Pace(1), stop=stop) as client:
            calls = [client.get(Surface.CONVERSATIONS, "/v1/Configuration") for _ in range(3)]
            ended = await asyncio.wait_for(asyncio.gather(*calls, return_exceptions=True), 10)
            return [type(each).__name__ for each in ended], len(server.requests)

    assert asyncio.run(whole()) == (["Answer", "Interrupted", "Interrupted"], 1)
