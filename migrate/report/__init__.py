"""One report model, and the renderers that print it."""

from __future__ import annotations

from typing import TextIO

from migrate.report.encoding import fitting
from migrate.report.masking import mask_report
from migrate.report.model import Report
from migrate.report.words import kind_words

FORMATS = ("text", "markdown", "json", "html")


def render(
    report: Report,
    format: str,  # noqa: A002 - the word that --format uses
    stream: TextIO,
    *,
    color: bool = False,
    verbose: bool = False,
) -> None:
    """Writes a report to a text stream, with secrets masked.

    Args:
        report: what to print; its services are read once for JSON, twice for the other formats.
        format: one of `FORMATS`.
        stream: where to write; nothing is written to it that UTF-8, or its own encoding, cannot encode.
        color: text only: colour for a terminal that shows it.
        verbose: text and markdown only: print long lists and values whole.

    Raises:
        ValueError: for an unknown format or kind of report; nothing has been written then.
    """
    kind_words(report.kind)
    masked, stream = mask_report(report), fitting(stream, format)
    # Each renderer is imported where it is used: most commands never print a report, let alone HTML.
    if format == "json":
        from migrate.report.json_report import render_json

        render_json(masked, stream)
    elif format == "text":
        from migrate.report.text_report import render_text

        render_text(masked, stream, color=color, verbose=verbose)
    elif format == "markdown":
        from migrate.report.markdown_report import render_markdown

        render_markdown(masked, stream, verbose=verbose)
    elif format == "html":
        from migrate.report.html_report import render_html

        render_html(masked, stream)
    else:
        raise ValueError(f"unknown report format: {format!r}, expected one of {', '.join(FORMATS)}")
