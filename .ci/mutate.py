"""Changes one thing at a time in a scratch copy, and tells which changes no test notices.

    python .ci/mutate.py record tests/store tests/trust     which test runs which line, and how long it takes
    python .ci/mutate.py sample migrate/store --count 100   run the tests of each changed line, fastest first
    python .ci/mutate.py again                              the changes that were not noticed, once more

Needs pytest-cov. What was recorded and which changes were alive is kept in the folder `--notes`.
"""

from __future__ import annotations

import argparse
import ast
import json
import multiprocessing
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from collections import defaultdict
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from queue import SimpleQueue

import pytest
from coverage import CoverageData

ROOT = Path(__file__).parents[1]
TURNED: dict[type[ast.cmpop], tuple[str, ...]] = {
    ast.Eq: ("!=",),
    ast.NotEq: ("==",),
    ast.Lt: ("<=", ">="),
    ast.LtE: ("<", ">"),
    ast.Gt: (">=", "<="),
    ast.GtE: (">", "<"),
    ast.Is: ("is not",),
    ast.IsNot: ("is",),
    ast.In: ("not in",),
    ast.NotIn: ("in",),
}
SQL = re.compile(r"\b(SELECT|WHERE|UPDATE|ORDER BY|AND)\b")
SQL_TURNED = (
    (re.compile(r"\bAND\b"), "OR"),
    (re.compile(r"\bOR\b"), "AND"),
    (re.compile(r"\b(?:WHERE|AND|OR|ON|WHEN)\s+\(*[\w.]+( = )"), " IS NOT "),
    (re.compile(r" != "), " = "),
    (re.compile(r" <= "), " < "),
    (re.compile(r" < "), " >= "),
    (re.compile(r" > "), " <= "),
    (re.compile(r"\bIS NOT NULL\b"), "IS NULL"),
    (re.compile(r"\bIS NULL\b"), "IS NOT NULL"),
    (re.compile(r"\bNOT (?=IN\b|EXISTS\b)"), ""),
    (re.compile(r"\bDESC\b"), "ASC"),
    (re.compile(r"\bmax(?=\()"), "min"),
    (re.compile(r"\bDISTINCT "), ""),
)
FORKS = multiprocessing.get_context("forkserver")
LOADED = [
    "aiohttp",
    "click",
    "coverage",
    "pytest",
    "requests",
    "sqlite_utils",
    "tabulate",
    "tenacity",
    "tqdm",
    "twilio.rest",
]
"""What each process for a change has at its start; nothing that is changed."""
TOLD = "told.txt"
WITHOUT_PLUGINS = (
    "-o",
    "addopts=",
    *(f"-pno:{name}" for name in ("xdist", "cov", "hypothesispytest", "cacheprovider")),
)
SKIPPED_FIELDS = {"annotation", "returns", "decorator_list", "type_params"}


@dataclass(frozen=True)
class Mutation:
    """One change: the bytes from `start` to `end` of a file become `new`.

    Attributes:
        first: the line on which the changed statement begins; 0 if it runs when the module is imported.
        last: the line on which it ends.
    """

    path: str
    line: int
    start: int
    end: int
    old: str
    new: str
    first: int
    last: int


class Finder:
    """Finds all that can be changed in one module."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.source = (ROOT / path).read_bytes()
        self._starts = [0]
        for line in self.source.splitlines(keepends=True):
            self._starts.append(self._starts[-1] + len(line))

    def mutations(self) -> Iterator[Mutation]:
        """Yield every change."""
        yield from self._within(ast.parse(self.source), (0, 0), inside=False)

    def _within(self, node: ast.AST, lines: tuple[int, int], *, inside: bool) -> Iterator[Mutation]:
        if is_skipped(node):
            return
        if inside and isinstance(node, ast.stmt):
            lines = header_of(node)
        for (start, end), new in self._changes(node):
            line = self.source.count(b"\n", 0, start) + 1
            yield Mutation(self.path, line, start, end, self.source[start:end].decode(), new, *lines)
        if isinstance(node, ast.JoinedStr):
            return  # Python 3.11 does not say where its parts stand.
        for name, child in children_of(node):
            is_body = name == "body" and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            yield from self._within(child, lines, inside=inside or is_body)

    def _span(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        last_line, last_column = node.end_lineno or 0, node.end_col_offset or 0
        return self._starts[node.lineno - 1] + node.col_offset, self._starts[last_line - 1] + last_column

    def _text(self, node: ast.expr | ast.stmt) -> str:
        start, end = self._span(node)
        return self.source[start:end].decode()

    def _changes(self, node: ast.AST) -> Iterator[tuple[tuple[int, int], str]]:
        """Yield what can be changed in a node itself, and to what."""
        for changed, new in (*self._turns(node), *self._values(node)):
            yield self._span(changed), new
        if isinstance(node, ast.Constant | ast.JoinedStr):
            yield from self._sql_changes(node)

    def _turns(self, node: ast.AST) -> Iterator[tuple[ast.expr | ast.stmt, str]]:
        text = self._text
        match node:
            case ast.Compare(left=left, ops=[op], comparators=[right]):
                for turned in TURNED[type(op)]:
                    yield node, f"({text(left)} {turned} {text(right)})"
            case ast.BoolOp(op=op, values=values):
                swapped = " or " if isinstance(op, ast.And) else " and "
                yield node, "(" + swapped.join(f"({text(value)})" for value in values) + ")"
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                yield node, f"({text(operand)})"
            case ast.If(test=test) | ast.IfExp(test=test):
                yield test, f"(({text(test)}) or True)"
                yield test, f"(({text(test)}) and False)"
            case ast.comprehension(ifs=[test]):
                yield test, f"(({text(test)}) or True)"
            case ast.Expr(value=ast.Call() | ast.Await(value=ast.Call())):
                yield node, "pass"

    def _values(self, node: ast.AST) -> Iterator[tuple[ast.expr, str]]:
        text = self._text
        match node:
            case ast.BinOp(left=left, op=ast.Add() | ast.Sub() as op, right=right):
                yield node, f"({text(left)} {'-' if isinstance(op, ast.Add) else '+'} {text(right)})"
            case ast.Return(value=ast.expr() as value) if text(value) != "None":
                yield value, "None"
            case ast.Dict(keys=keys):
                yield from ((key, "'another'") for key in keys if key is not None and is_string(key))
            case ast.Subscript(slice=ast.Constant(value=str()) as key):
                yield key, "'another'"
            case ast.Constant(value=bool() as value):
                yield node, str(not value)
            case ast.Constant(value=int() | float() as number):
                yield node, str(number + 1)

    def _sql_changes(self, node: ast.expr) -> Iterator[tuple[tuple[int, int], str]]:
        text = self._text(node)
        if text.startswith(("'", '"', "f")) and SQL.search(text) and "CREATE " not in text:
            begin = self._span(node)[0]
            for pattern, new in SQL_TURNED:
                for found in pattern.finditer(text):
                    first, last = found.span(found.lastindex or 0)
                    yield (begin + len(text[:first].encode()), begin + len(text[:last].encode())), new


def children_of(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """Yield the children of a node that may be changed, each with the name of its field."""
    for name, value in ast.iter_fields(node):
        if name not in SKIPPED_FIELDS:
            children = value if isinstance(value, list) else [value]
            yield from ((name, child) for child in children if isinstance(child, ast.AST))


def header_of(node: ast.stmt) -> tuple[int, int]:
    """Return the lines of a statement, without those of its body."""
    body = getattr(node, "body", None)
    return node.lineno, max(node.lineno, body[0].lineno - 1 if body else node.end_lineno or 0)


def is_string(node: ast.expr) -> bool:
    """Whether this is a string as it stands."""
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def is_skipped(node: ast.AST) -> bool:
    """Whether a change here would say nothing: docstrings, logged text, `__all__`, imports for types only."""
    match node:
        case ast.Expr(value=ast.Constant()) | ast.Import() | ast.ImportFrom() | ast.Raise():
            return True
        case ast.Assign(targets=[ast.Name(id="__all__")]) | ast.If(test=ast.Name(id="TYPE_CHECKING")):
            return True
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(id="log" | "logger")))):
            return True
    return False


def chosen(modules: Iterable[str], count: int, seed: int) -> list[Mutation]:
    """Return one change on each of so many lines, all lines being alike likely."""
    by_line: dict[tuple[str, int], list[Mutation]] = defaultdict(list)
    for module in modules:
        folder = ROOT / module
        for path in sorted(folder.rglob("*.py")) if folder.is_dir() else [folder]:
            for mutation in Finder(str(path.relative_to(ROOT))).mutations():
                by_line[mutation.path, mutation.line].append(mutation)
    dice = random.Random(seed)
    lines = dice.sample(sorted(by_line), min(count, len(by_line)))
    return [dice.choice(by_line[line]) for line in lines]


@dataclass(frozen=True)
class Recorded:
    """Which test runs which line, and how long each takes.

    Attributes:
        runs: file → line → tests.
        seconds: test → how long it took.
    """

    runs: dict[str, dict[int, set[str]]]
    seconds: dict[str, float]

    @classmethod
    def read(cls, notes: Path) -> Recorded:
        """Return what `record` has written."""
        data = CoverageData(str(notes / "coverage"))
        data.read()
        runs = {
            str(Path(file).relative_to(ROOT)): {
                line: {context.rpartition("|")[0] for context in contexts if context}
                for line, contexts in data.contexts_by_lineno(file).items()
            }
            for file in data.measured_files()
        }
        seconds = {
            f"{case.get('classname', '').replace('.', '/')}.py::{case.get('name')}": float(
                case.get("time", 0)
            )
            for case in ET.parse(notes / "times.xml").iter("testcase")
            if case.find("skipped") is None
        }
        return cls(runs, seconds)

    def tests_of(self, mutation: Mutation, budget: float) -> list[str]:
        """Return the tests that run the line, the room's own before others, fastest first, for so many seconds."""
        runs = self.runs.get(mutation.path, {})
        lines = range(mutation.first, mutation.last + 1)
        found: set[str] = set().union(*(runs.get(line, ()) for line in lines))
        if not mutation.first:
            found = set().union(*runs.values())
        room = f"tests/{mutation.path.split('/')[1]}/"
        by_file: dict[str, list[str]] = defaultdict(list)
        for test in sorted(found & self.seconds.keys(), key=lambda test: (self.seconds[test], test)):
            by_file[test.partition("::")[0]].append(test)
        ranked = [
            (not test.startswith(room), rank, self.seconds[test], test)
            for tests in by_file.values()
            for rank, test in enumerate(tests)
        ]
        taken: list[str] = []
        spent = 0.0
        for _, _, seconds, test in sorted(ranked):
            if spent + seconds <= budget or not taken:
                taken.append(test)
                spent += seconds
        return taken


class Copies:
    """Scratch copies of the project, one for each of those who change something."""

    def __init__(self, count: int) -> None:
        self._folders: SimpleQueue[Path] = SimpleQueue()
        self._scratch = Path(tempfile.mkdtemp())
        listed = subprocess.check_output(["git", "ls-files", "-z"], cwd=ROOT, text=True)
        for number in range(count):
            folder = self._scratch / str(number)
            for name in filter(None, listed.split("\0")):
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, folder / name)
            self._folders.put(folder)

    def __enter__(self) -> Copies:
        return self

    def __exit__(self, *_error: object) -> None:
        shutil.rmtree(self._scratch)

    def try_out(self, mutation: Mutation, tests: list[str], limit: float) -> str:
        """Return what notices a change: a test, the time, or nothing (an empty text)."""
        folder = self._folders.get()
        changed = folder / mutation.path
        source = changed.read_bytes()
        try:
            if source[mutation.start : mutation.end].decode(errors="replace") != mutation.old:
                raise SystemExit(f"{mutation.path} has changed since it was sampled; take another sample.")
            changed.write_bytes(source[: mutation.start] + mutation.new.encode() + source[mutation.end :])
            return outcome(folder, tests, limit)
        finally:
            changed.write_bytes(source)
            self._folders.put(folder)


def outcome(folder: Path, tests: list[str], limit: float) -> str:
    """Return what fails in a copy: a test, the time, or nothing (an empty text)."""
    process = FORKS.Process(target=run_tests, args=(folder, tests))
    process.start()
    process.join(limit)
    if process.is_alive() and process.pid is not None:
        os.killpg(process.pid, signal.SIGKILL)
        process.join()
        return "the time limit"
    failed = re.search(r"^(?:FAILED|ERROR) (\S+)", (folder / TOLD).read_text(errors="replace"), re.MULTILINE)
    return "" if process.exitcode == 0 else failed[1] if failed else f"exit code {process.exitcode}"


def run_tests(folder: Path, tests: list[str]) -> None:
    """Run tests in a copy, in a process of its own, and end with their exit code."""
    os.setsid()
    told = os.open(folder / TOLD, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for stream in (1, 2):
        os.dup2(told, stream)
    sys.dont_write_bytecode = False  # only one module is new to each process
    os.chdir(folder)
    os.environ["PYTHONPATH"] = str(folder)
    sys.path.insert(0, str(folder))
    os._exit(int(pytest.main(["-x", "-q", "--tb=no", "-rfE", *WITHOUT_PLUGINS, *tests])))


def record(notes: Path, tests: list[str]) -> int:
    """Note which test runs which line; return the exit code."""
    notes.mkdir(parents=True, exist_ok=True)
    return subprocess.call(
        [sys.executable, "-m", "pytest", "-q", "-n", "2", "-p", "no:cacheprovider", "--cov=migrate",
         "--cov-report=", "--cov-context=test", f"--junitxml={notes / 'times.xml'}", *tests],
        cwd=ROOT, env={**os.environ, "COVERAGE_FILE": str(notes / "coverage")},
    )  # fmt: skip


def report(number: int, of: int, mutation: Mutation, noticed_by: str) -> None:
    """Print what came of one change."""
    told = f"noticed by {noticed_by}" if noticed_by else f"ALIVE: {mutation.old!r} -> {mutation.new!r}"
    print(f"{number}/{of} {mutation.path}:{mutation.line} {told}", flush=True)


def run(notes: Path, mutations: list[Mutation], budget: float, given: list[str]) -> int:
    """Try out changes, two at a time, with the tests that are given or recorded; return how many are alive."""
    recorded = Recorded.read(notes)
    FORKS.set_forkserver_preload(LOADED)
    alive = []
    with Copies(2) as copies, ThreadPoolExecutor(2) as pool:

        def one(mutation: Mutation) -> str:
            tests = given or recorded.tests_of(mutation, budget)
            return copies.try_out(mutation, tests, 60 + 2 * budget) if tests else ""

        for number, noticed_by in enumerate(pool.map(one, mutations), 1):
            mutation = mutations[number - 1]
            report(number, len(mutations), mutation, noticed_by)
            if not noticed_by:
                alive.append(mutation)
                (notes / "alive.json").write_text(json.dumps([asdict(each) for each in alive]))
    print(f"{len(mutations)} changes, {len(mutations) - len(alive)} noticed, {len(alive)} alive")
    return len(alive)


def main() -> int:
    """Do what the command line asks; return 1 if a change was not noticed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--notes", type=Path, default=Path(tempfile.gettempdir()) / "mutations")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("record").add_argument("tests", nargs="+")
    sample = commands.add_parser("sample")
    sample.add_argument("modules", nargs="+")
    sample.add_argument("--count", type=int, default=200)
    sample.add_argument("--seed", type=int, default=1)
    again = commands.add_parser("again")
    again.add_argument("tests", nargs="*", help="new tests, to run instead of those that were recorded")
    for command in (sample, again):
        command.add_argument("--budget", type=float, default=60, help="seconds of tests a change, at most")
    options = parser.parse_args()
    if options.command == "record":
        return record(options.notes, options.tests)
    if options.command == "sample":
        mutations = chosen(options.modules, options.count, options.seed)
    else:
        mutations = [Mutation(**each) for each in json.loads((options.notes / "alive.json").read_text())]
    tests = options.tests if options.command == "again" else []
    return int(run(options.notes, mutations, options.budget, tests) > 0)


if __name__ == "__main__":
    sys.exit(main())
