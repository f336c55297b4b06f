"""`mappings`: the coverage table, every field of a v1 and v2 Service and what becomes of it."""

from __future__ import annotations

import json

from mappings import FIELDS, Field

HEADINGS = ("Chat field", "API", "Conversations", "verdict")


def coverage_table(format: str) -> str:  # noqa: A002 - the word that --format uses
    """Return the table as `text`, `markdown` or `json`, with a newline at its end."""
    if format == "json":
        return json.dumps([_json_row(field) for field in FIELDS], indent=2, ensure_ascii=False) + "\n"
    rows = [_row(field) for field in FIELDS]
    return _markdown(rows) if format == "markdown" else _text(rows)


def _json_row(field: Field) -> dict[str, str | None]:
    return {
        "source": field.source,
        "api": field.api.value,
        "resource": field.resource.value if field.resource else None,
        "target": field.target,
        "rule": field.rule,
    }


def _row(field: Field) -> tuple[str, ...]:
    target = f"{field.resource.value}.{field.target}" if field.resource and field.target else "-"
    return field.source, field.api.value, target, field.rule


def _markdown(rows: list[tuple[str, ...]]) -> str:
    lines = ["| " + " | ".join(HEADINGS) + " |", "| --- " * len(HEADINGS) + "|"]
    for source, api, target, rule in rows:
        cells = (f"`{source}`", api, target if target == "-" else f"`{target}`", rule.replace("|", "\\|"))
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _text(rows: list[tuple[str, ...]]) -> str:
    widths = [max(len(row[column]) for row in [HEADINGS, *rows]) for column in range(len(HEADINGS) - 1)]
    return "".join(
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[-1]]) + "\n"
        for row in [HEADINGS, *rows]
    )
