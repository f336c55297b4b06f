"""All mappings: the coverage table, and what knows each field's type."""

from __future__ import annotations

from itertools import chain

from mappings import identity, notifications, plain, roles
from mappings.model import Field, Json, Resource
from mappings.rows import MappingRow
from mappings.values import ValueType, agree, is_empty
from mappings.webhooks import per_event, settings

MAPPING_VERSION = "2"
"""Changes whenever the same service would be translated into something else; a plan is made for one version."""

ROWS: tuple[MappingRow, ...] = (
    *roles.ROWS,
    *identity.ROWS,
    *plain.ROWS,
    *settings.ROWS,
    *per_event.ROWS,
    *notifications.ROWS,
)

FIELDS: tuple[Field, ...] = tuple(
    sorted((*(row.field for row in ROWS), *roles.ROLE_FIELDS), key=lambda field: field.source)
)
"""The coverage table: every field of a Chat Service and of its roles, sorted by source."""

CONTAINERS: frozenset[str] = frozenset(
    chain.from_iterable(
        (".".join(parts[:depth]) for depth in range(1, len(parts)))
        for parts in (row.field.source.split(".") for row in ROWS)
    )
)
"""The paths at which an object is expected, `notifications.new_message`."""

_TYPES: dict[tuple[Resource, str], ValueType] = {
    (row.field.resource, row.field.target): row.type
    for row in ROWS
    if row.field.resource is not None and row.field.target is not None
}
_TYPES[Resource.ROLES, "permissions"] = ValueType.NAMES


def same(resource: Resource, target_path: str, a: Json, b: Json) -> bool:
    """Return whether two values of a Conversations setting mean the same.

    null (or missing), `""`, `[]`, `{}` and `[""]` are equal, and so is `false` where the other value may be true or
    false; filters and permissions compare as sets; the method compares without case. Chat's names are not equal to
    Conversations' names, since they must be written anew.
    """
    type_ = _TYPES.get((resource, target_path))
    if type_ in (ValueType.FLAG, None):
        a, b = _off(a, b), _off(b, a)
    return agree(type_, a, b)


def _off(value: Json, other: Json) -> Json:
    return False if is_empty(value) and isinstance(other, bool) else value
