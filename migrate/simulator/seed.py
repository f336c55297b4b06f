"""A world to begin with, drawn by a seed: the same seed, the same world, to the last SID and date."""

from __future__ import annotations

import random
from datetime import datetime, timedelta, timezone

from migrate.simulator.archetypes import ARCHETYPES, Archetype, Flavour
from migrate.simulator.world import Account, Service, World, add_default_roles, make_sid

FIRST_DAY = datetime(2018, 3, 5, 9, 30, tzinfo=timezone.utc)
LIFETIME_DAYS = 1500

FIRST_WORDS = ("Amber", "Birch", "Cobalt", "Dune", "Ember", "Fern", "Granite", "Harbour", "Indigo", "Larch")
LAST_WORDS = ("Bikes", "Clinic", "Couriers", "Dental", "Gardens", "Kitchens", "Lending", "Pets", "Travel")


def seeded_world(seed: int = 0, services: int = 12, accounts: int = 1) -> World:
    """Return a world whose first account holds so many services; its other accounts are empty.

    The first twelve services are one of each archetype; those after are drawn from them and varied.
    """
    world = World()
    for _ in range(accounts):
        world.add_account(seed)
    for number in range(services):
        _add_service(world.first, seed, number)
    world.first.configuration["default_chat_service_sid"] = next(iter(world.first.services), None)
    return world


def _add_service(account: Account, seed: int, number: int) -> None:
    chance = random.Random(f"{seed}/{number}")  # noqa: S311 - a rehearsal wants to be repeated
    name, host, archetype = _choose(number, chance)
    created = FIRST_DAY + timedelta(days=chance.randrange(LIFETIME_DAYS), seconds=number)
    updated = created + timedelta(days=chance.randrange(LIFETIME_DAYS))
    sid = make_sid("IS", account.sid, seed, number)
    service = Service(sid, account.sid, _iso(created), _iso(updated))
    service.chat["friendly_name"] = name
    add_default_roles(service, lambda: make_sid("RL", sid, len(service.roles)))
    archetype(service, Flavour(host, chance))
    if number >= len(ARCHETYPES):
        _vary(service, chance)
    account.services[sid] = service


def _choose(number: int, chance: random.Random) -> tuple[str, str, Archetype]:
    if number < len(ARCHETYPES):
        return ARCHETYPES[number]
    first, last = chance.choice(FIRST_WORDS), chance.choice(LAST_WORDS)
    host = f"{first}-{last}-{number}.example.com".lower()
    return f"{first} {last} {number}", host, chance.choice(ARCHETYPES)[2]


def _vary(service: Service, chance: random.Random) -> None:
    service.chat["reachability_enabled"] = chance.random() < 0.5
    service.chat["limits"]["channel_members"] = chance.choice([100, 100, 250, 1000])
    filters = service.chat["webhook_filters"]
    chance.shuffle(filters)


def _iso(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
