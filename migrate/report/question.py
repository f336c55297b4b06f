"""What a rollback says before it asks: what goes back, what is removed, and what stays, on one screen."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from migrate.core.masking import mask_secrets
from migrate.report.blocks import Block, Heading, Prose, Span, Table
from migrate.report.text_report import render_text
from migrate.report.values import visible
from migrate.report.words import count

MOST_REASONS = 10


@dataclass(frozen=True)
class Stays:
    """What a rollback leaves for one reason: the sentence, how many steps, and of how many services."""

    reason: str
    steps: int
    services: int


@dataclass(frozen=True)
class Undoing:
    """What a rollback would do.

    Attributes:
        run: the run that is rolled back.
        account_sid: the account that is written to.
        fields: how many fields go back to what they were.
        services: of how many services.
        removed: noun, `role` → how many that the run has created are deleted.
        stays: what is left, by reason.
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
    verb = "goes" if undoing.fields == 1 else "go"
    head = f"Rollback of run {undoing.run} in account {visible(undoing.account_sid)}: {told} {verb} back."
    parts: list[Block] = [Prose((Span(head),))]
    if undoing.removed:
        removed = ", ".join(count(number, noun) for noun, number in undoing.removed.items())
        parts.append(Prose((Span(f"Created by the run, and deleted now: {removed}."),)))
    if not undoing.stays:
        return parts
    stays = sorted(undoing.stays, key=lambda one: -one.steps)
    steps = count(sum(one.steps for one in stays), "step")
    parts.append(Heading((Span(f"Left as it is: {steps}"),)))
    rows = [
        ((Span(visible(mask_secrets(one.reason))),), (Span(f"{one.steps:,}"),), (Span(f"{one.services:,}"),))
        for one in stays[:MOST_REASONS]
    ]
    parts.append(Table(("why", "steps", "services"), rows))
    if len(stays) > MOST_REASONS:
        rest = count(len(stays) - MOST_REASONS, "more reason")
        parts.append(Prose((Span(f"… and {rest}: see `chat-migrate rollback --dry-run --full`."),)))
    return parts
