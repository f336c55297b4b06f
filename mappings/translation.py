"""From a Chat Service to what Conversations can hold of it, leaf by leaf."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain

from mappings import roles
from mappings.filters import UNCERTAIN
from mappings.leaves import Leaf, Source
from mappings.model import Api, ChatService, Json, Outcome, Resource, Translation, Verdict
from mappings.registry import CONCERNS, CONTAINERS
from mappings.rows import UNSET, Decision, Finding, conflicting, leave, misfit
from mappings.values import is_empty, quote


def translate(service: ChatService, *, same_service: bool) -> Translation:
    """Translates a whole service; total over any JSON, never raises.

    Args:
        service: the service as read.
        same_service: True if the target is the Conversation Service with the service's own SID.

    Returns:
        One outcome per leaf of the two views and one per role, and the settings to make.
    """
    source = Source.of(service, same_service=same_service)
    findings = _complete(tuple(chain.from_iterable(concern(source) for concern in CONCERNS)), source)
    judged = tuple(roles.judge_role(role, same_service=same_service) for role in source.roles)
    outcomes = [_outcome(finding) for finding in findings]
    outcomes += roles.outcomes(judged, Api.V1 if service.v2 is None else Api.V2, source.leaves)
    settings = _settings(findings)
    filters = settings.get(Resource.WEBHOOKS, {}).get("filters", [])
    name = source.value("friendly_name")
    return Translation(
        service_sid=service.sid,
        friendly_name=name if isinstance(name, str) else "",
        outcomes=tuple(sorted(outcomes, key=lambda outcome: outcome.source)),
        settings=settings,
        roles=tuple(each.translation for each in judged if each.representable),
        uncertain_filters=tuple(name for name in filters if name in UNCERTAIN),
    )


def _complete(findings: tuple[Finding, ...], source: Source) -> tuple[Finding, ...]:
    """Adds a finding for every leaf that no mapping owns, so that none is lost in silence."""
    owned = {finding.leaf.path for finding in findings}
    return (*findings, *(_unowned(leaf) for path, leaf in source.leaves.items() if path not in owned))


def _unowned(leaf: Leaf) -> Finding:
    return Finding(leaf, None, None, _decide_unowned(leaf), conflicting(leaf, None))


def _decide_unowned(leaf: Leaf) -> Decision:
    if is_empty(leaf.value) or leaf.value is False:
        return leave(Verdict.NOT_NEEDED, "Holds nothing.")
    if leaf.path in CONTAINERS:
        return misfit("an object", leaf.value)
    return leave(
        Verdict.MANUAL,
        "This version of chat-migrate does not know this field, so nothing is written. "
        "Look it up in Twilio's documentation, and look for a newer chat-migrate.",
    )


def _outcome(finding: Finding) -> Outcome:
    leaf, decision = finding.leaf, finding.decision
    reason = decision.reason
    if finding.conflict:
        reason += f" The v1 API shows {quote(leaf.v1_value)} instead."
    return Outcome(
        leaf.path, leaf.api, leaf.value, finding.resource, finding.target, decision.verdict, reason
    )


def _settings(findings: Iterable[Finding]) -> dict[Resource, dict[str, Json]]:
    settings: dict[Resource, dict[str, Json]] = {}
    for resource, path, value in chain.from_iterable(map(_writes, findings)):
        settings.setdefault(resource, {})[path] = value
    return settings


def _writes(finding: Finding) -> Iterator[tuple[Resource, str, Json]]:
    decision = finding.decision
    if finding.resource is not None and finding.target is not None and decision.setting is not UNSET:
        yield finding.resource, finding.target, decision.setting
        yield from ((finding.resource, path, value) for path, value in decision.also.items())
