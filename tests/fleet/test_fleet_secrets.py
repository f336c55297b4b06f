"""No token leaves the process that uses it."""

from __future__ import annotations

import io
import pickle
import subprocess
import sys
import time

from fleets import Program, many

import migrate.commands.fleet as commands
from migrate.commands.fleet import report_of_fleet
from migrate.commands.fleet_worker import work
from migrate.fleet.record import FleetRecord
from migrate.fleet.report import render_fleet
from migrate.report import FORMATS


def secrets_of(fleet):
    """All tokens and keys of the simulated accounts."""
    for account in fleet.simulator.world.accounts.values():
        yield account.auth_token.encode()
        yield from (secret.encode() for secret in account.api_keys.values())


def arguments_of(pid):
    """The command lines of a process and of its children, as the system shows them."""
    found = subprocess.run(["ps", "-o", "args", "--ppid", str(pid)], capture_output=True, check=False).stdout
    return (
        found + subprocess.run(["ps", "-o", "args", "-p", str(pid)], capture_output=True, check=False).stdout
    )


def test_no_token_is_written_printed_or_passed(tmp_path):
    """After a whole fleet with failures, no file, output, argument or task holds any token or key."""
    with many(tmp_path, 4, latency_ms=20) as fleet:
        sick = fleet.sub_accounts[0]
        fleet.simulator.world.accounts[sick].status = "suspended"
        accounts = tmp_path / "accounts.csv"
        accounts.write_text("\n".join(["account_sid", *fleet.sub_accounts]))
        program = Program(tmp_path, fleet.environ)
        seen = b""
        command = [
            sys.executable,
            "-m",
            "migrate",
            "-v",
            "fleet",
            "run",
            "--yes",
            "--accounts",
            str(accounts),
        ]
        with subprocess.Popen([*command, "--executor", "processes"], **program.settings) as process:
            while process.poll() is None:
                seen += arguments_of(process.pid)
                time.sleep(0.1)
            seen += b"".join(text.encode() for text in process.communicate())
        assert process.returncode == 4
        report = report_of_fleet(FleetRecord.latest(fleet.workspace))
        for format_ in FORMATS:
            render_fleet(report, format_, stream := io.StringIO(), full=True, width=80)
            seen += stream.getvalue().encode()
        seen += program("status").stdout.encode()
        files = [path for path in tmp_path.rglob("*") if path.is_file()]
        assert len(files) > 8
        seen += b"".join(path.read_bytes() for path in files)
        assert b"migrate" in seen
        assert [secret for secret in secrets_of(fleet) if secret in seen] == []


def test_what_workers_get_and_give_holds_no_token(tmp_path, monkeypatch):
    """Tasks and outcomes, pickled as they travel, hold neither tokens nor keys."""
    travelled = []

    def as_it_travels(task, environ):
        travelled.append(pickle.dumps(task))
        outcome = work(pickle.loads(travelled[-1]), environ)  # noqa: S301 - our own
        travelled.append(pickle.dumps(outcome))
        return pickle.loads(travelled[-1])  # noqa: S301 - our own

    monkeypatch.setattr(commands, "work", as_it_travels)
    with many(tmp_path, 3) as fleet:
        fleet.simulator.world.accounts[fleet.sub_accounts[0]].auth_token = "e" * 32
        assert fleet.code(fleet()) == 0
        assert len(travelled) == 12
        assert [secret for secret in secrets_of(fleet) for text in travelled if secret in text] == []
