"""README and runbooks as a reader meets them: blocks of commands, tables, links; and a reader who types it all."""

from __future__ import annotations

import io
import os
import pty
import re
import shlex
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from calling import called, text_of

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
RUNBOOKS = ROOT / "runbooks"
DOCUMENTS = [README, *sorted(RUNBOOKS.glob("*.md"))]
FENCE = re.compile(r"^(?P<indent> *)```(?P<language>\w*) ?(?P<note>\w*)$")
ANYTHING = "…"
PERSON_ANSWERS = b"y\ny\n"
PLAIN = re.compile(r"chat-migrate(?! demo| fleet| rehearse)((?: [\w./-]+)+)(?: +#.*)?")
"""A command that needs no shell, and starts no process that is like its own."""
SECONDS_PER_COMMAND = 60


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, the word behind it, its lines, and the number of the line before them."""

    language: str
    note: str
    lines: tuple[str, ...]
    number: int


@dataclass(frozen=True)
class Typed:
    """A command in a document.

    Attributes:
        text: as a reader types it.
        output: the lines that the document shows below; `…` stands for anything. Empty: it shows none.
        codes: the exit codes that the document announces.
        note: the word behind the block's language.
        number: of its line.
    """

    text: str
    output: tuple[str, ...]
    codes: tuple[int, ...]
    note: str
    number: int


def blocks(document: Path) -> Iterator[Block]:
    """Yield the fenced blocks of a document, without their indentation."""
    opening, lines, start = None, [], 0
    for number, line in enumerate(document.read_text(encoding="utf-8").splitlines(), start=1):
        fence = FENCE.match(line)
        if opening is None and fence:
            opening, lines, start = fence, [], number
        elif opening is not None and line.strip() == "```":
            yield Block(opening["language"], opening["note"], tuple(lines), start)
            opening = None
        elif opening is not None:
            lines.append(line.removeprefix(opening["indent"]))


def commands(document: Path) -> Iterator[Typed]:
    """Yield every command of the document's `console` and `sh` blocks."""
    for block in blocks(document):
        prompt = {"console": "$ ", "sh": ""}.get(block.language)
        if prompt is not None:
            yield from _typed(block, prompt)


def _typed(block: Block, prompt: str) -> Iterator[Typed]:
    starts = [index for index, line in enumerate(block.lines) if line.startswith(prompt)]
    for start, end in zip(starts, [*starts[1:], len(block.lines)], strict=True):
        text = block.lines[start].removeprefix(prompt)
        announced = re.search(r"# exits with (\d+)(?: or (\d+))?", text)
        codes = tuple(int(code) for code in announced.groups() if code) if announced else (0,)
        yield Typed(text, block.lines[start + 1 : end], codes, block.note, block.number + 1 + start)


def table(document: Path, first_heading: str) -> list[list[str]]:
    """Return the rows of the tables whose first column has this heading, as cells."""
    rows, inside = [], False
    for line in document.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if not cells:
            inside = False
        elif cells[0] == first_heading:
            inside = True
        elif inside and not set(cells[0]) <= set("- "):
            rows.append(cells)
    return rows


def words(cell: str) -> list[str]:
    """Return what stands between backticks."""
    return re.findall(r"`([^`]+)`", cell)


@dataclass
class Person:
    """Somebody at a terminal who types what a document says, and answers questions with yes.

    Attributes:
        folder: where they work; their home, too.
        environ: their variables; commands may add some.
        dead_chat_url: where the Chat API refuses, for blocks noted `gone`.
        service_sid: what they type for `IS…`.
    """

    folder: Path
    environ: dict[str, str]
    dead_chat_url: str
    service_sid: str
    _known: dict[str, str] = field(init=False)
    _servers: list[subprocess.Popen[str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        scripts = str(Path(sys.executable).parent)
        self._known = dict(self.environ)
        self.environ = {
            **{name: value for name, value in self.environ.items() if "_TARGET_" not in name},
            "PATH": scripts + os.pathsep + os.environ["PATH"],
            "HOME": str(self.folder),
        }

    def follow(self, document: Path) -> None:
        """Type every command of a document, and compare what comes with what it says."""
        try:
            for typed in commands(document):
                self._follow(typed, f"{document.name}, line {typed.number}: {typed.text}")
        finally:
            for server in self._servers:
                server.kill()
                server.communicate()

    def _follow(self, typed: Typed, place: str) -> None:
        text = self._filled_in(typed.text)
        if text.startswith("export "):
            self._export(text)
        elif text.startswith("chat-migrate simulator"):
            self._serve(text)
        else:
            code, output = self.type(text, typed.note)
            assert code in typed.codes, f"{place}\nexit code {code}\n{output}"
            if typed.output:
                assert re.fullmatch(_pattern(typed.output), _timeless(output)), f"{place}\n{output}"

    def type(self, text: str, note: str = "") -> tuple[int, str]:
        """Run one command line at a terminal; return its exit code and all that it printed."""
        environ = {**self.environ, "TWILIO_CHAT_URL": self.dead_chat_url} if note == "gone" else self.environ
        terminal, stdin = pty.openpty()
        try:
            os.write(terminal, PERSON_ANSWERS)
            plain = PLAIN.fullmatch(text)
            return self._call(plain[1], environ, stdin) if plain else self._run(text, environ, stdin)
        finally:
            os.close(terminal)
            os.close(stdin)

    def _call(self, arguments: str, environ: dict[str, str], stdin: int) -> tuple[int, str]:
        """Run a plain command in this process."""
        printed = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
        with os.fdopen(stdin, encoding="utf-8", closefd=False) as answers:
            code = called(
                tuple(arguments.split()),
                self.folder,
                environ,
                (answers, printed, printed),
                SECONDS_PER_COMMAND,
            )
        return code, text_of(printed)

    def _run(self, text: str, environ: dict[str, str], stdin: int) -> tuple[int, str]:
        """Let a shell run a command line."""
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", text],
            cwd=self.folder,
            env=environ,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            timeout=SECONDS_PER_COMMAND,
            check=False,
        )
        return done.returncode, done.stdout

    def _filled_in(self, text: str) -> str:
        return text.replace("IS…", self.service_sid).replace("PLAN_ID", self._plan_id())

    def _plan_id(self) -> str:
        path = self.folder / "chat-migrate.db"
        if not path.exists():
            return ""
        database = sqlite3.connect(path)
        try:
            found = database.execute("SELECT id FROM plans ORDER BY number DESC LIMIT 1").fetchone()
        finally:
            database.close()
        return found[0] if found else ""

    def _export(self, text: str) -> None:
        for assignment in shlex.split(text)[1:]:
            name, value = assignment.split("=", 1)
            self.environ[name] = self._known[name] if ANYTHING in value else value

    def _serve(self, text: str) -> None:
        """Start a server in another terminal, and paste here what it prints."""
        server = subprocess.Popen(
            shlex.split(text),
            cwd=self.folder,
            env=self.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )
        self._servers.append(server)
        assert server.stdout is not None
        for _ in self._simulated:
            self._export(server.stdout.readline())

    @property
    def _simulated(self) -> list[str]:
        return [name for name in self._known if name.startswith("TWILIO_") and "_TARGET_" not in name]


def _pattern(lines: tuple[str, ...]) -> str:
    """Return the regular expression of what a document shows; a line `…` stands for any lines."""
    patterns = [
        "(?:.*\n)*"
        if line == ANYTHING
        else ".*".join(re.escape(part) for part in line.split(ANYTHING)) + "\n"
        for line in (_timeless(line) for line in lines)
    ]
    return "".join(patterns)


def _timeless(text: str) -> str:
    """Return the text without what differs each time: moments, and the ids of plans."""
    text = re.sub(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z| UTC)", "TIME", text)
    return re.sub(r"\b[0-9a-f]{12}\b", "PLAN", text)
