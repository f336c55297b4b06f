"""The picture of the whole account: services by field groups, each cell as bad as its worst field."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from migrate.report.model import FieldRow, ServiceReport
from migrate.report.values import show, visible
from migrate.report.words import GROUPS, NEEDS_A_PERSON, VERDICT, group_of

MATRIX_SERVICES = 60
"""Up to so many services each has a labelled row; more are drawn as strips without labels."""


@dataclass(frozen=True)
class Level:
    """What a cell of the picture can say, worst first in `LEVELS`."""

    name: str
    mark: str
    meaning: str


LEVELS = (
    *(Level(name, VERDICT[name].mark, VERDICT[name].meaning) for name in NEEDS_A_PERSON),
    Level("change", "●", "a value changes, and its meaning stays"),
    Level("equal", "=", "nothing to do"),
    Level("absent", "", "no such field"),
)
_RANK = {level.name: rank for rank, level in enumerate(LEVELS)}

_CELL, _GAP, _WIDTH = 4, 6, 1176


@dataclass(frozen=True)
class Strip:
    """One service in the picture: `levels` holds a rank in `LEVELS` for each of `GROUPS`."""

    name: str
    sid: str
    levels: bytes


def level_of(row: FieldRow) -> str:
    """Returns the name of the level that one field puts its cell on."""
    if row.verdict in NEEDS_A_PERSON:
        return row.verdict
    return "change" if row.change else "equal"


def strip(service: ServiceReport) -> Strip:
    """Returns the worst level of each field group of a service."""
    worst = dict.fromkeys(GROUPS, _RANK["absent"])
    for row in service.fields:
        group = _group_of(row.source)
        worst[group] = min(worst[group], _RANK[level_of(row)])
    return Strip(show(service.friendly_name), visible(service.source_sid), bytes(worst.values()))


# The same 80 source paths come back in each service.
_group_of = lru_cache(maxsize=4096)(group_of)


@dataclass(frozen=True)
class Map:
    """Strips laid out as an SVG drawing; lengths in its user units.

    Attributes:
        paths: level name → path data of all cells on that level.
        columns: strips in a row.
        pitch: distance between the left edges of neighbouring strips.
        breadth: width of one strip.
        row: height of a row of strips, the gap below it included.
        width: of the whole drawing.
        height: of the whole drawing.
    """

    paths: dict[str, str]
    columns: int
    pitch: int
    breadth: int
    row: int
    width: int
    height: int


@dataclass(frozen=True)
class Bar:
    """How many services stand on each level in one field group: (level, services, services before it)."""

    group: str
    parts: tuple[tuple[Level, int, int], ...]


@dataclass(frozen=True)
class Picture:
    """The account: `groups` are the field groups that any service has, and each strip has a level for each."""

    groups: tuple[str, ...]
    strips: tuple[Strip, ...]

    @property
    def is_small(self) -> bool:
        """Whether each service gets a labelled row."""
        return len(self.strips) <= MATRIX_SERVICES

    def cells(self, one: Strip) -> list[tuple[str, Level]]:
        """Returns heading and level of each cell of a strip."""
        return [(group, LEVELS[rank]) for group, rank in zip(self.groups, one.levels, strict=True)]

    def bars(self) -> list[Bar]:
        """Returns one stacked bar per field group, worst level first."""
        counted = [Counter(one.levels[place] for one in self.strips) for place in range(len(self.groups))]
        return [Bar(group, _stack(levels)) for group, levels in zip(self.groups, counted, strict=True)]

    def map(self) -> Map:
        """Draws one path per level, so that five thousand services cost a browser a handful of elements."""
        breadth = _CELL * len(self.groups)
        pitch = breadth + _GAP
        columns = _WIDTH // pitch
        rows = -(-len(self.strips) // columns)
        row = 16 if rows <= 16 else 8 if rows <= 60 else 5
        pieces: dict[str, list[str]] = {level.name: [] for level in LEVELS}
        for number, one in enumerate(self.strips):
            left, top = number % columns * pitch, number // columns * row
            for rank, start, length in _runs(one.levels):
                box = f"M{left + start * _CELL} {top}h{length * _CELL}v{row - 1}h-{length * _CELL}z"
                pieces[LEVELS[rank].name].append(box)
        paths = {name: "".join(boxes) for name, boxes in pieces.items() if boxes and name != "absent"}
        return Map(paths, columns, pitch, breadth, row, columns * pitch - _GAP, rows * row)


def picture(strips: Sequence[Strip]) -> Picture:
    """Leaves out the field groups that no service has."""
    absent = _RANK["absent"]
    present = [place for place in range(len(GROUPS)) if any(one.levels[place] != absent for one in strips)]
    return Picture(
        tuple(GROUPS[place] for place in present),
        tuple(Strip(one.name, one.sid, bytes(one.levels[place] for place in present)) for one in strips),
    )


def _runs(levels: bytes) -> Iterator[tuple[int, int, int]]:
    """Yields level, first cell and length of each run of equal neighbours."""
    start = 0
    for place in range(1, len(levels) + 1):
        if place == len(levels) or levels[place] != levels[start]:
            yield levels[start], start, place - start
            start = place


def _stack(levels: Counter[int]) -> tuple[tuple[Level, int, int], ...]:
    parts, before = [], 0
    for rank, level in enumerate(LEVELS):
        if levels[rank] and level.name != "absent":
            parts.append((level, levels[rank], before))
        before += levels[rank]
    return tuple(parts)
