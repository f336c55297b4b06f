"""The leaves of a Chat Service: what v1 and v2 say, laid out flat and put side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from mappings.model import Api, Json
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
class ChatService:
    """One Chat Service as read: what v1 and v2 say of it, its roles, and what nobody looked at.

    Attributes:
        sid: the service's `IS…` SID.
        v1: the raw v1 resource, or None if v1 was not read: what only v1 shows was then not examined.
        v2: the raw v2 resource, or None if v2 was not read: what only v2 shows was then not examined.
        roles: the raw Role resources of the service, in the order read.
        not_examined: what else was not examined → why, for a sentence: `{"media": "Terraform state does not hold it"}`.
            It names a field's dotted path, the path of an object for all below it, or `roles`. A value that was
            read all the same counts; null or an empty one does not.
    """

    sid: str
    v1: Mapping[str, Json] | None
    v2: Mapping[str, Json] | None
    roles: tuple[Mapping[str, Json], ...] = ()
    not_examined: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def leaves(self) -> Mapping[str, Leaf]:
        """The leaves of both views by path; v2 is the younger API, so its value counts."""
        old, new = flatten(self.v1 or {}), flatten(self.v2 or {})
        leaves = {path: Leaf(path, Api.V1, value, value) for path, value in old.items() if path not in new}
        for path, value in new.items():
            api = Api.BOTH if path in old else Api.V2
            leaves[path] = Leaf(path, api, value, old.get(path))
        return leaves


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
            service.leaves,
            service.roles,
            _UNREAD[service.v1 is None, service.v2 is None],
            service.not_examined,
        )

    def value(self, path: str) -> Json:
        """Return the value at a path, or None if there is no such leaf."""
        leaf = self.leaves.get(path)
        return leaf.value if leaf else None

    @property
    def all_examined(self) -> bool:
        """Whether every field of the service was examined."""
        return not self.unread and not self.not_examined

    def why_not_examined(self, path: str, api: Api = Api.BOTH) -> str:
        """Return why nobody knows the value of a field, for a sentence; "" if it was examined."""
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
    pending = [("", view)]
    while pending:
        beginning, members = pending.pop()
        for key, value in members.items():
            path = beginning + _escape(key)
            if isinstance(value, dict) and value:
                pending.append((f"{path}.", value))
            else:
                leaves[path] = value
    return leaves


def _escape(key: str) -> str:
    if "." not in key and "\\" not in key:
        return key
    return key.replace("\\", "\\\\").replace(".", "\\.")
