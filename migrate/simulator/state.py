"""A world that outlives its process: a JSON file, and beside it a journal of what changed since.

Each write is one line, written before its answer is sent, so a killed simulator has lost nothing that it
had answered; the whole file is only written at the end, or when a second hand edited the world.
"""

from __future__ import annotations

import json
import os
from io import TextIOWrapper
from pathlib import Path
from typing import Any

from migrate.simulator.seed import grow
from migrate.simulator.shelves import Channel, Channels
from migrate.simulator.world import Account, Service, World

Json = Any


class StateFile:
    """The file of one simulator."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._journal_path = path.with_name(path.name + ".journal")
        self._journal: TextIOWrapper | None = None

    def load(self) -> World | None:
        """Return the saved world, the journal applied; None if nothing was saved.

        Raises:
            ValueError: the file is no simulator's state.
            OSError: it cannot be read.
        """
        if not self._path.exists():
            return None
        try:
            world = self._load()
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{self._path} is not the state of a simulator") from error
        if not world.accounts:
            raise ValueError(f"{self._path} is the state of a simulator without an account")
        return world

    def _load(self) -> World:
        document = json.loads(self._path.read_text(encoding="utf-8"))
        world = World.from_json(document)
        for written, account in zip(document["accounts"], world.accounts.values(), strict=True):
            if written["services"] is None:
                grow(account)
        if self._journal_path.exists():
            for line in self._journal_path.read_text(encoding="utf-8").splitlines(keepends=True):
                # A last line without its end was cut off before its request was answered.
                if line.endswith("\n"):
                    _replay(world, json.loads(line))
        return world

    def save(self, world: World) -> None:
        """Write the whole world, all or nothing, and start a new journal."""
        self.close()
        draft = self._path.with_name(self._path.name + ".draft")
        draft.write_text(json.dumps(world.to_json(whole=False)), encoding="utf-8")
        draft.replace(self._path)
        self._journal_path.unlink(missing_ok=True)

    def record(
        self, world: World, account: Account, service_sid: str | None, channel_sid: str | None
    ) -> None:
        """Append what a write left behind: the account's settings, the service and the channel (None: gone)."""
        service = account.services.get(service_sid or "")
        channel = service.channels.get(channel_sid) if service and channel_sid else None
        line = {
            "serial": world.serial,
            "account": account.settings(),
            "service_sid": service_sid,
            "service": service.settings() if service else None,
            "channel_sid": channel_sid,
            "channel": channel._asdict() if channel else None,
        }
        if self._journal is None:
            self._journal = self._journal_path.open("a", encoding="utf-8")
        self._journal.write(json.dumps(line) + "\n")
        self._journal.flush()

    def close(self) -> None:
        """Close the journal."""
        if self._journal is not None:
            os.fsync(self._journal.fileno())
            self._journal.close()
            self._journal = None


def _replay(world: World, line: dict[str, Json]) -> None:
    account = world.accounts[line["account"]["sid"]]
    vars(account).update(line["account"])
    world.serial = line["serial"]
    sid, channel_sid = line["service_sid"], line["channel_sid"]
    if line["service"] is None:
        account.services.pop(sid, None)
        return
    known = account.services.get(sid)
    service = Service.from_json(line["service"], known.channels if known else Channels(sid))
    account.services[sid] = service
    if line["channel"] is not None:
        service.channels[channel_sid] = Channel(**line["channel"])
    elif channel_sid is not None:
        service.channels.pop(channel_sid, None)
