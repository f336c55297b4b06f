"""The planner, without any network: the fewest writes, always the same, and none where nothing differs."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mappings import ChatService, RoleTranslation
from migrate.kinds.registry import kind_of
from migrate.kinds.roles import match_roles
from migrate.model.destination import Destination
from migrate.model.image import TargetImage
from migrate.model.plan import PlannedService
from migrate.model.step import Action, Comparison, Step, lookup
from migrate.plan.planner import plan_service

SID, OTHER_SID = "IS" + "1" * 32, "IS" + "2" * 32
ACCOUNT = "AC" + "a" * 32
USER, ADMIN, GUEST = ("RL" + digit * 32 for digit in "123")


def chat_role(sid, name, *permissions, role_type="channel"):
    """A Chat role."""
    return {"sid": sid, "friendly_name": name, "type": role_type, "permissions": list(permissions)}


ROLES = (
    chat_role(USER, "service user", "createChannel", role_type="deployment"),
    chat_role(ADMIN, "channel admin", "destroyChannel", "inviteMember"),
    chat_role(GUEST, "guest", "sendMessage"),
)


def chat(**settings):
    """A Chat Service as v2 shows it."""
    return ChatService(
        SID, None, {"sid": SID, "account_sid": ACCOUNT, "friendly_name": "One", **settings}, ROLES
    )


SETTINGS = ("configuration", "notifications", "webhooks")


def image(sid=SID, roles=(), **settings):
    """What Conversations holds, by kind."""
    held = {name: settings.get(name, {}) for name in SETTINGS}
    return TargetImage(sid, True, {**held, "roles": {"roles": list(roles)}}, "2026-01-01T00:00:00.000Z")


@dataclass(frozen=True)
class Planned:
    """A planned service and its steps."""

    steps: tuple[Step, ...]
    told: PlannedService

    @property
    def rows(self):
        """One per leaf."""
        return self.told.rows


def plan(service, destination, **options):
    """Plan one service whole."""
    found = plan_service(service, destination, options, lambda _kind: iter(()))
    steps = tuple(step for _phase, step in found.steps)
    return Planned(steps, found.told())


LIVE_ROLES = (
    chat_role(USER, "service user", "createConversation", role_type="service"),
    chat_role(ADMIN, "channel admin", "deleteConversation", role_type="conversation"),
    chat_role(GUEST, "guest", "sendMessage", role_type="conversation"),
)


def in_place(**settings):
    """The destination with the service's own SID."""
    return Destination(ACCOUNT, SID, in_place=True, image=image(roles=LIVE_ROLES, **settings))


def elsewhere(sid=OTHER_SID, roles=(), **settings):
    """Another service; without a SID, one that is still to be created."""
    return Destination(ACCOUNT, sid, in_place=False, image=image(sid, roles, **settings) if sid else None)


HOOKS = {
    "post_webhook_url": "https://example.com/",
    "webhook_method": "POST",
    "webhook_filters": ["onMessageSent"],
}

text = st.none() | st.sampled_from(["", "a", "${USER} in ${CHANNEL}", "${PARTICIPANT}"])
flag = st.none() | st.booleans()
urls = st.none() | st.sampled_from(["", "https://example.com/a", "https://example.com/b"])
OLD = ["onMessageSent", "onChannelAdd", "onUserAdded"]
NEW = ["onMessageAdded", "onConversationAdd", "onDeliveryUpdated", "onUserAdded"]
events = st.fixed_dictionaries({}, optional={"enabled": flag, "template": text, "sound": text})
sources = st.fixed_dictionaries(
    {},
    optional={
        "pre_webhook_url": urls,
        "post_webhook_url": urls,
        "webhook_method": st.sampled_from([None, "GET", "POST", "post"]),
        "webhook_filters": st.none() | st.lists(st.sampled_from(OLD), unique=True),
        "reachability_enabled": flag,
        "default_channel_role_sid": st.none() | st.just(GUEST),
        "notifications": st.fixed_dictionaries(
            {}, optional={"new_message": events, "added_to_channel": events}
        ),
    },
)
targets = st.fixed_dictionaries(
    {},
    optional={
        "webhooks": st.fixed_dictionaries(
            {},
            optional={
                "pre_webhook_url": urls,
                "post_webhook_url": urls,
                "method": st.sampled_from([None, "GET", "POST"]),
                "filters": st.none() | st.lists(st.sampled_from(NEW), unique=True),
            },
        ),
        "notifications": st.fixed_dictionaries(
            {}, optional={"new_message": st.none() | events, "added_to_conversation": st.none() | events}
        ),
        "configuration": st.fixed_dictionaries({}, optional={"reachability_enabled": flag}),
    },
)


def after(destination, steps):
    """The destination once every step was taken, as Twilio would show it."""
    held = deepcopy(dict(destination.image.payloads))
    for step in steps:
        if step.kind == "roles":
            role = next(role for role in held["roles"]["roles"] if role["sid"] == step.target_sid)
            role["permissions"] = list(step.after["permissions"])
            continue
        for path, value in step.after.items():
            *groups, key = path.split(".")
            place = held[step.kind]
            for group in groups:
                place[group] = dict(place.get(group) or {})
                place = place[group]
            place[key] = value
    return replace(destination, image=replace(destination.image, payloads=held))


@given(sources, targets, st.booleans())
def test_what_was_written_needs_no_write(source, target, clear):
    """Whatever Chat and the target hold, a plan in place that was carried out leaves nothing to do."""
    destination = in_place(**target)
    planned = plan(chat(**source), destination, clear=clear)
    again = plan(chat(**source), after(destination, planned.steps), clear=clear)
    assert again.steps == ()
    assert not any(row.change for row in again.rows)


@given(sources, targets)
def test_nothing_is_emptied_unasked(source, target):
    """Without --clear, no step sets anything to nothing, whatever Chat and the target hold."""
    steps = plan(chat(**source), in_place(**target)).steps
    assert not [path for step in steps for path, value in step.after.items() if value in (None, "", [])]


@given(sources, targets, st.booleans())
def test_steps_and_rows_tell_the_same(source, target, clear):
    """A field is marked as a change exactly where a step sets its path, to the value that the row shows."""
    planned = plan(chat(**source), in_place(**target), clear=clear)
    written = {
        (step.key, path): value
        for step in planned.steps
        if step.kind != "roles"
        for path, value in step.after.items()
    }
    shown = {
        (row.step, row.target): row.after
        for row in planned.rows
        if row.change and row.resource not in (None, "roles")
    }
    assert shown.items() <= written.items()
    webhooks = f"{SID}/webhooks"
    assert written.keys() - shown.keys() <= {(webhooks, "method"), (webhooks, "filters")}
    assert {row.step for row in planned.rows if row.change} == {step.key for step in planned.steps}


@given(sources, targets)
def test_the_same_input_gives_the_same_plan(source, target):
    """Planning twice gives equal plans, with keys that are unique and steps that all say something."""
    first, second = (plan(chat(**source), in_place(**target)) for _ in range(2))
    assert first == second
    keys = [step.key for step in first.steps]
    assert len(keys) == len(set(keys))
    assert all(step.after and kind_of(step.kind).form(step) for step in first.steps)
    assert [row.source for row in first.rows] == sorted(row.source for row in first.rows)


@given(sources, targets)
def test_a_step_knows_its_diff(source, target):
    """Compared with the target that it was made from a step is to be done; with what it sets, it is done."""
    destination = in_place(**target)
    for step in plan(chat(**source), destination).steps:
        if step.kind == "roles":
            continue
        held, same = destination.payload(step.kind), kind_of(step.kind).same
        ready = step.resolved({})
        assert ready.compare({path: lookup(held, path) for path in step.before}, same) is Comparison.UNTOUCHED
        assert ready.compare(step.after, same) is Comparison.DONE


def test_one_step_per_resource():
    """All that differs in one resource is one write, with nothing in it that is right already."""
    held = {"post_webhook_url": "https://example.com/", "method": "GET", "filters": []}
    (step,) = plan(chat(**HOOKS), in_place(webhooks=held)).steps
    assert kind_of(step.kind).form(step) == {"Method": "POST", "Filters": ["onMessageAdded"]}
    assert (step.key, step.action) == (f"{SID}/webhooks", Action.UPDATE)


def test_a_missing_service_has_no_steps():
    """A service that Conversations does not have gets no step, and every setting is for a person to decide."""
    missing = Destination(ACCOUNT, SID, in_place=True, image=TargetImage(SID, False, {}, ""))
    planned = plan(chat(**HOOKS), missing)
    assert planned.steps == ()
    assert planned.told.is_missing
    assert planned.told.target_sid is None
    rows = [row for row in planned.rows if row.resource in (*SETTINGS, "roles")]
    assert rows
    assert all(row.verdict == "manual" and not row.change for row in rows)


def test_a_role_loses_nothing_in_place():
    """In place a role gets the union of what it has and what it lacks, in that order."""
    live = [dict(role) for role in LIVE_ROLES]
    live[2]["permissions"] = ["addNonChatParticipant"]
    destination = Destination(ACCOUNT, SID, in_place=True, image=image(roles=live))
    planned = plan(chat(), destination)
    (step,) = planned.steps
    assert (step.target_sid, step.after) == (GUEST, {"permissions": ["addNonChatParticipant", "sendMessage"]})
    (row,) = (row for row in planned.rows if row.change)
    assert (row.source, row.step) == ("roles.guest.permissions", f"{SID}/roles/{GUEST}")
    assert (row.before, row.after) == (["addNonChatParticipant"], ["addNonChatParticipant", "sendMessage"])


@pytest.mark.parametrize("name", ["", None, 5])
def test_a_service_without_a_name_is_created_with_its_sid_for_one(name):
    """So that it can be told from others, and found again after a lost answer."""
    service = ChatService(SID, None, {"sid": SID, "account_sid": ACCOUNT, "friendly_name": name}, ROLES)
    create = plan(service, elsewhere(None)).steps[0]
    assert kind_of(create.kind).form(create) == {"FriendlyName": SID}


def test_a_role_that_conversations_does_not_show():
    """A role that is not there in Conversations is for a person to decide, and is not written."""
    destination = Destination(ACCOUNT, SID, in_place=True, image=image(roles=LIVE_ROLES[:2]))
    planned = plan(chat(), destination)
    assert planned.steps == ()
    (row,) = (row for row in planned.rows if row.source == "roles.guest.permissions")
    assert (row.verdict, row.change) == ("manual", False)
    assert GUEST in row.reason


def test_a_new_service_comes_first():
    """Elsewhere the service is created first, then its roles, then the settings; each says what it needs."""
    service = chat(default_channel_role_sid=GUEST, reachability_enabled=True, **HOOKS)
    steps = plan(service, elsewhere(sid=None)).steps
    kinds = [step.kind for step in steps]
    assert kinds == ["service", "roles", "roles", "roles", "configuration", "webhooks"]
    assert [step.action for step in steps[1:4]] == [Action.UPDATE, Action.UPDATE, Action.CREATE]
    assert steps[4].after["default_conversation_role_sid"] == f"counterpart of {GUEST}"
    assert [step.needs for step in steps] == [
        (),
        *[(f"{SID}/service",)] * 3,
        (f"{SID}/service", f"{SID}/roles/{GUEST}"),
        (f"{SID}/service",),
    ]
    assert all(step.service_sid is None for step in steps)


def test_notifications_come_before_webhooks():
    """Settings are written in the order configuration, notifications, webhooks."""
    push = {"new_message": {"enabled": True, "sound": "bell"}}
    steps = plan(chat(reachability_enabled=True, notifications=push, **HOOKS), elsewhere(sid=None)).steps
    assert [step.kind for step in steps[4:]] == ["configuration", "notifications", "webhooks"]


def test_a_role_elsewhere_gets_exactly_its_permissions():
    """In another service a matched role gets exactly the translated set, more or less than it had."""
    live = [chat_role("RL" + "9" * 32, "GUEST", "sendMessage", "editAnyMessage", role_type="conversation")]
    planned = plan(chat(), elsewhere(roles=live))
    step = next(step for step in planned.steps if step.target_sid == "RL" + "9" * 32)
    assert step.after == {"permissions": ["sendMessage"]}
    assert planned.told.counterparts == {GUEST: "RL" + "9" * 32}


def test_a_default_role_that_is_there_needs_no_step():
    """A default role that the target has already is named by its SID, and waits for nothing."""
    guest = "RL" + "9" * 32
    live = [chat_role(guest, "guest", "sendMessage", role_type="conversation")]
    planned = plan(chat(default_channel_role_sid=GUEST), elsewhere(roles=live))
    (step,) = (step for step in planned.steps if step.kind == "configuration")
    assert (step.after, step.needs) == ({"default_conversation_role_sid": guest}, ())


def test_offline_shows_all_that_would_be_set():
    """Without a look at the target everything that Chat holds is shown as to be set."""
    offline = Destination(ACCOUNT, SID, in_place=True, offline=True)
    (webhooks,) = (step for step in plan(chat(**HOOKS), offline).steps if step.kind == "webhooks")
    assert webhooks.after["filters"] == ["onMessageAdded"]
    assert webhooks.before == {}


# -- which role stands for which ------------------------------------------------------------------------------


def wanted(sid, name, role_type="conversation"):
    """A translated role."""
    return RoleTranslation(sid, name, role_type, ("sendMessage",), ())


def live(sid, name, role_type="conversation"):
    """A role of the target."""
    return {"sid": sid, "friendly_name": name, "type": role_type, "permissions": []}


def by_sid(roles):
    """Roles of a target as a mapping."""
    return {role["sid"]: role for role in roles}


@pytest.mark.parametrize(
    ("roles", "present", "recorded", "matched"),
    [
        ([wanted("A", "Guest")], [live("x", "guest")], {}, {"A": "x"}),
        ([wanted("A", "Guest")], [live("x", "guest", "service")], {}, {}),
        ([wanted("A", "Guest")], [live("x", "guest"), live("y", "GUEST")], {}, {}),
        ([wanted("A", "Guest")], [live("x", "guest"), live("y", "other")], {"A": "y"}, {"A": "y"}),
        ([wanted("A", "Guest")], [live("x", "guest")], {"A": "gone"}, {"A": "x"}),
        ([wanted("A", "g"), wanted("B", "G")], [live("x", "g")], {}, {"A": "x"}),
        ([wanted("A", "g"), wanted("B", "G")], [live("x", "g")], {"B": "x"}, {"B": "x"}),
        (
            [wanted("A", "g"), wanted("B", "G")],
            [live("x", "g"), live("y", "g")],
            {"A": "y"},
            {"A": "y", "B": "x"},
        ),
    ],
)
def test_matching_roles(roles, present, recorded, matched):
    """Roles match as recorded, else by type and lower-cased name; one for one, and never by guess."""
    assert match_roles(tuple(roles), by_sid(present), recorded) == matched


names = st.sampled_from(["a", "A", "b", ""])
types = st.sampled_from(["service", "conversation"])


@given(st.lists(st.tuples(names, types), max_size=6), st.lists(st.tuples(names, types), max_size=6))
def test_matching_is_one_to_one(sources, targets):
    """No live role ever stands for two Chat roles, and matched roles agree in type and lower-cased name."""
    roles = tuple(wanted(f"A{number}", *role) for number, role in enumerate(sources))
    present = tuple(live(f"x{number}", *role) for number, role in enumerate(targets))
    matched = match_roles(roles, by_sid(present), {})
    assert len(set(matched.values())) == len(matched)
    for role in roles:
        if role.source_sid in matched:
            found = by_sid(present)[matched[role.source_sid]]
            assert (found["type"], found["friendly_name"].lower()) == (role.type, role.friendly_name.lower())
