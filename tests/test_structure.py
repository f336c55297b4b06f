"""The shape of the code itself: who may import whom, and what may not creep in."""

from __future__ import annotations

import ast
import re
import sys
from collections import Counter, defaultdict
from pathlib import Path

import pytest

import mappings
import migrate
from migrate.kinds.registry import KINDS

ROOT = Path(migrate.__file__).parent.parent
SOURCES = sorted(
    path for package in (mappings, migrate) for path in Path(package.__file__).parent.rglob("*.py")
)
LONGEST_FUNCTION = 60
LONGEST_MODULE = 450
AT_THE_ROOT = {"__init__.py", "__main__.py"}

EXCEPTIONS = {"noqa": 18, "type: ignore": 1, "pragma: no cover": 0}
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
        own = is_in(found, "migrate.simulator")
        assert own or found.split(".")[0] in sys.stdlib_module_names, found


DOORS = {
    ("twilio", "http.client", "urllib3", "requests"): {"migrate.api.gateway"},
    ("aiohttp", "yarl", "multidict"): {"migrate.api.connection"},
    ("tenacity",): {"migrate.api.retry"},
    ("distributed", "dask"): {"migrate.fleet.engines"},
    ("tqdm",): {"migrate.core.progress"},
    ("logging",): set(),
}
"""Libraries, and the only modules that import them."""
ROOMS_OF = {
    ("sqlite_utils", "sqlite3"): ("migrate.store",),
    ("click",): ("migrate.cli", "migrate.report.text_report"),
}
"""Libraries, and the rooms that they stay in."""


@pytest.mark.parametrize(("packages", "allowed"), DOORS.items(), ids=lambda each: str(each))
def test_a_library_has_one_door(packages, allowed):
    """Each of these is imported in one place, so that one place is to be changed when it changes."""
    assert importers(*packages) == allowed


@pytest.mark.parametrize(("packages", "rooms"), ROOMS_OF.items(), ids=lambda each: str(each))
def test_a_library_stays_in_its_room(packages, rooms):
    """Only the store knows tables, and only what speaks to people knows how terminals are spoken to."""
    found = importers(*packages)
    assert found
    assert all(is_in(name, *rooms) for name in found)


RANKS = {
    "__main__": 6,
    "cli": 6,
    "commands": 5,
    **dict.fromkeys(("execute", "plan", "source", "report", "fleet", "rehearsal"), 4),
    "kinds": 3,
    **dict.fromkeys(("store", "api"), 2),
    "model": 1,
    "core": 0,
}
"""The rooms of migrate/: arrows run downwards, or between rooms of one rank without ever leading back."""
KNOWS_MAPPINGS = {"commands", "execute", "fleet", "kinds", "model", "plan", "rehearsal", "report", "store"}
"""Rooms that may import mappings: what they work with are its outcomes."""
SERVES_THE_SIMULATOR = {"migrate.commands.simulator", "migrate.commands.demo"}
"""Commands that start the simulator. A rehearsal does too."""


def room_of(name):
    """The room of a module of migrate/; "" for the package itself and for other packages."""
    package, _, rest = name.partition(".")
    return rest.partition(".")[0] if package == "migrate" else ""


def arrows():
    """Every import from one room of migrate/ into another, as (module, room, other room)."""
    for name, found in IMPORTS.items():
        for target in {room_of(each) for each in found} - {"", room_of(name)}:
            yield name, room_of(name), target


def test_every_room_has_its_place():
    """There is no room that the ranks below do not know."""
    assert {room_of(name) for name in MODULES} - {"", "simulator"} == set(RANKS)


@pytest.mark.parametrize("room", [room for room in RANKS if room != "__main__"])
def test_arrows_run_one_way(room):
    """A room imports rooms of lower ranks, or of its own; nothing imports the shell but the program's entry."""
    for name, source, target in arrows():
        if source == room and target != "simulator":
            assert RANKS[target] <= RANKS[room], f"{name} imports {target}"
            assert target != "cli", name


def test_rooms_of_one_rank_never_lead_back():
    """Between rooms of one rank, too, imports run one way only."""
    pairs = {(source, target) for _, source, target in arrows()}
    assert not {(source, target) for source, target in pairs if (target, source) in pairs}


def test_only_some_rooms_know_the_mappings():
    """The way to Twilio, the sources and the shell know nothing of how a setting is translated."""
    found = {room_of(name) for name in importers("mappings") if is_in(name, "migrate")}
    assert found - {"simulator"} <= KNOWS_MAPPINGS


def test_only_commands_that_rehearse_import_the_simulator():
    """The simulator is a feature of its own: what migrates knows nothing of it."""
    outside = {name for name in importers("migrate.simulator") if not is_in(name, "migrate.simulator")}
    assert {name for name in outside if "rehears" not in name} <= SERVES_THE_SIMULATOR


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
def test_modules_are_short(path):
    """A module is read in one sitting."""
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST_MODULE


def test_the_root_of_the_program_holds_rooms():
    """Besides the entry, every module of migrate/ stands in a room."""
    found = {path.name for path in Path(migrate.__file__).parent.glob("*.py")}
    assert found >= AT_THE_ROOT
    assert len(found) <= 5


def test_one_word_is_one_thing():
    """No two classes have one name; the simulator, which shares nothing with what it judges, has words of its own."""
    defined = defaultdict(set)
    for name, path in MODULES.items():
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.ClassDef):
                defined[is_in(name, "migrate.simulator"), node.name].add(name)
    assert {word: sorted(names) for (_, word), names in defined.items() if len(names) > 1} == {}


NAMES_KINDS = ("migrate.kinds", "migrate.simulator", "mappings")
"""Rooms whose business the kinds are."""
ALLOWED_NAMES = {
    "migrate.source.live": {"service", "channels"},  # the list that everything begins with; what was examined
    "migrate.source.files": {"service", "roles", "channels"},  # what a saved file calls what it holds
    "migrate.source.saved.documents": {"roles", "channels"},  # keys of list pages
    "migrate.source.saved.fields": {"service", "webhooks", "notifications"},  # fields of a saved Service
    "migrate.source.saved.reading": {"service", "roles", "channels"},  # what a file lacks, for its warnings
    "migrate.source.saved.resources": {"service", "webhooks"},  # what a resource is recognised by
    "migrate.source.saved.shapes": {"service", "roles", "webhooks"},  # names that other tools give them
    "migrate.store.snapshots": {"roles"},  # what the mappings look at together with their service
    "migrate.report.words": {"webhooks", "notifications"},  # headings for fields of the Chat Service
    "migrate.cli.options": {"channels"},  # an option
    "migrate.cli.rehearsals": {"channels"},  # likewise
    "migrate.cli.channels": {"channels"},  # the options of that kind
    "migrate.rehearsal.scene": {"roles"},  # a key of what the simulator is told
    # what the simulator's own state holds, which is judged without the program that is judged
    "migrate.rehearsal.judgement": {"configuration", "service", "roles", "webhooks", "notifications"},
}
"""Where a word that is also a kind's name means something else; `service` as a noun to count with is not looked at."""
COUNTED = ("migrate.report", "migrate.cli", "migrate.commands", "migrate.core", "migrate.store.plans")
"""Where `service` is a word for people, or a function's name."""


def words_in(path):
    """The whole texts in a module's code."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


@pytest.mark.parametrize("name", [name for name in MODULES if not is_in(name, *NAMES_KINDS)])
def test_no_kind_is_named_outside_its_module(name):
    """Planner, executor, attempts, undo, rollback, verify, guards, store and reports work with any kind."""
    kinds = set(KINDS) | {"channels"}
    if is_in(name, *COUNTED):
        kinds -= {"service"}
    assert set(words_in(MODULES[name])) & kinds <= ALLOWED_NAMES.get(name, set())
    single = {f"migrate.kinds.{path.stem}" for path in (ROOT / "migrate" / "kinds").glob("*.py")}
    single -= {
        "migrate.kinds.base",
        "migrate.kinds.registry",
        "migrate.kinds.reading",
        "migrate.kinds.__init__",
    }
    found = {each for each in IMPORTS[name] if is_in(each, *single)}
    assert found <= {"migrate.kinds.settings", "migrate.kinds.settings.row_of"}, found


@pytest.mark.parametrize("package", [mappings, migrate], ids=lambda package: package.__name__)
def test_the_packages_ship_their_types(package):
    """Whoever imports the commands or the mappings has their types: the marker is there, and is installed."""
    folder = Path(package.__file__).parent
    assert (folder / "py.typed").read_bytes() == b""
    declared = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert f'{package.__name__} = ["py.typed"]' in declared


EXITS = {
    "migrate.cli.main": {"sys.exit"},
    "migrate.cli.signals": {"os._exit"},  # the second Ctrl-C
    "migrate.commands.fleet_worker": {"os._exit"},  # a worker whose parent is gone
    "migrate.store.files": {"os._exit"},  # a child that tries whether locks work
}


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_nothing_prints_or_exits_but_the_shell(path):
    """Results leave through the shell: no module prints, and none but the shell ends the process."""
    allowed = EXITS.get(name_of(path), set())
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


KEEPS_GOING = {"migrate.commands.fleet_worker", "migrate.fleet.engines"}
"""Where whatever goes wrong with one account is told in its outcome, and the other accounts go on."""


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_no_bare_except_and_no_silent_one(path):
    """An error is named where it is caught; only the shell and a fleet catch everything, and they tell it."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.ExceptHandler):
            assert node.type is not None
            broad = ast.unparse(node.type) in {"Exception", "BaseException"}
            reraises = any(isinstance(inner, ast.Raise) for inner in ast.walk(node))
            told = f"{{{node.name}}}" in "".join(map(ast.unparse, node.body))
            assert not broad or reraises or (told and name_of(path) in KEEPS_GOING), name_of(path)


def test_every_retry_loop_is_bounded():
    """The one loop of the retry library that is built gets a stop, a wait and a sleep of ours."""
    built = [
        (name, node)
        for name, path in MODULES.items()
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("Retrying")
    ]
    ((name, loop),) = built
    assert name == "migrate.api.retry"
    assert {"stop", "wait", "sleep", "reraise"} <= {keyword.arg for keyword in loop.keywords}


TESTS = sorted(Path(__file__).parent.rglob("test_*.py"))


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.name)
def test_every_test_states_its_promise(path):
    """Each test has a docstring: one sentence that says what holds."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            promise = ast.get_docstring(node) or ""
            assert promise.rstrip().endswith((".", "?", "!")), f"{node.name} in {path.name}"
