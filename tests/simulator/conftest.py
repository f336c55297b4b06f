"""A simulator for the tests of the simulator, and a plain client that hides nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import requests

from migrate.simulator import Service, Simulator

TIMEOUT = 5


class Caller:
    """Speaks to one simulator with one account's credentials."""

    def __init__(self, sim: Simulator, credentials: tuple[str, str] | None = None) -> None:
        self.sim = sim
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.auth = credentials or (sim.account_sid, sim.auth_token)

    def _call(self, method: str, base: str, path: str, **options: Any) -> requests.Response:
        return self.session.request(method, base + path, timeout=TIMEOUT, **options)

    def chat(
        self, path: str, form: Any = None, method: str | None = None, **options: Any
    ) -> requests.Response:
        """Call Chat; with a form and no method, POST."""
        verb = method or ("GET" if form is None else "POST")
        return self._call(verb, self.sim.chat_url, path, data=form, **options)

    def conv(
        self, path: str, form: Any = None, method: str | None = None, **options: Any
    ) -> requests.Response:
        """Call Conversations; with a form and no method, POST."""
        verb = method or ("GET" if form is None else "POST")
        return self._call(verb, self.sim.conversations_url, path, data=form, **options)


Open = Callable[..., Caller]


@pytest.fixture
def open_sim() -> Iterator[Open]:
    """Return a function that starts a simulator and returns its caller; all are closed after the test."""
    with ExitStack() as stack:

        def start(**options: Any) -> Caller:
            caller = Caller(stack.enter_context(Simulator(**options)))
            stack.enter_context(caller.session)
            return caller

        yield start


@pytest.fixture(scope="module")
def shared() -> Iterator[Caller]:
    """One simulator per module, for tests that change nothing, or services of their own only."""
    with Simulator() as sim:
        caller = Caller(sim)
        with caller.session:
            yield caller


@pytest.fixture
def service(shared: Caller) -> Service:
    """A new service in the shared simulator."""
    sid = shared.chat("/v2/Services", {"FriendlyName": "One of the test's own"}).json()["sid"]
    return shared.sim.world.service(sid)
