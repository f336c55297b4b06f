"""Where each service goes: in place, to a new service, or to one that a map file names."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

from mappings import ChatService
from migrate.api.gateway import Reader
from migrate.api.retry import Retrier
from migrate.core.errors import BadInput
from migrate.execute.reading import read_target
from migrate.model.target import TargetState
from migrate.plan.planner import Destination
from migrate.plan.target_map import MapLine
from migrate.store import Store, journal, sids

SAME = "same"
NEW = "new"
MAP = "map"


@dataclass(frozen=True)
class Outlook:
    """How targets are looked at.

    Attributes:
        store: knows what earlier runs have created.
        account_sid: the account that is written to.
        source_account_sid: the account of the snapshot.
        reader: reads the targets; None offline.
        retrier: for the readings.
    """

    store: Store
    account_sid: str
    source_account_sid: str
    reader: Reader | None
    retrier: Retrier


class Destinations(ABC):
    """Finds the destination of each service of a snapshot, and reads it."""

    def __init__(self, outlook: Outlook) -> None:
        self._outlook = outlook
        self._copies = sids.created(outlook.store, outlook.source_account_sid)

    def _is_copy(self, service: ChatService) -> bool:
        """Whether an earlier run has created it as a target: nobody has configured its Chat side."""
        return service.sid in self._copies

    @abstractmethod
    def of(self, service: ChatService) -> Destination | None:
        """Return where a service goes, read; None if it stays out of the plan."""

    def _look(self, source_sid: str, sid: str) -> Destination:
        outlook = self._outlook
        return Destination(
            account_sid=outlook.account_sid,
            sid=sid,
            in_place=sid == source_sid and outlook.account_sid == outlook.source_account_sid,
            state=self._read(sid),
            offline=outlook.reader is None,
            refused=journal.refused(outlook.store, sid),
            counterparts=sids.roles_of(outlook.store, sid, source_sid),
        )

    def _read(self, sid: str) -> TargetState | None:
        reader = self._outlook.reader
        return read_target(reader, self._outlook.retrier, sid) if reader else None


class InPlace(Destinations):
    """The Conversation Service with the Chat Service's own SID."""

    def of(self, service: ChatService) -> Destination | None:
        """See `Destinations.of`."""
        return None if self._is_copy(service) else self._look(service.sid, service.sid)


class Created(Destinations):
    """A service made for the purpose: the one that an earlier run has created, or one still to be created.

    Args:
        outlook: how to look.
        again: ask for fresh services on purpose.
    """

    def __init__(self, outlook: Outlook, *, again: bool) -> None:
        super().__init__(outlook)
        self._again = again

    def of(self, service: ChatService) -> Destination | None:
        """See `Destinations.of`. A service that was created earlier and is gone is to be created again."""
        if self._is_copy(service):
            return None
        outlook = self._outlook
        earlier = (
            None if self._again else sids.latest_created(outlook.store, outlook.account_sid, service.sid)
        )
        found = self._look(service.sid, earlier) if earlier else None
        if found is not None and not found.is_missing:
            return found
        return Destination(outlook.account_sid, sid=None, in_place=False, offline=outlook.reader is None)


class Mapped(Destinations):
    """Existing services, as a map file names them.

    Args:
        outlook: how to look.
        lines: of the file, by source SID.
    """

    def __init__(self, outlook: Outlook, lines: Mapping[str, MapLine]) -> None:
        super().__init__(outlook)
        self._lines = lines

    def of(self, service: ChatService) -> Destination | None:
        """See `Destinations.of`.

        Raises:
            BadInput: the target account has no such service; the message names the line.
        """
        line = self._lines.get(service.sid)
        if line is None:
            return None
        found = self._look(service.sid, line.target_sid)
        if found.is_missing:
            raise BadInput(
                f"{line.place}: account {self._outlook.account_sid} has no Conversation Service {line.target_sid}."
            )
        return found
