"""What the receivers of webhooks will see: taken from what the service really uses, and nothing forgotten."""

from __future__ import annotations

from hypothesis import given
from mapping_views import nest
from test_mapping_properties import ODD_SERVICES, SERVICES

from mappings import ChatService, Resource, Verdict, translate
from mappings.leaves import ServiceLeaves
from mappings.values import is_empty
from mappings.webhooks.filters import CONVERSATIONS, Phase, new_name
from mappings.webhooks.merging import EVENTS
from mappings.webhooks.receivers import PARAMETERS, EventChange, EventRoute, receivers

URL = "https://hooks.example/chat"
OTHER = "https://hooks.example/other"
THIRD = "https://hooks.example/third"


def found(v2=None, v1=None, **options):
    """The receivers of a service; dotted paths stand for nested objects."""
    return receivers(ChatService("IS1", nest(v1), nest(v2)), **options)


def test_a_service_without_webhooks_has_no_receivers():
    """Filters that call nobody make no work for anybody."""
    assert found({"webhook_filters": ["onMessageSent"], "webhook_method": "POST"}) is None


def test_only_events_of_a_phase_that_calls_somebody_are_told():
    """A pre-event filter without a pre-event URL reaches no receiver."""
    seen = found({"post_webhook_url": URL, "webhook_filters": ["onMessageSend", "onChannelDestroyed"]})
    assert seen.events == (EventChange(Phase.POST, "onChannelDestroyed", "onConversationRemoved"),)
    assert [(call.phase, call.url) for call in seen.calls] == [(Phase.POST, URL)]
    assert (seen.method, seen.routing) == ("POST", None)


def test_events_that_fire_for_more_than_before_say_so():
    """Media messages have no event of their own: receivers must tell them apart."""
    media = found({"pre_webhook_url": URL, "webhook_filters": ["onMediaMessageSend"]})
    plain = found({"post_webhook_url": URL, "webhook_filters": ["onMessageSent"]})
    both = found({"post_webhook_url": URL, "webhook_filters": ["onMessageSent", "onMediaMessageSent"]})
    assert media.events[0].note == "fires for every message, with or without media"
    assert plain.events[0].note == "fires for messages with media too"
    assert [(event.conversations, event.note) for event in both.events] == [("onMessageAdded", "")] * 2


def test_merged_per_event_urls_are_receivers_like_any_other():
    """URLs that merge are called by Conversations itself, with the method of the events."""
    v1 = {"webhooks.on_message_send.url": URL, "webhooks.on_message_send.method": "GET"}
    seen = found(v1=v1)
    assert [(call.phase, call.url) for call in seen.calls] == [(Phase.PRE, URL)]
    assert (seen.method, seen.routing) == ("GET", None)
    assert [event.conversations for event in seen.events] == ["onMessageAdd"]


def test_urls_that_do_not_merge_become_a_routing_table():
    """The table holds every event and method, and what the shared URL of the phase calls today."""
    v2 = {"post_webhook_url": THIRD, "webhook_filters": ["onMessageSent", "onMemberAdd"]}
    v1 = {
        "webhooks.on_message_sent.url": URL,
        "webhooks.on_message_sent.method": "put",
        "webhooks.on_member_added.url": OTHER,
    }
    routing = found(v2, v1).routing
    assert routing.routes == (
        EventRoute(Phase.POST, "onMessageAdded", URL, "PUT"),
        EventRoute(Phase.POST, "onParticipantAdded", OTHER, "POST"),
        EventRoute(Phase.POST, "onMessageAdded", THIRD, "POST"),
    )
    assert routing.doubled == ("onMessageAdded",)
    assert routing.sources == {
        "webhooks.on_message_sent.url",
        "webhooks.on_message_sent.method",
        "webhooks.on_member_added.url",
    }
    assert [phase for phase, _ in routing.obstacles] == [Phase.POST]


def test_a_method_that_nobody_has_chosen_is_not_invented():
    """Conversations cannot call with PUT, and which method replaces it is for a person to say."""
    assert found({"pre_webhook_url": URL, "webhook_method": "PUT"}).method is None


def test_events_that_twilio_refused_reach_nobody():
    """What the Service's filters cannot hold is not announced to its receivers."""
    v2 = {"post_webhook_url": URL, "webhook_filters": ["onUserAdded", "onMessageSent"]}
    seen = found(v2, refused=frozenset({"onUserAdded"}))
    assert [event.chat for event in seen.events] == ["onMessageSent"]


def test_every_changed_parameter_says_how_sure_that_is():
    """Nobody rewrites a receiver on a guess without being told that it is one."""
    assert all(change.certainty for change in PARAMETERS)
    assert any("inferred" in change.certainty for change in PARAMETERS)


@given(SERVICES | ODD_SERVICES)
def test_every_url_is_called_or_routed(service):
    """Whatever JSON a service holds, no URL of it is forgotten, and no receiver is invented."""
    source = ServiceLeaves.of(service, same_service=True)
    paths = ["pre_webhook_url", "post_webhook_url", *(f"webhooks.{event}.url" for event in EVENTS)]
    urls = {str(source.value(path)) for path in paths if isinstance(source.value(path), str)} - {""}
    seen = receivers(service)
    assert (seen is None) == all(is_empty(source.value(path)) for path in paths)
    told = [*seen.calls, *(seen.routing.routes if seen.routing else ())] if seen else []
    assert urls <= {one.url for one in told}


@given(SERVICES | ODD_SERVICES)
def test_events_are_those_that_the_settings_subscribe(service):
    """What receivers are told to expect is what is written as filters, for the phases that call somebody."""
    seen = receivers(service)
    for event in seen.events if seen else ():
        assert (new_name(event.chat), CONVERSATIONS[event.conversations]) == (
            event.conversations,
            event.phase,
        )
    if seen is None or seen.routing is not None:
        return
    written = translate(service, same_service=True).settings.get(Resource.WEBHOOKS, {}).get("filters", [])
    called = {call.phase for call in seen.calls}
    assert {event.conversations for event in seen.events} == {
        name for name in written if CONVERSATIONS[name] in called
    }


@given(SERVICES | ODD_SERVICES)
def test_the_table_stands_for_exactly_the_fields_that_point_to_it(service):
    """A field may be folded into the table only if the table tells all that the field's own reason would."""
    seen = receivers(service)
    pointing = {
        outcome.source
        for outcome in translate(service, same_service=True).outcomes
        if outcome.verdict is Verdict.MANUAL
        and outcome.reasons[0].id in ("event_not_merged", "event_method_not_merged")
    }
    folded = seen.routing.sources if seen and seen.routing else frozenset()
    assert pointing == folded
