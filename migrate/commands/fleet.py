"""`fleet`: the commands for many accounts, side by side, with one summary, one question and one report."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path

from migrate.commands.context import Context
from migrate.commands.ending import INCOMPLETE, REFUSED, worst
from migrate.commands.fleet_standing import standings
from migrate.commands.fleet_worker import FleetOptions, work
from migrate.core import config
from migrate.core.errors import BadInput, Interrupted, SafetyRefusal
from migrate.core.jsonable import from_json, to_json
from migrate.fleet.accounts import FleetAccount, check_receivers, list_sub_accounts, read_accounts
from migrate.fleet.credentials import settings
from migrate.fleet.engines import Engine, EngineLost, engine, outcomes
from migrate.fleet.record import FleetRecord
from migrate.fleet.report import FleetReport
from migrate.fleet.summary import Standing
from migrate.fleet.task import FIRST_DEEDS, LOCK_WAIT_SECONDS, AccountOutcome, Deed, Order, Task
from migrate.plan.destinations import NEW
from migrate.report.words import count

DEEDS: Mapping[str, tuple[Deed, ...]] = {
    "export": (Deed.EXPORT,),
    "diff": (Deed.DIFF,),
    "verify": (Deed.VERIFY,),
    "run": (Deed.PLAN, Deed.APPLY),
    "apply": (Deed.REVIEW, Deed.APPLY),
}
"""What each command does for an account; between two deeds, somebody has to agree."""
WORDS = {
    Deed.EXPORT: "Reading accounts",
    Deed.DIFF: "Planning accounts",
    Deed.PLAN: "Reading and planning accounts",
    Deed.REVIEW: "Looking at plans",
    Deed.APPLY: "Writing accounts",
    Deed.VERIFY: "Verifying accounts",
}
ConfirmFleet = Callable[["FleetQuestion"], None]
"""Asks a person whether to go on; raises to refuse."""


@dataclass(frozen=True)
class Workplace:
    """Where a fleet keeps its files, and what it works on.

    Attributes:
        shared: the workspace is on a network file system, even if it doesn't look so.
    """

    workspace: Path
    executor: str = "threads"
    at_once: int | None = None
    shared: bool = False
    lock_wait_seconds: float = LOCK_WAIT_SECONDS


@dataclass(frozen=True)
class Chosen:
    """Which accounts; with neither, those of the workspace's last fleet."""

    file: Path | None = None
    sub_accounts: bool = False
    include_parent: bool = False


@dataclass(frozen=True)
class FleetQuestion:
    """What is about to be written.

    Attributes:
        of: accounts in the fleet.
        failing: accounts that could not be planned and are left out.
        steps: those that a rollback undoes.
        lasting: those that can't be undone and were opted in to, by kind.
    """

    accounts: int
    of: int
    failing: int
    services: int
    changes: int
    steps: int
    lasting: Mapping[str, int]
    target: str


def fleet(
    context: Context,
    command: str,
    workplace: Workplace,
    chosen: Chosen,
    options: FleetOptions,
    confirm: ConfirmFleet,
) -> FleetRecord:
    """Do a command for many accounts; return the record of what came of each.

    Args:
        context: with the parent's credentials; its database is not used.
        confirm: asks a person, once for all accounts.

    Raises:
        BadInput: the accounts or the executor can't be used.
        SafetyRefusal: all accounts together change more than was allowed; nothing was sent.
        CredentialsRefused: Twilio refuses the parent's credentials.
        Declined: the answer was no.
    """
    accounts = _accounts(context, workplace, chosen)
    if options.run.diff.target == NEW:
        check_receivers(accounts)
    _check_credentials(context, workplace, accounts)
    made = _engine(context, workplace)
    order = Order(command, to_json(options), context.settle_seconds)
    record = FleetRecord.begin(workplace.workspace, order, accounts)
    return _Fleet(context, workplace, record, made, confirm).go()


def resume_fleet(context: Context, workplace: Workplace, confirm: ConfirmFleet) -> FleetRecord:
    """Take up the accounts of the workspace's last fleet that did not end well; return its record.

    Raises:
        MigrateError: see `fleet`.
    """
    record = FleetRecord.latest(workplace.workspace)
    record.outcomes = {
        standing.account.account_sid: standing.outcome
        for standing in standings(replace(context, shared=workplace.shared), record)
        if standing.outcome is not None
    }
    _check_credentials(context, workplace, record.accounts)
    return _Fleet(context, workplace, record, _engine(context, workplace), confirm, resumes=True).go()


def code_of_fleet(record: FleetRecord, *, interrupted: bool) -> int:
    """Return the exit code of a fleet: 4 if any account did not end well, 3 if there are differences only."""
    codes = [Interrupted.exit_code] if interrupted else []
    for account in record.accounts:
        outcome = record.outcomes.get(account.account_sid)
        if outcome is None or not outcome.ended_well or outcome.waits:
            codes.append(INCOMPLETE)
        else:
            codes.append(outcome.code)
    return worst(codes)


def report_of_fleet(record: FleetRecord, found: Sequence[Standing] | None = None) -> FleetReport:
    """Return the report on a fleet.

    Args:
        found: where each account stands; None: as it was recorded.
    """
    if found is None:
        found = [Standing(account, record.outcomes.get(account.account_sid)) for account in record.accounts]
    return FleetReport(
        record.order.command, record.workspace, record.order.at, found, _next_command(record, found)
    )


def _next_command(record: FleetRecord, found: Sequence[Standing]) -> str:
    where = f" --workspace {record.workspace}"
    if any(standing.now for standing in found):
        return f"chat-migrate fleet status{where}"
    ended = [standing.outcome for standing in found if standing.outcome is not None]
    if len(ended) < len(found) or any(not outcome.ended_well or outcome.waits for outcome in ended):
        return f"chat-migrate fleet resume{where}"
    if record.order.command == "diff" and not any(outcome.left for outcome in ended):
        return "nothing: everything is as it should be"
    following = {"export": "diff", "diff": "apply", "run": "verify", "apply": "verify"}.get(
        record.order.command
    )
    return f"chat-migrate fleet {following}{where}" if following else "nothing: everything was looked at"


def _accounts(context: Context, workplace: Workplace, chosen: Chosen) -> Sequence[FleetAccount]:
    if chosen.file is not None and chosen.sub_accounts:
        raise BadInput("--accounts and --sub-accounts exclude each other.")
    if chosen.include_parent and not chosen.sub_accounts:
        raise BadInput("--include-parent goes with --sub-accounts only.")
    if chosen.file is not None:
        accounts: Sequence[FleetAccount] = read_accounts(chosen.file)
    elif chosen.sub_accounts:
        accounts = list_sub_accounts(context.environ, context.retrier(), include_parent=chosen.include_parent)
    elif workplace.workspace.is_dir():
        accounts = FleetRecord.latest(workplace.workspace).accounts
    else:
        raise BadInput("Which accounts? Add --accounts FILE, or --sub-accounts.")
    try:
        workplace.workspace.mkdir(0o700, exist_ok=True)
    except OSError as error:
        raise BadInput(f"The workspace {workplace.workspace} cannot be made: {error.strerror}.") from error
    return accounts


def _check_credentials(context: Context, workplace: Workplace, accounts: Sequence[FleetAccount]) -> None:
    """Refuse at once what each account would have to refuse."""
    target = context.environ.get("TWILIO_TARGET_ACCOUNT_SID")
    if target and all(account.target_account_sid != target for account in accounts):
        raise BadInput(
            f"TWILIO_TARGET_ACCOUNT_SID is {target}, but no account of the fleet is written there. A fleet takes "
            "target accounts from the column target_account_sid of --accounts FILE. Remove the variable, or add the "
            "column."
        )
    if all(account.names_credentials for account in accounts) or workplace.executor.startswith("dask:"):
        return
    parent = config.source_credentials(context.environ)
    if parent.username != parent.account_sid and any(
        not account.names_credentials and account.account_sid != parent.account_sid for account in accounts
    ):
        raise BadInput(
            f"The auth tokens of other accounts can be looked up with the auth token of {parent.account_sid} only: API "
            "keys don't show them. Set TWILIO_AUTH_TOKEN, or name variables in the accounts file."
        )


def _engine(context: Context, workplace: Workplace) -> Engine:
    return engine(workplace.executor, workplace.at_once, work, partial(work, environ=context.environ))


@dataclass(frozen=True)
class _Fleet:
    """One command for many accounts: a deed for each, or two with one question between them."""

    context: Context
    workplace: Workplace
    record: FleetRecord
    engine: Engine
    confirm: ConfirmFleet
    resumes: bool = False

    @cached_property
    def options(self) -> FleetOptions:
        return from_json(FleetOptions, self.record.order.options)

    @cached_property
    def order(self) -> Order:
        own, order = self.context.settle_seconds, self.record.order
        return order if own is None else replace(order, settle_seconds=own)

    def go(self) -> FleetRecord:
        first, *second = DEEDS[self.order.command]
        try:
            self._do(
                first, [account for account in self.record.accounts if self._is_to_begin(account, first)]
            )
            if second and not self.context.stop.is_set():
                self._apply()
        except EngineLost as error:
            self.context.progress.warn(str(error))
        return self.record

    def _is_to_begin(self, account: FleetAccount, first: Deed) -> bool:
        outcome = self.record.outcomes.get(account.account_sid)
        if outcome is None:
            return True
        # What a guard has refused is planned anew, and asked for again.
        is_ours = outcome.deed is first or (outcome.code == REFUSED and first in FIRST_DEEDS)
        return is_ours and not outcome.ended_well

    def _apply(self) -> None:
        left = {
            account: outcome
            for account in self.record.accounts
            if (outcome := self.record.outcomes.get(account.account_sid)) and self._is_to_apply(outcome)
        }
        fresh = [outcome for outcome in left.values() if outcome.account_sid not in self.record.agreed]
        if fresh:
            self._check_total()
            self.confirm(self._question(fresh))
            self.record.agree({outcome.account_sid: outcome.plan_id for outcome in fresh})
        self._do(Deed.APPLY, list(left))

    def _is_to_apply(self, outcome: AccountOutcome) -> bool:
        if outcome.deed is Deed.APPLY:
            return outcome.left > 0 or (not outcome.ended_well and outcome.code != REFUSED)
        return outcome.waits

    def _check_total(self) -> None:
        bound = self.options.max_changes_total
        changes = sum(
            outcome.changes
            for outcome in self.record.outcomes.values()
            if outcome.deed is Deed.APPLY or self._is_to_apply(outcome)
        )
        if bound is not None and changes > bound:
            raise SafetyRefusal(
                f"All accounts together change {count(changes, 'field')}, more than --max-changes-total {bound}; "
                "nothing was sent. Raise the bound if all of them are intended."
            )

    def _question(self, fresh: Sequence[AccountOutcome]) -> FleetQuestion:
        bounds, lasting = self.options.run.apply.bounds, Counter[str]()
        for outcome in fresh:
            lasting.update(bounds.allowed(outcome.lasting))
        return FleetQuestion(
            accounts=len(fresh),
            of=len(self.record.accounts),
            failing=sum(not outcome.ended_well for outcome in self.record.outcomes.values()),
            services=sum(outcome.services_to_change for outcome in fresh),
            changes=sum(outcome.changes for outcome in fresh),
            steps=sum(outcome.steps - sum(outcome.lasting.values()) for outcome in fresh),
            lasting=lasting,
            target=self.options.run.diff.target,
        )

    def _do(self, deed: Deed, accounts: Sequence[FleetAccount]) -> None:
        """Do one deed for some accounts; each outcome is recorded as it comes."""
        if not accounts:
            return
        tasks = (self._task(deed, account) for account in accounts)
        # One file for all that work here: a second fleet in this workspace has another one.
        stop_file = self._stop_file
        failing: Counter[int] = Counter()
        with self.context.progress.bar(WORDS[deed], total=len(accounts), unit="account") as bar:
            for outcome in outcomes(self.engine, tasks, self.context.stop, stop_file):
                self.record.add(outcome)
                bar.advance()
                if not outcome.ended_well:
                    failing[outcome.code] += 1
                    bar.describe(f"{failing.total()} failing")

    @property
    def _stop_file(self) -> Path:
        return self.workplace.workspace.absolute() / f".stop-{os.getpid()}-{self.record.path.stem}"

    def _task(self, deed: Deed, account: FleetAccount) -> Task:
        folder = self.workplace.workspace.absolute()
        return Task(
            account=account,
            deed=deed,
            order=self.order,
            db=folder / f"{account.account_sid}.db",
            report=folder / f"{account.account_sid}.html",
            parent_sid=self.context.environ.get("TWILIO_ACCOUNT_SID", ""),
            settings=settings(self.context.environ),
            stop_file=self._stop_file,
            shared=self.workplace.shared,
            plan_id=self.record.agreed.get(account.account_sid),
            resumes=self.resumes,
            patience=self.context.patience,
            lock_wait_seconds=self.workplace.lock_wait_seconds,
        )
