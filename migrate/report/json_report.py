"""The report for programs: JSON, `format: 1`, written service by service."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import asdict
from itertools import chain
from typing import TextIO

from mappings import Verdict
from migrate.model.rows import FieldRow
from migrate.model.state import State
from migrate.report.model import ItemsReport, Json, Report, ServiceReport, StepRow

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def render_json(report: Report, stream: TextIO) -> None:
    """Write a masked report, one service at a time and on one line; the steps of its items stream."""
    for number, (name, member) in enumerate(_head(report).items()):
        stream.write(f"{' ' if number else '{'}{_dumps(name)}: {_dumps(member)},\n")
    stream.write(' "services": [')
    separator = "\n"
    for service in report.services:
        stream.write(separator + "  ")
        _write_service(service, report.plan.target, stream)
        separator = ",\n"
    stream.write("]}\n")


def _write_service(service: ServiceReport, target: str, stream: TextIO) -> None:
    # The steps come last, so that they can be streamed: a service may have a million of them.
    stream.write(_dumps(_service(service, target))[:-1])
    separator = ""
    stream.write(', "steps": [')
    for step in chain(service.steps, service.item_steps):
        stream.write(separator + _dumps(_step(step)))
        separator = ", "
    stream.write("]}")


def _head(report: Report) -> dict[str, Json]:
    summary = report.summary
    rehearsed = {"rehearsal": asdict(report.rehearsed)} if report.rehearsed is not None else {}
    return {
        "format": 1,
        "kind": report.kind.value,
        "account_sid": report.account_sid,
        "target_account_sid": report.target_account_sid,
        "snapshot": asdict(report.snapshot),
        "plan": asdict(report.plan),
        "summary": {
            **vars(summary),
            "steps_by_state": _by_state(summary.steps_by_state),
            "verdicts": {verdict.value: summary.verdicts.get(verdict.value, 0) for verdict in Verdict},
        },
        **rehearsed,
    }


def _by_state(states: Mapping[State, int]) -> dict[str, int]:
    return {state.value: states[state] for state in State if states.get(state)}


def _service(service: ServiceReport, target: str) -> dict[str, Json]:
    members: dict[str, Json] = {
        "source_sid": service.source_sid,
        "target_sid": service.target_sid,
        "friendly_name": service.friendly_name,
        "fields": [_field(row) for row in service.fields],
    }
    if service.is_missing:
        members["missing"] = True
    if service.items:
        members["items"] = [_items(one) for one in service.items]
    if target != "same" and service.sids:
        members["sids"] = dict(service.sids)
    return members


def _field(row: FieldRow) -> dict[str, Json]:
    members = row._asdict()
    reasons, _held_to = members.pop("reasons"), members.pop("held_to")
    members |= {"reason": row.reason, "reason_ids": [reason.id for reason in reasons]}
    return members


def _items(one: ItemsReport) -> dict[str, Json]:
    members = {**one.__dict__, "steps_by_state": _by_state(one.steps_by_state)}
    if not members["skipped"]:
        del members["skipped"]
    return members


def _step(step: StepRow) -> dict[str, Json]:
    members = dict(step.__dict__)
    error, altered = members.pop("error"), members.pop("altered")
    if error is not None:
        members["error"] = error.__dict__
    if altered:
        members["altered"] = [one.__dict__ for one in altered]
    return members


def _dumps(value: Json) -> str:
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    except ValueError:
        text = json.dumps(_finite(value), ensure_ascii=False)
    # UTF-8 cannot encode a lone surrogate; JSON can still spell it.
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
