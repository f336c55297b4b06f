"""What a fleet says of an account after something has happened beside it: never done where it is not."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest
from fleets import Fleet, Program, before, differences, many

from migrate.commands.ending import INCOMPLETE
from migrate.core.errors import BadInput
from migrate.fleet.record import FleetRecord

KILLED_AT_VERIFY = f"""
import os, sys
from migrate.cli.main import main
from migrate.commands import fleet_worker
fleet_worker.verify = lambda *_: os.kill(os.getpid(), {int(signal.SIGKILL)})
sys.argv = "chat-migrate fleet run --sub-accounts --yes --verify --at-once 1".split()
main()
"""


def verifications(fleet: Fleet) -> list[int]:
    """How often each account's targets were read again, by the databases."""
    found = []
    for sid in fleet.sub_accounts:
        with closing(sqlite3.connect(fleet.workspace / f"{sid}.db")) as db:
            found += db.execute("SELECT count(*) FROM verifications").fetchone()
    return found


def test_a_verification_that_was_asked_for_is_made_up_for(tmp_path):
    """Killed between an account's last write and its verification, the resume verifies it before it ends well."""
    with many(tmp_path, 2) as fleet:
        program = Program(tmp_path, fleet.environ)
        killed = subprocess.run(
            [sys.executable, "-c", KILLED_AT_VERIFY], timeout=60, check=False, **program.settings
        )
        assert killed.returncode == -signal.SIGKILL
        assert verifications(fleet) == [0, 0]
        assert "targets were not read again" in program("status").stdout
        assert program("resume", "--yes").returncode == 0
        assert verifications(fleet) == [1, 1]


@pytest.mark.parametrize("command", ["export", "verify", "diff", "run"])
def test_looking_by_hand_is_not_doing_what_failed(tmp_path, command):
    """A `verify` by hand does not make an account well that the fleet could not do; a resume still does it."""
    with many(tmp_path, 1) as fleet:
        assert fleet.code(fleet()) == 0
        (sid,) = fleet.sub_accounts
        account = fleet.simulator.world.accounts[sid]
        account.status = "suspended"
        accounts = tmp_path / "accounts.csv"
        accounts.write_text(f"account_sid\n{sid}\n")
        assert fleet.code(fleet(command, accounts)) == INCOMPLETE
        account.status = "active"
        own = {**fleet.environ, "TWILIO_ACCOUNT_SID": sid, "TWILIO_AUTH_TOKEN": account.auth_token}
        db = fleet.workspace / f"{sid}.db"
        assert Program(tmp_path, own).alone("--db", db, "verify").returncode == 0
        seen = len(fleet.simulator.requests)
        record = fleet.resume()
        assert fleet.code(record) == 0
        assert record.outcomes[sid].deed.value == {"run": "plan"}.get(command, command)
        assert len(fleet.simulator.requests) > seen


def test_a_run_from_before_the_fleet_tells_nothing_of_it(tmp_path):
    """A database that could not be read for a while leaves its account to do, whatever earlier runs had done."""
    with many(tmp_path, 1) as fleet:
        assert fleet.code(fleet()) == 0
        (sid,) = fleet.sub_accounts
        for service in fleet.services(sid):
            service.chat["reachability_enabled"] = not service.chat["reachability_enabled"]
            service.conversations_notifications.clear()
        held = before(fleet)
        db, away = fleet.workspace / f"{sid}.db", tmp_path / "away.db"
        db.rename(away)
        db.write_bytes(os.urandom(4096))
        assert fleet.code(fleet()) == INCOMPLETE
        away.rename(db)
        seen = len(fleet.simulator.requests)
        assert fleet.code(fleet.resume()) == 0
        assert len(fleet.simulator.requests) > seen
        assert differences(fleet, held) == []


def test_a_record_that_lacks_accounts_is_not_the_whole_fleet(tmp_path):
    """A record whose accounts were cut off, as by a full disk, is refused: the rest would end well for all."""
    with many(tmp_path, 4) as fleet:
        fleet("export")
        path = next(fleet.workspace.glob("fleet-*.jsonl"))
        assert len(FleetRecord.latest(fleet.workspace).accounts) == 4
        path.write_text("\n".join(path.read_text().split("\n")[:4])[:-5])
        with pytest.raises(BadInput, match=r"fleet-0001\.jsonl cannot be read as the record of a fleet"):
            fleet.resume()
