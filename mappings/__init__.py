"""Pure translation of Chat Service settings into Conversations settings.

    service = ChatService("IS…", v1=…, v2=…, roles=(…,))
    translation = translate(service, same_service=True)

One module per concern declares the fields it owns (`FIELDS`) and what becomes of each; a leaf that no module owns is
reported all the same. Nothing here reads a network, a database or a clock.
"""

from mappings.leaves import ChatService
from mappings.model import (
    NEEDS_A_PERSON,
    Api,
    Field,
    Json,
    Outcome,
    Resource,
    RoleTranslation,
    Translation,
    Verdict,
)
from mappings.reasons import Cause, Reason, reason_text
from mappings.registry import FIELDS, MAPPING_VERSION, same
from mappings.translation import translate
from mappings.webhooks.filters import new_name

__all__ = [
    "FIELDS",
    "MAPPING_VERSION",
    "NEEDS_A_PERSON",
    "Api",
    "Cause",
    "ChatService",
    "Field",
    "Json",
    "Outcome",
    "Reason",
    "Resource",
    "RoleTranslation",
    "Translation",
    "Verdict",
    "new_name",
    "reason_text",
    "same",
    "translate",
]
