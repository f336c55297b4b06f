"""The one retry layer: a table of error → remedy, and tenacity built from it.

Sources for the table: Twilio's error catalogue (twilio.com/docs/api/errors/NNNNN) and, for 429, its
promise that such a request "was never processed". What has no row here is never retried.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum
from typing import TypeVar

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, wait_random_exponential

from migrate.core.errors import CallFailed, CredentialsRefused, Failure, Interrupted, Trouble
from migrate.core.stop import StopToken

Result = TypeVar("Result")


class Remedy(str, Enum):
    """What to do about a failed request."""

    RETRY = "retry"
    """It was not processed: wait and send it again."""
    RETRY_BRIEFLY = "retry_briefly"
    """It was not processed, and probably never will be: two more tries."""
    READ_BACK = "read_back"
    """Nobody knows what it did: a read is repeated, a write is decided by reading the target."""
    FAIL = "fail"
    """Sending it again would change nothing."""


CODES: dict[int, Remedy] = {
    20429: Remedy.RETRY,  # too many concurrent requests
    50063: Remedy.RETRY,  # actions per second of the service
    50074: Remedy.RETRY,  # global actions per second
    50002: Remedy.RETRY,  # "resource is being deleted - try the same request again later"
    50213: Remedy.RETRY,  # conflicting modification of a user
    50349: Remedy.RETRY,  # conflicting modification of a conversation or channel
    50391: Remedy.RETRY,
    50419: Remedy.RETRY,
    50449: Remedy.RETRY,
    20003: Remedy.RETRY_BRIEFLY,  # authentication: one stray 401 among good answers has been seen
}
"""By Twilio's error code: the most specific word on the matter."""

STATUSES: dict[int, Remedy] = {
    401: Remedy.RETRY_BRIEFLY,
    408: Remedy.READ_BACK,
    429: Remedy.RETRY,
}
"""By HTTP status, for answers without a known code. 5xx are added by `remedy_for`."""

TROUBLES: dict[Trouble, Remedy] = {
    Trouble.NOT_SENT: Remedy.RETRY,
    Trouble.LOST: Remedy.READ_BACK,
    Trouble.GARBLED: Remedy.READ_BACK,
    Trouble.REFUSED: Remedy.FAIL,
}
"""By the client's own observation, for everything else."""

AUTHORITATIVE_STATUSES = frozenset({403})
"""Statuses that mean a lasting refusal, whatever the code: 20003 with 403 is a missing permission."""


def remedy_for(failure: Failure) -> Remedy:
    """Return what to do about a failed request."""
    if failure.status in AUTHORITATIVE_STATUSES:
        return Remedy.FAIL
    if failure.code in CODES:
        return CODES[failure.code]
    if failure.status in STATUSES:
        return STATUSES[failure.status]
    if failure.status is not None and failure.status >= 500:
        return Remedy.READ_BACK
    return TROUBLES[failure.trouble]


@dataclass(frozen=True)
class Patience:
    """How long to go on trying.

    Attributes:
        tries: how often each remedy may be taken for one call; throttling is bounded by time alone.
        not_sent_tries: how often a call that made no connection is tried again.
        total_seconds: no new try starts later than this after the first one, whatever Retry-After says.
        first_wait: the full-jitter wait before the first retry is at most this many seconds.
        throttled_wait: as `first_wait`, after a 429: the pace already sees to it that fewer requests are sent.
        longest_wait: no jitter is longer, in seconds; what Retry-After asks for comes on top.
        first_contact_tries: as `not_sent_tries`, for a host that has never answered.
        first_contact_seconds: as `total_seconds`, for a host that has never answered.
    """

    tries: tuple[tuple[Remedy, int], ...] = (
        (Remedy.RETRY, 1_000),
        (Remedy.RETRY_BRIEFLY, 2),
        (Remedy.READ_BACK, 5),
        (Remedy.FAIL, 0),
    )
    not_sent_tries: int = 5
    total_seconds: float = 600.0
    first_wait: float = 0.5
    throttled_wait: float = 0.1
    longest_wait: float = 30.0
    first_contact_tries: int = 2
    first_contact_seconds: float = 3.0


class _Bounds:
    """Counts the failures of one call and says when it is time to give up."""

    def __init__(self, patience: Patience, begun: float) -> None:
        self._patience = patience
        self._begun = begun
        self._tries = dict(patience.tries)
        self._seen: Counter[Remedy] = Counter()
        self._not_sent = 0

    def __call__(self, state: RetryCallState) -> bool:
        """Tell tenacity whether to stop after the attempt that `state` describes."""
        failure, patience = _failure_of(state), self._patience
        remedy = remedy_for(failure)
        self._seen[remedy] += 1
        self._not_sent += failure.trouble is Trouble.NOT_SENT
        tries, seconds = patience.not_sent_tries, patience.total_seconds
        if failure.first_contact and failure.trouble is Trouble.NOT_SENT:
            tries, seconds = patience.first_contact_tries, min(seconds, patience.first_contact_seconds)
        return (
            self._seen[remedy] > self._tries[remedy]
            or self._not_sent > tries
            or time.monotonic() - self._begun + state.upcoming_sleep > seconds
        )


class Retrier:
    """Runs calls under the table above.

    Args:
        patience: the bounds of every call.
        stop: set it to end all waits; a call that would try again raises `Interrupted` instead.
        on_retry: told of every failure that will be retried, and of the seconds until then.
        in_turn: let one call begin when the one before has ended, its retries included, so that chance has no say in
            the order of requests.
    """

    def __init__(
        self,
        patience: Patience | None = None,
        *,
        stop: StopToken | None = None,
        on_retry: Callable[[Failure, float], None] | None = None,
        in_turn: bool = False,
    ) -> None:
        self.patience = patience or Patience()
        self.stop = stop or StopToken()
        self._on_retry = on_retry
        self._turn = asyncio.Lock() if in_turn else None

    async def call(self, function: Callable[[], Awaitable[Result]]) -> Result:
        """Call `function` until it returns, or until the table or the bounds say to give up.

        Raises:
            CallFailed: the last failure, unchanged.
            CredentialsRefused: the last failure was a 401.
            Interrupted: `stop` was set before the next try.
        """
        if self._turn is None:
            return await self._call(function)
        async with self._turn:
            return await self._call(function)

    async def _call(self, function: Callable[[], Awaitable[Result]]) -> Result:
        begun = time.monotonic()
        try:
            return await self._once(function)
        except CallFailed as error:
            # Most calls end here or before, so only others pay for the loop, whose first turn is this failure.
            failed: list[CallFailed] = [error]

        async def attempt() -> Result:
            if failed:
                raise failed.pop()
            return await self._once(function)

        try:
            return await self._retrying(begun)(attempt)
        except CallFailed as error:
            if error.failure.status != 401:
                raise
            raise CredentialsRefused(
                f"Twilio refuses the credentials: {error}. Check TWILIO_ACCOUNT_SID and the auth token or API key "
                "(TWILIO_TARGET_* for another target account)."
            ) from error

    async def _once(self, function: Callable[[], Awaitable[Result]]) -> Result:
        if self.stop.is_set():
            raise Interrupted("Interrupted.")
        return await function()

    def _retrying(self, begun: float) -> AsyncRetrying:
        """Build tenacity's loop for one call that began at `begun`, always with a stop and a longest wait."""
        return AsyncRetrying(
            retry=retry_if_exception(_worth_retrying),
            stop=_Bounds(self.patience, begun),
            wait=self._wait,
            sleep=self._sleep,
            before_sleep=self._report,
            reraise=True,
        )

    def _wait(self, state: RetryCallState) -> float:
        failure = _failure_of(state)
        patience = self.patience
        if failure.first_contact and failure.trouble is Trouble.NOT_SENT:
            # Evenly over the time that the few tries have.
            return min(
                patience.longest_wait, patience.first_contact_seconds / (patience.first_contact_tries + 1)
            )
        first = patience.throttled_wait if failure.status == 429 else patience.first_wait
        jitter = wait_random_exponential(multiplier=first, max=patience.longest_wait)
        return (failure.retry_after or 0.0) + jitter(state)

    async def _sleep(self, seconds: float) -> None:
        await self.stop.wait(seconds)

    def _report(self, state: RetryCallState) -> None:
        if self._on_retry is not None:
            self._on_retry(_failure_of(state), state.upcoming_sleep)


def _worth_retrying(error: BaseException) -> bool:
    return isinstance(error, CallFailed) and remedy_for(error.failure) is not Remedy.FAIL


def _failure_of(state: RetryCallState) -> Failure:
    error = state.outcome.exception() if state.outcome is not None else None
    if not isinstance(error, CallFailed):
        raise AssertionError("only failed calls are retried") from error
    return error.failure
