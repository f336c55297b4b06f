"""Reading bytes as saved files, to the end."""

from __future__ import annotations

import io
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from migrate.source.saved import SavedFiles, SavedItem

LONG = os.environ.get("CHAT_MIGRATE_LONG") == "1"
"""Whether to take the time for many more examples and for larger files."""


@dataclass(frozen=True)
class Taken:
    """All that was read, and what was found on the way."""

    items: list[SavedItem]
    files: SavedFiles


class OneByte(io.RawIOBase):
    """A pipe that gives a byte at a time."""

    def __init__(self, content: bytes) -> None:
        self._inner = io.BytesIO(content)

    def read(self, _size: int = -1) -> bytes:
        """Give one byte."""
        return self._inner.read(1)


def take(*contents: bytes, folder: Path | None = None, **options: Any) -> Taken:
    """Read contents as files saved-1.json and so on of a folder; without one, a single one as standard input."""
    if folder is None:
        [content] = contents
        files = SavedFiles(["-"], stdin=io.BytesIO(content), **options)
    else:
        paths = [folder / f"saved-{number}.json" for number in range(1, len(contents) + 1)]
        for path, content in zip(paths, contents, strict=True):
            path.write_bytes(content)
        files = SavedFiles(paths, **options)
    return Taken(list(files), files)
