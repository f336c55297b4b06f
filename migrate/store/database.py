"""Opening the database safely, and one connection that threads share."""

from __future__ import annotations

import json
import os
import sqlite3
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from migrate.core.errors import BadInput, MigrateError, SafetyRefusal
from migrate.store.schema import APPLICATION_ID, migrations

PRIVATE = 0o600
OTHERS = 0o077
BUSY_TIMEOUT_MS = 10_000
LOCK_POLL_SECONDS = 0.02


def to_json(value: object) -> str:
    """Return canonical JSON: sorted keys, no spaces, so that equal values are equal texts."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


class Store:
    """The database of one migration. One connection, shared by all threads under one lock.

    Args:
        path: the database file; it must have been prepared by `open_store`.
    """

    def __init__(self, path: Path, database: Database) -> None:
        self.path = path
        self._database = database
        self._mutex = threading.RLock()

    @contextmanager
    def reading(self) -> Iterator[Database]:
        """Hold the connection for queries that see one state of the database."""
        with self._mutex:
            yield self._database

    @contextmanager
    def writing(self) -> Iterator[Database]:
        """Hold the connection for one transaction: all of it is committed, and on disk, or nothing is.

        Raises:
            MigrateError: the file cannot be written (disk full, read-only).
        """
        with self._mutex:
            try:
                # IMMEDIATE: two processes that both read before writing must not deadlock half-way.
                self._database.conn.execute("BEGIN IMMEDIATE")
                with self._database.atomic():
                    yield self._database
                self._database.conn.execute("COMMIT")
            except sqlite3.Error as error:
                self._database.rollback()
                raise _write_error(self.path, error) from error
            except BaseException:
                self._database.rollback()
                raise

    def rows(self, sql: str, parameters: dict[str, Any] | None = None) -> list[dict[str, Any]]:
        """Return the rows of a query, as dictionaries."""
        with self.reading() as db:
            return list(db.query(sql, parameters or {}))

    def row(self, sql: str, parameters: dict[str, Any] | None = None) -> dict[str, Any] | None:
        """Return the first row of a query, or None."""
        found = self.rows(sql, parameters)
        return found[0] if found else None

    def value(self, sql: str, parameters: dict[str, Any] | None = None) -> Any:
        """Return the first column of the first row of a query, or None."""
        found = self.row(sql, parameters)
        return next(iter(found.values())) if found else None

    def close(self) -> None:
        """Close the file; what was committed stays."""
        with self._mutex:
            self._database.close()


def _write_error(path: Path, error: sqlite3.Error) -> MigrateError:
    return MigrateError(
        f"The database {path} cannot be written: {error}. What was recorded before is safe; mend this and "
        "run `chat-migrate resume`."
    )


@contextmanager
def open_store(path: Path, *, must_exist: bool = False) -> Iterator[Store]:
    """Open the database, make or upgrade its tables, and close it at the end.

    A file that this call made is removed again if the command fails before it finished a snapshot.

    Args:
        path: the database file; created with mode 0600 if it is absent.
        must_exist: refuse to create it.

    Raises:
        BadInput: it cannot be opened, belongs to another program, or was made by a newer version.
        SafetyRefusal: others may read it.
    """
    existed = _exists(path)
    if must_exist and not existed:
        raise BadInput(
            f"There is no database at {path}. Run `chat-migrate export` first, or name it with --db."
        )
    store = Store(path, _open(path))
    try:
        _prepare(store)
        yield store
    except BaseException:
        forget = not existed and _holds_nothing(store)
        store.close()
        if forget:
            path.unlink(missing_ok=True)
        raise
    store.close()


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError as error:
        raise _not_opened(path, error) from error


def _open(path: Path) -> Database:
    try:
        # Made before SQLite opens it, so that it is private from its first byte on.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, PRIVATE))
    except OSError as error:
        raise _not_opened(path, error) from error
    # Threads share the connection; `Store` lets one of them in at a time.
    database = Database(sqlite3.connect(path, check_same_thread=False))
    try:
        database.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        database.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.DatabaseError as error:
        database.close()
        raise BadInput(
            f"{path} cannot be used as a chat-migrate database: {error}. Choose another file with --db."
        ) from error
    return database


def _not_opened(path: Path, error: OSError) -> BadInput:
    return BadInput(
        f"The database {path} cannot be opened for writing: {error.strerror}. Choose another place with --db."
    )


def _prepare(store: Store) -> None:
    with store.reading() as db:
        try:
            # One state of the file: another process may be making the tables.
            with db.atomic():
                _check_owner(store.path, db)
            _check_private(store.path, db)
            db.execute("PRAGMA foreign_keys = ON")
            if migrations.pending(db):
                _upgrade(store, db)
        except sqlite3.Error as error:
            raise _write_error(store.path, error) from error


def _check_owner(path: Path, db: Database) -> None:
    application_id = db.execute("PRAGMA application_id").fetchone()[0]
    if application_id != APPLICATION_ID and (application_id or db.table_names()):
        raise BadInput(
            f"{path} is a database of another program; nothing was changed. Choose another file with --db."
        )
    with Database(memory=True) as empty:
        ours = {migration.name for migration in migrations.pending(empty)}
    newer = {migration.name for migration in migrations.applied(db)} - ours
    if newer:
        raise BadInput(
            f"{path} was made by a newer version of chat-migrate (it has {max(newer)}); nothing was changed. "
            "Upgrade chat-migrate."
        )


def _check_private(path: Path, db: Database) -> None:
    """Refuse a database that others may read: webhook URLs in it may hold secrets, whole."""
    mode = stat.S_IMODE(path.stat().st_mode)
    if not mode & OTHERS:
        return
    if not db.table_names():
        path.chmod(PRIVATE)
        return
    raise SafetyRefusal(
        f"{path} can be read by others (mode {mode:04o}), and webhook URLs in it may hold secrets; "
        f"nothing was done. Run `chmod 600 {path}`."
    )


def _upgrade(store: Store, db: Database) -> None:
    # The journal's promise is "on disk before the request leaves": WAL with synchronous=FULL, which is
    # SQLite's default, keeps it through a power cut.
    _enable_wal(db)
    with store.writing():
        db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        migrations.apply(db)


def _enable_wal(db: Database) -> None:
    """Switch to WAL; for the lock that this takes SQLite does not wait by itself."""
    last_try = time.monotonic() + BUSY_TIMEOUT_MS / 1000
    while True:
        try:
            db.enable_wal()
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > last_try:
                raise
            time.sleep(LOCK_POLL_SECONDS)
        else:
            return


def _holds_nothing(store: Store) -> bool:
    """Whether nobody would miss the file: it has no snapshot, and no other command works on it."""
    with store.reading() as db:
        if not {"snapshots", "lock"} <= set(db.table_names()):
            return True
        return not db.table("lock").count and not db.table("snapshots").count_where(
            "completed_at IS NOT NULL"
        )
