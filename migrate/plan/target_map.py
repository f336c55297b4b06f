"""`--target-map`: a CSV file that says which Conversation Service receives which Chat Service's settings."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from migrate.core.config import is_sid
from migrate.core.errors import BadInput

HEADER = ["source_sid", "target_sid"]


@dataclass(frozen=True)
class MapLine:
    """One line: the Chat Service, the Conversation Service, and where the line stands in the file."""

    source_sid: str
    target_sid: str
    place: str


def read_target_map(path: Path) -> dict[str, MapLine]:
    """Read the file; return its lines by source SID.

    Raises:
        BadInput: it cannot be read, its header is not `source_sid,target_sid`, a SID is malformed or stands there
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
        raise BadInput(f"{path} maps no service: a line `IS…,IS…` per service is expected below the header.")
    return lines


def _lines(path: Path) -> Iterator[MapLine]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.reader(file, strict=True)
            header = [cell.strip() for cell in next(rows, [])]
            if header != HEADER:
                raise BadInput(
                    f"{path}, line 1: the header must be {','.join(HEADER)}, not {','.join(header)!r}."
                )
            for row in rows:
                if any(cell.strip() for cell in row):
                    yield _line([cell.strip() for cell in row], f"{path}, line {rows.line_num}")
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise BadInput(f"{path} is not UTF-8 text (byte {error.start}), so it is no target map.") from error
    except csv.Error as error:
        raise BadInput(f"{path}, line {rows.line_num}: not CSV: {error}.") from error


def _line(cells: list[str], place: str) -> MapLine:
    if len(cells) != len(HEADER):
        raise BadInput(
            f"{place}: {len(HEADER)} columns are expected ({','.join(HEADER)}), found {len(cells)}."
        )
    for name, cell in zip(HEADER, cells, strict=True):
        if not is_sid("IS", cell):
            raise BadInput(f"{place}: {name} is {cell[:60]!r}, not IS and 32 hexadecimal digits.")
    return MapLine(cells[0], cells[1], place)
