"""How a mapping is written down: rows that say what a field is and decide what becomes of its value."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, NamedTuple

from mappings import causes
from mappings.grounds import Grounds
from mappings.leaves import Leaf, ServiceLeaves
from mappings.model import Api, Field, Json, Resource, Verdict
from mappings.reasons import Reason
from mappings.values import EXPECTED, ValueType, agree, describe, fits, is_empty

UNSET: Final = object()
"""Marks a decision that sets nothing, since None is a value."""


class Decision(NamedTuple):
    """What becomes of one value.

    Attributes:
        verdict: see `Verdict`.
        reasons: why, the most important first.
        targeted: whether the field's target receives, or already holds, the value.
        setting: what to set there; `UNSET` if nothing is to be set.
        also: further settings of the same resource that follow from this field, by path.
    """

    verdict: Verdict
    reasons: tuple[Reason, ...]
    targeted: bool = False
    setting: Json = UNSET
    also: Mapping[str, Json] = MappingProxyType({})


def leave(verdict: Verdict, *why: Reason) -> Decision:
    """Return the decision to set nothing."""
    return Decision(verdict, why)


def keep(verdict: Verdict, *why: Reason) -> Decision:
    """Return the decision to set nothing, where the target has a property of this name."""
    return Decision(verdict, why, targeted=True)


def put(verdict: Verdict, setting: Json, *why: Reason, also: Mapping[str, Json] | None = None) -> Decision:
    """Return the decision to set the target."""
    return Decision(verdict, why, targeted=True, setting=setting, also=also or MappingProxyType({}))


@dataclass(frozen=True)
class MappingRow:
    """One row of a mapping.

    Attributes:
        field: what the coverage table says. A source that ends in `.*` owns every leaf below it.
        type: what the field holds; a value of another JSON type never reaches `decide`.
        decide: from the value (None if it is empty) and the grounds to a decision.
    """

    field: Field
    type: ValueType
    decide: Callable[[Json, Grounds], Decision]

    def leaves(self, source: ServiceLeaves) -> Iterable[Leaf]:
        """Return the leaves of the source that this row owns."""
        path = self.field.source
        if path.endswith(".*"):
            return [leaf for leaf in source.leaves.values() if leaf.path.startswith(path[:-1])]
        return (source.leaves[path],) if path in source.leaves else ()


class JudgedLeaf(NamedTuple):
    """A leaf, where it goes and what was decided."""

    leaf: Leaf
    resource: Resource | None
    target: str | None
    decision: Decision
    conflict: bool


def row(
    source: str,
    type_: ValueType,
    decide: Callable[[Json, Grounds], Decision],
    rule: str,
    *,
    api: Api = Api.BOTH,
    to: tuple[Resource, str] | None = None,
) -> MappingRow:
    """Return a row; `to` is the Conversations resource and path that receive the value, if any."""
    resource, target = to or (None, None)
    return MappingRow(Field(source, api, resource, target, rule), type_, decide)


def judge(rows: Iterable[MappingRow], grounds: Grounds) -> Iterator[JudgedLeaf]:
    """Yield every leaf that the rows own, and every field of theirs that was not examined, with its decision.

    Dates and addresses are no settings, so nobody needs to hear that they were not examined.
    """
    all_examined = grounds.source.all_examined
    for each in rows:
        why = "" if all_examined else grounds.source.why_not_examined(each.field.source, each.field.api)
        if why and each.type is not ValueType.STAMP:
            yield _unexamined(each.field, why)
        else:
            for leaf in each.leaves(grounds.source):
                yield _judge(each, leaf, grounds)


def _unexamined(unknown: Field, why: str) -> JudgedLeaf:
    decision = leave(Verdict.MANUAL, causes.NOT_EXAMINED(field=unknown.source, why=why))
    return JudgedLeaf(Leaf(unknown.source, unknown.api, None, None), None, None, decision, conflict=False)


def _judge(each: MappingRow, leaf: Leaf, grounds: Grounds) -> JudgedLeaf:
    empty = is_empty(leaf.value)
    if not empty and not fits(each.type, leaf.value):
        decision = misfit(EXPECTED[each.type], leaf.value)
    else:
        decision = each.decide(None if empty else leaf.value, grounds)
    resource, target = (each.field.resource, each.field.target) if decision.targeted else (None, None)
    return JudgedLeaf(leaf, resource, target, decision, conflicting(leaf, each.type))


def conflicting(leaf: Leaf, type_: ValueType | None) -> bool:
    """Return whether v1 and v2 both show the leaf and do not mean the same."""
    return leaf.api is Api.BOTH and not agree(type_, leaf.v1_value, leaf.value)


def misfit(expected: str, found: Json) -> Decision:
    """Return the decision not to write a value of the wrong JSON type, whatever it was meant to be."""
    return leave(Verdict.MANUAL, causes.UNEXPECTED_VALUE(expected=expected, found=describe(found)))
