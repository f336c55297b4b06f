"""What holds for every service, however odd: found by generated examples."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st
from mapping_views import nest

from mappings import FIELDS, ChatService, Resource, Verdict, same, translate
from mappings.leaves import flatten
from mappings.permissions import RENAMED, UNCHANGED
from mappings.roles import judge_role
from mappings.templates import RENAMED as VARIABLES
from mappings.values import is_empty
from mappings.webhooks.filters import CHAT, CONVERSATIONS
from mappings.webhooks.merging import EVENTS

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
NOT_OBJECTS = SCALARS | st.lists(JSON, max_size=2)

URLS = st.sampled_from([None, "", "https://a.example/", "https://b.example/", 5])
METHODS = st.sampled_from([None, "POST", "GET", "get", "PUT", 5])
FILTERS = st.none() | st.lists(st.sampled_from([*CHAT, *CONVERSATIONS, "onRocketStart", ""]), max_size=4)
PERMISSIONS = st.lists(
    st.sampled_from([*RENAMED, *RENAMED.values(), *UNCHANGED, "inviteMember", "flyAway"]), max_size=5
)
TEMPLATES = st.lists(
    st.sampled_from([*(f"${{{name}}}" for name in VARIABLES), "${MESSAGE}", "${x}", "$", "{", "}", " "])
).map("".join)

ROLE_SIDS = ("RL1", "RL2", "RL3")
ROLES = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "sid": st.sampled_from(ROLE_SIDS) | NOT_OBJECTS,
            "friendly_name": st.sampled_from(["agent", "admin"]) | NOT_OBJECTS,
            "type": st.sampled_from(["channel", "deployment", "service", "conversation"]) | NOT_OBJECTS,
            "permissions": PERMISSIONS | NOT_OBJECTS,
        },
    ),
    max_size=3,
).map(tuple)

LEAF_SOURCES = [
    field.source.replace("*", "roles") for field in FIELDS if not field.source.startswith("roles.<")
]


def _values(source: str) -> st.SearchStrategy:
    """Values as a service may have them, mixed with values as no service has them."""
    plausible = {
        "url": URLS,
        "method": METHODS,
        "filters": FILTERS,
        "template": TEMPLATES,
        "sid": st.sampled_from(ROLE_SIDS),
        "enabled": st.booleans(),
    }
    ending = source.replace(".", "_").rpartition("_")[2]
    return plausible[ending] | NOT_OBJECTS if ending in plausible else NOT_OBJECTS


PRE_HOOKS = [f"webhooks.{event}.{part}" for event in list(EVENTS)[:2] for part in ("url", "method")]
POST_HOOKS = [f"webhooks.{event}.{part}" for event in list(EVENTS)[8:10] for part in ("url", "method")]
SHARED = ["pre_webhook_url", "post_webhook_url", "webhook_method", "webhook_filters"]

ANY_FIELDS = st.lists(st.sampled_from(LEAF_SOURCES), max_size=12, unique=True).flatmap(
    lambda sources: st.fixed_dictionaries({source: _values(source) for source in sources})
)
WEBHOOKS = st.fixed_dictionaries(
    {},
    optional={
        source: {"url": URLS, "method": METHODS, "filters": FILTERS}[
            source.replace(".", "_").rpartition("_")[2]
        ]
        for source in (*PRE_HOOKS, *POST_HOOKS, *SHARED)
    },
)
FIELD_VALUES = ANY_FIELDS | WEBHOOKS
NOT_EXAMINED = st.dictionaries(
    st.sampled_from([*LEAF_SOURCES, "roles", "limits", "webhooks", "notifications.new_message"]),
    st.just("the file cannot hold it"),
    max_size=3,
)
SERVICES = st.builds(
    lambda v1, v2, roles, unseen: ChatService("IS1", nest(v1), nest(v2), roles, unseen),
    FIELD_VALUES,
    st.none() | FIELD_VALUES,
    ROLES,
    st.just({}) | NOT_EXAMINED,
)
DOCUMENTS = st.dictionaries(
    st.sampled_from(["sid", "limits", "webhooks", "notifications", "links", "media", "roles", "a.b"])
    | st.text(max_size=5),
    JSON,
    max_size=6,
)
ODD_SERVICES = st.builds(ChatService, st.just("IS1"), st.none() | DOCUMENTS, st.none() | DOCUMENTS, ROLES)


@given(SERVICES | ODD_SERVICES, st.booleans())
def test_every_leaf_and_every_role_has_exactly_one_outcome(service, in_place):
    """Whatever JSON a service holds, nothing of it is missing from the outcomes, and nothing is told twice."""
    outcomes = translate(service, same_service=in_place).outcomes
    leaves = flatten(service.v1 or {}).keys() | flatten(service.v2 or {}).keys()
    sources = Counter(outcome.source for outcome in outcomes)
    assert set(sources.values()) <= {1}
    assert leaves <= sources.keys()
    # A role that was read without its permissions is told as that role.
    unexamined = [each for each in outcomes if each.reasons[0].id == "not_examined" and each.role_sid is None]
    unseen = [each for each in unexamined if is_empty(each.value)]
    assert all((each.verdict, each.target) == (Verdict.MANUAL, None) for each in unseen)
    assert len(outcomes) == len(leaves) + len(service.roles) + len({each.source for each in unseen} - leaves)
    assert [outcome.source for outcome in outcomes] == sorted(sources)


@given(SERVICES | ODD_SERVICES, st.booleans())
def test_every_outcome_has_its_reason_in_whole_sentences(service, in_place):
    """No outcome leaves an engineer without a word."""
    for outcome in translate(service, same_service=in_place).outcomes:
        for reason in outcome.reasons:
            assert reason.text.endswith(".")
            assert reason.cause
        assert outcome.reasons
        assert outcome.reason == " ".join(reason.text for reason in outcome.reasons)


RULES = {field.source: field.rule for field in FIELDS}


@given(SERVICES, st.booleans())
def test_the_coverage_table_names_every_verdict_that_a_field_can_get(service, in_place):
    """Whoever reads the rule of a field knows what may become of it, values of the wrong type aside."""
    for outcome in translate(service, same_service=in_place).outcomes:
        if outcome.reasons[0].id not in ("not_examined", "unexpected_value") and outcome.source in RULES:
            assert outcome.verdict.value in RULES[outcome.source], outcome.source


@given(SERVICES | ODD_SERVICES, st.booleans())
def test_a_verdict_claims_no_more_than_the_values_show(service, in_place):
    """`exact` and `renamed` mean an equal value; what is carried, dropped or not needed sets nothing."""
    translation = translate(service, same_service=in_place)
    for outcome in translation.outcomes:
        if outcome.verdict in (Verdict.CARRIED, Verdict.DROPPED, Verdict.NOT_NEEDED):
            assert (outcome.resource, outcome.target) == (None, None)
            continue
        if outcome.resource is None or outcome.resource in (Resource.SERVICE, Resource.ROLES):
            continue
        setting = translation.settings[outcome.resource][outcome.target]
        if outcome.verdict in (Verdict.EXACT, Verdict.RENAMED):
            assert same(outcome.resource, outcome.target, outcome.value, setting)
        same_name = outcome.source.removeprefix("notifications.") == outcome.target
        assert not (outcome.verdict is Verdict.EXACT and not same_name)
        assert not (outcome.verdict is Verdict.RENAMED and same_name)


@given(SERVICES, st.booleans())
def test_every_setting_is_told_by_an_outcome(service, in_place):
    """Nothing is set in secret: a setting is the target of an outcome, or part of a told merge."""
    translation = translate(service, same_service=in_place)
    told = {(outcome.resource, outcome.target) for outcome in translation.outcomes}
    if any(outcome.source.endswith(".url") and outcome.target for outcome in translation.outcomes):
        told |= {(Resource.WEBHOOKS, "method"), (Resource.WEBHOOKS, "filters")}
    made = {(resource, path) for resource, paths in translation.settings.items() for path in paths}
    assert made <= told


@given(FIELD_VALUES, ROLES, st.booleans())
def test_what_is_not_needed_changes_nothing(values, roles, in_place):
    """Without the leaves that are `not_needed`, the same settings are made; but idle filters may forbid a merge."""
    before = translate(ChatService("IS1", {}, nest(values), roles), same_service=in_place)
    idle = {each.source for each in before.outcomes if each.verdict is Verdict.NOT_NEEDED}
    if any("webhook_filters also names" in each.reason for each in before.outcomes):
        idle.discard("webhook_filters")
    needed = {source: value for source, value in values.items() if source not in idle}
    after = translate(ChatService("IS1", {}, nest(needed), roles), same_service=in_place)
    assert after.settings == before.settings


def _written_back(values, made):
    """The Chat values after the settings were made, as the shared Service would show them."""
    fields = [field for field in FIELDS if not field.source.startswith(("roles.<", "webhooks."))]
    sources = {(field.resource, field.target): field.source for field in fields if field.resource}
    written = {
        sources[resource, path]: setting
        for resource, paths in made.items()
        for path, setting in paths.items()
    }
    return values | written


@settings(max_examples=300)
@given(FIELD_VALUES, ROLES, st.booleans())
def test_mapping_twice_equals_mapping_once(values, roles, in_place):
    """A service that already holds the translated values is translated into the same settings."""
    once = translate(ChatService("IS1", {}, nest(values), roles), same_service=in_place).settings
    written = _written_back(values, once)
    assert translate(ChatService("IS1", {}, nest(written), roles), same_service=in_place).settings == once


@given(ROLES)
def test_translating_a_role_twice_equals_once(roles):
    """A role with Conversations' type and permissions passes unchanged."""
    for role in roles:
        once = judge_role(role, same_service=True).translation
        mapped = {**role, "type": once.type, "permissions": list(once.permissions)}
        again = judge_role(mapped, same_service=True).translation
        assert (again.type, again.permissions, again.lost) == (once.type, once.permissions, ())


@given(SERVICES, st.booleans())
def test_roles_that_can_be_held_are_complete(service, in_place):
    """A role in the translation has a SID, a documented type and a permission; all others are manual."""
    translation = translate(service, same_service=in_place)
    for role in translation.roles:
        assert role.source_sid
        assert role.type in ("service", "conversation")
        assert role.permissions
    told = [each for each in translation.outcomes if each.resource is Resource.ROLES]
    manual = sum(each.verdict is Verdict.MANUAL for each in told)
    assert len(service.roles) - len(translation.roles) <= manual


@given(JSON, JSON)
def test_sameness_is_mutual_and_total(a, b):
    """Any two JSON values compare, in both directions alike, and a value is the same as itself."""
    for resource, path in (
        (Resource.WEBHOOKS, "filters"),
        (Resource.WEBHOOKS, "method"),
        (Resource.CONFIGURATION, "reachability_enabled"),
        (Resource.SERVICE, "anything"),
    ):
        assert same(resource, path, a, a)
        assert same(resource, path, a, b) == same(resource, path, b, a)
