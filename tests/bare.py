"""What the benchmark compares with, and what it needs beside itself: one process each, `python tests/bare.py PART …`.

`loop`, `pool` and `tasks` do nothing but requests, over the bare `twilio` package: one after the other, from a pool
of threads, from tasks of an event loop; `convert` reads each public channel and makes it private, from such tasks. They
are told how many requests the server allows at once. `serve` is a simulator that counts; `fill` records all steps of a
plan but the last ones as done.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from base64 import b64encode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle, islice
from pathlib import Path
from typing import Any

# What lies beside this file has the names of the project's own packages.
sys.path.pop(0)
GROUP = 500
"""So many steps are recorded with one commit."""


class Counts(list[Any]):
    """Takes the place of the simulator's list of requests, and counts them instead."""

    def __init__(self) -> None:
        super().__init__()
        self.reads = self.writes = self.rejected = 0

    def append(self, request: Any) -> None:
        """Count one request; one that was rejected counts as that only."""
        if request.status == 429:
            self.rejected += 1
        elif request.method == "GET":
            self.reads += 1
        else:
            self.writes += 1


def serve(asked: argparse.Namespace) -> None:
    """Print where the simulator is; then, at each line that comes in, what was asked of it since the last one."""
    from migrate.simulator import Simulator

    with Simulator(
        services=asked.services,
        latency_ms=asked.latency,
        max_concurrent=asked.at_once or None,
        channels=asked.channels,
        public_share=1.0,
    ) as simulator:
        sids = list(simulator.world.first.services)
        simulator.requests = Counts()
        _say({"environ": simulator.environment(), "sids": sids})
        for _ in sys.stdin:
            counted, simulator.requests = simulator.requests, Counts()
            _say({name: getattr(counted, name) for name in ("reads", "writes", "rejected")})


def _say(told: Any) -> None:
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()


def _wanted(asked: argparse.Namespace) -> Iterator[tuple[str, bool]]:
    """Yield which service each request is for, and whether it writes; writes are spread evenly."""
    sids = json.loads(Path(asked.sids).read_text(encoding="utf-8"))
    total = asked.reads + asked.writes
    for number, sid in enumerate(islice(cycle(sids), total)):
        writes_so_far = number * asked.writes // total
        yield sid, (number + 1) * asked.writes // total > writes_so_far


def _client(http_client: Any) -> Any:
    from twilio.rest import Client

    client = Client(
        os.environ["TWILIO_ACCOUNT_SID"], os.environ["TWILIO_AUTH_TOKEN"], http_client=http_client
    )
    client.conversations.base_url = os.environ["TWILIO_CONVERSATIONS_URL"]
    return client


def loop(asked: argparse.Namespace) -> None:
    """Send the requests one after the other."""
    _threads(asked, 1)


def pool(asked: argparse.Namespace) -> None:
    """Send the requests from as many threads as the server allows requests."""
    _threads(asked, asked.at_once)


def _threads(asked: argparse.Namespace, number: int) -> None:
    from requests.adapters import HTTPAdapter
    from twilio.http.http_client import TwilioHttpClient

    http_client = TwilioHttpClient(timeout=30)
    http_client.session.mount("http://", HTTPAdapter(pool_maxsize=number))
    client = _client(http_client)

    def send(wanted: tuple[str, bool]) -> None:
        sid, writes = wanted
        settings = client.conversations.v1.services(sid).configuration.notifications()
        if writes:
            settings.update(log_enabled=True)
        else:
            settings.fetch()

    with ThreadPoolExecutor(number) as threads:
        for _ in threads.map(send, _wanted(asked)):
            pass


def tasks(asked: argparse.Namespace) -> None:
    """Send the requests from as many tasks as the server allows requests."""
    asyncio.run(_tasks(asked))


async def _tasks(asked: argparse.Namespace) -> None:
    from twilio.http.async_http_client import AsyncTwilioHttpClient

    waiting = _wanted(asked)
    async with AsyncTwilioHttpClient(timeout=30) as http_client:
        client = _client(http_client)

        async def work() -> None:
            for sid, writes in waiting:
                settings = client.conversations.v1.services(sid).configuration.notifications()
                await (settings.update_async(log_enabled=True) if writes else settings.fetch_async())

        await asyncio.gather(*(work() for _ in range(asked.at_once)))


def convert(asked: argparse.Namespace) -> None:
    """Make every public channel of the first service private, after a look at it."""
    asyncio.run(_convert(asked.at_once))


async def _convert(at_once: int) -> None:
    from twilio.http.async_http_client import AsyncTwilioHttpClient

    chat = os.environ["TWILIO_CHAT_URL"]
    token = b64encode(
        f"{os.environ['TWILIO_ACCOUNT_SID']}:{os.environ['TWILIO_AUTH_TOKEN']}".encode()
    ).decode()
    headers = {"Authorization": f"Basic {token}"}
    async with AsyncTwilioHttpClient(timeout=30) as client:

        async def ask(method: str, path: str, **form: str) -> Any:
            response = await client.request(method, chat + path, data=form or None, headers=headers)
            return json.loads(response.text)

        (service,) = (await ask("GET", "/v2/Services"))["services"]
        found: list[str] = []
        following = f"/v1/Services/{service['sid']}/Channels?PageSize=1000&Type=public"
        while following:
            page = await ask("GET", following)
            found += [channel["sid"] for channel in page["channels"]]
            following = (page["meta"]["next_page_url"] or "").removeprefix("https://chat.twilio.com")
        left = iter(found)

        async def work() -> None:
            for sid in left:
                channel = f"Services/{service['sid']}/Channels/{sid}"
                await ask("GET", f"/v2/{channel}")
                await ask("POST", f"/v3/{channel}", Type="private")

        await asyncio.gather(*(work() for _ in range(at_once)))


def fill(asked: argparse.Namespace) -> None:
    """Start a run of the newest plan of the database, and record all of its steps but the last ones as done."""
    asyncio.run(_fill(Path(asked.db), asked.left))


async def _fill(db: Path, left: int) -> None:
    from migrate.commands.apply import ApplyOptions
    from migrate.commands.run import RunOptions
    from migrate.core.jsonable import to_json
    from migrate.core.stop import StopToken
    from migrate.execute.work import Bounds
    from migrate.model.state import Entry, Record, State
    from migrate.store import lock, open_store, plans, runs
    from migrate.store.journal import Journal

    with open_store(db, must_exist=True) as store:
        plan = plans.find_latest(store, None)
        if plan is None:
            raise SystemExit(f"{db} holds no plan")
        account = plan.account_sid
        options = to_json(RunOptions(apply=ApplyOptions(bounds=Bounds(consents=frozenset({"channels"})))))
        run = runs.start(
            store,
            account_sid=account,
            target_account_sid=plan.target_account_sid,
            command="apply",
            phase="apply",
            plan=plan,
            options=options,
        )
        runs.new_session(store, run)
        done = (Entry(State.INTENT), Entry(State.APPLIED), Entry(State.VERIFIED))
        records = (
            Record(step.key, done) for step in islice(plans.steps(store, plan.number), plan.steps - left)
        )
        with lock.held(store, account, "apply", StopToken()) as held:
            async with Journal(store, run, held) as journal:
                while group := list(islice(records, GROUP)):
                    await journal.record(*group)


PARTS = {part.__name__: part for part in (serve, loop, pool, tasks, convert, fill)}


def main() -> None:
    """Do one part."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("--services", type=int, default=12)
    parser.add_argument("--latency", type=float, default=0, metavar="MS")
    parser.add_argument("--at-once", type=int, default=0, metavar="C")
    parser.add_argument("--channels", type=int, metavar="N")
    parser.add_argument("--sids", metavar="FILE")
    parser.add_argument("--reads", type=int, default=0)
    parser.add_argument("--writes", type=int, default=0)
    parser.add_argument("--db", metavar="FILE")
    parser.add_argument("--left", type=int, default=100)
    asked = parser.parse_args()
    PARTS[asked.part](asked)


if __name__ == "__main__":
    main()
