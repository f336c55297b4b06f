"""Comparing a reading of a target with the rows of its plan."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from migrate.kinds.registry import KINDS
from migrate.model.image import TargetImage
from migrate.model.plan import PlannedService
from migrate.model.rows import FieldRow
from migrate.model.step import lookup, marked_sid

Json = Any


def is_read(row: FieldRow, image: TargetImage) -> bool:
    """Whether an image shows what a row is about."""
    return row.target is not None and row.resource in image.payloads


def live_value(row: FieldRow, image: TargetImage, counterparts: Mapping[str, str]) -> Json:
    """Return what a target holds where a row points to; None if it is not there."""
    if row.resource is None or row.target is None or row.resource not in image.payloads:
        return None
    sid = image.sid if row.item_sid is None else counterparts.get(row.item_sid, row.item_sid)
    resource = KINDS[row.resource].part(image.payloads[row.resource], sid)
    return lookup(resource, row.target)


def expected(row: FieldRow, counterparts: Mapping[str, str]) -> Json:
    """Return what a row says that the target will hold, with the SIDs that a run has learnt."""
    marked = marked_sid(row.after)
    return counterparts.get(marked, row.after) if marked else row.after


def agrees(row: FieldRow, wanted: Json, live: Json, *, in_place: bool) -> bool:
    """Whether a live value is what a row is held to."""
    if row.resource is None or row.target is None:
        return True
    return KINDS[row.resource].agrees(row.target, wanted, live, in_place=in_place)


def is_in_place(planned: PlannedService, *, same_account: bool) -> bool:
    """Whether a service goes to the Conversation Service that is the same object."""
    return same_account and planned.target_sid == planned.source_sid


def changed_since(planned: PlannedService, image: TargetImage, *, same_account: bool) -> list[FieldRow]:
    """Return the rows on values that are not what they were when the plan was made.

    Where a target holds all that a step would set, somebody has done its work: its rows do not count.
    """
    in_place = is_in_place(planned, same_account=same_account)
    known = planned.counterparts

    def holds(row: FieldRow, value: Json) -> bool:
        return agrees(row, value, live_value(row, image, known), in_place=in_place)

    shown = [row for row in planned.rows if is_read(row, image)]
    to_do = {row.step for row in shown if row.step is None or not holds(row, expected(row, known))}
    return [row for row in shown if row.step in to_do and not holds(row, row.before)]
