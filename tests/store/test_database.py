"""The database: private, guarded against other files, all-or-nothing, immutable where it promises to be."""

from __future__ import annotations

import sqlite3
import stat
import threading

import pytest
from saved_json import ACCOUNT, role, service, sid

from migrate.core.errors import BadInput, MigrateError
from migrate.store import open_store, snapshots
from migrate.store.schema import APPLICATION_ID, migrations
from migrate.store.snapshots import ServiceView


@pytest.fixture
def path(tmp_path):
    """Where the test's database is to be."""
    return tmp_path / "test.db"


def take_snapshot(store, *numbers, finish=True):
    """Store a snapshot of services with these numbers; return its id."""
    snapshot_id = snapshots.begin(store, account_sid=ACCOUNT, source="live")
    for number in numbers:
        views = [
            ServiceView(sid("IS", number), api, service(number, api), f"GET /{api}") for api in ("v1", "v2")
        ]
        snapshots.add_views(store, snapshot_id, ACCOUNT, views)
        snapshots.add_roles(store, snapshot_id, ACCOUNT, sid("IS", number), [role(number, of=number)])
    if finish:
        snapshots.finish(store, snapshot_id)
    return snapshot_id


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
        "application_id": APPLICATION_ID,
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
    }


def test_every_row_of_an_account_carries_its_sid(path):
    """One database can hold many accounts: every table but the lock says whose a row is."""
    with open_store(path) as store, store.reading() as db:
        names = [name for name in db.table_names() if not name.startswith(("_", "sqlite_"))]
        lacking = {name for name in names if "account_sid" not in db.table(name).columns_dict}
    assert len(names) > 8
    assert lacking == {"lock"}


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
    names = [row["name"] for row in rows]
    assert names == sorted(names)
    assert names[0] == "0001_snapshots"


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


FOREIGN = {
    "another program": (make_other_program, "is a database of another program"),
    "another program's mark": (make_other_id, "is a database of another program"),
    "newer": (make_newer, r"newer version of chat-migrate \(it has 9999_later\).*Upgrade"),
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
    """A database that a failed command has made stays only if it holds a finished snapshot."""

    def fail():
        with open_store(path) as store:
            take_snapshot(store, 1, finish=finish)
            raise MigrateError("made up")

    with pytest.raises(MigrateError, match="made up"):
        fail()
    assert [found.name for found in path.parent.iterdir()] == ([path.name] if finish else [])


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
        row = {"account_sid": ACCOUNT, "target_sid": "t", "resource": "r", "value": "v", "at": "now"}
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


def test_threads_share_one_connection(path):
    """Many threads that write at once lose nothing."""
    with open_store(path) as store:
        snapshot_id = take_snapshot(store, finish=False)

        def add(number):
            views = [ServiceView(sid("IS", number), "v2", service(number), "x")]
            snapshots.add_views(store, snapshot_id, ACCOUNT, views)

        threads = [threading.Thread(target=add, args=(number,)) for number in range(32)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert snapshots.finish(store, snapshot_id).services == 32


CHANGES = [
    "UPDATE chat_services SET payload = '{}'",
    "UPDATE chat_services SET snapshot_id = 2",
    "DELETE FROM chat_services",
    "INSERT INTO chat_services SELECT snapshot_id, 'ISx', api, account_sid, '', '', '{}' FROM chat_services",
    "INSERT OR REPLACE INTO chat_services SELECT * FROM chat_services",
    "UPDATE chat_roles SET payload = '{}'",
    "DELETE FROM chat_roles",
    "UPDATE snapshots SET account_sid = 'ACx'",
    "UPDATE snapshots SET completed_at = NULL",
    "DELETE FROM snapshots",
]


@pytest.mark.parametrize("sql", CHANGES)
def test_a_finished_snapshot_is_immutable(path, sql):
    """Nobody changes a finished snapshot, not even with plain sqlite3."""
    with open_store(path) as store:
        take_snapshot(store, 1)
    before = dump(path)
    with pytest.raises(sqlite3.IntegrityError, match="immutable once finished"):
        run_sql(path, sql)
    assert dump(path) == before


@pytest.mark.parametrize("sql", ["UPDATE plans SET target = 'new'", "DELETE FROM plans"])
def test_the_head_of_a_finished_plan_is_immutable(path, sql):
    """What was reviewed stays what it was, and for whom."""
    with open_store(path) as store:
        row = {
            "snapshot_id": take_snapshot(store, 1),
            "account_sid": ACCOUNT,
            "target_account_sid": ACCOUNT,
            "target": "same",
            "created_at": "now",
            "completed_at": "now",
        }
        with store.writing() as db:
            db.table("plans").insert(row)
    with pytest.raises(sqlite3.IntegrityError, match="plans are immutable once finished"):
        run_sql(path, sql)


def test_a_half_snapshot_does_not_count_and_is_cleared_away(path):
    """What a killed export left is invisible, and the next export removes it."""
    with open_store(path) as store:
        take_snapshot(store, 1, 2)
    with open_store(path) as store:
        half = take_snapshot(store, 3, 4, finish=False)
    with open_store(path) as store:
        assert snapshots.latest(store).services == 2
        with pytest.raises(BadInput, match=f"no snapshot {half}"):
            snapshots.get(store, half)
        take_snapshot(store, 5)
        numbers = [found.sid for found in snapshots.services_of(store, snapshots.latest(store).id)]
        assert numbers == [sid("IS", 5)]
        assert store.value("SELECT count(*) FROM snapshots") == 2
        assert store.value("SELECT count(DISTINCT snapshot_id) FROM chat_services") == 2


def test_services_come_in_the_order_of_their_sids(path):
    """A snapshot is read back whole and sorted, over as many chunks as it takes."""
    with open_store(path) as store:
        snapshot_id = take_snapshot(store, finish=False)
        numbers = [(n * 7919) % 450 for n in range(450)]
        views = [ServiceView(sid("IS", n), "v2", service(n), "x") for n in numbers]
        snapshots.add_views(store, snapshot_id, ACCOUNT, views)
        snapshots.finish(store, snapshot_id)
        found = [(each.sid, each.v2) for each in snapshots.services_of(store, snapshot_id)]
    assert found == [(sid("IS", n), service(n)) for n in range(450)]


def test_the_digest_is_of_settings_only(path):
    """Two snapshots have one digest exactly if their settings are equal: dates and addresses do not count."""

    def digest(store, **changes):
        snapshot_id = snapshots.begin(store, account_sid=ACCOUNT, source="live")
        view = ServiceView(sid("IS", 1), "v2", service(1, **changes), "x")
        snapshots.add_views(store, snapshot_id, ACCOUNT, [view])
        return snapshots.finish(store, snapshot_id).digest

    with open_store(path) as store:
        first = digest(store)
        same = [digest(store, **{key: "x"}) for key in ("date_created", "date_updated", "url", "links")]
        other = [digest(store, friendly_name="x"), digest(store, sid=None), digest(store, new="x")]
    assert set(same) == {first}
    assert len({first, *other}) == 4


def test_latest_is_of_the_account_that_is_asked_for(path):
    """With several accounts in one database, each has its own latest snapshot."""
    with open_store(path) as store:
        with pytest.raises(BadInput, match="There is no snapshot in"):
            snapshots.latest(store)
        take_snapshot(store, 1)
        with pytest.raises(BadInput, match="There is no snapshot of ACother"):
            snapshots.latest_of(store, "ACother")
        assert snapshots.latest_of(store, ACCOUNT).id == snapshots.latest(store).id


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
def test_a_database_that_others_may_read_is_refused(tool, mode):
    """A database with secrets in it that others may read is a refusal for safety that names the cure."""
    assert tool("export").code == 0
    tool.db.chmod(mode)
    refused = tool("diff")
    assert refused.code == 6
    assert f"mode 0{mode:o}" in refused.err
    assert "chmod 600" in refused.err
    assert tool.rows("SELECT * FROM plans") == []


def test_an_empty_file_becomes_private(tool):
    """An empty file that others may read becomes a private database: there is nothing in it to hide yet."""
    tool.db.touch(mode=0o644)
    assert tool("export").code == 0
    assert tool.db.stat().st_mode & 0o777 == 0o600
