"""Whatever a Chat Service and its target hold, the plan is total, and doing it once leaves nothing to do."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from mappings import ChatService, translate
from migrate.kinds.registry import kind_of
from migrate.kinds.roles import match_roles
from migrate.model.destination import Destination
from migrate.model.image import TargetImage
from migrate.model.plan import PlannedService
from migrate.model.step import Action, Comparison, ReadyStep, Step
from migrate.plan.planner import plan_service
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


def image(settings, roles):
    """What Conversations holds."""
    return TargetImage(TARGET, True, {**settings, "roles": {"roles": list(roles)}}, "2026")


def plan(service: ChatService, destination: Destination) -> tuple[list[Step], PlannedService]:
    """The steps for one service, and what is told of it."""
    found = plan_service(service, destination, {}, lambda _kind: iter(()))
    return [step for _phase, step in found.steps], found.told()


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
    lambda configuration, notifications, webhooks, live: image(
        {"configuration": configuration, "notifications": notifications, "webhooks": webhooks}, live
    ),
    objects(CONFIGURATION),
    objects(new_conversations_notifications()),
    objects(WEBHOOKS),
    roles(["conversation", "service"]),
)
BORN = image(
    {
        "configuration": CONFIGURATION,
        "notifications": new_conversations_notifications(),
        "webhooks": WEBHOOKS,
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
)
"""A service as it is born."""


class Twilio:
    """Does steps to a state, as the executor and Twilio would do them together."""

    def __init__(self, state: TargetImage) -> None:
        self.settings = deepcopy(dict(state.payloads))
        self.roles = {role["sid"]: dict(role) for role in self.settings.pop("roles")["roles"]}
        self.counterparts: dict[str, str] = {}

    @property
    def state(self) -> TargetImage:
        """What it has become."""
        return image(self.settings, self.roles.values())

    def do(self, planned: Step, service: ChatService) -> None:
        """Do one step."""
        if planned.makes_service:
            self.counterparts[planned.source_sid] = TARGET
        if planned.kind == "roles" and planned.target_sid is None:
            self.counterparts.update(self._found(planned.item_sid, service))
        step = planned.resolved(self.counterparts)
        assert kind_of(step.kind).form(step)
        assert step.compare(step.after, kind_of(step.kind).same) is Comparison.DONE
        if step.kind == "roles":
            self._role(step)
        elif step.kind != "service":
            for path, value in step.after.items():
                self._put(self.settings[step.kind], path.split("."), value)

    def _role(self, step: ReadyStep) -> None:
        sid = step.target_sid or "RL" + f"{len(self.roles):032x}"
        role = self.roles.setdefault(sid, {"sid": sid, **step.detail})
        role["permissions"] = list(step.after["permissions"])
        self.counterparts[step.item_sid] = sid

    def _found(self, item_sid: str, service: ChatService) -> dict[str, str]:
        taken = set(self.counterparts.values())
        roles = tuple(
            role for role in translate(service, same_service=False).roles if role.source_sid == item_sid
        )
        return match_roles(roles, {sid: role for sid, role in self.roles.items() if sid not in taken}, {})

    def _put(self, payload, path, value) -> None:
        *parents, last = path
        for parent in parents:
            if not isinstance(payload.get(parent), dict):
                payload[parent] = {}
            payload = payload[parent]
        payload[last] = value


def check_convergence(service: ChatService, destination: Destination, twilio: Twilio) -> None:
    """Plan, do it, plan again: nothing is left to do."""
    steps, told = plan(service, destination)
    twilio.counterparts = dict(told.counterparts)
    keys = [step.key for step in steps]
    assert len(keys) == len(set(keys))
    for step in steps:
        twilio.do(step, service)
    after = replace(destination, sid=TARGET, image=twilio.state, counterparts=twilio.counterparts)
    assert plan(service, after)[0] == []


ENOUGH = settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow], deadline=None)


@example(
    ChatService(SOURCE, None, {"webhook_filters": [], "post_webhook_url": "https://a.example/"}),
    replace(BORN, payloads={**BORN.payloads, "webhooks": {"filters": True}}),
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
    for planned in plan(service, Destination("AC" + "0" * 32, TARGET, True, state))[0]:
        assert planned.action is Action.UPDATE
        step, kind = planned.resolved({}), kind_of(planned.kind)
        inverse = step.inverse(step.before, kind.not_clearable)
        assert inverse.after.keys() <= step.after.keys()
        assert inverse.compare(step.after, kind.same) in {Comparison.UNTOUCHED, Comparison.DONE}
        if inverse.after.keys() == step.after.keys():
            assert inverse.compare(step.before, kind.same) is Comparison.DONE
