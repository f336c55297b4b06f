"""What these tests share: an account seen from outside before and after, whatever the program says of itself."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

from driving import Driver, drive
from worlds import differences_elsewhere

from migrate.simulator import Service, Simulator

SETTLE = 1.2
LAG = 0.5
"""Seconds: what lags is within the settle time, and longer than a few requests take."""
CLEAN = {
    name: value for name, value in os.environ.items() if not name.startswith(("TWILIO_", "CHAT_MIGRATE_"))
}
VOLATILE = ("date_created", "date_updated")


def second(simulator: Simulator) -> str:
    """The SID of the second account."""
    return list(simulator.world.accounts)[1]


def patient(folder, simulator: Simulator, target: str | None = None, **environ: str) -> Driver:
    """A driver that reckons with the lag of these tests."""
    return replace(drive(folder, simulator, target, **environ), settle=SETTLE)


def plain(value: Any) -> Any:
    """A value without dates, and with one way to say "nothing"."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items() if key not in VOLATILE}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return "" if value in (None, [""]) else value


def held(simulator: Simulator, account: str | None = None) -> dict[str, Any]:
    """All that the services of an account hold, by SID."""
    services = simulator.world.accounts[account or simulator.account_sid].services
    shown = {sid: plain(json.loads(json.dumps(service.to_json()))) for sid, service in services.items()}
    for service in shown.values():
        service["conversations_webhooks"]["filters"] = sorted(
            service["conversations_webhooks"]["filters"] or ()
        )
        for role in service["roles"]:
            role["permissions"] = sorted(role["permissions"])
    return shown


def creates(simulator: Simulator, since: int = 0) -> Counter[str]:
    """How many requests to create something arrived, by the last word of the path."""
    return Counter(
        request.path.rsplit("/", 1)[1]
        for request in simulator.requests[since:]
        if request.method == "POST" and request.path.endswith(("/Services", "/Roles"))
    )


def not_re_created(sources: dict[str, Service], simulator: Simulator) -> list[str]:
    """What is not equal after services were re-created in their own account: once each, and all equal."""
    made = [service for sid, service in simulator.world.first.services.items() if sid not in sources]
    found = []
    for source in sources.values():
        best = min(made, key=lambda target: len(differences_elsewhere(source, target)), default=None)
        if best is None:
            return [*found, f"nothing stands for {source.chat['friendly_name']}"]
        made.remove(best)
        found += differences_elsewhere(source, best)
    return found + [f"one too many: {service.chat['friendly_name']}" for service in made]


def before(simulator: Simulator) -> dict[str, Service]:
    """The services of the first account, as they are now."""
    return deepcopy(dict(simulator.world.first.services.items()))


def journal(driver: Driver, state: str) -> list[str]:
    """The keys of the steps that stand in a state, over all runs."""
    with closing(sqlite3.connect(f"file:{driver.db}?mode=ro", uri=True)) as connection:
        try:
            rows = connection.execute("SELECT key FROM step_state WHERE state = ? ORDER BY key", [state])
        except sqlite3.OperationalError:  # a program has just begun to make its tables
            return []
        return [key for (key,) in rows]


def started(folder: Path, environ: dict[str, str], *arguments: object) -> subprocess.Popen[str]:
    """The real program, left running."""
    return subprocess.Popen(
        [sys.executable, "-m", "migrate", *map(str, arguments)],
        cwd=folder,
        env={**CLEAN, **environ},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_until(condition: Callable[[], object]) -> None:
    """Wait until something is so."""
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.01)
