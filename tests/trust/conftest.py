"""Simulated accounts that are uneven in one way or another."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace

import pytest

from migrate.simulator import Simulator, Unevenness


@pytest.fixture
def account():
    """Opens simulators: two accounts, the second one empty, uneven as the test says."""
    with ExitStack() as opened:

        def open_one(services=6, uneven=None, **options):
            if "world" not in options:
                options |= {"services": services, "seed": 7, "accounts": 2}
            return opened.enter_context(Simulator(uneven=uneven or Unevenness(), **options))

        yield open_one


@pytest.fixture
def tool_at(lonely_tool):
    """The program, pointed at a simulator, in an empty folder."""

    def tool(simulator, **environ):
        return replace(lonely_tool, environ={**lonely_tool.environ, **simulator.environment(), **environ})

    return tool
