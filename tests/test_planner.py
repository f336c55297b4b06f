"""The planner, without any network: the fewest writes, always the same, and none where nothing differs."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mappings import ChatService, Resource, RoleTranslation
from migrate.model.step import Action, Finding, counterpart_of, lookup
from migrate.model.target import TargetState
from migrate.plan.planner import Destination, fitting_roles, match_roles, plan_service

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


def state(sid=SID, roles=(), **settings):
    """What Conversations holds: by resource."""
    held = {resource: settings.get(resource.value, {}) for resource in RESOURCES}
    return TargetState(sid, True, held, tuple(roles), "2026-01-01T00:00:00.000Z")


RESOURCES = (Resource.CONFIGURATION, Resource.NOTIFICATIONS, Resource.WEBHOOKS)
LIVE_ROLES = (
    chat_role(USER, "service user", "createConversation", role_type="service"),
    chat_role(ADMIN, "channel admin", "deleteConversation", role_type="conversation"),
    chat_role(GUEST, "guest", "sendMessage", role_type="conversation"),
)


def in_place(**settings):
    """The destination with the service's own SID."""
    return Destination(ACCOUNT, SID, in_place=True, state=state(roles=LIVE_ROLES, **settings))


def elsewhere(sid=OTHER_SID, roles=(), **settings):
    """Another service; without a SID, one that is still to be created."""
    return Destination(ACCOUNT, sid, in_place=False, state=state(sid, roles, **settings) if sid else None)


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
    settings = deepcopy(dict(destination.state.settings))
    roles = deepcopy(list(destination.state.roles))
    for step in steps:
        if step.resource is Resource.ROLES:
            _set_role(roles, step)
            continue
        for path, value in step.after.items():
            *groups, key = path.split(".")
            place = settings[step.resource]
            for group in groups:
                place[group] = dict(place.get(group) or {})
                place = place[group]
            place[key] = value
    return replace(destination, state=replace(destination.state, settings=settings, roles=tuple(roles)))


def _set_role(roles, step):
    role = next(role for role in roles if role["sid"] == step.item)
    role["permissions"] = list(step.after["permissions"])


@given(sources, targets)
def test_what_was_written_needs_no_write(source, target):
    """Whatever Chat and the target hold, a plan in place that was carried out leaves nothing to do."""
    destination = in_place(**target)
    plan = plan_service(chat(**source), destination)
    again = plan_service(chat(**source), after(destination, plan.steps))
    assert again.steps == ()
    assert not any(row.change for row in again.fields)


@given(sources, targets)
def test_steps_and_rows_tell_the_same(source, target):
    """A field is marked as a change exactly where a step sets its path, to the value that the row shows."""
    plan = plan_service(chat(**source), in_place(**target))
    written = {
        (step.resource.value, path): value
        for step in plan.steps
        if step.resource is not Resource.ROLES
        for path, value in step.after.items()
    }
    shown = {
        (row.resource, row.target): row.after
        for row in plan.fields
        if row.change and row.resource not in (None, "roles")
    }
    assert shown.items() <= written.items()
    assert {key for key in written if key not in shown} <= {("webhooks", "method"), ("webhooks", "filters")}


@given(sources, targets)
def test_the_same_input_gives_the_same_plan(source, target):
    """Planning twice gives equal plans, with keys that are unique and steps that all say something."""
    first, second = (plan_service(chat(**source), in_place(**target)) for _ in range(2))
    assert first == second
    keys = [step.key for step in first.steps]
    assert len(keys) == len(set(keys))
    assert all(step.after and step.params for step in first.steps)
    assert [row.source for row in first.fields] == sorted(row.source for row in first.fields)


@given(sources, targets)
def test_a_step_knows_its_diff(source, target):
    """Compared with the target that it was made from a step is to be done; with what it sets, it is done."""
    destination = in_place(**target)
    for step in plan_service(chat(**source), destination).steps:
        if step.resource is Resource.ROLES:
            continue
        held = destination.state.settings[step.resource]
        assert step.compare({path: lookup(held, path) for path in step.after}) is Finding.UNTOUCHED
        assert step.compare(step.after) is Finding.DONE


def test_one_step_per_resource():
    """All that differs in one resource is one write, with nothing in it that is right already."""
    held = {"post_webhook_url": "https://example.com/", "method": "GET", "filters": []}
    plan = plan_service(chat(**HOOKS), in_place(webhooks=held))
    (step,) = plan.steps
    assert step.params == {"Method": "POST", "Filters": ["onMessageAdded"]}
    assert (step.key, step.action) == (f"{SID}/webhooks", Action.UPDATE)


def test_a_missing_service_has_no_steps():
    """A service that Conversations does not have gets no step, and every setting is for a person to decide."""
    missing = Destination(ACCOUNT, SID, in_place=True, state=TargetState(SID, False, {}, (), ""))
    plan = plan_service(chat(**HOOKS), missing)
    assert plan.steps == ()
    rows = [
        row for row in plan.fields if row.resource in ("webhooks", "configuration", "notifications", "roles")
    ]
    assert rows
    assert all(row.verdict == "manual" and not row.change for row in rows)


def test_a_role_loses_nothing_in_place():
    """In place a role gets the union of what it has and what it lacks, in that order."""
    live = [dict(role) for role in LIVE_ROLES]
    live[2]["permissions"] = ["addNonChatParticipant"]
    destination = Destination(ACCOUNT, SID, in_place=True, state=state(roles=live))
    (step,) = plan_service(chat(), destination).steps
    assert (step.item, step.after) == (GUEST, {"permissions": ["addNonChatParticipant", "sendMessage"]})


def test_a_role_that_conversations_does_not_show():
    """A role that is not there in Conversations is for a person to decide, and is not written."""
    destination = Destination(ACCOUNT, SID, in_place=True, state=state(roles=LIVE_ROLES[:2]))
    plan = plan_service(chat(), destination)
    assert plan.steps == ()
    (row,) = (row for row in plan.fields if row.source == "roles.guest.permissions")
    assert (row.verdict, row.change) == ("manual", False)
    assert GUEST in row.reason


def test_a_new_service_comes_first():
    """Elsewhere the service is created first, then its roles, then the settings that need their SIDs."""
    plan = plan_service(chat(default_channel_role_sid=GUEST, **HOOKS), elsewhere(sid=None))
    resources = [step.resource for step in plan.steps]
    assert resources == [Resource.SERVICE, *[Resource.ROLES] * 3, Resource.CONFIGURATION, Resource.WEBHOOKS]
    assert [step.action for step in plan.steps[1:4]] == [Action.UPDATE, Action.UPDATE, Action.CREATE]
    assert plan.steps[4].after["default_conversation_role_sid"] == counterpart_of(GUEST)
    assert all(step.target_sid is None for step in plan.steps)


def test_a_role_elsewhere_gets_exactly_its_permissions():
    """In another service a matched role gets exactly the translated set, more or less than it had."""
    live = [chat_role("RL" + "9" * 32, "GUEST", "sendMessage", "editAnyMessage", role_type="conversation")]
    plan = plan_service(chat(), elsewhere(roles=live))
    step = next(step for step in plan.steps if step.item == "RL" + "9" * 32)
    assert step.after == {"permissions": ["sendMessage"]}
    assert plan.counterparts == {GUEST: "RL" + "9" * 32}


def test_offline_shows_all_that_would_be_set():
    """Without a look at the target everything that Chat holds is shown as to be set."""
    offline = Destination(ACCOUNT, SID, in_place=True, offline=True)
    plan = plan_service(chat(**HOOKS), offline)
    (webhooks,) = (step for step in plan.steps if step.resource is Resource.WEBHOOKS)
    assert webhooks.after["filters"] == ["onMessageAdded"]
    assert webhooks.before == {}


# -- which role stands for which ------------------------------------------------------------------------------


def wanted(sid, name, role_type="conversation"):
    """A translated role."""
    return RoleTranslation(sid, name, role_type, ("sendMessage",), ())


def live(sid, name, role_type="conversation"):
    """A role of the target."""
    return {"sid": sid, "friendly_name": name, "type": role_type, "permissions": []}


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
    assert match_roles(tuple(roles), tuple(present), recorded) == matched


names = st.sampled_from(["a", "A", "b", ""])
types = st.sampled_from(["service", "conversation"])


@given(st.lists(st.tuples(names, types), max_size=6), st.lists(st.tuples(names, types), max_size=6))
def test_matching_is_one_to_one(sources, targets):
    """No live role ever stands for two Chat roles, and matched roles agree in type and lower-cased name."""
    roles = tuple(wanted(f"A{number}", *role) for number, role in enumerate(sources))
    present = tuple(live(f"x{number}", *role) for number, role in enumerate(targets))
    matched = match_roles(roles, present, {})
    assert len(set(matched.values())) == len(matched)
    for role in roles:
        if role.source_sid in matched:
            assert matched[role.source_sid] in fitting_roles(role, present, taken=frozenset())
