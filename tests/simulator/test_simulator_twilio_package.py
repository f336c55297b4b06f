"""Twilio's own library, pointed at the simulator, finds what it expects."""

from __future__ import annotations

import pytest
from twilio.base.exceptions import TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

from migrate.simulator import Simulator


class Redirected(TwilioHttpClient):
    """Sends what is meant for Twilio to a simulator."""

    def __init__(self, sim: Simulator) -> None:
        super().__init__(timeout=5)
        self.session.trust_env = False
        self._hosts = {
            "https://chat.twilio.com": sim.chat_url,
            "https://conversations.twilio.com": sim.conversations_url,
            "https://api.twilio.com": sim.api_url,
        }

    def request(self, method, url, *args, **kwargs):
        """Send the request to the simulator instead."""
        for host, base in self._hosts.items():
            url = url.replace(host, base)
        return super().request(method, url, *args, **kwargs)


@pytest.fixture
def client():
    """The library's client on a simulator of 60 services."""
    with Simulator(services=60) as sim:
        http = Redirected(sim)
        with http.session:
            yield Client(sim.account_sid, sim.auth_token, http_client=http)


def test_lists_follow_the_pages(client):
    """The library's lists run through all pages, in both APIs."""
    chat = client.chat.v2.services.list(page_size=25)
    conversations = client.conversations.v1.services.list(page_size=25)
    assert len(chat) == 60
    assert [s.sid for s in chat] == [s.sid for s in conversations]


def test_settings_are_written_and_read(client):
    """The library's update of webhooks, notifications and roles reads back as written."""
    sid = client.conversations.v1.services.create(friendly_name="From the library").sid
    service = client.conversations.v1.services(sid)
    service.configuration.webhooks().update(filters=["onMessageAdded"], method="POST")
    assert service.configuration.webhooks().fetch().filters == ["onMessageAdded"]
    service.configuration.notifications().update(new_message_with_media_enabled=True)
    assert service.configuration.notifications().fetch().new_message["with_media"]["enabled"] is True
    role = service.roles.create(friendly_name="r", type="service", permission=["joinConversation"])
    assert service.roles(role.sid).update(permission=["createConversation"]).permissions == [
        "createConversation"
    ]
    assert client.chat.v2.services(sid).roles(role.sid).fetch().permissions == ["createChannel"]


def test_accounts_are_listed():
    """The library's list of accounts runs through the pages of the 2010 API, tokens included."""
    with Simulator(services=0, accounts=7) as sim:
        http = Redirected(sim)
        with http.session:
            client = Client(sim.account_sid, sim.auth_token, http_client=http)
            listed = client.api.v2010.accounts.list(page_size=3, status="active")
            fetched = client.api.v2010.accounts(listed[-1].sid).fetch()
        held = list(sim.world.accounts.values())
    assert [(one.sid, one.auth_token) for one in listed] == [(one.sid, one.auth_token) for one in held]
    assert (fetched.auth_token, fetched.date_created.year) == (held[-1].auth_token, 2017)


def test_a_channel_is_migrated():
    """The library reads channels of both types and makes one private, with the header that it is told."""
    with Simulator(services=1, channels=250) as sim:
        http = Redirected(sim)
        with http.session:
            client = Client(sim.account_sid, sim.auth_token, http_client=http)
            (service,) = sim.world.first.services
            channels = client.chat.v2.services(service).channels.list(
                type=["public", "private"], page_size=100
            )
            sid = next(channel.sid for channel in channels if channel.type == "public")
            moved = client.chat.v3.channels(service, sid).update(
                type="private", x_twilio_webhook_enabled="true"
            )
            conversations = client.conversations.v1.services(service).conversations.list(page_size=100)
    assert (len(channels), moved.type) == (250, "private")
    assert sid in {conversation.sid for conversation in conversations}


def test_refusals_carry_twilios_code(client):
    """The library raises its own exception, with the code of the envelope."""
    sid = client.chat.v2.services.list(limit=1, page_size=1)[0].sid
    with pytest.raises(TwilioRestException) as refused:
        client.chat.v2.services(sid).update(webhook_filters=["onNothing"])
    assert (refused.value.status, refused.value.code) == (400, 50054)
