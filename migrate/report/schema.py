"""The JSON Schema of the JSON report, `format: 1`."""

from __future__ import annotations

from enum import Enum

from mappings import Api, Resource, Verdict
from migrate.model.state import State
from migrate.model.step import Action
from migrate.report.model import DELETE, LEAVE, Json, ReportKind
from migrate.report.words import SOURCES, TARGETS


def json_schema() -> dict[str, Json]:
    """Return the schema, JSON Schema draft 2020-12, that every rendered JSON report fulfils."""
    return {
        **_title("report"),
        **_with_optional(_object(
            format={"const": 1},
            kind=_values(ReportKind),
            account_sid=_SID,
            target_account_sid=_SID,
            snapshot=_object(
                id=_COUNT, source={"enum": list(SOURCES)}, taken_at=_TEXT, services=_COUNT, examined=_EXAMINED
            ),
            plan=_object(id=_TEXT, target={"enum": list(TARGETS)}),
            summary=_SUMMARY,
            services=_array(_SERVICE),
        ), rehearsal=_REHEARSAL),
    }  # fmt: skip


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
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"chat-migrate {name}, format 1",
    }


def _values(enum: type[Enum], *more: str) -> dict[str, Json]:
    return {"enum": [*(member.value for member in enum), *more]}


def _object(**properties: Json) -> dict[str, Json]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _with_optional(schema: dict[str, Json], **optional: Json) -> dict[str, Json]:
    return schema | {"properties": schema["properties"] | optional}


def _array(items: dict[str, Json]) -> dict[str, Json]:
    return {"type": "array", "items": items}


def _nullable(schema: dict[str, Json]) -> dict[str, Json]:
    return {"anyOf": [schema, {"type": "null"}]}


_TEXT = {"type": "string"}
_SID = {"type": "string", "description": "A Twilio SID."}
_COUNT = {"type": "integer", "minimum": 0}
_ANY = {"description": "Any JSON value, secrets masked."}
_FLAG = {"type": "boolean"}
_RESOURCE = {
    "type": "string",
    "description": "The name of a kind.",
    "examples": [resource.value for resource in Resource],
}
_BY_STATE = {"type": "object", "propertyNames": _values(State), "additionalProperties": _COUNT}

_EXAMINED = _object(
    apis=_array(_TEXT),
    roles=_FLAG,
    inventory=_array({"type": "string", "description": "The name of a kind whose items were all read."}),
    files=_array(_object(path=_TEXT, shapes=_array(_TEXT))),
    warnings=_array({"type": "string", "description": "A sentence on what was not examined."}),
)

_SUMMARY = _object(
    services=_COUNT,
    services_to_change=_COUNT,
    services_missing=_COUNT,
    changes={**_COUNT, "description": "Fields whose `change` is true."},
    steps={**_COUNT, "description": "Requests that write."},
    steps_by_state=_BY_STATE,
    verdicts=_object(**{verdict.value: _COUNT for verdict in Verdict}),
)

_FIELD = _object(
    source={"type": "string", "description": "Dotted path in the Chat Service resource."},
    api=_values(Api),
    value=_ANY,
    resource=_nullable(_RESOURCE),
    target=_nullable(_TEXT),
    before=_ANY,
    after=_ANY,
    change={"type": "boolean", "description": "Whether a write is needed; in `verify`, whether it differs."},
    verdict=_values(Verdict),
    item_sid={**_nullable(_SID), "description": "The role that the field belongs to."},
    step={**_nullable(_TEXT), "description": "The key of the step that writes it."},
    reason=_TEXT,
    reason_ids=_array(_TEXT),
)

_ERROR = _object(
    message=_TEXT,
    status=_nullable({"type": "integer"}),
    code=_nullable({"type": "integer"}),
    request_id=_nullable(_TEXT),
    advice=_TEXT,
    cause=_TEXT,
)

_STEP = _with_optional(
    _object(
        key=_TEXT,
        resource=_RESOURCE,
        action=_values(Action, DELETE, LEAVE),
        params={"type": "object"},
        reversible=_FLAG,
        state=_values(State),
    ),
    error=_ERROR,
    altered=_array(_object(path=_TEXT, sent=_ANY, held=_ANY)),
)

_ITEMS = _with_optional(
    _object(
        kind=_TEXT,
        found=_COUNT,
        to_change=_COUNT,
        steps_by_state=_BY_STATE,
        reversible=_FLAG,
        facts={"type": "object", "additionalProperties": _COUNT},
    ),
    skipped={"type": "object", "description": "Why steps were skipped.", "additionalProperties": _COUNT},
)

_SERVICE = _with_optional(
    _object(
        source_sid=_SID,
        target_sid=_nullable(_SID),
        friendly_name=_TEXT,
        fields=_array(_FIELD),
        steps=_array(_STEP),
    ),
    missing={"const": True, "description": "Conversations does not have the target."},
    items=_array(_ITEMS),
    sids={
        "type": "object",
        "description": "Chat SID of the service and its roles → Conversations SID. Absent where the target is the "
        "same Service, or nothing is known.",
        "additionalProperties": _SID,
    },
)

_SECONDS = {"type": "number", "minimum": 0}

_REHEARSAL = _object(
    held={"type": "boolean", "description": "Whether the plan would end well."},
    differences=_array(
        _object(
            source_sid=_SID,
            friendly_name=_TEXT,
            resource=_RESOURCE,
            path=_TEXT,
            wanted=_ANY,
            held=_ANY,
            source=_TEXT,
        )
    ),
    doubles=_array(_TEXT),
    warnings=_array(_TEXT),
    reads=_COUNT,
    writes=_COUNT,
    faults={"type": "object", "additionalProperties": _COUNT},
    kills=_COUNT,
    resumes=_COUNT,
    seconds=_SECONDS,
    settle=_SECONDS,
    options={"type": "object", "additionalProperties": _nullable({"type": "number"})},
    estimate=_object(
        seconds=_SECONDS,
        reads=_COUNT,
        writes=_COUNT,
        latency=_SECONDS,
        at_once=_nullable(_COUNT),
        idle_seconds=_SECONDS,
        request_seconds=_SECONDS,
    ),
)

_HISTORY_ENTRY = _object(
    type={"enum": ["snapshot", "plan", "run"]},
    id={"type": ["integer", "string"], "description": "What other commands ask for."},
    account_sid=_SID,
    at=_TEXT,
    counts={"type": "object", "additionalProperties": _COUNT},
    state=_TEXT,
)

_FLEET_COUNTS = {
    "services": _COUNT,
    "services_to_change": _COUNT,
    "changes": {**_COUNT, "description": "Fields that change."},
    "steps": {**_COUNT, "description": "Requests that write."},
    "steps_by_state": _BY_STATE,
}

_FLEET_SUMMARY = _object(
    accounts=_COUNT,
    accounts_by_code={"type": "object", "additionalProperties": _COUNT},
    under_way=_COUNT,
    planned={**_COUNT, "description": "Accounts that are planned, and not written yet."},
    not_begun=_COUNT,
    **_FLEET_COUNTS,
    verdicts=_object(**{verdict.value: _COUNT for verdict in Verdict}),
)

_FLEET_ACCOUNT = _object(
    account_sid=_SID,
    target_account_sid=_SID,
    state={"enum": ["ended", "under way", "planned", "not begun"]},
    code={**_nullable(_COUNT), "description": "The exit code that the command would have had for it alone."},
    message={"type": "string", "description": "What went wrong, and what to do."},
    notes=_array(_TEXT),
    **_FLEET_COUNTS,
    left={**_COUNT, "description": "Steps that are not settled."},
    report={**_nullable(_TEXT), "description": "Where the account's own report is, beside this one."},
)
