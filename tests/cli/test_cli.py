"""The command line as a person meets it: help everywhere, at once, and honest."""

from __future__ import annotations

import json
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from migrate.cli.main import cli

PROMISED = [
    *("export", "diff", "apply", "resume", "run", "status", "history", "verify", "rollback", "unlock"),
    *("sids", "mappings", "schema", "simulator", "demo"),
]
HEAVY = {
    "twilio",
    "sqlite_utils",
    "sqlite3",
    "tqdm",
    "requests",
    "aiohttp",
    "tabulate",
    "tenacity",
    "asyncio",
}
REPORTING = ["diff", "apply", "resume", "run", "status", "verify", "rollback"]
SHAPING = {"--service", "--target", "--target-map", "--again", "--clear"}
READING = {"--service", "--api", "--from-file", "--partial"}
GUARDING = {"--yes", "--limit", "--allow-drift", "--max-changes", "--max-change-percent"}
LIVE = {"--account", "--settle", "--concurrency"}
OPTIONS = {
    "export": {*READING, "--account", "--concurrency"},
    "diff": {*SHAPING, *LIVE, "--snapshot", "--offline", "--exit-code", "--full"},
    "apply": {*GUARDING, *LIVE, "--plan", "--service", "--full"},
    "resume": {*LIVE, "--yes", "--limit", "--allow-drift", "--full"},
    "run": {*READING, *SHAPING, *GUARDING, *LIVE, "--verify", "--full"},
    "status": {"--account", "--full"},
    "history": {"--account", "--format"},
    "verify": {*LIVE, "--plan", "--full"},
    "rollback": {*LIVE, "--run", "--dry-run", "--delete-created", "--yes", "--full"},
    "sids": {"--account", "--format"},
    "mappings": {"--format"},
}
"""The least that each command takes, which people's scripts depend on."""


def invoke(*arguments):
    """Run the command line in this process."""
    return CliRunner().invoke(cli, arguments)


def test_every_promised_command_is_there():
    """No command of the contract is missing."""
    assert set(PROMISED) <= set(cli.commands)


@pytest.mark.parametrize("name", OPTIONS)
def test_every_promised_option_is_there(name):
    """No option of the contract is missing from the command that it belongs to."""
    found = {spelling for option in cli.commands[name].params for spelling in option.opts}
    assert found >= OPTIONS[name]


@pytest.mark.parametrize("flag", ["-h", "--help"])
@pytest.mark.parametrize("name", [None, *cli.commands])
def test_help_everywhere(name, flag):
    """`-h` and `--help` explain every command, with an example line that starts with its own name."""
    result = invoke(*([name] if name else []), flag)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.startswith("Usage: ")
    assert f"\n  chat-migrate {name or 'export'}" in result.stdout


@pytest.mark.parametrize("name", cli.commands)
def test_every_visible_option_is_explained(name):
    """Each option has a help text or speaks by its choices, and each command a first sentence."""
    command = cli.commands[name]
    assert command.get_short_help_str()
    assert (command.help or "").split("\n")[0].endswith(".")
    for option in command.params:
        if isinstance(option, click.Option) and not option.hidden:
            assert (option.help or "").endswith((".", "]")), option.name


@pytest.mark.parametrize("name", cli.commands)
def test_the_examples_are_accepted(name):
    """Each example line of a command's help is one that its parser takes."""
    lines = [line.strip() for line in (cli.commands[name].help or "").splitlines()]
    examples = [line for line in lines if line.startswith(f"chat-migrate {name}")]
    assert examples
    for example in examples:
        arguments = example.split("|")[0].split(">")[0].split()[2:]
        cli.commands[name].make_context(name, arguments, parent=click.Context(cli, obj={}))


def test_the_group_lists_every_command():
    """The first help that a person sees names all commands and the global options."""
    shown = invoke("--help").stdout
    for word in (*cli.commands, "--db", "--verbose", "--quiet", "--version", "CHAT_MIGRATE_DB"):
        assert word in shown


def test_the_version_is_told():
    """`--version` prints the name and a version number."""
    result = invoke("--version")
    assert result.exit_code == 0
    assert any(part[0].isdigit() for part in result.stdout.split())


@pytest.mark.parametrize("name", REPORTING)
def test_reports_have_the_same_options_everywhere(name):
    """Whatever prints a report prints it in all four formats, to stdout or a file."""
    options = {option.name: option for option in cli.commands[name].params}
    assert [*options["format"].type.choices] == ["text", "markdown", "json", "html"]
    assert options["output"].opts == ["-o", "--output"]


WRONG = [
    ["fly"],
    ["export", "--fly"],
    ["export", "--api", "v3"],
    ["export", "--concurrency", "0"],
    ["export", "--concurrency", "many"],
    ["diff", "--format", "pdf"],
    ["diff", "--target", "moon"],
    ["apply", "--limit", "0"],
    ["apply", "--max-change-percent", "101"],
    ["diff", "--settle", "-1"],
    ["verify", "--settle", "soon"],
    ["simulator", "--port", "70000"],
    ["simulator", "--fault-rate", "2"],
]


@pytest.mark.parametrize("arguments", WRONG, ids=" ".join)
def test_wrong_usage_is_told(arguments):
    """A word that the parser does not take exits with 2 and names it."""
    result = invoke(*arguments)
    assert result.exit_code == 2
    assert arguments[-1] in result.stderr
    assert "Try 'cli" in result.stderr


LOOK = """
import json, sys
from migrate.cli.main import cli
for arguments in json.loads(sys.argv[1]):
    cli.main(arguments, standalone_mode=False)
loaded = {name.split(".")[0] for name in sys.modules}
print("LOADED", json.dumps(sorted(loaded)))
"""


def test_help_loads_nothing_heavy():
    """No help needs Twilio's library, the database or a template engine: it answers at once."""
    asked = [["--help"], *([name, "--help"] for name in cli.commands)]
    ended = subprocess.run(
        [sys.executable, "-c", LOOK, json.dumps(asked)], capture_output=True, text=True, check=True
    )
    loaded = set(json.loads(ended.stdout.split("LOADED ")[1]))
    assert {"click", "migrate"} <= loaded
    assert not loaded & HEAVY


def test_results_go_to_stdout_and_notices_to_stderr(tool):
    """What a program reads is on stdout alone, so that a pipe can parse it."""
    assert tool.process("export").err == ""
    report = tool.process("-v", "diff", "--format", "json")
    assert report.json["format"] == 1


@pytest.mark.parametrize(
    ("arguments", "environ"),
    [
        (["--db", "other.db", "export"], {}),
        (["export", "--db", "other.db"], {}),
        (["export"], {"CHAT_MIGRATE_DB": "other.db"}),
    ],
)
def test_the_database_is_where_one_says(tool, arguments, environ):
    """`--db` and its variable put the database elsewhere; the default place stays empty."""
    assert tool(*arguments, environ=environ).code == 0
    assert [found.name for found in tool.folder.iterdir()] == ["other.db"]


def test_a_terminal_that_cannot_show_a_name_ends_no_command(tool):
    """On a terminal that knows ASCII only, every command still says what it has to say."""
    ascii_only = {"PYTHONIOENCODING": "ascii", "LC_ALL": "C"}
    for command in (("run", "--yes", "--target", "new"), ("status",), ("sids",), ("diff",)):
        assert tool.process(*command, environ=ascii_only).code == 0, command


@pytest.mark.parametrize("spelt", [str.lower, str.upper], ids=["lower case", "upper case"])
def test_a_sid_is_taken_in_any_case(tool, simulator, spelt):
    """`--service` and `--account` take a SID as it was pasted."""
    sid = min(simulator.world.first.services)
    account = spelt(simulator.account_sid)
    assert tool("export", "--service", spelt(sid)).code == 0
    report = tool("diff", "--service", spelt(sid), "--account", account, "--format", "json").json
    assert [service["source_sid"] for service in report["services"]] == [sid]
    assert f"account    {simulator.account_sid}" in tool("status", "--account", account).out
