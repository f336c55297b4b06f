"""A world to begin with, drawn by a seed."""

from __future__ import annotations

from migrate.simulator.world import World


def seeded_world(seed: int = 0, services: int = 12, accounts: int = 1) -> World:
    """Return a world whose first account holds so many services, and whose others hold none."""
    world = World()
    for _ in range(accounts):
        world.add_account(seed)
    for number in range(services):
        world.create_service(world.first, f"Service {number + 1}")
    return world
