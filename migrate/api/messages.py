"""What is asked of Twilio and what comes back, as plain data that is cheap to import."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Protocol

from migrate.model.step import Form

Json = Any
Check = Callable[[Mapping[str, Json]], bool]
"""Says whether a payload is an answer to what was asked."""


class Surface(str, Enum):
    """One of Twilio's products that this tool talks to, by the first label of its host."""

    CHAT = "chat"
    CONVERSATIONS = "conversations"
    ACCOUNTS = "api"

    @property
    def official(self) -> str:
        """The product's base URL."""
        return f"https://{self.value}.twilio.com"


@dataclass(frozen=True)
class Request:
    """One write, described.

    Attributes:
        method: HTTP method, `POST`.
        surface: which product.
        path: below the base URL, `/v1/Services/IS…/Configuration`.
        form: form parameters; a list is sent by repeating the name.
        headers: further headers, such as `X-Twilio-Webhook-Enabled`.
        check: says whether the answer is about what was written.
    """

    method: str
    surface: Surface
    path: str
    form: Form
    headers: Mapping[str, str] = field(default_factory=dict)
    check: Check | None = None


@dataclass(frozen=True)
class Answer:
    """What Twilio answered to a successful request.

    Attributes:
        payload: the JSON object, whole.
        status: HTTP status, 2xx.
        request_id: the `Twilio-Request-Id` header, or None.
    """

    payload: Mapping[str, Json]
    status: int
    request_id: str | None


class Calls(Protocol):
    """Reads from Twilio: a client, or one that retries."""

    async def get(
        self,
        surface: Surface,
        path: str,
        *,
        query: Mapping[str, object] | None = None,
        check: Check | None = None,
    ) -> Answer:
        """Fetch one resource."""

    async def page(
        self, surface: Surface, where: str, key: str, *, query: Mapping[str, object]
    ) -> tuple[list[Json], str | None]:
        """Fetch one page of a list; return its items and where the next page is."""
