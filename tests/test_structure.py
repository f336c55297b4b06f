"""The shape of the code itself: who may import whom, and what may not creep in."""

from __future__ import annotations

import ast
import re
import sys
from collections import Counter
from pathlib import Path

import pytest
from tenacity.stop import stop_never

import mappings
import migrate
from migrate.api.retry import Retrier

ROOT = Path(migrate.__file__).parent.parent
SOURCES = sorted(
    path for package in (mappings, migrate) for path in Path(package.__file__).parent.rglob("*.py")
)
LONGEST_FUNCTION = 70

EXCEPTIONS = {"noqa": 12, "type: ignore": 0}
"""How often a rule is set aside. A new one needs a reason that convinces a reviewer, and this number."""


def name_of(path):
    """The dotted name of a module."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def tree_of(path):
    """The syntax tree of a module."""
    return ast.parse(path.read_text(encoding="utf-8"))


def imports_of(path):
    """The dotted names of all that a module imports, wherever in it the statement stands."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name_of(path)} imports relatively"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


MODULES = {name_of(path): path for path in SOURCES}
IMPORTS = {name: sorted(set(imports_of(path))) for name, path in MODULES.items()}


def is_in(name, *packages):
    """Whether a dotted name is one of these packages, or inside."""
    return any(name == package or name.startswith(package + ".") for package in packages)


def importers(*packages):
    """The modules that import any of these packages."""
    return {name for name, found in IMPORTS.items() if any(is_in(each, *packages) for each in found)}


def test_the_modules_are_found():
    """The checks below look at something."""
    assert len(MODULES) > 60
    assert {"migrate.cli.main", "migrate.api.gateway", "migrate.store.database", "mappings.model"} <= set(
        MODULES
    )


@pytest.mark.parametrize("name", [name for name in MODULES if is_in(name, "mappings")])
def test_mappings_import_the_standard_library_and_themselves(name):
    """A mapping is a pure function: it knows no client, no database, no shell."""
    for found in IMPORTS[name]:
        assert is_in(found, "mappings") or found.split(".")[0] in sys.stdlib_module_names, found
    impure = {
        "os",
        "socket",
        "sqlite3",
        "subprocess",
        "time",
        "random",
        "threading",
        "pathlib",
        "urllib.request",
    }
    assert not [found for found in IMPORTS[name] if is_in(found, *impure)]


@pytest.mark.parametrize("name", [name for name in MODULES if is_in(name, "migrate.simulator")])
def test_the_simulator_imports_nothing_of_the_rest(name):
    """The simulator can judge the tool, since it shares nothing with it."""
    for found in IMPORTS[name]:
        own = is_in(found, "migrate.simulator", "aiohttp")
        assert own or found.split(".")[0] in sys.stdlib_module_names, found


@pytest.mark.parametrize(
    ("packages", "allowed"),
    [
        (("migrate.cli.main",), {"migrate.__main__"}),
        (("twilio", "requests", "urllib3", "http.client"), {"migrate.api.gateway"}),
        (("tenacity",), {"migrate.api.retry"}),
        (("tqdm",), {"migrate.core.progress"}),
        (
            ("click",),
            {
                "migrate.cli.main",
                "migrate.cli.main.options",
                "migrate.cli.main.present",
                "migrate.report.text_report",
            },
        ),
        (("logging",), set()),
    ],
)
def test_a_library_has_one_door(packages, allowed):
    """Each of these is imported in one place, so that one place is to be changed when it changes."""
    assert importers(*packages) <= allowed


@pytest.mark.parametrize(
    ("packages", "room"),
    [
        (("sqlite_utils", "sqlite3"), "migrate.store"),
        (("aiohttp",), "migrate.simulator"),
        (("jinja2", "markupsafe"), "migrate.report"),
    ],
)
def test_a_library_stays_in_its_room(packages, room):
    """Only the store knows tables, only the simulator serves, only reports use templates."""
    found = importers(*packages)
    assert found
    assert all(is_in(name, room) for name in found)


RANKS = [
    ("migrate.cli.main", "migrate.__main__"),
    ("migrate.commands",),
    (
        "migrate.execute.executor",
        "migrate.source.live",
        "migrate.plan.planner",
        "migrate.execute.guards",
        "migrate.report.reporting",
    ),
    ("migrate.api.gateway", "migrate.store", "migrate.api.retry", "migrate.report"),
    ("migrate.core.errors", "migrate.core.clock", "mappings"),
]
"""Arrows run downwards only. What is not named here stands where its imports put it."""


@pytest.mark.parametrize("rank", range(1, len(RANKS)))
def test_arrows_run_one_way(rank):
    """No module imports one of a rank above its own."""
    above = [package for upper in RANKS[:rank] for package in upper]
    for name in MODULES:
        if is_in(name, *RANKS[rank]):
            assert not [found for found in IMPORTS[name] if is_in(found, *above)], name


def test_no_module_imports_itself_in_a_circle():
    """Following the imports never leads back: each module can be understood after those that it needs."""
    edges = {
        name: {found for found in IMPORTS[name] if found in MODULES and found != name} for name in MODULES
    }
    for name, path in MODULES.items():
        if path.name == "__init__.py":
            edges[name] = {found for found in edges[name] if not is_in(found, name)}
    while leaves := {name for name, found in edges.items() if not found}:
        edges = {name: found - leaves for name, found in edges.items() if name not in leaves}
    assert not edges


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_functions_are_short(path):
    """A function fits on a screen."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            first = node.body[1] if ast.get_docstring(node) and len(node.body) > 1 else node.body[0]
            assert node.end_lineno - first.lineno < LONGEST_FUNCTION, f"{node.name} in {name_of(path)}"


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_nothing_prints_or_exits_but_the_shell(path):
    """Results leave through the shell: no module prints, and none but the shell ends the process."""
    allowed = {"migrate.cli.main": {"sys.exit"}, "migrate.commands.context": {"os._exit"}}.get(
        name_of(path), set()
    )
    calls = {ast.unparse(node.func) for node in ast.walk(tree_of(path)) if isinstance(node, ast.Call)}
    assert not calls & ({"print", "exit", "quit", "input", "breakpoint", "sys.exit", "os._exit"} - allowed)


def test_exceptions_from_the_rules_are_counted():
    """Every `noqa` and `type: ignore` is known by number; a new one fails until it is agreed upon here."""
    found = Counter()
    for path in SOURCES:
        text = path.read_text(encoding="utf-8")
        for word in EXCEPTIONS:
            found[word] += len(re.findall(rf"#\s*{word}", text))
    assert found == EXCEPTIONS


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_nothing_is_left_to_be_done(path):
    """No note to oneself stands in the code."""
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"\b(TODO|FIXME|XXX|HACK)\b", text)


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_no_bare_except_and_no_silent_one(path):
    """An error is named where it is caught; catching everything is the shell's last resort alone."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.ExceptHandler):
            assert node.type is not None
            broad = ast.unparse(node.type) in {"Exception", "BaseException"}
            reraises = any(isinstance(inner, ast.Raise) for inner in ast.walk(node))
            assert not broad or reraises, name_of(path)


def test_every_retry_loop_is_bounded():
    """The one loop of the retry library that is built gets a stop, a wait of ours, and our sleep."""
    built = [
        (name, node)
        for name, path in MODULES.items()
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("Retrying")
    ]
    assert [name for name, _ in built] == ["migrate.api.retry"]
    loop = Retrier().retrying()
    assert loop.stop is not stop_never
    assert callable(loop.stop)
    assert loop.wait.__self__.patience.longest_wait <= 60
    assert loop.reraise


def test_every_request_has_a_timeout():
    """The only call that sends a request passes a time-out."""
    gateway = tree_of(MODULES["migrate.api.gateway"])
    sends = [
        node
        for node in ast.walk(gateway)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "self._client().request"
    ]
    assert len(sends) == 1
    assert "timeout" in {keyword.arg for keyword in sends[0].keywords}


TESTS = sorted(Path(__file__).parent.rglob("test_*.py"))


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.name)
def test_every_test_states_its_promise(path):
    """Each test has a docstring: one sentence that says what holds."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            promise = ast.get_docstring(node) or ""
            assert promise.rstrip().endswith((".", "?", "!")), f"{node.name} in {path.name}"
