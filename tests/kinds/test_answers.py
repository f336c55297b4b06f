"""What kinds answer: which creates wait for one another, what an answer or a refusal says of an item."""

from __future__ import annotations

import asyncio

import pytest

from mappings import Verdict
from migrate.kinds.base import Refusal
from migrate.kinds.registry import KINDS
from migrate.model.rows import FieldRow
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


def test_a_name_is_the_same_if_it_is_equal():
    """What Twilio has made of the name of a new service is told where it is another one."""
    assert KINDS["service"].same("friendly_name", "Shop", "Shop") is True
    assert KINDS["service"].same("friendly_name", "Shop ", "Shop") is False


OWN = {kind: kind + "1" * 32 for kind in ("IS", "RL", "CH")}
OTHERS = {kind: kind + "2" * 32 for kind in ("IS", "RL", "CH")}


@pytest.mark.parametrize(
    ("kind", "target", "right", "wrong"),
    [
        ("service", None, {"sid": OWN["IS"]}, [{"sid": OWN["CH"]}, {}]),
        (
            "roles",
            None,
            {"sid": OTHERS["RL"], "chat_service_sid": OWN["IS"]},
            [{"sid": OTHERS["RL"], "chat_service_sid": OTHERS["IS"]}, {"chat_service_sid": OWN["IS"]}],
        ),
        ("roles", OWN["RL"], {"sid": OWN["RL"]}, [{"sid": OTHERS["RL"]}, {}]),
        ("webhooks", None, {"chat_service_sid": OWN["IS"]}, [{"chat_service_sid": OTHERS["IS"]}, {}]),
        (
            "channels",
            OWN["CH"],
            {"sid": OWN["CH"], "type": "private"},
            [{"sid": OTHERS["CH"], "type": "private"}, {"sid": OWN["CH"]}, {}],
        ),
    ],
)
def test_only_an_answer_about_the_item_itself_is_believed(kind, target, right, wrong):
    """Whatever else a write is answered proves nothing: the item is read again."""
    step = ReadyStep(
        key="a",
        kind=kind,
        action=Action.UPDATE if target else Action.CREATE,
        source_sid=OWN["IS"],
        item_sid=OWN["CH"],
        service_sid=OWN["IS"],
        target_sid=target,
        before={},
        after={"friendly_name": "a", "permissions": []},
        detail={"friendly_name": "a", "type": "channel"},
    )
    check = KINDS[kind].request(step).check
    assert check(right)
    assert not any(check(answer) for answer in wrong)


@pytest.mark.parametrize(
    ("restored", "causes"),
    [
        ({"pre_webhook_url": "", "post_webhook_url": ""}, ["urls_emptied"]),
        ({"post_webhook_url": "", "method": "GET"}, ["urls_emptied"]),
        ({"pre_webhook_url": "", "post_webhook_url": "https://example.com/"}, []),
        ({"method": "GET"}, []),
    ],
)
def test_webhooks_that_were_never_set_are_emptied_with_a_word_of_warning(restored, causes):
    """Only where no URL is restored may the account's own webhook have been the one that was called."""
    inverse = ReadyStep("a", "webhooks", Action.UPDATE, "IS1", "IS1", "IS1", "IS1", {}, restored)
    assert [reason.id for reason in KINDS["webhooks"].undo_notes(inverse)] == causes


@pytest.mark.parametrize("kind", ["service", "roles", "configuration", "notifications", "webhooks"])
def test_a_refusal_is_about_the_step_alone(kind):
    """That one request was refused says neither that the item nor that the API is gone."""
    assert asyncio.run(KINDS[kind].refused(None, None, None)) is Refusal.OF_STEP


@pytest.mark.parametrize(("before", "change"), [(["onMessageAdded"], False), ([], True)])
def test_a_row_whose_filters_twilio_has_refused(before, change):
    """It tells what was sent in the end, and is no change if that was there already."""
    row = FieldRow(
        source="webhook_filters",
        api="v2",
        value=["onMessageSent", "onUserAdded"],
        resource="webhooks",
        target="filters",
        before=before,
        after=["onMessageAdded", "onUserAdded"],
        change=True,
        verdict=Verdict.EXACT,
        reasons=(),
    )
    told = KINDS["webhooks"].told_after(row, ("onUserAdded",))
    assert (told.after, told.change, told.verdict) == (["onMessageAdded"], change, "manual")
    assert KINDS["webhooks"].told_after(row, ()) == row
