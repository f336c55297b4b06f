"""A simulated account seen from outside: what Conversations must hold after a migration, in words of this file's own.

Nothing of the tool helps here, its mappings least of all: this judges them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from migrate.simulator import RecordedRequest, Role, Service, Simulator

FILTERS = {
    "onMessageSend": "onMessageAdd",
    "onMessageSent": "onMessageAdded",
    "onMediaMessageSend": "onMessageAdd",
    "onMediaMessageSent": "onMessageAdded",
    "onChannelAdd": "onConversationAdd",
    "onChannelAdded": "onConversationAdded",
    "onChannelUpdate": "onConversationUpdate",
    "onChannelUpdated": "onConversationUpdated",
    "onChannelDestroy": "onConversationRemove",
    "onChannelDestroyed": "onConversationRemoved",
    "onMemberAdd": "onParticipantAdd",
    "onMemberAdded": "onParticipantAdded",
    "onMemberUpdate": "onParticipantUpdate",
    "onMemberUpdated": "onParticipantUpdated",
    "onMemberRemove": "onParticipantRemove",
    "onMemberRemoved": "onParticipantRemoved",
}
PERMISSIONS = {
    "addMember": "addParticipant",
    "createChannel": "createConversation",
    "destroyChannel": "deleteConversation",
    "editAnyMemberAttributes": "editAnyParticipantAttributes",
    "editChannelAttributes": "editConversationAttributes",
    "editChannelName": "editConversationName",
    "editOwnMemberAttributes": "editOwnParticipantAttributes",
    "joinChannel": "joinConversation",
    "leaveChannel": "leaveConversation",
    "removeMember": "removeParticipant",
}
PUSH = {
    "new_message": "new_message",
    "added_to_channel": "added_to_conversation",
    "removed_from_channel": "removed_from_conversation",
}
DEFAULT_ROLES = (
    "default_service_role_sid",
    "default_channel_role_sid",
    "default_channel_creator_role_sid",
)
CONVERSATIONS_ONLY = {"onDeliveryUpdated", "onConversationStateUpdated"}
USER_EVENTS = {"onUserAdded", "onUserUpdate", "onUserUpdated"}


def named(simulator: Simulator, name: str, account: str | None = None) -> Service:
    """The first service whose name begins so."""
    services = simulator.world.accounts[account or simulator.account_sid].services.values()
    return next(service for service in services if service.chat["friendly_name"].startswith(name))


def posts(simulator: Simulator, since: int = 0) -> list[RecordedRequest]:
    """Everything but reads that has arrived, after the first `since` requests."""
    return [request for request in simulator.requests[since:] if request.method != "GET"]


def in_new_words(template: str) -> str:
    """A push template with Conversations' variables."""
    stems = {"USER": "PARTICIPANT", "CHANNEL": "CONVERSATION"}
    suffixes = "(_FRIENDLY_NAME|_IDENTITY|_SID|_UNIQUE_NAME)?"
    return re.sub(
        r"\$\{(USER|CHANNEL)" + suffixes + r"\}",
        lambda found: "${" + stems[found[1]] + (found[2] or "") + "}",
        template,
    )


def translated(role: Role) -> set[str]:
    """What a Chat role may do, in Conversations' words."""
    return {PERMISSIONS.get(name, name) for name in role.permissions} - {"inviteMember"}


def shown(role: Role) -> set[str]:
    """What Conversations shows that the role may do."""
    return {
        PERMISSIONS.get(name, name)
        for name in role.permissions
        if name != "inviteMember" and name not in role.untranslated
    }


def _wanted_push(service: Service) -> Iterator[tuple[str, str, Any]]:
    chat = service.chat["notifications"]
    yield "", "log_enabled", chat["log_enabled"]
    yield "new_message", "badge_count_enabled", chat["new_message"]["badge_count_enabled"]
    for old, new in PUSH.items():
        yield new, "enabled", chat[old]["enabled"]
        yield new, "sound", chat[old]["sound"]
        yield new, "template", in_new_words(chat[old]["template"])


def _push_differences(source: Service, target: Service) -> Iterator[str]:
    held = target.conversations_notifications
    for group, key, wanted in _wanted_push(source):
        live = ((held.get(group) or {}) if group else held).get(key)
        if (live or "") != (wanted or ""):
            yield f"notifications {group}.{key}: {live!r}, not {wanted!r}"


def _wanted_hooks(service: Service) -> tuple[dict[str, Any], str | None, set[str]]:
    """URLs by key, the method (None: any) and the filters; those of v1 merged where one URL serves a whole phase."""
    chat = service.chat
    urls = {key: chat[key] for key in ("pre_webhook_url", "post_webhook_url")}
    method, filters = chat["webhook_method"], set(chat["webhook_filters"])
    after = ("ed", "sent")
    for key, is_post in (("pre_webhook_url", False), ("post_webhook_url", True)):
        hooks = {name: hook for name, hook in chat["webhooks"].items() if name.endswith(after) is is_post}
        if hooks and len({(hook["url"], hook["method"]) for hook in hooks.values()}) == 1 and not urls[key]:
            urls[key] = next(iter(hooks.values()))["url"]
            filters |= {re.sub("_(.)", lambda found: found[1].upper(), name) for name in hooks}
    return urls, method, {FILTERS.get(name, name) for name in filters}


def _webhook_differences(
    source: Service, target: Service, before: dict[str, Any], refused: set[str]
) -> Iterator[str]:
    held = target.conversations_webhooks
    urls, method, filters = _wanted_hooks(source)
    for key, wanted in urls.items():
        if (held[key] or "") != (wanted or ""):
            yield f"{key}: {held[key]!r}, not {wanted!r}"
    if not any(urls.values()):
        return
    if held["method"] != method:
        yield f"method: {held['method']!r}, not {method!r}"
    wanted_filters = (filters - refused) | (set(before["filters"] or ()) & CONVERSATIONS_ONLY)
    if set(held["filters"] or ()) != wanted_filters:
        yield f"filters: {held['filters']}, not {sorted(wanted_filters)}"


def differences_in_place(before: Service, after: Service, refused: frozenset[str] = frozenset()) -> list[str]:
    """What Conversations does not hold as Chat does, for one service before and after a migration in place."""
    found = [*_push_differences(before, after)]
    found += _webhook_differences(before, after, before.conversations_webhooks, set(refused))
    found += [
        f"{key}: {after.chat[key]!r}, not {before.chat[key]!r}"
        for key in (*DEFAULT_ROLES, "reachability_enabled", "friendly_name")
        if after.chat[key] != before.chat[key]
    ]
    for sid, role in before.roles.items():
        wanted = translated(role) | shown(role)
        if shown(after.roles[sid]) != wanted:
            found.append(f"role {role.friendly_name}: {shown(after.roles[sid]) ^ wanted}")
    if before.roles.keys() != after.roles.keys():
        found.append("roles were added or removed")
    return found


def _key(role: Role) -> tuple[str, str]:
    return role.type, role.friendly_name.lower()


def differences_elsewhere(source: Service, target: Service) -> list[str]:
    """What another service, which was born empty, does not hold as the Chat Service does."""
    nothing = {"filters": None}
    found = [*_push_differences(source, target), *_webhook_differences(source, target, nothing, set())]
    if target.chat["friendly_name"] != source.chat["friendly_name"]:
        found.append(f"name: {target.chat['friendly_name']!r}")
    if target.chat["reachability_enabled"] != source.chat["reachability_enabled"]:
        found.append("reachability")
    wanted = sorted(
        (*_key(role), sorted(translated(role))) for role in source.roles.values() if translated(role)
    )
    live = sorted((*_key(role), sorted(shown(role))) for role in target.roles.values())
    if wanted != live:
        found.append(f"roles: {live}, not {wanted}")
    for key in DEFAULT_ROLES:
        old = source.roles[source.chat[key]]
        if translated(old) and _key(old) != _key(target.roles[target.chat[key]]):
            found.append(f"{key}: {target.roles[target.chat[key]].friendly_name}")
    return found


def differences_between(simulator: Simulator, target_account: str) -> list[str]:
    """What is not equal after a whole account was re-created in another one that was empty: once each, all equal."""
    sources = list(simulator.world.first.services.values())
    targets = list(simulator.world.accounts[target_account].services.values())
    found = []
    for source in sources:
        best = min(targets, key=lambda target: len(differences_elsewhere(source, target)), default=None)
        if best is None:
            return [*found, f"nothing stands for {source.chat['friendly_name']}"]
        targets.remove(best)
        found += differences_elsewhere(source, best)
    return found + [f"one too many: {target.chat['friendly_name']}" for target in targets]


NOTHING = (None, "", [])


def held(service):
    """What Conversations shows of a service, by name, without what differs only in how "nothing" is said."""
    hooks = dict(service.conversations_webhooks)
    hooks["filters"] = sorted({FILTERS.get(name, name) for name in hooks["filters"] or ()})
    push = service.conversations_notifications
    flat = {f"{group}.{key}": value for group in push for key, value in _items(push[group])}
    roles = {role.sid: sorted(shown(role)) for role in service.roles.values()}
    chat = {key: service.chat[key] for key in service.chat if key.startswith(("default_", "reach"))}
    everything = {**hooks, **flat, **roles, **chat}
    return {key: value for key, value in everything.items() if value not in NOTHING and value is not False}


def _items(group):
    return group.items() if isinstance(group, dict) else [("", group)]


def lost(before, after):
    """What is not as it was; a webhook method cannot be cleared, so one that was not set may stay."""
    found = {}
    for sid, service in before.services.items():
        was, is_ = held(service), held(after.services[sid])
        kept = {key for key in was.keys() | is_.keys() if was.get(key) != is_.get(key)} - (
            {"method"} if "method" not in was else set()
        )
        if kept:
            found[service.chat["friendly_name"]] = {key: (was.get(key), is_.get(key)) for key in kept}
    return found
