"""What a rollback says before it asks: what goes back, what is removed, and what stays, on one screen."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from migrate.core.masking import mask_secrets
from migrate.report.blocks import Block, Heading, Prose, Table, text
from migrate.report.text_report import render_text
from migrate.report.values import visible
from migrate.report.words import count, verb

MOST_REASONS = 10


@dataclass(frozen=True)
class Stays:
    """What a rollback leaves for one reason: the sentence, how many steps, and of how many services."""

    reason: str
    steps: int
    services: int


@dataclass(frozen=True)
class Undoing:
    """What a rollback of a run would do in the account that it writes to.

    Attributes:
        fields: how many go back to what they were, in so many `services`.
        removed: noun, `role` → how many that the run has created are deleted.
    """

    run: int
    account_sid: str
    fields: int
    services: int
    removed: Mapping[str, int]
    stays: Sequence[Stays]


def rollback_question(undoing: Undoing, width: int = 100) -> str:
    """Return what stands before the question, in at most 40 lines of text."""
    stream = io.StringIO()
    render_text(_blocks(undoing), stream, width=width)
    return stream.getvalue()


def _blocks(undoing: Undoing) -> list[Block]:
    told = f"{count(undoing.fields, 'field')} in {count(undoing.services, 'service')}"
    goes = verb(undoing.fields, "goes", "go")
    head = f"Rollback of run {undoing.run} in account {visible(undoing.account_sid)}: {told} {goes} back."
    parts: list[Block] = [Prose(text(head))]
    if undoing.removed:
        removed = ", ".join(count(number, noun) for noun, number in undoing.removed.items())
        parts.append(Prose(text(f"Created by the run, and deleted now: {removed}.")))
    if not undoing.stays:
        return parts
    stays = sorted(undoing.stays, key=lambda one: -one.steps)
    steps = count(sum(one.steps for one in stays), "step")
    parts.append(Heading(text(f"Left as it is: {steps}")))
    rows = [
        (text(visible(mask_secrets(one.reason))), text(f"{one.steps:,}"), text(f"{one.services:,}"))
        for one in stays[:MOST_REASONS]
    ]
    parts.append(Table(("why", "steps", "services"), rows))
    if len(stays) > MOST_REASONS:
        rest = count(len(stays) - MOST_REASONS, "more reason")
        parts.append(Prose(text(f"… and {rest}: see `chat-migrate rollback --dry-run --full`.")))
    return parts
