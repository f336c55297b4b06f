"""The rows of a plan that people look up: what changes, and what needs a person."""

from __future__ import annotations

from collections.abc import Iterable

from migrate.model.rows import FieldRow
from migrate.report.digest import needs_a_person
from migrate.report.masking import mask_field


def noteworthy(fields: Iterable[FieldRow]) -> list[FieldRow]:
    """Return the rows that change, and those that are manual, dropped or lossy, with secrets hidden."""
    return [mask_field(row) for row in fields if row.change or needs_a_person(row)]
