"""The one place where secrets are hidden before anything is printed.

Webhook URLs may carry credentials in their userinfo, their query or their fragment. The scheme, host, port
and path stay, and so do the names of query parameters, so that people recognise the URL.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

Json = Any

MASK = "***"

CONNECTION_OVERRIDES = frozenset({"ct", "rt", "tt", "rc", "rp", "e", "edge", "sni"})
"""Fragment parameters that Twilio itself defines and that hold no secret (Twilio docs, webhook
connection overrides)."""

_SECRET_NAME = re.compile(
    r"token|secret|passw(?:or)?d|pwd|api[_-]?key|credential|signature|authorization", re.IGNORECASE
)
_URL = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.\-]*:)?[/\\]{2}[^\s\"<>`]*")
_SCHEME = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.\-]*:)?[/\\]+")
_HOST = re.compile(r"(\[[^\]]*\]|[^:]*)(:\d*)?")
_PATH_PARAMETER = re.compile(r"(;[^=;/]*=)[^;/]*")
_NESTED_USERINFO = re.compile(r"([/\\]{2})[^/\\?#]*@")
"""A second URL in the path of the first, as a proxy or a list without blanks has it."""
_BARE_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:[/\\]{2}\S*")
_ASSIGNMENT = re.compile(r"(?P<name>[\w.\-]+)(?P<equals>\s*=\s*)(?P<value>[^\s&;,\"'<>`]+)")
_PARAMETER_NAME = re.compile(r"[A-Za-z][\w.\-\[\]]{0,39}")
_SEPARATORS = re.compile(r"([&;])")
_CLOSING = ".,;:!?)]}'"
NAMES_KEPT = 1024
"""All services have the same few names: so many of them are judged once only."""
URLS_KEPT = 256
"""A field shows the same URL as its value, before and after."""


def mask_secrets(value: Json) -> Json:
    """Return a JSON value with every secret in it replaced by `***`.

    Strings are searched for URLs and for `name=value` with a name that looks secret; members of an object
    are judged by their names as well. The shape of the value stays.
    """
    if isinstance(value, str):
        return mask_text(value)
    if value is None or isinstance(value, (int, float)):
        return value
    if isinstance(value, Mapping):
        return {mask_secrets(name): mask_named(str(name), member) for name, member in value.items()}
    if isinstance(value, list | tuple):
        if _is_plain(value):
            return value
        masked = [mask_secrets(item) for item in value]
        return value if masked == value else masked
    return value


def _is_plain(values: Sequence[Json]) -> bool:
    """Whether all are texts without a mark of what may be a secret, as lists of permissions are."""
    return set(map(type, values)) == {str} and not _has_marks("\n".join(values))


@lru_cache(URLS_KEPT)
def mask_url(url: str) -> str:
    """Return the whole string, taken as one URL, without userinfo, query values and fragment values."""
    found = _SCHEME.match(url)
    start = found.end() if found else 0
    address, fragment_mark, fragment = _mask_userinfo(url[start:]).partition("#")
    address, query_mark, query = address.partition("?")
    address = _NESTED_USERINFO.sub(rf"\1{MASK}@", address)
    masked = url[:start] + _PATH_PARAMETER.sub(rf"\1{MASK}", address)
    masked += query_mark + _mask_parameters(query, known=frozenset())
    return masked + fragment_mark + _mask_parameters(fragment, known=CONNECTION_OVERRIDES)


def mask_named(name: str, value: Json) -> Json:
    """Return a masked value whose name says more about it than its own looks do."""
    if not value or value is True:
        return value
    if isinstance(value, str):
        return _of_name(name)(value)
    return mask_secrets(value)


@lru_cache(NAMES_KEPT)
def _of_name(name: str) -> Callable[[str], str]:
    """Return what masks the texts of a name."""
    if name[-3:].lower() == "url":
        return mask_url
    return (lambda _: MASK) if _SECRET_NAME.search(name) else mask_text


def mask_text(text: str) -> str:
    """Return a text with the secrets of every URL and of every `name=value` in it replaced by `***`."""
    if not _has_marks(text):
        return text
    if _BARE_URL.fullmatch(text):
        return mask_url(text)
    pieces, end = [], 0
    for found in _URL.finditer(text):
        url = found.group().rstrip(_CLOSING)
        pieces += [_mask_assignments(text[end : found.start()]), mask_url(url)]
        end = found.start() + len(url)
    return "".join([*pieces, _mask_assignments(text[end:])])


def _has_marks(text: str) -> bool:
    return "//" in text or "=" in text or "\\\\" in text


def _mask_assignments(text: str) -> str:
    def hide(found: re.Match[str]) -> str:
        value = MASK if _SECRET_NAME.search(found["name"]) else found["value"]
        return found["name"] + found["equals"] + value

    return _ASSIGNMENT.sub(hide, text)


def _mask_userinfo(address: str) -> str:
    authority = re.split(r"[/\\?#]", address, maxsplit=1)[0]
    end = -1
    if "@" in authority:
        end = re.split(r"[?#]", address, maxsplit=1)[0].rfind("@")
    elif not _HOST.fullmatch(authority):
        # A password that holds an unescaped "/", "?" or "#" has its "@" behind the seeming authority.
        end = address.rfind("@")
    return MASK + address[end:] if end >= 0 else address


def _mask_parameters(text: str, known: frozenset[str]) -> str:
    return "".join(
        part if part in {"", "&", ";"} else _mask_parameter(part, known) for part in _SEPARATORS.split(text)
    )


def _mask_parameter(parameter: str, known: frozenset[str]) -> str:
    name, equals, value = parameter.partition("=")
    if equals and name in known:
        return parameter
    # `?c2VjcmV0==` has no name: what stands before the first "=" is the secret itself.
    if value.strip("=") and _PARAMETER_NAME.fullmatch(name):
        return name + equals + MASK
    return MASK
