"""Where requests may go: the configured addresses, and nobody else's."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, urlsplit

from migrate.api.messages import Surface
from migrate.core.config import Endpoints
from migrate.core.errors import SafetyRefusal

_PRINTABLE = re.compile("[!-~]*")
"""Everything that a URL may hold: a space or a line end in one would change the request around it."""


class Routes:
    """Maps Twilio's URLs to the configured ones and refuses every other host.

    A `next_page_url` may name any host, and whoever follows it sends the credentials there; this is the guard.
    """

    def __init__(self, endpoints: Endpoints) -> None:
        self._replacements = {
            Surface.CHAT: endpoints.chat_url,
            Surface.CONVERSATIONS: endpoints.conversations_url,
            Surface.ACCOUNTS: endpoints.accounts_url,
        }
        self._direct = [
            (f"{surface.official}/", f"{base or surface.official}/")
            for surface, base in self._replacements.items()
        ]

    def locate(self, surface: Surface, url: str) -> str:
        """Return the path and query below the base URL that `url`, found in an answer, points to.

        Raises:
            SafetyRefusal: it points to another host.
        """
        base = self._replacements[surface]
        if base is not None and (url + "/").startswith((base + "/", base + "?")):
            return url[len(base) :]
        parts = _split(url)
        if parts.scheme == "https" and parts.netloc == parts.hostname and _is_official(surface, parts.netloc):
            return parts.path + (f"?{parts.query}" if parts.query else "")
        raise SafetyRefusal(
            f"Twilio's response names a next page on a foreign host ({parts.netloc}), which would receive "
            "the credentials. Nothing was sent there. Check TWILIO_CHAT_URL, TWILIO_CONVERSATIONS_URL, "
            "TWILIO_API_URL and any proxy in between."
        )

    def rewrite(self, url: str) -> str:
        """Return the URL to really ask for one of Twilio's own.

        Raises:
            SafetyRefusal: it points to a host that is not Twilio's.
        """
        if _PRINTABLE.fullmatch(url):
            for official, base in self._direct:
                if url.startswith(official):
                    return base + url[len(official) :]
            for surface, replacement in self._replacements.items():
                if _is_official(surface, _split(url).hostname or ""):
                    return replacement + self.locate(surface, url) if replacement else url
        raise SafetyRefusal(f"A request to {_split(url).netloc} was refused: it is not a host of Twilio's.")


def _split(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError:
        # Brackets that hold no IPv6 address: no host, so nobody's.
        return SplitResult("", "", url, "", "")


def _is_official(surface: Surface, host: str) -> bool:
    labels = host.split(".")
    return labels[0] == surface.value and labels[-2:] == ["twilio", "com"] and 3 <= len(labels) <= 5
