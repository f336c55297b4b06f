"""Where each service goes: in place, to a new service, or to one that a map file names."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

from migrate.api.messages import Calls
from migrate.core.errors import BadInput
from migrate.core.settle import Settle
from migrate.kinds.base import Kind
from migrate.kinds.reading import Knowledge, read_image
from migrate.kinds.registry import few_kinds
from migrate.model.destination import Destination
from migrate.model.image import TargetImage
from migrate.plan.target_map import MapLine
from migrate.store import Store, counterparts, own_writes

SAME = "same"
NEW = "new"
MAP = "map"


@dataclass(frozen=True)
class Surroundings:
    """What the search for destinations needs.

    Attributes:
        store: knows what earlier runs have created and written.
        account_sid: the account that is written to.
        source_account_sid: the account of the snapshot.
        kinds: those that are planned.
        calls: reads the targets, with retries; None offline.
        settle: for readings that may be stale.
        has_history: whether runs of this database have written or found anything; else nothing is looked up.
    """

    store: Store
    account_sid: str
    source_account_sid: str
    kinds: tuple[Kind, ...]
    calls: Calls | None
    settle: Settle
    has_history: bool


class Destinations(ABC):
    """Finds the destination of each service of a snapshot, and reads it."""

    def __init__(self, surroundings: Surroundings) -> None:
        self._around = surroundings

    def _is_copy(self, source_sid: str) -> bool:
        """Whether an earlier run has created it as a target: nobody has configured its Chat side."""
        around = self._around
        return around.has_history and counterparts.is_created(
            around.store, around.source_account_sid, source_sid
        )

    @abstractmethod
    async def of(self, source_sid: str) -> Destination | None:
        """Return where a service goes, read; None if it stays out of the plan."""

    async def _look(self, source_sid: str, sid: str, *, exists: bool = False) -> Destination:
        around = self._around
        known, refused, within = Knowledge(), frozenset[str](), dict[str, str]()
        if around.has_history:
            store, account = around.store, around.account_sid
            known = Knowledge.of(store, account, sid, exists=exists, items=self._items(sid))
            refused = own_writes.refused(store, sid)
            within = counterparts.within(store, account, source_sid, sid, few_kinds())
        return Destination(
            account_sid=around.account_sid,
            sid=sid,
            in_place=sid == source_sid and around.account_sid == around.source_account_sid,
            image=await self._read(sid, known),
            offline=around.calls is None,
            refused=refused,
            counterparts=within,
            own_writes={(write.kind, write.target_sid): write for write in known.own_writes},
        )

    def _items(self, sid: str) -> tuple[tuple[str, str], ...]:
        around = self._around
        few = [kind.name for kind in around.kinds if not kind.many]
        return counterparts.items_within(around.store, around.account_sid, sid, few)

    async def _read(self, sid: str, known: Knowledge) -> TargetImage | None:
        around = self._around
        if around.calls is None:
            return None
        return await read_image(around.calls, around.kinds, sid, known, around.settle)


class InPlace(Destinations):
    """The Conversation Service with the Chat Service's own SID."""

    async def of(self, source_sid: str) -> Destination | None:
        """See `Destinations.of`."""
        return None if self._is_copy(source_sid) else await self._look(source_sid, source_sid)


class Created(Destinations):
    """A service made for the purpose: the one that an earlier run has created, or one still to be created.

    Args:
        surroundings: what the search needs.
        again: ask for fresh services on purpose.
    """

    def __init__(self, surroundings: Surroundings, *, again: bool) -> None:
        super().__init__(surroundings)
        self._again = again

    async def of(self, source_sid: str) -> Destination | None:
        """See `Destinations.of`. A service that was created earlier and is gone is to be created again."""
        if self._is_copy(source_sid):
            return None
        around = self._around
        earlier = (
            None if self._again else counterparts.latest_created(around.store, around.account_sid, source_sid)
        )
        found = await self._look(source_sid, earlier, exists=True) if earlier else None
        if found is not None and not found.is_missing:
            return found
        return Destination(around.account_sid, sid=None, in_place=False, offline=around.calls is None)


class Mapped(Destinations):
    """Existing services, as a map file names them.

    Args:
        surroundings: what the search needs.
        lines: of the file, by source SID.
    """

    def __init__(self, surroundings: Surroundings, lines: Mapping[str, MapLine]) -> None:
        super().__init__(surroundings)
        self._lines = lines

    async def of(self, source_sid: str) -> Destination | None:
        """See `Destinations.of`.

        Raises:
            BadInput: the target account has no such service; the message names the line.
        """
        line = self._lines.get(source_sid)
        if line is None:
            return None
        found = await self._look(source_sid, line.target_sid)
        if found.is_missing:
            raise BadInput(
                f"{line.place}: account {self._around.account_sid} has no Conversation Service {line.target_sid}."
            )
        return found
