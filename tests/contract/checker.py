"""Judges recorded requests and answers by Twilio's own OpenAPI documents, made strict.

The documents are no part of this project. They are looked for in the folder that CHAT_MIGRATE_SPEC names,
by default `shared/spec/strict` beside the checkout.
"""

from __future__ import annotations

import json
import os
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from migrate.simulator import RecordedRequest

CHECKOUT = Path(__file__).resolve().parents[2]
SPEC = Path(os.environ.get("CHAT_MIGRATE_SPEC", CHECKOUT.parent / "shared" / "spec" / "strict"))
DOCUMENTS = {
    ("chat", "v1"): "twilio_chat_v1.json",
    ("chat", "v2"): "twilio_chat_v2.json",
    ("chat", "v3"): "twilio_chat_v3.json",
    ("conversations", "v1"): "twilio_conversations_v1.json",
}
FORM_TYPE = "application/x-www-form-urlencoded"


def missing_documents() -> str | None:
    """Return why nothing can be checked here, or None if it can."""
    missing = [name for name in DOCUMENTS.values() if not (SPEC / name).is_file()]
    return f"no {', '.join(missing)} in {SPEC} (set CHAT_MIGRATE_SPEC)" if missing else None


def _is_uri(value: Any) -> bool:
    if not isinstance(value, str):
        return True
    parts = urlsplit(value)
    return bool(parts.scheme and parts.netloc) and re.search(r"[^!-~]", value) is None


@dataclass(frozen=True)
class _Document:
    openapi: Any
    paths: dict[str, Any]


@cache
def _document(name: str) -> _Document:
    with warnings.catch_warnings():
        # openapi-core's dependencies announce changes of their own; they are not ours to act on.
        warnings.simplefilter("ignore", DeprecationWarning)
        from openapi_core import Config, OpenAPI

        content = json.loads((SPEC / name).read_text(encoding="utf-8"))
        config = Config(spec_validator_cls=None, extra_format_validators={"uri": _is_uri})
        return _Document(OpenAPI.from_dict(content, config=config), content["paths"])


@dataclass
class _Request:
    recorded: RecordedRequest
    parameters: Any = field(init=False)

    def __post_init__(self) -> None:
        from openapi_core.datatypes import RequestParameters
        from werkzeug.datastructures import Headers, ImmutableMultiDict

        headers = Headers()
        if self.recorded.account_sid is not None:
            headers["Authorization"] = "Basic credentials-that-were-recognised"
        if self.recorded.webhook_enabled is not None:
            headers["X-Twilio-Webhook-Enabled"] = self.recorded.webhook_enabled
        query = ImmutableMultiDict(self.recorded.query)
        self.parameters = RequestParameters(query=query, header=headers)

    @property
    def host_url(self) -> str:
        return f"https://{self.recorded.api}.twilio.com"

    @property
    def path(self) -> str:
        return self.recorded.path

    @property
    def method(self) -> str:
        return self.recorded.method.lower()

    @property
    def body(self) -> bytes | None:
        return urlencode(self.recorded.form).encode() or None

    @property
    def content_type(self) -> str:
        return FORM_TYPE


@dataclass(frozen=True)
class _Response:
    status_code: int
    data: bytes
    content_type: str = "application/json"

    @property
    def headers(self) -> dict[str, str]:
        return {}


def _name(recorded: RecordedRequest) -> str | None:
    return DOCUMENTS.get((recorded.api, recorded.path.split("/")[1]))


def _explain(error: BaseException) -> str:
    """Return the first cause, where the exact words are, and the kind of error that it became."""
    cause = error
    while cause.__cause__ is not None:
        cause = cause.__cause__
    details = [f"{'.'.join(map(str, e.path))}: {e.message}" for e in getattr(cause, "schema_errors", ())]
    return f"{type(error).__name__}: {'; '.join(details) or cause}"


def _operation(document: _Document, recorded: RecordedRequest) -> dict[str, Any]:
    for path, item in document.paths.items():
        if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", path), recorded.path):
            return item.get(recorded.method.lower(), {})
    return {}


def _name_problems(document: _Document, recorded: RecordedRequest) -> Iterator[str]:
    """Tell the names that openapi-core does not see: unknown ones, and all that a missing form lacks."""
    operation = _operation(document, recorded)
    body = operation.get("requestBody", {}).get("content", {}).get(FORM_TYPE, {}).get("schema", {})
    query = {p["name"] for p in operation.get("parameters", ()) if p["in"] == "query"}
    yield from (f"unknown form key {k}" for k, _ in recorded.form if k not in body.get("properties", {}))
    yield from (f"unknown query key {k}" for k, _ in recorded.query if k not in query)
    if recorded.method == "POST" and not recorded.form:
        yield "a POST that says nothing"


def check_request(recorded: RecordedRequest) -> list[str]:
    """Return what the documents have against the request; [] if nothing."""
    from openapi_core.exceptions import OpenAPIError

    name = _name(recorded)
    if recorded.api == "api":
        # The document of the 2010 API is not among those that are looked for.
        return []
    if name is None:
        return [f"no document describes {recorded.api} {recorded.path}"]
    document = _document(name)
    problems = list(_name_problems(document, recorded))
    try:
        document.openapi.validate_request(_Request(recorded))
    except OpenAPIError as error:
        problems.append(_explain(error))
    return problems


def _with_iso_dates(body: str) -> str:
    """Rewrite the RFC 2822 dates of Chat v1: Twilio's reference page has them, its OpenAPI document not.

    Raises:
        ValueError: a date is in another format.
    """

    def rewrite(item: dict[str, Any]) -> dict[str, Any]:
        dates = {key: value for key, value in item.items() if key in {"date_created", "date_updated"}}
        return item | {key: parsedate_to_datetime(value).isoformat() for key, value in dates.items()}

    return json.dumps(json.loads(body, object_hook=rewrite))


def check_answer(recorded: RecordedRequest) -> list[str]:
    """Return what the documents have against the answer; [] if nothing, or if a fault made it."""
    from openapi_core.exceptions import OpenAPIError

    name = _name(recorded)
    if recorded.fault is not None or name is None or recorded.status is None:
        return []
    try:
        is_v1 = name == DOCUMENTS["chat", "v1"] and recorded.status < 400
        body = _with_iso_dates(recorded.body) if is_v1 and recorded.body else recorded.body
        response = _Response(recorded.status, body.encode())
        _document(name).openapi.validate_response(_Request(recorded), response)
    except (OpenAPIError, ValueError) as error:
        return [_explain(error)]
    return []


def check(recorded: RecordedRequest) -> list[str]:
    """Return every problem with a request and its answer, each prefixed with the request; [] if none.

    An answer that a fault made is exempt; the request that it answers is not.
    """
    where = f"{recorded.method} {recorded.api}{recorded.path} -> {recorded.status}"
    return [f"{where}: {problem}" for problem in check_request(recorded) + check_answer(recorded)]
