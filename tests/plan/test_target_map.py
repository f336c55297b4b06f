"""`--target-map`: existing Conversation Services as targets, and a file that is refused line by line."""

from __future__ import annotations

from copy import deepcopy

import pytest
from driving import about, code_of, drive
from hypothesis import given
from hypothesis import strategies as st
from worlds import differences_elsewhere, differences_in_place, named, posts

from migrate.core.errors import BadInput
from migrate.plan.target_map import read_target_map
from migrate.simulator import Simulator

HEADER = "source_sid,target_sid"
ONE, TWO, THREE = ("IS" + digit * 32 for digit in "123")


@pytest.fixture
def simulator():
    """A simulated account with the twelve archetypes, and a second one with two services."""
    with Simulator(services=12, seed=7, accounts=2) as running:
        account = running.world.accounts[list(running.world.accounts)[1]]
        for name in ("Left", "Right"):
            running.world.create_service(account, name)
        yield running


def second(simulator):
    """The SID of the account that receives."""
    return list(simulator.world.accounts)[1]


@pytest.fixture
def driver(simulator, tmp_path):
    """A driver that writes to the second account."""
    return drive(tmp_path, simulator, second(simulator))


def write_map(folder, *pairs):
    """Write a map file and return its path."""
    path = folder / "map.csv"
    lines = [HEADER, *(f"{source.sid},{target.sid}" for source, target in pairs)]
    path.write_text("\n".join(lines) + "\n")
    return path


# -- what is refused ----------------------------------------------------------------------------------------

REFUSED = {
    "nothing": ("", "line 1: the header must name source_sid and target_sid once each, not ''"),
    "another header": (f"source,target\n{ONE},{TWO}\n", "line 1: the header"),
    "a column twice": (f"{HEADER},target_sid\n{ONE},{TWO},{THREE}\n", "line 1: the header"),
    "a missing column": (f"{HEADER}\n{ONE}\n", "line 2: at least 2 columns are expected.*; found 1"),
    "a service and a role": (f"{HEADER}\nRL{'1' * 32},{TWO}\n", "line 2: source_sid is 'RL1"),
    "a malformed source": (f"{HEADER}\n{ONE},{TWO}\nIS12,{THREE}\n", "line 3: source_sid is 'IS12'"),
    "a malformed target": (f"{HEADER}\n{ONE},CH{'2' * 32}\n", "line 2: target_sid is 'CH2"),
    "a source twice": (
        f"{HEADER}\n{ONE},{TWO}\n{ONE},{THREE}\n",
        "line 3: IS1+ has a target already .*line 2",
    ),
    "a target twice": (
        f"{HEADER}\n\n{ONE},{THREE}\n{TWO},{THREE}\n",
        "line 4: IS3+ is the target of IS1+ .*line 3",
    ),
    "no line": (f"{HEADER}\n\n", "maps no service"),
    "an open quote": (f'{HEADER}\n"{ONE},{TWO}\n', "line 2: not CSV"),
    "bytes": (b"\xff\xfe\x00", "not UTF-8"),
}


@pytest.mark.parametrize(("content", "says"), REFUSED.values(), ids=REFUSED)
def test_an_unusable_file(tmp_path, content, says):
    """A file that is no map is refused in one sentence with its name and the line."""
    path = tmp_path / "map.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(BadInput, match=says) as refused:
        read_target_map(path)
    assert str(path) in str(refused.value)


def test_a_file_that_is_not_there(tmp_path):
    """A missing file, or a folder, is named."""
    for path in (tmp_path / "no.csv", tmp_path):
        with pytest.raises(BadInput, match="cannot be read"):
            read_target_map(path)


def test_what_spreadsheets_make_of_a_map(tmp_path):
    """A byte order mark, CRLF, spaces and empty lines change nothing."""
    path = tmp_path / "map.csv"
    path.write_bytes(f"\ufeffsource_sid, target_sid\r\n\r\n {ONE} ,{TWO}\r\n,\r\n".encode())
    (line,) = read_target_map(path).values()
    assert (line.source_sid, line.target_sid, line.place) == (ONE, TWO, f"{path}, line 3")


ANY_BYTES = st.binary(max_size=200)
NEARLY_A_MAP = st.text(alphabet=',"\n\r1IS', max_size=100).map(lambda text: f"{HEADER}\n{text}".encode())


@given(ANY_BYTES | NEARLY_A_MAP)
def test_any_bytes_are_refused_by_name(tmp_path_factory, content):
    """Whatever a file holds instead of SIDs, it is refused by name, never with a crash."""
    path = tmp_path_factory.mktemp("map") / "map.csv"
    path.write_bytes(content)
    with pytest.raises(BadInput) as refused:
        read_target_map(path)
    assert str(path) in str(refused.value)


def test_a_refused_file_sends_nothing(simulator, tool):
    """A malformed map is refused before Twilio hears of it, by diff and by run."""
    drive(tool.folder, simulator).export()
    (tool.folder / "map.csv").write_text(f"{HEADER}\n{ONE},nonsense\n")
    sent = len(simulator.requests)
    for command in (("diff",), ("run", "--yes")):
        result = tool(*command, "--target-map", "map.csv")
        assert result.code == 2
        assert "map.csv, line 2" in result.err
    assert len(simulator.requests) == sent


def test_a_source_that_the_snapshot_does_not_hold(simulator, tool):
    """A source that is no Chat Service of the snapshot is refused with its line, before any target is read."""
    drive(tool.folder, simulator).export()
    target = named(simulator, "Left", second(simulator)).sid
    (tool.folder / "map.csv").write_text(f"{HEADER}\n{ONE},{target}\n")
    sent = len(simulator.requests)
    result = tool("diff", "--target-map", "map.csv", environ=simulator.environment(second(simulator)))
    assert result.code == 2
    assert "map.csv, line 2" in result.err
    assert len(simulator.requests) == sent


def test_a_target_of_another_account(simulator, tool):
    """A target that the account does not have is refused with its line, and nothing is written to any target."""
    pairs = [
        (named(simulator, "Kestrel"), named(simulator, "Left", second(simulator))),
        (named(simulator, "Alder"), named(simulator, "Juniper")),
    ]
    write_map(tool.folder, *pairs)
    environ = simulator.environment(second(simulator))
    result = tool("run", "--yes", "--target-map", "map.csv", environ=environ)
    assert result.code == 2
    assert "map.csv, line 3" in result.err
    assert posts(simulator) == []


# -- what is done -------------------------------------------------------------------------------------------


def test_settings_and_roles_are_equal_afterwards(simulator, driver, tmp_path):
    """Mapped targets hold every setting and role of their sources; nothing else is touched, and no service made."""
    pairs = [
        (named(simulator, "Saltmarsh"), named(simulator, "Left", second(simulator))),
        (named(simulator, "Kestrel"), named(simulator, "Right", second(simulator))),
    ]
    path = write_map(tmp_path, *pairs)
    report = driver.run(target="map", target_map=path)
    assert (code_of(report), report.summary.services) == (0, 2)
    for source, target in pairs:
        found = differences_elsewhere(source, target)
        assert found == [f"name: {target.chat['friendly_name']!r}"]
    targets = {target.sid for _, target in pairs}
    assert {request.path.split("/")[3] for request in posts(simulator)} == targets


def test_the_budget_of_requests(simulator, driver, tmp_path):
    """A mapped target is read once, its roles once more before each that is created, and written 3 times at most."""
    target = named(simulator, "Left", second(simulator))
    driver.run(target="map", target_map=write_map(tmp_path, (named(simulator, "Saltmarsh"), target)))
    mine = [request for request in simulator.requests if target.sid in request.path]
    assert sum(request.method == "GET" for request in mine) == 4 + 3
    assert sum(request.method == "POST" and "/Roles" not in request.path for request in mine) <= 3


def test_a_second_run_writes_nothing(simulator, driver, tmp_path):
    """Mapping the same services again finds everything equal."""
    pair = (named(simulator, "Saltmarsh"), named(simulator, "Left", second(simulator)))
    path = write_map(tmp_path, pair)
    driver.run(target="map", target_map=path)
    sent = len(simulator.requests)
    assert code_of(driver.run(target="map", target_map=path)) == 0
    assert posts(simulator, sent) == []


def test_roles_are_matched_by_type_and_name(simulator, driver, tmp_path):
    """A role of the same type and lower-cased name gets exactly the permissions; one of another type does not."""
    source, target = named(simulator, "Saltmarsh"), named(simulator, "Left", second(simulator))
    same = target.add_role("RL" + "a" * 32, "GUEST", "channel", ["editAnyMessage"])
    other = target.add_role("RL" + "b" * 32, "moderator", "deployment", ["editAnyMessage"])
    assert code_of(driver.run(target="map", target_map=write_map(tmp_path, (source, target)))) == 0
    assert set(same.permissions) == {"sendMessage", "leaveChannel", "editOwnMessage"}
    assert other.permissions == ["editAnyMessage"]
    assert sum(role.friendly_name.lower() == "guest" for role in target.roles.values()) == 1
    assert target.chat["default_channel_role_sid"] == same.sid


def test_two_roles_that_cannot_be_told_apart(simulator, driver, tmp_path):
    """Where the target has two roles that fit, none is changed, and the report names both."""
    source, target = named(simulator, "Saltmarsh"), named(simulator, "Left", second(simulator))
    twins = [target.add_role("RL" + digit * 32, "guest", "channel", ["editAnyMessage"]) for digit in "ab"]
    report = driver.run(target="map", target_map=write_map(tmp_path, (source, target)))
    assert code_of(report) == 4
    assert all(role.permissions == ["editAnyMessage"] for role in twins)
    (message,) = (step.error.message for step in about(report, source.sid).steps if step.error)
    assert all(role.sid in message for role in twins)


def test_the_target_keeps_its_name(simulator, driver, tmp_path):
    """A service cannot be renamed through Conversations; the report says that the target keeps its name."""
    source, target = named(simulator, "Kestrel"), named(simulator, "Left", second(simulator))
    driver.export()
    report = driver.diff(target="map", target_map=write_map(tmp_path, (source, target)))
    (row,) = (row for row in about(report, source.sid).fields if row.source == "friendly_name")
    assert (row.verdict, row.change) == ("not_needed", False)
    assert "keeps the name" in row.reason


def test_a_service_mapped_to_itself(simulator, tmp_path):
    """Mapping a service to itself does what a run in place does, union of permissions included."""
    service = named(simulator, "Saltmarsh")
    service.role_named("moderator").permissions.append("addNonChatParticipant")
    before = deepcopy(service)
    driver = drive(tmp_path, simulator)
    assert code_of(driver.run(target="map", target_map=write_map(tmp_path, (service, service)))) == 0
    assert differences_in_place(before, service) == []
    assert {request.path.split("/")[3] for request in posts(simulator)} == {service.sid}
    sent = len(simulator.requests)
    driver.run()
    assert not [request for request in posts(simulator, sent) if service.sid in request.path]


def test_two_services_exchange_their_settings(simulator, tmp_path):
    """What is written to one service does not leak into what is written from it: the snapshot is the source."""
    left, right = named(simulator, "Kestrel"), named(simulator, "Marigold")
    before = {service.sid: deepcopy(service) for service in (left, right)}
    path = write_map(tmp_path, (left, right), (right, left))
    # What one has and the other has not is to go, too.
    assert code_of(drive(tmp_path, simulator).run(target="map", target_map=path, clear=True)) == 0
    for source, target in ((left, right), (right, left)):
        found = differences_elsewhere(before[source.sid], target)
        assert found == [f"name: {target.chat['friendly_name']!r}"]


def test_what_is_not_in_the_map_is_told(simulator, tool):
    """A map of a part of the account says how many services stay as they are."""
    pair = (named(simulator, "Kestrel"), named(simulator, "Left", second(simulator)))
    write_map(tool.folder, pair)
    drive(tool.folder, simulator).export()
    result = tool("diff", "--target-map", "map.csv", environ=simulator.environment(second(simulator)))
    assert "11 of 12 services are not in the map" in result.err
