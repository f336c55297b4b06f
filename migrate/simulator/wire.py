"""Between the HTTP server and the API: requests read, replies sent, connections cut, all of it recorded."""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl
from uuid import uuid4

from migrate.simulator.api import FORM_TYPE, Answer, Request
from migrate.simulator.faults import KINDS, Fault, How, made_up_body
from migrate.simulator.forms import Pairs

if TYPE_CHECKING:
    from aiohttp import web


@dataclass(frozen=True)
class RecordedRequest:
    """One request that arrived, and what was answered.

    Attributes:
        method: upper case.
        path: as Twilio's own: `/v2/Services`.
        api: `chat` or `conversations`.
        query: decoded (name, value) pairs, in order.
        form: decoded (name, value) pairs, in order.
        status: HTTP status; None if nothing was answered.
        account_sid: the account whose credentials came with it, or None.
        body: the answer's body as sent.
        fault: the kind of fault that struck it, or None.
        processed: whether it reached the API, so that a good write took effect.
        time: of its arrival, seconds since the epoch.
        webhook_enabled: its header `X-Twilio-Webhook-Enabled`, or None.
    """

    method: str
    path: str
    api: str
    query: Pairs
    form: Pairs
    status: int | None
    account_sid: str | None
    body: str
    fault: str | None
    processed: bool
    time: float
    webhook_enabled: str | None = None


@dataclass(frozen=True)
class Reply:
    """What is to be sent: None as status means that the connection is cut."""

    status: int | None
    body: str = ""
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0
    fault: str | None = None
    processed: bool = True


async def read(incoming: web.BaseRequest) -> Request:
    """Read a request whose path starts with the name of the API: `/chat/v2/Services`."""
    content = await incoming.read()
    _, api, *rest = incoming.rel_url.raw_path.split("/", 2)
    return Request(
        api,
        incoming.method,
        "/" + "".join(rest),
        parse_qsl(incoming.rel_url.raw_query_string, keep_blank_values=True),
        parse_qsl(content.decode("utf-8", "replace"), keep_blank_values=True),
        incoming.headers.get("Authorization", ""),
        incoming.headers.get("X-Twilio-Webhook-Enabled"),
        incoming.content_type if content else FORM_TYPE,
    )


def plain(done: Answer) -> Reply:
    """Return the answer as it is."""
    return Reply(done.status, done.body)


def faulted(fault: Fault, done: Answer | None) -> Reply:
    """Return what the fault makes of the answer (None: the request was not processed)."""
    kind = KINDS[fault.kind]
    common = Reply(None, fault=fault.kind, processed=kind.processed)
    if kind.how is How.RESET or kind.how is How.SILENCE:
        return replace(common, delay=fault.seconds if kind.how is How.SILENCE else 0.0)
    if done is None or kind.how is How.ANSWER:
        return replace(
            common,
            status=kind.status,
            body=made_up_body(kind),
            content_type=kind.content_type,
            headers={"Retry-After": str(fault.retry_after)} if kind.retry_after else {},
        )
    body = done.body[: len(done.body) // 2] if kind.how is How.TRUNCATED else done.body
    delay = fault.seconds if kind.how is How.SLOW else 0.0
    return replace(common, status=done.status, body=body, delay=delay)


def send(incoming: web.BaseRequest, reply: Reply, concurrent: int, arrival: float) -> web.StreamResponse:
    """Send a reply with Twilio's headers, or cut the connection."""
    from aiohttp import web

    if reply.status is None:
        _cut(incoming)
        return web.Response()
    headers = {
        "Twilio-Request-Id": f"RQ{uuid4().hex}",
        "Twilio-Concurrent-Requests": str(concurrent),
        "Twilio-Request-Duration": f"{time.time() - arrival:.3f}",
        **reply.headers,
    }
    if reply.status == 204:
        return web.Response(status=204, headers=headers)
    return web.Response(
        status=reply.status, text=reply.body, content_type=reply.content_type, headers=headers
    )


def _cut(incoming: web.BaseRequest) -> None:
    """Reset the connection: the client sees that it is gone, and not an end in good order."""
    transport = incoming.transport
    if transport is None:
        return
    linger_for_nothing = struct.pack("ii", 1, 0)
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger_for_nothing)
    transport.abort()
