"""How a mapping is written down: rows that say what a field is and decide what becomes of its value."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar

from mappings.leaves import Leaf, Source
from mappings.model import Api, Field, Json, Resource, Verdict
from mappings.values import EXPECTED, Kind, agree, describe, fits, is_empty

Context = TypeVar("Context")

UNSET: Final = object()
"""Marks a decision that sets nothing, since None is a value."""

NOT_SET: Final = "Not set."


@dataclass(frozen=True)
class Decision:
    """What becomes of one value.

    Attributes:
        verdict: see `Verdict`.
        reason: whole sentences.
        targeted: whether the field's target receives, or already holds, the value.
        setting: what to set there; `UNSET` if nothing is to be set.
        also: further settings of the same resource that follow from this field, by path.
    """

    verdict: Verdict
    reason: str
    targeted: bool = False
    setting: Json = UNSET
    also: Mapping[str, Json] = field(default_factory=dict)


def leave(verdict: Verdict, reason: str) -> Decision:
    """Nothing is set for this value."""
    return Decision(verdict, reason)


def stand(verdict: Verdict, reason: str) -> Decision:
    """The target has a property of this name, but no setting of it is made here."""
    return Decision(verdict, reason, targeted=True)


def put(verdict: Verdict, setting: Json, reason: str, *, also: Mapping[str, Json] | None = None) -> Decision:
    """The target is set."""
    return Decision(verdict, reason, targeted=True, setting=setting, also=also or {})


@dataclass(frozen=True)
class Row(Generic[Context]):
    """One row of a mapping.

    Attributes:
        field: what the coverage table says. A source that ends in `.*` owns every leaf below it.
        kind: the kind of value; a value of another JSON type never reaches `decide`.
        decide: from the value (None if it is empty) and the mapping's context to a decision.
    """

    field: Field
    kind: Kind
    decide: Callable[[Json, Context], Decision]

    def leaves(self, source: Source) -> Iterator[Leaf]:
        """The leaves of the source that this row owns."""
        path = self.field.source
        if path.endswith(".*"):
            yield from (leaf for leaf in source.leaves.values() if leaf.path.startswith(path[:-1]))
        elif path in source.leaves:
            yield source.leaves[path]


@dataclass(frozen=True)
class Finding:
    """A leaf, where it goes and what was decided."""

    leaf: Leaf
    resource: Resource | None
    target: str | None
    decision: Decision
    conflict: bool


def row(
    source: str,
    kind: Kind,
    decide: Callable[[Json, Context], Decision],
    rule: str,
    *,
    api: Api = Api.BOTH,
    to: tuple[Resource, str] | None = None,
) -> Row[Context]:
    """A row; `to` is the Conversations resource and path that receive the value, if any."""
    resource, target = to or (None, None)
    return Row(Field(source, api, resource, target, rule), kind, decide)


def fields_of(rows: Iterable[Row[Any]]) -> tuple[Field, ...]:
    """The rows' entries in the coverage table."""
    return tuple(row.field for row in rows)


def findings_of(rows: Iterable[Row[Context]], source: Source, context: Context) -> Iterator[Finding]:
    """Decides every leaf that the rows own."""
    for each in rows:
        for leaf in each.leaves(source):
            yield _find(each, leaf, context)


def _find(each: Row[Context], leaf: Leaf, context: Context) -> Finding:
    empty = is_empty(leaf.value)
    if not empty and not fits(each.kind, leaf.value):
        decision = misfit(EXPECTED[each.kind], leaf.value)
    else:
        decision = each.decide(None if empty else leaf.value, context)
    resource, target = (each.field.resource, each.field.target) if decision.targeted else (None, None)
    return Finding(leaf, resource, target, decision, conflicting(leaf, each.kind))


def conflicting(leaf: Leaf, kind: Kind | None) -> bool:
    """Whether v1 and v2 both show the leaf and do not mean the same."""
    return leaf.api is Api.BOTH and not agree(kind, leaf.v1_value, leaf.value)


def misfit(expected: str, found: Json) -> Decision:
    """A value of the wrong JSON type: it is not written, whatever it was meant to be."""
    return leave(
        Verdict.MANUAL,
        f"Expected {expected}, found {describe(found)}. "
        "Nothing is written; look up the value in Twilio's Console and set it by hand.",
    )
