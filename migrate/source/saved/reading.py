"""Files, pipes and standard input → the Chat resources in them, and what was found on the way."""

from __future__ import annotations

import os
import re
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import BinaryIO

from migrate.core.errors import BadInput
from migrate.source.saved.documents import PAGES, Element, Envelope, elements
from migrate.source.saved.items import SavedItem, Unusable, joined, printable
from migrate.source.saved.pages import PageChain
from migrate.source.saved.resources import check_address, checked
from migrate.source.saved.shapes import LeftOut, SavedRecord, Shape, records
from migrate.source.saved.stream import JsonText
from migrate.source.saved.text import pieces

STANDARD_INPUT = "-"
_UNDERSTOOD = (
    "Understood are the Chat API's own JSON (pages, objects, arrays, JSON lines) and what twilio-cli, Terraform, "
    "Airbyte, Singer, Steampipe and the twilio package save of it."
)
_NAMES_TOLD = 10
_FIFTY = 50
"""Where the lists of some tools stop."""


class SavedFile:
    """What is found in one file while it is read; `name` is what people are shown."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.holds_something = False
        self._shapes: dict[str, None] = {}
        self._strangers: dict[str, None] = {}
        self._left_out: dict[str, None] = {}
        self._in_list: Counter[tuple[Shape, str]] = Counter()
        self._list: int | None = None
        self._cut_off: dict[tuple[Shape, str], None] = {}

    def add(self, kind: str, record: SavedRecord, strangers: tuple[str, ...]) -> None:
        """Count one resource, and note the keys in it that nobody knows."""
        self.holds_something = True
        self._shapes.setdefault(record.shape.name)
        for key in strangers:
            if len(self._strangers) <= _NAMES_TOLD:
                self._strangers.setdefault(f"{kind}: {_quoted(key)}")
        if record.array != self._list:
            self._end_list()
            self._list = record.array
        if record.shape.fifty:
            self._in_list[record.shape, kind] += 1

    def leave_out(self, name: str) -> None:
        """Note what is of the tool but not of Chat's services, roles and channels."""
        if name and len(self._left_out) <= _NAMES_TOLD:
            self._left_out.setdefault(name)

    def _end_list(self) -> None:
        self._cut_off.update(
            dict.fromkeys(which for which, count in self._in_list.items() if count == _FIFTY)
        )
        self._in_list.clear()

    @property
    def shapes(self) -> tuple[str, ...]:
        """The tools that wrote it, in the order in which they were met."""
        return tuple(self._shapes)

    def warnings(self) -> Iterator[str]:
        """Yield what a person should know, as whole sentences."""
        full = (which for which, count in self._in_list.items() if count == _FIFTY)
        for shape, kind in dict.fromkeys((*self._cut_off, *full)):
            told = f"holds a list of exactly {_FIFTY} {kind}s of {shape.name}, which may be cut off"
            yield f"{self.name} {told}. {shape.fifty}"
        if self._strangers:
            told = f"holds unknown keys, from which no field takes its value: {_told(self._strangers)}"
            yield f"{self.name} {told}."
        if self._left_out:
            told = (
                f"holds more than Services, Roles and Channels, which was left out: {_told(self._left_out)}"
            )
            yield f"{self.name} {told}."


class SavedFiles:
    """The resources of some files, named pipes, or `-` for standard input; packed with gzip or not.

    Iterating reads them, once and in order: a pipe gives its content only once. Memory does not grow with the files.
    That the pages of a list are all there is known only at the end: whoever keeps what was read keeps it only if the
    iteration has ended well. BadInput comes while iterating: a file cannot be read or holds something else, or, at the
    end, a page is missing and not `partial`, which tells it in `warnings`.
    """

    def __init__(
        self, paths: Sequence[Path | str], *, partial: bool = False, stdin: BinaryIO | None = None
    ) -> None:
        self._partial = partial
        self._stdin = stdin
        self._chain = PageChain()
        self._seen: set[str] = set()
        self.without_channels: set[str] = set()
        """SIDs of services of which a page without channels was read."""
        self.files: list[SavedFile] = []
        self._items = self._read_all(paths)

    def __iter__(self) -> Iterator[SavedItem]:
        return self._items

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a person should know, as whole sentences."""
        incomplete = (
            f"{page} is not among the files, so the list is incomplete." for page in self._chain.missing
        )
        return (*(warning for file in self.files for warning in file.warnings()), *incomplete)

    @property
    def not_examined(self) -> dict[str, str]:
        """What no file holds at all (`v1`, `v2`, `roles`, `channels`), each with a sentence that says so."""
        return {what: sentence for what, sentence in _NOT_EXAMINED.items() if what not in self._seen}

    def _read_all(self, paths: Sequence[Path | str]) -> Iterator[SavedItem]:
        if [str(path) for path in paths].count(STANDARD_INPUT) > 1:
            raise BadInput("Standard input (-) can be read only once.")
        for path in paths:
            found = SavedFile(_shown_path(path))
            self.files.append(found)
            try:
                with self._opened(path) as stream:
                    yield from self._read(stream, found)
            except Unusable as error:
                raise _bad_input(error, found.name) from error
            except OSError as error:
                raise BadInput(f"{found.name} cannot be read: {error.strerror or error}.") from error
        if self._chain.missing and not self._partial:
            raise BadInput(
                f"{self._chain.missing[0]} is not among the files. Add it, or use --partial to go on without it."
            )

    def _opened(self, path: Path | str) -> AbstractContextManager[BinaryIO]:
        if str(path) == STANDARD_INPUT:
            return nullcontext(self._stdin or sys.stdin.buffer)
        try:
            return Path(path).open("rb")
        except ValueError as error:
            raise Unusable("", f"cannot be read: {error}") from error

    def _read(self, stream: BinaryIO, found: SavedFile) -> Iterator[SavedItem]:
        text = JsonText(pieces(stream))
        if not text.peek():
            raise Unusable("", "is empty, as what twilio-cli prints of an empty list is")
        for part in elements(text):
            if isinstance(part, Envelope):
                self._take_envelope(part, found)
            else:
                yield from self._items_of(part, found)
        if not found.holds_something:
            raise Unusable("", "holds no Service, Role or Channel of Chat", is_foreign=True)

    def _items_of(self, element: Element, found: SavedFile) -> Iterator[SavedItem]:
        for record in records(element):
            if isinstance(record, LeftOut):
                found.leave_out(record.name)
                continue
            item, strangers = checked(record, found.name)
            found.add(item.kind, record, strangers)
            self._seen.add(item.api if item.kind == "service" else f"{item.kind}s")
            yield item

    def _take_envelope(self, envelope: Envelope, found: SavedFile) -> None:
        if "sid" in envelope.head:
            raise Unusable(envelope.place, "holds both a resource of its own and a list of others")
        lists = [key for key in PAGES if key in envelope.counts]
        meta = envelope.head.get("meta")
        meta = meta if isinstance(meta, dict) else {}
        check_address(meta.get("url"), envelope.place)
        for key in lists:
            if key == "channels":
                self._seen.add(key)
                found.holds_something = True
                service = _CHANNELS_OF.search(str(meta.get("url")))
                if service and not envelope.counts[key]:
                    self.without_channels.add(service[1])
            elif not envelope.counts[key] and not meta.get("page"):
                raise Unusable(
                    envelope.place, f"is a page without any {key}, which every {_HOLDERS[key]} has"
                )
        if lists:
            self._chain.add(meta, joined(found.name, envelope.place))


_CHANNELS_OF = re.compile("/Services/(IS[0-9a-f]{32})/Channels")
_HOLDERS = {"services": "account that uses Chat", "roles": "Chat Service"}
_NOT_EXAMINED = {
    "v1": "Per-event webhooks were not examined: no file holds a Service as Chat v1 shows it.",
    "v2": (
        "Retry counts, sounds, badge counts and media settings were not examined: no file holds a Service as "
        "Chat v2 shows it."
    ),
    "roles": "Roles were not examined: no file holds any.",
    "channels": "Channels were not examined: no file holds any.",
}


def _told(names: dict[str, None]) -> str:
    told = list(names)[:_NAMES_TOLD]
    return ", ".join(told) + (" and others" if len(names) > len(told) else "")


def _quoted(key: str) -> str:
    return ascii(key if len(key) <= 60 else f"{key[:57]}...")


def _shown_path(path: Path | str) -> str:
    """Return a path as text that every database and terminal takes, whatever bytes the file system allows."""
    if str(path) == STANDARD_INPUT:
        return "standard input"
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _bad_input(error: Unusable, file: str) -> BadInput:
    understood = f" {_UNDERSTOOD}" if error.is_foreign else ""
    return BadInput(printable(f"{joined(file, error.place)} {error.reason}.{understood}"))
