"""Many accounts: each ends as it should, and none stops the others."""

from __future__ import annotations

import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from fleets import LONG, Program, before, differences, many, not_recreated_once, outcome_of
from worlds import posts

from migrate.commands.apply import ApplyOptions
from migrate.commands.diff import DiffOptions
from migrate.commands.export import ExportOptions
from migrate.commands.run import RunOptions
from migrate.core.errors import BadInput, SafetyRefusal
from migrate.execute.guards import Thresholds
from migrate.execute.work import Bounds
from migrate.source.live import ExportRequest
from migrate.store import lock, open_store

ACCOUNTS = 200 if LONG else 8
LIMITED = {"latency_ms": 20, "max_concurrent": 8} if LONG else {}
PAIRS, KILLS, APART = (40, 20, 1) if LONG else (6, 4, 3)
"""Accounts that are re-created, kills, and how many writes more each further kill waits for."""


@pytest.mark.parametrize("executor", ["threads", "processes"])
def test_every_account_ends_as_chat_was(tmp_path, executor, monkeypatch):
    """After one run each account's Conversations hold what its Chat held, and a second run writes nothing."""
    with many(tmp_path, ACCOUNTS if executor == "threads" or LONG else 4, **LIMITED) as fleet:
        for name, value in fleet.environ.items():
            monkeypatch.setenv(name, value)
        fleet.executor = executor
        held = before(fleet)
        record = fleet()
        assert fleet.code(record) == 0
        assert differences(fleet, held) == []
        written = len(posts(fleet.simulator))
        assert written > 0
        assert fleet.code(fleet()) == 0
        assert len(posts(fleet.simulator)) == written
        assert [question.accounts for question in fleet.asked] == [len(fleet.sub_accounts)]


def test_step_by_step(tmp_path):
    """Export, diff, apply and verify, each for all accounts, do what a run does; a diff writes nothing."""
    with many(tmp_path, 4) as fleet:
        held = before(fleet)
        assert fleet.code(fleet("export")) == 0
        assert fleet.code(fleet("diff")) == 0
        assert fleet.code(fleet("diff", exit_code=True)) == 3
        assert posts(fleet.simulator) == []
        assert fleet.code(fleet("apply")) == 0
        assert differences(fleet, held) == []
        assert fleet.code(fleet("verify")) == 0
        assert fleet.code(fleet("apply")) == 0
        assert len(fleet.asked) == 1


def test_one_account_never_stops_the_others(tmp_path):
    """Refused, suspended, empty, unreadable: each is named with its code and the way out, and the others end well."""
    accounts = tmp_path / "accounts.csv"
    with many(tmp_path, 7) as fleet:
        refused, suspended, empty, missing, wrong, *_ = fleet.sub_accounts
        world = fleet.simulator.world
        world.accounts[suspended].status = "suspended"
        world.accounts[empty].services.clear()
        foreign = "AC" + "9" * 32
        fleet.environ |= {"REFUSED_TOKEN": "f" * 31, "OTHER_KEY": "", "OTHER_SECRET": ""}
        other = world.accounts[fleet.sub_accounts[6]]
        fleet.environ["OTHER_KEY"], fleet.environ["OTHER_SECRET"] = next(iter(other.api_keys.items()))
        lines = [
            "account_sid,auth_token_env,api_key_env,api_secret_env",
            f"{refused},REFUSED_TOKEN,,",
            f"{missing},NOT_SET,,",
            f"{wrong},,OTHER_KEY,OTHER_SECRET",
            *(f"{sid},,," for sid in (suspended, empty, foreign, *fleet.sub_accounts[5:])),
        ]
        accounts.write_text("\n".join(lines))
        held = before(fleet)
        record = fleet(accounts=accounts)
        assert fleet.code(record) == 4
        codes = {
            sid: outcome_of(record, sid).code for sid in (refused, suspended, empty, missing, wrong, foreign)
        }
        assert codes == {refused: 5, suspended: 5, empty: 0, missing: 2, wrong: 6, foreign: 5}
        assert "is suspended" in outcome_of(record, suspended).message
        assert "NOT_SET" in outcome_of(record, missing).message
        assert {outcome_of(record, sid).code for sid in fleet.sub_accounts[5:]} == {0}
        assert {request.account_sid for request in posts(fleet.simulator)} == set(fleet.sub_accounts[5:])
        assert all(line.split(" ")[0] not in fleet.sub_accounts[5:] for line in differences(fleet, held))


def test_resume_takes_up_only_what_did_not_end_well(tmp_path):
    """After the cause is gone, a resume asks for nobody but the accounts that failed, and then nothing is left."""
    with many(tmp_path, 5) as fleet:
        held = before(fleet)
        sick = fleet.sub_accounts[1]
        fleet.simulator.world.accounts[sick].status = "closed"
        accounts = tmp_path / "accounts.csv"
        accounts.write_text("\n".join(["account_sid", *fleet.sub_accounts]))
        assert fleet.code(fleet(accounts=accounts)) == 4
        fleet.simulator.world.accounts[sick].status = "active"
        seen = len(fleet.simulator.requests)
        record = fleet.resume()
        assert fleet.code(record) == 0
        asked = {
            request.account_sid
            for request in fleet.simulator.requests[seen:]
            if request.api in {"chat", "conversations"}
        }
        assert asked == {sick}
        assert differences(fleet, held) == []
        seen = len(fleet.simulator.requests)
        assert fleet.code(fleet.resume()) == 0
        assert len(fleet.simulator.requests) == seen


def test_a_throttled_account_does_not_hold_up_the_others(tmp_path):
    """Limits hold per account, and all accounts end well under them."""
    with many(tmp_path, 4, max_concurrent=1) as fleet:
        held = before(fleet)
        assert fleet.code(fleet()) == 0
        assert differences(fleet, held) == []


def test_bounds_hold_before_anything_is_sent(tmp_path):
    """More changes in all than were allowed: nothing is written; more in one account: that one is left out."""
    with many(tmp_path, 3) as fleet:
        fleet("export")
        changes = sum(outcome.changes for outcome in fleet("diff").outcomes.values())
        with pytest.raises(
            SafetyRefusal, match=f"together change {changes} fields, more than --max-changes-total 5;"
        ):
            fleet(max_changes_total=5)
        assert posts(fleet.simulator) == []
        few = RunOptions(apply=ApplyOptions(thresholds=Thresholds(changes=1)))
        record = fleet(run=few)
        assert {outcome.code for outcome in record.outcomes.values()} == {6}
        assert fleet.code(record) == 4
        assert posts(fleet.simulator) == []
        assert fleet.asked == []


def test_a_limit_leaves_the_rest_to_resume(tmp_path):
    """A bound of services per account is no failure, and a resume does the rest without a question."""
    with many(tmp_path, 3) as fleet:
        held = before(fleet)
        record = fleet(run=RunOptions(apply=ApplyOptions(bounds=Bounds(services=1))))
        assert fleet.code(record) == 0
        assert differences(fleet, held) != []
        assert fleet.code(fleet.resume()) == 0
        assert differences(fleet, held) == []
        assert len(fleet.asked) == 1


def test_new_services_need_target_accounts_of_their_own(tmp_path):
    """Two rows with one target account are refused for new services, before anything is asked for."""
    with many(tmp_path, 3) as fleet:
        first, second, third = fleet.sub_accounts
        accounts = tmp_path / "accounts.csv"
        accounts.write_text(f"account_sid,target_account_sid\n{first},{third}\n{second},{third}\n")
        with pytest.raises(BadInput, match="have the same target account"):
            fleet(accounts=accounts, target="new")
        accounts.write_text(f"account_sid,target_account_sid\n{first},{third}\n{third},\n")
        with pytest.raises(BadInput, match="have the same target account"):
            fleet(accounts=accounts, target="new")
        assert fleet.simulator.requests == []


def test_an_account_that_is_being_worked_on_is_waited_for(tmp_path):
    """A task that was given out twice waits for the lock; where it is not given back in time, it ends with 8."""
    with many(tmp_path, 1) as fleet:
        (sid,) = fleet.sub_accounts
        held = before(fleet)
        fleet("export")
        release = threading.Event()
        with open_store(fleet.workspace / f"{sid}.db") as store:
            with lock.held(store, sid, "run", fleet.stop):
                fleet.lock_wait_seconds = 0.2
                record = fleet()
                assert outcome_of(record, sid).code == 8
                assert f"--db {fleet.workspace / sid}.db unlock" in outcome_of(record, sid).message
                fleet.lock_wait_seconds = 30
                waiting = threading.Thread(target=lambda: (fleet.resume(), release.set()))
                waiting.start()
                time.sleep(1)
                assert not release.is_set()
            waiting.join(30)
        assert differences(fleet, held) == []


def test_nothing_twice_after_kills(tmp_path):
    """Accounts re-created in others, killed at many moments and resumed: every service stands there exactly once."""
    with many(tmp_path, 2 * PAIRS, services=3, latency_ms=5) as fleet:
        sources, targets = fleet.sub_accounts[:PAIRS], fleet.sub_accounts[PAIRS:]
        for sid in targets:
            fleet.simulator.world.accounts[sid].services.clear()
        held = {sid: fleet.services(sid) for sid in sources}
        pairs = dict(zip(sources, targets, strict=True))
        accounts = tmp_path / "accounts.csv"
        lines = [f"{source},{target}" for source, target in pairs.items()]
        accounts.write_text("\n".join(["account_sid,target_account_sid", *lines]))
        program = Program(tmp_path, {**fleet.environ, "CHAT_MIGRATE_SETTLE": "1"})
        begin = ("run", "--accounts", accounts, "--target", "new")
        came = 0
        for number in range(KILLS):
            command = ("resume",) if number else begin
            came += program.killed(fleet.simulator, 2 + APART * number, *command, "--yes", "--at-once", 4)
        assert came == KILLS
        fleet.settle = 1.0
        assert any(fleet.code(fleet.resume()) == 0 for _ in range(3))
        assert not_recreated_once(fleet, held, pairs) == []


def test_a_shared_workspace_uses_the_rollback_journal(tmp_path):
    """Where several hosts may open a database, it has no write-ahead log, and the end state is the same."""
    with many(tmp_path, 2) as fleet:
        held = before(fleet)
        fleet.shared = True
        assert fleet.code(fleet()) == 0
        assert differences(fleet, held) == []
        for sid in fleet.sub_accounts:
            with closing(sqlite3.connect(fleet.workspace / f"{sid}.db")) as connection:
                assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)


def test_two_fleets_in_one_workspace(tmp_path):
    """Two fleets at the same time do everything once: what one works on, the other waits for."""
    with many(tmp_path, 4, latency_ms=10) as fleet:
        held = before(fleet)
        with ThreadPoolExecutor(2) as pool:
            records = list(pool.map(lambda _each: fleet(), range(2)))
        assert differences(fleet, held) == []
        sent = [(request.path, tuple(request.form)) for request in posts(fleet.simulator)]
        assert len(sent) == len(set(sent))
        assert {fleet.code(record) for record in records} <= {0, 4}
        assert fleet.code(fleet.resume()) == 0


CHANNELS = frozenset({"channels"})


@pytest.mark.parametrize("allowed", [False, True])
def test_channels_of_all_accounts(tmp_path, allowed):
    """Public channels become private in every account, as many as the question has named; none without consent."""
    with many(tmp_path, 3, services=2, channels=5, public_share=1.0) as fleet:
        bounds = Bounds(
            consents=CHANNELS if allowed else frozenset(), limits={"channels": 4} if allowed else {}
        )
        wanted = RunOptions(
            ExportOptions(ExportRequest(inventory=CHANNELS)),
            DiffOptions(kinds={"channels": {}}),
            ApplyOptions(bounds=bounds),
        )
        record = fleet(run=wanted)
        private = {
            sid: sum(
                channel.type == "private"
                for each in fleet.services(sid)
                for channel in each.channels.values()
            )
            for sid in fleet.sub_accounts
        }
        assert set(private.values()) == {4 if allowed else 0}
        assert fleet.code(record) == 0
        (question,) = fleet.asked
        assert question.lasting == ({"channels": 12} if allowed else {})
        assert question.steps == len([r for r in posts(fleet.simulator) if not r.path.startswith("/v3/")])
