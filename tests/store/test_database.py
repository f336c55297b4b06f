"""The database: private, guarded against other files, all-or-nothing, immutable where it promises to be."""

from __future__ import annotations

import errno
import sqlite3
import stat
import subprocess
import threading
from contextlib import closing
from pathlib import Path

import pytest
from stored import ACCOUNT, make_plan, sid, step, take_snapshot, views

from migrate.core.errors import BadInput, MigrateError, SafetyRefusal
from migrate.model.item import Examined
from migrate.store import database, files, open_store, snapshots
from migrate.store.schema import APPLICATION_ID, migrations

LAYOUTS = sorted((Path(__file__).parent / "layouts").glob("*.sql"))


def run_sql(path, sql):
    """Change the database from outside, with plain sqlite3."""
    connection = sqlite3.connect(path)
    try:
        connection.execute(sql)
        connection.commit()
    finally:
        connection.close()


def dump(path):
    """All that a database holds, as SQL."""
    connection = sqlite3.connect(path)
    try:
        return list(connection.iterdump())
    finally:
        connection.close()


def test_it_is_private_from_the_start(path):
    """The file, and what SQLite keeps beside it, is readable by its owner alone."""
    with open_store(path) as store:
        take_snapshot(store, 1)
        modes = {found.name: stat.S_IMODE(found.stat().st_mode) for found in path.parent.iterdir()}
        assert path.name in modes
        assert set(modes.values()) == {0o600}


def test_it_is_marked_as_ours_and_written_through(path):
    """It carries our application id, keeps a write-ahead log, and waits for the disk at each commit."""
    with open_store(path) as store, store.reading() as db:
        values = {
            name: db.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("application_id", "journal_mode", "synchronous", "foreign_keys")
        }
    assert values == {
        "application_id": 0x43684D67,
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
    }


def test_what_people_read_says_whose_it_is(path):
    """One database can hold many accounts: only what is read together with its plan or run does not repeat it."""
    with open_store(path) as store, store.reading() as db:
        names = [name for name in db.table_names() if not name.startswith(("_", "sqlite_"))]
        lacking = {name for name in names if "account_sid" not in db.table(name).columns_dict}
    assert len(names) == 19
    assert lacking == {"step_needs", "step_state"}


def test_opening_again_changes_nothing(path):
    """A database that is up to date is opened and closed without a change."""
    with open_store(path) as store:
        take_snapshot(store, 1)
    before = path.read_bytes()
    with open_store(path):
        pass
    assert path.read_bytes() == before


def test_every_migration_is_recorded(path):
    """The tables came from the list of migrations, in its order, none left out."""
    with open_store(path) as store:
        rows = store.rows("SELECT name FROM _sqlite_migrations ORDER BY rowid")
        assert not migrations.pending(store._database)
    assert [row["name"] for row in rows] == ["0001"]


def make_other_program(path):
    """A database of another program."""
    run_sql(path, "CREATE TABLE recipes (name TEXT)")


def make_other_id(path):
    """A database that another program has marked as its own."""
    run_sql(path, "PRAGMA application_id = 42")


def make_newer(path):
    """A database that a later version has upgraded."""
    with open_store(path) as store:
        take_snapshot(store, 1)
    run_sql(
        path,
        "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) "
        "VALUES ('chat-migrate', '9999_later', '2030-01-01')",
    )


def make_unreleased(path):
    """A database from before the first release."""
    run_sql(path, f"PRAGMA application_id = {APPLICATION_ID}")
    run_sql(path, "CREATE TABLE _sqlite_migrations (migration_set TEXT, name TEXT, applied_at TEXT)")
    run_sql(path, "INSERT INTO _sqlite_migrations VALUES ('chat-migrate', '0001_snapshots', '2026-11-20')")


FOREIGN = {
    "another program": (make_other_program, "is a database of another program"),
    "another program's mark": (make_other_id, "is a database of another program"),
    "newer": (make_newer, r"newer version of chat-migrate \(it has 9999_later\).*Upgrade"),
    "unreleased": (make_unreleased, "from before its first release.*export` again"),
    "text": (lambda path: path.write_text("Dear diary,\n"), "file is not a database"),
    "long text": (lambda path: path.write_text("Dear diary,\n" * 5000), "file is not a database"),
    "cut off": (lambda path: path.write_bytes(b"SQLite format 3\0" + b"\0" * 30), "database"),
}


@pytest.mark.parametrize(("make", "message"), FOREIGN.values(), ids=FOREIGN)
def test_a_file_that_is_not_ours_is_left_alone(path, make, message):
    """Another program's database, a newer one and no database are refused by name, byte for byte unchanged."""
    make(path)
    before = path.read_bytes()
    with pytest.raises(BadInput, match=message) as refusal, open_store(path):
        pass
    assert path.name in str(refusal.value)
    assert path.read_bytes() == before
    assert [found.name for found in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("place", [".", "missing/test.db", "file/test.db", "x" * 300])
@pytest.mark.parametrize("must_exist", [False, True])
def test_an_impossible_place_is_refused(tmp_path, place, must_exist):
    """A directory, a missing folder, a path below a file and an impossible name are refused by name."""
    (tmp_path / "file").write_text("")
    message = "cannot be opened for writing|There is no database"
    with (
        pytest.raises(BadInput, match=message) as refusal,
        open_store(tmp_path / place, must_exist=must_exist),
    ):
        pass
    assert str(tmp_path) in str(refusal.value)
    assert [found.name for found in tmp_path.iterdir()] == ["file"]


def test_a_locked_file_is_not_called_foreign(path, monkeypatch):
    """A database that somebody else holds exclusively is refused for that reason."""
    monkeypatch.setattr("migrate.store.database.BUSY_TIMEOUT_MS", 1)
    with open_store(path) as store:
        take_snapshot(store, 1)
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = DELETE")
    connection.execute("BEGIN EXCLUSIVE")
    try:
        with pytest.raises(BadInput, match="database is locked") as refusal, open_store(path):
            pass
    finally:
        connection.close()
    assert "is not a" not in str(refusal.value)


def test_a_missing_database_is_not_made_by_reading(path):
    """A command that needs what is stored makes no empty database."""
    with pytest.raises(BadInput, match="Run `chat-migrate export` first"), open_store(path, must_exist=True):
        pass
    assert not path.exists()


@pytest.mark.parametrize("finish", [False, True])
def test_a_failed_command_takes_its_new_database_with_it(path, finish):
    """A database that a failed command has made goes where it holds no more than an unfinished snapshot."""

    def fail():
        with open_store(path) as store:
            if finish:
                take_snapshot(store, 1)
            else:
                snapshots.begin(store, account_sid=ACCOUNT, source="live")
            raise MigrateError("made up")

    with pytest.raises(MigrateError, match="made up"):
        fail()
    assert [found.name for found in path.parent.iterdir()] == ([path.name] if finish else [])


def test_a_failed_command_leaves_an_inventory_that_has_begun(path):
    """The pages of channels that were read stay, so that the next export goes on with them."""
    page = snapshots.InventoryProgress("channels", "IS" + "0" * 32, "/v1/Services/IS0/Channels?Page=1")

    def fail():
        with open_store(path) as store:
            begun = snapshots.begin(store, account_sid=ACCOUNT, source="live", request="{}")
            snapshots.add_items(store, begun, ACCOUNT, [], progress=page)
            raise MigrateError("made up")

    with pytest.raises(MigrateError, match="made up"):
        fail()
    assert path.exists()


def test_a_new_database_whose_tables_cannot_be_made_goes(path, monkeypatch):
    """Nothing is in it yet, so nothing of it is left."""

    def fail(*_):
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr(database.migrations, "apply", fail)
    with pytest.raises(MigrateError, match="disk I/O error"), open_store(path):
        pass
    assert not path.exists()


def test_a_database_that_was_there_stays(path):
    """A failed command removes no database that it did not make."""
    with open_store(path):
        pass
    with pytest.raises(MigrateError), open_store(path):
        raise MigrateError("made up")
    assert path.exists()


@pytest.mark.parametrize("error", [ValueError("bug"), KeyboardInterrupt()])
def test_a_transaction_is_all_or_nothing(path, error):
    """An error in the middle of a transaction leaves nothing of it, and the next one works."""

    def fail(store):
        row = {
            "account_sid": ACCOUNT,
            "target_sid": "t",
            "kind": "k",
            "value": "v",
            "at": "now",
        }
        with store.writing() as db:
            db.table("refusals").insert(row)
            raise error

    with open_store(path) as store:
        with pytest.raises(type(error)):
            fail(store)
        assert store.value("SELECT count(*) FROM refusals") == 0
        take_snapshot(store, 1)


def test_a_write_is_on_disk_when_it_returns(path):
    """What a transaction has written is seen from outside at once, before the database is closed."""
    with open_store(path) as store:
        take_snapshot(store, 1)
        connection = sqlite3.connect(path)
        assert connection.execute("SELECT count(*) FROM snapshots").fetchone() == (1,)
        connection.close()


def test_a_database_that_cannot_be_written_says_so(path):
    """A full disk or a read-only file is one sentence with the way on, not a crash."""
    with open_store(path) as store:
        take_snapshot(store, 1)
        store._database.execute("PRAGMA query_only = ON")
        with pytest.raises(MigrateError, match=r"cannot be written: .*chat-migrate resume") as refusal:
            snapshots.begin(store, account_sid=ACCOUNT, source="live")
        store._database.execute("PRAGMA query_only = OFF")
    assert refusal.value.exit_code == 1


def test_a_full_disk_is_told_as_such(path):
    """A file that cannot grow is named as what it is, with the way on."""
    with open_store(path) as store:
        with store.reading() as db:
            pages = db.execute("PRAGMA page_count").fetchone()[0]
            db.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(
            MigrateError, match=r"disk is full.*Free some space.*chat-migrate resume"
        ) as refusal:
            take_snapshot(store, *range(100))
    assert refusal.value.exit_code == 1


def delete(path):
    """Delete the database, as `rm` would."""
    path.unlink()


def replace(path):
    """Put another file in its place."""
    other = path.with_name("other.db")
    sqlite3.connect(other).close()
    other.rename(path)


@pytest.mark.parametrize("away", [delete, replace])
def test_a_database_that_is_gone_is_noticed(path, away):
    """The next commit after the file was deleted or replaced says so, and what it means for a rollback."""
    with open_store(path) as store:
        take_snapshot(store, 1)
        away(path)
        with pytest.raises(MigrateError, match=r"was deleted or replaced.*rollback") as refusal:
            snapshots.begin(store, account_sid=ACCOUNT, source="live")
    assert refusal.value.exit_code == 1


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.stem)
def test_a_database_of_every_earlier_layout_opens(path, layout):
    """What an earlier version has stored is read as it was written, and can be written to."""
    connection = sqlite3.connect(path)
    connection.executescript(layout.read_text())
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.close()
    path.chmod(0o600)
    with open_store(path) as store:
        assert snapshots.latest(store, ACCOUNT).services == 2
        assert [each.sid for each in snapshots.services(store, 1)] == [sid(1), sid(2)]
        take_snapshot(store, 3)


def test_there_is_a_stored_database_of_each_layout():
    """No migration was added without keeping a database that it made."""
    with database.Database(memory=True) as empty:
        assert [layout.stem for layout in LAYOUTS] == [each.name for each in migrations.pending(empty)]


def test_a_shared_database_has_no_write_ahead_log(path):
    """Where several hosts may reach the file, the roll-back journal is used, after locks were tried; it stays so."""
    with open_store(path, shared=True) as store:
        take_snapshot(store, 1)
        assert store.value("PRAGMA journal_mode") == "delete"
        assert store.value("PRAGMA synchronous") == 2
        assert [found.name for found in path.parent.iterdir()] == [path.name]
    with open_store(path) as store:
        assert store.value("PRAGMA journal_mode") == "delete"


def test_a_log_is_given_up_where_others_reach_the_file(path):
    """A database that was made on one host only changes over when it is shared."""
    with open_store(path) as store:
        take_snapshot(store, 1)
    with open_store(path, shared=True) as store:
        assert store.value("PRAGMA journal_mode") == "delete"
        assert snapshots.latest(store, ACCOUNT).services == 1


def reader_of(path):
    """A connection that reads from a database, and so holds its write-ahead log."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.execute("BEGIN")
    connection.execute("SELECT count(*) FROM snapshots").fetchone()
    return connection


def test_a_log_that_somebody_reads_from_is_waited_for(path):
    """The change-over waits for a command that reads, and goes on as soon as that one has ended."""
    with open_store(path) as store:
        take_snapshot(store, 1)
    threading.Timer(0.2, reader_of(path).close).start()
    with open_store(path, shared=True) as store:
        assert store.value("PRAGMA journal_mode") == "delete"


def test_a_log_that_is_never_let_go_is_told(path, monkeypatch):
    """If it stays in use, the database is not used as a shared one."""
    with open_store(path) as store:
        take_snapshot(store, 1)
    monkeypatch.setattr("migrate.store.database.BUSY_TIMEOUT_MS", 50)
    with (
        closing(reader_of(path)),
        pytest.raises(MigrateError, match="database is locked"),
        open_store(path, shared=True),
    ):
        pass


@pytest.mark.parametrize("answer", [0, 1])
def test_where_locks_do_not_work_nothing_is_made(path, monkeypatch, answer):
    """If a second process gets the lock that is held, or never gets it, the place is refused."""
    monkeypatch.setattr(files, "_try", lambda _trial: answer)
    with (
        pytest.raises(BadInput, match=r"File locks do not work in .*another file system"),
        open_store(path, shared=True),
    ):
        pass
    assert list(path.parent.iterdir()) == []


@pytest.mark.parametrize(
    ("mounts", "expected"),
    [
        ("/dev/sda / ext4 rw 0 0\n", False),
        ("/dev/sda / ext4 rw 0 0\nserver:/x {place} nfs4 rw 0 0\n", True),
        ("server:/x / nfs rw 0 0\n/dev/sda {place} ext4 rw 0 0\n", False),
        ("server:/x {place}/below cifs rw 0 0\n/dev/sda / xfs rw 0 0\n", False),
    ],
)
def test_a_network_file_system_is_recognised(path, monkeypatch, tmp_path, mounts, expected):
    """The mount nearest to the database decides."""
    table = tmp_path / "mounts"
    table.write_text(mounts.format(place=tmp_path))
    monkeypatch.setattr(files, "MOUNTS", table)
    assert files.is_on_network(path) is expected


def test_threads_share_one_connection(path):
    """Many threads that write at once lose nothing."""
    with open_store(path) as store:
        snapshot = snapshots.begin(store, account_sid=ACCOUNT, source="live")

        def add(number):
            snapshots.add_items(store, snapshot, ACCOUNT, views(number))

        threads = [threading.Thread(target=add, args=(number,)) for number in range(32)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert snapshots.finish(store, snapshot, Examined()).services == 32


FROZEN = {
    "snapshots": [
        "UPDATE items SET payload = '{}'",
        "DELETE FROM items",
        "INSERT OR REPLACE INTO items SELECT * FROM items",
        "UPDATE snapshots SET account_sid = 'ACx'",
        "UPDATE snapshots SET completed_at = NULL",
        "DELETE FROM snapshots",
    ],
    "plans": [
        "UPDATE plans SET target = 'new'",
        "DELETE FROM plans",
        "UPDATE plan_services SET target_sid = 'ISx'",
        "DELETE FROM plan_rows",
        "UPDATE plan_steps SET after = '{}'",
        "INSERT OR REPLACE INTO plan_steps SELECT * FROM plan_steps",
        "DELETE FROM step_needs",
        "UPDATE findings SET verdict = 'exact'",
    ],
}


@pytest.mark.parametrize(("owner", "sql"), [(owner, sql) for owner, each in FROZEN.items() for sql in each])
def test_what_was_finished_is_immutable(path, owner, sql):
    """Nobody changes a finished snapshot, or what was reviewed, not even with plain sqlite3."""
    with open_store(path) as store:
        make_plan(store, [(0, step("a")), (0, step("b", ["a"]))])
    before = dump(path)
    with pytest.raises(sqlite3.IntegrityError, match=f"{owner} are immutable once finished"):
        run_sql(path, sql)
    assert dump(path) == before


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
def test_a_database_that_others_may_read_is_refused(path, mode):
    """A database with secrets in it that others may read is a refusal for safety that names the cure."""
    with open_store(path):
        pass
    path.chmod(mode)
    with pytest.raises(SafetyRefusal, match=f"mode 0{mode:o}.*chmod 600"), open_store(path):
        pass


def test_an_empty_file_that_others_may_read_is_made_private(path):
    """There is nothing in it yet that they could have read."""
    path.touch(0o644)
    path.chmod(0o644)
    with open_store(path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_full_disk_is_told_before_there_is_a_database(path, monkeypatch):
    """Where not even an empty file can be made, the disk is named, not the place."""

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("migrate.store.database.os.open", full)
    with pytest.raises(MigrateError, match=r"The disk is full: .* cannot be created"), open_store(path):
        pass


def test_where_locks_cannot_be_tried_in_time_nothing_is_made(path, monkeypatch):
    """A second process that hangs over the lock tells as much as one that gets it."""

    def hang(_trial):
        raise subprocess.TimeoutExpired("python", 10)

    monkeypatch.setattr(files, "_try", hang)
    with pytest.raises(BadInput, match="File locks do not work"), open_store(path, shared=True):
        pass
    assert list(path.parent.iterdir()) == []


@pytest.mark.parametrize("mounts", [None, "", "short\n"])
def test_without_a_table_of_mounts_no_network_is_taken_for_granted(path, monkeypatch, tmp_path, mounts):
    """A system that has no such table, or one without our place, does not keep anybody from working."""
    if mounts is not None:
        (tmp_path / "mounts").write_text(mounts)
    monkeypatch.setattr(files, "MOUNTS", tmp_path / "mounts")
    assert files.is_on_network(path) is False


def test_a_folder_that_is_gone_has_no_room(path):
    """What cannot be asked counts as full."""
    assert files.free_bytes(path) > 0
    assert files.free_bytes(path.parent / "gone" / "test.db") == 0


def test_a_disk_that_is_full_when_the_database_is_opened(path, monkeypatch):
    """It is told as what it is, and not taken for a file that is no database."""

    def full(_path):
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(database, "connect", full)
    with pytest.raises(MigrateError, match=r"The disk is full: .* cannot grow"), open_store(path):
        pass
