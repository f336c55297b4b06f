"""Every exit code of the contract, reached by the real program."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from migrate.core.errors import MigrateError
from migrate.core.stop import StopToken
from migrate.fleet import engines
from migrate.simulator import Fault, Simulator
from migrate.simulator.faults import KINDS, How, Kind
from migrate.store import lock, open_store

CONTRACT = {0, 1, 2, 3, 4, 5, 6, 7, 8, 130}
"""0 done · 1 unexpected · 2 usage · 3 differences · 4 incomplete · 5 credentials · 6 safety · 7 no Chat API · 8 locked
· 130 interrupted."""


def refuse(simulator, monkeypatch, **where):
    """Let the simulator refuse some requests for good."""
    body = json.dumps({"code": 20001, "message": "No", "status": 400})
    monkeypatch.setitem(KINDS, "no", Kind(How.ANSWER, processed=False, status=400, body=body))
    simulator.inject(Fault("no", times=None, **where))


def done(tool, simulator, monkeypatch):
    """Nothing went wrong."""
    return tool.process("export").code


def nothing_to_do(tool, simulator, monkeypatch):
    """There is no unfinished run."""
    tool("export")
    return tool.process("resume").code


def unexpected(tool, simulator, monkeypatch):
    """A request was refused for a reason that has no code of its own."""
    refuse(simulator, monkeypatch, path="/v2/Services$")
    return tool.process("export").code


def usage(tool, simulator, monkeypatch):
    """An option has an impossible value."""
    return tool.process("export", "--concurrency", "0").code


def bad_input(tool, simulator, monkeypatch):
    """A file is not there."""
    return tool.process("export", "--from-file", "missing.json").code


def differences(tool, simulator, monkeypatch):
    """Changes are pending, and one wants to be told by the exit code."""
    tool("export")
    assert tool.process("diff").code == 0
    return tool.process("diff", "--exit-code").code


def mismatch(tool, simulator, monkeypatch):
    """The target does not hold what the run wrote."""
    assert tool("run", "--yes").code == 0
    sid, *_ = sorted(simulator.world.first.services)
    simulator.world.service(sid).conversations_webhooks["filters"] = ["onMessageRemoved"]
    return tool.process("verify").code


def incomplete(tool, simulator, monkeypatch):
    """Some steps failed."""
    refuse(simulator, monkeypatch, method="POST", path="Notifications$")
    return tool.process("run", "--yes").code


def credentials(tool, simulator, monkeypatch):
    """The token is wrong."""
    return tool.process("export", environ={"TWILIO_AUTH_TOKEN": "wrong"}).code


def safety(tool, simulator, monkeypatch):
    """The plan changes more than was allowed."""
    return tool.process("run", "--yes", "--max-changes", "0").code


def no_chat_api(tool, simulator, monkeypatch):
    """The Chat API is gone."""
    with Simulator(chat_status=410) as dead:
        result = tool.process("export", environ=dead.environment())
    [line] = result.err.splitlines()
    assert "--from-file" in line
    assert not tool.db.exists()
    return result.code


def locked(tool, simulator, monkeypatch):
    """Another run works on the database."""
    with open_store(tool.db) as store, lock.held(store, simulator.account_sid, "apply", StopToken()):
        return tool.process("export").code


def interrupted(tool, simulator, monkeypatch):
    """Ctrl-C."""
    simulator.inject(Fault("slow", seconds=0.3, times=None))
    command = [sys.executable, "-m", "migrate", "export"]
    with subprocess.Popen(command, cwd=tool.folder, env=tool.environ, stderr=subprocess.PIPE) as running:
        while not simulator.requests and running.poll() is None:
            time.sleep(0.01)
        running.send_signal(signal.SIGINT)
        running.communicate(timeout=20)
    return running.returncode


WAYS = {
    done: 0,
    nothing_to_do: 0,
    unexpected: 1,
    usage: 2,
    bad_input: 2,
    differences: 3,
    mismatch: 3,
    incomplete: 4,
    credentials: 5,
    safety: 6,
    no_chat_api: 7,
    locked: 8,
    interrupted: 130,
}


@pytest.mark.parametrize(("way", "code"), WAYS.items(), ids=[way.__name__ for way in WAYS])
def test_the_exit_code_says_how_it_ended(tool, simulator, monkeypatch, way, code):
    """A script can tell by the exit code alone what came of a command."""
    assert way(tool, simulator, monkeypatch) == code


def test_every_code_of_the_contract_is_reached():
    """The table above leaves out no code, and holds no other."""
    assert set(WAYS.values()) == CONTRACT


def errors(base=MigrateError):
    """Every class of errors that a person may see."""
    return [base, *(found for sub in base.__subclasses__() for found in errors(sub))]


def test_every_error_has_a_code_of_the_contract():
    """No error class invents an exit code, and every code that stands for a refusal has a class."""
    assert engines.EngineLost in errors()
    assert {found.exit_code for found in errors()} == CONTRACT - {0, 3}


def test_a_reader_that_goes_away_is_no_crash(tool):
    """`chat-migrate … | head` ends quietly."""
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "migrate", "mappings"]
    ended = subprocess.run(
        command,
        cwd=tool.folder,
        env=tool.environ,
        stdout=write,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(write)
    assert (ended.returncode, ended.stderr) == (1, "")
