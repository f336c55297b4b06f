"""Lists: followed to their end, one page ahead, and never for ever."""

from __future__ import annotations

import asyncio
import json

import pytest
from api_clients import client_at, http, impatient, reader_of, wire

from migrate.api.gateway import Surface
from migrate.api.pages import Listing, pages
from migrate.core.errors import CallFailed, SafetyRefusal, Trouble
from migrate.simulator import Fault, Simulator

SERVICES = Listing(Surface.CHAT, "/v2/Services", "services", 5)


async def sids_of(reader, listing=SERVICES, call=None):
    """All SIDs of a list, page by page."""
    return [[item["sid"] for item in items] async for items in pages(reader, listing, call)]


def page(number, following, prefix="IS"):
    """One page with one item of that number."""
    url = f"https://chat.twilio.com/v2/Services?PageToken={following}" if following is not None else None
    return json.dumps(
        {"meta": {"next_page_url": url}, "services": [{"sid": f"{prefix}{number:032x}"}] if prefix else []}
    )


def endless(answer_for, most=60):
    """Read a list whose n-th page is `answer_for(n)`; its failure, and how many pages were asked for."""

    async def whole():
        asked = []

        async def answer(writer):
            asked.append(writer)
            if len(asked) > most:
                raise AssertionError("still asking")
            writer.write(http(answer_for(len(asked))))

        async with wire(answer) as server, client_at(server.url) as client:
            with pytest.raises(CallFailed) as caught:
                await sids_of(client)
            return caught.value.failure, len(asked)

    return asyncio.run(whole())


def test_a_list_is_read_to_its_end(simulator):
    """Every item comes once, in Twilio's order, in pages of the size that was asked for."""

    async def whole():
        async with reader_of(simulator) as reader:
            return await sids_of(reader)

    found = asyncio.run(whole())
    assert [len(sids) for sids in found] == [5, 5, 2]
    assert len({sid for sids in found for sid in sids}) == 12
    assert simulator.requests[0].query == [("PageSize", "5")]


def test_an_empty_list_is_one_empty_page():
    """A list without items yields one page without items."""
    with Simulator(services=0) as simulator:

        async def whole():
            async with reader_of(simulator) as reader:
                return await sids_of(reader)

        assert asyncio.run(whole()) == [[]]


def test_further_parameters_go_with_the_first_page():
    """What a listing asks for besides the page size is sent along, lists by repeating the name."""

    async def whole():
        body = '{"meta": {"next_page_url": null}, "channels": []}'
        async with wire(http(body)) as server, client_at(server.url) as client:
            query = {"Type": ["public", "private"]}
            await sids_of(client, Listing(Surface.CHAT, "/v2/Services/IS1/Channels", "channels", 50, query))
            return server.requests[0].split(" ", 2)[1]

    assert asyncio.run(whole()) == "/v2/Services/IS1/Channels?PageSize=50&Type=public&Type=private"


def test_each_page_is_retried_by_itself(simulator):
    """With a retry layer, a page that fails once is asked for again, and no other page with it."""
    simulator.inject(Fault("500_before", nth=2))

    async def whole():
        async with reader_of(simulator) as reader:
            return await sids_of(reader, call=impatient().call)

    assert [len(sids) for sids in asyncio.run(whole())] == [5, 5, 2]
    assert [request.status for request in simulator.requests] == [200, 500, 200, 200]


def test_the_next_page_is_fetched_meanwhile(simulator):
    """While the consumer works on a page, the one after it arrives."""

    async def whole():
        async with reader_of(simulator) as reader:
            async for _ in pages(reader, SERVICES):
                for _ in range(500):
                    if len(simulator.requests) == 2:
                        return
                    await asyncio.sleep(0.01)
                raise AssertionError("the second page did not come")

    asyncio.run(whole())


def test_who_stops_early_leaves_nothing_behind(simulator, caplog):
    """A consumer that leaves after the first page is not bothered by the page that was under way."""
    simulator.inject(Fault("500_before", nth=2))

    async def whole():
        async with reader_of(simulator) as reader:
            found = pages(reader, SERVICES)
            await found.__anext__()
            await asyncio.sleep(0.05)
            await found.aclose()
            return len(asyncio.all_tasks())

    assert asyncio.run(whole()) == 1
    assert caplog.text == ""


def test_a_list_that_leads_back_ends():
    """A next page that was read already is told, with the list's name."""
    failure, asked = endless(lambda number: page(number, 1 if number > 1 else 2))
    assert (failure.trouble, failure.path) == (Trouble.GARBLED, "/v2/Services")
    assert failure.message == "the list of services leads back to a page that was read already"
    assert asked < 6


@pytest.mark.parametrize("prefix", ["IS", None])
def test_pages_without_anything_new_end(prefix):
    """A chain of ever different next pages ends when ten pages in a row have brought nothing new."""
    failure, asked = endless(lambda number: page(number % 3, number, prefix))
    assert failure.trouble is Trouble.GARBLED
    assert failure.message.startswith("the list of services does not end: ")
    assert 10 <= asked <= 16


def test_pages_that_are_always_new_end(monkeypatch):
    """A chain that invents items for ever ends at a bound that no real list reaches."""
    monkeypatch.setattr("migrate.api.pages.MOST_PAGES", 20)
    failure, asked = endless(lambda number: page(number, number))
    assert failure.message.startswith("the list of services does not end: 21 pages")
    assert asked <= 22


def test_a_foreign_next_page_ends_the_list():
    """A list that leads to a foreign host is refused, and nothing is sent there."""
    with Simulator(services=12, next_page_host="example.com") as simulator:

        async def whole():
            async with reader_of(simulator) as reader:
                await sids_of(reader)

        with pytest.raises(SafetyRefusal, match=r"foreign host \(example.com\)"):
            asyncio.run(whole())
        assert len(simulator.requests) == 1
