"""What can go wrong between a client and Twilio, scripted or drawn by a seed."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

from migrate.simulator.world import World


class How(Enum):
    """What becomes of the answer."""

    ANSWER = "a made-up answer is sent"
    RESET = "the connection is reset"
    SILENCE = "nothing is answered for a while, then the connection is cut"
    SLOW = "the true answer is sent late"
    TRUNCATED = "half of the true answer's body is sent"
    EDIT = "somebody else changes something first, then the request is processed as usual"


@dataclass(frozen=True)
class Kind:
    """One kind of fault.

    Attributes:
        how: what becomes of the answer.
        processed: whether the request takes effect.
        status: of a made-up answer.
        code: Twilio's code in a made-up error envelope; None: `body` as it is.
        body: of a made-up answer without a code.
        content_type: of a made-up answer.
        retry_after: whether a made-up answer carries `Retry-After`.
        random: whether a random plan draws it.
    """

    how: How
    processed: bool
    status: int = 0
    code: int | None = None
    body: str = ""
    content_type: str = "application/json"
    retry_after: bool = False
    random: bool = True


KINDS = {
    "429": Kind(How.ANSWER, processed=False, status=429, code=20429),
    "429_retry_after": Kind(How.ANSWER, processed=False, status=429, code=20429, retry_after=True),
    "500_before": Kind(How.ANSWER, processed=False, status=500, code=20500),
    "500_after": Kind(How.ANSWER, processed=True, status=500, code=20500),
    "503_before": Kind(How.ANSWER, processed=False, status=503, code=20503),
    "503_after": Kind(How.ANSWER, processed=True, status=503, code=20503),
    "400": Kind(How.ANSWER, processed=False, status=400, code=20001, random=False),
    "410": Kind(How.ANSWER, processed=False, status=410, code=20410, random=False),
    "401": Kind(How.ANSWER, processed=False, status=401, code=20003),
    "html_502": Kind(
        How.ANSWER,
        processed=False,
        status=502,
        body="<html><head><title>502 Bad Gateway</title></head><body>Bad Gateway</body></html>",
        content_type="text/html",
    ),
    "reset_before": Kind(How.RESET, processed=False),
    "reset_after": Kind(How.RESET, processed=True),
    "timeout_before": Kind(How.SILENCE, processed=False),
    "timeout_after": Kind(How.SILENCE, processed=True),
    "slow": Kind(How.SLOW, processed=True),
    "truncated": Kind(How.TRUNCATED, processed=True),
    "wrong_shape": Kind(How.ANSWER, processed=True, status=200, body='{"ok": true}'),
    "wrong_type": Kind(How.ANSWER, processed=True, status=200, body='["ok"]'),
    "edit": Kind(How.EDIT, processed=True, random=False),
}
"""Every kind of fault. A 401 for ever is `Fault("401", times=None)`; a service that is deleted in the middle
of a run is `Fault("edit", edit=lambda world: world.delete_service(sid))`."""

RANDOM_KINDS = tuple(name for name, kind in KINDS.items() if kind.random)

ENVELOPE_MESSAGES = {
    20001: "Invalid parameter",
    20003: "Authenticate",
    20410: "Gone",
    20429: "Too Many Requests",
    20500: "An internal server error has occurred",
    20503: "Service is temporarily unavailable",
}


@dataclass(frozen=True)
class Fault:
    """One scripted fault.

    Attributes:
        kind: a key of `KINDS`; ValueError for others.
        method: only requests with this method, if given.
        path: only requests in whose path (as Twilio's: `/v2/Services`) this regular expression is found.
        api: only requests to this API, `chat` or `conversations`, if given.
        nth: the first matching request that it strikes, counted from 1.
        times: how many matching requests in a row it strikes; None: all that follow.
        seconds: how long a slow answer or a silence takes.
        retry_after: the value of `Retry-After`, seconds.
        edit: what happens first, such as what a second hand does to the world; needed for the kind `edit`.
    """

    kind: str
    method: str | None = None
    path: str = ""
    api: str | None = None
    nth: int = 1
    times: int | None = 1
    seconds: float = 30.0
    retry_after: int = 1
    edit: Callable[[World], None] | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"unknown kind of fault {self.kind!r}: one of {', '.join(KINDS)}")
        if self.kind == "edit" and self.edit is None:
            raise ValueError("the kind 'edit' needs an edit")

    def matches(self, api: str, method: str, path: str) -> bool:
        """Tell whether it is meant for such a request."""
        return (
            self.method in (None, method)
            and self.api in (None, api)
            and re.search(self.path, path) is not None
        )

    def strikes(self, count: int) -> bool:
        """Tell whether it strikes the matching request of this number, counted from 1."""
        return count >= self.nth and (self.times is None or count < self.nth + self.times)


@dataclass(frozen=True)
class FaultPlan:
    """Scripted faults, and random ones at a rate.

    Attributes:
        faults: scripted; the first that strikes a request wins, and they come before the random ones.
        rate: the share of requests, 0 to 1, that a random fault strikes.
        seed: of the random ones.
        kinds: those that are drawn.
        seconds: how long a random slow answer or silence takes.
        retry_after: the `Retry-After` of a random one, seconds.
    """

    faults: tuple[Fault, ...] = ()
    rate: float = 0.0
    seed: int = 0
    kinds: tuple[str, ...] = RANDOM_KINDS
    seconds: float = 1.0
    retry_after: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.rate <= 1:
            raise ValueError(f"a rate of faults is between 0 and 1, not {self.rate}")
        if not set(self.kinds) <= set(RANDOM_KINDS):
            raise ValueError(f"random kinds are among {', '.join(RANDOM_KINDS)}")


@dataclass
class FaultInjector:
    """Decides, request by request. What it has seen is counted by key, so threads may race as they like:
    the decision depends on (seed, method, target, how often this was seen), never on the order between keys.
    """

    plan: FaultPlan
    _scripted: list[Fault] = field(default_factory=list)
    _matched: Counter[int] = field(default_factory=Counter)
    _seen: Counter[tuple[str, str]] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._scripted = list(self.plan.faults)

    def add(self, fault: Fault) -> None:
        """Add a scripted fault; it counts the requests from now on."""
        self._scripted.append(fault)

    @property
    def armed(self) -> bool:
        """Whether there is any fault that could strike."""
        return bool(self._scripted or self.plan.rate)

    def decide(self, api: str, method: str, path: str, query: str) -> Fault | None:
        """Return the fault that strikes this request, or None.

        Every scripted fault counts every request that it matches, whether it strikes it or not.
        """
        struck: Fault | None = None
        for index, fault in enumerate(self._scripted):
            if fault.matches(api, method, path):
                self._matched[index] += 1
                if struck is None and fault.strikes(self._matched[index]):
                    struck = fault
        return struck or self._draw(f"{api} {method}", f"{path}?{query}")

    def _draw(self, method: str, target: str) -> Fault | None:
        if not self.plan.rate:
            return None
        self._seen[method, target] += 1
        key = f"{self.plan.seed} {method} {target} {self._seen[method, target]}"
        number = int.from_bytes(hashlib.blake2b(key.encode(), digest_size=8).digest(), "big")
        chance, lot = divmod(number, 2**16)
        if chance / 2**48 >= self.plan.rate:
            return None
        kind = self.plan.kinds[lot % len(self.plan.kinds)]
        return Fault(kind, seconds=self.plan.seconds, retry_after=self.plan.retry_after)


def made_up_body(kind: Kind) -> str:
    """Return the body of a made-up answer."""
    if kind.code is None:
        return kind.body
    return json.dumps(
        {
            "code": kind.code,
            "message": ENVELOPE_MESSAGES[kind.code],
            "more_info": f"https://www.twilio.com/docs/errors/{kind.code}",
            "status": kind.status,
        }
    )
