"""The JSON report keeps its contract."""

from __future__ import annotations

import io
import json

import jsonschema
import pytest
import samples

from mappings.model import Resource, Verdict
from migrate.report import FORMATS, render
from migrate.report.schema import RESOURCES, json_schema
from migrate.report.words import VERDICTS, VERDICTS_IN_JSON


def rendered(report):
    """The JSON text of a report."""
    stream = io.StringIO()
    render(report, "json", stream)
    return stream.getvalue()


@pytest.mark.parametrize("kind", ["diff", "verify", "run", "rollback"])
def test_every_report_fulfils_the_schema(kind):
    """What is rendered is what the published schema describes, hostile content and errors included."""
    jsonschema.Draft202012Validator.check_schema(json_schema())
    validator = jsonschema.Draft202012Validator(json_schema())
    for report in (
        samples.report(kind=kind, make=samples.ran),
        samples.hostile(kind),
        samples.report(0, kind),
    ):
        validator.validate(json.loads(rendered(report)))


def test_keys_stand_in_the_order_of_the_contract():
    """People read JSON too: every object has the contract's keys in the contract's order."""
    found = json.loads(rendered(samples.small()))
    head = "format kind account_sid target_account_sid snapshot plan summary services"
    service = "source_sid target_sid friendly_name fields steps"
    field = "source api value resource target before after change verdict reason"
    step = "key resource action params reversible state"
    assert list(found) == head.split()
    assert list(found["services"][0]) == service.split()
    assert list(found["services"][0]["fields"][0]) == field.split()
    assert list(found["services"][0]["steps"][0]) == step.split()
    assert list(found["summary"]["verdicts"]) == list(VERDICTS_IN_JSON)


def test_a_step_has_an_error_only_when_it_has_one():
    """`error` is absent, not null, where nothing went wrong."""
    steps = [
        step
        for service in json.loads(rendered(samples.small("run")))["services"]
        for step in service["steps"]
    ]
    assert [set(step.get("error", ())) for step in steps if step["state"] == "unknown"] == [
        {"message", "status", "code", "request_id", "advice"}
    ]
    assert all("error" not in step for step in steps if step["state"] == "verified")


def test_sids_tell_what_became_of_what_where_the_target_is_another():
    """Old SID → new SID for service and roles; absent in place, and absent while nothing is known."""
    services = json.loads(rendered(samples.elsewhere()))["services"]
    for number, service in enumerate(services):
        made = samples.moved(number)
        expected = {made.source_sid: made.target_sid, **made.role_sids} if made.target_sid else None
        assert service.get("sids", None) == expected
    assert sum("sids" in service for service in services) == 8
    assert not any("sids" in service for service in json.loads(rendered(samples.report()))["services"])
    jsonschema.Draft202012Validator(json_schema()).validate(json.loads(rendered(samples.elsewhere())))


def test_what_is_folded_for_people_stays_whole_for_programs():
    """A routing table replaces fields in reports for people only."""
    service = json.loads(rendered(samples.small()))["services"][0]
    sources = {field["source"] for field in service["fields"] if field["verdict"] == "manual"}
    assert len(sources) == 32
    assert "receivers" not in service


def test_half_a_surrogate_pair_and_nan_stay_json():
    """Twilio's JSON may hold what UTF-8 or JSON cannot: it is spelled so that both can."""
    row = samples.row("friendly_name", "\ud83d", before=float("nan"), after=[float("-inf")])
    one = samples.ServiceReport("IS1", None, "\udc00", (row,), ())
    text = rendered(samples.report(1, make=lambda _number: one))
    field = json.loads(text.encode())["services"][0]["fields"][0]
    assert (field["value"], field["before"], field["after"]) == ("\ud83d", "nan", ["-inf"])


def test_services_are_written_as_they_are_read():
    """Only one service stands in memory: the first is written before the third is read."""
    stream = io.StringIO()
    written = []

    def make(number):
        written.append(samples.sid("IS", number) in stream.getvalue())
        return samples.account(number)

    report = samples.report(3)
    render(samples.replace(report, services=samples.Services(3, make)), "json", stream)
    assert written == [False, True, True]


def test_an_empty_report_is_whole():
    """No service is no reason for broken JSON; the text ends with a newline."""
    text = rendered(samples.report(0))
    assert json.loads(text)["services"] == []
    assert text.endswith("\n")


def test_the_tables_of_words_know_every_verdict_and_resource():
    """A verdict or resource added to the model must be given words here."""
    assert [word.name for word in VERDICTS] == [verdict.value for verdict in Verdict]
    assert set(VERDICTS_IN_JSON) == {verdict.value for verdict in Verdict}
    assert set(RESOURCES) == {resource.value for resource in Resource}


@pytest.mark.parametrize("format_", FORMATS)
@pytest.mark.parametrize("kind", ["diff", "verify", "run", "rollback"])
def test_the_same_input_gives_the_same_bytes(format_, kind):
    """A report can be compared with the one of yesterday."""
    first, second = io.StringIO(), io.StringIO()
    render(samples.report(kind=kind), format_, first)
    render(samples.report(kind=kind), format_, second)
    assert first.getvalue() == second.getvalue()


@pytest.mark.parametrize(("kind", "format_"), [("diff", "yaml"), ("tale", "text"), ("tale", "json")])
def test_an_unknown_format_or_kind_is_refused_before_anything_is_written(kind, format_):
    """A mistake in the call leaves no half a report."""
    stream = io.StringIO()
    with pytest.raises(ValueError, match="unknown"):
        render(samples.report(1, kind), format_, stream)
    assert stream.getvalue() == ""
