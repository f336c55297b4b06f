"""Roles, their permissions, and the default roles."""

from __future__ import annotations

import pytest

from mappings import Resource
from mappings.roles import judge_role

# Chat, Conversations, whether a service role may have it, whether a conversation role may
PERMISSIONS = [
    ("createChannel", "createConversation", True, False),
    ("joinChannel", "joinConversation", True, False),
    ("destroyChannel", "deleteConversation", True, True),
    ("leaveChannel", "leaveConversation", False, True),
    ("addMember", "addParticipant", True, True),
    ("removeMember", "removeParticipant", True, True),
    ("editChannelName", "editConversationName", True, True),
    ("editChannelAttributes", "editConversationAttributes", True, True),
    ("editAnyMemberAttributes", "editAnyParticipantAttributes", True, True),
    ("editOwnMemberAttributes", "editOwnParticipantAttributes", True, True),
    ("editNotificationLevel", "editNotificationLevel", True, True),
    ("sendMessage", "sendMessage", False, True),
    ("sendMediaMessage", "sendMediaMessage", False, True),
    ("deleteOwnMessage", "deleteOwnMessage", False, True),
    ("deleteAnyMessage", "deleteAnyMessage", True, True),
    ("editAnyMessage", "editAnyMessage", True, True),
    ("editAnyMessageAttributes", "editAnyMessageAttributes", True, True),
    ("editOwnMessage", "editOwnMessage", True, True),
    ("editOwnMessageAttributes", "editOwnMessageAttributes", True, True),
    ("editAnyUserInfo", "editAnyUserInfo", True, True),
    ("editOwnUserInfo", "editOwnUserInfo", True, True),
    ("addNonChatParticipant", "addNonChatParticipant", True, True),
]


def role(**changes):
    """A raw Chat role."""
    return {
        "sid": "RL1",
        "friendly_name": "agent",
        "type": "channel",
        "permissions": ["sendMessage"],
        **changes,
    }


@pytest.mark.parametrize(("chat", "conversations", "in_service", "in_conversation"), PERMISSIONS)
def test_each_permission_has_its_conversations_name(chat, conversations, in_service, in_conversation):
    """Every permission is translated where the role's type may have it, and told as lost where it may not."""
    types = [("deployment", in_service), ("service", in_service)]
    types += [("channel", in_conversation), ("conversation", in_conversation)]
    for type_, allowed in types:
        for name in (chat, conversations):
            made = judge_role(role(permissions=[name], type=type_), same_service=True).translation
            assert (made.permissions, made.lost) == (
                ((conversations,), ()) if allowed else ((), (conversations,))
            )


def test_a_permission_that_the_type_cannot_have_is_lost_and_the_others_stay(translated):
    """Twilio would refuse the whole role for one such permission, so it is left out and told by name."""
    odd = role(type="deployment", permissions=["createChannel", "sendMessage"])
    result = translated({}, roles=[odd])
    outcome = result.outcome("roles.agent.permissions")
    assert outcome.verdict.value == "lossy"
    assert [(each.id, dict(each.args)) for each in outcome.reasons] == [
        ("permission_not_of_type", {"permissions": ("sendMessage",), "type": "service"}),
        ("permissions_renamed", {"renames": ("createChannel → createConversation",)}),
    ]
    assert [each.permissions for each in result.translation.roles] == [("createConversation",)]


VERDICTS = [
    (["sendMessage"], "exact", ("sendMessage",)),
    (["sendMessage", "sendMessage"], "exact", ("sendMessage",)),
    (["addMember"], "converted", ("addParticipant",)),
    (["addMember", "addParticipant"], "converted", ("addParticipant",)),
    (["addMember", "inviteMember"], "lossy", ("addParticipant",)),
    (["addMember", "flyAway"], "manual", ("addParticipant",)),
]


@pytest.mark.parametrize(("permissions", "verdict", "kept"), VERDICTS)
def test_a_role_keeps_what_conversations_knows(translated, permissions, verdict, kept):
    """The verdict tells whether permissions were renamed, lost or unknown; the rest is kept."""
    result = translated({}, roles=[role(permissions=permissions)])
    outcome = result.outcome("roles.agent.permissions")
    assert (outcome.verdict.value, outcome.role_sid) == (verdict, "RL1")
    assert (outcome.resource, outcome.target) == (Resource.ROLES, "permissions")
    assert [each.permissions for each in result.translation.roles] == [kept]


def test_a_lost_invitation_names_the_alternative(translated):
    """inviteMember is reported with addParticipant, which is not granted by itself."""
    result = translated({}, roles=[role(permissions=["sendMessage", "inviteMember"])])
    assert "addParticipant" in result.outcome("roles.agent.permissions").reason
    assert result.translation.roles[0].permissions == ("sendMessage",)
    assert result.translation.roles[0].lost == ("inviteMember",)


def test_an_unknown_permission_is_named(translated):
    """A permission that Twilio would refuse is left out, and told by name."""
    result = translated({}, roles=[role(permissions=["sendMessage", "flyAway"])])
    assert "flyAway" in result.outcome("roles.agent.permissions").reason
    assert result.translation.roles[0].lost == ("flyAway",)


@pytest.mark.parametrize(
    "changes",
    [
        {"permissions": ["inviteMember"]},
        {"permissions": []},
        {"permissions": None},
        {"permissions": "sendMessage"},
        {"permissions": ["sendMessage", 5]},
        {"permissions": {"a": []}},
        {"type": "galactic"},
        {"type": None},
        {"type": ["channel"]},
        {"sid": None},
    ],
)
def test_a_role_that_conversations_cannot_hold_is_left_to_a_person(translated, changes):
    """An odd role is reported, and nobody tries to create it."""
    result = translated({}, roles=[role(**changes)])
    assert [each.verdict.value for each in result.translation.outcomes] == ["manual"]
    assert result.translation.roles == ()


@pytest.mark.parametrize(
    ("permissions", "said"),
    [(None, "permissions was not examined (the role was read without them)"), ([], "this one has none")],
)
def test_permissions_that_were_not_read_are_not_said_to_be_none(translated, permissions, said):
    """A saved role may lack its permissions, which is another thing than a role without any."""
    result = translated({}, roles=[role(permissions=permissions)])
    assert said in result.outcome("roles.agent.permissions").reason


@pytest.mark.parametrize(
    ("chat", "conversations"),
    [
        ("deployment", "service"),
        ("channel", "conversation"),
        ("service", "service"),
        ("conversation", "conversation"),
    ],
)
def test_a_role_type_has_its_conversations_name(chat, conversations):
    """Chat's types are translated, and Conversations' own pass unchanged."""
    assert judge_role(role(type=chat), same_service=True).translation.type == conversations


def test_a_role_without_a_name_stays_in_place_but_is_not_created(translated):
    """In place the role exists already; a new one needs a name."""
    unnamed = role(friendly_name=None)
    assert translated({}, roles=[unnamed]).verdict("roles.RL1.permissions") == "exact"
    assert translated({}, roles=[unnamed], same=False).verdict("roles.RL1.permissions") == "manual"


def test_roles_of_one_name_have_their_own_rows(translated):
    """Each role keeps one outcome, told apart by its SID and, if need be, by a count."""
    same_name = [role(sid="RL1"), role(sid="RL2"), role(sid="RL2"), role(sid="RL3", friendly_name="other")]
    sources = [each.source for each in translated({}, roles=same_name).translation.outcomes]
    assert sources == [
        "roles.agent (RL1).permissions",
        "roles.agent (RL2) #2.permissions",
        "roles.agent (RL2).permissions",
        "roles.other.permissions",
    ]


def test_a_role_never_shares_a_row_with_an_unknown_field(translated):
    """A service view that happens to hold `roles` does not hide a role."""
    result = translated({"roles.agent.permissions": ["x"]}, roles=[role()])
    sources = [each.source for each in result.translation.outcomes]
    assert sources == ["roles.agent (RL1).permissions", "roles.agent.permissions"]


DEFAULTS = {
    "default_service_role_sid": "default_chat_service_role_sid",
    "default_channel_role_sid": "default_conversation_role_sid",
    "default_channel_creator_role_sid": "default_conversation_creator_role_sid",
}


@pytest.mark.parametrize(("source", "target"), DEFAULTS.items())
def test_a_default_role_keeps_its_sid_in_place(translated, source, target):
    """In place a default role is the same role under a new setting name."""
    result = translated({source: "RL1"})
    assert result.verdict(source) == "renamed"
    assert result.settings(Resource.CONFIGURATION) == {target: "RL1"}


@pytest.mark.parametrize(("source", "target"), DEFAULTS.items())
def test_a_default_role_elsewhere_is_that_of_its_counterpart(translated, source, target):
    """The setting holds the Chat SID, to be replaced once the counterpart exists."""
    result = translated({source: "RL1"}, roles=[role()], same=False)
    assert result.verdict(source) == "converted"
    assert result.settings(Resource.CONFIGURATION) == {target: "RL1"}


@pytest.mark.parametrize("roles", [[], [role(permissions=["inviteMember"])], [role(type="galactic")]])
def test_a_default_role_without_counterpart_leaves_the_targets_default(translated, roles):
    """A default that cannot exist in the target is not set, and the reason says what applies instead."""
    result = translated({"default_channel_role_sid": "RL1"}, roles=roles, same=False)
    assert result.verdict("default_channel_role_sid") == "manual"
    assert "keeps its own default role" in result.outcome("default_channel_role_sid").reason
    assert result.settings(Resource.CONFIGURATION) == {}


def test_a_default_role_that_is_not_set_is_not_written(translated):
    """Clearing a default role is never attempted."""
    result = translated({"default_channel_role_sid": None})
    assert result.verdict("default_channel_role_sid") == "not_needed"
    assert result.settings(Resource.CONFIGURATION) == {}
