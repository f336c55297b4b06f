"""The JSON report keeps its contract."""

from __future__ import annotations

import io
import json

import jsonschema
import pytest
import samples

from mappings import Verdict
from migrate.report import FORMATS, render
from migrate.report.schema import history_schema, json_schema
from migrate.report.words import VERDICTS


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
        samples.report(3, kind, samples.with_channels),
        samples.report(3, kind, samples.altered),
        samples.report(3, kind, samples.missing),
        samples.report(0, kind),
    ):
        validator.validate(json.loads(rendered(report)))


def test_keys_stand_in_the_order_of_the_contract():
    """People read JSON too: every object has the contract's keys in the contract's order."""
    found = json.loads(rendered(samples.small()))
    head = "format kind account_sid target_account_sid snapshot plan summary services"
    service = "source_sid target_sid friendly_name fields steps"
    field = "source api value resource target before after change verdict item_sid step reason reason_ids"
    step = "key resource action params reversible state"
    assert list(found) == head.split()
    assert list(found["services"][0]) == service.split()
    assert list(found["services"][0]["fields"][0]) == field.split()
    assert list(found["services"][0]["steps"][0]) == step.split()
    summary = "services services_to_change services_missing changes steps steps_by_state verdicts"
    assert list(found["summary"]) == summary.split()
    verdicts = "manual dropped lossy carried converted renamed exact not_needed"
    assert list(found["summary"]["verdicts"]) == verdicts.split()


def test_a_step_has_an_error_only_when_it_has_one():
    """`error` is absent, not null, where nothing went wrong."""
    steps = [
        step
        for service in json.loads(rendered(samples.small("run")))["services"]
        for step in service["steps"]
    ]
    assert [set(step.get("error", ())) for step in steps if step["state"] == "unknown"] == [
        {"message", "status", "code", "request_id", "advice", "cause"}
    ]
    assert all("error" not in step for step in steps if step["state"] == "verified")


def test_sids_tell_what_became_of_what_where_the_target_is_another():
    """Old SID → new SID for service and roles; absent in place, and absent while nothing is known."""
    services = json.loads(rendered(samples.elsewhere()))["services"]
    for number, service in enumerate(services):
        made = samples.moved(number)
        expected = {made.source_sid: made.target_sid, **made.counterparts} if made.target_sid else None
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


def test_lone_surrogates_and_nan_stay_json():
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


def test_the_tables_of_words_know_every_verdict():
    """A verdict added to the mappings must be given words here."""
    assert list(VERDICTS) == list(Verdict)


def test_a_field_says_why_as_data():
    """Programs go by the ids of reasons, people by their text."""
    fields = json.loads(rendered(samples.small()))["services"][0]["fields"]
    (field,) = (one for one in fields if one["source"] == "webhooks.on_member_add.url")
    assert field["reason_ids"] == ["event_not_merged"]
    assert field["reason"].startswith("Conversations has one pre and one post URL")


def test_the_items_of_a_service_are_counted_and_their_steps_follow_its_own():
    """Counts by kind, then every step; a summary of steps counts them all."""
    found = json.loads(rendered(samples.report(1, "run", samples.with_channels)))
    (service,) = found["services"]
    assert service["items"] == [
        {
            "kind": "channels", "found": 50, "to_change": 40, "steps_by_state": {"failed": 1, "verified": 39},
            "reversible": False, "facts": {"members": 120},
        }
    ]  # fmt: skip
    assert [step["resource"] for step in service["steps"]] == [
        "configuration", "notifications", "webhooks", *["channels"] * 40,
    ]  # fmt: skip
    assert found["summary"]["steps_by_state"] == {"failed": 1, "verified": 42}


def test_a_missing_service_and_an_altered_value_are_named():
    """Both can be told from the report alone."""
    services = json.loads(rendered(samples.report(2, make=samples.missing)))["services"]
    assert [one.get("missing", False) for one in services] == [False, True]
    (altered,) = json.loads(rendered(samples.report(1, "run", samples.altered)))["services"]
    assert altered["steps"][0]["altered"] == [
        {"path": "new_message.template", "sent": "Hello ", "held": "Hello"}
    ]


def test_history_has_a_schema_of_its_own():
    """Snapshots, plans and runs, each with the id that other commands ask for."""
    validator = jsonschema.Draft202012Validator(history_schema())
    entry = {
        "type": "run",
        "id": 3,
        "account_sid": "AC1",
        "at": "2026-11-20T21:00:00Z",
        "counts": {},
        "state": "done",
    }
    validator.validate([entry, entry | {"type": "plan", "id": "5f2c"}])
    assert not validator.is_valid([entry | {"type": "tale"}])


@pytest.mark.parametrize("format_", FORMATS)
@pytest.mark.parametrize("kind", ["diff", "verify", "run", "rollback"])
def test_the_same_input_gives_the_same_bytes(format_, kind):
    """A report can be compared with the one of yesterday."""
    first, second = io.StringIO(), io.StringIO()
    render(samples.report(kind=kind), format_, first)
    render(samples.report(kind=kind), format_, second)
    assert first.getvalue() == second.getvalue()


def test_an_unknown_format_is_refused_before_anything_is_written():
    """A mistake in the call leaves no half a report."""
    stream = io.StringIO()
    with pytest.raises(ValueError, match="unknown"):
        render(samples.report(1), "yaml", stream)
    assert stream.getvalue() == ""
