"""`diff`: snapshot + targets → plan. It is given clients that have no way to write."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any

from mappings import ChatService
from migrate.api.patient import Patient
from migrate.commands.context import Context
from migrate.core.clock import ticks
from migrate.core.config import check_services
from migrate.core.errors import BadInput, SafetyRefusal
from migrate.core.together import begun, in_order
from migrate.execute.evidence import prove_account
from migrate.execute.guards import check_undecided
from migrate.kinds.registry import kind_of, planned_kinds
from migrate.model.destination import Destination
from migrate.model.item import Snapshot
from migrate.model.plan import Plan
from migrate.plan.destinations import MAP, NEW, SAME, Created, Destinations, InPlace, Mapped, Surroundings
from migrate.plan.planner import plan_service
from migrate.plan.target_map import MapLine, read_target_map
from migrate.report.masking import mask_field
from migrate.store import Store, counterparts, snapshots
from migrate.store.drafts import Draft

Json = Any
AHEAD = 100
"""So many services are looked at together where nothing is read."""
PAUSE = 200
"""Between so many steps of one service, others get their turn."""
EARLY = 2
"""So many targets for each request at once may be read before the export is over."""


@dataclass(frozen=True)
class DiffOptions:
    """How to compare.

    Attributes:
        target: `same`, `new` or `map`.
        target_map: the CSV file, for `map`.
        again: for `new`: do not use what earlier runs have created.
        clear: empty what only Conversations has.
        services: Chat Services to plan; empty means all.
        kinds: name of a kind that is planned on demand only → its own options.
        offline: compare with nothing live.
        snapshot: the snapshot to plan; None means the newest of the account.
        concurrency: requests at once; None means as many as Twilio takes.
    """

    target: str = SAME
    target_map: Path | None = None
    again: bool = False
    clear: bool = False
    services: tuple[str, ...] = ()
    kinds: Mapping[str, Mapping[str, Json]] = field(default_factory=dict)
    offline: bool = False
    snapshot: int | None = None
    concurrency: int | None = None

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
        for name in self.kinds:
            if self.target != SAME and kind_of(name).in_place_only:
                raise BadInput(
                    f"--{name} goes with --target same only: it changes what the account itself holds."
                )
        check_services(self.services)
        return read_target_map(self.target_map) if self.target_map else {}

    def shaping(self) -> dict[str, Json]:
        """Return what shapes the steps, as the plan keeps it."""
        return {"clear": self.clear, "again": self.again, "services": sorted(self.services), **self.kinds}


@dataclass(frozen=True)
class Compared:
    """A plan, and since when its targets were being read: Chat Service → `clock.ticks`."""

    plan: Plan
    read_at: Mapping[str, float]


def diff(context: Context, options: DiffOptions) -> Plan:
    """Plan a snapshot against its targets, and store the plan.

    Raises:
        BadInput: the options or the map file are unusable.
        SafetyRefusal: the accounts do not fit together, or an earlier create is undecided.
        MigrateError: a target cannot be read.
    """
    with context.opened() as store:
        snapshot = snapshot_of(context, store, options)
        with context.locked(store, "diff", snapshot.account_sid):
            return diff_in(context, store, snapshot, options).plan


def snapshot_of(context: Context, store: Store, options: DiffOptions) -> Snapshot:
    """Return the snapshot that the options name, or the account's newest.

    Raises:
        BadInput: there is none.
    """
    if options.snapshot is None:
        return snapshots.latest(store, context.account(store))
    return snapshots.get(store, options.snapshot)


def diff_in(context: Context, store: Store, snapshot: Snapshot, options: DiffOptions) -> Compared:
    """Plan a snapshot in an open, locked database; see `diff`."""

    async def compared() -> Compared:
        async with Diff(context, store, options) as one:
            return await one.of(snapshot)

    return asyncio.run(compared())


class Diff:
    """One diff: targets are read side by side, and planned in the order of their services.

    Use it as an asynchronous context manager.
    """

    def __init__(self, context: Context, store: Store, options: DiffOptions) -> None:
        self._context = context
        self._store = store
        self._options = options
        self._lines = options.lines()
        self._shaping = options.shaping()
        self._reader = None if options.offline else context.target_reader(options.concurrency)
        self._begun: dict[str, asyncio.Task[Destination | None]] = {}
        self._read_at: dict[str, float] = {}
        self._left_out = 0

    async def __aenter__(self) -> Diff:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._begun.values():
            task.cancel()
        await asyncio.gather(*self._begun.values(), return_exceptions=True)
        if self._reader is not None:
            await self._reader.close()

    def begin(self, account_sid: str, snapshot: int) -> None:
        """Begin to read the first targets of a snapshot whose services are known: the rest of its export takes time.

        Args:
            account_sid: of the snapshot.
            snapshot: its number.
        """
        reader, options = self._reader, self._options
        if reader is None or (options.target == SAME and reader.account_sid != account_sid):
            return
        if options.concurrency == 1:
            # One request at a time, in their order: a reading would come between those of the export.
            return
        found = self._search(account_sid)
        sids = snapshots.service_sids(self._store, snapshot)
        for sid in islice(sids, EARLY * reader.pace.limit):
            self._begun[sid] = begun(self._look(found, sid))

    async def of(self, snapshot: Snapshot) -> Compared:
        """Plan a snapshot; raises as `diff`."""
        self._check_sources(snapshot)
        self._check_inventory(snapshot)
        reader = self._reader
        if reader is not None:
            check_accounts(self._context, snapshot, self._options.target, reader.account_sid)
        account_sid = reader.account_sid if reader else snapshot.account_sid
        if self._options.target == NEW:
            check_undecided(self._store, account_sid)
        draft = Draft(
            self._store,
            snapshot,
            target=self._options.target,
            target_account_sid=account_sid,
            offline=reader is None,
            options=self._shaping,
        )
        async for service, destination in self._destinations(snapshot):
            if destination is None:
                self._left_out += 1
            else:
                await self._plan(draft, snapshot, service, destination)
        self._tell_of_left_out(snapshot)
        return Compared(draft.finish(), self._read_at)

    async def _plan(
        self, draft: Draft, snapshot: Snapshot, service: ChatService, destination: Destination
    ) -> None:
        items = partial(snapshots.items, self._store, snapshot.id, parent=service.sid)
        planned = plan_service(service, destination, self._shaping, lambda kind: items(kind=kind))
        for number, (phase, step) in enumerate(planned.steps, 1):
            draft.add_step(phase, step)
            await _store_if_full(draft)
            if not number % PAUSE:
                # A service may have a million steps: others' requests under way must not time out meanwhile.
                await asyncio.sleep(0)
        draft.add(planned.told(), masked=mask_field)
        await _store_if_full(draft)

    async def _destinations(
        self, snapshot: Snapshot
    ) -> AsyncIterator[tuple[ChatService, Destination | None]]:
        found = self._search(snapshot.account_sid)

        async def look(service: ChatService) -> tuple[ChatService, Destination | None]:
            return service, await (self._begun.pop(service.sid, None) or self._look(found, service.sid))

        services = snapshots.services(self._store, snapshot.id, only=frozenset(self._options.services))
        context, reader = self._context, self._reader
        bar = context.progress.bar("Reading targets", total=snapshot.services) if reader else nullcontext()
        unproved = reader
        with bar as shown:
            ahead = reader.pace.ahead if reader else lambda: AHEAD
            async for pair in in_order(look, services, context.stop, ahead):
                if unproved is not None:
                    # Most first answers have told already whose account it is; nothing is kept before that.
                    await prove_account(unproved, context.retrier(self._options.concurrency))
                    unproved = None
                if shown is not None:
                    shown.advance()
                yield pair

    async def _look(self, found: Destinations, source_sid: str) -> Destination | None:
        # Before the first of its requests: the last one may be answered much later.
        self._read_at[source_sid] = ticks()
        return await found.of(source_sid)

    def _search(self, source_account_sid: str) -> Destinations:
        reader = self._reader
        around = Surroundings(
            self._store,
            reader.account_sid if reader else source_account_sid,
            source_account_sid,
            planned_kinds(self._shaping),
            Patient(reader, self._context.retrier(self._options.concurrency)) if reader else None,
            self._context.settle(),
            counterparts.has_history(self._store),
        )
        if self._options.target == NEW:
            return Created(around, again=self._options.again)
        return Mapped(around, self._lines) if self._options.target == MAP else InPlace(around)

    def _check_sources(self, snapshot: Snapshot) -> None:
        wanted = {line.source_sid: line.place for line in self._lines.values()}
        wanted |= dict.fromkeys(self._options.services, "--service")
        known = set(snapshots.service_sids(self._store, snapshot.id)) if wanted else set()
        for sid, place in wanted.items():
            if sid not in known:
                raise BadInput(f"{place}: snapshot {snapshot.id} holds no Chat Service {sid}.")

    def _check_inventory(self, snapshot: Snapshot) -> None:
        """Refuse to plan items that the snapshot was not asked for, or does not hold."""
        for kind in planned_kinds(self._shaping):
            if kind.inventory and kind.name not in snapshot.examined.inventory:
                raise BadInput(
                    f"Snapshot {snapshot.id} holds no {kind.name}: they were not asked for. "
                    f"Run `chat-migrate export --{kind.name}` first."
                )
            unknown = snapshots.lacking(self._store, snapshot.id, kind.name, kind.asked_for(self._shaping))
            if unknown:
                raise BadInput(f"Snapshot {snapshot.id} holds no such {kind.name}: {', '.join(unknown)}.")

    def _tell_of_left_out(self, snapshot: Snapshot) -> None:
        why = (
            "are not in the map" if self._options.target == MAP else "were created by earlier runs as targets"
        )
        if self._left_out:
            self._context.progress.note(
                f"{self._left_out} of {snapshot.services} services {why} and are left unchanged."
            )


async def _store_if_full(draft: Draft) -> None:
    # The disk is waited for elsewhere: meanwhile, answers come and requests leave.
    if draft.is_full:
        await asyncio.to_thread(draft.commit)


def check_accounts(context: Context, snapshot: Snapshot, target: str, target_account_sid: str) -> None:
    """Check the snapshot's account, the source credentials (if there are any) and the target's against each other.

    Raises:
        SafetyRefusal: they do not fit; the message names all of them.
    """
    source_account_sid = context.environ.get("TWILIO_ACCOUNT_SID") or snapshot.account_sid
    if source_account_sid != snapshot.account_sid:
        raise SafetyRefusal(
            f"Snapshot {snapshot.id} is of account {snapshot.account_sid}, but TWILIO_ACCOUNT_SID is "
            f"{source_account_sid}. To write to another account, leave TWILIO_* as it is and set TWILIO_TARGET_*."
        )
    if target == SAME and target_account_sid != snapshot.account_sid:
        raise SafetyRefusal(
            f"Snapshot {snapshot.id} is of account {snapshot.account_sid}, but the target credentials are for "
            f"{target_account_sid}; a Service can be changed in place in its own account only. "
            "Use --target new or map."
        )
