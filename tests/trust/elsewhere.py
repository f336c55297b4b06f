"""The program as if on another host: its name, its processes and its clock are other ones, and all waits are shorter.

    elsewhere.py HOST CLOCK_SECONDS ARGUMENTS…

It says `ready` and begins when it gets a line. The takeover, the heartbeat and the age of an intent keep their
proportions: 1.2, 0.1 and 0.1 seconds instead of 60, 5 and 5.
"""

from __future__ import annotations

import os
import sys
from datetime import datetime, timedelta, timezone
from functools import partial

DEAD_AFTER = 1.2
BEAT = 0.1


def main() -> None:
    """Be the program on that host."""
    host, clock_seconds, *arguments = sys.argv[1:]
    from migrate.core import clock

    apart = timedelta(seconds=float(clock_seconds))
    clock.now = lambda: clock.as_text(datetime.now(timezone.utc) + apart)
    import twilio.rest  # noqa: F401 - paid for before the clock runs

    from migrate.cli.main import main as program
    from migrate.execute import attempts
    from migrate.store import lock
    from migrate.store.processes import Process

    lock.this_process = lambda: Process(host, f"machine of {host}/boot of {host}", f"of {host}", 4711, "1")
    lock.held = partial(lock.held, dead_after=DEAD_AFTER)
    lock.BEAT_SECONDS = attempts.INTENT_SECONDS = BEAT
    lock.LOOK_SECONDS = 0.02
    sys.argv = ["chat-migrate", *arguments]
    os.write(1, b"ready\n")
    sys.stdin.readline()
    program()


if __name__ == "__main__":
    main()
