"""A mapping that changes after a plan was made: what was reviewed stays what is told, done, compared and undone."""

from __future__ import annotations

import io
from copy import deepcopy
from dataclasses import replace

import pytest
from driving import code_of
from worlds import differences_in_place, lost, posts

from mappings import Verdict, translate
from migrate.commands.status import report_of_run
from migrate.core.errors import SafetyRefusal
from migrate.report import render
from migrate.report.view import View
from migrate.store import open_store, runs

VERDICTS = {
    "exact": 125,
    "renamed": 113,
    "converted": 55,
    "carried": 3,
    "not_needed": 234,
    "lossy": 25,
    "dropped": 27,
    "manual": 33,
}
"""Of the fields of the seeded account."""


def change_the_mappings(monkeypatch):
    """Let every field be dropped and nothing be set from now on, as another version of the mappings."""

    def translate_otherwise(service, **options):
        found = translate(service, **options)
        outcomes = tuple(
            outcome._replace(resource=None, target=None, verdict=Verdict.DROPPED)
            for outcome in found.outcomes
        )
        return replace(found, outcomes=outcomes, settings={}, roles=())

    monkeypatch.setattr("migrate.plan.planner.translate", translate_otherwise)
    for module in ("migrate.execute.guards", "migrate.store.drafts"):
        monkeypatch.setattr(f"{module}.MAPPING_VERSION", "another")


def rows(report):
    """What a report says of each field, apart from what the target holds by now."""
    return {
        service.source_sid: [
            (row.source, row.value, row.resource, row.target, row.after, row.verdict, row.reason, row.step)
            for row in service.fields
        ]
        for service in report.services
    }


def counted(report):
    """The verdicts of a report's rows."""
    return {verdict.value: count for verdict, count in ((v, _count(report, v)) for v in Verdict) if count}


def _count(report, verdict):
    return sum(row.verdict is verdict for service in report.services for row in service.fields)


def printed(driver):
    """The report on the newest run in every format."""
    with open_store(driver.db) as store:
        run = runs.find_latest(store, next(iter(driver.rows("SELECT account_sid FROM runs")))["account_sid"])
        found = {}
        for form in ("text", "markdown", "json", "html"):
            stream = io.StringIO()
            render(report_of_run(store, run), form, stream, View(full=True, width=100))
            found[form] = stream.getvalue()
        return found


def test_the_change_is_one(driver, monkeypatch):
    """The changed mappings of these tests make another plan: all that follows would show it."""
    first = driver.diff().plan.id
    change_the_mappings(monkeypatch)
    other = driver.diff()
    assert other.plan.id != first
    assert (other.summary.steps, other.summary.changes, counted(other)) == (0, 0, {"dropped": 615})


def test_a_run_that_was_begun_ends_as_it_was_reviewed(simulator, driver, monkeypatch):
    """Resume and verify go by the stored rows: all is as planned, and the counts are those that were reviewed."""
    before = deepcopy(simulator.world.first)
    reviewed = rows(driver.diff())
    driver.apply(services=3)
    change_the_mappings(monkeypatch)
    report = driver.resume()
    assert code_of(report) == 0
    assert (report.summary.changes, report.summary.steps) == (58, 15)
    assert counted(report) == VERDICTS
    assert rows(report) == reviewed
    after = simulator.world.first.services
    assert not [sid for sid, each in before.services.items() if differences_in_place(each, after[sid])]
    verified = driver.verify()
    assert (verified.summary.changes, counted(verified)) == (0, VERDICTS)
    assert rows(verified) == reviewed


def test_every_report_says_the_same_as_before(driver, monkeypatch):
    """The report on a run is, byte for byte and in every format, that of before the change."""
    driver.apply(services=3)
    told, status = printed(driver), driver.status()
    change_the_mappings(monkeypatch)
    assert printed(driver) == told
    assert driver.status() == status
    assert (status.steps, sum(status.states.values())) == (15, 15)


def test_a_rollback_restores_what_was_written(simulator, driver, monkeypatch):
    """A rollback goes by the stored steps and rows."""
    before = deepcopy(simulator.world.first)
    driver.apply()
    announced = rows(driver.preview())
    change_the_mappings(monkeypatch)
    assert rows(driver.preview()) == announced
    report = driver.rollback()
    assert code_of(report) == 0
    assert rows(report) == announced
    assert sum(map(len, announced.values())) == 47
    assert lost(before, simulator.world.first) == {}


def test_a_plan_that_was_not_begun_is_refused(simulator, driver, monkeypatch):
    """Apply of a plan that another version of the mappings made is refused with exit code 6; nothing is sent."""
    change_the_mappings(monkeypatch)
    with pytest.raises(SafetyRefusal, match="another version of the mappings") as refused:
        driver.apply()
    assert refused.value.exit_code == 6
    assert posts(simulator) == []
