"""The JSON Schema of the JSON report, `format: 1`."""

from __future__ import annotations

from migrate.report.model import Json
from migrate.report.words import KINDS, SOURCES, STATES, TARGETS, VERDICTS_IN_JSON

RESOURCES = ("service", "configuration", "notifications", "webhooks", "roles", "channels")
ACTIONS = ("create", "update", "migrate", "delete", "leave")
"""The last two are those of a rollback, about what the run had created or cannot be undone."""


def json_schema() -> dict[str, Json]:
    """Returns the schema, JSON Schema draft 2020-12, that every rendered JSON report fulfils."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "chat-migrate report, format 1",
        **_object(
            format={"const": 1},
            kind={"enum": list(KINDS)},
            account_sid=_SID,
            target_account_sid=_SID,
            snapshot=_object(
                id=_COUNT, source={"enum": list(SOURCES)}, taken_at=_TEXT, services=_COUNT
            ),
            plan=_object(id=_TEXT, target={"enum": list(TARGETS)}),
            summary=_SUMMARY,
            services={"type": "array", "items": _SERVICE},
        ),
    }  # fmt: skip


def _object(**properties: Json) -> dict[str, Json]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _nullable(schema: dict[str, Json]) -> dict[str, Json]:
    return {"anyOf": [schema, {"type": "null"}]}


_TEXT = {"type": "string"}
_SID = {"type": "string", "description": "A Twilio SID."}
_COUNT = {"type": "integer", "minimum": 0}
_ANY = {"description": "Any JSON value, secrets masked."}
_RESOURCE = {"enum": list(RESOURCES)}

_SUMMARY = _object(
    services=_COUNT,
    services_to_change=_COUNT,
    steps=_COUNT,
    steps_by_state={
        "type": "object",
        "propertyNames": {"enum": list(STATES)},
        "additionalProperties": _COUNT,
    },
    verdicts=_object(**dict.fromkeys(VERDICTS_IN_JSON, _COUNT)),
)

_FIELD = _object(
    source={"type": "string", "description": "Dotted path in the Chat Service resource."},
    api={"enum": ["v1", "v2", "both"]},
    value=_ANY,
    resource=_nullable(_RESOURCE),
    target=_nullable(_TEXT),
    before=_ANY,
    after=_ANY,
    change={"type": "boolean", "description": "Whether a write is needed."},
    verdict={"enum": list(VERDICTS_IN_JSON)},
    reason=_TEXT,
)

_ERROR = _object(
    message=_TEXT,
    status=_nullable({"type": "integer"}),
    code=_nullable({"type": "integer"}),
    request_id=_nullable(_TEXT),
    advice=_TEXT,
)

_STEP_WITHOUT_ERROR = _object(
    key=_TEXT,
    resource=_RESOURCE,
    action={"enum": list(ACTIONS)},
    params={"type": "object"},
    reversible={"type": "boolean"},
    state={"enum": list(STATES)},
)
_STEP = _STEP_WITHOUT_ERROR | {"properties": _STEP_WITHOUT_ERROR["properties"] | {"error": _ERROR}}

_SERVICE_WITHOUT_SIDS = _object(
    source_sid=_SID,
    target_sid=_nullable(_SID),
    friendly_name=_TEXT,
    fields={"type": "array", "items": _FIELD},
    steps={"type": "array", "items": _STEP},
)
_SIDS = {
    "type": "object",
    "description": "What became of what: Chat SID of the service and its roles, Conversations SID. "
    "Absent where the target is the same Service, or nothing is known.",
    "additionalProperties": _SID,
}
_SERVICE = _SERVICE_WITHOUT_SIDS | {"properties": _SERVICE_WITHOUT_SIDS["properties"] | {"sids": _SIDS}}
