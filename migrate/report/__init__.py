"""One report model, one layout, and the renderers that print it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TextIO

from migrate.report.encoding import fitting
from migrate.report.masking import mask_report
from migrate.report.model import Report
from migrate.report.view import View

FORMATS = ("text", "markdown", "json", "html")
FILE_WIDTH = 100
"""Columns of text in a file or a pipe."""
_ENDINGS = {".md": "markdown", ".markdown": "markdown", ".json": "json", ".html": "html", ".htm": "html"}


def format_of(path: Path | None, chosen: str | None) -> str:
    """Return the format of a report: the one that was chosen, else by the ending of the file, else text."""
    return chosen or (_ENDINGS.get(path.suffix.lower()) if path else None) or "text"


def width_of(terminal: int) -> int:
    """Return the columns to use of a terminal of so many columns: 80 to 200."""
    return min(max(terminal, 80), 200)


def render(
    report: Report,
    format: str,  # noqa: A002 - the word that --format uses
    stream: TextIO,
    view: View | None = None,
    *,
    color: bool = False,
) -> None:
    """Write a report to a text stream, with secrets masked.

    Args:
        report: what to print; its services are read once for JSON, their glances once for a summary, else both.
        format: one of `FORMATS`.
        stream: where to write; nothing is written to it that UTF-8, or its own encoding, cannot encode.
        view: how much of it, for whom; everything, if not given. JSON and HTML always print everything.
        color: text only: colour for a terminal that shows it.

    Raises:
        ValueError: for an unknown format; nothing has been written then.
    """
    if format not in FORMATS:
        raise ValueError(f"unknown report format: {format!r}, expected one of {', '.join(FORMATS)}")
    view = view or View()
    masked, stream = mask_report(report), fitting(stream, format)
    # Each renderer is imported where it is used: most commands print one format at most.
    if format == "json":
        from migrate.report.json_report import render_json

        render_json(masked, stream)
    else:
        _render_page(masked, format, stream, view, color=color)


def _render_page(report: Report, format_: str, stream: TextIO, view: View, *, color: bool) -> None:
    from migrate.report.digest import digest
    from migrate.report.layout import Page

    is_html = format_ == "html"
    view = replace(view, full=view.full or is_html)
    told = report.services if view.full else report.glances or report.services
    page = Page(report, digest(told, names=view.full, picture=is_html), view)
    if is_html:
        from migrate.report.html_report import render_html

        render_html(report, page.whole(drawn=True), stream)
    elif format_ == "markdown":
        from migrate.report.markdown_report import render_markdown

        render_markdown(page.whole() if view.full else page.screen(), stream)
    else:
        from migrate.report.text_report import render_screen, render_text

        if view.full:
            render_text(page.whole(), stream, width=view.width, color=color)
        else:
            render_screen(page, stream, width=view.width, color=color)
