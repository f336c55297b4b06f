"""Every way to be wrong, and the refusal that Twilio documents for it."""

from __future__ import annotations

import re

import pytest

NOBODY = "IS" + "0" * 32
NO_ROLE = "RL" + "0" * 32

CHAT_UPDATES = [
    ({}, 20161),
    ({"Nonsense": "1"}, 20001),
    ({"friendly_name": "x"}, 20001),
    ({"FriendlyName": ""}, 20001),
    ({"FriendlyName": "x" * 257}, 50003),
    ({"ReachabilityEnabled": "True"}, 20001),
    ({"ReachabilityEnabled": "1"}, 20001),
    ({"ReachabilityEnabled": ["true", "false"]}, 20001),
    ({"TypingIndicatorTimeout": "soon"}, 50053),
    ({"TypingIndicatorTimeout": "-1"}, 50053),
    ({"ConsumptionReportInterval": "1.5"}, 50052),
    ({"Limits.ChannelMembers": "1001"}, 50061),
    ({"Limits.UserChannels": "0"}, 50060),
    ({"PreWebhookUrl": "example.com"}, 50077),
    ({"PostWebhookUrl": "ftp://example.com"}, 50078),
    ({"WebhookMethod": "PUT"}, 50055),
    ({"WebhookFilters": ["onMessageAdd"]}, 50054),
    ({"WebhookFilters": ["onMessageSent", ""]}, 50054),
    ({"PreWebhookRetryCount": "4"}, 50065),
    ({"DefaultServiceRoleSid": "RL1"}, 20001),
    ({"DefaultServiceRoleSid": NO_ROLE}, 50102),
    ({"DefaultChannelRoleSid": NO_ROLE}, 50101),
    ({"DefaultChannelCreatorRoleSid": NO_ROLE}, 50106),
    ({"Webhooks.OnMessageSend.Url": "https://example.com"}, 20001),
]

CONFIGURATION_UPDATES = [
    ("", {}, 20161),
    ("", {"FriendlyName": "x"}, 20001),
    ("", {"ReachabilityEnabled": "yes"}, 20001),
    ("", {"DefaultConversationCreatorRoleSid": NO_ROLE}, 50106),
    ("", {"DefaultConversationRoleSid": NO_ROLE}, 50109),
    ("", {"DefaultChatServiceRoleSid": NO_ROLE}, 50102),
    ("/Notifications", {}, 20161),
    ("/Notifications", {"InvitedToConversation.Enabled": "true"}, 20001),
    ("/Notifications", {"NewMessage.Enabled": "on"}, 20001),
    ("/Webhooks", {}, 20161),
    ("/Webhooks", {"WebhookMethod": "POST"}, 20001),
    ("/Webhooks", {"Method": "post"}, 50055),
    ("/Webhooks", {"Filters": ["onMessageAdd", "onMessageSent"]}, 50054),
    ("/Webhooks", {"PreWebhookUrl": "https://"}, 50077),
    ("/Webhooks", {"PreWebhookUrl": "https://example.com/a b"}, 50077),
    ("/Webhooks", {"PostWebhookUrl": "https://example.com/ü"}, 50078),
    ("/Webhooks", {"PostWebhookUrl": "https://example.com/%zz"}, 50078),
    ("/Webhooks", {"PostWebhookUrl": "https://example.com:port/"}, 50078),
]

ROLE_CREATES = [
    ({"Type": "conversation", "Permission": ["sendMessage"]}, 20001),
    ({"FriendlyName": "r", "Permission": ["sendMessage"]}, 20001),
    ({"FriendlyName": "r", "Type": "conversation"}, 20001),
    ({"FriendlyName": "r", "Type": "conversation", "Permission": ""}, 20001),
    ({"FriendlyName": "r", "Type": "channel", "Permission": ["sendMessage"]}, 50105),
    ({"FriendlyName": "r", "Type": "conversation", "Permission": ["inviteMember"]}, 50104),
    ({"FriendlyName": "r", "Type": "conversation", "Permission": ["sendMessage", "addMember"]}, 50104),
]


def assert_refused(answer, status, code):
    """Check status and code, in Twilio's envelope."""
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert set(answer.json()) == {"code", "message", "more_info", "status"}
    assert answer.json()["status"] == status


@pytest.mark.parametrize(("form", "code"), CHAT_UPDATES)
def test_chat_updates_are_judged(shared, service, form, code):
    """A bad Chat update is refused with its documented code and changes nothing."""
    path = f"/v2/Services/{service.sid}"
    before = shared.chat(path).json()
    assert_refused(shared.chat(path, form), 400, code)
    assert shared.chat(path).json() == before


@pytest.mark.parametrize(("resource", "form", "code"), CONFIGURATION_UPDATES)
def test_configuration_updates_are_judged(shared, service, resource, form, code):
    """A bad Conversations update is refused with its documented code and changes nothing."""
    path = f"/v1/Services/{service.sid}/Configuration{resource}"
    before = shared.conv(path).json()
    assert_refused(shared.conv(path, form), 400, code)
    assert shared.conv(path).json() == before


@pytest.mark.parametrize(("form", "code"), ROLE_CREATES)
def test_role_creations_are_judged(shared, service, form, code):
    """A bad role is refused and not created."""
    assert_refused(shared.conv(f"/v1/Services/{service.sid}/Roles", form), 400, code)
    assert len(service.roles) == 4


def test_a_default_role_must_have_the_proper_type(shared, service):
    """A service role cannot be the default role of conversations."""
    service_user = service.role_named("service user").sid
    form = {"DefaultConversationRoleSid": service_user}
    assert_refused(shared.conv(f"/v1/Services/{service.sid}/Configuration", form), 400, 50109)


@pytest.mark.parametrize("api", ["chat", "conv"])
@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("PageSize=0", 20001),
        ("PageSize=101", 20001),
        ("PageSize=ten", 20001),
        ("PageToken=nonsense", 19038),
        ("Page=-1", 20001),
        ("Limit=5", 20001),
        ("PageSize=5&PageSize=6", 20001),
    ],
)
def test_queries_are_judged(shared, api, query, code):
    """A bad query of a list is refused."""
    assert_refused(getattr(shared, api)(f"/v1/Services?{query}"), 400, code)


@pytest.mark.parametrize(
    ("api", "path", "most"),
    [
        ("chat", "/v1/Services", 100),
        ("chat", "/v2/Services", 100),
        ("chat", "/v1/Services/{}/Roles", 1000),
        ("chat", "/v2/Services/{}/Roles", 100),
        ("chat", "/v2/Services/{}/Channels", 100),
        ("conv", "/v1/Services", 100),
        ("conv", "/v1/Services/{}/Roles", 50),
        ("conv", "/v1/Services/{}/Conversations", 100),
    ],
)
def test_largest_pages(shared, service, api, path, most):
    """Each list takes its documented largest page, and not one more."""
    url = path.format(service.sid) + "?PageSize="
    assert getattr(shared, api)(url + str(most)).status_code == 200
    assert_refused(getattr(shared, api)(url + str(most + 1)), 400, 20001)


@pytest.mark.parametrize(
    "path",
    [
        f"/v2/Services/{NOBODY}",
        "/v2/Services/IS1",
        "/v2/Nothing",
        "/v9/Services",
        "/",
        f"/v2/Services/{NOBODY}/Roles/{NO_ROLE}",
    ],
)
def test_what_does_not_exist(shared, path):
    """Unknown paths, malformed SIDs and absent resources are 404/20404."""
    assert_refused(shared.chat(path), 404, 20404)


def test_other_methods(shared, service):
    """Conversations has no update of a service, and nothing has PUT."""
    assert_refused(shared.conv(f"/v1/Services/{service.sid}", {"FriendlyName": "x"}), 405, 20004)
    assert_refused(shared.chat(f"/v2/Services/{service.sid}", method="PUT"), 405, 20004)


def test_json_bodies_are_refused(shared, service):
    """Settings are sent as forms."""
    answer = shared.chat(f"/v2/Services/{service.sid}", method="POST", json={"FriendlyName": "x"})
    assert_refused(answer, 415, 20001)


def test_the_webhook_header_belongs_to_channels(shared, service):
    """X-Twilio-Webhook-Enabled is refused where the documents do not have it."""
    header = {"X-Twilio-Webhook-Enabled": "true"}
    answer = shared.conv(
        f"/v1/Services/{service.sid}/Configuration", {"ReachabilityEnabled": "true"}, headers=header
    )
    assert_refused(answer, 400, 20001)


def test_credentials(open_sim):
    """The account's token and its API keys open it; anything else is 401/20003."""
    caller = open_sim()
    (key, secret), *_ = caller.sim.world.first.api_keys.items()
    for user, password, status in [
        (caller.sim.account_sid, caller.sim.auth_token, 200),
        (key, secret, 200),
        (key, caller.sim.auth_token, 401),
        (caller.sim.account_sid, "", 401),
        ("nobody", "", 401),
    ]:
        caller.session.auth = (user, password)
        assert caller.chat("/v2/Services").status_code == status
    caller.session.auth = None
    assert_refused(caller.chat("/v2/Services"), 401, 20003)
    assert_refused(caller.chat("/v2/Services", headers={"Authorization": "Basic é"}), 401, 20003)


def test_accounts_do_not_see_each_other(open_sim):
    """Another account's service is 404, and its list holds its own services only."""
    caller = open_sim(accounts=2)
    first, second = caller.sim.world.accounts.values()
    sid = next(iter(first.services))
    caller.session.auth = (second.sid, second.auth_token)
    assert caller.conv("/v1/Services").json()["services"] == []
    for answer in (caller.conv(f"/v1/Services/{sid}"), caller.chat(f"/v2/Services/{sid}", method="DELETE")):
        assert_refused(answer, 404, 20404)
    form = {"DefaultChatServiceSid": sid}
    assert_refused(caller.conv("/v1/Configuration", form), 400, 50050)
    assert caller.sim.environment(target=second.sid)["TWILIO_TARGET_AUTH_TOKEN"] == second.auth_token


def test_headers_of_an_answer(shared):
    """Each answer has a request id of its own, the number of concurrent requests and a duration."""
    first, second = shared.chat("/v2/Services"), shared.chat("/v2/Nothing")
    for answer in (first, second):
        assert re.fullmatch(r"RQ[0-9a-f]{32}", answer.headers["Twilio-Request-Id"])
        assert answer.headers["Twilio-Concurrent-Requests"] == "1"
        assert float(answer.headers["Twilio-Request-Duration"]) >= 0
    assert first.headers["Twilio-Request-Id"] != second.headers["Twilio-Request-Id"]


def test_requests_are_recorded(open_sim):
    """The record holds Twilio's path, the decoded pairs, the credentials' account and the answer."""
    caller = open_sim()
    sid = next(iter(caller.sim.world.first.services))
    caller.chat("/v2/Services?PageSize=1")
    answer = caller.conv(
        f"/v1/Services/{sid}/Configuration/Webhooks", {"Filters": ["onMessageAdd", "onMessageAdded"]}
    )
    listed, written = caller.sim.requests
    assert (listed.api, listed.method, listed.path) == ("chat", "GET", "/v2/Services")
    assert (listed.query, listed.form) == ([("PageSize", "1")], [])
    assert written.form == [("Filters", "onMessageAdd"), ("Filters", "onMessageAdded")]
    assert (written.status, written.body) == (200, answer.text)
    assert (written.account_sid, written.fault, written.processed) == (caller.sim.account_sid, None, True)
    assert listed.time <= written.time


def test_only_the_loopback_interface(shared):
    """The simulator is reachable from this machine alone."""
    assert shared.sim.url.startswith("http://127.0.0.1:")


@pytest.mark.parametrize("method", ["create", "update"])
@pytest.mark.parametrize(
    ("role", "type_", "word"),
    [
        ("service user", "service", "sendMessage"),
        ("service user", "service", "sendMediaMessage"),
        ("service user", "service", "leaveConversation"),
        ("service user", "service", "deleteOwnMessage"),
        ("channel user", "conversation", "createConversation"),
        ("channel user", "conversation", "joinConversation"),
    ],
)
def test_permissions_by_type(shared, service, method, role, type_, word):
    """A permission that a role's type can't have is refused with 50104, and changes nothing."""
    roles = f"/v1/Services/{service.sid}/Roles"
    before = shared.conv(roles).json()
    form = {"Permission": ["addParticipant", word]}
    if method == "update":
        roles += f"/{service.role_named(role).sid}"
    else:
        form |= {"FriendlyName": "r", "Type": type_}
    assert_refused(shared.conv(roles, form), 400, 50104)
    assert shared.conv(f"/v1/Services/{service.sid}/Roles").json() == before


def test_names_of_roles_are_short(shared, service):
    """A role's name has at most 64 characters."""
    form = {"Type": "service", "Permission": "joinConversation"}
    path = f"/v1/Services/{service.sid}/Roles"
    assert shared.conv(path, form | {"FriendlyName": "r" * 64}).status_code == 201
    assert_refused(shared.conv(path, form | {"FriendlyName": "r" * 65}), 400, 50003)


@pytest.mark.parametrize(
    ("form", "code"),
    [
        ({"DefaultInactiveTimer": "PT59S"}, 50375),
        ({"DefaultInactiveTimer": "soon"}, 50379),
        ({"DefaultInactiveTimer": "P"}, 50379),
        ({"DefaultInactiveTimer": "PT"}, 50379),
        ({"DefaultClosedTimer": "PT9M59S"}, 50376),
        ({"DefaultClosedTimer": "10"}, 50380),
    ],
)
def test_timers_that_are_too_short(shared, form, code):
    """A timer below its minimum, and what is no ISO 8601 duration, have codes of their own."""
    assert_refused(shared.conv("/v1/Configuration", form), 400, code)


@pytest.mark.parametrize("timer", ["P1W", "PT10M", "P1DT2H", "PT600S", "P1Y2M3DT4H5M6S", ""])
def test_timers(shared, timer):
    """Any ISO 8601 duration above the minimum is taken; an empty one clears."""
    shown = shared.conv("/v1/Configuration", {"DefaultClosedTimer": timer}).json()
    assert shown["default_closed_timer"] == (timer or None)


def test_texts_that_are_too_long(open_sim):
    """Where a limit was set, templates (50058) and sounds (50059) above it are refused, in both APIs."""
    caller = open_sim(template_limit=20, sound_limit=5)
    sid = next(iter(caller.sim.world.first.services))
    chat, conv = f"/v2/Services/{sid}", f"/v1/Services/{sid}/Configuration/Notifications"
    assert (
        caller.conv(conv, {"NewMessage.Template": "x" * 20, "NewMessage.Sound": "x" * 5}).status_code == 200
    )
    assert_refused(caller.conv(conv, {"NewMessage.WithMedia.Template": "x" * 21}), 400, 50058)
    assert_refused(caller.conv(conv, {"NewMessage.Sound": "x" * 6}), 400, 50059)
    assert_refused(caller.chat(chat, {"Notifications.NewMessage.Template": "x" * 21}), 400, 50058)


def test_writes_per_second(open_sim):
    """Each service takes so many writes a second, more are 429/50063; reads and other services don't count."""
    caller = open_sim(writes_per_second=2)
    one, other, *_ = caller.sim.world.first.services
    form = {"ReachabilityEnabled": "true"}
    written = [caller.conv(f"/v1/Services/{one}/Configuration", form) for _ in range(3)]
    assert [answer.status_code for answer in written] == [200, 200, 429]
    assert_refused(written[2], 429, 50063)
    assert caller.conv(f"/v1/Services/{one}/Configuration").status_code == 200
    assert caller.conv(f"/v1/Services/{other}/Configuration", form).status_code == 200
