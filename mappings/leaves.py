"""The leaves of a Chat Service: what v1 and v2 say, laid out flat and put side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from mappings.model import Api, ChatService, Json
from mappings.values import is_empty


class Leaf(NamedTuple):
    """One value of the service.

    Attributes:
        path: dotted path, `limits.channel_members`; a dot inside a key is written `\\.`.
        v1_value: v1's value, or None if v1 does not have the leaf.
    """

    path: str
    api: Api
    value: Json
    v1_value: Json


@dataclass(frozen=True)
class ServiceLeaves:
    """Everything a mapping may look at.

    Attributes:
        unread: API versions that were not read → why, for a sentence.
    """

    sid: str
    same_service: bool
    leaves: Mapping[str, Leaf]
    roles: tuple[Mapping[str, Json], ...]
    unread: Mapping[Api, str]
    not_examined: Mapping[str, str]

    @classmethod
    def of(cls, service: ChatService, *, same_service: bool) -> ServiceLeaves:
        """Return the service, laid out flat."""
        return cls(
            service.sid,
            same_service,
            union(service.v1, service.v2),
            service.roles,
            _UNREAD[service.v1 is None, service.v2 is None],
            service.not_examined,
        )

    def value(self, path: str) -> Json:
        """Return the value at a path, or None if there is no such leaf."""
        leaf = self.leaves.get(path)
        return leaf.value if leaf else None

    def why_not_examined(self, path: str, api: Api = Api.BOTH) -> str:
        """Return why nobody knows the value of a field, for a sentence; "" if it was examined."""
        if not self.unread and not self.not_examined:
            return ""
        leaf = self.leaves.get(path)
        if leaf is not None and not is_empty(leaf.value):
            return ""
        told = next((why for part, why in self.not_examined.items() if f"{path}.".startswith(f"{part}.")), "")
        return told or ("" if leaf else self.unread.get(api, ""))


_UNREAD: Mapping[tuple[bool, bool], Mapping[Api, str]] = {
    (False, False): {},
    (True, False): {Api.V1: "v1 was not read"},
    (False, True): {Api.V2: "v2 was not read"},
    (True, True): dict.fromkeys(Api, "neither v1 nor v2 was read"),
}


def flatten(view: Mapping[str, Json]) -> dict[str, Json]:
    """Return the leaves of a JSON object by dotted path: all that is not an object, and empty objects.

    Lists are leaves. An explicit stack, because a file that somebody saved may nest deeper than Python calls.
    """
    leaves: dict[str, Json] = {}
    pending: list[tuple[str, Json]] = [(_escape(key), value) for key, value in view.items()]
    while pending:
        path, value = pending.pop()
        if isinstance(value, dict) and value:
            pending.extend((f"{path}.{_escape(key)}", inner) for key, inner in value.items())
        else:
            leaves[path] = value
    return leaves


def union(v1: Mapping[str, Json] | None, v2: Mapping[str, Json] | None) -> dict[str, Leaf]:
    """Return the leaves of both views by path; v2 is the younger API, so its value counts."""
    old, new = flatten(v1 or {}), flatten(v2 or {})
    return {path: _leaf(path, old, new) for path in old.keys() | new.keys()}


def _leaf(path: str, old: Mapping[str, Json], new: Mapping[str, Json]) -> Leaf:
    if path not in new:
        return Leaf(path, Api.V1, old[path], old[path])
    if path not in old:
        return Leaf(path, Api.V2, new[path], None)
    return Leaf(path, Api.BOTH, new[path], old[path])


def _escape(key: str) -> str:
    if "." not in key and "\\" not in key:
        return key
    return key.replace("\\", "\\\\").replace(".", "\\.")
