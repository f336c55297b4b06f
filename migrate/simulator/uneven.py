"""How a real service may be uneven: what lags, what passes, what comes back changed, and whose clock is wrong."""

from __future__ import annotations

import copy
import re
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from typing import Any, Literal, Protocol, TypeVar
from urllib.parse import urlsplit

from migrate.simulator.world import dice

Json = Any


class HasSid(Protocol):
    """Anything that a SID names."""

    @property
    def sid(self) -> str:
        """The SID."""


T = TypeVar("T", bound=HasSid)

VALUES = frozenset({"trimmed", "default_text", "slash", "order", "permission"})
ODD_DATES = ("1970-01-01T00:00:00Z", "2038-01-19T03:14:07Z", "2099-12-31T23:59:59Z", "2016-02-29T12:00:00Z")
DEFAULT_TEXT = "${MESSAGE}"
"""What stands for the product's own text, which nobody documents for a service."""


@dataclass(frozen=True)
class Unevenness:
    """In which ways the simulated service is uneven; by default in none. Times are seconds.

    Attributes:
        seed: of whatever is drawn below.
        reads_lag: GETs show the values of so long ago (of the creation, if that was later); a service or a role
            that was deleted since then is still found by its SID.
        lists_lag: what was created is missing from lists for so long; a new service's list of roles is empty.
        lag_share: the share of reads that lag at all, 0 to 1; the others are up to date.
        late_effects: a write takes effect so long after its answer was lost, by a fault (a reset, a silence, a
            5xx after the effect) or because its sender closed the connection before it was answered.
        new_missing: for so long every request to what was just created answers 404.
        missing_path: a regular expression; a path in which it is found answers 404 …
        missing_seconds: … for so long from the first such request on.
        values: which values are kept otherwise than they were sent: `trimmed` (templates), `default_text`
            (instead of an empty template), `slash` (added to a URL without a path), `order` (of filters),
            `permission` (`removeParticipant` is not kept).
        webhook_stores: 2: Chat and Conversations each hold webhooks of their own; 1: both show the same ones.
        v1_dates: the format of dates in Chat v1: its documents describe RFC 2822 and declare ISO 8601.
        dates_lag: dates of creation and change are so far in the past.
        odd_dates: dates of creation and change are drawn: long ago, far in the future.
        clock_step: every other `clock_period` all dates, the header `Date` too, are wrong by so much.
        clock_period: how long the clock stays right, and then wrong.
        retry_after: the `Retry-After` of every 429 of the simulator's own limits; None: they have none.
        retry_after_as: how `Retry-After` is written, that of injected faults too.
        empty_429: 429s have no body.
        drip_path: a regular expression; answers to paths in which it is found come byte by byte …
        drip_seconds: … one in so many seconds.
        huge_path: a regular expression; answers to paths in which it is found are huge once unpacked (gzip).
        huge_bytes: how huge.
        endless_path: a regular expression; lists in whose path it is found have always another next page …
        endless_pages: … which holds the list's items again, or none.
        shuffled: each walk through a list gets its items in another order.
    """

    seed: int = 0
    reads_lag: float = 0.0
    lists_lag: float = 0.0
    lag_share: float = 1.0
    late_effects: float = 0.0
    new_missing: float = 0.0
    missing_path: str | None = None
    missing_seconds: float = 0.0
    values: frozenset[str] = frozenset()
    webhook_stores: Literal[1, 2] = 2
    v1_dates: Literal["rfc2822", "iso8601"] = "rfc2822"
    dates_lag: float = 0.0
    odd_dates: bool = False
    clock_step: float = 0.0
    clock_period: float = 5.0
    retry_after: int | None = None
    retry_after_as: Literal["seconds", "date"] = "seconds"
    empty_429: bool = False
    drip_path: str | None = None
    drip_seconds: float = 1.0
    huge_path: str | None = None
    huge_bytes: int = 2**28
    endless_path: str | None = None
    endless_pages: Literal["repeated", "empty"] = "repeated"
    shuffled: bool = False

    def __post_init__(self) -> None:
        unknown = set(self.values) - VALUES
        if unknown:
            raise ValueError(f"values are kept otherwise by {', '.join(sorted(VALUES))}: not {unknown}")
        if not 0 <= self.lag_share <= 1:
            raise ValueError(f"a share is between 0 and 1, not {self.lag_share}")
        for pattern in (self.missing_path, self.drip_path, self.huge_path, self.endless_path):
            re.compile(pattern or "")


EVEN = Unevenness()


def found(pattern: str | None, path: str) -> bool:
    """Tell whether the regular expression (None: nothing) is found in the path."""
    return pattern is not None and re.search(pattern, path) is not None


class Past:
    """What an uneven service remembers: when things were made, and how they were before."""

    def __init__(self, uneven: Unevenness) -> None:
        self.uneven = uneven
        self._started = time.monotonic()
        self._chance = dice(uneven.seed)
        self._born: dict[str, float] = {}
        self._before: dict[str, deque[tuple[float, Any]]] = {}
        self._deleted: dict[tuple[str, str], tuple[float, Any]] = {}
        self._missed: dict[str, float] = {}
        self._second, self._date = 0, ""
        self._remembers = bool(uneven.lists_lag or uneven.new_missing)

    # -- what happened -------------------------------------------------------------------------------------

    def born(self, *sids: str) -> None:
        """Note that these were created now."""
        if not self._remembers:
            return
        present = time.monotonic()
        self._born.update(dict.fromkeys(sids, present))
        while present - next(iter(self._born.values())) > max(self.uneven.lists_lag, self.uneven.new_missing):
            del self._born[next(iter(self._born))]

    def keep(self, thing: Any) -> None:
        """Note how a thing is, before it is changed. What it holds by SID is not part of it."""
        if not self.uneven.reads_lag:
            return
        before = thing if isinstance(thing, tuple) else copy.copy(thing)
        for key, value in getattr(before, "__dict__", {}).items():
            if isinstance(value, dict | list):
                setattr(before, key, copy.deepcopy(value))
        kept = self._before.setdefault(thing.sid, deque())
        kept.append((time.monotonic(), before))
        while time.monotonic() - kept[0][0] > self.uneven.reads_lag:
            kept.popleft()

    def bury(self, owner_sid: str, thing: Any) -> None:
        """Note that a thing of this owner was deleted now."""
        if self.uneven.reads_lag:
            self._deleted[owner_sid, thing.sid] = (time.monotonic(), thing)

    # -- what is seen --------------------------------------------------------------------------------------

    def lags(self) -> bool:
        """Draw whether one read lags."""
        return self.uneven.lag_share >= 1 or self._chance.random() < self.uneven.lag_share

    def seen(self, thing: T) -> T:
        """Return the thing as a read sees it."""
        if not self._before:
            return thing
        horizon = time.monotonic() - self.uneven.reads_lag
        kept = self._before.get(thing.sid, ())
        older = next((before for changed, before in kept if changed > horizon), None)
        return older if older is not None and self.lags() else thing

    def deleted(self, owner_sid: str, sid: str) -> Any | None:
        """Return what its owner had so lately that a read still finds it, or None."""
        gone, thing = self._deleted.get((owner_sid, sid), (0.0, None))
        return thing if thing and time.monotonic() - gone < self.uneven.reads_lag and self.lags() else None

    def unlisted(self) -> frozenset[str]:
        """Return the SIDs that one list does not show yet."""
        if not self.uneven.lists_lag or not self._born or not self.lags():
            return frozenset()
        horizon = time.monotonic() - self.uneven.lists_lag
        return frozenset(sid for sid, born in self._born.items() if born > horizon)

    def is_missing(self, sid: str) -> bool:
        """Tell whether what was just created is not found yet."""
        born = self._born.get(sid)
        return born is not None and time.monotonic() - born < self.uneven.new_missing

    def is_missing_path(self, path: str) -> bool:
        """Tell whether the path answers 404 for the time being."""
        if not found(self.uneven.missing_path, path):
            return False
        first = self._missed.setdefault(path, time.monotonic())
        return time.monotonic() - first < self.uneven.missing_seconds

    def salt(self) -> int:
        """Return the order of one walk through a list; 0: as it is."""
        return self._chance.randrange(1, 2**31) if self.uneven.shuffled else 0

    # -- clocks --------------------------------------------------------------------------------------------

    def clock(self) -> datetime:
        """Return what the service's clock says."""
        present = datetime.now(timezone.utc)
        if self.uneven.clock_step and int((time.monotonic() - self._started) / self.uneven.clock_period) % 2:
            present += timedelta(seconds=self.uneven.clock_step)
        return present

    def now(self) -> str:
        """Return the date that a creation or change gets, as Twilio writes it: ISO 8601, UTC, whole seconds."""
        if self.uneven.odd_dates:
            return self._chance.choice(ODD_DATES)
        second = time.time_ns() // 10**9
        if second != self._second or self.uneven.clock_step:
            moment = self.clock() - timedelta(seconds=self.uneven.dates_lag)
            self._second, self._date = second, moment.strftime("%Y-%m-%dT%H:%M:%SZ")
        return self._date

    def retry_after(self, seconds: float) -> str:
        """Write a `Retry-After`."""
        if self.uneven.retry_after_as == "seconds":
            return f"{seconds:g}"
        return format_datetime(self.clock() + timedelta(seconds=seconds), usegmt=True)


def kept(uneven: Unevenness, given: Mapping[str, Json]) -> dict[str, Json]:
    """Return the values of a form as the service keeps them."""
    return {key: _kept(uneven.values, key, value) for key, value in given.items()}


def _kept(how: frozenset[str], key: str, value: Json) -> Json:
    if key.endswith("Template"):
        text = value.strip() if "trimmed" in how else value
        return text or DEFAULT_TEXT if "default_text" in how else text
    if key.endswith("Url") and value and "slash" in how:
        return value if urlsplit(value).path else _with_slash(value)
    if key.endswith("Filters") and "order" in how:
        return sorted(value, reverse=True)
    if key == "Permission" and "permission" in how:
        return [word for word in value if word != "removeParticipant"]
    return value


def _with_slash(url: str) -> str:
    return urlsplit(url)._replace(path="/").geturl()
