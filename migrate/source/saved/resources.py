"""A record that a tool wrote → a Chat resource, checked field by field; what is none is refused by name."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from migrate.core.config import is_sid
from migrate.source.saved.fields import COUNT, EXAMINED, HIDDEN, TYPES, Types, has, is_type
from migrate.source.saved.items import Origin, SavedItem, Unusable
from migrate.source.saved.shapes import KINDS, SINGER, SavedRecord, Shape

Json = Any
CHAT_HOSTS = frozenset({"chat", "ip-messaging"})
"""The first label of Chat's hosts. Services of Conversations, Sync and Notify have `IS…` SIDs as well."""
_TELLING = {
    "service": frozenset(TYPES["service"]) - {"sid", "account_sid", "friendly_name", "links"},
    "role": frozenset({"permissions", "url"}),
    "channel": frozenset({"type", "members_count", "messages_count", "url"}),
}
"""Fields of which a resource needs one, lest it be another product's."""


def checked(record: SavedRecord, file: str) -> tuple[SavedItem, tuple[str, ...]]:
    """Return the resource that a record holds, and the keys in it that no Chat resource has.

    Raises:
        Unusable: it is none of Chat v1 or v2, or a field holds what cannot stand there.
    """
    fields, place = record.fields, record.place
    kind = _kind_of(record)
    _check_product(fields, kind, place)
    _check_sids(fields, kind, place)
    api = record.api or _version_of(fields)
    payload, strangers = _payload(record, kind)
    item = SavedItem(
        kind=kind,
        api=api or "v2",
        sid=fields["sid"],
        service_sid=fields["sid" if kind == "service" else "service_sid"],
        account_sid=fields.get("account_sid"),
        payload=payload,
        origin=Origin(file, record.shape.name, place),
        not_held=_not_held(payload, kind, api, record.shape, strangers),
    )
    return item, strangers


def check_address(url: Json, place: str) -> None:
    """Refuse what an address shows to be of another product, or of another version of Chat.

    Raises:
        Unusable: it does.
    """
    host, path = _address(url)
    if host.endswith(".twilio.com") and host.split(".")[0] not in CHAT_HOSTS:
        raise Unusable(place, f"is a resource of {host}, not of the Chat API", is_foreign=True)
    version = re.search(r"/(v\d+)/", path)
    if version and version[1] not in ("v1", "v2"):
        raise Unusable(place, f"is a resource of Chat {version[1]}, not of v1 or v2", is_foreign=True)


def _kind_of(record: SavedRecord) -> str:
    fields, place = record.fields, record.place
    sid = fields.get("sid")
    kind = next((kind for prefix, kind in KINDS.items() if is_sid(prefix, sid)), None)
    if kind is None:
        _refuse_others(fields, place)
        reason = "is not a Service, Role or Channel of Chat: its 'sid' is "
        raise Unusable(
            place, f"{reason}{_shown(sid)}, not IS, RL or CH and 32 hexadecimal digits", is_foreign=True
        )
    if record.kind not in (None, kind):
        raise Unusable(place, f"should be a {record.kind}, but its 'sid' is {_shown(sid)}")
    return kind


def _refuse_others(fields: Mapping[str, Json], place: str) -> None:
    """Say of a saved error what it says itself, and of another product's list whose it is."""
    meta = fields.get("meta")
    check_address(meta.get("url") if isinstance(meta, dict) else None, place)
    numbers = {name: fields.get(name) for name in ("code", "status")}
    if "sid" in fields or not isinstance(fields.get("message"), str) or not any(numbers.values()):
        return
    facts = [
        f"{word} {numbers[name]}" for name, word in (("status", "HTTP"), ("code", "error")) if numbers[name]
    ]
    message = " ".join(fields["message"].split())[:200].rstrip(".")
    told = f"{message} ({', '.join(facts)})"
    raise Unusable(place, f"is an error that was saved instead of data: {told}", is_foreign=True)


def _check_sids(fields: Mapping[str, Json], kind: str, place: str) -> None:
    account = fields.get("account_sid")
    if account is not None and not is_sid("AC", account):
        raise Unusable(place, f"holds the 'account_sid' {_shown(account)}, not AC and 32 hexadecimal digits")
    service = fields.get("service_sid")
    if kind != "service" and not is_sid("IS", service):
        raise Unusable(place, f"is a {kind} whose 'service_sid' is {_shown(service)}")


def _check_product(fields: Mapping[str, Json], kind: str, place: str) -> None:
    links = fields.get("links")
    for url in (fields.get("url"), *(links.values() if isinstance(links, dict) else ())):
        check_address(url, place)
    if not _TELLING[kind] & fields.keys():
        raise Unusable(place, f"holds no field that shows it to be a {kind} of Chat", is_foreign=True)


def _address(url: Json) -> tuple[str, str]:
    try:
        parts = urlsplit(url) if isinstance(url, str) else urlsplit("")
        return parts.hostname or "", parts.path
    except ValueError:
        return "", ""


def _version_of(fields: Mapping[str, Json]) -> str | None:
    """Return `v1` or `v2`: by the resource's own URL, else by the keys and the dates of each version.

    None means that nothing tells: both versions write ISO dates, and a file may lack any key.
    """
    version = re.search(r"/(v[12])/", _address(fields.get("url"))[1])
    if version:
        return version[1]
    if fields.keys() & {"media", "pre_webhook_retry_count", "post_webhook_retry_count"}:
        return "v2"
    return "v1" if "webhooks" in fields or _is_rfc2822(fields.get("date_created")) else None


def _is_rfc2822(value: Json) -> bool:
    try:
        return isinstance(value, str) and bool(parsedate_to_datetime(value))
    except (ValueError, OverflowError):
        return False


def _payload(record: SavedRecord, kind: str) -> tuple[dict[str, Json], tuple[str, ...]]:
    strangers = [key for key in record.strangers if key not in record.shape.ignored]
    types, shape = TYPES[kind], record.shape
    payload: dict[str, Json] = {}
    for key, value in record.fields.items():
        if key in types:
            payload[key] = _fitting(key, value, types[key], record)
            strangers += _strangers(value, types[key], key)
        elif key not in shape.ignored:
            strangers.append(key)
            if shape.keeps_strangers:
                payload[key] = value
    return {key: value for key, value in payload.items() if value is not _UNREADABLE}, tuple(strangers)


_UNREADABLE = object()


def _fitting(path: str, value: Json, wanted: Any, record: SavedRecord) -> Json:
    """Return the value as the API would write it."""
    if isinstance(value, float) and wanted == COUNT and record.shape.writes_floats and value.is_integer():
        return int(value)
    if path == "attributes" and isinstance(value, dict) and record.shape is SINGER:
        # The tap parses attributes; those that it could not parse it writes in a form that is not theirs.
        return json.dumps(value, separators=(",", ":")) if value.keys() != {"invalid_json"} else _UNREADABLE
    if not is_type(value, wanted):
        name = "an object" if isinstance(wanted, dict) else wanted
        raise Unusable(record.place, f"holds {_shown(value)} as {path!r}, where {name} belongs")
    if isinstance(wanted, dict) and isinstance(value, dict):
        return {
            key: _fitting(f"{path}.{key}", inner, wanted[key], record) if key in wanted else inner
            for key, inner in value.items()
        }
    return value


def _strangers(value: Json, types: Types | str, path: str) -> Iterator[str]:
    if isinstance(types, dict) and isinstance(value, dict):
        for key, inner in value.items():
            if key in types:
                yield from _strangers(inner, types[key], f"{path}.{key}")
            else:
                yield f"{path}.{key}"


def _not_held(
    payload: Mapping[str, Json], kind: str, api: str | None, shape: Shape, strangers: tuple[str, ...]
) -> frozenset[str]:
    hidden = _hidden(payload, api) if kind == "service" else frozenset()
    # What stands under another name in an object may be any of the fields that it lacks.
    strange = {key.split(".")[0] for key in strangers if "." in key}
    missing = (
        path
        for path in EXAMINED[kind]
        if path in strange or not has(payload, path, by_leaf=shape.by_leaf or path.split(".")[0] in strange)
    )
    return frozenset(missing) | hidden


def _hidden(payload: Mapping[str, Json], api: str | None) -> frozenset[str]:
    if api is not None:
        return HIDDEN[api]
    # It may be of v1, which would not show what only v2 has: that counts only where it stands.
    return HIDDEN["v2"] | {path for path in HIDDEN["v1"] if not has(payload, path, by_leaf=True)}


def _shown(value: Json) -> str:
    if value is None:
        return "missing"
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
