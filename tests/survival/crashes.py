"""What the crash tests share: a small account, commands killed on the way, and an independent look at the end."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import requests
from variables import CLEAN

from migrate.simulator import RecordedRequest, Service, Simulator, Unevenness, World, seeded_world

FULL = os.environ.get("CHAT_MIGRATE_SURVIVAL") == "full"
KILLED = -signal.SIGKILL
FIGURES: Counter[str] = Counter()
"""What all loops together have done; printed at the end of a full session."""

CHOSEN = ("Brightwater Support", "Juniper Insurance", "Saltmarsh Rescue")
"""The services of the small account: two of one name, roles of its own, filters that Twilio may refuse."""

UNEVEN = Unevenness(reads_lag=0.2, lists_lag=0.2, late_effects=0.2)
"""What the loops meet where the service is uneven."""

VOLATILE = ("date_created", "date_updated")
UNDECIDED = ("intent", "unknown")


def small_world() -> World:
    """The account, and an empty second one."""
    world = seeded_world(7, 12, accounts=2)
    for service in list(world.first.services.values()):
        if service.chat["friendly_name"] not in CHOSEN:
            world.delete_service(service.sid)
    return world


@dataclass(frozen=True)
class Ended:
    """How a command ended: exit code (negative: the signal), checkpoints passed, the last one, what it said."""

    code: int
    checkpoints: int
    last: str
    out: str
    err: str


class Zygote:
    """The warm process of `child.py`."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, Path(__file__).with_name("child.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
            env={**CLEAN, "PYTHONPATH": str(Path(__file__).parents[2])},
        )

    def __call__(
        self,
        *arguments: object,
        folder: Path,
        environ: dict[str, str],
        kill_at: int = 0,
        methods: tuple[str, ...] = ("POST", "DELETE"),
        schema: bool = False,
        file_limit: int = 0,
        read_only_after: int = 0,
    ) -> Ended:
        """Run one command in a fork.

        Args:
            arguments: of the command.
            folder: where it runs.
            environ: its variables, beside the clean ones.
            kill_at: the checkpoint at which it is killed, or 0.
            methods: the requests that are checkpoints.
            schema: whether the making of tables has checkpoints.
            file_limit: how large its files may become, bytes; 0: as they like.
            read_only_after: the number of commits after which the database is read-only, or 0.
        """
        order = {
            "arguments": [str(argument) for argument in arguments],
            "folder": str(folder),
            "environ": {**CLEAN, **environ},
            "kill_at": kill_at,
            "methods": methods,
            "schema": schema,
            "file_limit": file_limit,
            "read_only_after": read_only_after,
        }
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        told = json.loads(self._process.stdout.readline())
        texts = [(folder / name).read_text("utf-8") for name in ("out.txt", "err.txt")]
        return Ended(told["code"], told["checkpoints"], told["last"], *texts)

    def close(self) -> None:
        """End it."""
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


@dataclass(frozen=True)
class Situation:
    """A world and a database to begin with, again and again."""

    world: str
    database: bytes | None


def _plain(value: Any) -> Any:
    """A value without what differs by itself: dates, and the many ways to say "nothing"."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items() if key not in VOLATILE}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return "" if value is None else value


def _in_place(service: Service) -> dict[str, Any]:
    return _plain(json.loads(json.dumps(service.to_json())))


def _elsewhere(service: Service) -> dict[str, Any]:
    """A created service in words that hold no generated SID."""
    names = {role.sid: f"{role.type} {role.friendly_name.lower()}" for role in service.roles.values()}
    shown = _in_place(service)
    shown["roles"] = sorted((names[role.sid], sorted(role.permissions)) for role in service.roles.values())
    shown["chat"] = {key: names.get(value, value) for key, value in shown["chat"].items() if _hashable(value)}
    return {key: value for key, value in shown.items() if key != "sid"}


def _hashable(value: Any) -> bool:
    return not isinstance(value, (dict, list))


def _took_effect(request: RecordedRequest) -> bool:
    is_true_answer = request.fault in {None, "edit", "slow"}
    # Where the sender was gone, nobody saw a status.
    was_taken = request.status is None or request.status < 400
    return request.processed and (not is_true_answer or was_taken)


class Look:
    """An independent look at the simulated accounts and at the database, from outside.

    Args:
        simulator: what was written to.
        db: the database, of a command that has ended.
    """

    def __init__(self, simulator: Simulator, db: Path) -> None:
        self.simulator = simulator
        self.db = db
        services = [s for account in simulator.world.accounts.values() for s in account.services.values()]
        self._names = {service.sid: service.chat["friendly_name"] for service in services}

    @property
    def writes(self) -> list[RecordedRequest]:
        """The writes that have arrived, in order."""
        return [request for request in self.simulator.requests if request.method != "GET"]

    def rows(self, sql: str, *values: object) -> list[sqlite3.Row]:
        """Look at the database from outside."""
        connection = sqlite3.connect(f"file:{self.db}?mode=ro", uri=True)
        connection.row_factory = sqlite3.Row
        try:
            return connection.execute(sql, values).fetchall()
        finally:
            connection.close()

    def end_state(self) -> dict[str, Any]:
        """Everything in both accounts, comparable between two runs."""
        first, second = self.simulator.world.accounts.values()
        state = {sid: _in_place(service) for sid, service in first.services.items()}
        sources = {
            row["target_sid"]: row["source_sid"]
            for row in self.rows("SELECT * FROM counterparts WHERE kind = 'service'")
        }
        for sid, service in second.services.items():
            key = f"made of {sources.get(sid)}"
            assert key not in state, "a service stands there twice"
            state[key] = _elsewhere(service)
        return state

    def journal(self) -> dict[str, str]:
        """The last state of each step of each run."""
        rows = self.rows("SELECT run, key, state FROM journal ORDER BY id")
        return {f"{row['run']} {row['key']}": row["state"] for row in rows}

    def creates(self) -> Counter[str]:
        """How many services and roles were created, whatever the answer said."""
        return Counter(
            request.path.rsplit("/", 1)[-1]
            for request in self.writes
            if request.path.endswith(("/Services", "/Roles")) and _took_effect(request)
        )

    def sent_twice(self) -> int:
        """How many writes took effect that had done so before; a name may stand for two services, so creates aside."""
        sent = Counter(
            (request.method, request.path, tuple(request.form))
            for request in self.writes
            if _took_effect(request) and not request.path.endswith("/Services")
        )
        return sent.total() - len(sent)

    def check_file(self) -> None:
        """The database is whole, and nobody's lock is left."""
        assert [tuple(row) for row in self.rows("PRAGMA integrity_check")] == [("ok",)]
        assert self.rows("PRAGMA foreign_key_check") == []
        assert self.rows("SELECT * FROM lock") == []

    def check_intents(self) -> None:
        """Every write that arrived was announced in the journal before, one intent per request."""
        announced = [
            (self._what(row), datetime.fromisoformat(row["at"].replace("Z", "+00:00")).timestamp())
            for row in self.rows(
                "SELECT j.*, p.after FROM journal j JOIN runs r ON r.id = j.run "
                "JOIN plan_steps p ON p.plan = r.plan AND p.key = j.key WHERE j.state = 'intent' ORDER BY j.id"
            )
        ]
        became = {row["target_sid"]: row["source_sid"] for row in self.rows("SELECT * FROM counterparts")}
        for request in self.writes:
            asked = self._asked(request, became)
            fitting = next((one for one in announced if one[0] == asked and one[1] <= request.time), None)
            assert fitting, f"nobody announced {request.method} {request.path}"
            announced.remove(fitting)

    def _what(self, row: sqlite3.Row) -> tuple[str, str]:
        """What a step is about: its Chat Service (the name, for a service to be created) and its resource."""
        source_sid, resource = row["key"].split("/")[:2]
        if resource == "service":
            return json.loads(row["after"])["friendly_name"], resource
        return source_sid, resource

    def _asked(self, request: RecordedRequest, became: dict[str, str]) -> tuple[str, str]:
        """The same of a request; `became` leads from SIDs in the target to those of their sources."""
        named = re.search(r"/Services/(IS\w+)", request.path)
        if not named:
            return dict(request.form)["FriendlyName"], "service"
        last = request.path[named.end() :].strip("/").split("/")
        resource = "roles" if last[0] == "Roles" else last[-1].lower() or "service"
        if resource == "service":
            return self._names[named[1]], resource
        return became.get(named[1], named[1]), resource


@dataclass
class Lab:
    """One simulator and one zygote; a folder per experiment.

    Attributes:
        simulator: what is written to.
        zygote: what runs the commands.
        root: where the folders are made.
        target: `same` or `new`.
        settle: the settle time of every command, seconds.
        lag: for how long the simulator remembers what it was, seconds.
        experiments: how many there were; numbers the folders.
        folder: of the present experiment.
        look: at the present experiment.
    """

    simulator: Simulator
    zygote: Zygote
    root: Path
    target: str
    settle: float = 0.05
    lag: float = 0.0
    experiments: int = 0
    folder: Path = field(init=False)
    look: Look = field(init=False)

    def __post_init__(self) -> None:
        self.empty = Situation(json.dumps(self.simulator.world.to_json()), None)

    @property
    def environ(self) -> dict[str, str]:
        """The variables of every command."""
        second = list(self.simulator.world.accounts)[1]
        variables = self.simulator.environment(second if self.target == "new" else None)
        return {**variables, "CHAT_MIGRATE_SETTLE": str(self.settle)}

    def begin(self, situation: Situation) -> None:
        """Start an experiment in a situation, in a folder of its own."""
        self.experiments += 1
        self.folder = self.root / str(self.experiments)
        self.folder.mkdir()
        time.sleep(self.lag)
        if situation.database is not None:
            db = self.folder / "chat-migrate.db"
            db.touch(0o600)
            db.write_bytes(situation.database)
        with self.simulator.locked():
            self.simulator.world = World.from_json(json.loads(situation.world))
        self.simulator.requests.clear()
        self.look = Look(self.simulator, self.folder / "chat-migrate.db")

    def end(self) -> None:
        """Forget the folder: a full session makes thousands."""
        shutil.rmtree(self.folder)

    def run(self, *arguments: object, **options: Any) -> Ended:
        """Run a command of the experiment; wait until the simulator has done what was sent to it."""
        ended = self.zygote(*arguments, folder=self.folder, environ=self.environ, **options)
        for _ in range(2):
            # The server takes connections in turn: what a killed process has sent is done when this is answered.
            requests.get(f"{self.simulator.url}/nobody", timeout=30)
        FIGURES["kills"] += ended.code == KILLED
        return ended

    def situation(self) -> Situation:
        """What world and database have become."""
        with sqlite3.connect(self.look.db) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.close()
        return Situation(json.dumps(self.simulator.world.to_json()), self.look.db.read_bytes())

    def prepared(self, *commands: tuple[object, ...]) -> Situation:
        """The situation after some commands that nothing disturbs."""
        self.begin(self.empty)
        for command in commands:
            ended = self.run(*command)
            assert ended.code == 0, ended
        situation = self.situation()
        self.end()
        return situation
