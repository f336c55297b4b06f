"""The JSON Schemas of what is printed as JSON, `format: 1`: of a report, of the history, and of a fleet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import is_dataclass
from enum import Enum
from typing import Any, get_args, get_origin, get_type_hints

from mappings import Api, Resource, Verdict
from migrate.model.item import Examined
from migrate.model.rows import FieldRow
from migrate.model.state import State
from migrate.model.step import Action
from migrate.report import model
from migrate.report.model import DELETE, LEAVE, Json
from migrate.report.words import SOURCES, TARGETS


def json_schema() -> dict[str, Json]:
    """Return the schema, JSON Schema draft 2020-12, that every rendered JSON report fulfils."""
    report = _object(
        format={"const": 1},
        kind=_values(model.ReportKind),
        account_sid=_SID,
        target_account_sid=_SID,
        snapshot=_like(model.SnapshotInfo, source={"enum": list(SOURCES)}, examined=_EXAMINED),
        plan=_like(model.PlanInfo, target={"enum": list(TARGETS)}),
        summary=_SUMMARY,
        services=_array(_SERVICE),
        rehearsal=_REHEARSAL,
    )
    return {**_title("report"), **report}


def history_schema() -> dict[str, Json]:
    """Return the schema of `history --format json`: an array of snapshots, plans and runs."""
    return {**_title("history"), "type": "array", "items": _HISTORY_ENTRY}


def fleet_schema() -> dict[str, Json]:
    """Return the schema of `fleet report --format json`, and of what the other `fleet` commands print with it."""
    return {
        **_title("fleet report"),
        **_object(
            format={"const": 1},
            kind={"const": "fleet"},
            command={"enum": ["export", "diff", "apply", "run", "verify"]},
            begun_at=_TEXT,
            summary=_FLEET_SUMMARY,
            causes=_array(_object(code=_COUNT, text=_TEXT, accounts=_array(_SID))),
            accounts=_array(_FLEET_ACCOUNT),
        ),
    }


def _title(name: str) -> dict[str, Json]:
    draft = "https://json-schema.org/draft/2020-12/schema"
    return {"$schema": draft, "title": f"chat-migrate {name}, format 1"}


def _values(enum: type[Enum], *more: str) -> dict[str, Json]:
    return {"enum": [*(member.value for member in enum), *more]}


def _object(**properties: Json) -> dict[str, Json]:
    return {
        "type": "object",
        "properties": properties,
        "required": [name for name in properties if name not in _MAY_BE_ABSENT],
        "additionalProperties": False,
    }


def _array(items: dict[str, Json]) -> dict[str, Json]:
    return {"type": "array", "items": items}


def _by_name(items: dict[str, Json], **more: Json) -> dict[str, Json]:
    return {"type": "object", **more, "additionalProperties": items}


def _nullable(schema: dict[str, Json]) -> dict[str, Json]:
    return {"anyOf": [schema, {"type": "null"}]}


def _like(shape: Any, **otherwise: Json) -> dict[str, Json]:
    """Return the schema of a class's fields by their types, but for those that `otherwise` has; None: not at all."""
    hints = get_type_hints(shape)
    told = {name: _of_type(hint) for name, hint in hints.items() if name not in otherwise}
    told |= {name: _SID for name in told if name.endswith("_sid")}
    in_order = {name: (told | otherwise)[name] for name in hints | otherwise}
    return _object(**{name: schema for name, schema in in_order.items() if schema is not None})


def _of_type(hint: Any) -> dict[str, Json]:
    if hint in _PLAIN or is_dataclass(hint):
        return _PLAIN.get(hint) or _like(hint)
    inner = get_args(hint)
    if get_origin(hint) is tuple:
        return _array(_of_type(inner[0]))
    if get_origin(hint) is Mapping:
        return _BY_STATE if inner[0] is State else _by_name(_of_type(inner[1]))
    return _nullable(_of_type(inner[0])) if inner else _values(hint)


_MAY_BE_ABSENT = frozenset({"rehearsal", "missing", "items", "sids", "error", "altered", "skipped"})
"""Members that stand only where there is something to say."""
_TEXT = {"type": "string"}
_SID = {"type": "string", "description": "A Twilio SID."}
_COUNT = {"type": "integer", "minimum": 0}
_ANY = {"description": "Any JSON value, secrets masked."}
_PLAIN: dict[Any, dict[str, Json]] = {
    str: _TEXT,
    bool: {"type": "boolean"},
    int: _COUNT,
    float: {"type": "number", "minimum": 0},
    Any: _ANY,
}
_BY_STATE = _by_name(_COUNT, propertyNames=_values(State))
_RESOURCE = {
    "type": "string",
    "description": "The name of a kind.",
    "examples": [resource.value for resource in Resource],
}
_WRITES = {**_COUNT, "description": "Requests that write."}
_VERDICTS = _object(**{verdict.value: _COUNT for verdict in Verdict})

_EXAMINED = _like(
    Examined,
    inventory=_array({**_TEXT, "description": "The name of a kind whose items were all read."}),
    warnings=_array({**_TEXT, "description": "A sentence on what was not examined."}),
)

_CHANGES = {**_COUNT, "description": "Fields whose `change` is true."}
_SUMMARY = _like(model.Summary, changes=_CHANGES, steps=_WRITES, verdicts=_VERDICTS)

_FIELD = _like(
    FieldRow,
    source={**_TEXT, "description": "Dotted path in the Chat Service resource."},
    api=_values(Api),
    resource=_nullable(_RESOURCE),
    change={"type": "boolean", "description": "Whether a write is needed; in `verify`, whether it differs."},
    item_sid={**_nullable(_SID), "description": "The role that the field belongs to."},
    step={**_nullable(_TEXT), "description": "The key of the step that writes it."},
    reasons=None,
    held_to=None,
    reason=_TEXT,
    reason_ids=_array(_TEXT),
)

_ANY_NUMBER = _nullable({"type": "integer"})
_STEP = _like(
    model.StepRow,
    resource=_RESOURCE,
    action=_values(Action, DELETE, LEAVE),
    params={"type": "object"},
    error=_like(model.StepError, status=_ANY_NUMBER, code=_ANY_NUMBER),
)

_ITEMS = _like(model.ItemsReport, skipped=_by_name(_COUNT, description="Why steps were skipped."))

_SERVICE = _object(
    source_sid=_SID,
    target_sid=_nullable(_SID),
    friendly_name=_TEXT,
    fields=_array(_FIELD),
    steps=_array(_STEP),
    missing={"const": True, "description": "Conversations does not have the target."},
    items=_array(_ITEMS),
    sids=_by_name(
        _SID,
        description="Chat SID of the service and its roles → Conversations SID. Absent where the target is the "
        "same Service, or nothing is known.",
    ),
)

_REHEARSAL = _like(
    model.Rehearsed,
    held={"type": "boolean", "description": "Whether the plan would end well."},
    differences=_array(_like(model.Difference, resource=_RESOURCE)),
    options=_by_name(_nullable({"type": "number"})),
)

_HISTORY_ENTRY = _object(
    type={"enum": ["snapshot", "plan", "run"]},
    id={"type": ["integer", "string"], "description": "What other commands ask for."},
    account_sid=_SID,
    at=_TEXT,
    counts=_by_name(_COUNT),
    state=_TEXT,
)

_FLEET_COUNTS = {
    "services": _COUNT,
    "services_to_change": _COUNT,
    "changes": {**_COUNT, "description": "Fields that change."},
    "steps": _WRITES,
    "steps_by_state": _BY_STATE,
}

_FLEET_SUMMARY = _object(
    accounts=_COUNT,
    accounts_by_code=_by_name(_COUNT),
    under_way=_COUNT,
    planned={**_COUNT, "description": "Accounts that are planned, and not written yet."},
    not_begun=_COUNT,
    **_FLEET_COUNTS,
    verdicts=_VERDICTS,
)

_FLEET_ACCOUNT = _object(
    account_sid=_SID,
    target_account_sid=_SID,
    state={"enum": ["ended", "under way", "planned", "not begun"]},
    code={**_nullable(_COUNT), "description": "The exit code that the command would have had for it alone."},
    message={**_TEXT, "description": "What went wrong, and what to do."},
    notes=_array(_TEXT),
    **_FLEET_COUNTS,
    left={**_COUNT, "description": "Steps that are not settled."},
    report={**_nullable(_TEXT), "description": "Where the account's own report is, beside this one."},
)
