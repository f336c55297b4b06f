"""A copy of a database leaves the database as it is."""

from __future__ import annotations

import sqlite3
import stat

import pytest

from migrate.core.errors import BadInput
from migrate.store import open_store
from migrate.store.database import copy_database


@pytest.mark.parametrize("in_use", [False, True])
def test_a_copy_holds_everything_and_changes_nothing(tmp_path, in_use):
    """The copy has what is committed, also what only the write-ahead log holds; no byte or file beside it changes."""
    path = tmp_path / "chat-migrate.db"
    with open_store(path) as store:
        store.rows("PRAGMA wal_checkpoint(TRUNCATE)")
        with store.writing() as db:
            db.execute("CREATE TABLE mine (value)")
        if in_use:
            _check(path, tmp_path / "copy.db")
    if not in_use:
        _check(path, tmp_path / "copy.db")


def _check(path, copy):
    before = {
        each.name: each.read_bytes() for each in path.parent.iterdir() if not each.name.endswith("-shm")
    }
    copy_database(path, copy)
    after = {each.name: each.read_bytes() for each in path.parent.iterdir() if not each.name.endswith("-shm")}
    del after["copy.db"]
    assert after == before
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    connection = sqlite3.connect(copy)
    assert connection.execute("SELECT count(*) FROM mine").fetchone() == (0,)
    connection.close()


def test_what_cannot_be_copied(tmp_path):
    """A file that is not there, or no database, is refused with a sentence."""
    with pytest.raises(BadInput, match="There is no database"):
        copy_database(tmp_path / "none.db", tmp_path / "copy.db")
    (tmp_path / "text.db").write_text("Not a database, though long enough to be mistaken for one.")
    with pytest.raises(BadInput, match="cannot be read as a chat-migrate database"):
        copy_database(tmp_path / "text.db", tmp_path / "copy.db")
