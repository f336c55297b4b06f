"""`sids`: which SID stands for which, for people to rewrite their own configuration with."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from typing import Any

from migrate.core.masking import mask_text
from migrate.store import Store, counterparts

COLUMNS = (
    "kind",
    "friendly_name",
    "source_sid",
    "target_sid",
    "source_service_sid",
    "target_service_sid",
    "target_account_sid",
)


def sid_table(store: Store, account_sid: str | None, format: str) -> Iterator[str]:  # noqa: A002 - the word of --format
    """Yield the lines of the table, of one target account or of all, as `csv` with a header or as one `json` array."""
    rows = (_row(found) for found in counterparts.current(store, account_sid))
    if format == "json":
        yield json.dumps(list(rows), indent=2, ensure_ascii=False)
        return
    yield ",".join(COLUMNS)
    for row in rows:
        yield _csv_line(row)


def _row(found: dict[str, Any]) -> dict[str, Any]:
    told = {
        "kind": found["kind"].removesuffix("s"),
        "friendly_name": mask_text(found["friendly_name"]),
        "target_account_sid": found["account_sid"],
    }
    return {**{column: found.get(column) for column in COLUMNS}, **told}


def _csv_line(row: dict[str, Any]) -> str:
    line = io.StringIO()
    # A cell is quoted for what stands in the terminator too, so that it must be there to be taken off again.
    csv.writer(line, lineterminator="\r\n").writerow(_harmless(row[column]) for column in COLUMNS)
    return line.getvalue().removesuffix("\r\n")


def _harmless(cell: str | None) -> str:
    """A spreadsheet must not take a friendly name for a formula."""
    return f"'{cell}" if cell and cell[0] in "=+-@\t\r" else cell or ""
