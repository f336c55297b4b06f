"""The fleet's report: totals, causes, links, and where a fleet is while it runs."""

from __future__ import annotations

import json
import re
from pathlib import Path

import jsonschema
import pytest
from fleets import Program, many

from migrate.commands.fleet import report_of_fleet
from migrate.fleet.accounts import FleetAccount
from migrate.fleet.report import FleetReport, render_fleet
from migrate.fleet.summary import Standing, summed
from migrate.fleet.task import AccountOutcome, Deed
from migrate.report.schema import fleet_schema


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    """A finished fleet: three accounts are well, two are suspended, for one a variable is missing."""
    tmp_path = tmp_path_factory.mktemp("mixed")
    with many(tmp_path, 6) as fleet:
        first, second, third, *_ = fleet.sub_accounts
        for sid in (first, second):
            fleet.simulator.world.accounts[sid].status = "suspended"
        accounts = tmp_path / "accounts.csv"
        lines = [f"{sid},{'NOT_SET' if sid == third else ''}" for sid in fleet.sub_accounts]
        accounts.write_text("\n".join(["account_sid,auth_token_env", *lines]))
        program = Program(tmp_path, fleet.environ)
        ended = program("run", "--yes", "--accounts", "accounts.csv")
        assert ended.returncode == 4
        yield fleet, program, ended


def test_one_failure_of_many_is_named_with_its_cause(mixed):
    """Accounts with one cause stand together, with the code, what to do, and the next command."""
    fleet, _, ended = mixed
    text = " ".join(ended.stdout.split())
    first, second, third, *_ = fleet.sub_accounts
    assert "6 accounts: 3 ended well, 3 did not end well." in text
    assert f"2 accounts, exit code 5: Account {first} is suspended" in text
    assert f"In {first}, {second}." in text
    assert "1 account, exit code 2: NOT_SET" in text
    assert f"In {third}." in text
    assert text.endswith("next chat-migrate fleet resume --workspace fleet")


def test_json_fulfils_its_schema(mixed):
    """Machines get every account with its state and code, and the totals."""
    _, program, _ = mixed
    told = json.loads(program("report", "--format", "json").stdout)
    jsonschema.validate(told, fleet_schema())
    assert told["summary"]["accounts_by_code"] == {"0": 3, "2": 1, "5": 2}
    assert [account["code"] for account in told["accounts"]] == [5, 5, 2, 0, 0, 0]
    assert told["summary"]["services"] == 9
    assert told["summary"]["changes"] == sum(account["changes"] for account in told["accounts"]) > 0
    assert told["summary"]["steps_by_state"] == {"verified": told["summary"]["steps"]}


@pytest.mark.parametrize(
    ("place", "pattern"),
    [("fleet/all.html", r'href="(AC\w+\.html)"'), ("all.md", r"\]\((fleet/AC\w+\.html)\)")],
)
def test_links_lead_to_each_accounts_own_report(mixed, place, pattern):
    """Wherever the report is written, its links lead to the reports of the accounts that have one."""
    _, program, _ = mixed
    assert program("report", "-o", place).returncode == 0
    page = program.folder / place
    found = set(re.findall(pattern, page.read_text(encoding="utf-8")))
    assert len(found) == 3
    assert all((page.parent / link).is_file() for link in found)
    assert all(path.stat().st_mode & 0o077 == 0 for path in (program.folder / "fleet").iterdir())


def test_the_workspace_is_never_written_over(mixed):
    """A database or a record is refused as the place for a report."""
    fleet, program, _ = mixed
    for name in (f"{fleet.sub_accounts[3]}.db", "fleet-0001.jsonl"):
        assert program("report", "-o", f"fleet/{name}").returncode == 2


def test_without_a_fleet_there_is_nothing_to_report(tmp_path):
    """One sentence says how to begin."""
    ended = Program(tmp_path, {})("status")
    assert ended.returncode == 2
    assert "There is no fleet in fleet. Begin with `chat-migrate fleet diff`" in ended.stderr


def test_nobody_is_asked_without_a_terminal(tmp_path):
    """A fleet that writes wants --yes where nobody can be asked; nothing is sent."""
    with many(tmp_path, 1) as fleet:
        ended = Program(tmp_path, fleet.environ)("run", "--sub-accounts")
        assert ended.returncode == 2
        assert "Add --yes to agree" in ended.stderr
        assert fleet.simulator.requests == []


def test_a_summary_of_thousands_fits_on_one_screen(tmp_path):
    """Twenty causes over 5,000 accounts: the summary has 40 lines at most, and says how many are left out."""
    standings = []
    for number in range(5_000):
        sid = f"AC{number:032x}"
        cause = "ghijklmnopqrstuvwxyz"[number % 20]
        outcome = AccountOutcome(sid, Deed.APPLY, 4, f"Step {number} of {sid} failed because of {cause * 9}.")
        standings.append(Standing(FleetAccount(sid), outcome))
    report = FleetReport(
        "run", Path("fleet"), "2026-11-21T00:00:00.000Z", standings, "chat-migrate fleet resume"
    )
    assert len(summed(standings).causes) == 20
    with (tmp_path / "screen.txt").open("w+", encoding="utf-8") as stream:
        render_fleet(report, "text", stream, full=False, width=80)
        stream.seek(0)
        lines = stream.read().splitlines()
    assert len(lines) <= 40
    assert "… and 15 more causes: add --full, or -o FILE." in lines
    assert max(map(len, lines)) <= 80


def test_what_was_done_by_hand_counts(tmp_path):
    """An account that was finished with the single commands is well for the fleet too, and is not taken up again."""
    with many(tmp_path, 2) as fleet:
        sick, _ = fleet.sub_accounts
        fleet.simulator.world.accounts[sick].status = "suspended"
        accounts = tmp_path / "accounts.csv"
        accounts.write_text("\n".join(["account_sid", *fleet.sub_accounts]))
        assert fleet.code(fleet(accounts=accounts)) == 4
        account = fleet.simulator.world.accounts[sick]
        account.status = "active"
        own = {**fleet.environ, "TWILIO_ACCOUNT_SID": sick, "TWILIO_AUTH_TOKEN": account.auth_token}
        program = Program(tmp_path, own)
        done = program.alone("--db", fleet.workspace / f"{sick}.db", "run", "--yes")
        assert done.returncode == 0, done.stderr
        seen = len(fleet.simulator.requests)
        record = fleet.resume()
        assert fleet.code(record) == 0
        assert len(fleet.simulator.requests) == seen
        assert report_of_fleet(record).next_command.startswith("chat-migrate fleet verify")
