"""The one retry layer: a table of error → action, and tenacity built from it.

Sources for the table: Twilio's error catalogue (twilio.com/docs/api/errors/NNNNN) and, for 429, its
promise that such a request "was never processed". What has no row here is never retried.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception, sleep_using_event, wait_random_exponential

from migrate.core.errors import CallFailed, CredentialsRefused, Failure, Interrupted, Trouble

Result = TypeVar("Result")


class Action(str, Enum):
    """What to do about a failed request."""

    RETRY = "retry"
    """It was not processed: wait and send it again."""
    RETRY_BRIEFLY = "retry_briefly"
    """It was not processed, and probably never will be: two more tries."""
    READ_BACK = "read_back"
    """Nobody knows what it did: a read is repeated, a write is decided by reading the target."""
    FAIL = "fail"
    """Sending it again would change nothing."""


CODES: dict[int, Action] = {
    20429: Action.RETRY,  # too many concurrent requests
    50063: Action.RETRY,  # actions per second of the service
    50074: Action.RETRY,  # global actions per second
    50002: Action.RETRY,  # "resource is being deleted - try the same request again later"
    50213: Action.RETRY,  # conflicting modification of a user
    50349: Action.RETRY,  # conflicting modification of a conversation or channel
    50391: Action.RETRY,
    50419: Action.RETRY,
    50449: Action.RETRY,
    20003: Action.RETRY_BRIEFLY,  # authentication: one stray 401 among good answers has been seen
}
"""By Twilio's error code: the most specific word on the matter."""

STATUSES: dict[int, Action] = {
    401: Action.RETRY_BRIEFLY,
    408: Action.READ_BACK,
    429: Action.RETRY,
}
"""By HTTP status, for answers without a known code. 5xx are added by `action_for`."""

TROUBLES: dict[Trouble, Action] = {
    Trouble.NOT_SENT: Action.RETRY,
    Trouble.LOST: Action.READ_BACK,
    Trouble.GARBLED: Action.READ_BACK,
    Trouble.REFUSED: Action.FAIL,
}
"""By the client's own observation, for everything else."""

AUTHORITATIVE_STATUSES = frozenset({403})
"""Statuses that mean a lasting refusal, whatever the code: 20003 with 403 is a missing permission."""


def action_for(failure: Failure) -> Action:
    """Return what to do about a failed request."""
    if failure.status in AUTHORITATIVE_STATUSES:
        return Action.FAIL
    if failure.code in CODES:
        return CODES[failure.code]
    if failure.status in STATUSES:
        return STATUSES[failure.status]
    if failure.status is not None and failure.status >= 500:
        return Action.READ_BACK
    return TROUBLES[failure.trouble]


@dataclass(frozen=True)
class Patience:
    """How long to go on trying.

    Attributes:
        tries: how often each action may be taken for one call; throttling is bounded by time alone.
        total_seconds: no new try starts later than this after the first one.
        first_wait: the full-jitter wait before the first retry is at most this many seconds.
        longest_wait: no single wait is longer, in seconds, whatever Retry-After says.
    """

    tries: tuple[tuple[Action, int], ...] = (
        (Action.RETRY, 1_000),
        (Action.RETRY_BRIEFLY, 2),
        (Action.READ_BACK, 5),
        (Action.FAIL, 0),
    )
    not_sent_tries: int = 5
    total_seconds: float = 600.0
    first_wait: float = 0.5
    longest_wait: float = 30.0


class _Bounds:
    """Counts the failures of one call and says when it is time to give up."""

    def __init__(self, patience: Patience) -> None:
        self._tries = dict(patience.tries)
        self._not_sent_tries = patience.not_sent_tries
        self._total_seconds = patience.total_seconds
        self._seen: Counter[Action] = Counter()
        self._not_sent = 0

    def __call__(self, state: RetryCallState) -> bool:
        """Tell tenacity whether to stop after the attempt that `state` describes."""
        failure = _failure_of(state)
        action = action_for(failure)
        self._seen[action] += 1
        self._not_sent += failure.trouble is Trouble.NOT_SENT
        return (
            self._seen[action] > self._tries[action]
            or self._not_sent > self._not_sent_tries
            or (state.seconds_since_start or 0.0) + state.upcoming_sleep > self._total_seconds
        )


class Retrier:
    """Runs calls under the table above. Safe to share between threads.

    Args:
        patience: the bounds of every call.
        stop: set it to end all waits; a call that would try again raises `Interrupted` instead.
        on_retry: told of every failure that will be retried.
    """

    def __init__(
        self,
        patience: Patience | None = None,
        *,
        stop: threading.Event | None = None,
        on_retry: Callable[[Failure], None] | None = None,
    ) -> None:
        self.patience = patience or Patience()
        self.stop = stop or threading.Event()
        self._on_retry = on_retry

    def call(self, function: Callable[[], Result]) -> Result:
        """Call `function` until it returns, or until the table or the bounds say to give up.

        Raises:
            CallFailed: the last failure, unchanged.
            CredentialsRefused: the last failure was a 401.
            Interrupted: `stop` was set before the next try.
        """

        def attempt() -> Result:
            if self.stop.is_set():
                raise Interrupted("Interrupted.")
            return function()

        try:
            return self.retrying()(attempt)
        except CallFailed as error:
            if error.failure.status != 401:
                raise
            raise CredentialsRefused(
                f"Twilio refuses the credentials: {error}. Check TWILIO_ACCOUNT_SID and the auth token or API key "
                "(TWILIO_TARGET_* for another target account)."
            ) from error

    def retrying(self) -> Retrying:
        """Build tenacity's loop for one call, always with a stop and a longest wait."""
        return Retrying(
            retry=retry_if_exception(_worth_retrying),
            stop=_Bounds(self.patience),
            wait=self._wait,
            sleep=sleep_using_event(self.stop),
            before_sleep=self._report,
            reraise=True,
        )

    def _wait(self, state: RetryCallState) -> float:
        asked = _failure_of(state).retry_after or 0.0
        jitter = wait_random_exponential(multiplier=self.patience.first_wait, max=self.patience.longest_wait)
        return min(asked + jitter(state), self.patience.longest_wait)

    def _report(self, state: RetryCallState) -> None:
        if self._on_retry is not None:
            self._on_retry(_failure_of(state))


def _worth_retrying(error: BaseException) -> bool:
    return isinstance(error, CallFailed) and action_for(error.failure) is not Action.FAIL


def _failure_of(state: RetryCallState) -> Failure:
    error = state.outcome.exception() if state.outcome is not None else None
    if not isinstance(error, CallFailed):
        raise AssertionError("only failed calls are retried") from error
    return error.failure
