"""One word, one thing: no two classes of one name, here and in the rest of the program."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

import mappings

ROOT = Path(mappings.__file__).parents[1]


def classes(package):
    """Name of each class → the modules that define it."""
    found = defaultdict(list)
    for path in sorted((ROOT / package).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                found[node.name].append(str(path.relative_to(ROOT)))
    return found


def test_no_class_of_the_mappings_shares_its_name():
    """A reader who meets a name anywhere knows which thing is meant."""
    own, other = classes("mappings"), classes("migrate")
    assert len(own) > 20
    assert {name: places for name, places in own.items() if len(places) > 1} == {}
    assert {name: other[name] for name in own if name in other} == {}
