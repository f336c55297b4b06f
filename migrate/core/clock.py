"""The time of day, as the database and the reports write it."""

from __future__ import annotations

import time
from datetime import datetime, timezone

FORMAT = "%Y-%m-%dT%H:%M:%S.%f"


def now() -> str:
    """Return this moment as ISO 8601 in UTC, to the millisecond: it sorts as text."""
    return as_text(datetime.now(timezone.utc))


def as_text(moment: datetime) -> str:
    """Return a moment in UTC as `now` writes it."""
    return moment.strftime(FORMAT)[:-3] + "Z"


def ticks() -> float:
    """Return seconds on a clock that never steps and counts the time for which the machine was suspended."""
    return time.clock_gettime(_CLOCK) if _CLOCK is not None else time.monotonic()


_CLOCK: int | None = getattr(time, "CLOCK_BOOTTIME", None)
"""Linux has it; elsewhere the monotonic clock serves, which on macOS stops while the machine sleeps."""
