"""Work for processes of a pool, which start the sooner the less this module imports."""

from __future__ import annotations

import os

from migrate.fleet.task import AccountOutcome, Task


def well(task: Task) -> AccountOutcome:
    """End well."""
    return AccountOutcome(task.account.account_sid, task.deed, 0)


def dying(task: Task) -> AccountOutcome:
    """End the process, once, at the seventh account."""
    mark = task.db.with_name("died")
    if task.account.account_sid.endswith("7") and not mark.exists():
        mark.touch()
        os._exit(1)
    return well(task)


def always_dying(_task: Task) -> AccountOutcome:
    """End the process."""
    os._exit(1)
