"""The fixtures of the survival tests, and their figures at the end of a full session."""

from __future__ import annotations

import pytest
from crashes import FIGURES, FULL, UNEVEN, Lab, Zygote, small_world

from migrate.simulator import Simulator


@pytest.fixture(scope="session")
def zygote():
    """The warm process that forks commands."""
    process = Zygote()
    yield process
    process.close()


@pytest.fixture(params=["same", "new"])
def lab(request, zygote, tmp_path):
    """A laboratory for each target; Twilio refuses `onUser…` there, so that a step has two requests."""
    with Simulator(world=small_world(), user_filters="refuse") as simulator:
        yield Lab(simulator, zygote, tmp_path, request.param)


@pytest.fixture(params=["same", "new"])
def uneven_lab(request, zygote, tmp_path):
    """The same where lists and reads lag and what got no answer takes effect late, all less than the settle time."""
    with Simulator(world=small_world(), user_filters="refuse", uneven=UNEVEN) as simulator:
        yield Lab(simulator, zygote, tmp_path, request.param, settle=0.8, lag=0.5)


def pytest_sessionfinish(session):
    """Hand a worker's figures to the process that prints them."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["survival"] = dict(FIGURES)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node):
    """Add what a worker has done to the rest."""
    FIGURES.update(getattr(node, "workeroutput", {}).get("survival", {}))


def pytest_terminal_summary(terminalreporter):
    """Tell what the loops have done."""
    if FULL and FIGURES:
        terminalreporter.section("survival")
        for name, number in sorted(FIGURES.items()):
            terminalreporter.write_line(f"{name:<28}{number:>8}")
