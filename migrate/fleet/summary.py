"""What a fleet came to: totals, and the accounts that need a person, equal causes together."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from migrate.fleet.accounts import FleetAccount
from migrate.fleet.task import GOOD, AccountOutcome

NEEDS_A_PERSON = ("manual", "dropped", "lossy")
MESSAGE_LENGTH = 2000
_PARTICULAR = re.compile(r"\b[A-Z]{2}[0-9a-fA-F]{32}\b|\b[0-9a-f]{8,64}\b|\d+|[^\s`]*/[^\s`]*")
"""What differs between accounts with one cause: SIDs, ids, numbers, paths."""


@dataclass(frozen=True)
class Standing:
    """Where one account stands."""

    account: FleetAccount
    outcome: AccountOutcome | None
    now: str = ""


@dataclass
class CauseOfMany:
    """Accounts that did not end well for the same cause.

    Attributes:
        text: what the first of them says.
    """

    code: int
    text: str
    accounts: list[str] = field(default_factory=list)


@dataclass
class FleetSummary:
    """Counts over the accounts of a fleet.

    Attributes:
        codes: exit code → how many ended with it.
        waiting: how many are planned, and not written yet.
        needy: accounts with fields that need a person.
    """

    accounts: int = 0
    codes: Counter[int] = field(default_factory=Counter)
    not_begun: int = 0
    under_way: int = 0
    waiting: int = 0
    services: int = 0
    services_to_change: int = 0
    changes: int = 0
    steps: int = 0
    steps_by_state: Counter[str] = field(default_factory=Counter)
    verdicts: Counter[str] = field(default_factory=Counter)
    needy: int = 0
    causes: dict[tuple[int, str], CauseOfMany] = field(default_factory=dict)

    @property
    def failing(self) -> int:
        """How many accounts did not end well."""
        return sum(number for code, number in self.codes.items() if code not in GOOD)

    @property
    def differing(self) -> int:
        """How many ended well, with differences."""
        return self.codes[3]

    @property
    def fields_for_a_person(self) -> int:
        """How many fields need a person."""
        return sum(self.verdicts[name] for name in NEEDS_A_PERSON)

    def ranked(self) -> list[CauseOfMany]:
        """Return the causes, the most frequent first."""
        return sorted(self.causes.values(), key=lambda cause: (-len(cause.accounts), cause.code))

    def add(self, standing: Standing) -> None:
        """Count one account."""
        self.accounts += 1
        outcome = standing.outcome
        if outcome is not None:
            self._add_counts(outcome)
        if standing.now:
            self.under_way += 1
        elif outcome is None:
            self.not_begun += 1
        elif outcome.waits:
            self.waiting += 1
        else:
            self.codes[outcome.code] += 1
            if not outcome.ended_well:
                self._add_cause(outcome)

    def _add_counts(self, outcome: AccountOutcome) -> None:
        self.services += outcome.services
        self.services_to_change += outcome.services_to_change
        self.changes += outcome.changes
        self.steps += outcome.steps
        self.steps_by_state.update(outcome.steps_by_state)
        self.verdicts.update(outcome.verdicts)
        self.needy += any(outcome.verdicts.get(name) for name in NEEDS_A_PERSON)

    def _add_cause(self, outcome: AccountOutcome) -> None:
        text = outcome.message[:MESSAGE_LENGTH]
        key = (outcome.code, _PARTICULAR.sub("…", text))
        self.causes.setdefault(key, CauseOfMany(outcome.code, text)).accounts.append(outcome.account_sid)


def summed(standings: Iterable[Standing]) -> FleetSummary:
    """Return the summary of accounts."""
    summary = FleetSummary()
    for standing in standings:
        summary.add(standing)
    return summary
