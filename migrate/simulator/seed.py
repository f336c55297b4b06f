"""A world to begin with, drawn by a seed: the same seed, the same world, to the last SID and date."""

from __future__ import annotations

import random
from datetime import datetime, timedelta, timezone
from typing import Any

from migrate.simulator.archetypes import ARCHETYPES, Archetype, Flavour
from migrate.simulator.shelves import Channels
from migrate.simulator.world import Account, Service, World, add_default_roles, dice, make_sid

FIRST_DAY = datetime(2018, 3, 5, 9, 30, tzinfo=timezone.utc)
LIFETIME_DAYS = 1500

FIRST_WORDS = ("Amber", "Birch", "Cobalt", "Dune", "Ember", "Fern", "Granite", "Harbour", "Indigo", "Larch")
LAST_WORDS = ("Bikes", "Clinic", "Couriers", "Dental", "Gardens", "Kitchens", "Lending", "Pets", "Travel")


def seeded_world(  # noqa: PLR0913 - each is one independent property of the world
    seed: int = 0,
    services: int = 12,
    accounts: int = 1,
    *,
    account_services: int = 0,
    suspended: int = 0,
    channels: int | None = None,
    public_share: float = 0.75,
) -> World:
    """Return a world; the same arguments give the same one.

    The first twelve services of an account are one of each archetype; those after are drawn from them and varied.

    Args:
        seed: of everything that is drawn.
        services: how many the first account holds, the parent of the others.
        accounts: how many there are, the parent included.
        account_services: how many services each of the other accounts holds; drawn when first looked at.
        suspended: how many of the other accounts, the last ones, are suspended.
        channels: how many each service holds, instead of the few of its archetype.
        public_share: the share of these channels that are public, 0 to 1.
    """
    world = World()
    for number in range(accounts):
        account = world.add_account(seed)
        account.seeded = {
            "seed": seed,
            "services": account_services if number else services,
            "channels": channels,
            "public_share": public_share,
        }
        account.status = "suspended" if number and number >= accounts - suspended else "active"
        grow(account)
        if not number or account_services:
            default = _service_sid(account, seed, 0) if account.seeded["services"] else None
            account.configuration["default_chat_service_sid"] = default
    return world


def grow(account: Account) -> None:
    """Have the services of an account drawn when somebody first looks at them."""
    recipe = account.seeded or {"services": 0}

    def draw() -> dict[str, Service]:
        drawn = [_service(account, recipe, number) for number in range(recipe["services"])]
        return {service.sid: service for service in drawn}

    account.services.fill_later(draw)


def _service_sid(account: Account, seed: int, number: int) -> str:
    return make_sid("IS", account.sid, seed, number)


def _service(account: Account, recipe: dict[str, Any], number: int) -> Service:
    seed = recipe["seed"]
    chance = dice(f"{seed}/{number}")
    name, host, archetype = _choose(number, chance)
    created = FIRST_DAY + timedelta(days=chance.randrange(LIFETIME_DAYS), seconds=number)
    updated = created + timedelta(days=chance.randrange(LIFETIME_DAYS))
    sid = _service_sid(account, seed, number)
    service = Service(sid, account.sid, _iso(created), _iso(updated))
    service.chat["friendly_name"] = name
    add_default_roles(service, lambda: make_sid("RL", sid, len(service.roles)))
    archetype(service, Flavour(host, chance))
    if number >= len(ARCHETYPES):
        _vary(service, chance)
    if recipe["channels"] is not None:
        service.channels = Channels(sid, recipe["channels"], recipe["public_share"])
    return service


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
