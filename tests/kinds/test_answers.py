"""What kinds answer: which creates wait for one another, and what a refusal says of an item."""

from __future__ import annotations

import asyncio

import pytest

from migrate.kinds.base import Refusal
from migrate.kinds.registry import KINDS
from migrate.model.step import Action, ReadyStep


def group(kind, name, *, service="IS1", item="IT1", role_type="channel"):
    """The group of a create of that name."""
    step = ReadyStep(
        key="a",
        kind=kind,
        action=Action.CREATE,
        source_sid="IS0",
        item_sid=item,
        service_sid=service,
        target_sid=None,
        before={},
        after={"friendly_name": name},
        detail={"friendly_name": name, "type": role_type},
    )
    return KINDS[kind].create_group(step)


def test_services_of_one_name_are_one_group():
    """Blanks around a name tell nobody whose a service is."""
    assert group("service", "Shop") == group("service", " Shop ", item="IT2")
    assert group("service", "Shop") != group("service", "Shop 2")


def test_roles_of_one_name_and_type_in_a_service_are_one_group():
    """Another type or another service tells them apart."""
    assert group("roles", "guest") == group("roles", " Guest ", item="IT2")
    assert group("roles", "guest") != group("roles", "guest", role_type="service")
    assert group("roles", "guest") != group("roles", "guest", service="IS2")
    assert group("roles", "guest") != group("roles", "host")


def test_all_other_items_stand_for_themselves():
    """Without a name that counts, the item itself is the group."""
    assert group("webhooks", "a") == group("webhooks", "b")
    assert group("webhooks", "a") != group("webhooks", "a", item="IT2")
    assert group("webhooks", "a") != group("webhooks", "a", service="IS2")


@pytest.mark.parametrize("kind", ["service", "roles", "configuration", "notifications", "webhooks"])
def test_a_refusal_is_about_the_step_alone(kind):
    """That one request was refused says neither that the item nor that the API is gone."""
    assert asyncio.run(KINDS[kind].refused(None, None, None)) is Refusal.OF_STEP
