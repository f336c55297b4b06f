"""What requests may say: parameters as tables, and their parsing as strict as Twilio's OpenAPI documents."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from migrate.simulator.words import snake

Json = Any
Pairs = list[tuple[str, str]]

MAX_FRIENDLY_NAME = 256
"""Characters (Twilio docs, Services resource)."""


MAX_ROLE_NAME = 64


class ApiError(Exception):
    """A refusal: HTTP status, Twilio's code, one sentence, headers of its own."""

    def __init__(
        self, status: int, code: int, message: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers or {}


def bad_request(message: str, code: int = 20001) -> ApiError:
    """Return the refusal of a parameter."""
    return ApiError(400, code, message)


@dataclass(frozen=True)
class Param:
    """One form or query parameter.

    Attributes:
        path: where its value goes in the settings document.
        parse: from the text; raises `ApiError`.
        repeated: whether it may be given several times; its value is then a list.
        required: whether a request without it is refused.
    """

    path: tuple[str, ...]
    parse: Callable[[str], Json]
    repeated: bool = False
    required: bool = False


Form = Mapping[str, Param]


def boolean(text: str) -> bool:
    """Read `true` or `false`."""
    if text not in {"true", "false"}:
        raise bad_request(f"Invalid boolean value '{text}'")
    return text == "true"


def integer(
    least: int = 0, most: int = 2**31 - 1, code: int = 20001, what: str = "integer"
) -> Callable[[str], int]:
    """Return a reader of whole numbers within bounds; others are refused with the code."""

    def parse(text: str) -> int:
        if not re.fullmatch(r"-?[0-9]{1,18}", text) or not least <= int(text) <= most:
            raise bad_request(f"Invalid {what} '{text}'", code)
        return int(text)

    return parse


def text(most: int | None = None, code: int = 20001) -> Callable[[str], str]:
    """Return a reader of text of at most so many characters."""

    def parse(value: str) -> str:
        if most is not None and len(value) > most:
            raise bad_request(f"Value is too long: at most {most} characters", code)
        return value

    return parse


def name(value: str) -> str:
    """Read a friendly name: Twilio refuses more than 256 characters with 50003."""
    if not value:
        raise bad_request("Missing required parameter FriendlyName in the post body")
    return text(MAX_FRIENDLY_NAME, 50003)(value)


def role_name(value: str) -> str:
    """Read a role's name: at most 64 characters (Twilio docs, Role resource)."""
    return text(MAX_ROLE_NAME, 50003)(name(value))


def choice(values: Iterable[str], what: str, code: int = 20001) -> Callable[[str], str]:
    """Return a reader of one of the values."""
    known = frozenset(values)

    def parse(value: str) -> str:
        if value not in known:
            raise bad_request(f"Invalid {what} '{value}'", code)
        return value

    return parse


def optional(parse: Callable[[str], Json]) -> Callable[[str], Json]:
    """Return a reader for which the empty text means: none (null)."""
    return lambda value: parse(value) if value else None


def matching(pattern: str, what: str, code: int = 20001) -> Callable[[str], str]:
    """Return a reader of text that matches the whole pattern."""
    compiled = re.compile(pattern)

    def parse(value: str) -> str:
        if not compiled.fullmatch(value):
            raise bad_request(f"Invalid {what} '{value}'", code)
        return value

    return parse


_DURATION = re.compile(
    r"P(?=[\dT])(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?(?:T(?=\d)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?"
)
_UNIT_SECONDS = (31_536_000, 2_592_000, 604_800, 86_400, 3600, 60, 1)


def duration(least: int, code: int, too_short: int) -> Callable[[str], str]:
    """Return a reader of ISO 8601 durations of at least so many seconds; the second code refuses shorter ones."""

    def parse(value: str) -> str:
        read = _DURATION.fullmatch(value)
        if not read:
            raise bad_request(f"Invalid timer '{value}'", code)
        units = zip(read.groups("0"), _UNIT_SECONDS, strict=True)
        if sum(int(count) * seconds for count, seconds in units) < least:
            raise bad_request(f"Timer '{value}' is shorter than {least} seconds", too_short)
        return value

    return parse


def sid(prefix: str) -> Callable[[str], str]:
    """Return a reader of SIDs with the prefix."""
    return matching(f"{prefix}[0-9a-fA-F]{{32}}", f"{prefix} SID")


def is_web_url(value: str) -> bool:
    """Tell whether this is an absolute http(s) URL, in the characters that a URI may have (RFC 3986)."""
    if not re.fullmatch(r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+", value):
        return False
    if re.search(r"%(?![0-9A-Fa-f]{2})", value):
        return False
    try:
        parts = urlsplit(value)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def web_url(code: int = 20001) -> Callable[[str], str | None]:
    """Return a reader of webhook URLs; the empty text clears (null)."""

    def parse(value: str) -> str | None:
        if value and not is_web_url(value):
            raise bad_request("Invalid webhook URL", code)
        return value or None

    return parse


def push_params(group: str, *fields: str) -> Form:
    """Return the parameters of one push event: `NewMessage` with `Sound` is `NewMessage.Sound`."""
    readers = {"Enabled": boolean, "BadgeCountEnabled": boolean, "Template": text(), "Sound": text()}
    place = tuple(snake(step) for step in group.split("."))
    return {f"{group}.{field}": Param((*place, snake(field)), readers[field]) for field in fields}


def json_text(value: str) -> str:
    """Read attributes: 50304 for what is not JSON (Twilio error catalogue)."""
    try:
        json.loads(value)
    except ValueError as error:
        raise bad_request("Attributes are not valid JSON", 50304) from error
    return value


def _value(key: str, param: Param, texts: list[str]) -> Json:
    if not param.repeated:
        if len(texts) > 1:
            raise bad_request(f"Parameter {key} is given more than once")
        return param.parse(texts[0])
    if texts == [""]:
        # One empty text is how an empty list is written: a form has no other way.
        return []
    return list(dict.fromkeys(map(param.parse, texts)))


def parse_form(form: Form, pairs: Pairs) -> dict[str, Json]:
    """Check the pairs against the form and return the values by parameter name.

    Raises:
        ApiError: 20001 for an unknown, doubled or missing parameter; the parameter's own code otherwise.
    """
    texts: dict[str, list[str]] = {}
    for key, value in pairs:
        if key not in form:
            raise bad_request(f"Unknown parameter {key}")
        texts.setdefault(key, []).append(value)
    values = {key: _value(key, form[key], found) for key, found in texts.items()}
    for key, param in form.items():
        if param.required and not values.get(key):
            raise bad_request(f"Missing required parameter {key} in the post body")
    return values


def parse_update(form: Form, pairs: Pairs) -> dict[str, Json]:
    """Like `parse_form`, for a partial update: one that says nothing is refused with 20161."""
    if not pairs:
        raise bad_request("Parameters are not specified for update request", 20161)
    return parse_form(form, pairs)


def put(document: dict[str, Json], form: Form, values: Mapping[str, Json]) -> None:
    """Write the values at their places in the document; objects on the way that are missing are made."""
    for key, value in values.items():
        *way, last = form[key].path
        place = document
        for step in way:
            if not isinstance(place.get(step), dict):
                place[step] = {}
            place = place[step]
        place[last] = value
