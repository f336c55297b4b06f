"""The database as people see it who open it with sqlite-utils, Datasette or plain sqlite3."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing

import pytest

from migrate.report.model import FieldRow
from migrate.store import open_store, plans, snapshots

VIEWS = {"needs_a_person", "changes", "steps", "what_happened", "sid_map", "services"}


def rows_of(report):
    """Service SID and field of every row of a JSON report that changes or needs a person."""
    return {
        (service["source_sid"], field["source"]): field
        for service in report["services"]
        for field in service["fields"]
        if field["change"] or field["verdict"] in {"manual", "dropped", "lossy"}
    }


def test_findings_are_the_noteworthy_rows_of_the_report(tool):
    """One row per field that changes or needs a person, value for value as the report has it, masked alike."""
    tool("export")
    reported = rows_of(tool("diff", "--format", "json").json)
    found = {(row["source_sid"], row["source"]): dict(row) for row in tool.rows("SELECT * FROM findings")}
    assert found.keys() == reported.keys()
    for key, row in found.items():
        told = reported[key]
        for column in ("value", "before", "after"):
            assert json.loads(row[column]) == told[column]
        for column in ("resource", "target", "verdict", "reason"):
            assert row[column] == told[column]
        assert row["change"] == told["change"]
    assert any("***" in row["after"] for row in found.values())


def test_views_follow_the_latest_plan_and_run(tool):
    """Before, after and long after a run each view says what its name promises."""
    tool("export")
    report = tool("diff", "--format", "json").json
    needs, changes = (
        {(row["source_sid"], row["field"]) for row in tool.rows(f"SELECT * FROM {view}")}  # noqa: S608 - our own names
        for view in ("needs_a_person", "changes")
    )
    reported = rows_of(report)
    assert changes == {key for key, field in reported.items() if field["change"]}
    assert needs == {
        key for key, field in reported.items() if field["verdict"] in {"manual", "dropped", "lossy"}
    }
    assert {row["state"] for row in tool.rows("SELECT state FROM steps")} == {"planned"}
    assert [row["verdict"] for row in tool.rows("SELECT verdict FROM needs_a_person LIMIT 1")] == ["manual"]
    tool("apply", "--yes")
    tool("run", "--yes")
    steps = tool.rows("SELECT key, state, friendly_name FROM steps")
    assert len(steps) == report["summary"]["steps"]
    assert {row["state"] for row in steps} == {"verified"}
    assert all(row["friendly_name"] for row in steps)
    assert tool.rows("SELECT * FROM changes") == []
    assert tool.rows("SELECT * FROM needs_a_person")


def test_what_happened_is_told_newest_first_with_names(tool):
    """Every line of the journal stands there once, with the service's name; a rollback says what it undoes."""
    tool("export")
    tool("diff")
    tool("apply", "--yes")
    tool("rollback", "--yes")
    happened = tool.rows("SELECT * FROM what_happened")
    assert [row["id"] for row in happened] == [
        row["id"] for row in tool.rows("SELECT id FROM journal ORDER BY id DESC")
    ]
    assert all(row["friendly_name"] and row["source_sid"] and row["action"] for row in happened)
    assert {row["run"] for row in happened} == {"run 1", "run 2, rollback of run 1"}
    assert "rolled_back" in {row["state"] for row in tool.rows("SELECT state FROM steps")}


def test_sid_map_and_services_agree_with_the_commands(tool):
    """The pairs are those of `sids`, and the services those of the latest snapshot, once each."""
    tool("run", "--yes", "--target", "new")
    pairs = {(row["source_sid"], row["target_sid"]) for row in tool.rows("SELECT * FROM sid_map")}
    assert pairs == {
        (pair["source_sid"], pair["target_sid"]) for pair in tool("sids", "--format", "json").json
    }
    assert pairs
    tool("export", "--api", "v2")
    services = tool.rows("SELECT * FROM services")
    assert len(services) == len({row["sid"] for row in services}) == 24
    assert {row["apis"] for row in services} == {"v2"}


def test_every_view_is_there_from_the_start(lonely_tool):
    """A database without a plan or a run has empty views, not missing ones."""
    with open_store(lonely_tool.db):
        pass
    for view in VIEWS:
        assert lonely_tool.rows(f"SELECT * FROM {view}") == []  # noqa: S608 - our own names


@pytest.fixture
def planned(tool):
    """The database after a diff."""
    tool("export")
    tool("diff")
    return tool.db


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE findings SET verdict = 'exact'",
        "DELETE FROM findings",
        "INSERT INTO findings SELECT * FROM findings LIMIT 1",
    ],
)
def test_findings_are_frozen_with_their_plan(planned, statement):
    """What was reviewed stays what was reviewed, whoever writes."""
    with (
        closing(sqlite3.connect(planned)) as connection,
        connection,
        pytest.raises(sqlite3.IntegrityError, match="immutable"),
    ):
        connection.execute(statement)


def test_findings_of_an_unfinished_plan_are_cleared_away(planned):
    """A diff that was killed leaves nothing behind when the next one begins."""
    evil = "half \ud83d of a pair"
    row = FieldRow("media.text", "v2", evil, None, None, None, [evil], True, "manual", evil)
    service = plans.PlannedService("IS1", None, "name", None, frozenset(), {}, {})
    with open_store(planned) as store:
        snapshot = snapshots.latest(store)
        options = {"target": "same", "target_account_sid": snapshot.account_sid, "offline": False}
        number = plans.begin(store, snapshot, **options)
        plans.add_service(store, number, snapshot.account_sid, service, (), [row])
        written = store.row("SELECT * FROM findings WHERE plan = :plan", {"plan": number})
        assert (json.loads(written["value"]), json.loads(written["after"])) == (evil, [evil])
        plans.begin(store, snapshot, **options)
        assert store.value("SELECT count(*) FROM findings WHERE plan = :plan", {"plan": number}) == 0
        assert store.value("SELECT count(*) FROM needs_a_person") > 0
