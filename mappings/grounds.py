"""What decides on a field besides its own value."""

from __future__ import annotations

from dataclasses import dataclass

from mappings.leaves import ServiceLeaves
from mappings.webhooks.merging import WebhookMerge, merge_webhooks

INVITED = "notifications.invited_to_channel"


@dataclass(frozen=True)
class Grounds:
    """What a decision goes by.

    Attributes:
        with_url: the per-event webhooks that have a URL.
        roles: Chat SIDs of the roles that Conversations can hold.
        invited: whether invitations are notified.
    """

    source: ServiceLeaves
    merge: WebhookMerge
    with_url: frozenset[str]
    roles: frozenset[str]
    invited: bool

    @classmethod
    def of(cls, source: ServiceLeaves, roles: frozenset[str]) -> Grounds:
        """Return the grounds of a service; without knowing better, invitations count as notified."""
        merge = merge_webhooks(source)
        with_url = frozenset(hook.event for hooks in merge.events.values() for hook in hooks)
        enabled = f"{INVITED}.enabled"
        invited = source.value(enabled) is True or bool(source.why_not_examined(enabled))
        return cls(source, merge, with_url, roles, invited)

    @property
    def same_service(self) -> bool:
        """Whether the target is the Conversation Service with the Chat Service's own SID."""
        return self.source.same_service
