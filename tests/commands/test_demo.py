"""`demo`: the whole job, with nothing but Python."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest
from driving import drive

from migrate.simulator import Simulator


@pytest.fixture
def shown(lonely_tool):
    """A folder in which the demo has run, and what it printed."""
    return lonely_tool, lonely_tool.process("demo", timeout=120)


def test_it_does_the_whole_job(shown):
    """Without any variable set, it ends well, leaves its two files, and shows every verdict and a second run."""
    tool, result = shown
    assert result.code == 0
    names = {path.name for path in tool.folder.iterdir()}
    assert {"demo.db", "demo.html"} <= names <= {"demo.db", "demo.html", "demo.db-wal", "demo.db-shm"}
    assert all(path.stat().st_mode & 0o077 == 0 for path in tool.folder.iterdir())
    for verdict in ("exact", "renamed", "converted", "carried", "lossy", "dropped", "manual"):
        assert verdict in result.out.lower()
    assert "<html" in (tool.folder / "demo.html").read_text(encoding="utf-8").lower()
    (writes,) = re.findall(r"Applied with (\d+) writes", result.out)
    assert int(writes) > 0
    assert "A second run: 0 writes" in result.out


def test_a_second_time(shown):
    """The demo may be run again in the same folder: it replaces its own files."""
    tool, _result = shown
    assert tool("demo", timeout=120).code == 0


def test_it_ignores_real_credentials(tool, simulator):
    """With credentials in the environment, it still talks to its own simulator only."""
    assert tool("demo", timeout=120).code == 0
    assert simulator.requests == []


def test_a_database_of_another_program(lonely_tool):
    """A demo.db that another program made is refused and left as it was."""
    path = lonely_tool.folder / "demo.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE mine (text)")
    connection.close()
    before = path.read_bytes()
    result = lonely_tool("demo")
    assert result.code == 2
    assert "demo.db" in result.err
    assert path.read_bytes() == before


def test_a_database_of_a_real_migration(lonely_tool):
    """A demo.db that holds a migration of anybody's account is refused and left as it was."""
    path = lonely_tool.folder / "demo.db"
    with Simulator(services=1, seed=99) as real:
        replace(drive(lonely_tool.folder, real), db=path).run()
    before = path.read_bytes()
    result = lonely_tool("demo")
    assert result.code == 2
    assert "demo.db" in result.err
    assert path.read_bytes() == before
