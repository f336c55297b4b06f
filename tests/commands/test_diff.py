"""`diff`: what it says, what it stores, and that it never writes to Twilio."""

from __future__ import annotations

import asyncio
import json
import stat
from contextlib import closing

import pytest
from driving import about, drive
from worlds import named, posts

from migrate.api.gateway import Reader, Remover, Writer
from migrate.api.messages import Surface
from migrate.commands.diff import DiffOptions
from migrate.core.errors import SafetyRefusal
from migrate.simulator import Simulator
from migrate.store.drafts import Draft

REPORT = {
    "format", "kind", "account_sid", "target_account_sid", "snapshot", "plan", "summary", "services",
}  # fmt: skip
SUMMARY = {
    "services", "services_to_change", "services_missing", "changes", "steps", "steps_by_state", "verdicts",
}  # fmt: skip
FIELD = {
    "source", "api", "value", "resource", "target", "before", "after", "change", "verdict", "reason",
}  # fmt: skip


@pytest.fixture
def driver(simulator, tmp_path):
    """A driver whose database holds a snapshot."""
    made = drive(tmp_path, simulator)
    made.export()
    return made


def leaves(value, path=""):
    """The dotted paths of a resource's leaves; a list, and an empty object, is one."""
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from leaves(inner, f"{path}.{key}" if path else key)
    else:
        yield path


# -- it reads, and nothing else -----------------------------------------------------------------------------


def test_a_diff_never_writes(simulator, tool):
    """The command sends nothing but GET, whatever it finds."""
    drive(tool.folder, simulator).export()
    assert tool("diff", "--exit-code").code == 3
    assert {request.method for request in simulator.requests} == {"GET"}


@pytest.mark.parametrize(
    "options", [{"target": "new"}, {"target": "new", "again": True}, {"target": "map"}], ids=str
)
def test_a_diff_of_other_targets_never_writes(simulator, driver, tmp_path, options):
    """Nor does it for new or mapped targets."""
    if options["target"] == "map":
        sids = list(simulator.world.first.services)
        (tmp_path / "map.csv").write_text(f"source_sid,target_sid\n{sids[0]},{sids[1]}\n")
        options = {**options, "target_map": tmp_path / "map.csv"}
    assert driver.diff(**options).summary.steps > 0
    assert {request.method for request in simulator.requests} == {"GET"}


def test_the_reader_has_no_way_to_write(simulator, tmp_path):
    """The client that a diff is given has no way to send, and its transport refuses every method but GET."""
    reader = drive(tmp_path, simulator).context.target_reader()
    assert isinstance(reader, Reader)
    assert not isinstance(reader, Writer | Remover)
    assert not hasattr(reader, "send")
    assert not hasattr(reader, "delete")
    form = {"FriendlyName": "x"}
    with pytest.raises(SafetyRefusal, match="may only read"):
        asyncio.run(reader._respond("POST", Surface.CONVERSATIONS, "/v1/Services", data=form))
    assert simulator.requests == []


def test_offline_sends_nothing(simulator, tool):
    """`--offline` needs a snapshot and no Twilio at all, not even credentials."""
    drive(tool.folder, simulator).export()
    sent = len(simulator.requests)
    nobody = dict.fromkeys(simulator.environment(), "")
    result = tool("diff", "--offline", "--format", "json", environ=nobody)
    assert (result.code, len(simulator.requests)) == (0, sent)
    assert all(row["before"] in (None, []) for row in settings_of(result.json))


def settings_of(report):
    """The rows on settings that a step would set."""
    return [row for service in report["services"] for row in service["fields"] if row["change"]]


def test_the_next_command_fits_what_was_found(simulator, tool):
    """A plan made offline can't be applied, and what Conversations lacks is never "as it should be"."""
    tool("run", "--yes")
    assert "\nNext: chat-migrate diff\n" in tool("diff", "--offline").out
    simulator.world.delete_service(named(simulator, "Kestrel").sid)
    missing = tool("diff")
    assert "1 of 12 services was not found" in missing.out
    assert "\nNext: nothing: there is nothing to apply\n" in missing.out


def test_an_offline_plan_cannot_be_applied(simulator, tool):
    """A plan that was made without a look at the targets is refused."""
    drive(tool.folder, simulator).export()
    tool("diff", "--offline")
    result = tool("apply", "--yes")
    assert result.code == 6
    assert "offline" in result.err
    assert posts(simulator) == []


# -- what it says -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", ["same", "new"])
def test_the_json_report_has_the_keys_of_the_contract(simulator, tool, target):
    """The JSON report has exactly the documented keys, at every level."""
    drive(tool.folder, simulator).export()
    report = tool("diff", "--format", "json", "--target", target).json
    assert set(report) == REPORT
    assert (report["format"], report["kind"], report["plan"]["target"]) == (1, "diff", target)
    assert report["account_sid"] == report["target_account_sid"] == simulator.account_sid
    assert set(report["snapshot"]) == {"id", "source", "taken_at", "services", "examined"}
    assert report["snapshot"]["examined"]["apis"] == ["v1", "v2"]
    assert set(report["plan"]) == {"id", "target"}
    assert len(report["plan"]["id"]) == 64
    summary = report["summary"]
    assert set(summary) == SUMMARY
    assert summary["steps_by_state"] == {"planned": summary["steps"]}
    for service in report["services"]:
        assert {"source_sid", "target_sid", "friendly_name", "fields", "steps"} <= set(service)
        assert all(
            FIELD <= set(row) <= FIELD | {"item_sid", "step", "reason_ids"} for row in service["fields"]
        )
        for step in service["steps"]:
            assert set(step) == {"key", "resource", "action", "params", "reversible", "state"}
            assert step["params"]


def test_the_summary_counts_what_the_report_lists(simulator, tool):
    """Services, steps and verdicts of the summary are those that follow."""
    drive(tool.folder, simulator).export()
    report = tool("diff", "--format", "json").json
    summary, services = report["summary"], report["services"]
    rows = [row["verdict"] for service in services for row in service["fields"]]
    assert summary["services"] == len(services) == report["snapshot"]["services"] == 12
    assert summary["services_to_change"] == sum(bool(service["steps"]) for service in services) > 0
    assert summary["steps"] == sum(len(service["steps"]) for service in services)
    assert summary["verdicts"] == {name: rows.count(name) for name in summary["verdicts"]}
    assert sum(summary["verdicts"].values()) == len(rows)


@pytest.mark.parametrize("target", ["same", "new"])
def test_every_leaf_appears_exactly_once(simulator, tool, target):
    """Each leaf of the v1 and the v2 resource, and each role, has exactly one row; rows are sorted."""
    drive(tool.folder, simulator).export()
    report = tool("diff", "--format", "json", "--target", target).json
    payloads = tool.rows("SELECT sid, payload FROM items WHERE parent IS NULL")
    for service in report["services"]:
        views = [json.loads(row["payload"]) for row in payloads if row["sid"] == service["source_sid"]]
        roles = simulator.world.service(service["source_sid"]).roles.values()
        expected = {path for view in views for path in leaves(view)}
        both = [path for path in expected if any(other.startswith(path + ".") for other in expected)]
        expected = (expected - set(both)) | {f"roles.{role.friendly_name}.permissions" for role in roles}
        sources = [row["source"] for row in service["fields"]]
        assert len(views) == 2
        assert sources == sorted(set(sources))
        assert set(sources) == expected


def test_a_row_tells_what_the_write_will_do(simulator, driver):
    """`before` is what the target holds, `after` what it will hold, and `change` says whether they differ."""
    service = named(simulator, "Alder")
    rows = {row.source: row for row in about(driver.diff(), service.sid).fields}
    row = rows["webhook_method"]
    assert (row.value, row.before, row.after, row.change) == ("POST", "GET", "POST", True)
    row = rows["notifications.added_to_channel.template"]
    assert (row.before, row.change) == (row.after, False)
    assert row.after == "You have been added to ${CONVERSATION} by ${PARTICIPANT}"


def test_exit_code_tells_of_pending_changes(simulator, tool):
    """`--exit-code` gives 3 while changes are pending and 0 when there are none; without it, always 0."""
    drive(tool.folder, simulator).export()
    assert (tool("diff").code, tool("diff", "--exit-code").code) == (0, 3)
    assert tool("apply", "--yes").code == 0
    assert tool("diff", "--exit-code").code == 0


def test_a_first_webhook_replaces_the_accounts(simulator, driver):
    """A service that gets webhooks of its own no longer follows the account's; the report says so."""
    service = named(simulator, "Brightwater")
    rows = {row.source: row for row in about(driver.diff(), service.sid).fields}
    assert "account-level webhook is not called" in rows["post_webhook_url"].reason
    drifted = about(driver.diff(), named(simulator, "Alder").sid)
    assert not any("account-level webhook is not called" in row.reason for row in drifted.fields)


# -- the plan -----------------------------------------------------------------------------------------------


def test_the_same_input_gives_the_same_bytes(simulator, tool):
    """Two diffs of one snapshot and one state print the same bytes and make the same plan."""
    drive(tool.folder, simulator).export()
    # Each process has an order of sets of its own.
    first, second = (tool.process("diff", "--format", "json") for _ in range(2))
    assert first.out == second.out
    assert [row["id"] for row in tool.rows("SELECT id FROM plans")] == [first.json["plan"]["id"]] * 2


def test_the_plan_id_does_not_depend_on_the_database(simulator, driver, tmp_path):
    """The same settings, exported again into another database, give the same plan."""
    (tmp_path / "other").mkdir()
    other = drive(tmp_path / "other", simulator)
    other.export()
    assert other.diff().plan.id == driver.diff().plan.id


def test_the_plan_id_changes_with_the_target(simulator, driver):
    """Another value in the target is another plan, even where no step is about it."""
    before = driver.diff().plan.id
    named(simulator, "Lindqvist").conversations_notifications["new_message"]["with_media"]["enabled"] = True
    assert driver.diff().plan.id != before


def test_the_plan_id_changes_with_the_snapshot_and_the_mode(simulator, driver):
    """Other Chat settings, or another kind of target, are another plan."""
    ids = {driver.diff().plan.id, driver.diff(target="new").plan.id, driver.diff(offline=True).plan.id}
    named(simulator, "Lindqvist").chat["typing_indicator_timeout"] = 9
    driver.export()
    assert len({*ids, driver.diff().plan.id}) == 4


def test_a_finished_plan_cannot_be_changed(simulator, tool):
    """The database itself refuses to change the steps of a plan."""
    import sqlite3

    drive(tool.folder, simulator).export()
    drive(tool.folder, simulator).diff()
    with (
        closing(sqlite3.connect(tool.db)) as connection,
        connection,
        pytest.raises(sqlite3.IntegrityError, match="immutable"),
    ):
        connection.execute("UPDATE plan_steps SET after = '{}'")
    connection.close()


# -- where it goes ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["text", "markdown", "json", "html"])
def test_a_file_is_private(simulator, tool, form):
    """`-o FILE` leaves a file that only its owner can read, and nothing on stdout."""
    drive(tool.folder, simulator).export()
    result = tool("diff", "--format", form, "-o", "report")
    assert (result.code, result.out) == (0, "")
    report = tool.folder / "report"
    assert stat.S_IMODE(report.stat().st_mode) == 0o600
    assert report.stat().st_size > 1000
    assert {path.name for path in tool.folder.iterdir()} <= {"report", "chat-migrate.db", *wal(tool)}


def wal(tool):
    """The files that SQLite keeps beside the database."""
    return {tool.db.name + suffix for suffix in ("-wal", "-shm")}


def test_a_file_is_replaced_whole_or_not_at_all(simulator, tool):
    """A diff that fails leaves an earlier report as it was, and no half of a new one."""
    drive(tool.folder, simulator).export()
    tool("diff", "-o", "report")
    before = (tool.folder / "report").read_bytes()
    names = set(tool.folder.iterdir())
    assert tool("diff", "-o", "report", environ={"TWILIO_AUTH_TOKEN": "wrong"}).code == 5
    assert (tool.folder / "report").read_bytes() == before
    assert {path.name for path in tool.folder.iterdir()} == {path.name for path in names}


def test_a_file_that_cannot_be_written_is_refused_first(simulator, tool):
    """A report that would have nowhere to go is refused before anything is read."""
    drive(tool.folder, simulator).export()
    sent = len(simulator.requests)
    result = tool("diff", "-o", "no/such/folder")
    assert (result.code, len(simulator.requests)) == (2, sent)
    assert "no/such/folder" in result.err


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"again": True}, "--again goes with --target new"),
        ({"target": "map"}, "--target-map FILE"),
    ],
    ids=str,
)
def test_options_that_contradict_each_other(tool, options, says):
    """An option that would be ignored is refused instead."""
    from migrate.core.errors import BadInput

    with pytest.raises(BadInput, match=says):
        DiffOptions(**options).lines()


def test_a_diff_without_a_snapshot(tool):
    """Without a database, and without a snapshot, the message says what to do first."""
    result = tool("diff")
    assert result.code == 2
    assert "chat-migrate export" in result.err
    assert not tool.db.exists()


def test_the_latest_snapshot_is_compared(tmp_path):
    """A newer export is what the next diff looks at."""
    with Simulator(services=2) as simulator:
        driver = drive(tmp_path, simulator)
        driver.export()
        assert driver.diff().snapshot.id == 1
        driver.export()
        assert driver.diff().snapshot.id == 2


@pytest.mark.parametrize(("services", "steps"), [(1, 1000), (1000, 1)])
def test_a_plan_is_stored_while_it_is_made(driver, monkeypatch, services, steps):
    """However many services and steps there are, no more of them wait in memory than are committed at once."""
    waiting = []

    def commit(draft):
        waiting.append((len(draft._waiting["plan_services"]), len(draft._waiting["plan_steps"])))
        committed(draft)

    committed = Draft.commit
    monkeypatch.setattr(Draft, "commit", commit)
    monkeypatch.setattr("migrate.store.drafts.SERVICES", services)
    monkeypatch.setattr("migrate.store.drafts.STEPS", steps)
    report = driver.diff()
    assert (report.summary.services, report.summary.steps) == (12, 15)
    most_services, most_steps = (max(numbers) for numbers in zip(*waiting, strict=True))
    assert most_services <= services
    assert most_steps <= steps
