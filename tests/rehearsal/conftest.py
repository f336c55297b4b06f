"""A reviewed plan in a database, and `rehearse` as a user without credentials runs it."""

from __future__ import annotations

import io
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from driving import Driver, drive

from migrate.commands.rehearse import RehearseOptions, rehearse
from migrate.rehearsal.stage import Disturbances
from migrate.report import render
from migrate.report.model import Report
from migrate.simulator import Simulator


@dataclass(frozen=True)
class Stalls:
    """A folder with a planned database, and another one that stands for the system's temporary folder."""

    tool: Any
    temporary: Path

    def rehearse(self, *arguments: object, **environ: str) -> Any:
        """Run `rehearse`."""
        return self.tool("rehearse", *arguments, environ=environ, timeout=600)

    def reports(self, *formats: str, **disturbances: Any) -> tuple[int, dict[str, str]]:
        """Rehearse once in this process; return the exit code and the report in each format."""
        told: dict[str, str] = {}

        def present(report: Report) -> None:
            for format_ in formats:
                render(report, format_, stream := io.StringIO())
                told[format_] = stream.getvalue()

        options = RehearseOptions(disturbances=Disturbances(**disturbances))
        return rehearse(Driver(self.tool.db, self.tool.environ).context, options, present), told


@pytest.fixture
def stalls(lonely_tool: Any, monkeypatch: Any) -> Stalls:
    """An empty folder, and an empty one for what is temporary, in this process and in those that it starts."""
    temporary = lonely_tool.folder / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    environ = {**lonely_tool.environ, "TMPDIR": str(temporary)}
    return Stalls(replace(lonely_tool, environ=environ), temporary)


@pytest.fixture
def ready(stalls: Stalls, stored: Path) -> Stalls:
    """With a plan in place for the account that `simulator` serves."""
    shutil.copy(stored, stalls.tool.db)
    return stalls


@pytest.fixture
def planned(stalls: Stalls) -> Callable[..., Stalls]:
    """Export and plan a simulated account, which `edit` may change first; keyword arguments are those of `diff`."""

    def plan(
        simulator: Simulator, *, edit: Callable[[Any], None] = lambda _world: None, **options: Any
    ) -> Stalls:
        edit(simulator.world)
        driver = drive(stalls.tool.folder, simulator)
        driver.export(inventory=frozenset(options.get("kinds", ())))
        driver.diff(**options)
        return stalls

    return plan
