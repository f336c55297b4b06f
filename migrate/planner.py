"""Snapshot + target → plan: what each setting becomes, and the fewest writes that make it so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mappings import ChatService, Outcome, Resource, Translation, Verdict, same, translate
from migrate.report.model import FieldRow
from migrate.state import TargetState
from migrate.steps import SETTINGS, Action, Step, lookup

Json = Any

CONVERSATIONS_ONLY_FILTERS = frozenset({"onConversationStateUpdated", "onDeliveryUpdated"})
"""Events without a Chat counterpart: where a target has them, someone has set them there for Conversations."""

NO_TARGET = (
    "Conversations has no Service with this SID, so nothing can be set in place. "
    "Use `--target new` to create one, or check the account."
)
REPLACES_ACCOUNT_WEBHOOKS = (
    "The Service has had no webhook of its own in Conversations; "
    "from now on, the account-level webhook is not called for it."
)


@dataclass(frozen=True)
class ServicePlan:
    """What is to be done for one service, and why.

    Attributes:
        source_sid: the Chat Service.
        target_sid: the Conversation Service, or None if there is none.
        friendly_name: the Chat Service's name.
        fields: one row per leaf of the source, sorted.
        steps: the writes, in order.
    """

    source_sid: str
    target_sid: str | None
    friendly_name: str
    fields: tuple[FieldRow, ...]
    steps: tuple[Step, ...]


def plan_service(
    service: ChatService, state: TargetState | None, *, refused: frozenset[str] = frozenset()
) -> ServicePlan:
    """Plan one service in place. Pure: the same input gives the same plan.

    Args:
        service: the source, as snapshotted.
        state: the target as read; None means offline: nothing to compare with, all is shown as to be set.
        refused: filters that Twilio has refused for this target before.
    """
    planner = _InPlace(service, state, refused)
    return ServicePlan(
        source_sid=service.sid,
        target_sid=None if state is not None and not state.exists else service.sid,
        friendly_name=planner.translation.friendly_name,
        fields=tuple(planner.row(outcome) for outcome in planner.translation.outcomes),
        steps=planner.steps(),
    )


class _InPlace:
    """Plans for the Conversation Service that has the Chat Service's own SID."""

    def __init__(self, service: ChatService, state: TargetState | None, refused: frozenset[str]) -> None:
        self.translation: Translation = translate(service, same_service=True)
        self._sid = service.sid
        self._state = state
        self._refused = refused
        self._live_roles = {role["sid"]: role for role in state.roles} if state else {}
        self._roles = {role.source_sid: role for role in self.translation.roles}

    def wanted(self, resource: Resource) -> Mapping[str, Json]:
        """Return the values that one settings resource should hold."""
        values = dict(self.translation.settings.get(resource, {}))
        if isinstance(values.get("filters"), list):
            present = self._live(resource, "filters")
            extra = [name for name in present or () if name in CONVERSATIONS_ONLY_FILTERS]
            kept = [name for name in values["filters"] if name not in self._refused]
            values["filters"] = list(dict.fromkeys(kept + extra))
        return values

    def steps(self) -> tuple[Step, ...]:
        """Return the writes: settings first, since a refused role must not keep them from being set."""
        if self._state is not None and not self._state.exists:
            return ()
        settings = [self._settings_step(resource) for resource in SETTINGS]
        roles = [self._role_step(role_sid) for role_sid in sorted(self._roles)]
        return tuple(step for step in (*settings, *roles) if step is not None)

    def row(self, outcome: Outcome) -> FieldRow:
        """Return the report's row on one source field."""
        if outcome.resource in SETTINGS:
            return self._settings_row(outcome)
        if outcome.resource is Resource.ROLES:
            return self._role_row(outcome)
        held = outcome.value if outcome.resource is Resource.SERVICE else None
        return _row(outcome, before=held, after=held, change=False)

    def _live(self, resource: Resource, path: str) -> Json:
        return lookup(self._state.settings.get(resource), path) if self._state is not None else None

    def _differs(self, resource: Resource, path: str, value: Json) -> bool:
        return self._state is None or not same(resource, path, self._live(resource, path), value)

    def _settings_step(self, resource: Resource) -> Step | None:
        after = {
            path: value
            for path, value in self.wanted(resource).items()
            if self._differs(resource, path, value)
        }
        if not after:
            return None
        optional = self.translation.uncertain_filters if "filters" in after else ()
        return Step(
            key=f"{self._sid}/{resource.value}",
            source_sid=self._sid,
            target_sid=self._sid,
            resource=resource,
            action=Action.UPDATE,
            before={path: self._live(resource, path) for path in after},
            after=after,
            optional=tuple(name for name in optional if name not in self._refused),
        )

    def _settings_row(self, outcome: Outcome) -> FieldRow:
        resource, path = outcome.resource, outcome.target or ""
        if resource is None:
            raise AssertionError("only outcomes with a settings resource come here")
        before = self._live(resource, path)
        if self._state is not None and not self._state.exists:
            return _row(
                outcome, before=None, after=None, change=False, verdict=Verdict.MANUAL, reason=NO_TARGET
            )
        wanted = self.wanted(resource)
        if path not in wanted:
            return _row(outcome, before=before, after=before, change=False)
        change = self._differs(resource, path, wanted[path])
        after = wanted[path] if change else before
        reason = self._with_notes(outcome, change)
        return _row(
            outcome, before=before, after=after, change=change, reason=reason, verdict=self._verdict(outcome)
        )

    def _verdict(self, outcome: Outcome) -> Verdict:
        return Verdict.MANUAL if self._lost_filters(outcome) else outcome.verdict

    def _lost_filters(self, outcome: Outcome) -> list[str]:
        if outcome.target != "filters":
            return []
        return [name for name in self.translation.uncertain_filters if name in self._refused]

    def _with_notes(self, outcome: Outcome, change: bool) -> str:
        notes = [outcome.reason]
        if lost := self._lost_filters(outcome):
            notes.append(
                f"Twilio refused {', '.join(lost)} for this Service; receive it through the account-level webhook."
            )
        if change and outcome.resource is Resource.WEBHOOKS and self._has_no_webhooks():
            notes.append(REPLACES_ACCOUNT_WEBHOOKS)
        return " ".join(note for note in notes if note)

    def _has_no_webhooks(self) -> bool:
        urls = ("pre_webhook_url", "post_webhook_url")
        return self._state is not None and not any(self._live(Resource.WEBHOOKS, path) for path in urls)

    def _missing_permissions(self, role_sid: str) -> list[str]:
        present = self._permissions(role_sid)
        return [name for name in self._roles[role_sid].permissions if name not in present]

    def _permissions(self, role_sid: str) -> list[str]:
        found = self._live_roles.get(role_sid, {}).get("permissions")
        return found if isinstance(found, list) else []

    def _role_step(self, role_sid: str) -> Step | None:
        missing = self._missing_permissions(role_sid)
        if not missing or (self._state is not None and role_sid not in self._live_roles):
            return None
        before = self._permissions(role_sid)
        return Step(
            key=f"{self._sid}/roles/{role_sid}",
            source_sid=self._sid,
            target_sid=self._sid,
            resource=Resource.ROLES,
            action=Action.UPDATE,
            before={"permissions": before},
            after={"permissions": before + missing},
            item=role_sid,
        )

    def _role_row(self, outcome: Outcome) -> FieldRow:
        role_sid = outcome.role_sid
        if self._state is not None and role_sid not in self._live_roles:
            reason = (
                f"Conversations shows no role {role_sid} in this Service."
                if self._state.exists
                else NO_TARGET
            )
            return _row(outcome, before=None, after=None, change=False, verdict=Verdict.MANUAL, reason=reason)
        before = self._permissions(role_sid or "") if self._state is not None else None
        if role_sid is None or role_sid not in self._roles:
            return _row(outcome, before=before, after=before, change=False)
        missing = self._missing_permissions(role_sid)
        after = (before or []) + missing
        return _row(outcome, before=before, after=after, change=bool(missing))


def _row(
    outcome: Outcome,
    *,
    before: Json,
    after: Json,
    change: bool,
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
