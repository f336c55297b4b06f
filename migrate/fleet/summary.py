"""What a fleet came to: totals, and the accounts that need a person, equal causes together."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from migrate.fleet.accounts import FleetAccount
from migrate.fleet.task import GOOD, AccountOutcome

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


@dataclass(frozen=True)
class FleetSummary:
    """Counts over the accounts of a fleet.

    Attributes:
        codes: exit code → how many accounts ended with it.
        waiting: how many are planned, and not written yet.
        needy: accounts with fields that need a person.
        causes: why accounts did not end well, the most frequent cause first.
    """

    accounts: int
    codes: Counter[int]
    not_begun: int
    under_way: int
    waiting: int
    services: int
    services_to_change: int
    changes: int
    steps: int
    steps_by_state: Counter[str]
    verdicts: Counter[str]
    needy: int
    fields_for_a_person: int
    causes: list[CauseOfMany]

    @property
    def failing(self) -> int:
        """How many accounts did not end well."""
        return sum(number for code, number in self.codes.items() if code not in GOOD)

    @property
    def differing(self) -> int:
        """How many ended well, with differences."""
        return self.codes[3]


def summed(standings: Sequence[Standing]) -> FleetSummary:
    """Return the summary of accounts."""
    known = [standing.outcome for standing in standings if standing.outcome is not None]
    idle = [standing.outcome for standing in standings if not standing.now]
    ended = [outcome for outcome in idle if outcome is not None and not outcome.waits]
    return FleetSummary(
        accounts=len(standings),
        codes=Counter(outcome.code for outcome in ended),
        not_begun=idle.count(None),
        under_way=len(standings) - len(idle),
        waiting=len(idle) - idle.count(None) - len(ended),
        services=sum(outcome.services for outcome in known),
        services_to_change=sum(outcome.services_to_change for outcome in known),
        changes=sum(outcome.changes for outcome in known),
        steps=sum(outcome.steps for outcome in known),
        steps_by_state=_added(outcome.steps_by_state for outcome in known),
        verdicts=_added(outcome.verdicts for outcome in known),
        needy=sum(outcome.fields_for_a_person > 0 for outcome in known),
        fields_for_a_person=sum(outcome.fields_for_a_person for outcome in known),
        causes=_causes(outcome for outcome in ended if not outcome.ended_well),
    )


def _added(counts: Iterable[Mapping[str, int]]) -> Counter[str]:
    total: Counter[str] = Counter()
    for each in counts:
        total.update(each)
    return total


def _causes(failed: Iterable[AccountOutcome]) -> list[CauseOfMany]:
    causes: dict[tuple[int, str], CauseOfMany] = {}
    for outcome in failed:
        text = outcome.message[:MESSAGE_LENGTH]
        key = (outcome.code, _PARTICULAR.sub("…", text))
        causes.setdefault(key, CauseOfMany(outcome.code, text)).accounts.append(outcome.account_sid)
    return sorted(causes.values(), key=lambda cause: (-len(cause.accounts), cause.code))
