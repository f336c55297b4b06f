"""Saved Chat JSON: the road that works when the Chat API is gone.

A file holds one Service or Role resource, a list page as Twilio sends it, an array of any of these, or
one of them per line (JSON lines, which are read line by line; other files are read whole).
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from migrate.core import strict_json
from migrate.core.config import is_sid
from migrate.core.errors import BadInput

Json = Any
PAGE_KEYS = ("services", "roles")
CHAT_SIDS = {"service": "IS", "role": "RL"}
CHAT_HOSTS = frozenset({"chat", "ip-messaging"})
"""The first label of Chat's hosts. Services of Conversations, Sync and Notify have `IS…` SIDs as well."""


@dataclass(frozen=True)
class SavedObject:
    """One resource found in a file.

    Attributes:
        kind: `service` or `role`.
        api: `v1` or `v2`; for a role it does not matter.
        payload: the resource, whole.
        place: file and position, for messages and provenance.
    """

    kind: str
    api: str
    payload: Mapping[str, Json]
    place: str

    @property
    def service_sid(self) -> str:
        """The service that this resource is, or belongs to."""
        return str(self.payload["sid"] if self.kind == "service" else self.payload["service_sid"])


def read_files(paths: tuple[Path, ...]) -> Iterator[SavedObject]:
    """Yield every resource in the files, in order.

    Raises:
        BadInput: a file cannot be read, is not JSON, or holds something else; the message names the place.
    """
    for path in paths:
        found = 0
        for value, place in _documents(path):
            for payload, where in _resources(value, place):
                found += 1
                yield _classified(payload, where)
        if not found:
            raise BadInput(f"{path} holds no Chat Service. {_EXPECTED}")


_EXPECTED = (
    "Expected: a Service resource of Chat v1 or v2 as JSON, a list page of them, an array, or JSON lines "
    "(GET /v2/Services and /v1/Services, saved as they came)."
)


def _documents(path: Path) -> Iterator[tuple[Json, str]]:
    """Yield the JSON documents of a file: all of it, or line by line if its first line is one by itself."""
    try:
        with path.open(encoding="utf-8-sig") as file:
            first = next((line for line in file if line.strip()), "")
            if not first:
                raise BadInput(f"{path} is empty. {_EXPECTED}")
            if _is_json(first):
                file.seek(0)
                yield from _lines(path, file)
            else:
                file.seek(0)
                yield _parse(file.read(), path, 1), _shown_path(path)
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise BadInput(f"{path} is not UTF-8 text (byte {error.start}), so it is not JSON.") from error


def _lines(path: Path, file: Iterator[str]) -> Iterator[tuple[Json, str]]:
    for number, line in enumerate(file, start=1):
        if line.strip():
            yield _parse(line, path, number), f"{_shown_path(path)}, line {number}"


def _shown_path(path: Path) -> str:
    """Return a path as text that every database and terminal takes, whatever bytes the file system allows."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _parse(text: str, path: Path, first_line: int) -> Json:
    try:
        return strict_json.loads(text)
    except json.JSONDecodeError as error:
        line = first_line + error.lineno - 1
        raise BadInput(f"{path} is not JSON: {error.msg} (line {line}, column {error.colno}).") from error
    except ValueError as error:
        raise BadInput(f"{path} cannot be used from line {first_line} on: {error}.") from error


def _resources(value: Json, place: str) -> Iterator[tuple[Json, str]]:
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _page_or_resource(item, f"{place}, item {index + 1}")
    else:
        yield from _page_or_resource(value, place)


def _page_or_resource(value: Json, place: str) -> Iterator[tuple[Json, str]]:
    key = next(
        (key for key in PAGE_KEYS if isinstance(value, dict) and "sid" not in value and key in value), None
    )
    if key is None:
        yield value, place
        return
    if not isinstance(value[key], list):
        raise BadInput(f"{place}: {key!r} is not a list, so this is no list page. {_EXPECTED}")
    for index, item in enumerate(value[key]):
        yield item, f"{place}, {key}[{index}]"


def _classified(payload: Json, place: str) -> SavedObject:
    if not isinstance(payload, dict):
        raise BadInput(f"{place} is not a Chat Service but {_type_name(payload)}. {_EXPECTED}")
    sid = payload.get("sid")
    kind = next((kind for kind, prefix in CHAT_SIDS.items() if is_sid(prefix, sid)), None)
    if kind is None:
        raise BadInput(
            f"{place} is not a Chat Service: its 'sid' is {_shown(sid)}, not IS and 32 hexadecimal digits. {_EXPECTED}"
        )
    if kind == "role" and not is_sid("IS", payload.get("service_sid")):
        raise BadInput(f"{place} is a Role whose 'service_sid' is {_shown(payload.get('service_sid'))}.")
    account_sid = payload.get("account_sid")
    if account_sid is not None and not is_sid("AC", account_sid):
        raise BadInput(f"{place}: 'account_sid' is {_shown(account_sid)}, not AC and 32 hexadecimal digits.")
    _check_product(payload, place)
    return SavedObject(kind, api_version(payload), payload, place)


def _check_product(payload: Mapping[str, Json], place: str) -> None:
    """Refuse a resource whose own URL says that it is of another product of Twilio's."""
    host = _host(payload.get("url"))
    if host.endswith(".twilio.com") and host.split(".")[0] not in CHAT_HOSTS:
        raise BadInput(f"{place} is a resource of {host}, not of the Chat API. {_EXPECTED}")


def _host(url: Json) -> str:
    try:
        return urlsplit(url).hostname or "" if isinstance(url, str) else ""
    except ValueError:
        return ""


def api_version(payload: Mapping[str, Json]) -> str:
    """Return `v1` or `v2`: by the resource's own URL, else by the keys and date format of each version."""
    url = str(payload.get("url") or "")
    for version in ("v1", "v2"):
        if f"/{version}/" in url:
            return version
    if "media" in payload or "pre_webhook_retry_count" in payload or "post_webhook_retry_count" in payload:
        return "v2"
    return "v1" if "webhooks" in payload or _is_rfc2822(payload.get("date_created")) else "v2"


def _is_rfc2822(value: Json) -> bool:
    try:
        return isinstance(value, str) and bool(parsedate_to_datetime(value))
    except (ValueError, OverflowError):
        return False


def _shown(value: Json) -> str:
    text = json.dumps(value)
    return "missing" if value is None else text if len(text) <= 60 else text[:57] + "..."


def _type_name(value: Json) -> str:
    names = {bool: "true or false", int: "a number", float: "a number", str: "a string", list: "an array"}
    return names.get(type(value), "null")
