"""What the tests of the store share."""

from __future__ import annotations

import asyncio
import threading

import pytest

from migrate.store import lock, open_store
from migrate.store.journal import Journal


@pytest.fixture
def path(tmp_path):
    """Where the test's database is to be."""
    return tmp_path / "test.db"


@pytest.fixture
def store(path):
    """An open database."""
    with open_store(path) as opened:
        yield opened


@pytest.fixture
def write(store):
    """Record in a run's journal, all records of a call at once; return what the last one returned."""

    def written(run, *records):
        async def all_at_once(held):
            async with Journal(store, run, held) as journal:
                return (await asyncio.gather(*(journal.record(record) for record in records)))[-1]

        with lock.held(store, run.account_sid, "apply", threading.Event()) as held:
            return asyncio.run(all_at_once(held))

    return written
