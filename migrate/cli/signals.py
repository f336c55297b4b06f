"""A gentle end on signals."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from migrate.core.stop import StopToken

SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


@contextmanager
def gentle(stop: StopToken, note: Callable[[str], None]) -> Iterator[None]:
    """Let the first signal finish what is in flight; the second one ends the process at once."""

    def interrupted(_signal: int, _frame: FrameType | None) -> None:
        if stop.is_set():
            os._exit(130)
        stop.set()
        note("Interrupted: finishing the requests in flight. Ctrl-C again stops at once.")

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    # What is ignored, as SIGHUP under nohup, stays ignored.
    heard = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    previous = {number: signal.signal(number, interrupted) for number in heard}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
