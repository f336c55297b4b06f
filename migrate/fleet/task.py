"""What goes to a worker and what comes back: frozen, picklable, without secrets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

from migrate.api.retry import Patience
from migrate.fleet.accounts import FleetAccount

Json = Any
LOCK_WAIT_SECONDS = 600.0


class Deed(str, Enum):
    """What a worker does for an account, with what else the fleet asks for in between."""

    EXPORT = "export"
    """Take a snapshot."""
    DIFF = "diff"
    """Plan the newest snapshot."""
    PLAN = "plan"
    """Take a snapshot and plan it: the first half of `fleet run`."""
    REVIEW = "review"
    """Look at the newest plan, sending nothing: the first half of `fleet apply`."""
    APPLY = "apply"
    """Execute the plan that was confirmed, or continue the run that was cut off."""
    VERIFY = "verify"
    """Read the targets again."""


GOOD = frozenset({0, 3})
FIRST_DEEDS = frozenset({Deed.PLAN, Deed.REVIEW})
"""After these, somebody has to agree."""


@dataclass(frozen=True)
class Task:
    """One deed for one account.

    Attributes:
        account: whose.
        deed: what is to be done.
        options: `RunOptions` as JSON.
        db: the account's database.
        report: the file for the account's own report.
        parent_sid: TWILIO_ACCOUNT_SID where the fleet was started.
        settings: variables without secrets that all workers are to have alike.
        stop_file: the worker ends gently when there is such a file.
        shared: whether the workspace is on a network file system.
        plan_id: the plan that was confirmed.
        resumes: whether a run that was cut off, and that somebody had agreed to, is continued before planning anew.
        exit_code: whether a `diff` with pending changes ends with 3.
        verify: whether an `apply` reads all targets again at the end.
        settle_seconds: the settle time; None: as the settings say.
        patience: the bounds of every call's retries.
        lock_wait_seconds: how long to wait for another run that holds the account's lock.
    """

    account: FleetAccount
    deed: Deed
    options: Mapping[str, Json]
    db: Path
    report: Path
    parent_sid: str
    settings: tuple[tuple[str, str], ...]
    stop_file: Path
    shared: bool = False
    plan_id: str | None = None
    resumes: bool = False
    exit_code: bool = False
    verify: bool = False
    settle_seconds: float | None = None
    patience: Patience = field(default_factory=Patience)
    lock_wait_seconds: float = LOCK_WAIT_SECONDS


@dataclass(frozen=True)
class AccountOutcome:
    """How a deed ended for an account. All texts are masked.

    Attributes:
        account_sid: whose.
        deed: what was done.
        code: the exit code that the command would have had.
        message: if it did not end well, what happened and what to do.
        notes: what else a person must know.
        mark: where the account's database stood then; see `fleet_standing.mark_of`.
        plan_id: the plan, if there is one.
        target_account_sid: the account that is written to.
        services: Chat Services examined.
        services_to_change: how many of them have a change.
        changes: fields that change.
        steps: requests that write.
        steps_by_state: how many steps are in each state.
        left: steps that are not settled.
        verdicts: how many fields have each verdict.
    """

    account_sid: str
    deed: Deed
    code: int
    message: str = ""
    notes: tuple[str, ...] = ()
    mark: str = ""
    plan_id: str = ""
    target_account_sid: str = ""
    services: int = 0
    services_to_change: int = 0
    changes: int = 0
    steps: int = 0
    steps_by_state: Mapping[str, int] = field(default_factory=dict)
    left: int = 0
    verdicts: Mapping[str, int] = field(default_factory=dict)

    @property
    def ended_well(self) -> bool:
        """Whether it is a result that no `resume` would change; differences are one too."""
        return self.code in GOOD

    @property
    def waits(self) -> bool:
        """Whether it is planned, and nothing of the plan was begun."""
        return self.deed in FIRST_DEEDS and self.ended_well and self.left > 0
