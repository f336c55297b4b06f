"""The service's roles, and which of them are given by default."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from mappings import causes
from mappings.grounds import Grounds
from mappings.leaves import ServiceLeaves
from mappings.model import Api, Field, Json, Outcome, Resource, RoleTranslation, Verdict
from mappings.permissions import RENAMED, PermissionTranslation, translate_permissions
from mappings.reasons import Reason
from mappings.rows import Decision, leave, put, row
from mappings.values import EXPECTED, ValueType, describe, fits, quote

TYPES: Mapping[str, str] = {
    "deployment": "service",
    "channel": "conversation",
    "service": "service",
    "conversation": "conversation",
}
"""Role type in Chat, or already in Conversations → role type in Conversations."""


@dataclass(frozen=True)
class JudgedRole:
    """One role: its translation, and what to tell of it.

    Attributes:
        representable: whether Conversations can hold the role at all.
    """

    role: Mapping[str, Json]
    translation: RoleTranslation
    representable: bool
    verdict: Verdict
    reasons: tuple[Reason, ...]


def judge_role(role: Mapping[str, Json], *, same_service: bool) -> JudgedRole:
    """Return what becomes of one raw Chat Role resource; never raises.

    The type is `""` if it is none that Twilio documents. A name or SID that is not a string becomes `""`.
    """
    translation, permissions = _translated(role)
    obstacle = _obstacle(role, translation, same_service=same_service)
    if obstacle:
        return JudgedRole(role, translation, False, Verdict.MANUAL, (obstacle,))
    why = tuple(_permission_reasons(permissions, translation.type)) or (causes.SAME_PERMISSIONS(),)
    return JudgedRole(role, translation, True, _verdict(permissions), why)


def _translated(role: Mapping[str, Json]) -> tuple[RoleTranslation, PermissionTranslation]:
    chat_type = role.get("type")
    type_ = TYPES.get(chat_type, "") if isinstance(chat_type, str) else ""
    permissions = translate_permissions(_permissions(role), type_)
    translation = RoleTranslation(
        source_sid=_text(role.get("sid")),
        friendly_name=_text(role.get("friendly_name")),
        type=type_,
        permissions=permissions.names,
        lost=permissions.lost + permissions.misplaced + permissions.unknown,
    )
    return translation, permissions


def _obstacle(role: Mapping[str, Json], translation: RoleTranslation, *, same_service: bool) -> Reason | None:
    """Return why Conversations cannot hold the role; None if it can."""
    if not translation.source_sid:
        return causes.ROLE_WITHOUT_SID()
    if not translation.type:
        return causes.ROLE_TYPE_UNKNOWN(type=quote(role.get("type")))
    if not translation.permissions:
        return _without_permissions(role.get("permissions"), translation.lost)
    if not same_service and not translation.friendly_name:
        return causes.ROLE_WITHOUT_NAME()
    return None


def _without_permissions(permissions: Json, lost: tuple[str, ...]) -> Reason:
    """Return why there is no permission to grant; Twilio always answers with a list, which a saved file may lack."""
    if permissions is None:
        return causes.NOT_EXAMINED(field="permissions", why="the role was read without them")
    if not fits(ValueType.NAMES, permissions):
        return causes.PERMISSIONS_UNREADABLE(expected=EXPECTED[ValueType.NAMES], found=describe(permissions))
    return causes.NO_PERMISSION_LEFT(lost=lost) if lost else causes.NO_PERMISSION()


def _permission_reasons(permissions: PermissionTranslation, type_: str) -> Iterator[Reason]:
    if permissions.unknown:
        yield causes.PERMISSION_UNKNOWN(permissions=permissions.unknown)
    if permissions.lost:
        yield causes.PERMISSION_LOST(permissions=permissions.lost)
    if permissions.misplaced:
        yield causes.PERMISSION_NOT_OF_TYPE(permissions=permissions.misplaced, type=type_)
    if permissions.renamed:
        renames = tuple(f"{name} → {RENAMED[name]}" for name in permissions.renamed)
        yield causes.PERMISSIONS_RENAMED(renames=renames)


def _verdict(permissions: PermissionTranslation) -> Verdict:
    """Return the worst of what became of the permissions."""
    if permissions.unknown:
        return Verdict.MANUAL
    if permissions.lost or permissions.misplaced:
        return Verdict.LOSSY
    return Verdict.CONVERTED if permissions.renamed else Verdict.EXACT


def _permissions(role: Mapping[str, Json]) -> list[str]:
    permissions: list[str] = role.get("permissions") or []
    return permissions if fits(ValueType.NAMES, permissions) else []


def _text(value: Json) -> str:
    return value if isinstance(value, str) else ""


def outcomes(judged: tuple[JudgedRole, ...], source: ServiceLeaves) -> Iterator[Outcome]:
    """Yield one outcome per role, with a source of its own; one for all of them if they were not examined."""
    api = Api.V1 if Api.V2 in source.unread else Api.V2
    for each, path in zip(judged, _sources(judged, source.leaves), strict=True):
        yield Outcome(
            source=path,
            api=api,
            value=each.role.get("permissions"),
            resource=Resource.ROLES,
            target="permissions",
            verdict=each.verdict,
            reasons=each.reasons,
            role_sid=each.translation.source_sid or None,
        )
    why = source.not_examined.get("roles")
    if why and not judged:
        reason = causes.NOT_EXAMINED(field="roles", why=why)
        yield Outcome(ANY_ROLE, api, None, None, None, Verdict.MANUAL, (reason,))


def _sources(judged: tuple[JudgedRole, ...], taken: Collection[str]) -> Iterator[str]:
    names = [each.translation.friendly_name or each.translation.source_sid or "unnamed" for each in judged]
    shared = Counter([*(f"roles.{name}.permissions" for name in names), *taken])
    used = set(taken)
    for each, name in zip(judged, names, strict=True):
        label = name
        if shared[f"roles.{name}.permissions"] > 1:
            label = f"{name} ({each.translation.source_sid})"
        unique, count = f"roles.{label}.permissions", 1
        while unique in used:
            count += 1
            unique = f"roles.{label} #{count}.permissions"
        used.add(unique)
        yield unique


def _default_role(value: Json, grounds: Grounds) -> Decision:
    if value is None:
        return leave(Verdict.NOT_NEEDED, causes.NOT_SET())
    if grounds.same_service:
        return put(Verdict.RENAMED, value, causes.SHARED_ROLES())
    if value not in grounds.roles:
        return leave(Verdict.MANUAL, causes.NO_COUNTERPART(role=value))
    return put(Verdict.CONVERTED, value, causes.COUNTERPART())


_DEFAULT_RULE = (
    "renamed in place; elsewhere converted to the SID of the counterpart, manual if there is none; "
    "not_needed if null"
)

ROWS = (
    row(
        "default_service_role_sid",
        ValueType.TEXT,
        _default_role,
        _DEFAULT_RULE,
        to=(Resource.CONFIGURATION, "default_chat_service_role_sid"),
    ),
    row(
        "default_channel_role_sid",
        ValueType.TEXT,
        _default_role,
        _DEFAULT_RULE,
        to=(Resource.CONFIGURATION, "default_conversation_role_sid"),
    ),
    row(
        "default_channel_creator_role_sid",
        ValueType.TEXT,
        _default_role,
        _DEFAULT_RULE,
        to=(Resource.CONFIGURATION, "default_conversation_creator_role_sid"),
    ),
)


def _role_field(name: str, target: str | None, rule: str) -> Field:
    resource = Resource.ROLES if target else None
    return Field(f"roles.<friendly_name>.{name}", Api.BOTH, resource, target, rule)


_SAME_OR_NEW = "exact in place; elsewhere the counterpart has its own"

ANY_ROLE = "roles.<friendly_name>.permissions"
"""Stands for the roles of a service whose roles were not examined."""

ROLE_FIELDS = (
    _role_field(
        "permissions",
        "permissions",
        "exact; converted if renamed; lossy without inviteMember or what the role's type cannot have; "
        "manual if unknown or nothing is left",
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


def judge_roles(source: ServiceLeaves) -> tuple[JudgedRole, ...]:
    """Return what becomes of each role."""
    return tuple(judge_role(role, same_service=source.same_service) for role in source.roles)
