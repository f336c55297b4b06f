"""The errors that a person may see; everything else is a bug and shows a traceback only with --verbose.

    MigrateError                 exit code 1
    ├── BadInput                 2   a file, option, SID or database that cannot be used
    │   └── NobodyToAsk          2   a person has to agree, and there is no terminal
    ├── CredentialsRefused       5   Twilio does not accept the credentials
    ├── SafetyRefusal            6   going on might damage something
    ├── ChatUnavailable          7   the Chat API does not answer any more
    ├── LockHeld                 8   another run works on this database
    │   └── LockLost             8   another run has taken this one's lock
    ├── Interrupted            130   Ctrl-C, SIGTERM or SIGHUP
    │   └── RunInterrupted     130   the same, after a run has begun: there is something to resume
    ├── LastLookFailed           4   nobody knows whether a lost create has left something behind
    ├── Declined                 1   a person was asked and said no
    └── CallFailed               1   one request to Twilio did not succeed

Each message is one sentence that names the file, field or SID and, after it, the way out.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from migrate.core.masking import mask_text


class MigrateError(Exception):
    """Anything that stops a command and that its user can understand and act upon."""

    exit_code = 1


class BadInput(MigrateError):
    """What was typed, or a file that was named, cannot be used."""

    exit_code = 2


class NobodyToAsk(BadInput):
    """Somebody has to agree, nobody has, and there is no terminal to ask in."""


class CredentialsRefused(MigrateError):
    """Twilio refuses the credentials for good."""

    exit_code = 5


class SafetyRefusal(MigrateError):
    """A guard says no, or cannot be evaluated."""

    exit_code = 6


class ChatUnavailable(MigrateError):
    """The Chat API is gone or out of reach."""

    exit_code = 7


class LockHeld(MigrateError):
    """Another run works on this database."""

    exit_code = 8


class LockLost(LockHeld):
    """Another run has taken this one for dead and holds its lock: nothing more may be sent."""


class Interrupted(MigrateError):
    """Ctrl-C, SIGTERM or SIGHUP, after what was in flight has been finished and recorded."""

    exit_code = 130


class RunInterrupted(Interrupted):
    """The same after a run has begun: there is something to resume."""


class LastLookFailed(MigrateError):
    """The last look of a run, for what lost creates may have made, was not answered."""

    exit_code = 4


class Declined(MigrateError):
    """A person was asked whether to go on, and said no: nothing was sent."""


class Trouble(str, Enum):
    """How a request failed, as far as the client can tell."""

    REFUSED = "refused"
    """Twilio answered with an error of its own."""
    NOT_SENT = "not_sent"
    """No connection was made: the request cannot have had an effect."""
    LOST = "lost"
    """The connection broke, or time ran out, after the request may have left."""
    GARBLED = "garbled"
    """An answer came that is not what Twilio's documents promise."""


class NoAnswer(str, Enum):
    """Why no answer, or no whole answer, came."""

    UNKNOWN_HOST = "unknown_host"
    """DNS has no address for the host: a typing error, or no network."""
    CONNECTION_REFUSED = "connection_refused"
    """The host is there, and nobody listens on the port."""
    UNREACHABLE = "unreachable"
    """There is no way to the host from here."""
    CONNECT_TIMEOUT = "connect_timeout"
    """Nothing came back while connecting."""
    CERTIFICATE = "certificate"
    """The host's TLS certificate is not trusted."""
    TLS = "tls"
    """The TLS handshake failed in another way."""
    PROXY = "proxy"
    """The proxy from the environment cannot be reached, or refuses."""
    NO_CONNECTION = "no_connection"
    """No connection was made, for another reason."""
    TIMEOUT = "timeout"
    """The request left; the time allowed ran out before the whole answer had come."""
    BROKEN = "broken"
    """The request left; the connection broke before the whole answer had come."""
    TOO_LARGE = "too_large"
    """The answer is larger than anything that Twilio sends."""


GONE_STATUSES = frozenset({403, 404, 410})
"""How an API that is not there any more may refuse."""


def answer_facts(status: int | None, code: int | None, request_id: str | None) -> str:
    """Return what is known of Twilio's answer, ` (HTTP 400, error 50077, request RQ…)`; "" if nothing is."""
    facts = [f"HTTP {status}"] if status is not None else []
    facts += [f"error {code}"] if code is not None else []
    facts += [f"request {request_id}"] if request_id else []
    return f" ({', '.join(facts)})" if facts else ""


@dataclass(frozen=True)
class Failure:
    """One failed request.

    Attributes:
        trouble: see `Trouble`.
        method: HTTP method.
        path: path below the API's base URL, without query string.
        message: Twilio's words, or the transport's; may hold secrets that Twilio repeats.
        status: HTTP status, if an answer came.
        code: Twilio's error code, if the answer held one.
        request_id: the `Twilio-Request-Id` header, for Twilio's support team.
        retry_after: seconds that Twilio asks to wait, if it does.
        cause: why no whole answer came, if none did.
        first_contact: whether this client has never had an answer from the host of this request.
    """

    trouble: Trouble
    method: str
    path: str
    message: str
    status: int | None = None
    code: int | None = None
    request_id: str | None = None
    retry_after: float | None = None
    cause: NoAnswer | None = None
    first_contact: bool = False

    def __str__(self) -> str:
        """One line, secrets masked: what was asked, what came, and the id to quote to Twilio."""
        detail = answer_facts(self.status, self.code, self.request_id)
        return f"{self.method} {self.path}: {mask_text(self.message)}{detail}"


class CallFailed(MigrateError):
    """One request to Twilio did not succeed; `failure` tells how."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(str(failure))
        self.failure = failure
