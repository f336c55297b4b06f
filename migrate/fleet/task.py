"""What goes to a worker and what comes back: frozen, picklable, without secrets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

from mappings import NEEDS_A_PERSON
from migrate.api.retry import Patience
from migrate.core.clock import now
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
class Order:
    """What a fleet was asked for.

    Attributes:
        command: `export`, `diff`, `apply`, `run` or `verify`.
        options: `FleetOptions` as JSON.
    """

    command: str
    options: Mapping[str, Json] = field(default_factory=dict)
    settle_seconds: float | None = None
    at: str = field(default_factory=now)


@dataclass(frozen=True)
class Task:
    """One deed for one account.

    Attributes:
        parent_sid: TWILIO_ACCOUNT_SID where the fleet was started.
        settings: variables without secrets that all workers are to have alike.
        plan_id: the plan that was confirmed.
        resumes: whether a run that was cut off, and that somebody had agreed to, is continued before planning anew.
    """

    account: FleetAccount
    deed: Deed
    order: Order
    db: Path
    report: Path
    parent_sid: str
    settings: tuple[tuple[str, str], ...]
    stop_file: Path
    shared: bool = False
    plan_id: str | None = None
    resumes: bool = False
    patience: Patience = field(default_factory=Patience)
    lock_wait_seconds: float = LOCK_WAIT_SECONDS


@dataclass(frozen=True)
class AccountOutcome:
    """How a deed ended for an account. All texts are masked.

    Attributes:
        code: the exit code that the command would have had.
        message: if it did not end well, what happened and what to do.
        mark: where the account's database stood then; see `fleet_standing.mark_of`.
        lasting: steps that can't be undone, by kind; `steps` counts them too.
        left: steps that are not settled.
    """

    account_sid: str
    deed: Deed
    code: int
    message: str = ""
    notes: tuple[str, ...] = ()
    mark: str = ""
    plan_id: str = ""
    services: int = 0
    services_to_change: int = 0
    changes: int = 0
    steps: int = 0
    lasting: Mapping[str, int] = field(default_factory=dict)
    steps_by_state: Mapping[str, int] = field(default_factory=dict)
    left: int = 0
    verdicts: Mapping[str, int] = field(default_factory=dict)

    @property
    def fields_for_a_person(self) -> int:
        """How many fields need a person."""
        return sum(self.verdicts.get(name, 0) for name in NEEDS_A_PERSON)

    @property
    def ended_well(self) -> bool:
        """Whether it is a result that no `resume` would change; differences are one too."""
        return self.code in GOOD

    @property
    def waits(self) -> bool:
        """Whether it is planned, and nothing of the plan was begun."""
        return self.deed in FIRST_DEEDS and self.ended_well and self.left > 0
