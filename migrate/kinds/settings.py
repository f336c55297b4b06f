"""The three settings resources of a Conversation Service: configuration, notifications, webhooks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, ClassVar

from mappings import FIELDS, Outcome, Resource, Verdict, new_name, same
from mappings.reasons import Cause, Reason
from mappings.values import is_empty
from migrate.api.messages import Calls, Request, Surface
from migrate.kinds.base import HOLDS_ALTERED, TARGET_MISSING, Kind, Planning, Share, shown
from migrate.model.item import Item
from migrate.model.rows import FieldRow
from migrate.model.step import (
    Action,
    Form,
    ReadyStep,
    Step,
    Values,
    counterpart_of,
    lookup,
    marked_sid,
    parameter_name,
    wire,
)

Json = Any

ONLY_CONVERSATIONS = Cause(
    "only_conversations",
    "Only Conversations has a value, which is kept",
    "Chat holds no value here; only Conversations has one, which is kept. `--clear` empties it.",
)
FILTERS_REFUSED = Cause(
    "filters_refused",
    "Twilio refuses events about users for a Service",
    "Twilio refused {filters} for this Service; receive these events through the account-level webhook.",
)
REPLACES_ACCOUNT_WEBHOOKS = Cause(
    "replaces_account_webhooks",
    "The account-level webhook is no longer called for the Service",
    "The Service has had no webhook of its own in Conversations; from now on, the account-level webhook is not "
    "called for it.",
)
URLS_EMPTIED = Cause(
    "urls_emptied",
    "There was no webhook before",
    'There was no webhook before, and Twilio has no way back to "never set": the URLs are emptied. Whether the '
    "account-level webhook is called again is not documented: test it.",
)
CONVERSATIONS_ONLY_FILTERS = frozenset({"onConversationStateUpdated", "onDeliveryUpdated"})
"""Events without a Chat counterpart: where a target has them, someone has set them there for Conversations."""
WEBHOOK_URLS = ("pre_webhook_url", "post_webhook_url")


@dataclass(frozen=True)
class _Decision:
    """What becomes of one path: the value to hold, whether it takes a write, and what to say besides."""

    before: Json
    after: Json
    change: bool = False
    reason: Reason | None = None


class SettingsKind(Kind):
    """One settings resource: it exists as soon as its service does, and an update sets what it names."""

    resource: ClassVar[Resource]
    path: ClassVar[str]

    def plan(self, planning: Planning, outcomes: tuple[Outcome, ...], items: Iterator[Item]) -> Share:
        if planning.destination.is_missing:
            return without_target(outcomes)
        decisions = {
            path: self._decide(planning, path, value) for path, value in self._wanted(planning).items()
        }
        after = {path: decision.after for path, decision in decisions.items() if decision.change}
        step = self._step(planning, decisions, outcomes, after) if after else None
        rows = tuple(self._row(planning, outcome, decisions, step) for outcome in outcomes)
        return Share(rows, (step,) if step else ())

    def _wanted(self, planning: Planning) -> Mapping[str, Json]:
        """Return the values that the resource should hold."""
        return planning.translation.settings.get(self.resource, {})

    def _decide(self, planning: Planning, path: str, value: Json) -> _Decision:
        before = lookup(planning.destination.payload(self.name), path)
        if planning.destination.offline:
            return _Decision(before, value, change=True)
        if self.same(path, before, value):
            return _Decision(before, before)
        if is_empty(value) and not is_empty(before) and not planning.options.get("clear"):
            return _Decision(before, before, reason=ONLY_CONVERSATIONS())
        if self.is_altered(planning.destination, planning.destination.sid, path, before, value):
            return _Decision(before, before, reason=HOLDS_ALTERED(held=shown(before), sent=shown(value)))
        return _Decision(before, value, change=True)

    def _step(
        self,
        planning: Planning,
        decisions: Mapping[str, _Decision],
        outcomes: tuple[Outcome, ...],
        after: Values,
    ) -> Step:
        destination, source_sid = planning.destination, planning.service.sid
        held = destination.payload(self.name)
        # All that was reviewed, also where nothing is written: an edit of any of it is drift.
        reviewed = {*decisions, *(outcome.target for outcome in outcomes if outcome.target)}
        known = {path: lookup(held, path) for path in sorted(reviewed)}
        return Step(
            key=f"{source_sid}/{self.name}",
            kind=self.name,
            action=Action.UPDATE,
            source_sid=source_sid,
            item_sid=source_sid,
            service_sid=destination.sid,
            target_sid=destination.sid,
            before=known if destination.image is not None else {},
            after=after,
            needs=self._needs(planning, after),
            detail=self._detail(planning, after),
        )

    def _needs(self, planning: Planning, after: Values) -> tuple[str, ...]:
        return (f"{planning.service.sid}/service",) if planning.destination.sid is None else ()

    def _detail(self, planning: Planning, after: Values) -> Mapping[str, Json]:
        return {}

    def _row(
        self, planning: Planning, outcome: Outcome, decisions: Mapping[str, _Decision], step: Step | None
    ) -> FieldRow:
        decision = decisions.get(outcome.target or "")
        if decision is None:
            before = lookup(planning.destination.payload(self.name), outcome.target or "")
            return row_of(outcome, before, before)
        reasons = self._reasons(planning, outcome, decision)
        verdict = Verdict.MANUAL if decision.reason is not None else outcome.verdict
        return row_of(outcome, decision.before, decision.after, verdict, reasons)._replace(
            change=decision.change,
            held_to=decision.reason is None or decision.reason.id != ONLY_CONVERSATIONS.id,
            step=step.key if step is not None and decision.change else None,
        )

    def _reasons(self, planning: Planning, outcome: Outcome, decision: _Decision) -> tuple[Reason, ...]:
        return outcome.reasons if decision.reason is None else (decision.reason,)

    async def read_target(self, calls: Calls, service_sid: str) -> Mapping[str, Json] | None:
        answer = await calls.get(
            Surface.CONVERSATIONS,
            self.path.format(sid=service_sid),
            check=lambda payload: payload.get("chat_service_sid") == service_sid,
        )
        return answer.payload

    def same(self, path: str, a: Json, b: Json) -> bool:
        return same(self.resource, path, a, b)

    def form(self, step: Step | ReadyStep) -> Form:
        return {parameter_name(path): wire(value) for path, value in sorted(step.after.items())}

    def request(self, step: ReadyStep) -> Request:
        return Request(
            "POST",
            Surface.CONVERSATIONS,
            self.path.format(sid=step.service_sid),
            self.form(step),
            check=lambda payload: payload.get("chat_service_sid") == step.service_sid,
        )

    async def read(self, calls: Calls, step: ReadyStep) -> Mapping[str, Json]:
        return await self.read_target(calls, step.service_sid) or {}

    def values(self, payload: Mapping[str, Json]) -> Values:
        return {path: lookup(payload, path) for path in self.paths()}

    @classmethod
    @cache
    def paths(cls) -> frozenset[str]:
        """Return all response paths that the mappings know."""
        return frozenset(field.target for field in FIELDS if field.resource is cls.resource and field.target)

    def is_touched(self, payload: Mapping[str, Json], known: frozenset[str]) -> bool:
        """See `Kind.is_touched`. What Twilio sets by itself takes no empty value."""
        if payload.get("chat_service_sid") in known:
            return False
        return any(
            lookup(payload, path) not in (None, "", [], False) for path in self.paths() - self.not_clearable
        )


class Notifications(SettingsKind):
    """Push notifications."""

    name = "notifications"
    resource = Resource.NOTIFICATIONS
    path = "/v1/Services/{sid}/Configuration/Notifications"


class Configuration(SettingsKind):
    """Default roles and reachability."""

    name = "configuration"
    resource = Resource.CONFIGURATION
    path = "/v1/Services/{sid}/Configuration"
    role_paths = frozenset(
        {
            "default_chat_service_role_sid",
            "default_conversation_creator_role_sid",
            "default_conversation_role_sid",
        }
    )
    not_clearable = role_paths

    def _wanted(self, planning: Planning) -> Mapping[str, Json]:
        values = super()._wanted(planning)
        if planning.destination.in_place:
            return values
        known = planning.destination.counterparts
        return {
            path: known.get(value) or counterpart_of(value) if path in self.role_paths else value
            for path, value in values.items()
        }

    def _needs(self, planning: Planning, after: Values) -> tuple[str, ...]:
        roles = sorted(sid for value in after.values() if (sid := marked_sid(value)))
        return (
            *super()._needs(planning, after),
            *dict.fromkeys(f"{planning.service.sid}/roles/{sid}" for sid in roles),
        )


class Webhooks(SettingsKind):
    """The URLs that Twilio calls, with their method and events."""

    name = "webhooks"
    resource = Resource.WEBHOOKS
    path = "/v1/Services/{sid}/Configuration/Webhooks"
    not_clearable = frozenset({"method"})

    def _wanted(self, planning: Planning) -> Mapping[str, Json]:
        """Keep events that only Conversations has, and leave out those that Twilio refuses here."""
        values = dict(super()._wanted(planning))
        wanted = values.get("filters")
        # Where Chat has none, an event more would look like a value, and the others be emptied unasked.
        if isinstance(wanted, list) and (wanted or planning.options.get("clear")):
            held = lookup(planning.destination.payload(self.name), "filters")
            extra = [name for name in held if name in CONVERSATIONS_ONLY_FILTERS] if _is_names(held) else []
            kept = [name for name in wanted if name not in planning.destination.refused]
            values["filters"] = list(dict.fromkeys(kept + extra))
        return values

    def _detail(self, planning: Planning, after: Values) -> Mapping[str, Json]:
        if "filters" not in after:
            return {}
        refused = planning.destination.refused
        uncertain = [name for name in planning.translation.uncertain_filters if name not in refused]
        return {"optional": uncertain} if uncertain else {}

    def _reasons(self, planning: Planning, outcome: Outcome, decision: _Decision) -> tuple[Reason, ...]:
        reasons = super()._reasons(planning, outcome, decision)
        refused = planning.destination.refused
        lost = tuple(name for name in planning.translation.uncertain_filters if name in refused)
        if outcome.target == "filters" and lost:
            reasons += (FILTERS_REFUSED(filters=lost),)
        if decision.change and self._has_no_webhooks(planning):
            reasons += (REPLACES_ACCOUNT_WEBHOOKS(),)
        return reasons

    def _row(
        self, planning: Planning, outcome: Outcome, decisions: Mapping[str, _Decision], step: Step | None
    ) -> FieldRow:
        row = super()._row(planning, outcome, decisions, step)
        is_lost = any(reason.id == FILTERS_REFUSED.id for reason in row.reasons)
        return row._replace(verdict=Verdict.MANUAL) if is_lost else row

    def _has_no_webhooks(self, planning: Planning) -> bool:
        held = planning.destination.payload(self.name)
        return planning.destination.image is not None and not any(held.get(url) for url in WEBHOOK_URLS)

    def agrees(self, path: str, expected: Json, live: Json, *, in_place: bool) -> bool:
        """See `Kind.agrees`. Events that only Conversations has may have been added since."""
        if path == "filters" and _is_names(expected) and _is_names(live):
            return set(expected) - CONVERSATIONS_ONLY_FILTERS == set(live) - CONVERSATIONS_ONLY_FILTERS
        return super().agrees(path, expected, live, in_place=in_place)

    def optional(self, step: ReadyStep) -> tuple[str, ...]:
        filters = step.after.get("filters") or ()
        return tuple(name for name in step.detail.get("optional", ()) if name in filters)

    def without(self, step: ReadyStep, given_up: frozenset[str]) -> ReadyStep:
        if not given_up or "filters" not in step.after:
            return step
        filters = [name for name in step.after["filters"] if name not in given_up]
        after = {**step.after, "filters": filters}
        if self.same("filters", step.before.get("filters"), filters):
            del after["filters"]
        return replace(step, after=after)

    def told_after(self, row: FieldRow, given_up: tuple[str, ...]) -> FieldRow:
        if row.target != "filters" or not given_up or not _is_names(row.after):
            return row
        after = [name for name in row.after if name not in given_up]
        change = not self.same("filters", row.before, after)
        reasons = (*row.reasons, FILTERS_REFUSED(filters=given_up))
        return row._replace(after=after, change=change, verdict=Verdict.MANUAL, reasons=reasons)

    def acceptable(self, before: Values) -> Values:
        """See `Kind.acceptable`: a shared service may have shown Chat's event names."""
        filters = before.get("filters")
        if not isinstance(filters, list):
            return before
        return {**before, "filters": list(dict.fromkeys(new_name(name) for name in filters))}

    def undo_notes(self, inverse: ReadyStep) -> tuple[Reason, ...]:
        urls = [inverse.after[path] for path in WEBHOOK_URLS if path in inverse.after]
        return (URLS_EMPTIED(),) if urls and not any(urls) else ()


def _is_names(value: Json) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value)


def without_target(outcomes: tuple[Outcome, ...]) -> Share:
    """Return the share of a kind where Conversations does not have the service: nothing can be written."""
    why = (TARGET_MISSING(),)
    return Share(tuple(row_of(outcome, None, None, Verdict.MANUAL, why) for outcome in outcomes))


def row_of(
    outcome: Outcome,
    before: Json,
    after: Json,
    verdict: Verdict | None = None,
    reasons: tuple[Reason, ...] | None = None,
) -> FieldRow:
    """Return the row on an outcome that takes no write."""
    return FieldRow(
        source=outcome.source,
        api=outcome.api.value,
        value=outcome.value,
        resource=outcome.resource.value if outcome.resource else None,
        target=outcome.target,
        before=before,
        after=after,
        change=False,
        verdict=verdict or outcome.verdict,
        reasons=outcome.reasons if reasons is None else reasons,
        item_sid=outcome.role_sid,
    )
