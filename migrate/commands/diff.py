"""`diff`: snapshot + targets → plan. It is given clients that have no way to write."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from mappings import ChatService
from migrate.api.gateway import DEFAULT_CONCURRENCY
from migrate.commands.accounts import check_accounts
from migrate.commands.context import Context
from migrate.core.errors import BadInput
from migrate.core.pool import parallel
from migrate.execute.guards import check_undecided
from migrate.plan.destinations import MAP, NEW, SAME, Created, Destinations, InPlace, Mapped, Outlook
from migrate.plan.planner import Destination, plan_service
from migrate.plan.target_map import MapLine, read_target_map
from migrate.report.findings import noteworthy
from migrate.store import Store, plans, snapshots
from migrate.store.plans import Plan, PlannedService
from migrate.store.snapshots import Snapshot


@dataclass(frozen=True)
class DiffOptions:
    """How to compare.

    Attributes:
        target: `same`, `new` or `map`.
        target_map: the CSV file, for `map`.
        again: for `new`: do not use what earlier runs have created.
        offline: compare with nothing live.
        concurrency: targets read at once.
    """

    target: str = SAME
    target_map: Path | None = None
    again: bool = False
    offline: bool = False
    concurrency: int = DEFAULT_CONCURRENCY

    def lines(self) -> dict[str, MapLine]:
        """Read the map file, if the options name one.

        Raises:
            BadInput: the options contradict each other, or the file is unusable.
        """
        if self.again and self.target != NEW:
            raise BadInput("--again goes with --target new only.")
        if self.target_map is None and self.target == MAP:
            raise BadInput("--target map needs --target-map FILE, a CSV file with source_sid,target_sid.")
        if self.target_map is not None and self.target != MAP:
            raise BadInput("--target-map goes with --target map only.")
        return read_target_map(self.target_map) if self.target_map else {}


def diff(context: Context, store: Store, snapshot: Snapshot, options: DiffOptions) -> Plan:
    """Plan a snapshot against its targets, and store the plan.

    Raises:
        BadInput: the options or the map file are unusable.
        SafetyRefusal: the accounts do not fit together, or an earlier create is undecided.
        MigrateError: a target cannot be read.
    """
    lines = options.lines()
    _check_sources(store, snapshot, lines)
    reader = None if options.offline else context.target_reader(options.concurrency)
    if reader is not None:
        check_accounts(context.environ, snapshot, options.target, reader.account_sid)
    account_sid = reader.account_sid if reader else snapshot.account_sid
    if options.target == NEW:
        check_undecided(store, account_sid)
    outlook = Outlook(store, account_sid, snapshot.account_sid, reader, context.retrier())
    number = plans.begin(
        store, snapshot, target=options.target, target_account_sid=account_sid, offline=options.offline
    )
    destinations = _destinations(outlook, options, lines)

    def look(service: ChatService) -> tuple[ChatService, Destination | None]:
        return service, destinations.of(service)

    pairs = parallel(look, snapshots.services_of(store, snapshot.id), options.concurrency)
    for service, destination in context.progress.track(pairs, "Reading targets", total=snapshot.services):
        if destination is not None:
            _add(store, number, snapshot.account_sid, service, destination)
    _tell_of_left_out(context, snapshot, plans.service_count(store, number), options)
    return plans.finish(store, number, snapshot)


def _destinations(outlook: Outlook, options: DiffOptions, lines: dict[str, MapLine]) -> Destinations:
    if options.target == NEW:
        return Created(outlook, again=options.again)
    return Mapped(outlook, lines) if options.target == MAP else InPlace(outlook)


def _check_sources(store: Store, snapshot: Snapshot, lines: dict[str, MapLine]) -> None:
    known = set(snapshots.sids_of(store, snapshot.id)) if lines else set()
    for line in lines.values():
        if line.source_sid not in known:
            raise BadInput(f"{line.place}: snapshot {snapshot.id} holds no Chat Service {line.source_sid}.")


def _tell_of_left_out(context: Context, snapshot: Snapshot, planned: int, options: DiffOptions) -> None:
    left_out = snapshot.services - planned
    why = "are not in the map" if options.target == MAP else "were created by earlier runs as targets"
    if left_out:
        context.progress.note(f"{left_out} of {snapshot.services} services {why} and stay as they are.")


def _add(store: Store, number: int, account_sid: str, service: ChatService, destination: Destination) -> None:
    plan = plan_service(service, destination)
    planned = PlannedService(
        source_sid=plan.source_sid,
        target_sid=None if destination.is_missing else destination.sid,
        friendly_name=plan.friendly_name,
        state=destination.state,
        refused=destination.refused,
        counterparts=plan.counterparts,
        verdicts=Counter(row.verdict for row in plan.fields),
    )
    plans.add_service(store, number, account_sid, planned, plan.steps, noteworthy(plan.fields))
