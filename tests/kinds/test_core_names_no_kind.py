"""What plans, executes, verifies, undoes, stores and reports does it for any kind."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import migrate

ROOT = Path(migrate.__file__).parent
CORE = sorted(path for room in ("plan", "execute", "store", "report") for path in (ROOT / room).rglob("*.py"))


@pytest.mark.parametrize("path", CORE, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_core_does_not_know_channels(path):
    """No string of the code is the name of the kind, so that the kind is its module and its row."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    assert "channels" not in names
    assert "Channels" not in {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
