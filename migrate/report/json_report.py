"""The report for programs: JSON, `format: 1`, written service by service."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import asdict
from typing import TextIO

from migrate.report.model import FieldRow, Json, Report, ServiceReport, StepRow
from migrate.report.words import STATES, VERDICTS_IN_JSON

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def render_json(report: Report, stream: TextIO) -> None:
    """Writes a masked report; one service stands in memory, and on one line, at a time."""
    for number, (name, member) in enumerate(_head(report).items()):
        stream.write(f"{' ' if number else '{'}{_dumps(name)}: {_dumps(member)},\n")
    stream.write(' "services": [')
    separator = "\n"
    for service in report.services:
        stream.write(f"{separator}  {_dumps(_service(service, report.plan.target))}")
        separator = ",\n"
    stream.write("]}\n")


def _head(report: Report) -> dict[str, Json]:
    summary = report.summary
    return {
        "format": 1,
        "kind": report.kind,
        "account_sid": report.account_sid,
        "target_account_sid": report.target_account_sid,
        "snapshot": asdict(report.snapshot),
        "plan": asdict(report.plan),
        "summary": {
            "services": summary.services,
            "services_to_change": summary.services_to_change,
            "steps": summary.steps,
            "steps_by_state": {
                state: summary.steps_by_state[state] for state in STATES if summary.steps_by_state.get(state)
            },
            "verdicts": {name: summary.verdicts.get(name, 0) for name in VERDICTS_IN_JSON},
        },
    }


def _service(service: ServiceReport, target: str) -> dict[str, Json]:
    members: dict[str, Json] = {
        "source_sid": service.source_sid,
        "target_sid": service.target_sid,
        "friendly_name": service.friendly_name,
        "fields": [_field(row) for row in service.fields],
        "steps": [_step(step) for step in service.steps],
    }
    if target != "same" and service.sids:
        members["sids"] = dict(service.sids)
    return members


def _field(row: FieldRow) -> dict[str, Json]:
    # A frozen dataclass without slots keeps its fields in __dict__ in the order of declaration,
    # which is the order of the contract; asdict would copy every value, 80 times per service.
    return row.__dict__


def _step(step: StepRow) -> dict[str, Json]:
    members = dict(step.__dict__)
    error = members.pop("error")
    if error is not None:
        members["error"] = error.__dict__
    return members


def _dumps(value: Json) -> str:
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    except ValueError:
        text = json.dumps(_finite(value), ensure_ascii=False)
    # UTF-8 cannot encode half a surrogate pair; JSON can still spell it.
    return _LONE_SURROGATE.sub(lambda found: f"\\u{ord(found.group()):04x}", text)


def _finite(value: Json) -> Json:
    """Spells NaN and the infinities, which Python reads from JSON but JSON does not have, as strings."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, Mapping):
        return {name: _finite(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return value
