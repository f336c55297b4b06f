"""Whatever a Chat Service and its target hold, the plan is total, and doing it once leaves nothing to do."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from migrate.model.target import TargetState

from mappings import ChatService, Resource
from migrate.model.step import SETTINGS, Action, Finding, Step
from migrate.plan.planner import Destination, fitting_roles, plan_service
from migrate.simulator.world import new_chat_settings, new_conversations_notifications

SOURCE, TARGET = "IS" + "1" * 32, "IS" + "2" * 32
ODD = st.none() | st.booleans() | st.integers(-3, 3) | st.text(max_size=4) | st.just([]) | st.just({})
WORDS = st.sampled_from(
    ["onMessageSent", "onMessageAdded", "onMediaMessageSent", "onUserAdded", "onDeliveryUpdated", "onNothing"]
)
PERMISSIONS = st.sampled_from(["sendMessage", "addMember", "addParticipant", "inviteMember", "fly"])
TEXTS = st.sampled_from(
    ["", "ding", "${USER}: ${MESSAGE}", "https://a.example/", "https://b.example/", "GET", "POST"]
)
ROLE_SIDS = tuple("RL" + digit * 32 for digit in "3456789")
ROLE_NAMES = st.sampled_from(["guest", "Guest", "channel user", "service admin", ""])


def plausible(value):
    """Values of the same kind as this one, and now and then another kind."""
    if isinstance(value, dict):
        return ODD | st.fixed_dictionaries({}, optional={key: plausible(item) for key, item in value.items()})
    if isinstance(value, list):
        return st.lists(WORDS | ODD, max_size=3) | ODD
    if isinstance(value, bool):
        return st.booleans() | ODD
    return TEXTS | st.sampled_from(ROLE_SIDS) | ODD


def objects(like):
    """Objects with some of the keys of this one."""
    return st.fixed_dictionaries({}, optional={key: plausible(value) for key, value in like.items()})


def roles(types):
    """Up to five roles of these types, under distinct SIDs."""
    rest = st.fixed_dictionaries(
        {
            "friendly_name": ROLE_NAMES,
            "type": st.sampled_from(types),
            "permissions": st.lists(PERMISSIONS | ODD, max_size=3) | ODD,
        }
    )
    return st.dictionaries(st.sampled_from(ROLE_SIDS), rest, max_size=5).map(
        lambda found: tuple({"sid": sid, **role} for sid, role in found.items())
    )


CHAT = new_chat_settings() | {"webhooks": {"on_message_sent": {"url": "", "method": ""}}}
SERVICES = st.builds(
    ChatService,
    st.just(SOURCE),
    st.none() | objects(CHAT),
    st.none() | objects(CHAT),
    roles(["channel", "deployment", "other"]),
)
WEBHOOKS = {"pre_webhook_url": "", "post_webhook_url": "", "filters": [], "method": ""}
CONFIGURATION = {
    "default_chat_service_role_sid": "",
    "default_conversation_role_sid": "",
    "default_conversation_creator_role_sid": "",
    "reachability_enabled": False,
}
STATES = st.builds(
    lambda configuration, notifications, webhooks, live: TargetState(
        TARGET, True, dict(zip(SETTINGS, (configuration, notifications, webhooks), strict=True)), live, "2026"
    ),
    objects(CONFIGURATION),
    objects(new_conversations_notifications()),
    objects(WEBHOOKS),
    roles(["conversation", "service"]),
)
BORN = TargetState(
    TARGET,
    True,
    {
        Resource.CONFIGURATION: CONFIGURATION,
        Resource.NOTIFICATIONS: new_conversations_notifications(),
        Resource.WEBHOOKS: WEBHOOKS,
    },
    tuple(
        {"sid": sid, "type": role_type, "friendly_name": name, "permissions": ["sendMessage"]}
        for sid, (role_type, name) in zip(
            ROLE_SIDS,
            [
                ("service", "service admin"),
                ("conversation", "channel admin"),
                ("conversation", "channel user"),
            ],
            strict=False,
        )
    ),
    "2026",
)
"""A service as it is born."""


class Twilio:
    """Does steps to a state, as the executor and Twilio would do them together."""

    def __init__(self, state: TargetState) -> None:
        self.settings = deepcopy(dict(state.settings))
        self.roles = {role["sid"]: dict(role) for role in state.roles}
        self.counterparts: dict[str, str] = {}

    @property
    def state(self) -> TargetState:
        """What it has become."""
        return TargetState(TARGET, True, self.settings, tuple(self.roles.values()), "2026")

    def do(self, planned: Step) -> None:
        """Do one step."""
        step = planned.resolved(TARGET, self.counterparts)
        assert step.params
        assert step.compare(step.after) is Finding.DONE
        if step.resource is Resource.ROLES:
            self._role(step)
        elif step.resource is not Resource.SERVICE:
            for path, value in step.after.items():
                self._put(self.settings[step.resource], path.split("."), value)

    def _role(self, step: Step) -> None:
        sid = step.item or next(iter(self._fitting(step)), None) or "RL" + f"{len(self.roles):032x}"
        role = self.roles.setdefault(sid, {"sid": sid})
        role["permissions"] = list(step.after["permissions"])
        if step.role is not None:
            role |= {"type": step.role.type, "friendly_name": step.role.friendly_name}
            self.counterparts[step.role.source_sid] = sid

    def _fitting(self, step: Step) -> list[str]:
        taken = frozenset(self.counterparts.values())
        return fitting_roles(step.role, tuple(self.roles.values()), taken=taken) if step.role else []

    def _put(self, payload, path, value) -> None:
        *parents, last = path
        for parent in parents:
            if not isinstance(payload.get(parent), dict):
                payload[parent] = {}
            payload = payload[parent]
        payload[last] = value


def check_convergence(service: ChatService, destination: Destination, twilio: Twilio) -> None:
    """Plan, do it, plan again: nothing is left to do."""
    plan = plan_service(service, destination)
    twilio.counterparts = dict(plan.counterparts)
    keys = [step.key for step in plan.steps]
    assert len(keys) == len(set(keys))
    for step in plan.steps:
        twilio.do(step)
    after = replace(destination, sid=TARGET, state=twilio.state, counterparts=twilio.counterparts)
    assert plan_service(service, after).steps == ()


ENOUGH = settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow], deadline=None)


@example(
    ChatService(SOURCE, None, {"webhook_filters": [], "post_webhook_url": "https://a.example/"}),
    replace(BORN, settings={**BORN.settings, Resource.WEBHOOKS: {"filters": True}}),
    True,
    frozenset(),
)
@ENOUGH
@given(SERVICES, STATES, st.booleans(), st.frozensets(st.just("onUserAdded")))
def test_doing_a_plan_leaves_nothing_to_do(service, state, in_place, refused):
    """For a service that exists, in place or elsewhere, whatever it holds."""
    destination = Destination("AC" + "0" * 32, TARGET, in_place, state, refused=refused)
    check_convergence(service, destination, Twilio(state))


@ENOUGH
@given(SERVICES)
def test_a_new_service_needs_one_plan(service):
    """For a service that is still to be created: its roles are found or made, then all is set."""
    check_convergence(service, Destination("AC" + "0" * 32, None, in_place=False), Twilio(BORN))


@ENOUGH
@given(SERVICES, STATES)
def test_a_plan_can_be_undone(service, state):
    """The inverse of each step brings back what Twilio has words for."""
    for step in plan_service(service, Destination("AC" + "0" * 32, TARGET, True, state)).steps:
        assert step.action is Action.UPDATE
        inverse = step.inverse(step.before)
        assert inverse.after.keys() <= step.after.keys()
        assert inverse.compare(step.after) in {Finding.UNTOUCHED, Finding.DONE}
        if inverse.after.keys() == step.after.keys():
            assert inverse.compare(step.before) is Finding.DONE
