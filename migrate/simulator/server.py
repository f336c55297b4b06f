"""The simulator's HTTP side: one thread with its own event loop, on the loopback interface only."""

from __future__ import annotations

import asyncio
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Literal

from migrate.simulator import chat, conversations, words
from migrate.simulator.api import (
    HOSTS,
    Answer,
    Request,
    Router,
    Rules,
    answer,
    authenticate,
    refusal,
)
from migrate.simulator.faults import KINDS, Fault, FaultInjector, FaultPlan
from migrate.simulator.forms import ApiError
from migrate.simulator.seed import seeded_world
from migrate.simulator.state import StateFile
from migrate.simulator.wire import RecordedRequest, Reply, faulted, plain, read, send
from migrate.simulator.world import World

if TYPE_CHECKING:
    from aiohttp import web

HOST = "127.0.0.1"
ROUTER = Router(chat.ROUTES | conversations.ROUTES)
START_SECONDS = 10


class Simulator:
    """An embedded Twilio. Use it as a context manager, or call `start` and `close`.

    Args:
        world: what it holds at first; otherwise a seeded world.
        seed: of the seeded world.
        services: how many services the seeded world's first account holds.
        accounts: how many accounts the seeded world has; those after the first are empty.
        port: to listen on; 0 picks a free one.
        latency_ms: how long each request takes, milliseconds.
        max_concurrent: requests above so many at once are refused with 429/20429, unprocessed.
        fault_rate: the share of requests, 0 to 1, struck by a random fault.
        fault_seed: of the random faults.
        faults: a whole plan, instead of the two above.
        state: a JSON file that the world is loaded from, if it exists, and saved to.
        chat_status: the status with which the whole Chat API refuses, as a dead API might.
        user_filters: whether the webhooks of one service `accept` or `refuse` the filters `onUser…`.
        page_hosts: whose URLs answers carry: `twilio`, as behind a proxy, or the simulator's own (`self`).
        next_page_host: a host that `next_page_url` points to instead, to try a client's guard.
        record: whether `requests` is kept.

    Raises:
        ValueError: both a plan and a rate of faults; a state file that is not JSON.
        OSError: the port is taken; the state file cannot be read.
    """

    def __init__(  # noqa: PLR0913 - each is one independent property of the simulated service
        self,
        *,
        world: World | None = None,
        seed: int = 0,
        services: int = 12,
        accounts: int = 1,
        port: int = 0,
        latency_ms: float = 0,
        max_concurrent: int | None = None,
        fault_rate: float = 0.0,
        fault_seed: int = 0,
        faults: FaultPlan | None = None,
        state: Path | None = None,
        chat_status: int | None = None,
        user_filters: Literal["accept", "refuse"] = "accept",
        page_hosts: Literal["twilio", "self"] = "twilio",
        next_page_host: str | None = None,
        record: bool = True,
    ) -> None:
        if faults is not None and fault_rate:
            raise ValueError("give either a plan of faults or a rate, not both")
        self._state = StateFile(state) if state else None
        loaded = self._state.load() if self._state else None
        self.world = loaded or world or seeded_world(seed, services, accounts)
        self.requests: list[RecordedRequest] = []
        self._faults = FaultInjector(faults or FaultPlan(rate=fault_rate, seed=fault_seed))
        self._port = port
        self._latency = latency_ms / 1000
        self._max_concurrent = max_concurrent
        self._record = record
        self._own_hosts = page_hosts == "self"
        self._rules = Rules(
            bases=HOSTS,
            next_page_base=f"https://{next_page_host}" if next_page_host else None,
            service_filters=words.SERVICE_FILTERS
            | (words.USER_FILTERS if user_filters == "accept" else frozenset()),
            chat_status=chat_status,
        )
        self._lock = threading.RLock()
        self._in_flight = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._stopped = asyncio.Event()

    # -- life ---------------------------------------------------------------------------------------------

    def __enter__(self) -> Simulator:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def start(self) -> Simulator:
        """Listen, and return when requests can come."""
        listener = socket.create_server((HOST, self._port))
        self._port = listener.getsockname()[1]
        if self._own_hosts:
            own = {"chat": self.chat_url, "conversations": self.conversations_url}
            self._rules = replace(self._rules, bases=own)
        if self._state:
            self._state.save(self.world)
        started = threading.Event()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._serve(listener, started)), name="simulator", daemon=True
        )
        self._thread.start()
        if not started.wait(START_SECONDS):
            raise OSError("the simulator did not start")
        return self

    def close(self) -> None:
        """Stop, cutting what is under way, and save the state."""
        if self._loop is None or self._thread is None:
            return
        self._loop.call_soon_threadsafe(self._stopped.set)
        self._thread.join()
        self._loop = self._thread = None
        if self._state:
            self._state.save(self.world)

    def wait(self) -> None:
        """Block until the simulator is closed, or the waiting is interrupted (KeyboardInterrupt)."""
        if self._thread is not None:
            self._thread.join()

    async def _serve(self, listener: socket.socket, started: threading.Event) -> None:
        from aiohttp import web

        self._loop = asyncio.get_running_loop()
        runner = web.ServerRunner(web.Server(self._handle, access_log=None), shutdown_timeout=0)
        await runner.setup()
        await web.SockSite(runner, listener).start()
        started.set()
        await self._stopped.wait()
        await runner.cleanup()

    # -- what a user of the simulator sees ------------------------------------------------------------------

    @property
    def url(self) -> str:
        """Where it listens: `http://127.0.0.1:PORT`."""
        return f"http://{HOST}:{self._port}"

    @property
    def chat_url(self) -> str:
        """What stands for https://chat.twilio.com."""
        return f"{self.url}/chat"

    @property
    def conversations_url(self) -> str:
        """What stands for https://conversations.twilio.com."""
        return f"{self.url}/conversations"

    @property
    def account_sid(self) -> str:
        """The first account's SID."""
        return self.world.first.sid

    @property
    def auth_token(self) -> str:
        """The first account's token."""
        return self.world.first.auth_token

    def environment(self, target: str | None = None) -> dict[str, str]:
        """Return the environment variables that lead a program here.

        Args:
            target: the SID of another account in this world, to receive what is migrated.
        """
        variables = {
            "TWILIO_ACCOUNT_SID": self.account_sid,
            "TWILIO_AUTH_TOKEN": self.auth_token,
            "TWILIO_CHAT_URL": self.chat_url,
            "TWILIO_CONVERSATIONS_URL": self.conversations_url,
        }
        if target is not None:
            variables["TWILIO_TARGET_ACCOUNT_SID"] = target
            variables["TWILIO_TARGET_AUTH_TOKEN"] = self.world.accounts[target].auth_token
        return variables

    @contextmanager
    def locked(self) -> Iterator[World]:
        """Hold all requests up, for a look at the world or an edit by a second hand; then save."""
        with self._lock:
            yield self.world
            if self._state:
                self._state.save(self.world)

    def inject(self, *faults: Fault) -> None:
        """Add scripted faults; they count the requests from now on."""
        with self._lock:
            for fault in faults:
                self._faults.add(fault)

    # -- one request ----------------------------------------------------------------------------------------

    async def _handle(self, incoming: web.BaseRequest) -> web.StreamResponse:
        arrival = time.time()
        request = await read(incoming)
        refused = self._max_concurrent is not None and self._in_flight >= self._max_concurrent
        self._in_flight += not refused
        concurrent = self._in_flight
        try:
            if self._latency:
                await asyncio.sleep(self._latency)
            reply = self._refuse(request) if refused else self._reply(request, incoming)
            if self._record and request.api in HOSTS:
                self.requests.append(self._recorded(request, reply, arrival))
            if reply.delay:
                await self._linger(reply.delay)
        finally:
            self._in_flight -= not refused
        return send(incoming, reply, concurrent, arrival)

    async def _linger(self, seconds: float) -> None:
        """Wait so long, but no longer than the simulator lives."""
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._stopped.wait(), seconds)

    def _refuse(self, request: Request) -> Reply:
        too_many = refusal(ApiError(429, 20429, f"Too Many Requests: {request.path}"))
        return Reply(429, too_many.body, processed=False)

    def _reply(self, request: Request, incoming: web.BaseRequest) -> Reply:
        query = incoming.rel_url.raw_query_string
        with self._lock:
            fault = self._faults.decide(request.api, request.method, request.path, query)
            if fault is None:
                return plain(self._process(request))
            if fault.edit is not None:
                with self.locked() as world:
                    fault.edit(world)
            done = self._process(request) if KINDS[fault.kind].processed else None
        return faulted(fault, done)

    def _process(self, request: Request) -> Answer:
        done = answer(self.world, ROUTER, self._rules, request)
        if self._state and request.method != "GET" and done.status < 400:
            account = authenticate(self.world, request.authorization)
            in_path = re.search(r"/Services/(IS[0-9a-fA-F]{32})", request.path)
            service_sid = in_path.group(1) if in_path else done.document.get("sid")
            self._state.record(self.world, account, service_sid)
        return done

    def _recorded(self, request: Request, reply: Reply, arrival: float) -> RecordedRequest:
        try:
            account_sid = authenticate(self.world, request.authorization).sid
        except ApiError:
            account_sid = None
        return RecordedRequest(
            method=request.method,
            path=request.path,
            api=request.api,
            query=request.query,
            form=request.form,
            status=reply.status,
            account_sid=account_sid,
            body=reply.body,
            fault=reply.fault,
            processed=reply.processed,
            time=arrival,
            webhook_enabled=request.webhook_enabled,
        )


def serve(  # noqa: PLR0913 - the options of the command, one to one
    *,
    port: int = 0,
    seed: int = 0,
    services: int = 12,
    latency_ms: float = 0,
    max_concurrent: int | None = None,
    fault_rate: float = 0.0,
    fault_seed: int = 0,
    state: Path | None = None,
    on_ready: Callable[[Simulator], None] = lambda _simulator: None,
) -> None:
    """Run a simulator until it is interrupted. It keeps no list of requests, so it may run for weeks.

    Args:
        on_ready: called with the listening simulator.

    Raises:
        KeyboardInterrupt: it was interrupted; the state is saved.
    """
    simulator = Simulator(
        port=port,
        seed=seed,
        services=services,
        latency_ms=latency_ms,
        max_concurrent=max_concurrent,
        fault_rate=fault_rate,
        fault_seed=fault_seed,
        state=state,
        record=False,
    )
    with simulator:
        on_ready(simulator)
        simulator.wait()
