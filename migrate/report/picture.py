"""The picture of the whole account: services by field groups, each cell as bad as its worst field."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence, Set
from dataclasses import dataclass

from mappings import NEEDS_A_PERSON
from migrate.report.words import GROUPS, VERDICTS

MATRIX_SERVICES = 60
"""Up to so many services each has a row; of more, the picture counts how many are on each level."""

Cause = tuple[str, str, str]
"""Verdict, id and heading of a reason."""


@dataclass(frozen=True)
class Level:
    """What a cell of the picture can say, worst first in `LEVELS`."""

    name: str
    mark: str
    meaning: str


ABSENT = Level("absent", "", "no such field")
LEVELS = (
    *(Level(verdict.value, VERDICTS[verdict].mark, VERDICTS[verdict].meaning) for verdict in NEEDS_A_PERSON),
    Level("change", "●", "a value changes, and its meaning stays"),
    Level("equal", "=", "nothing to do"),
    ABSENT,
)
_RANK = {level.name: rank for rank, level in enumerate(LEVELS)}


@dataclass(frozen=True)
class Cell:
    """What one service has in one group of fields: a level apart from `causes`, which need a person."""

    base: str
    causes: tuple[Cause, ...]

    def level(self, ignored: Set[Cause]) -> Level:
        """Return the worst level, without the causes that nearly all services have."""
        causes = (_RANK[cause[0]] for cause in self.causes if cause not in ignored)
        return LEVELS[min(causes, default=_RANK[self.base])]


@dataclass(frozen=True)
class Picture:
    """The account: `groups` are the field groups that any service has.

    Attributes:
        rows: name of each service and its level for each group; empty for more than `MATRIX_SERVICES`.
        bars: for each group, how many services are on each level, worst first.
    """

    groups: tuple[str, ...]
    rows: Sequence[tuple[str, tuple[Level, ...]]]
    bars: Sequence[Sequence[tuple[Level, int]]]
    services: int


class Strips:
    """Gathers the cells of services. Memory does not grow with their number: few cells differ."""

    def __init__(self) -> None:
        self._rows: list[tuple[str, tuple[Cell, ...]]] = []
        self._counts = tuple(Counter[Cell]() for _ in GROUPS)
        self._services = 0

    def add(self, name: str, cells: tuple[Cell, ...]) -> None:
        """Take in one service, with a cell for each of `GROUPS`."""
        self._services += 1
        if self._services <= MATRIX_SERVICES:
            self._rows.append((name, cells))
        for counted, cell in zip(self._counts, cells, strict=True):
            counted[cell] += 1

    def picture(self, ignored: Set[Cause]) -> Picture:
        """Return the picture, without field groups that no service has, and without causes to be ignored."""
        bars = [_bar(counted, ignored) for counted in self._counts]
        present = [place for place, bar in enumerate(bars) if bar]
        rows = self._rows if self._services <= MATRIX_SERVICES else []
        return Picture(
            tuple(GROUPS[place] for place in present),
            [(name, tuple(cells[place].level(ignored) for place in present)) for name, cells in rows],
            [bars[place] for place in present],
            self._services,
        )


def _bar(counted: Counter[Cell], ignored: Set[Cause]) -> list[tuple[Level, int]]:
    levels = Counter[Level]()
    for cell, services in counted.items():
        levels[cell.level(ignored)] += services
    return [(level, levels[level]) for level in LEVELS if levels[level] and level is not ABSENT]
