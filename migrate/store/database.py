"""Opening the database safely, and its main connection."""

from __future__ import annotations

import errno
import json
import os
import sqlite3
import stat
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, TypeVar

from sqlite_utils import Database

from migrate.core.errors import BadInput, MigrateError, SafetyRefusal
from migrate.store import files
from migrate.store.schema import APPLICATION_ID, migrations

PRIVATE = 0o600
OTHERS = 0o077
BUSY_TIMEOUT_MS = 10_000
CHUNK = 200
UNRELEASED = "0001_snapshots"
"""A migration that only databases from before the first release have."""

Found = TypeVar("Found")
Row = dict[str, Any]
"""A row: column → value."""


def to_json(value: object) -> str:
    """Return canonical JSON: sorted keys, no spaces, so that equal values are equal texts."""
    return _CANONICAL.encode(value)


_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def storable(text: str) -> str:
    """Spell what JSON may hold and SQLite may not as JSON does: lone surrogates, and the character 0."""
    if text.isascii() and "\0" not in text:
        return text
    return text.encode("utf-8", "backslashreplace").decode("utf-8").replace("\0", "\\u0000")


def bound(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values as SQLite takes them: texts storable, and collections as canonical JSON, sets sorted."""
    return {name: _bound(value) for name, value in values.items()}


def _bound(value: Any) -> Any:
    if isinstance(value, str):
        return storable(value)
    if value is None or isinstance(value, (int, bytes)):
        return value
    if isinstance(value, Set):
        return to_json(sorted(value))
    return to_json(value if isinstance(value, Mapping) else list(value))


class Store:
    """The database of one or several migrations, prepared by `open_store`, and the connection that all share but
    the writers.

    What the values of a query may be: see `bound`.
    """

    def __init__(self, path: Path, database: Database) -> None:
        self.path = path
        self._database = database
        self._mutex = threading.RLock()
        self._identity = files.identity(path)

    @contextmanager
    def reading(self) -> Iterator[Database]:
        """Hold the connection for queries."""
        with self._mutex:
            yield self._database

    @contextmanager
    def writing(self) -> Iterator[Database]:
        """Hold the connection for one transaction: all of it is committed, and on disk, or nothing is.

        Raises:
            MigrateError: the file cannot be written (disk full, read-only), or it was deleted or replaced.
        """
        with self._mutex, self.transaction(self._database.conn):
            yield self._database

    @contextmanager
    def transaction(self, connection: sqlite3.Connection) -> Iterator[None]:
        """Run one transaction on a connection to this database; raises as `writing` does."""
        try:
            # IMMEDIATE: two processes that both read before writing must not deadlock half-way.
            connection.execute("BEGIN IMMEDIATE")
            yield
            self.check_in_place()
            connection.execute("COMMIT")
        except BaseException as error:
            if connection.in_transaction:  # some errors end it by themselves
                connection.execute("ROLLBACK")
            if not isinstance(error, sqlite3.Error):
                raise
            self.check_in_place()
            raise write_error(self.path, error) from error

    def check_in_place(self) -> None:
        """Raise MigrateError if the path names another file, or none, by now."""
        if files.identity(self.path) != self._identity:
            raise MigrateError(
                f"The database {self.path} was deleted or replaced while this command was using it. What this "
                "command recorded is lost, and with it the values from before each change: a rollback of its "
                "changes is no longer possible. Restore the file from a backup if you have one, then run "
                "`chat-migrate diff` to see how the services stand."
            )

    def rows(self, sql: str, **values: Any) -> list[Row]:
        """Return the rows of a query, as dictionaries."""
        with self._mutex:
            cursor = self._database.conn.execute(sql, bound(values))
            names = [column[0] for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def row(self, sql: str, **values: Any) -> Row | None:
        """Return the first row of a query, or None."""
        return next(iter(self.rows(sql, **values)), None)

    def value(self, sql: str, **values: Any) -> Any:
        """Return the first column of the first row of a query, or None."""
        return next(iter((self.row(sql, **values) or {}).values()), None)

    def scan(self, sql: str, *, after: Row, chunk: int = CHUNK, **values: Any) -> Iterator[Row]:
        """Yield the rows of a query batch by batch; nothing stays open in between.

        Args:
            sql: a query in the order of some columns, for the `:limit` rows that stand behind the values that have
                the names of these columns: `WHERE id > :id ORDER BY id LIMIT :limit`.
            after: these columns, with what stands before their first values.
        """
        for rows in self.batches(sql, after=after, chunk=chunk, **values):
            yield from rows

    def batches(self, sql: str, *, after: Row, chunk: int = CHUNK, **values: Any) -> Iterator[list[Row]]:
        """Yield what `scan` yields, in lists of at most `chunk` rows."""
        while rows := self.rows(sql, **values, **after, limit=chunk):
            after = {column: rows[-1][column] for column in after}
            yield rows
            if len(rows) < chunk:
                return

    def close(self) -> None:
        """Close the file; what was committed stays."""
        with self._mutex:
            self._database.close()


def there(found: Found | None, otherwise: str) -> Found:
    """Return what was found, or raise BadInput with what to say if it is None."""
    if found is None:
        raise BadInput(otherwise)
    return found


def insert(
    connection: sqlite3.Connection,
    table: str,
    rows: Sequence[Mapping[str, Any]],
    *,
    unique: Sequence[str] = (),
) -> int:
    """Insert rows of one shape, or update those that are there already by some unique columns.

    Returns:
        The number of the row, if it was one and is new.
    """
    if not rows:
        return 0
    columns = list(rows[0])
    names = ", ".join(f'"{column}"' for column in columns)
    places = ", ".join(f":{column}" for column in columns)
    changes = ", ".join(f"{column} = excluded.{column}" for column in columns if column not in unique)
    update = f" ON CONFLICT ({', '.join(unique)}) DO UPDATE SET {changes}" if unique else ""
    connection.executemany(f"INSERT INTO {table} ({names}) VALUES ({places}){update}", map(bound, rows))
    return int(connection.execute("SELECT last_insert_rowid()").fetchone()[0])


def delete(db: Database, tables: Iterable[str], where: str, **values: Any) -> None:
    """Delete rows of some tables within the caller's transaction."""
    for table in tables:
        db.execute(f"DELETE FROM {table} WHERE {where}", bound(values))


def lists(parameter: str, *columns: str) -> str:
    """Return SQL for the rows with these columns that stand as JSON lists in a parameter.

    One statement for many rows waits for Python's interpreter lock once.
    """
    places = ", ".join(f"json_extract(value, '$[{place}]') AS {name}" for place, name in enumerate(columns))
    return f"(SELECT {places} FROM json_each(:{parameter}))"


def connect(path: Path) -> sqlite3.Connection:
    """Return a connection for any one thread at a time, in autocommit mode: transactions are where the code says so."""
    connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
    try:
        connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        # The journal's promise is "on disk before the request leaves", through a power cut too.
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def write_error(path: Path, error: sqlite3.Error) -> MigrateError:
    """Return what to tell a person about a transaction that failed."""
    if is_full(path, error):
        return MigrateError(
            f"The disk is full: {path} cannot grow. Everything recorded so far is safe. "
            "Free some space, then run `chat-migrate resume`."
        )
    return MigrateError(
        f"The database {path} cannot be written: {error}. Everything recorded so far is safe. Fix this, then "
        "run `chat-migrate resume`."
    )


def is_full(path: Path, error: sqlite3.Error) -> bool:
    """Whether an error comes from a full disk; SQLite tells some of these as an I/O error."""
    if "database or disk is full" in str(error):
        return True
    return "disk I/O error" in str(error) and files.free_bytes(path) < files.SCARCE_BYTES


@contextmanager
def open_store(path: Path, *, must_exist: bool = False, shared: bool = False) -> Iterator[Store]:
    """Open the database, make or upgrade its tables, and close it at the end.

    A file that this call made is removed again if the command fails before there was anything to go on with.

    Args:
        shared: it lies where several hosts reach it, so that a write-ahead log, which lives in one host's memory,
            would damage it. A network file system is recognised without this.

    Raises:
        BadInput: it cannot be opened, belongs to another program, was made by a newer version or before the first
            release, or lies where file locks don't work.
        SafetyRefusal: others may read it.
    """
    existed = _exists(path)
    if must_exist and not existed:
        raise _absent(path)
    shared = shared or files.is_on_network(path)
    if shared:
        files.try_locks(path)
    database = _open(path)
    store = Store(path, database)
    try:
        _prepare(store, shared=shared)
        yield store
    except BaseException:
        forget = not existed and _holds_nothing(store)
        store.close()
        if forget:
            path.unlink(missing_ok=True)
        raise
    store.close()


def copy_database(path: Path, copy: Path) -> None:
    """Copy a database as it is at one moment without writing to it; another process may work on it meanwhile.

    Raises:
        BadInput: there is no database, or it cannot be read.
    """
    if not path.exists():
        raise _absent(path)
    os.close(os.open(copy, os.O_RDWR | os.O_CREAT | os.O_EXCL, PRIVATE))
    # Who only reads leaves SQLite's companions behind; who may write removes them, but would empty a log that is there.
    mode = "ro" if path.with_name(path.name + "-wal").exists() else "rw"
    uri = f"{path.absolute().as_uri()}?mode={mode}"
    try:
        with closing(sqlite3.connect(uri, uri=True)) as source, closing(sqlite3.connect(copy)) as target:
            source.backup(target)
    except sqlite3.Error as error:
        raise BadInput(
            f"{path} cannot be read as a chat-migrate database: {error}. Choose another file with --db."
        ) from error


def _absent(path: Path) -> BadInput:
    return BadInput(f"There is no database at {path}. Run `chat-migrate export` first, or name it with --db.")


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
    try:
        return Database(connect(path))
    except sqlite3.DatabaseError as error:
        if is_full(path, error):
            raise write_error(path, error) from error
        raise BadInput(
            f"{path} cannot be used as a chat-migrate database: {error}. Choose another file with --db."
        ) from error


def _not_opened(path: Path, error: OSError) -> MigrateError:
    if error.errno == errno.ENOSPC:
        return MigrateError(f"The disk is full: {path} cannot be created. Free some space, then try again.")
    return BadInput(
        f"The database {path} cannot be opened for writing: {error.strerror}. Choose another place with --db."
    )


def _prepare(store: Store, *, shared: bool) -> None:
    with store.reading() as db:
        try:
            # One state of the file: another process may be making the tables.
            with db.atomic():
                _check_owner(store.path, db)
            _check_private(store.path, db)
            is_old = bool(migrations.pending(db))
            if is_old or shared:
                _use_journal(db, "delete" if shared else "wal")
            if is_old:
                with store.writing():
                    db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                    migrations.apply(db)
        except sqlite3.Error as error:
            raise write_error(store.path, error) from error


def _check_owner(path: Path, db: Database) -> None:
    application_id = db.execute("PRAGMA application_id").fetchone()[0]
    if application_id != APPLICATION_ID and (application_id or db.table_names()):
        raise BadInput(
            f"{path} is a database of another program; nothing was changed. Choose another file with --db."
        )
    with Database(memory=True) as empty:
        ours = {migration.name for migration in migrations.pending(empty)}
    applied = {migration.name for migration in migrations.applied(db)}
    if UNRELEASED in applied:
        raise BadInput(
            f"{path} was made by chat-migrate from before its first release and cannot be read any more; nothing "
            "was changed. Choose another file with --db and run `chat-migrate export` again."
        )
    if newer := applied - ours:
        raise BadInput(
            f"{path} was made by a newer version of chat-migrate (it has {max(newer)}); nothing was changed. "
            "Upgrade chat-migrate."
        )


def _check_private(path: Path, db: Database) -> None:
    """Refuse a database that others may read: webhook URLs in it may hold secrets, whole."""
    mode = stat.S_IMODE(path.stat().st_mode)
    if not mode & OTHERS:
        return
    if db.table_names():
        raise SafetyRefusal(
            f"{path} can be read by others (mode {mode:04o}), and webhook URLs in it may hold secrets; "
            f"nothing was done. Run `chmod 600 {path}`."
        )
    path.chmod(PRIVATE)


def _use_journal(db: Database, mode: str) -> None:
    """Switch to a journal mode; SQLite does not wait by itself for the lock that this takes."""
    for _ in range(int(BUSY_TIMEOUT_MS / 20) + 1):
        try:
            if db.execute(f"PRAGMA journal_mode = {mode}").fetchone()[0] == mode:
                return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error):
                raise
        time.sleep(0.02)
    raise sqlite3.OperationalError("database is locked")


def _holds_nothing(store: Store) -> bool:
    """Whether nobody would miss the file: no snapshot, nothing to go on with, and no other command works on it."""
    with store.reading() as db:
        if not {"snapshots", "lock"} <= set(db.table_names()):
            return True
        return not (
            db.table("lock").count
            or db.table("snapshots").count_where("completed_at IS NOT NULL")
            or db.table("runs").count_where("finished_at IS NULL")
            or db.table("inventory_progress").count
        )
