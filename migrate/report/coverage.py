"""The coverage table that `mappings` prints: every field of a v1 and v2 Service and what becomes of it."""

from __future__ import annotations

import io
import json

from mappings import FIELDS, Field
from migrate.report.blocks import Inline, Table, text
from migrate.report.markdown_report import render_markdown
from migrate.report.text_report import render_text

_HEADINGS = ("Chat field", "API", "Conversations", "verdict")


def coverage_table(format: str, width: int = 100) -> str:  # noqa: A002 - the word that --format uses
    """Return the table, with a newline at its end.

    Args:
        format: `text`, `markdown` or `json`.
        width: columns of the terminal, for text.
    """
    if format == "json":
        return json.dumps([_json_row(field) for field in FIELDS], indent=2, ensure_ascii=False) + "\n"
    table, stream = Table(_HEADINGS, [_row(field) for field in FIELDS]), io.StringIO()
    if format == "markdown":
        render_markdown([table], stream)
    else:
        render_text([table], stream, width=width)
    return stream.getvalue()


def _json_row(field: Field) -> dict[str, str | None]:
    return {
        "source": field.source,
        "api": field.api.value,
        "resource": field.resource.value if field.resource else None,
        "target": field.target,
        "rule": field.rule,
    }


def _row(field: Field) -> tuple[Inline, ...]:
    target = text("-")
    if field.resource and field.target:
        target = text(f"{field.resource.value}.{field.target}", "code")
    return text(field.source, "code"), text(field.api.value), target, text(field.rule)
