"""Push notification templates: Chat's `${…}` variables in Conversations' words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from mappings.values import distinct

RENDERED_LIMIT = 178
"""Characters of a rendered notification; more is cut (Twilio docs, Push Notification Configuration)."""

_SUFFIXES = {
    "PARTICIPANT": ("", "_FRIENDLY_NAME", "_IDENTITY", "_SID"),
    "CONVERSATION": ("", "_FRIENDLY_NAME", "_SID", "_UNIQUE_NAME"),
}
_NEW_STEMS = {"USER": "PARTICIPANT", "CHANNEL": "CONVERSATION", "MEMBER": "PARTICIPANT"}

RENAMED: Mapping[str, str] = {
    old + suffix: new + suffix for old, new in _NEW_STEMS.items() for suffix in _SUFFIXES[new]
}
"""Chat variable → Conversations variable (Twilio docs, Push Notification Configuration, both products)."""

GUESSED: frozenset[str] = frozenset(name for name in RENAMED if name.startswith("MEMBER"))
"""Variables that no documentation of Chat lists, though people have used them."""

OTHER_MEANING: frozenset[str] = frozenset({"USER_SID", "USER_IDENTITY"})
"""Variables whose new name shows something else: the participant's SID, and the friendly name before the identity
(Twilio docs, Push Notification Configuration)."""

CONVERSATIONS: frozenset[str] = frozenset(RENAMED.values()) | {"MESSAGE", "MEDIA", "MEDIA_COUNT"}
"""Every variable that Conversations documents; they pass unchanged."""

_VARIABLE = re.compile(r"\$\{([^{}]*)\}")


@dataclass(frozen=True)
class TemplateTranslation:
    """A template in Conversations' words.

    Attributes:
        unknown: the variables that Conversations does not document; they are kept as they are.
    """

    text: str
    renamed: tuple[str, ...]
    unknown: tuple[str, ...]


def translate_template(template: str) -> TemplateTranslation:
    """Return a template with its variables translated; every other character stays as it is."""
    used = distinct(_VARIABLE.findall(template))
    return TemplateTranslation(
        text=_VARIABLE.sub(lambda match: "${" + RENAMED.get(match[1], match[1]) + "}", template),
        renamed=tuple(name for name in used if name in RENAMED),
        unknown=tuple(name for name in used if name not in RENAMED and name not in CONVERSATIONS),
    )
