"""A simulator for the tests of the simulator."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from simulator_caller import Caller

from migrate.simulator import Service, Simulator

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
