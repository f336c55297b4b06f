"""A copy of a database, made without writing to it."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from migrate.core.errors import BadInput
from migrate.store.database import PRIVATE


def copy_database(path: Path, copy: Path) -> None:
    """Copy a database as it is at one moment; another process may work on it meanwhile.

    Raises:
        BadInput: there is no database, or it cannot be read.
    """
    if not path.exists():
        raise BadInput(
            f"There is no database at {path}. Run `chat-migrate export` first, or name it with --db."
        )
    os.close(os.open(copy, os.O_RDWR | os.O_CREAT | os.O_EXCL, PRIVATE))
    # Who only reads leaves SQLite's companions behind; who may write removes them, but would empty a log that is there.
    mode = "ro" if path.with_name(path.name + "-wal").exists() else "rw"
    try:
        with (
            closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode={mode}", uri=True)) as source,
            closing(sqlite3.connect(copy)) as target,
        ):
            source.backup(target)
    except sqlite3.Error as error:
        raise BadInput(
            f"{path} cannot be read as a chat-migrate database: {error}. Choose another file with --db."
        ) from error
