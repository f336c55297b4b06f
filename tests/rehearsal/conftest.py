"""A reviewed plan in a database, and `rehearse` as a user without credentials runs it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from driving import drive

from migrate.simulator import Simulator


@dataclass(frozen=True)
class Stalls:
    """A folder with a planned database, and another one that stands for the system's temporary folder."""

    tool: Any
    temporary: Path

    def rehearse(self, *arguments: object, **environ: str) -> Any:
        """Run `rehearse`."""
        return self.tool("rehearse", *arguments, environ=environ, timeout=600)


@pytest.fixture
def planned(lonely_tool: Any) -> Callable[..., Stalls]:
    """Export and plan a simulated account, which `edit` may change first; keyword arguments are those of `diff`."""

    def plan(
        simulator: Simulator, *, edit: Callable[[Any], None] = lambda _world: None, **options: Any
    ) -> Stalls:
        edit(simulator.world)
        driver = drive(lonely_tool.folder, simulator)
        driver.export(inventory=frozenset(options.get("kinds", ())))
        driver.diff(**options)
        temporary = lonely_tool.folder / "temporary"
        temporary.mkdir()
        environ = {**lonely_tool.environ, "TMPDIR": str(temporary)}
        return Stalls(replace(lonely_tool, environ=environ), temporary)

    return plan
