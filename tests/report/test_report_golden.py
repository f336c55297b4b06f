"""Each renderer's output, whole, as it was last read and approved.

To renew the files after a change on purpose: `CHAT_MIGRATE_GOLDEN=write pytest tests/report`, then read the diff.
"""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest
import samples

from migrate.report import render

GOLDEN = Path(__file__).parent / "golden"
SUFFIXES = {"text": "txt", "markdown": "md", "json": "json", "html": "html"}


@pytest.mark.parametrize("kind", ["diff", "verify", "run", "rollback"])
@pytest.mark.parametrize("format_", SUFFIXES)
def test_the_report_is_the_approved_one(kind, format_):
    """Nothing about a report changes unnoticed."""
    stream = io.StringIO()
    render(samples.small(kind), format_, stream)
    approved = GOLDEN / f"{kind}.{SUFFIXES[format_]}"
    if os.environ.get("CHAT_MIGRATE_GOLDEN") == "write":
        approved.write_text(stream.getvalue(), encoding="utf-8", newline="")
    assert stream.getvalue() == approved.read_text(encoding="utf-8")
