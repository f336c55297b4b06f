"""Reading what a Conversation Service holds, and telling a reading that may be stale."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from migrate.api.messages import Calls
from migrate.core.clock import now
from migrate.core.errors import CallFailed
from migrate.core.settle import Settle
from migrate.core.together import all_of
from migrate.kinds.base import Kind
from migrate.kinds.registry import few_kinds
from migrate.model.image import TargetImage
from migrate.model.state import OwnWrite
from migrate.model.step import lookup
from migrate.store import Store, own_writes

Json = Any


@dataclass(frozen=True)
class Knowledge:
    """What this database knows of a target, whatever a reading shows.

    Attributes:
        own_writes: the last write to each of its resources.
        exists: whether it was listed, created or written to.
        items: kind and SID of what a run has created or found in it.
    """

    own_writes: tuple[OwnWrite, ...] = ()
    exists: bool = False
    items: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(
        cls,
        store: Store,
        account_sid: str,
        service_sid: str,
        *,
        exists: bool,
        items: tuple[tuple[str, str], ...] = (),
    ) -> Knowledge:
        """Return what is known of a service in the account that is written to, kinds with many items aside."""
        own = own_writes.own_writes(store, account_sid, service_sid, few_kinds())
        return cls(tuple(own), exists, items)


async def read_image(
    calls: Calls, kinds: Iterable[Kind], sid: str, known: Knowledge, settle: Settle
) -> TargetImage:
    """Read a Conversation Service; read again, up to the settle time, while what is shown may be stale.

    Stale is a 404 on what is known to exist, a list that lacks it, and a value that this database has replaced.

    Raises:
        CallFailed: a request failed for good, other than "no such service".
        Interrupted: the stop token was set.
    """
    by_name = {kind.name: kind for kind in kinds}
    is_known = known.exists or bool(known.own_writes)
    async for is_last in settle.looks():
        image = await _read_once(calls, by_name, sid, is_known=is_known)
        if is_last or not _is_doubtful(by_name, image, known, is_known=is_known):
            break
    return image


async def _read_once(calls: Calls, kinds: Mapping[str, Kind], sid: str, *, is_known: bool) -> TargetImage:
    read_at = now()
    left = iter(kinds.values())
    parts: list[_Part] = []
    for kind in left:
        parts.append(await _read_part(calls, kind, sid))
        if parts[-1].is_asked:
            break
    # What comes into sight only some time after it is first asked for is asked for at every look.
    if is_known or not any(part.is_missing for part in parts):
        parts += await all_of(_read_part(calls, kind, sid) for kind in left)
    if any(part.is_missing for part in parts):
        return TargetImage(sid, False, {}, read_at)
    payloads = {part.kind: part.payload for part in parts if part.payload is not None}
    return TargetImage(sid, True, payloads, read_at)


class _Part(NamedTuple):
    """What a service holds of one kind: nothing is asked for, or it is missing, or a payload came."""

    kind: str
    payload: Mapping[str, Json] | None
    is_missing: bool = False

    @property
    def is_asked(self) -> bool:
        """Whether Twilio has answered."""
        return self.is_missing or self.payload is not None


async def _read_part(calls: Calls, kind: Kind, sid: str) -> _Part:
    try:
        return _Part(kind.name, await kind.read_target(calls, sid))
    except CallFailed as error:
        if error.failure.status != 404:
            raise
        return _Part(kind.name, None, is_missing=True)


def _is_doubtful(kinds: Mapping[str, Kind], image: TargetImage, known: Knowledge, *, is_known: bool) -> bool:
    if not image.exists:
        return is_known
    if any(
        kind in image.payloads and kinds[kind].part(image.payloads[kind], sid) is None
        for kind, sid in known.items
    ):
        return True
    return any(
        own.kind in image.payloads
        and is_stale(kinds[own.kind], own, kinds[own.kind].part(image.payloads[own.kind], own.target_sid))
        for own in known.own_writes
    )


def is_stale(kind: Kind, own: OwnWrite, resource: Mapping[str, Json] | None) -> bool:
    """Whether a reading may be older than the last write: it shows what that write has replaced, or nothing."""
    if resource is None:
        return True
    return any(
        kind.same(path, live := lookup(resource, path), before)
        and not kind.same(path, live, own.sent.get(path))
        and not (path in own.held and kind.same(path, live, own.held[path]))
        for path, before in own.before.items()
        if path in own.sent
    )
