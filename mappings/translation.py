"""From a Chat Service to what Conversations can hold of it, leaf by leaf."""

from __future__ import annotations

from collections.abc import Iterable
from operator import attrgetter

from mappings import causes, roles
from mappings.grounds import Grounds
from mappings.leaves import ChatService, Leaf, ServiceLeaves
from mappings.model import Json, Outcome, Resource, Translation, Verdict
from mappings.registry import CONTAINERS, ROWS
from mappings.rows import UNSET, Decision, JudgedLeaf, conflicting, judge, leave, misfit
from mappings.values import is_empty, quote
from mappings.webhooks.filters import UNCERTAIN


def translate(service: ChatService, *, same_service: bool) -> Translation:
    """Return a whole service, translated; total over any JSON, never raises.

    Args:
        same_service: True if the target is the Conversation Service with the service's own SID.

    Returns:
        One outcome per leaf of the two views, per role and per field that was not examined, and the settings to make.
    """
    source = ServiceLeaves.of(service, same_service=same_service)
    judged = roles.judge_roles(source)
    held = frozenset(each.translation.source_sid for each in judged if each.representable)
    leaves = _complete(tuple(judge(ROWS, Grounds.of(source, held))), source)
    settings = _settings(leaves)
    name = source.value("friendly_name")
    return Translation(
        friendly_name=name if isinstance(name, str) else "",
        outcomes=tuple(
            sorted((*map(_outcome, leaves), *roles.outcomes(judged, source)), key=attrgetter("source"))
        ),
        settings=settings,
        roles=tuple(each.translation for each in judged if each.representable),
        uncertain_filters=tuple(
            name for name in settings.get(Resource.WEBHOOKS, {}).get("filters", ()) if name in UNCERTAIN
        ),
    )


def _complete(found: tuple[JudgedLeaf, ...], source: ServiceLeaves) -> tuple[JudgedLeaf, ...]:
    """Add every leaf that no mapping owns, so that none is lost in silence."""
    owned = {each.leaf.path for each in found}
    return (*found, *(_unowned(leaf) for path, leaf in source.leaves.items() if path not in owned))


def _unowned(leaf: Leaf) -> JudgedLeaf:
    return JudgedLeaf(leaf, None, None, _decide_unowned(leaf), conflicting(leaf, None))


def _decide_unowned(leaf: Leaf) -> Decision:
    if is_empty(leaf.value) or leaf.value is False:
        return leave(Verdict.NOT_NEEDED, causes.HOLDS_NOTHING())
    if leaf.path in CONTAINERS:
        return misfit("an object", leaf.value)
    return leave(Verdict.MANUAL, causes.UNKNOWN_FIELD())


def _outcome(judged: JudgedLeaf) -> Outcome:
    leaf, decision = judged.leaf, judged.decision
    why = decision.reasons
    if judged.conflict:
        why = (*why, causes.VIEWS_DIFFER(v1_value=quote(leaf.v1_value)))
    return Outcome(leaf.path, leaf.api, leaf.value, judged.resource, judged.target, decision.verdict, why)


def _settings(leaves: Iterable[JudgedLeaf]) -> dict[Resource, dict[str, Json]]:
    settings: dict[Resource, dict[str, Json]] = {}
    for each in leaves:
        if each.resource is not None and each.target is not None and each.decision.setting is not UNSET:
            values = settings.setdefault(each.resource, {})
            values[each.target] = each.decision.setting
            values.update(each.decision.also)
    return settings
