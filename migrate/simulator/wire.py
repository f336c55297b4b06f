"""What is recorded of a request, and what a fault makes of its answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from migrate.simulator.api import Answer
from migrate.simulator.faults import KINDS, Fault, How, made_up_body
from migrate.simulator.forms import Pairs


@dataclass(frozen=True)
class RecordedRequest:
    """One request that arrived, and what was answered.

    Attributes:
        method: upper case.
        path: as Twilio's own: `/v2/Services`.
        api: `chat`, `conversations` or `api`.
        query: decoded (name, value) pairs, in order.
        form: decoded (name, value) pairs, in order.
        status: HTTP status; None if nothing was answered.
        account_sid: the account whose credentials came with it, or None.
        body: the answer's body as sent.
        fault: the kind of fault that struck it, or None.
        processed: whether it reached the API, so that a good write took effect, at once or late.
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


class Reply(NamedTuple):
    """What is to be sent: None as status means that the connection is cut.

    Attributes:
        status: HTTP status.
        body: as text.
        content_type: of the body.
        headers: further lines, each with its end.
        delay: seconds until it is sent.
        fault: the kind of fault that made it, or None.
        processed: whether the request takes effect.
    """

    status: int | None
    body: str = ""
    content_type: str = "application/json"
    headers: str = ""
    delay: float = 0.0
    fault: str | None = None
    processed: bool = True


def plain(done: Answer) -> Reply:
    """Return the answer as it is."""
    headers = "".join(f"{name}: {value}\r\n" for name, value in done.headers.items()) if done.headers else ""
    return Reply(done.status, done.body, headers=headers)


def loses_answer(fault: Fault) -> bool:
    """Tell whether the request takes effect and its sender doesn't learn of it, so that this may come later."""
    kind = KINDS[fault.kind]
    return kind.processed and (kind.how in {How.RESET, How.SILENCE} or kind.status >= 500)


def faulted(fault: Fault, done: Answer | None, retry_after: str) -> Reply:
    """Return what the fault makes of the answer (None: the request is not, or not yet, processed)."""
    kind = KINDS[fault.kind]
    common = Reply(None, fault=fault.kind, processed=kind.processed)
    if kind.how is How.RESET or kind.how is How.SILENCE:
        return common._replace(delay=fault.seconds if kind.how is How.SILENCE else 0.0)
    if done is None or kind.how is How.ANSWER:
        return common._replace(
            status=kind.status,
            body=made_up_body(kind),
            content_type=kind.content_type,
            headers=f"Retry-After: {retry_after}\r\n" if kind.retry_after else "",
        )
    true = plain(done)
    body = true.body[: len(true.body) // 2] if kind.how is How.TRUNCATED else true.body
    delay = fault.seconds if kind.how is How.SLOW else 0.0
    return common._replace(status=done.status, body=body, headers=true.headers, delay=delay)
