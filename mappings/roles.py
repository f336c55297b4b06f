"""The service's roles, and which of them are given by default."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from mappings.leaves import Source
from mappings.model import Api, Field, Json, Outcome, Resource, RoleTranslation, Verdict
from mappings.permissions import RENAMED, translate_permissions
from mappings.rows import NOT_SET, Decision, Finding, fields_of, findings_of, leave, put, row
from mappings.values import EXPECTED, Kind, describe, fits, listed, quote

TYPES: Mapping[str, str] = {
    "deployment": "service",
    "channel": "conversation",
    "service": "service",
    "conversation": "conversation",
}
"""Role type in Chat, or already in Conversations → role type in Conversations."""


@dataclass(frozen=True)
class RoleFinding:
    """One role: its translation, and what to tell of it.

    Attributes:
        role: the raw Role resource.
        translation: what Conversations can hold of it.
        representable: whether Conversations can hold the role at all.
        verdict: what becomes of its permissions.
        reason: whole sentences.
    """

    role: Mapping[str, Json]
    translation: RoleTranslation
    representable: bool
    verdict: Verdict
    reason: str


def translate_role(role: Mapping[str, Json]) -> RoleTranslation:
    """One raw Chat Role resource in Conversations' words; never raises.

    The type is `""` if it is none that Twilio documents. A name or SID that is not a string becomes `""`.
    """
    permissions = translate_permissions(_permissions(role))
    kind = role.get("type")
    return RoleTranslation(
        source_sid=_text(role.get("sid")),
        friendly_name=_text(role.get("friendly_name")),
        type=TYPES.get(kind, "") if isinstance(kind, str) else "",
        permissions=permissions.names,
        lost=permissions.lost + permissions.unknown,
    )


def judge_role(role: Mapping[str, Json], *, same_service: bool) -> RoleFinding:
    """What becomes of one raw Chat Role resource."""
    translation = translate_role(role)
    obstacle = _obstacle(role, translation, same_service=same_service)
    if obstacle:
        return RoleFinding(role, translation, False, Verdict.MANUAL, obstacle)
    verdict, reason = _judge_permissions(role)
    return RoleFinding(role, translation, True, verdict, reason)


def _obstacle(role: Mapping[str, Json], translation: RoleTranslation, *, same_service: bool) -> str:
    """Why Conversations cannot hold the role; `""` if it can."""
    permissions = role.get("permissions")
    if not translation.source_sid:
        return "The role was read without a SID, so nothing can be done with it; export the service again."
    if not translation.type:
        return (
            f"The role's type is {quote(role.get('type'))}; Chat documents only `channel` and `deployment`."
        )
    if permissions is not None and not fits(Kind.NAMES, permissions):
        return f"Expected {EXPECTED[Kind.NAMES]}, found {describe(permissions)}."
    if not translation.permissions:
        lost = f" (lost: {listed(translation.lost)})" if translation.lost else ""
        return (
            f"A role in Conversations needs at least one permission, and none is left{lost}. "
            "Choose what the role shall be allowed to do and create it by hand, or leave it out."
        )
    if not same_service and not translation.friendly_name:
        return "The role has no name, and a new role needs one; create it by hand."
    return ""


def _judge_permissions(role: Mapping[str, Json]) -> tuple[Verdict, str]:
    given = translate_permissions(_permissions(role))
    sentences = []
    if given.renamed:
        renames = listed(f"{name} → {RENAMED[name]}" for name in given.renamed)
        sentences.append(f"Renamed: {renames}.")
    if given.lost:
        sentences.append(
            f"Conversations has no invites, so {listed(given.lost)} is lost; addParticipant would be "
            "the alternative, but it allows more, so it is not granted by itself."
        )
    if given.unknown:
        sentences.append(
            f"Left out, because Twilio documents no such permission: {listed(given.unknown)}. "
            "Decide what the role needs instead."
        )
    verdict = _worst(unknown=bool(given.unknown), lost=bool(given.lost), renamed=bool(given.renamed))
    return verdict, " ".join(sentences) or "Conversations has permissions of the same names."


def _worst(*, unknown: bool, lost: bool, renamed: bool) -> Verdict:
    if unknown:
        return Verdict.MANUAL
    if lost:
        return Verdict.LOSSY
    return Verdict.CONVERTED if renamed else Verdict.EXACT


def _permissions(role: Mapping[str, Json]) -> list[str]:
    permissions: list[str] = role.get("permissions") or []
    return permissions if fits(Kind.NAMES, permissions) else []


def _text(value: Json) -> str:
    return value if isinstance(value, str) else ""


def outcomes(found: tuple[RoleFinding, ...], api: Api, taken: Collection[str]) -> Iterator[Outcome]:
    """One outcome per role, with a source that no other role and none of the `taken` sources has."""
    for each, source in zip(found, _sources(found, taken), strict=True):
        yield Outcome(
            source=source,
            api=api,
            value=each.role.get("permissions"),
            resource=Resource.ROLES,
            target="permissions",
            verdict=each.verdict,
            reason=each.reason,
            role_sid=each.translation.source_sid or None,
        )


def _sources(found: tuple[RoleFinding, ...], taken: Collection[str]) -> Iterator[str]:
    names = [each.translation.friendly_name or each.translation.source_sid or "unnamed" for each in found]
    shared = Counter([*(f"roles.{name}.permissions" for name in names), *taken])
    used = set(taken)
    for each, name in zip(found, names, strict=True):
        label = name
        if shared[f"roles.{name}.permissions"] > 1:
            label = f"{name} ({each.translation.source_sid})"
        unique, count = f"roles.{label}.permissions", 1
        while unique in used:
            count += 1
            unique = f"roles.{label} #{count}.permissions"
        used.add(unique)
        yield unique


@dataclass(frozen=True)
class _Defaults:
    """What decides on a default role: where it goes, and which roles exist there."""

    same_service: bool
    representable: frozenset[str]


def _default_role(value: Json, defaults: _Defaults) -> Decision:
    if value is None:
        return leave(Verdict.NOT_NEEDED, NOT_SET)
    if defaults.same_service:
        return put(Verdict.RENAMED, value, "Chat and Conversations share the roles and their SIDs.")
    if value not in defaults.representable:
        return leave(
            Verdict.MANUAL,
            f"Role {value} has no counterpart in the target: it was not read, or Conversations cannot hold it. "
            "The target's own default role stays; choose another one if that does not fit.",
        )
    return put(Verdict.CONVERTED, value, "Set to the SID of the role's counterpart in the target.")


_DEFAULT_RULE = "renamed in place; elsewhere converted to the SID of the counterpart, manual if there is none"

ROWS = (
    row(
        "default_service_role_sid",
        Kind.TEXT,
        _default_role,
        _DEFAULT_RULE,
        to=(Resource.CONFIGURATION, "default_chat_service_role_sid"),
    ),
    row(
        "default_channel_role_sid",
        Kind.TEXT,
        _default_role,
        _DEFAULT_RULE,
        to=(Resource.CONFIGURATION, "default_conversation_role_sid"),
    ),
    row(
        "default_channel_creator_role_sid",
        Kind.TEXT,
        _default_role,
        _DEFAULT_RULE,
        to=(Resource.CONFIGURATION, "default_conversation_creator_role_sid"),
    ),
)


def _role_field(name: str, target: str | None, rule: str) -> Field:
    resource = Resource.ROLES if target else None
    return Field(f"roles.<friendly_name>.{name}", Api.BOTH, resource, target, rule)


_SAME_OR_NEW = "exact in place; elsewhere the counterpart has its own"

ROLE_FIELDS = (
    _role_field(
        "permissions",
        "permissions",
        "exact; converted if renamed; lossy without inviteMember; manual if unknown or nothing is left",
    ),
    _role_field("type", "type", "converted: deployment → service, channel → conversation"),
    _role_field("friendly_name", "friendly_name", "exact; a new role without a name is manual"),
    _role_field("sid", "sid", _SAME_OR_NEW),
    _role_field("account_sid", "account_sid", _SAME_OR_NEW),
    _role_field("service_sid", "chat_service_sid", _SAME_OR_NEW),
    _role_field("date_created", None, "not_needed: not a setting"),
    _role_field("date_updated", None, "not_needed: not a setting"),
    _role_field("url", None, "not_needed: not a setting"),
)
"""The properties of a Role resource; a role has one outcome, that of its permissions, which tells of all."""

FIELDS = fields_of(ROWS) + ROLE_FIELDS


def findings(source: Source) -> Iterator[Finding]:
    """What becomes of the default roles."""
    found = (judge_role(role, same_service=source.same_service) for role in source.roles)
    representable = frozenset(each.translation.source_sid for each in found if each.representable)
    return findings_of(ROWS, source, _Defaults(source.same_service, representable))
