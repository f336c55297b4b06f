"""`--target-map`: a CSV file that says which Conversation Service receives which Chat Service's settings."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from migrate.core.config import SID_DIGITS, is_sid, tidy_sid
from migrate.core.errors import BadInput

COLUMNS = ("source_sid", "target_sid")
ANY_SID = re.compile(f"([A-Z]{{2}}){SID_DIGITS}")


@dataclass(frozen=True)
class MapLine:
    """One line: the Chat Service, the Conversation Service, and where the line stands in the file."""

    source_sid: str
    target_sid: str
    place: str


def read_target_map(path: Path) -> dict[str, MapLine]:
    """Read the file; return its lines by source SID.

    Raises:
        BadInput: it cannot be read, its header lacks `source_sid` or `target_sid`, a SID is malformed or stands there
            twice; the message names the line.
    """
    lines: dict[str, MapLine] = {}
    targets: dict[str, MapLine] = {}
    for line in _lines(path):
        if line.source_sid in lines:
            raise BadInput(
                f"{line.place}: {line.source_sid} has a target already ({lines[line.source_sid].place})."
            )
        if line.target_sid in targets:
            taken = targets[line.target_sid]
            raise BadInput(
                f"{line.place}: {line.target_sid} is the target of {taken.source_sid} ({taken.place})."
            )
        lines[line.source_sid] = targets[line.target_sid] = line
    if not lines:
        raise BadInput(f"{path} maps no service. Below the header, give one line `IS…,IS…` for each service.")
    return lines


def _lines(path: Path) -> Iterator[MapLine]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.reader(file, strict=True)
            places = _places([cell.strip() for cell in next(rows, [])], path)
            for row in rows:
                if any(cell.strip() for cell in row):
                    yield from _line([cell.strip() for cell in row], places, f"{path}, line {rows.line_num}")
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise BadInput(f"{path} is not UTF-8 text (byte {error.start}), so it is no target map.") from error
    except csv.Error as error:
        raise BadInput(f"{path}, line {rows.line_num}: not CSV: {error}.") from error


def _places(header: list[str], path: Path) -> tuple[int, ...]:
    """Return where the columns stand that count; what else a table holds is its owner's business."""
    for name in COLUMNS:
        if header.count(name) != 1:
            found = ",".join(header)
            raise BadInput(
                f"{path}, line 1: the header must name source_sid and target_sid once each, not {found!r}."
            )
    return tuple(header.index(name) for name in COLUMNS)


def _line(cells: list[str], places: tuple[int, ...], place: str) -> Iterator[MapLine]:
    if len(cells) <= max(places):
        raise BadInput(
            f"{place}: at least {max(places) + 1} columns are expected, as in the header; found {len(cells)}."
        )
    found = [tidy_sid(cells[number]) for number in places]
    if _are_parts(found):
        return
    for name, cell in zip(COLUMNS, found, strict=True):
        if not is_sid("IS", cell):
            raise BadInput(f"{place}: {name} is {cell[:60]!r}, not IS and 32 hexadecimal digits.")
    yield MapLine(found[0], found[1], place)


def _are_parts(sids: list[str]) -> bool:
    """Whether a line pairs parts of services, as lines of `sids` do; they follow their service."""
    prefixes = {match[1] if (match := ANY_SID.fullmatch(sid)) else None for sid in sids}
    return len(prefixes) == 1 and not prefixes & {None, "IS"}
