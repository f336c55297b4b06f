"""Made-up reports, the same at every call: an account whose services show every verdict."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from mappings import ChatService, Reason, Verdict
from mappings.webhooks.receivers import Receivers, receivers
from migrate.model.item import Examined
from migrate.model.rows import FieldRow
from migrate.model.state import State
from migrate.report.model import (
    AlteredValue,
    ItemsReport,
    PlanInfo,
    Report,
    ReportKind,
    ServiceReport,
    SnapshotInfo,
    StepError,
    StepRow,
    Summary,
)

ACCOUNT = "AC" + "0" * 31 + "7"
TAKEN_AT = "2026-11-20T21:00:00Z"
PLANNED_AT = "2026-11-21T00:12:00Z"
PLAN = "5f2c9e17a4b80d63" * 4

NAMES = (
    "Support EU", "Support US", "Marketplace chat", "Driver ↔ rider", "Telehealth consultations",
    "Ventes & après-vente", "お客様サポート", "Field service", "Staging", "Loyalty club", "Live events 🎤",
    "Internal help desk",
)  # fmt: skip

EVENTS = (
    "message_send", "message_sent", "message_update", "message_updated", "message_remove", "message_removed",
    "channel_add", "channel_added", "channel_destroy", "channel_destroyed", "channel_update", "channel_updated",
    "member_add", "member_added", "member_remove", "member_removed",
)  # fmt: skip

SAME = Reason("same_setting", "The same setting", "Same name and value.")
ROUTER = Reason(
    "event_not_merged",
    "Per-event webhooks that need an endpoint of their own",
    "Conversations has one pre and one post URL per Service, not one per event. Put one endpoint before your "
    "handlers that routes by EventType, and set its URL.",
)
RETRY = Reason(
    "retries_lost",
    "Retries of webhooks are lost",
    "Conversations does not retry webhooks. Make the receiver reliable, or read the events from Event Streams.",
)
INVITED = Reason(
    "invitation_lost",
    "Conversations has no invitations",
    "Conversations has no invites, so this notification is lost. Its text may serve as the "
    "added_to_conversation template.",
)
LIMIT = Reason("limit_kept", "Kept by the shared Service", "The shared Service keeps it.")
FILTERS = (
    "onMessageSent", "onMediaMessageSent", "onMessageUpdated", "onChannelAdded", "onChannelDestroyed",
    "onMemberAdded", "onUserAdded",
)  # fmt: skip
NEW_FILTERS = (
    "onMessageAdded", "onMessageUpdated", "onConversationAdded", "onConversationRemoved", "onParticipantAdded",
    "onUserAdded",
)  # fmt: skip


def sid(prefix: str, number: int) -> str:
    """A SID of the right shape that no account owns."""
    return f"{prefix}{number:032x}"


def row(
    source: str, value: Any, verdict: str = "exact", reason: Reason | str = SAME, **other: Any
) -> FieldRow:
    """A field row; before and after are the value itself unless told otherwise, and a text is a cause of its own."""
    given: dict[str, Any] = {
        "api": "both", "resource": None, "target": None, "before": value, "after": value, "change": False,
    } | other  # fmt: skip
    if isinstance(reason, str):
        reason = Reason(re.sub(r"\W+", "_", reason[:30].lower()), reason.split(". ")[0].rstrip("."), reason)
    return FieldRow(source=source, value=value, verdict=Verdict(verdict), reasons=(reason,), **given)


def step(key: str, resource: str, params: Mapping[str, Any], state: str = "planned", **other: Any) -> StepRow:
    """An update, planned and reversible unless told otherwise."""
    return StepRow(
        **({"key": key, "resource": resource, "action": "update", "params": params, "reversible": True,
            "state": State(state)} | other)
    )  # fmt: skip


def service(number: int, name: str, traits: frozenset[str] | set[str] = frozenset()) -> ServiceReport:
    """One service with about 80 fields; traits switch on what is out of the ordinary."""
    source = sid("IS", number + 1)
    fields = [
        *_identity(number, name), *_roles(number, traits), *_presence(traits), *_webhooks(name, traits),
        *_events(traits), *_notifications(name, traits), *_media(traits),
    ]  # fmt: skip
    rows = tuple(
        one._replace(step=f"{source}/{one.resource}" if one.change else None)
        for one in sorted(fields, key=lambda one: one.source)
    )
    return ServiceReport(
        source, source, name, rows, tuple(_steps(source, fields)), receivers=_receivers(source, rows)
    )


def _receivers(source: str, rows: tuple[FieldRow, ...]) -> Receivers | None:
    """What the real mapping says of the webhooks that the rows hold."""
    events: dict[str, dict[str, Any]] = {}
    for one in rows:
        path = one.source.split(".")
        if path[0] == "webhooks":
            events.setdefault(path[1], {})[path[2]] = one.value
    v2 = {one.source: one.value for one in rows if "webhook_" in one.source}
    return receivers(ChatService(source, {"webhooks": events}, v2))


def _identity(number: int, name: str) -> Iterator[FieldRow]:
    yield row("friendly_name", name, resource="service", target="friendly_name")
    for path, prefix in (("default_service_role_sid", 1), ("default_channel_role_sid", 2)):
        target = path.replace("service", "chat_service").replace("channel", "conversation")
        role = sid("RL", number * 10 + prefix)
        yield row(
            path, role, "renamed", "Same SID under a new name.", resource="configuration", target=target
        )
    yield row(
        "default_channel_creator_role_sid", sid("RL", number * 10 + 3), "renamed",
        "Same SID under a new name.", resource="configuration", target="default_conversation_creator_role_sid",
    )  # fmt: skip


def _roles(number: int, traits: set[str] | frozenset[str]) -> Iterator[FieldRow]:
    chat = ["createChannel", "joinChannel", "editOwnUserInfo"]
    now = ["createConversation", "joinConversation", "editOwnUserInfo"]
    why = "Permissions have new names; the role holds them already."
    common = {"resource": "roles", "target": "permissions", "item_sid": sid("RL", number)}
    for name in ("channel admin", "channel user", "service user"):
        yield row(f"roles.{name}.permissions", chat, "converted", why, before=now, after=now, **common)
    if "inviter" in traits:
        yield row(
            "roles.inviter.permissions", ["inviteMember"], "manual",
            "inviteMember does not exist in Conversations and is the only permission of this role, and a role "
            "needs one. Decide whether its holders may addParticipant, or delete the role.",
            before=None, after=None, **common,
        )  # fmt: skip
    yield row(
        "roles.service admin.permissions", [*chat, "inviteMember"], "lossy",
        "inviteMember does not exist in Conversations. Grant addParticipant if its holders should add people "
        "directly.", before=now, after=now, **common,
    ) if "invites" in traits else row(
        "roles.service admin.permissions", chat, "converted", why, before=now, after=now, **common
    )  # fmt: skip


def _presence(traits: set[str] | frozenset[str]) -> Iterator[FieldRow]:
    reachable = "reachable" in traits
    yield row(
        "reachability_enabled", reachable, resource="configuration", target="reachability_enabled",
        before=False, change=reachable,
    )  # fmt: skip
    if "unread" in traits:
        yield row(
            "read_status_enabled", False, "manual",
            "Conversations always offers read horizons. If nobody may see them, change the clients.",
        )  # fmt: skip
    else:
        yield row("read_status_enabled", True, "not_needed", "Conversations always offers read horizons.")
    yield row("typing_indicator_timeout", 5, "carried", LIMIT)
    yield row("consumption_report_interval", 10, "not_needed", "Deprecated in Chat and without effect.")
    yield row("limits.channel_members", 1000 if "large" in traits else 100, "carried", LIMIT)
    yield row("limits.user_channels", 250, "carried", LIMIT)
    yield row("limits.actions_per_second", 30, "not_needed", "Today's default for every Service.")


def _webhooks(name: str, traits: set[str] | frozenset[str]) -> Iterator[FieldRow]:
    hooked = "hooks" in traits
    host = f"https://hooks.example.com/{len(name)}"
    for path, url in (
        ("pre_webhook_url", f"https://chat:s3cret@hooks.example.com/pre/{len(name)}" if hooked else None),
        ("post_webhook_url", f"{host}/post?token=s3cret#rc=2" if hooked else None),
    ):
        yield row(path, url, resource="webhooks", target=path, before=None, change=hooked)
    yield row("webhook_method", "POST", "renamed", "Same value, shorter name.", resource="webhooks",
              target="method", before="POST" if hooked else None, after="POST", change=False)  # fmt: skip
    yield row(
        "webhook_filters", list(FILTERS) if hooked else [], "converted",
        "Events have new names; media messages are announced by onMessageAdded.", resource="webhooks",
        target="filters", before=["onMessageAdded", "onDeliveryUpdated"] if hooked else None,
        after=list(NEW_FILTERS) if hooked else None, change=hooked,
    )  # fmt: skip
    for path in ("pre_webhook_retry_count", "post_webhook_retry_count"):
        if "retries" in traits:
            yield row(path, 3, "dropped", RETRY, api="v2")
        else:
            yield row(path, 0, "not_needed", "No retries were asked for.", api="v2")


def _events(traits: set[str] | frozenset[str]) -> Iterator[FieldRow]:
    for event in EVENTS:
        url = f"https://legacy.example.com/{event}?key=s3cret" if "events" in traits else None
        verdict, reason = ("manual", ROUTER) if url else ("not_needed", "No URL is set for this event.")
        yield row(f"webhooks.on_{event}.url", url, verdict, reason, api="v1")
        yield row(f"webhooks.on_{event}.method", "POST" if url else None, verdict, reason, api="v1")


def _notifications(name: str, traits: set[str] | frozenset[str]) -> Iterator[FieldRow]:
    push = "push" in traits
    yield row("notifications.log_enabled", False, resource="notifications", target="log_enabled", api="v2")
    for chat, new in (
        ("new_message", "new_message"),
        ("added_to_channel", "added_to_conversation"),
        ("removed_from_channel", "removed_from_conversation"),
    ):
        verdict, reason = SAME_NAME if chat == new else NEW_NAME
        common: dict[str, Any] = {"resource": "notifications", "verdict": verdict, "reason": reason}
        yield row(
            f"notifications.{chat}.enabled",
            push,
            target=f"{new}.enabled",
            before=False,
            change=push,
            **common,
        )
        yield row(f"notifications.{chat}.sound", "", target=f"{new}.sound", api="v2", **common)
        yield row(
            f"notifications.{chat}.template", f"{name}: ${{USER}} in ${{CHANNEL}}" if push else "",
            "converted", "Template variables have new names.", resource="notifications",
            target=f"{new}.template", before="",
            after=f"{name}: ${{PARTICIPANT}} in ${{CONVERSATION}}" if push else "", change=push,
        )  # fmt: skip
    yield row("notifications.new_message.badge_count_enabled", False, resource="notifications",
              target="new_message.badge_count_enabled", api="v2")  # fmt: skip
    for leaf, value in (("enabled", "invites" in traits), ("template", "You are invited"), ("sound", "")):
        lost = "invites" in traits and leaf != "sound"
        verdict, reason = (
            ("dropped", INVITED) if lost else ("not_needed", "The notification is switched off.")
        )
        yield row(f"notifications.invited_to_channel.{leaf}", value, verdict, reason)


SAME_NAME = ("exact", SAME)
NEW_NAME = ("renamed", "Same value, new name.")


def _media(traits: set[str] | frozenset[str]) -> Iterator[FieldRow]:
    message = "[media]" if "media" in traits else None
    yield row(
        "media.compatibility_message", message, "dropped" if message else "not_needed",
        "Old clients will no longer show this text in place of media." if message else "No text is set.", api="v2",
    )  # fmt: skip
    yield row("media.size_limit_mb", 150, "not_needed", "A limit of the product, not a setting.", api="v2")


def _steps(source: str, fields: list[FieldRow]) -> Iterator[StepRow]:
    for resource in ("configuration", "notifications", "webhooks"):
        changed = {one.target: one.after for one in fields if one.change and one.resource == resource}
        if changed:
            yield step(f"{source}/{resource}", resource, changed)


TRAITS = (
    {"hooks", "push", "reachable"}, {"hooks", "push", "retries"}, {"events", "hooks"}, {"push", "invites"},
    {"unread", "push"}, {"hooks", "inviter"}, {"push"}, {"media", "retries", "hooks"}, set(), {"large"},
    {"events", "invites", "push", "large"}, {"reachable"},
)  # fmt: skip


@dataclass(frozen=True)
class Services:
    """Services made anew at each pass, as the real ones are."""

    number: int
    make: Callable[[int], ServiceReport]

    def __iter__(self) -> Iterator[ServiceReport]:
        return map(self.make, range(self.number))


def account(number: int) -> ServiceReport:
    """The nth service of an account as large as one likes; the first 12 are hand-made."""
    if number < len(NAMES):
        return service(number, NAMES[number], TRAITS[number])
    dice = random.Random(number)  # noqa: S311 - a seed, not a secret
    traits = set(dice.choice(TRAITS)) | ({"hooks", "push"} if dice.random() < 0.6 else set())
    traits -= {"events"} if dice.random() < 0.8 else set()
    return service(number, f"{dice.choice(NAMES)} {number}", traits)


def report(
    services: int = 12, kind: str = "diff", make: Callable[[int], ServiceReport] = account, **other: Any
) -> Report:
    """A report on that many services, its summary counted from them."""
    made = Services(services, make)
    return Report(
        kind=ReportKind(kind),
        account_sid=ACCOUNT,
        target_account_sid=ACCOUNT,
        snapshot=SnapshotInfo(1, "live", TAKEN_AT, services, Examined(("v1", "v2"))),
        plan=PlanInfo(PLAN, "same"),
        summary=summarise(made),
        services=made,
        **({"planned_at": PLANNED_AT} | other),
    )


def summarise(services: Any) -> Summary:
    """Counts what a report's services hold."""
    number = changing = missing = changes = 0
    states: Counter[State] = Counter()
    verdicts: Counter[str] = Counter()
    for one in services:
        number += 1
        missing += one.is_missing
        changing += any(field.change for field in one.fields)
        changes += sum(field.change for field in one.fields)
        states.update(done.state for done in one.steps)
        for items in one.items:
            states.update(items.steps_by_state)
        verdicts.update(field.verdict.value for field in one.fields)
    return Summary(number, changing, missing, changes, sum(states.values()), states, verdicts)


TOO_LONG = StepError(
    "The notification template is too long.",
    400,
    50058,
    "RQ" + "5" * 32,
    "Shorten the template in Chat and run again.",
)
LOST = StepError("The connection was lost before an answer came.", advice="Run `chat-migrate resume`.")


def ran(number: int) -> ServiceReport:
    """The nth service after a run in which some steps went wrong."""
    made = account(number)
    ends = {
        1: ("failed", TOO_LONG),
        6: ("failed", replace(TOO_LONG, request_id="RQ" + "6" * 32)),
        7: ("unknown", LOST),
    }
    state, error = ends.get(number, ("verified", None))
    steps = [
        replace(
            one,
            state=State.SKIPPED if place and error else State.VERIFIED if place else State(state),
            error=None if place else error,
        )
        for place, one in enumerate(made.steps)
    ]
    return replace(made, steps=tuple(steps))


RESTORED = Reason("restored", "As before", "The target held this value before the run.")


def rolled_back(number: int) -> ServiceReport:
    """The nth service after a rollback: values restored, one that drifted, and things that stay."""
    made = account(number)
    changed = tuple(
        one._replace(before=one.after, after=one.before, verdict=Verdict.EXACT, reasons=(RESTORED,))
        for one in made.fields
        if one.change
    )
    drifted = StepError("Someone has changed it since.", advice="Look at the value and set it by hand.")
    left = step(
        f"{made.source_sid}/roles/RL1", "roles", {"Sid": sid("RL", number)}, "skipped", action="leave",
        reversible=False,
        error=StepError("The run created this role. --delete-created removes it."),
    )  # fmt: skip
    steps = [
        replace(one, state=State.DRIFTED, error=drifted)
        if one.resource == "notifications"
        else replace(one, state=State.ROLLED_BACK)
        for one in reversed(made.steps)
    ]
    return replace(made, fields=changed, steps=(*steps, left), receivers=None)


def moved(number: int) -> ServiceReport:
    """The nth service where it has become another one, with one role; every third is still to be created."""
    made = account(number)
    if number % 3 == 0:
        return replace(made, target_sid=None)
    roles = {sid("RL", number * 10 + 1): sid("RL", number * 10 + 7)}
    return replace(made, target_sid=sid("IS", number + 5000), counterparts=roles)


def altered(number: int) -> ServiceReport:
    """The nth service after a run: Twilio has trimmed a template, and keeps it so."""
    made = account(number)
    held = (AlteredValue("new_message.template", "Hello ", "Hello"),)
    steps = (replace(one, state=State.ALTERED, altered=held) for one in made.steps)
    return replace(made, steps=tuple(steps))


def with_channels(number: int, found: int = 40) -> ServiceReport:
    """The nth service with public channels, of which one could not be converted."""
    made = account(number)
    states = {State.VERIFIED: found - 1, State.FAILED: 1}
    channels = Channels(made.source_sid, found)
    return replace(
        made,
        steps=tuple(replace(one, state=State.VERIFIED) for one in made.steps),
        items=(
            ItemsReport(
                "channels", found + 10, found, states, reversible=False, facts={"members": 3 * found}
            ),
        ),
        item_steps=channels,
        item_troubles=Channels(made.source_sid, 1),
    )


@dataclass(frozen=True)
class Channels:
    """The steps of a service's channels, made anew at each pass; the first one failed."""

    service: str
    number: int

    def __iter__(self) -> Iterator[StepRow]:
        for number in range(self.number):
            error = (
                StepError("The channel is gone.", 404, 20404, "RQ1", "Look it up.") if number == 0 else None
            )
            yield step(
                f"{self.service}/channels/{sid('CH', number)}", "channels", {"Type": "private"},
                "failed" if error else "verified", action="migrate", reversible=False, error=error,
            )  # fmt: skip


def missing(number: int) -> ServiceReport:
    """The nth service; every fourth is not found in Conversations."""
    made = account(number)
    return replace(made, is_missing=True, steps=()) if number % 4 == 1 else made


MAKERS = {"run": ran, "rollback": rolled_back}


def small(kind: str = "diff") -> Report:
    """Four services: enough for a golden file that a person can read."""
    chosen = (2, 7, 3, 8)
    make = MAKERS.get(kind, account)
    return report(len(chosen), kind, lambda number: make(chosen[number]))


def elsewhere(services: int = 12, make: Callable[[int], ServiceReport] = moved) -> Report:
    """A report on services of which most have become others."""
    return replace(report(services, make=make), plan=PlanInfo(PLAN, "new"))


HOSTILE = (
    "<script>alert(1)</script>", "</script><img src=x onerror=alert(1)>", "a|b\\|c`d``e",
    "@octocat #1 [x](http://evil.example)", "line\nbreak\r\n\x1b[31mred\x1b[0m\x07",
    "\u202egnp.exe\u2066", "\ud800 lone", "{{ 7*7 }}{% raw %}", "--><!--", "🎤👩‍👩‍👧",
    "\u2028\u2029", "</noscript></details>", "' \" & &amp;", "",
)  # fmt: skip


def hostile_service(number: int) -> ServiceReport:
    """A service in which every string that a stranger can choose is an attack."""
    evil = HOSTILE[number % len(HOSTILE)]
    made = service(number, evil, {"hooks", "push", "inviter", "events"})
    fields = tuple(_attacked(one, evil) for one in made.fields)
    extra = (
        row(f"roles.{evil}.permissions", [evil, "x"], "manual", f"Role {evil} must be looked at.",
            resource="roles", target="permissions", before=[evil], after=["x"], change=True),
        row("media.compatibility_message", evil, "dropped", f"Lost: {evil}", before=evil, after=evil + "!",
            change=True),
        row("zz", {evil: [evil]}, "exact", evil),
    )  # fmt: skip
    failed = step(
        f"key {evil}",
        "roles",
        {evil: evil},
        "failed",
        error=StepError(evil, 400, 1, evil, evil),
        reversible=False,
    )
    left = step(f"left {evil}", "roles", {}, action="leave", reversible=False, error=StepError(evil))
    return replace(
        made,
        fields=fields + extra,
        steps=(*made.steps, failed, left),
        receivers=_receivers(made.source_sid, fields),
        target_sid=sid("IS", number + 5000),
        counterparts={evil: evil},
    )


def _attacked(one: FieldRow, evil: str) -> FieldRow:
    """A per-event webhook whose URL and method are attacks."""
    if not one.source.startswith("webhooks.on_"):
        return one
    return one._replace(
        value=f"https://e.example/{evil}/{one.source}" if one.source.endswith("url") else evil
    )


def hostile(kind: str = "run") -> Report:
    """A report on one service per attack."""
    return report(len(HOSTILE), kind, hostile_service)
