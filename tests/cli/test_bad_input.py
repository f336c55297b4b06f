"""Bad input, through the real program: one sentence that names it, the right code, nothing half-written."""

from __future__ import annotations

import json
import sqlite3

import pytest
from calling import Tool
from variables import CLEAN

from migrate.simulator import Simulator

ACCOUNT, OTHER_ACCOUNT = "AC" + "a" * 32, "AC" + "b" * 32


def sid(prefix, number):
    """The SID of that number."""
    return f"{prefix}{number:032x}"


def service(number=1, **changes):
    """A Service resource as Chat v2 shows it; a change to None removes a key."""
    document = {
        "sid": sid("IS", number),
        "account_sid": ACCOUNT,
        "friendly_name": f"Service {number}",
        "date_created": "2020-01-01T00:00:00Z",
        "url": f"https://chat.twilio.com/v2/Services/{sid('IS', number)}",
        **changes,
    }
    return {key: value for key, value in document.items() if value is not None}


def write(path, content):
    """Write bytes and text as they are, anything else as JSON."""
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")


V2 = service()
NAMED = json.dumps(V2)


def dump(path):
    """All that a database holds, as SQL."""
    connection = sqlite3.connect(path)
    try:
        return list(connection.iterdump())
    finally:
        connection.close()


def is_one_sentence(result, *names):
    """Whether stderr is one clear line that holds these names, and stdout is empty."""
    [line] = result.err.splitlines()
    assert line.startswith("Error: ")
    assert "Traceback" not in line
    assert "Unexpected" not in line
    assert all(name in line for name in names), line
    return result.out == ""


FILES = {
    "not JSON": ("{'a'", "saved.json, line 1 is not JSON"),
    "no service": ({"a": 1}, "saved.json, line 1", "'sid' is missing"),
    "second line": (NAMED + "\n[}", "saved.json, line 2 is not JSON"),
    "empty": ("", "saved.json is empty"),
    "binary": (b"\x89PNG\r\n\x1a\n\0\0\xff", "saved.json is not UTF-8 text"),
    "malformed SID": ([V2, service(sid="IS12")], "saved.json, item 2", '"IS12"'),
    "two accounts": ([V2, service(2, account_sid=OTHER_ACCOUNT)], ACCOUNT, OTHER_ACCOUNT, "item 2"),
    "no account": (service(account_sid=None), "saved.json", "Set TWILIO_ACCOUNT_SID"),
    "a saved error": (
        {"code": 20003, "message": "Authenticate", "status": 401},
        "saved instead of data",
        "20003",
    ),
    "a page without its next one": (
        {"meta": {"key": "services", "next_page_url": "https://x/?Page=1"}, "services": [V2]},
        "--partial",
    ),
}


@pytest.mark.parametrize("content", FILES.values(), ids=FILES)
def test_a_bad_file_is_named_and_nothing_is_made(lonely_tool, content):
    """`--from-file` with a file that cannot be used exits with 2, names file and place, and makes no database."""
    document, *names = content
    write(lonely_tool.folder / "saved.json", document)
    result = lonely_tool("export", "--from-file", "saved.json")
    assert result.code == 2
    assert is_one_sentence(result, *names)
    assert [found.name for found in lonely_tool.folder.iterdir()] == ["saved.json"]


@pytest.mark.parametrize(
    ("name", "reason"),
    [("missing.json", "No such file"), (".", "Is a directory"), ("b\udcff", "No such file")],
)
def test_a_file_that_cannot_be_read_is_named(lonely_tool, name, reason):
    """A missing file and a directory exit with 2 and the system's reason, even where the name is no text."""
    result = lonely_tool("export", "--from-file", name)
    assert result.code == 2
    assert is_one_sentence(result, "cannot be read", reason)
    assert not lonely_tool.db.exists()


def test_a_file_whose_name_is_no_text_can_be_read(lonely_tool):
    """A file name in another encoding than ours is no reason to fail."""
    write(lonely_tool.folder / "saved-\udcff.json", V2)
    result = lonely_tool.process("export", "--from-file", "saved-\udcff.json")
    assert result.code == 0
    assert lonely_tool.rows("SELECT origin FROM items")[0][0].startswith("saved-\\xff.json")


@pytest.mark.parametrize(
    "arguments",
    [["export", "--from-file", "bad.json"], ["run", "--yes", "--from-file", "bad.json"], ["export"]],
)
def test_an_existing_database_is_left_as_it_was(lonely_tool, arguments):
    """Bad input changes nothing in a database that was there before."""
    write(lonely_tool.folder / "good.json", V2)
    write(lonely_tool.folder / "bad.json", NAMED + "\n{")
    assert lonely_tool("export", "--from-file", "good.json").code == 0
    before = dump(lonely_tool.db)
    result = lonely_tool(*arguments)
    assert result.code == 2
    assert is_one_sentence(result)
    assert dump(lonely_tool.db) == before


ARGUMENTS = {
    "malformed SID": (["export", "--service", "IS123"], {}, ["--service IS123"]),
    "channel for service": (["export", "--service", sid("CH", 1)], {}, [f"--service {sid('CH', 1)}"]),
    "malformed SID for run": (["run", "--yes", "--service", "x"], {}, ["--service x"]),
    "unknown service": (["export", "--service", sid("IS", 1)], {}, ["No such Chat Service", sid("IS", 1)]),
    "no credentials": (
        ["export"],
        {"TWILIO_ACCOUNT_SID": "", "TWILIO_AUTH_TOKEN": ""},
        ["TWILIO_ACCOUNT_SID"],
    ),
    "no token": (["export"], {"TWILIO_AUTH_TOKEN": ""}, ["TWILIO_AUTH_TOKEN"]),
    "malformed account": (["export"], {"TWILIO_ACCOUNT_SID": "AC123"}, ["TWILIO_ACCOUNT_SID"]),
    "token that cannot be": (["export"], {"TWILIO_AUTH_TOKEN": "ключ"}, ["TWILIO_AUTH_TOKEN"]),
    "plain http": (["export"], {"TWILIO_CHAT_URL": "http://example.com"}, ["TWILIO_CHAT_URL", "plain http"]),
    "no URL": (["export"], {"TWILIO_CONVERSATIONS_URL": "x"}, ["TWILIO_CONVERSATIONS_URL"]),
    "no seconds": (["export"], {"CHAT_MIGRATE_TIMEOUT": "soon"}, ["CHAT_MIGRATE_TIMEOUT", "'soon'"]),
    "no consent": (["run"], {}, ["--yes"]),
    "no consent to apply": (["apply"], {}, ["--yes"]),
    "no database": (["diff"], {}, ["no database", "chat-migrate.db"]),
    "no database for status": (["status"], {}, ["no database", "chat-migrate.db"]),
    "database below a file": (["--db", "/dev/null/x.db", "export"], {}, ["/dev/null/x.db"]),
    "database is a folder": (["--db", ".", "export"], {}, ["Is a directory"]),
    "impossible output": (["diff", "-o", "missing/x.html"], {}, ["missing/x.html"]),
    "output below a file": (["diff", "-o", "/dev/null/x.html"], {}, ["/dev/null/x.html"]),
    "output is a folder": (["diff", "-o", "."], {}, ["cannot be written"]),
    "output with an impossible name": (["diff", "-o", "x" * 300], {}, ["cannot be written"]),
}


@pytest.mark.parametrize(("arguments", "environ", "names"), ARGUMENTS.values(), ids=ARGUMENTS)
def test_a_bad_argument_or_variable_is_named(tool, simulator, arguments, environ, names):
    """What cannot work exits with 2, names option, variable or path, writes to nobody and leaves no file."""
    result = tool(*arguments, environ=environ)
    assert result.code == 2
    assert is_one_sentence(result, *names)
    assert list(tool.folder.iterdir()) == []
    assert simulator.auth_token not in result.err
    assert {request.method for request in simulator.requests} <= {"GET"}


def test_the_account_of_nameless_files_must_be_one(lonely_tool):
    """A malformed account in the environment does not become the owner of saved services."""
    write(lonely_tool.folder / "saved.json", service(account_sid=None))
    result = lonely_tool("export", "--from-file", "saved.json", environ={"TWILIO_ACCOUNT_SID": "AC12"})
    assert result.code == 2
    assert is_one_sentence(result, "TWILIO_ACCOUNT_SID")
    assert not lonely_tool.db.exists()


DATABASES = {
    "another program": lambda path: (
        sqlite3.connect(path).execute("CREATE TABLE recipes (name)").connection.close()
    ),
    "text": lambda path: path.write_text("Dear diary\n"),
}


@pytest.mark.parametrize("make", DATABASES.values(), ids=DATABASES)
@pytest.mark.parametrize("arguments", [["export"], ["diff"], ["status"], ["run", "--yes"]])
def test_a_database_that_is_not_ours_is_left_alone(tool, simulator, make, arguments):
    """Every command refuses a file of somebody else's, byte for byte unchanged, before it asks Twilio anything."""
    make(tool.db)
    before = tool.db.read_bytes()
    result = tool(*arguments)
    assert result.code == 2
    assert is_one_sentence(result, "chat-migrate.db", "--db")
    assert tool.db.read_bytes() == before
    assert simulator.requests == []


SECRET = "a-secret-that-nobody-may-ever-see"


@pytest.mark.parametrize("by_key", [False, True])
@pytest.mark.parametrize("good", [False, True])
def test_secrets_appear_nowhere(tool, simulator, by_key, good):
    """Neither stdout, stderr, nor a byte of the database holds a secret, in success or failure, loud or not."""
    [(key, secret)] = simulator.world.first.api_keys.items()
    secret = (secret if by_key else simulator.auth_token) if good else SECRET
    environ = {"TWILIO_AUTH_TOKEN": secret}
    if by_key:
        environ = {"TWILIO_AUTH_TOKEN": "", "TWILIO_API_KEY": key, "TWILIO_API_SECRET": secret}
    result = tool.process("-v", "export", environ=environ)
    assert result.code == (0 if good else 5)
    found = [result.out.encode(), result.err.encode(), *(path.read_bytes() for path in tool.folder.iterdir())]
    assert secret.encode() not in b"".join(found)
    assert tool.db.exists() is good


def test_credentials_of_another_account_are_refused(tool, simulator):
    """A snapshot of one account is not compared in place with another one, and each is named."""
    assert tool("export").code == 0
    with Simulator(seed=99) as other:
        elsewhere = tool("diff", "--account", simulator.account_sid, environ=other.environment())
        unknown = tool("diff", environ=other.environment())
    assert elsewhere.code == 6
    assert is_one_sentence(elsewhere, simulator.account_sid, other.account_sid)
    assert unknown.code == 2
    assert is_one_sentence(unknown, f"no snapshot of {other.account_sid}", "chat-migrate export")


def test_no_traceback_even_for_a_bug(monkeypatch, capsys):
    """What nobody foresaw is one line and exit code 1; the traceback comes with --verbose only."""
    from migrate.cli import main as cli

    def bug(**_options):
        raise RuntimeError("made up")

    monkeypatch.setattr(cli.cli, "main", bug)
    monkeypatch.setattr("sys.argv", ["chat-migrate", "export"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    err = capsys.readouterr().err
    assert ended.value.code == 1
    assert err.startswith("Unexpected failure: RuntimeError: made up.")
    assert err.count("\n") == 1
    monkeypatch.setattr("sys.argv", ["chat-migrate", "-v", "export"])
    with pytest.raises(RuntimeError):
        cli.main()


@pytest.mark.parametrize("command", [("resume",), ("status",), ("verify",), ("diff",), ("rollback", "--yes")])
@pytest.mark.parametrize("account", [ACCOUNT.lower(), f" {ACCOUNT}", "x"])
def test_a_malformed_account_is_not_taken_for_one_with_nothing_to_do(lonely_tool, command, account):
    """TWILIO_ACCOUNT_SID in lower case, with a blank or cut off exits with 2; so does --account, but in any case."""
    write(lonely_tool.folder / "saved.json", V2)
    assert lonely_tool("export", "--from-file", "saved.json").code == 0
    result = lonely_tool(*command, environ={"TWILIO_ACCOUNT_SID": account})
    assert result.code == 2
    assert is_one_sentence(result, "TWILIO_ACCOUNT_SID is not an account SID")
    if account != ACCOUNT.lower():
        result = lonely_tool(*command, "--account", account)
        assert result.code == 2
        assert is_one_sentence(result, f"--account {account}: not a SID; AC and 32")


@pytest.mark.parametrize("command", [("apply", "--yes"), ("verify",)])
def test_an_empty_plan_is_not_the_newest_one(planned, simulator, command):
    """`--plan ""`, as from a variable that is not set, exits with 2, and nothing is sent."""
    tool = Tool(planned.db.parent, {**CLEAN, **simulator.environment()})
    result = tool(*command, "--plan", "")
    assert result.code == 2
    assert is_one_sentence(result, "There is no plan ''")
    assert not [request for request in simulator.requests if request.method != "GET"]


@pytest.mark.parametrize(
    "typed",
    [
        ("apply", "--yes", "--max-change-percent", "nan"),
        ("run", "--yes", "--max-change-percent", "nan"),
        ("diff", "--settle", "nan"),
        ("verify", "--settle", "nan"),
    ],
)
def test_a_bound_that_is_no_number_is_refused(planned, simulator, typed):
    """`nan` is neither above nor below anything: as a guard it would let everything pass."""
    tool = Tool(planned.db.parent, {**CLEAN, **simulator.environment()})
    result = tool(*typed)
    assert result.code == 2
    assert "'nan' is not a number" in result.err
    assert not simulator.requests[:]


@pytest.mark.parametrize(
    "typed",
    [
        ("diff", "--snapshot", "9" * 20),
        ("rollback", "--yes", "--run", "9" * 20),
        ("apply", "--yes", "--max-changes", "9" * 20),
    ],
)
def test_a_number_that_no_database_holds_is_refused(planned, simulator, typed):
    """A number of twenty digits is told as such, not as a failure of the tool."""
    result = Tool(planned.db.parent, {**CLEAN, **simulator.environment()})(*typed)
    assert result.code == 2
    assert f"'{typed[-1]}' is too large a number" in result.err
