"""A simulator's memory outlives it, however it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest
import requests

from migrate.simulator import Simulator, World, seeded_world
from migrate.simulator.state import StateFile

CHILD = """
import sys
from pathlib import Path
from migrate.simulator import serve

def tell(sim):
    print(sim.conversations_url, sim.account_sid, sim.auth_token, flush=True)

serve(state=Path(sys.argv[1]), services=3, on_ready=tell)
"""


def test_a_world_survives_json():
    """A world is the same after a way through its JSON."""
    world = seeded_world(3, 15, accounts=2)
    document = json.loads(json.dumps(world.to_json()))
    assert World.from_json(document) == world


def test_closing_saves(tmp_path, open_sim):
    """What was written is there when the next simulator starts on the same file."""
    state = tmp_path / "state.json"
    caller = open_sim(state=state)
    sid = caller.chat("/v2/Services", {"FriendlyName": "Kept"}).json()["sid"]
    caller.sim.close()
    again = open_sim(state=state, services=0)
    assert again.chat(f"/v2/Services/{sid}").json()["friendly_name"] == "Kept"
    assert again.sim.world == caller.sim.world


def test_a_second_hand_is_saved_at_once(tmp_path, open_sim):
    """An edit under the lock is on disk when the lock is gone."""
    state = tmp_path / "state.json"
    caller = open_sim(state=state)
    with caller.sim.locked() as world:
        world.create_service(world.first, "By hand")
    assert StateFile(state).load() == caller.sim.world


def test_a_killed_simulator_loses_no_answered_write(tmp_path):
    """After SIGKILL the file and its journal hold every kind of write that was answered."""
    state = tmp_path / "state.json"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(state)], stdout=subprocess.PIPE, text=True, env=environment
    )
    try:
        base, account, token = child.stdout.readline().split()
        with requests.Session() as session:
            session.trust_env = False
            session.auth = (account, token)
            first, second, _ = StateFile(state).load().accounts[account].services

            def post(path, **form):
                answer = session.post(f"{base}/v1{path}", data=form, timeout=5)
                assert answer.ok, answer.text
                return answer.json()

            created = post("/Services", FriendlyName="Answered")
            hooks = post(f"/Services/{first}/Configuration/Webhooks", Method="GET")
            role = post(
                f"/Services/{first}/Roles", FriendlyName="r", Type="service", Permission="joinConversation"
            )
            post("/Configuration", DefaultClosedTimer="PT10M")
            assert session.delete(f"{base}/v1/Services/{second}", timeout=5).status_code == 204
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdout.close()
    world = StateFile(state).load()
    assert list(world.first.services)[-1] == created["sid"]
    assert world.service(first).conversations_webhooks["method"] == hooks["method"] == "GET"
    assert role["sid"] in world.service(first).roles
    assert second not in world.first.services
    assert world.first.configuration["default_closed_timer"] == "PT10M"
    assert world.serial == 6


def test_a_torn_line_was_never_answered(tmp_path, open_sim):
    """A journal whose last line was cut off is read up to there."""
    state = tmp_path / "state.json"
    with Simulator(state=state, services=1):
        pass
    (tmp_path / "state.json.journal").write_text('{"serial": 5, "acc', encoding="utf-8")
    assert StateFile(state).load().serial == 0


def test_a_file_that_is_no_state(tmp_path):
    """A file that is not JSON is refused, and left as it is."""
    state = tmp_path / "state.json"
    state.write_text("not a state", encoding="utf-8")
    with pytest.raises(ValueError, match="is not the state of a simulator"):
        Simulator(state=state)
    assert state.read_text(encoding="utf-8") == "not a state"


def test_a_port_that_is_taken(open_sim):
    """A taken port is an OSError, at once."""
    port = int(open_sim().sim.url.rsplit(":", 1)[1])
    with pytest.raises(OSError, match="in use"):
        open_sim(port=port)


@pytest.mark.parametrize(
    "text", ["{}", "[]", "5", "nonsense", '{"accounts":[{}],"serial":0}', '{"accounts":[],"serial":0}']
)
def test_a_file_that_is_no_state_is_named(tmp_path, text):
    """A file of another shape is refused in one sentence that names it."""
    state = tmp_path / "state.json"
    state.write_text(text)
    with pytest.raises(ValueError, match=r"state\.json is (not )?the state of a simulator"):
        Simulator(state=state)
