"""The embedded Twilio: Programmable Chat v1/v2/v3 and Conversations v1 over real HTTP."""

from migrate.simulator.faults import Fault, FaultPlan
from migrate.simulator.loading import world_from
from migrate.simulator.seed import seeded_world
from migrate.simulator.server import Simulator, serve
from migrate.simulator.shelves import Channel
from migrate.simulator.state import StateFile
from migrate.simulator.uneven import Unevenness
from migrate.simulator.wire import RecordedRequest
from migrate.simulator.world import Account, Role, Service, World

__all__ = [
    "Account",
    "Channel",
    "Fault",
    "FaultPlan",
    "RecordedRequest",
    "Role",
    "Service",
    "Simulator",
    "StateFile",
    "Unevenness",
    "World",
    "seeded_world",
    "serve",
    "world_from",
]
