"""What all tests share: a simulator over real HTTP, and the program."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from calling import Tool
from driving import Driver, drive
from variables import CLEAN

from migrate.simulator import Simulator

if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    # Under nohup: still nothing happens here, but programs that the tests start get no ignored signal.
    signal.signal(signal.SIGHUP, lambda *_: None)
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # Started in the background: programs that the tests start would inherit that Ctrl-C means nothing.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    """A simulated account with the twelve archetypes."""
    with Simulator(services=12, seed=7) as running:
        yield running


@pytest.fixture(scope="session")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with a snapshot of the twelve archetypes and its plan, made once: the seed makes all else equal."""
    with Simulator(services=12, seed=7) as running:
        driver = drive(tmp_path_factory.mktemp("stored"), running)
        driver.export()
        driver.diff()
    return driver.db


@pytest.fixture
def planned(simulator: Simulator, stored: Path, tmp_path: Path) -> Driver:
    """A driver whose database holds a snapshot and a plan."""
    shutil.copy(stored, tmp_path)
    return drive(tmp_path, simulator)


@pytest.fixture
def tool(simulator: Simulator, tmp_path: Path) -> Tool:
    """The program, pointed at the simulator, in an empty folder."""
    return Tool(tmp_path, {**CLEAN, **simulator.environment()})


@pytest.fixture
def lonely_tool(tmp_path: Path) -> Tool:
    """The program without credentials and without any Twilio to talk to, in an empty folder."""
    return Tool(tmp_path, dict(CLEAN))
