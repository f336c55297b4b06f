"""`sids`: which new SID stands for which old one, for people to rewrite their own configuration with."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace

import pytest
from driving import drive
from worlds import named

from migrate.core.errors import MigrateError

COLUMNS = [
    "kind",
    "friendly_name",
    "source_sid",
    "target_sid",
    "source_service_sid",
    "target_service_sid",
    "target_account_sid",
]


@pytest.fixture
def simulator(two):
    """The two accounts."""
    return two


def table(tool):
    """The CSV table as dictionaries."""
    result = tool("sids")
    assert result.code == 0
    return list(csv.DictReader(io.StringIO(result.out)))


def test_every_service_and_role(simulator, elsewhere, tool):
    """After a run, each service and each role of it stands there once, with both SIDs and the account."""
    elsewhere.run(target="new")
    rows = table(tool)
    target = simulator.world.accounts[list(simulator.world.accounts)[1]]
    assert list(rows[0]) == COLUMNS
    services = {row["source_sid"]: row["target_sid"] for row in rows if row["kind"] == "service"}
    assert set(services) == set(simulator.world.first.services)
    assert set(services.values()) == set(target.services)
    roles = [row for row in rows if row["kind"] == "role"]
    assert {row["target_account_sid"] for row in rows} == {target.sid}
    wanted = {sid for service in simulator.world.first.services.values() for sid in service.roles}
    inviter = named(simulator, "Saltmarsh").role_named("inviter").sid
    assert {row["source_sid"] for row in roles} == wanted - {inviter}
    assert len(roles) == len({row["target_sid"] for row in roles})
    for row in roles:
        old = simulator.world.service(row["source_service_sid"]).roles[row["source_sid"]]
        new = target.services[row["target_service_sid"]].roles[row["target_sid"]]
        assert services[row["source_service_sid"]] == row["target_service_sid"]
        assert old.friendly_name == new.friendly_name == row["friendly_name"]


def test_json_holds_the_same(elsewhere, tool):
    """`--format json` prints the same rows, as one array."""
    elsewhere.run(target="new")
    result = tool("sids", "--format", "json")
    assert result.code == 0
    rows = [{**row, "friendly_name": row["friendly_name"] or ""} for row in json.loads(result.out)]
    assert rows == table(tool)


def test_only_the_current_generation(simulator, elsewhere, tool):
    """After `--again`, the table tells of the fresh set only; another run does not change it."""
    elsewhere.run(target="new")
    old = {row["target_sid"] for row in table(tool)}
    elsewhere.run(target="new", again=True)
    fresh = table(tool)
    assert not old & {row["target_sid"] for row in fresh}
    elsewhere.run(target="new")
    assert sorted(map(str, table(tool))) == sorted(map(str, fresh))


def test_mapped_services(simulator, elsewhere, tool, tmp_path):
    """A mapped target is listed with its roles too."""
    source = named(simulator, "Saltmarsh")
    target = simulator.world.create_service(list(simulator.world.accounts.values())[1], "Mine")
    (tmp_path / "map.csv").write_text(f"source_sid,target_sid\n{source.sid},{target.sid}\n")
    elsewhere.run(target="map", target_map=tmp_path / "map.csv")
    rows = table(tool)
    assert [row["target_sid"] for row in rows if row["kind"] == "service"] == [target.sid]
    assert {row["target_sid"] for row in rows if row["kind"] == "role"} == set(target.roles)


def test_the_table_is_a_target_map(simulator, elsewhere, tool):
    """What `sids` prints is read by `--target-map` as it is: the same targets, and nothing left to change."""
    elsewhere.run(target="new")
    (tool.folder / "sids.csv").write_text(tool("sids").out, encoding="utf-8")
    target = list(simulator.world.accounts)[1]
    result = tool(
        "diff", "--target-map", "sids.csv", "--format", "json", environ=simulator.environment(target)
    )
    assert (result.code, result.json["plan"]["target"]) == (0, "map")
    assert (result.json["summary"]["services"], result.json["summary"]["steps"]) == (12, 0)


@pytest.mark.parametrize("change", [str.lower, str.upper], ids=["lower case", "upper case"])
def test_one_account_of_several(simulator, elsewhere, tool, change):
    """`--account` prints the targets in one account, however its SID is spelt."""
    elsewhere.run(target="new")
    target = list(simulator.world.accounts)[1]
    chosen = tool("sids", "--account", change(target)).out
    assert chosen == tool("sids").out
    assert len(chosen.splitlines()) == 64
    assert tool("sids", "--account", change(simulator.account_sid)).out.splitlines() == [",".join(COLUMNS)]


def test_in_place_nothing_gets_another_sid(simulator, tmp_path, tool):
    """In place there is nothing to tell: the table has its header and no row."""
    drive(tmp_path, simulator).run()
    assert tool("sids").out.strip() == ",".join(COLUMNS)
    assert json.loads(tool("sids", "--format", "json").out) == []


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_names_are_no_formulas(simulator, elsewhere, tool, name):
    """A friendly name that a spreadsheet would take for a formula is written as text; JSON holds it as it is."""
    service = named(simulator, "Kestrel")
    service.chat["friendly_name"] = name
    elsewhere.run(target="new")
    (row,) = (row for row in table(tool) if row["source_sid"] == service.sid)
    assert row["friendly_name"].startswith("'")
    rows = json.loads(tool("sids", "--format", "json").out)
    assert name in [row["friendly_name"] for row in rows]


@pytest.mark.parametrize("name", ['one, "two"; ☕', "one\ntwo"])
def test_awkward_names_stay_in_their_cell(simulator, elsewhere, tool, name):
    """Commas, quotes and line breaks in a name do not shift the columns."""
    service = named(simulator, "Kestrel")
    service.chat["friendly_name"] = name
    elsewhere.run(target="new")
    (row,) = (row for row in table(tool) if row["source_sid"] == service.sid)
    assert row["friendly_name"] == name
    assert row["target_account_sid"]


def test_secrets_in_names_are_masked(simulator, elsewhere, tool):
    """A name that is a URL with a password is shown as in every report."""
    named(simulator, "Kestrel").chat["friendly_name"] = "https://me:hunter2@example.com/?token=abc"
    elsewhere.run(target="new")
    for format_name in ("csv", "json"):
        told = tool("sids", "--format", format_name).out
        assert "https://***@example.com/?token=***" in told
        assert "hunter2" not in told


def test_a_run_that_is_cut_off_at_its_beginning_loses_none(simulator, elsewhere, tool, tmp_path, monkeypatch):
    """What the plan knew to stand for what is there after a resume too, wherever the run was cut off."""

    def cut_off(*_):
        raise MigrateError("cut off")

    elsewhere.run(target="new")
    rows = table(tool)
    file = tmp_path / "map.csv"
    file.write_text(tool("sids").out, encoding="utf-8")
    folder = tmp_path / "again"
    folder.mkdir()
    driver = drive(folder, simulator, list(simulator.world.accounts)[1])
    with monkeypatch.context() as patched:
        patched.setattr("migrate.store.runs.known_pairs", cut_off)
        with pytest.raises(MigrateError, match="cut off"):
            driver.run(target="map", target_map=file)
    driver.resume()
    again = table(replace(tool, folder=folder))
    assert {(row["source_sid"], row["target_sid"]) for row in again} == {
        (row["source_sid"], row["target_sid"]) for row in rows
    }
