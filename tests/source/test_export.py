"""`export` from the live API: everything, whole, in the fewest requests, from Twilio's own hosts only."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import pty
import socket
import sqlite3
import stat
import struct
import subprocess
import sys
import termios
import time
from collections import Counter
from dataclasses import dataclass, field

import pytest
import requests
from clients import IMPATIENT

from migrate.api.gateway import Reader
from migrate.api.retry import Patience, Remedy, Retrier
from migrate.core import config
from migrate.core.errors import BadInput, CallFailed, ChatUnavailable, SafetyRefusal
from migrate.core.progress import Progress
from migrate.simulator import Fault, Simulator
from migrate.simulator.faults import KINDS, How, Kind
from migrate.source.live import ExportRequest, export_live
from migrate.store import open_store, snapshots

GIVES_UP_SOON = Patience(tries=tuple((remedy, 1) for remedy in Remedy), first_wait=0.001, longest_wait=0.001)


@dataclass
class Notes(Progress):
    """A progress that shows nothing and keeps what it was told."""

    notes: list[str] = field(default_factory=list)

    def __post_init__(self):
        super().__init__(quiet=True)

    def warn(self, text):
        """Keep a warning."""
        self.notes.append(text)


@dataclass
class Taken:
    """A finished snapshot, read back."""

    snapshot: object
    services: list
    notes: list[str]
    rows: list[dict]


@pytest.fixture
def take(tmp_path):
    """Export a simulator's account in this process, and read the snapshot back; `environ` adds variables."""

    async def export(store, environ, retrier, request, concurrency, progress):
        credentials, endpoints = config.source_credentials(environ), config.endpoints(environ)
        async with Reader(credentials, endpoints, concurrency=concurrency) as reader:
            return await export_live(store, reader, retrier, request, progress)

    def run(simulator, *, environ=None, retrier=None, concurrency=None, **request):
        progress = Notes()
        variables = {**simulator.environment(), **(environ or {})}
        retries = retrier or Retrier(IMPATIENT)
        wanted = ExportRequest(**request)
        with open_store(tmp_path / "test.db") as store:
            snapshot = asyncio.run(export(store, variables, retries, wanted, concurrency, progress))
            rows = store.rows("SELECT * FROM items WHERE snapshot = :id AND kind = 'service'", id=snapshot.id)
            services = list(snapshots.services(store, snapshot.id))
            return Taken(snapshot, services, progress.notes, rows)

    return run


def ask(simulator, path):
    """What the simulator answers a plain client."""
    with requests.Session() as session:
        session.trust_env = False
        credentials = (simulator.account_sid, simulator.auth_token)
        return session.get(simulator.chat_url + path, auth=credentials, timeout=5).json()


def gone(monkeypatch, status, path=""):
    """A fault that answers with this status for ever."""
    body = json.dumps(
        {"code": 20404, "message": "Programmable Chat is no longer available", "status": status}
    )
    monkeypatch.setitem(KINDS, f"gone_{status}", Kind(How.ANSWER, processed=False, status=status, body=body))
    return Fault(f"gone_{status}", api="chat", path=path, times=None)


def lists_asked(simulator):
    """How often each list was asked for, by path, SIDs left out."""
    paths = (request.path.split("/") for request in simulator.requests)
    return Counter("/".join("IS" if part.startswith("IS") else part for part in path) for path in paths)


def test_every_service_is_kept_whole(simulator, take):
    """Each service is stored through v1 and v2, with its roles, exactly as the API answers."""
    taken = take(simulator)
    assert [found.sid for found in taken.services] == sorted(simulator.world.first.services)
    for found in taken.services:
        assert found.v1 == ask(simulator, f"/v1/Services/{found.sid}")
        assert found.v2 == ask(simulator, f"/v2/Services/{found.sid}")
        roles = ask(simulator, f"/v2/Services/{found.sid}/Roles?PageSize=100")["roles"]
        assert list(found.roles) == roles
        assert len(roles) >= 4


def test_fields_that_nobody_knows_are_kept_too(simulator, take, monkeypatch):
    """What Twilio may add one day is in the snapshot, in whatever shape it comes."""
    odd = {"sid": "IS" + "5" * 32, "new": {"deep": [1, None, {"ключ": "\u2028é😀"}]}, "n": 10**30, "f": 0.1}
    body = json.dumps({"meta": {"next_page_url": None}, "services": [odd]})
    monkeypatch.setitem(KINDS, "odd", Kind(How.ANSWER, processed=False, status=200, body=body))
    roles = json.dumps({"meta": {}, "roles": []})
    monkeypatch.setitem(KINDS, "no_roles", Kind(How.ANSWER, processed=False, status=200, body=roles))
    simulator.inject(Fault("odd", path="Services$", times=2), Fault("no_roles", path="Roles$"))
    [found] = take(simulator).services
    assert found.v1 == found.v2 == odd


def test_the_snapshot_knows_where_it_came_from(simulator, take):
    """Account, time, versions, provenance and number of services stand in the snapshot."""
    taken = take(simulator)
    snapshot = taken.snapshot
    assert (snapshot.account_sid, snapshot.source, snapshot.examined.apis, snapshot.services) == (
        simulator.account_sid,
        "live",
        ("v1", "v2"),
        12,
    )
    assert snapshot.taken_at.endswith("Z")
    assert {(row["api"], row["origin"], row["account_sid"]) for row in taken.rows} == {
        ("v1", "GET /v1/Services", simulator.account_sid),
        ("v2", "GET /v2/Services", simulator.account_sid),
    }


def test_two_exports_of_one_account_are_equal(simulator, take):
    """Nothing having changed, a second snapshot has the same digest."""
    assert take(simulator).snapshot.digest == take(simulator).snapshot.digest


@pytest.mark.parametrize(
    ("apis", "lists"),
    [
        (("v1", "v2"), {"/v1/Services": 1, "/v2/Services": 1, "/v2/Services/IS/Roles": 12}),
        (("v2",), {"/v2/Services": 1, "/v2/Services/IS/Roles": 12}),
        (("v1",), {"/v1/Services": 1, "/v1/Services/IS/Roles": 12}),
    ],
)
def test_only_lists_of_the_largest_size_are_asked_for(simulator, take, apis, lists):
    """A list per version and one per service's roles: no fetch per service, at the sizes that Twilio allows."""
    snapshot = take(simulator, apis=apis).snapshot
    assert snapshot.examined.apis == apis
    assert lists_asked(simulator) == lists
    assert {request.method for request in simulator.requests} == {"GET"}
    sizes = {(request.path.split("/")[1], *request.query[0]) for request in simulator.requests}
    roles = "1000" if apis == ("v1",) else "100"
    assert sizes == {(api, "PageSize", "100") for api in apis} | {(apis[-1], "PageSize", roles)}


@pytest.mark.parametrize("page_hosts", ["twilio", "self"])
def test_pages_are_followed_to_the_end(take, page_hosts):
    """All 250 services arrive, over three pages per version, though the answers name Twilio's own host."""
    with Simulator(services=250, page_hosts=page_hosts) as simulator:
        taken = take(simulator)
        asked = lists_asked(simulator)
        bodies = [request.body for request in simulator.requests if request.path == "/v2/Services"]
    assert taken.snapshot.services == len(taken.services) == 250
    assert asked == {"/v1/Services": 3, "/v2/Services": 3, "/v2/Services/IS/Roles": 250}
    named = json.loads(bodies[0])["meta"]["next_page_url"]
    assert named.startswith("https://chat.twilio.com/" if page_hosts == "twilio" else simulator.chat_url)


@pytest.mark.parametrize("lap", [1, 2])
def test_a_list_without_end_is_given_up(simulator, take, monkeypatch, lap):
    """A next page that leads back, to itself or around, ends the export instead of keeping it busy for ever."""
    for number in range(1, lap + 1):
        following = f"https://chat.twilio.com/v1/Services?Page={number % lap}"
        body = json.dumps({"meta": {"next_page_url": following}, "services": []})
        monkeypatch.setitem(KINDS, f"lap_{number}", Kind(How.ANSWER, processed=False, status=200, body=body))
        for turn in range(20):
            simulator.inject(Fault(f"lap_{number}", path="/v1/Services$", nth=number + lap * turn))
    with pytest.raises(CallFailed, match="leads back to a page that was read already"):
        take(simulator, apis=("v1",))
    assert len(simulator.requests) == lap + 1


def test_many_roles_are_followed_too(take):
    """A service with more roles than a page holds keeps them all, in their order."""
    with Simulator(services=1) as simulator:
        [service] = simulator.world.first.services.values()
        with simulator.locked() as world:
            for number in range(230):
                service.add_role(world.new_sid("RL"), f"role {number}", "channel", ["sendMessage"])
        [found] = take(simulator).services
    assert [role["sid"] for role in found.roles] == list(service.roles)


def test_a_fault_on_the_way_loses_nothing(take):
    """Pages that had to be asked for again are in the snapshot once, like all others."""
    with Simulator(services=150) as simulator:
        for kind in ("429", "500_after", "truncated", "wrong_shape", "reset_after", "html_502", "401"):
            simulator.inject(Fault(kind, path="/v2/Services$", nth=2), Fault(kind, path="Roles$", nth=9))
        taken = take(simulator)
    assert (taken.snapshot.services, len(taken.services)) == (150, 150)
    assert all(len(found.roles) >= 4 and found.v1 and found.v2 for found in taken.services)


def test_a_list_that_shifts_between_pages_gives_no_service_twice(take):
    """A service that shows up on two pages, since another one vanished, is stored once."""
    with Simulator(services=130) as simulator:
        first = next(iter(simulator.world.first.services))
        simulator.inject(
            Fault("edit", path="/v1/Services$", nth=2, edit=lambda world: world.delete_service(first)),
        )
        assert take(simulator).snapshot.services == 130
        assert take(simulator).snapshot.services == 129


def test_a_service_that_only_one_list_shows_is_kept_with_its_roles(simulator, take):
    """Of a service that one version has listed and the other has missed, such as a new one, the roles are read too."""
    services = simulator.world.first.services
    sid = sorted(services)[5]
    service = services[sid]
    simulator.inject(
        Fault("edit", path="/v2/Services$", edit=lambda _world: services.pop(sid)),
        Fault("edit", path="/v1/Services$", edit=lambda _world: services.setdefault(sid, service)),
        Fault("edit", path="/Roles$", edit=lambda _world: services.setdefault(sid, service)),
    )
    [found] = [each for each in take(simulator).services if each.v2 is None]
    assert (found.sid, [role["sid"] for role in found.roles]) == (sid, list(service.roles))


def test_service_narrows_the_snapshot(simulator, take):
    """`--service` takes the named services only, and reads no roles of others."""
    chosen = tuple(sorted(simulator.world.first.services)[3:5])
    taken = take(simulator, services=chosen)
    assert tuple(found.sid for found in taken.services) == chosen
    assert lists_asked(simulator)["/v2/Services/IS/Roles"] == 2


def test_an_unknown_service_is_named(simulator, take, tmp_path):
    """A SID that the account does not have is refused, by name, and nothing is kept."""
    known, unknown = next(iter(simulator.world.first.services)), "IS" + "0" * 32
    with pytest.raises(BadInput, match=f"No such Chat Service in account {simulator.account_sid}: {unknown}"):
        take(simulator, services=(known, unknown))
    assert not (tmp_path / "test.db").exists()


def test_an_account_without_services_is_an_empty_snapshot(take):
    """An empty account is no error: the snapshot says that it holds nothing."""
    with Simulator(services=0) as simulator:
        snapshot = take(simulator).snapshot
    assert snapshot.services == 0


@pytest.mark.parametrize("status", [403, 404, 410])
@pytest.mark.parametrize(("dead", "alive"), [("v1", "v2"), ("v2", "v1")])
def test_one_version_that_is_gone_is_told(simulator, take, monkeypatch, status, dead, alive):
    """Where one version does not answer any more, the other one is enough; what is missing is said."""
    simulator.inject(gone(monkeypatch, status, f"^/{dead}/"))
    taken = take(simulator)
    assert (taken.snapshot.examined.apis, taken.snapshot.services) == ((alive,), 12)
    assert all(found.roles for found in taken.services)
    [note] = taken.notes
    assert note.startswith(f"Chat {dead} refused to answer; what only it shows was not examined.")
    assert f"HTTP {status}" in note


@pytest.mark.parametrize("status", [403, 404, 410])
@pytest.mark.parametrize("apis", [("v1", "v2"), ("v1",), ("v2",)])
def test_a_dead_api_is_said_with_the_way_out(take, status, apis):
    """If no version that was asked for answers, one sentence says so and names `--from-file`."""
    with Simulator(chat_status=status) as simulator, pytest.raises(ChatUnavailable) as refusal:
        take(simulator, apis=apis)
    words = str(refusal.value)
    assert words.startswith(f"The Chat API ({' and '.join(apis)}) refuses to answer")
    assert f"HTTP {status}" in words
    assert "chat-migrate export --from-file" in words
    assert "\n" not in words


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("http://127.0.0.1:1", "127.0.0.1 refuses connections on port 1: nothing is listening there"),
        ("https://chat.invalid", "chat.invalid cannot be resolved"),
    ],
    ids=["nobody listens", "no such host"],
)
def test_a_host_that_cannot_be_reached_is_an_error(take, simulator, tmp_path, url, says):
    """A refused connection, and a name that resolves to nothing, never count as an API that is gone."""
    with pytest.raises(CallFailed, match=f"(?i){says}"):
        take(simulator, environ={"TWILIO_CHAT_URL": url})
    assert not (tmp_path / "test.db").exists()


@pytest.mark.parametrize("kind", ["500_before", "html_502", "429", "truncated", "reset_before"])
def test_trouble_is_not_death(simulator, take, tmp_path, kind):
    """An API that is merely in trouble is a failure with its answer, and no half snapshot stays behind."""
    simulator.inject(Fault(kind, path="/v2/Services$", times=None, retry_after=0))
    with pytest.raises(CallFailed):
        take(simulator, retrier=Retrier(GIVES_UP_SOON))
    assert not (tmp_path / "test.db").exists()


def test_a_version_that_dies_in_the_middle_of_its_list_is_no_half_view(take, tmp_path, monkeypatch):
    """Half a list is a failure, not a version that is gone: what it lacks would look like unset settings."""
    with Simulator(services=150) as simulator:
        fault = gone(monkeypatch, 404, path="^/v1/Services$")
        simulator.inject(Fault(fault.kind, api="chat", path="^/v1/Services$", nth=2, times=None))
        with pytest.raises(CallFailed):
            take(simulator)
    assert not (tmp_path / "test.db").exists()


def test_a_service_deleted_during_the_export_is_told(simulator, take):
    """A service that goes away between the list and its roles is kept as listed, and a notice says so."""
    sid = sorted(simulator.world.first.services)[0]
    simulator.inject(
        Fault("edit", path="/Roles$", edit=lambda world: world.service(sid) and world.delete_service(sid))
    )
    taken = take(simulator, concurrency=1)
    assert taken.snapshot.services == 12
    assert taken.services[0].roles == ()
    assert [note for note in taken.notes if "deleted during the export" in note and sid in note]


def test_a_foreign_next_page_receives_nothing(take, tmp_path):
    """A next page on another host ends the export, and that host never hears of us."""
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        stranger.settimeout(0.05)
        host = f"127.0.0.1:{stranger.getsockname()[1]}"
        with (
            Simulator(services=101, next_page_host=host) as simulator,
            pytest.raises(SafetyRefusal, match=r"foreign host \(127\.0\.0\.1:.*Nothing was sent there"),
        ):
            take(simulator)
        with pytest.raises(TimeoutError):
            stranger.accept()
    assert not (tmp_path / "test.db").exists()


# -- the real program -----------------------------------------------------------------------------------------


def test_the_program_says_what_it_has_taken(simulator, tool):
    """One line on stdout says what the snapshot holds and what to type next; the database is private."""
    result = tool.process("export")
    assert (result.code, result.err) == (0, "")
    assert result.out == (
        f"Snapshot 1: 12 Chat Services of {simulator.account_sid} (live, v1, v2). Next: chat-migrate diff\n"
    )
    assert stat.S_IMODE(tool.db.stat().st_mode) == 0o600
    [row] = tool.rows("SELECT source, services, completed_at FROM snapshots")
    assert (row["source"], row["services"]) == ("live", 12)
    connection = sqlite3.connect(tool.db)
    for sql in ("UPDATE items SET payload = ''", "DELETE FROM items", "DELETE FROM snapshots"):
        with pytest.raises(sqlite3.IntegrityError, match="immutable"):
            connection.execute(sql)
    connection.close()
    assert tool.rows("SELECT count(*) FROM items WHERE kind = 'service'")[0][0] == 24


def start(tool, *arguments, **options):
    """Start the program and leave it running."""
    command = [sys.executable, "-m", "migrate", *arguments]
    return subprocess.Popen(command, cwd=tool.folder, env=tool.environ, stdin=subprocess.DEVNULL, **options)


def wait_for(condition):
    """Wait until something happens that another process does."""
    for _ in range(2000):
        if condition():
            return True
        time.sleep(0.005)
    return False


def is_midway(simulator):
    """Whether roles of some services have been read, but not of all."""
    return len(simulator.requests) > 6


def test_a_killed_export_leaves_no_half_snapshot_that_counts(tool, simulator):
    """After kill -9 in the middle of an export nothing is there to diff, and the next export is whole."""
    simulator._latency = 0.05
    with start(tool, "export", "--concurrency", "1") as running:
        assert wait_for(lambda: is_midway(simulator))
        running.kill()
    assert tool.rows("SELECT count(*) FROM items WHERE kind = 'service'")[0][0] > 0
    refused = tool("diff")
    assert refused.code == 2
    assert "There is no snapshot" in refused.err
    simulator._latency = 0
    assert tool("export").code == 0
    assert [tuple(row) for row in tool.rows("SELECT services FROM snapshots")] == [(12,)]


@pytest.mark.parametrize("quiet", [False, True])
def test_progress_is_shown_on_a_terminal_only(tool, quiet):
    """A bar appears where stderr is a terminal, and not with --quiet; a pipe gets none."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    arguments = ["--quiet", "export"] if quiet else ["export"]
    with start(tool, *arguments, stdout=subprocess.DEVNULL, stderr=slave) as running:
        os.close(slave)
        shown = b""
        while chunk := read_terminal(master):
            shown += chunk
    os.close(master)
    assert running.returncode == 0
    assert (b"Reading services" in shown) is not quiet


def read_terminal(master):
    """What came, or nothing when the other side has hung up."""
    try:
        return os.read(master, 65536)
    except OSError:
        return b""
