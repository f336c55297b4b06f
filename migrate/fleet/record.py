"""What a fleet was asked for and how each account ended: one file a fleet in the workspace, a JSON object a line.

An account's database tells what was done to it. This file tells the rest: which accounts there are, and what became of
those that have no database because they were refused before. A line that a crash has cut off is ignored, but for the
accounts: a record that lacks some of them is refused, since the rest would pass for the whole fleet.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from migrate.core.errors import BadInput
from migrate.core.jsonable import from_json, to_json
from migrate.fleet.accounts import FleetAccount
from migrate.fleet.task import FIRST_DEEDS, AccountOutcome, Order

Json = Any
PATTERN = "fleet-[0-9][0-9][0-9][0-9].jsonl"


@dataclass
class FleetRecord:
    """One fleet's file.

    Attributes:
        outcomes: account SID → its last outcome.
        agreed: account SID → the plan that somebody has agreed to.
    """

    path: Path
    order: Order
    accounts: Sequence[FleetAccount]
    outcomes: dict[str, AccountOutcome] = field(default_factory=dict)
    agreed: dict[str, str] = field(default_factory=dict)

    @property
    def workspace(self) -> Path:
        """The folder of the databases."""
        return self.path.parent

    def add(self, outcome: AccountOutcome) -> None:
        """Note how an account ended."""
        self._note(outcome)
        self._append([{"outcome": to_json(outcome)}])

    def agree(self, plans: Mapping[str, str]) -> None:
        """Note that somebody has agreed to these plans: account SID → plan id."""
        self.agreed |= plans
        self._append([{"agreed": dict(plans)}])

    def _note(self, outcome: AccountOutcome) -> None:
        self.outcomes[outcome.account_sid] = outcome
        if outcome.deed in FIRST_DEEDS:
            self.agreed.pop(outcome.account_sid, None)

    def _append(self, lines: Sequence[Json]) -> None:
        # The line end comes first, so that a line that was cut off spoils no other.
        with self.path.open("a", encoding="utf-8") as file:
            file.write("".join("\n" + json.dumps(line) for line in lines))

    @classmethod
    def begin(cls, workspace: Path, order: Order, accounts: Sequence[FleetAccount]) -> FleetRecord:
        """Begin the next file of a workspace."""
        numbers = [int(path.stem.removeprefix("fleet-")) for path in workspace.glob(PATTERN)]
        for number in count(max(numbers, default=0) + 1):
            made = cls(workspace / f"fleet-{number:04d}.jsonl", order, accounts)
            # Another fleet may begin at this moment.
            with suppress(FileExistsError):
                made.path.touch(0o600, exist_ok=False)
                break
        head = {"order": to_json(order), "accounts": len(accounts)}
        made._append([head, *({"account": _told(each)} for each in accounts)])
        return made

    @classmethod
    def latest(cls, workspace: Path) -> FleetRecord:
        """Read the newest file of a workspace.

        Raises:
            BadInput: there is none, or it is not one.
        """
        path = max(workspace.glob(PATTERN), default=None)
        if path is None:
            raise BadInput(f"There is no fleet in {workspace}. Begin with `chat-migrate fleet diff`.")
        try:
            lines = _lines(path)
            head = next(lines)
            made = cls(path, from_json(Order, head["order"]), [])
            accounts = []
            for line in lines:
                if "account" in line:
                    accounts.append(FleetAccount(**line["account"]))
                elif "outcome" in line:
                    made._note(from_json(AccountOutcome, line["outcome"]))
                else:
                    made.agreed |= line["agreed"]
            if len(accounts) != head.get("accounts", len(accounts)):
                raise ValueError("not all accounts were written down")
        except (OSError, KeyError, TypeError, ValueError, StopIteration) as error:
            raise BadInput(
                f"{path} cannot be read as the record of a fleet. Remove it to begin anew."
            ) from error
        made.accounts = accounts
        return made


def _told(account: FleetAccount) -> dict[str, str]:
    return {name: value for name, value in vars(account).items() if value}


def _lines(path: Path) -> Iterator[dict[str, Json]]:
    with path.open(encoding="utf-8") as file:
        for line in file:
            with suppress(json.JSONDecodeError):
                yield json.loads(line)
