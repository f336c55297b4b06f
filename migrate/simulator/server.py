"""The simulator: one thread with its own event loop, on the loopback interface only."""

from __future__ import annotations

import asyncio
import re
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from email.utils import format_datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Literal
from urllib.parse import urlencode
from uuid import uuid4

from migrate.simulator import accounts as accounts_api
from migrate.simulator import chat, conversations, words
from migrate.simulator.api import HOSTS, Answer, Request, Router, Rules, answer, authenticate, refusal
from migrate.simulator.connection import Connection, Message
from migrate.simulator.faults import KINDS, Fault, FaultInjector, FaultPlan
from migrate.simulator.forms import ApiError
from migrate.simulator.seed import seeded_world
from migrate.simulator.state import StateFile
from migrate.simulator.uneven import EVEN, Past, Unevenness, found
from migrate.simulator.wire import RecordedRequest, Reply, faulted, loses_answer, plain
from migrate.simulator.world import World

HOST = "127.0.0.1"
ROUTER = Router(chat.ROUTES | conversations.ROUTES | accounts_api.ROUTES)
START_SECONDS = 10
BACKLOG = 1024
LOOK_SECONDS = 0.01
"""How long a write waits, where effects may be late, to see whether its sender stays."""


class Simulator:
    """An embedded Twilio. Use it as a context manager, or call `start` and `close`.

    Args:
        world: what it holds at first; otherwise a seeded world.
        seed: of the seeded world.
        services: how many services the seeded world's first account holds.
        accounts: how many accounts the seeded world has; the first is the parent of the others.
        account_services: how many services each of the others holds.
        suspended: how many of the others, the last ones, are suspended.
        channels: how many channels each seeded service holds, instead of the few of its kind.
        public_share: the share of these that are public, 0 to 1.
        port: to listen on; 0 picks a free one.
        latency_ms: how long each request takes, milliseconds.
        max_concurrent: requests of one account above so many at once are refused with 429/20429, unprocessed.
        fault_rate: the share of requests, 0 to 1, struck by a random fault.
        fault_seed: of the random faults.
        faults: a whole plan, instead of the two above.
        state: a JSON file that the world is loaded from, if it exists, and saved to.
        chat_status: the status with which the whole Chat API refuses, as a dead API might.
        user_filters: whether the webhooks of one service `accept` or `refuse` the filters `onUser…`.
        page_hosts: whose URLs answers carry: `twilio`, as behind a proxy, or the simulator's own (`self`).
        next_page_host: a host that `next_page_url` points to instead, to try a client's guard.
        record: whether `requests` is kept.
        uneven: in which ways it is uneven.
        template_limit: the most characters of a push template (50058); the documents name no number.
        sound_limit: the most characters of a push sound (50059); the documents name no number.
        writes_per_second: so many writes a second each service takes (429/50063).

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
        account_services: int = 0,
        suspended: int = 0,
        channels: int | None = None,
        public_share: float = 0.75,
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
        uneven: Unevenness = EVEN,
        template_limit: int | None = None,
        sound_limit: int | None = None,
        writes_per_second: int | None = None,
    ) -> None:
        if faults is not None and fault_rate:
            raise ValueError("give either a plan of faults or a rate, not both")
        self._state = StateFile(state) if state else None
        loaded = self._state.load() if self._state else None
        self.world = (
            loaded
            or world
            or seeded_world(
                seed,
                services,
                accounts,
                account_services=account_services,
                suspended=suspended,
                channels=channels,
                public_share=public_share,
            )
        )
        self.requests: list[RecordedRequest] = []
        self._faults = FaultInjector(faults or FaultPlan(rate=fault_rate, seed=fault_seed))
        self._port = port
        self._latency = latency_ms / 1000
        self._max_concurrent = max_concurrent
        self._record = record
        self._own_hosts = page_hosts == "self"
        self._uneven = uneven
        self._past = Past(uneven)
        self._rules = Rules(
            bases=HOSTS,
            next_page_base=f"https://{next_page_host}" if next_page_host else None,
            service_filters=words.SERVICE_FILTERS
            | (words.USER_FILTERS if user_filters == "accept" else frozenset()),
            chat_status=chat_status,
            template_limit=template_limit,
            sound_limit=sound_limit,
            writes_per_second=writes_per_second,
            past=self._past,
        )
        self._lock = threading.RLock()
        self._in_flight: Counter[str] = Counter()
        self._serial = 0
        self._request_ids = uuid4().hex[:20]
        self._alive: set[Connection] = set()
        self._late: dict[asyncio.TimerHandle, Request] = {}
        self._date = (0, "")
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
        listener = socket.create_server((HOST, self._port), backlog=BACKLOG)
        self._port = listener.getsockname()[1]
        if self._own_hosts:
            own = {"chat": self.chat_url, "conversations": self.conversations_url, "api": self.api_url}
            self._rules = replace(self._rules, bases=own)
        if self._state:
            self._state.save(self.world)
        # Draw the services now: the first request should not have to wait for it.
        len(self.world.first.services)
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
        self._loop = asyncio.get_running_loop()
        server = await self._loop.create_server(lambda: Connection(self._arrived, self._alive), sock=listener)
        started.set()
        await self._stopped.wait()
        server.close()
        for connection in tuple(self._alive):
            connection.cut()
        for timer, request in self._late.items():
            timer.cancel()
            self._process(request)
        self._late.clear()

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
    def api_url(self) -> str:
        """What stands for https://api.twilio.com."""
        return f"{self.url}/api"

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
            "TWILIO_API_URL": self.api_url,
        }
        if target is not None:
            variables["TWILIO_TARGET_ACCOUNT_SID"] = target
            variables["TWILIO_TARGET_AUTH_TOKEN"] = self.world.accounts[target].auth_token
        return variables

    @contextmanager
    def locked(self) -> Iterator[World]:
        """Hold all requests up, for a look at the world or an edit by a second hand, seen at once; then save."""
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

    def _arrived(self, connection: Connection, request: Request) -> None:
        """Take a request in: now, or when its time has come."""
        arrival = time.time()
        account_sid = self._account_sid(request)
        whose = account_sid or ""
        refused = self._max_concurrent is not None and self._in_flight[whose] >= self._max_concurrent
        if not refused:
            self._in_flight[whose] += 1
        at_once = self._in_flight[whose]
        patient = self._uneven.late_effects and request.method != "GET"
        wait = max(self._latency, LOOK_SECONDS) if patient else self._latency

        def work() -> None:
            reply = self._refuse(request) if refused else self._reply(request, connection.gone)
            if self._record and request.api in HOSTS:
                self.requests.append(_recorded(request, reply, account_sid, arrival))
            if reply.delay:
                self._running().call_later(reply.delay, finish, reply)
            else:
                finish(reply)

        def finish(reply: Reply) -> None:
            if not refused:
                self._in_flight[whose] -= 1
            connection.answer(self._message(request, reply, at_once, arrival))

        if wait:
            self._running().call_later(wait, work)
        else:
            work()

    def _running(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            raise RuntimeError("the simulator is not running")
        return self._loop

    def _account_sid(self, request: Request) -> str | None:
        try:
            return authenticate(self.world, request.authorization)[0].sid
        except ApiError:
            return None

    def _refuse(self, request: Request) -> Reply:
        too_many = refusal(ApiError(429, 20429, f"Too Many Requests: {request.path}"))
        return plain(too_many)._replace(processed=False)

    def _reply(self, request: Request, gone: bool) -> Reply:
        with self._lock:
            fault = self._fault(request)
            late = self._uneven.late_effects and request.method != "GET"
            if fault is None:
                if late and gone:
                    self._process_late(request)
                    return Reply(None)
                return plain(self._process(request))
            if fault.edit is not None:
                with self.locked() as world:
                    fault.edit(world)
            done = None
            if late and loses_answer(fault):
                self._process_late(request)
            elif KINDS[fault.kind].processed:
                done = self._process(request)
        return faulted(fault, done, self._past.retry_after(fault.retry_after))

    def _fault(self, request: Request) -> Fault | None:
        if not self._faults.armed:
            return None
        return self._faults.decide(request.api, request.method, request.path, urlencode(request.query))

    def _process_late(self, request: Request) -> None:
        def process() -> None:
            del self._late[timer]
            self._process(request)

        timer = self._running().call_later(self._uneven.late_effects, process)
        self._late[timer] = request

    def _process(self, request: Request) -> Answer:
        with self._lock:
            done = answer(self.world, ROUTER, self._rules, request)
            if self._state and request.method != "GET" and done.status < 400:
                account, _ = authenticate(self.world, request.authorization)
                self._state.record(self.world, account, *_touched(request, done))
        return done

    def _message(self, request: Request, reply: Reply, at_once: int, arrival: float) -> Message:
        if reply.status is None:
            return Message(None)
        self._serial += 1
        body, headers = reply.body, reply.headers
        if reply.status == 429:
            body = "" if self._uneven.empty_429 else body
            if self._uneven.retry_after is not None and reply.fault is None:
                headers += f"Retry-After: {self._past.retry_after(self._uneven.retry_after)}\r\n"
        present = time.time()
        headers += (
            f"Date: {self._http_date(present)}\r\n"
            f"Twilio-Request-Id: RQ{self._request_ids}{self._serial:012x}\r\n"
            f"Twilio-Concurrent-Requests: {at_once}\r\n"
            f"Twilio-Request-Duration: {present - arrival:.3f}\r\n"
        )
        drip = self._uneven.drip_seconds if found(self._uneven.drip_path, request.path) else 0.0
        huge = self._uneven.huge_bytes if found(self._uneven.huge_path, request.path) else 0
        return Message(reply.status, body, reply.content_type, headers, drip, huge)

    def _http_date(self, present: float) -> str:
        if self._date[0] != int(present):
            self._date = (int(present), format_datetime(self._past.clock(), usegmt=True))
        return self._date[1]


_SERVICE = re.compile(r"/Services/(IS[0-9a-fA-F]{32})")
_CHANNEL = re.compile(r"/Channels/([^/]+)$")


def _touched(request: Request, done: Answer) -> tuple[str | None, str | None]:
    """Return the SIDs of the service and of the channel that a good write was about."""
    document = done.document or {}
    in_path = _SERVICE.search(request.path)
    own = document.get("sid") or ""
    service_sid = in_path.group(1) if in_path else document.get("chat_service_sid") or own
    is_channel = own.startswith("CH") or _CHANNEL.search(request.path)
    return service_sid or None, own if is_channel else None


def _recorded(request: Request, reply: Reply, account_sid: str | None, arrival: float) -> RecordedRequest:
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


def serve(*, on_ready: Callable[[Simulator], None] = lambda _simulator: None, **options: Any) -> None:
    """Run a simulator until it is interrupted. It keeps no list of requests, so it may run for weeks.

    Args:
        on_ready: called with the listening simulator.
        options: those of `Simulator`.

    Raises:
        KeyboardInterrupt: it was interrupted; the state is saved.
    """
    with Simulator(**{"record": False} | options) as simulator:
        on_ready(simulator)
        simulator.wait()
