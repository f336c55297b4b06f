"""Snapshot + target → plan: what each setting becomes, and the fewest writes that make it so. Pure."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from mappings import ChatService, Outcome, Resource, RoleTranslation, Translation, Verdict, same, translate
from migrate.model.step import SETTINGS, Action, Step, Values, counterpart_of, lookup
from migrate.model.target import TargetState
from migrate.report.model import FieldRow

Json = Any

CONVERSATIONS_ONLY_FILTERS = frozenset({"onConversationStateUpdated", "onDeliveryUpdated"})
"""Events without a Chat counterpart: where a target has them, someone has set them there for Conversations."""

BORN_ROLES = frozenset(
    {
        ("service", "service admin"),
        ("service", "service user"),
        ("conversation", "channel admin"),
        ("conversation", "channel user"),
    }
)
"""Type and lower-cased name of the roles that Twilio gives every new service (Chat docs, Roles)."""

ROLE_SETTINGS = frozenset(
    {
        "default_chat_service_role_sid",
        "default_conversation_role_sid",
        "default_conversation_creator_role_sid",
    }
)
"""Settings whose value is the SID of a role."""

NO_TARGET = (
    "Conversations has no Service with this SID, so nothing can be set in place. "
    "Use `--target new` to create one, or check the account."
)
KEEPS_ITS_NAME = "The target keeps the name that it has: Conversations cannot rename a Service."
REPLACES_ACCOUNT_WEBHOOKS = (
    "The Service has had no webhook of its own in Conversations; "
    "from now on, the account-level webhook is not called for it."
)


@dataclass(frozen=True)
class Destination:
    """Where the settings of one service go, and what is known of that place.

    Attributes:
        account_sid: the account that is written to.
        sid: the Conversation Service, or None if it is still to be created.
        in_place: whether it has the Chat Service's own SID, in the same account.
        state: as read; None if it was not looked at, or does not exist yet.
        offline: nothing was looked at, so all is shown as to be set.
        refused: filters that Twilio has refused for it before.
        counterparts: Chat role SID → SID of the role that stands for it there, as recorded earlier.
    """

    account_sid: str
    sid: str | None
    in_place: bool
    state: TargetState | None = None
    offline: bool = False
    refused: frozenset[str] = frozenset()
    counterparts: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_missing(self) -> bool:
        """Whether a service was looked for and not found."""
        return self.state is not None and not self.state.exists


@dataclass(frozen=True)
class ServicePlan:
    """What is to be done for one service, and why.

    Attributes:
        source_sid: the Chat Service.
        friendly_name: the Chat Service's name.
        fields: one row per leaf of the source, sorted.
        steps: the writes, in order.
        counterparts: Chat role SID → SID of the role in the target, as far as known.
    """

    source_sid: str
    friendly_name: str
    fields: tuple[FieldRow, ...]
    steps: tuple[Step, ...]
    counterparts: Mapping[str, str]


def plan_service(service: ChatService, destination: Destination) -> ServicePlan:
    """Plan one service. The same input gives the same plan."""
    planner = (_InPlace if destination.in_place else _Elsewhere)(service, destination)
    return ServicePlan(
        source_sid=service.sid,
        friendly_name=planner.translation.friendly_name,
        fields=tuple(planner.row(outcome) for outcome in planner.translation.outcomes),
        steps=() if destination.is_missing else tuple(planner.steps()),
        counterparts=planner.counterparts,
    )


class _Planner(ABC):
    """What both ways have in common: the three settings resources."""

    def __init__(self, service: ChatService, destination: Destination) -> None:
        self.translation: Translation = translate(service, same_service=destination.in_place)
        self._source_sid = service.sid
        self._destination = destination
        self._roles = {role.source_sid: role for role in self.translation.roles}
        state = destination.state
        self._live_roles: dict[str, Mapping[str, Json]] = (
            {role["sid"]: role for role in state.roles} if state else {}
        )
        self.counterparts: Mapping[str, str] = {}
        self._worked_out: dict[Resource, Mapping[str, Json]] = {}

    @abstractmethod
    def steps(self) -> Iterator[Step]:
        """Yield the writes, in order."""

    def row(self, outcome: Outcome) -> FieldRow:
        """Return the report's row on one source field."""
        if self._destination.is_missing and outcome.resource in (*SETTINGS, Resource.ROLES):
            return _row(outcome, None, None, verdict=Verdict.MANUAL, reason=NO_TARGET)
        if outcome.resource in SETTINGS:
            return self._settings_row(outcome, outcome.resource)
        if outcome.resource is Resource.ROLES:
            return self._role_row(outcome)
        if outcome.resource is Resource.SERVICE:
            return self._service_row(outcome)
        return _row(outcome, None, None)

    def _settings_steps(self) -> Iterator[Step]:
        for resource in SETTINGS:
            wanted = self._values(resource)
            after = {path: value for path, value in wanted.items() if self._differs(resource, path, value)}
            if after:
                yield self._settings_step(resource, after)

    def _settings_step(self, resource: Resource, after: Values) -> Step:
        uncertain = self.translation.uncertain_filters if "filters" in after else ()
        known = self._destination.state is not None
        return Step(
            key=f"{self._source_sid}/{resource.value}",
            source_sid=self._source_sid,
            target_sid=self._destination.sid,
            resource=resource,
            action=Action.UPDATE,
            before={path: self._live(resource, path) for path in after} if known else {},
            after=after,
            optional=tuple(name for name in uncertain if name not in self._destination.refused),
        )

    def _values(self, resource: Resource) -> Mapping[str, Json]:
        """Return what `_wanted` says, worked out once: every row of a resource asks for it."""
        if resource not in self._worked_out:
            self._worked_out[resource] = self._wanted(resource)
        return self._worked_out[resource]

    def _wanted(self, resource: Resource) -> Mapping[str, Json]:
        """Return the values that one settings resource should hold."""
        values = dict(self.translation.settings.get(resource, {}))
        if isinstance(values.get("filters"), list):
            present = self._live(resource, "filters")
            held = present if isinstance(present, list) else []
            extra = [name for name in held if isinstance(name, str) and name in CONVERSATIONS_ONLY_FILTERS]
            kept = [name for name in values["filters"] if name not in self._destination.refused]
            values["filters"] = list(dict.fromkeys(kept + extra))
        return values

    def _live(self, resource: Resource, path: str) -> Json:
        state = self._destination.state
        return lookup(state.settings.get(resource), path) if state is not None else None

    def _differs(self, resource: Resource, path: str, value: Json) -> bool:
        return self._destination.offline or not same(resource, path, self._live(resource, path), value)

    def _settings_row(self, outcome: Outcome, resource: Resource) -> FieldRow:
        path = outcome.target or ""
        before = self._live(resource, path)
        wanted = self._values(resource)
        if path not in wanted:
            return _row(outcome, before, before)
        change = self._differs(resource, path, wanted[path])
        lost = self._lost_filters(outcome)
        return _row(
            outcome,
            before,
            wanted[path] if change else before,
            verdict=Verdict.MANUAL if lost else outcome.verdict,
            reason=self._with_notes(outcome, change=change, lost=lost),
            change=change,
        )

    def _lost_filters(self, outcome: Outcome) -> list[str]:
        if outcome.target != "filters":
            return []
        return [name for name in self.translation.uncertain_filters if name in self._destination.refused]

    def _with_notes(self, outcome: Outcome, *, change: bool, lost: list[str]) -> str:
        notes = [outcome.reason]
        if lost:
            notes.append(
                f"Twilio refused {', '.join(lost)} for this Service; receive it through the account-level webhook."
            )
        if change and outcome.resource is Resource.WEBHOOKS and self._has_no_webhooks():
            notes.append(REPLACES_ACCOUNT_WEBHOOKS)
        return " ".join(note for note in notes if note)

    def _has_no_webhooks(self) -> bool:
        urls = ("pre_webhook_url", "post_webhook_url")
        return self._destination.state is not None and not any(
            self._live(Resource.WEBHOOKS, url) for url in urls
        )

    def _permissions(self, live_sid: str | None) -> list[str]:
        found = self._live_roles.get(live_sid or "", {}).get("permissions")
        return found if isinstance(found, list) else []

    @abstractmethod
    def _service_row(self, outcome: Outcome) -> FieldRow: ...

    @abstractmethod
    def _role_row(self, outcome: Outcome) -> FieldRow: ...


class _InPlace(_Planner):
    """The Conversation Service that has the Chat Service's own SID: the same object, with the same roles."""

    def __init__(self, service: ChatService, destination: Destination) -> None:
        super().__init__(service, destination)
        self.counterparts = {sid: sid for sid in self._roles}

    def steps(self) -> Iterator[Step]:
        """Yield settings first: a role that Twilio refuses must not keep them from being set."""
        yield from self._settings_steps()
        for role_sid in sorted(self._roles):
            yield from self._role_steps(role_sid)

    def _role_steps(self, role_sid: str) -> Iterator[Step]:
        """Give a role what it lacks, and take nothing away."""
        missing = self._missing(role_sid)
        if missing and (self._destination.offline or role_sid in self._live_roles):
            before = self._permissions(role_sid)
            yield Step(
                key=f"{self._source_sid}/roles/{role_sid}",
                source_sid=self._source_sid,
                target_sid=self._destination.sid,
                resource=Resource.ROLES,
                action=Action.UPDATE,
                before={"permissions": before},
                after={"permissions": before + missing},
                item=role_sid,
            )

    def _missing(self, role_sid: str) -> list[str]:
        present = self._permissions(role_sid)
        return [name for name in self._roles[role_sid].permissions if name not in present]

    def _service_row(self, outcome: Outcome) -> FieldRow:
        return _row(outcome, outcome.value, outcome.value)

    def _role_row(self, outcome: Outcome) -> FieldRow:
        role_sid = outcome.role_sid or ""
        if not self._destination.offline and role_sid not in self._live_roles:
            reason = f"Conversations shows no role {role_sid} in this Service."
            return _row(outcome, None, None, verdict=Verdict.MANUAL, reason=reason)
        before = self._permissions(role_sid)
        missing = self._missing(role_sid) if role_sid in self._roles else []
        return _row(outcome, before, before + missing, change=bool(missing))


class _Elsewhere(_Planner):
    """Another Conversation Service: one still to be created, one created earlier, or one of a map file."""

    def __init__(self, service: ChatService, destination: Destination) -> None:
        super().__init__(service, destination)
        self.counterparts = match_roles(
            self.translation.roles, tuple(self._live_roles.values()), destination.counterparts
        )

    def steps(self) -> Iterator[Step]:
        """Yield the service and its roles first: the configuration needs their SIDs."""
        if self._destination.sid is None:
            yield self._create_step()
        for role in sorted(self._roles.values(), key=lambda role: role.source_sid):
            yield from self._role_steps(role)
        yield from self._settings_steps()

    def _create_step(self) -> Step:
        return Step(
            key=f"{self._source_sid}/service",
            source_sid=self._source_sid,
            target_sid=None,
            resource=Resource.SERVICE,
            action=Action.CREATE,
            before={},
            after={"friendly_name": self._name()},
        )

    def _name(self) -> str:
        name = self.translation.settings.get(Resource.SERVICE, {}).get("friendly_name")
        return name if isinstance(name, str) and name else self._source_sid

    def _role_steps(self, role: RoleTranslation) -> Iterator[Step]:
        """Give a role exactly the translated permissions, or create it with them."""
        live_sid = self.counterparts.get(role.source_sid)
        wanted = list(role.permissions)
        if live_sid and same(Resource.ROLES, "permissions", self._permissions(live_sid), wanted):
            return
        exists = live_sid or (
            self._destination.sid is None and _role_key(role.type, role.friendly_name) in BORN_ROLES
        )
        yield Step(
            key=f"{self._source_sid}/roles/{role.source_sid}",
            source_sid=self._source_sid,
            target_sid=self._destination.sid,
            resource=Resource.ROLES,
            action=Action.UPDATE if exists else Action.CREATE,
            before={"permissions": self._permissions(live_sid)} if live_sid else {},
            after={"permissions": wanted},
            item=live_sid,
            role=role,
        )

    def _wanted(self, resource: Resource) -> Mapping[str, Json]:
        values = super()._wanted(resource)
        if resource is not Resource.CONFIGURATION:
            return values
        return {
            path: self._role_sid(value) if path in ROLE_SETTINGS else value for path, value in values.items()
        }

    def _role_sid(self, source_sid: str) -> str:
        return self.counterparts.get(source_sid) or counterpart_of(source_sid)

    def _service_row(self, outcome: Outcome) -> FieldRow:
        if outcome.target == "friendly_name":
            return self._name_row(outcome)
        after = {"sid": self._destination.sid, "account_sid": self._destination.account_sid}.get(
            outcome.target or ""
        )
        return _row(outcome, after, after)

    def _name_row(self, outcome: Outcome) -> FieldRow:
        if self._destination.sid is None:
            return _row(outcome, None, self._name(), change=True)
        return _row(outcome, None, None, verdict=Verdict.NOT_NEEDED, reason=KEEPS_ITS_NAME)

    def _role_row(self, outcome: Outcome) -> FieldRow:
        role = self._roles.get(outcome.role_sid or "")
        live_sid = self.counterparts.get(outcome.role_sid or "")
        before = self._permissions(live_sid) if live_sid else None
        if role is None:
            return _row(outcome, before, before)
        wanted = list(role.permissions)
        change = live_sid is None or not same(Resource.ROLES, "permissions", before, wanted)
        return _row(outcome, before, wanted if change else before, change=change)


def _role_key(role_type: object, friendly_name: object) -> tuple[str, str]:
    return str(role_type), str(friendly_name).lower()


def is_born_role(live: Mapping[str, Json]) -> bool:
    """Whether a live role is one of those that every service is born with."""
    return _role_key(live.get("type"), live.get("friendly_name")) in BORN_ROLES


def match_roles(
    roles: tuple[RoleTranslation, ...], live: tuple[Mapping[str, Json], ...], recorded: Mapping[str, str]
) -> dict[str, str]:
    """Return which live role stands for which Chat role: as recorded, else by type and lower-cased name.

    A live role stands for one Chat role only. Where several fit, none is taken: a wrong role would get
    permissions that were meant for another.
    """
    present = {role["sid"] for role in live}
    matched = {old: new for old, new in recorded.items() if new in present}
    for role in sorted(roles, key=lambda role: role.source_sid):
        if role.source_sid not in matched:
            fitting = fitting_roles(role, live, taken=frozenset(matched.values()))
            if len(fitting) == 1:
                matched[role.source_sid] = fitting[0]
    return matched


def fitting_roles(
    role: RoleTranslation, live: tuple[Mapping[str, Json], ...], *, taken: frozenset[str]
) -> list[str]:
    """Return the SIDs of live roles of the same type and lower-cased name that stand for no other role."""
    wanted = _role_key(role.type, role.friendly_name)
    return [
        found["sid"]
        for found in live
        if found["sid"] not in taken and _role_key(found.get("type"), found.get("friendly_name")) == wanted
    ]


def _row(
    outcome: Outcome,
    before: Json,
    after: Json,
    *,
    change: bool = False,
    verdict: Verdict | None = None,
    reason: str | None = None,
) -> FieldRow:
    return FieldRow(
        source=outcome.source,
        api=outcome.api.value,
        value=outcome.value,
        resource=outcome.resource.value if outcome.resource else None,
        target=outcome.target,
        before=before,
        after=after,
        change=change,
        verdict=(verdict or outcome.verdict).value,
        reason=outcome.reason if reason is None else reason,
    )
