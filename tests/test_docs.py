"""What README and runbooks say is what the program does."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest
from documents import DOCUMENTS, README, ROOT, RUNBOOKS, Person, blocks, commands, table, words

from mappings import FIELDS, Verdict
from mappings.permissions import RENAMED
from mappings.webhooks.filters import CHAT, phase_of
from mappings.webhooks.receivers import PARAMETERS
from migrate.cli.main import cli
from migrate.core import config
from migrate.core.errors import MigrateError
from migrate.model.state import State
from migrate.report import advice
from migrate.simulator import Simulator

SELF_EXPLAINING = {"format", "port"}
"""Options whose names and choices say everything."""

TOLD_BY_RESULT = {0, 3, 4}
"""Exit codes that are results, not errors: done, differences, incomplete."""

BEFORE = {
    "looking-at-the-database.md": (),
    "resuming.md": ("export", "diff -o dry-run.txt", "apply --yes --limit 3 -o applied.txt"),
    "rolling-back.md": ("run --yes -o applied.txt",),
}
"""What has happened, for `chat-migrate`, before a reader opens a document."""


def name_of(document: Path) -> str:
    """The name of a document, for the names of tests."""
    return document.name


# -- commands ---------------------------------------------------------------------------------------------------


@pytest.fixture
def person(lonely_tool):
    """A reader at a terminal, with a simulated account, another one to move to, and a Chat API that is gone."""
    with (
        Simulator(services=12, seed=7, accounts=2) as twilio,
        Simulator(world=twilio.world, chat_status=410) as without_chat,
    ):
        other = next(sid for sid in twilio.world.accounts if sid != twilio.account_sid)
        service_sid = min(twilio.world.first.services)
        environ = {**lonely_tool.environ, **twilio.environment(target=other)}
        yield Person(lonely_tool.folder, environ, without_chat.chat_url, service_sid)


@pytest.mark.parametrize("document", [each for each in DOCUMENTS if any(commands(each))], ids=name_of)
def test_every_command_line_works(person, document):
    """Typed in order, each command ends and prints as the document says."""
    if "curl" in document.read_text(encoding="utf-8") and not shutil.which("curl"):
        pytest.skip("curl is not installed")
    for command in BEFORE.get(document.name, ()):
        code, output = person.type(f"chat-migrate {command}")
        assert code == 0, output
    person.follow(document)


def test_every_block_is_of_a_known_kind():
    """Commands stand in blocks that tests run; the README's two commands for a new machine are run by `.ci/run`."""
    kinds = {block.language for document in DOCUMENTS for block in blocks(document)}
    assert kinds == {"console", "sh", "bash", "text", "csv"}
    set_up = [
        line
        for document in DOCUMENTS
        for block in blocks(document)
        if block.language == "bash"
        for line in block.lines
    ]
    assert [line.rsplit("/", 1)[1] for line in set_up] == ["chat-migrate demo", "pytest"]
    assert all(re.match(r"python3 -m venv \.venv && ", line) for line in set_up)


def test_completion_completes(person):
    """After the runbook's lines, bash completes a command that was begun."""
    person.follow(RUNBOOKS / "shell-completion.md")
    begun = "COMP_WORDS=(chat-migrate di); COMP_CWORD=1"
    code, output = person.type(
        f". ~/.bashrc; {begun}; _chat_migrate_completion chat-migrate; echo ${{COMPREPLY[@]}}"
    )
    assert (code, output.strip()) == (0, "diff")


# -- the command line -------------------------------------------------------------------------------------------


def test_the_table_of_commands_is_complete():
    """The README lists every command, and no other."""
    assert {words(row[0])[0] for row in table(README, "command")} == set(cli.commands)


@pytest.mark.parametrize("command", cli.commands.values(), ids=lambda command: command.name)
def test_every_command_explains_itself(command):
    """Help says what a command does, gives an example, and says what its options are for."""
    assert f"chat-migrate {command.name}" in (command.help or "")
    assert all(
        option.help
        for option in command.params
        if isinstance(option, click.Option) and option.name not in SELF_EXPLAINING
    )


def all_errors(kind=MigrateError):
    """All classes of errors that a person may see."""
    yield kind
    for derived in kind.__subclasses__():
        yield from all_errors(derived)


@pytest.mark.parametrize("document", [README, RUNBOOKS / "troubleshooting.md"], ids=name_of)
def test_the_table_of_exit_codes_is_complete(document):
    """Both tables list the codes of all errors, and those that are results."""
    listed = [int(code) for code, *_ in table(document, "code") if len(code) <= 3]
    assert listed == sorted({error.exit_code for error in all_errors()} | TOLD_BY_RESULT)


class Watched(dict):
    """An environment that remembers which variables were asked for."""

    def __init__(self, **values):
        super().__init__(values)
        self.asked = set()

    def get(self, name, default=None):
        """Remember the name, and answer."""
        self.asked.add(name)
        return super().get(name, default)


def names_in_code():
    """The variables whose whole name stands in the code."""
    for path in (ROOT / "migrate").rglob("*.py"):
        if "simulator" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                arguments = [
                    *node.args,
                    *(keyword.value for keyword in node.keywords if keyword.arg == "envvar"),
                ]
                texts = [
                    each.value
                    for each in arguments
                    if isinstance(each, ast.Constant) and isinstance(each.value, str)
                ]
                yield from (
                    text
                    for text in texts
                    if re.fullmatch(r"(TWILIO|CHAT_MIGRATE)_[A-Z_]*[A-Z]|NO_COLOR|TERM", text)
                )


def test_the_table_of_variables_is_complete():
    """The README lists exactly the variables that the code reads."""
    sid = "AC" + "0" * 32
    source = Watched(TWILIO_ACCOUNT_SID=sid, TWILIO_AUTH_TOKEN="t")
    target = Watched(TWILIO_TARGET_ACCOUNT_SID=sid, TWILIO_TARGET_AUTH_TOKEN="t")
    config.source_credentials(source)
    config.target_credentials(target)
    config.endpoints(source)
    config.settle_seconds(source)
    documented = {name for row in table(README, "variable") for name in words(row[0])}
    assert documented == source.asked | target.asked | set(names_in_code())


# -- facts ------------------------------------------------------------------------------------------------------


def test_the_readme_counts_the_fields_right():
    """How many fields there are, and how many have a place, is what `chat-migrate mappings` shows."""
    placed = sum(field.target is not None for field in FIELDS)
    text = " ".join(README.read_text(encoding="utf-8").split())
    assert f"shows {len(FIELDS)} fields" in text
    assert f"For {placed} of them Conversations has a place; for {len(FIELDS) - placed} it has none" in text


def test_the_readme_explains_every_verdict():
    """The verdicts stand in the order of the reports."""
    assert [words(row[0])[0] for row in table(README, "verdict")] == [verdict.value for verdict in Verdict]


@pytest.mark.parametrize(
    ("heading", "length", "said"),
    [("code", 5, advice.BY_CODE), ("status", 3, advice.BY_STATUS), ("state", None, advice.BY_STATE)],
    ids=["code", "status", "state"],
)
def test_troubleshooting_says_what_the_program_says(heading, length, said):
    """The tables of advice are those of the program."""
    rows = table(RUNBOOKS / "troubleshooting.md", heading)
    told = {row[0].strip("`"): row[1] for row in rows if length is None or len(row[0]) == length}
    assert told == {str(key): text for key, text in said.items()}


def test_resuming_explains_every_state():
    """Every state of a step that `status` may show is in the table."""
    rows = table(RUNBOOKS / "resuming.md", "state")
    assert {words(row[0])[0] for row in rows} == {state.value for state in State}


def test_the_handlers_runbook_lists_every_event():
    """Each Chat event stands with its phase and its Conversations name."""
    rows = table(RUNBOOKS / "changing-webhook-handlers.md", "phase")
    told = {words(chat)[0]: (phase, words(conversations)[0]) for phase, chat, conversations in rows}
    phases = {name: phase_of(name) for name in CHAT}
    assert told == {name: (phase.value, CHAT[name]) for name, phase in phases.items() if phase}


def test_the_handlers_runbook_lists_every_parameter():
    """Each parameter that changes its name is in the table."""
    rows = table(RUNBOOKS / "changing-webhook-handlers.md", "in Chat")
    told = {name for row in rows for name in words(row[0])}
    known = {
        name
        for change in PARAMETERS
        for name in re.findall(r"\b[A-Z]\w*Sid|\b[A-Z]\w+Type|From|Media\w+", change.chat)
    }
    assert known <= told


def test_the_app_teams_runbook_lists_every_permission_that_is_renamed():
    """Chat's names and Conversations' names stand side by side."""
    rows = table(RUNBOOKS / "mobile-and-web-teams.md", "Chat")
    told = {words(row[0])[0]: words(row[1])[0] for row in rows if words(row[0])}
    assert told == {**RENAMED, "ChatClient": "ConversationsClient"}


@pytest.mark.parametrize("kind", ["table", "view"])
def test_the_database_runbook_lists_every_table(tool, kind):
    """Tables and views are those of a new database."""
    assert tool("export").code == 0
    found = tool.rows(
        "SELECT name FROM sqlite_master WHERE type = ? AND name NOT LIKE 'sqlite@_%' ESCAPE '@'", kind
    )
    told = [words(row[0])[0] for row in table(RUNBOOKS / "looking-at-the-database.md", kind)]
    assert sorted(told) == sorted(row["name"] for row in found)


# -- the files themselves ---------------------------------------------------------------------------------------


def anchors(document):
    """The anchors of a document's headings, as code hosts make them."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", [*DOCUMENTS, ROOT / "CHANGELOG.md"], ids=name_of)
def test_links_lead_somewhere(document):
    """Links between documents name a file, and a heading in it, that exist."""
    for link in re.findall(r"\]\(([^)]+)\)", document.read_text(encoding="utf-8")):
        if not link.startswith("https://"):
            path, _, anchor = link.partition("#")
            target = document.parent / path if path else document
            assert target.exists(), link
            assert not anchor or anchor in anchors(target), link


def test_the_readme_leads_to_every_runbook():
    """No runbook is left for chance to find."""
    linked = set(re.findall(r"\]\(runbooks/([^)#]+)\)", README.read_text(encoding="utf-8")))
    assert linked == {path.name for path in RUNBOOKS.iterdir()}


@pytest.mark.parametrize(
    "path",
    [
        *DOCUMENTS,
        ROOT / "CHANGELOG.md",
        ROOT / "pyproject.toml",
        ROOT / "requirements.lock",
        *(ROOT / ".ci").iterdir(),
    ],
    ids=name_of,
)
def test_no_file_knows_the_machine_it_was_written_on(path):
    """No absolute path of somebody's computer, and no address of a package index."""
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"(?<![\w.~}])/(home|root|work|tmp|Users|opt|mnt)/|file://|--index-url|@ file", text)


def test_every_dependency_has_a_lower_bound_that_is_tried():
    """`.ci/run` installs an exact, lowest version of each dependency."""
    printed = subprocess.run(
        [sys.executable, ROOT / ".ci" / "floors.py"], capture_output=True, encoding="utf-8", check=True
    ).stdout.split()
    declared = re.search(
        r"^dependencies = \[(.*?)^\]", (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.M | re.S
    )
    assert declared is not None
    assert printed == [bound.replace(">=", "==") for bound in re.findall(r'"(.+)"', declared[1])]
