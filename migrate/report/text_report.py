"""The report for a person at a terminal, and for a pipe: blocks as lines."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import singledispatchmethod
from itertools import islice, zip_longest
from typing import TextIO

import click

from mappings import Verdict
from migrate.report import blocks
from migrate.report.blocks import Block, Inline, Span
from migrate.report.layout import LEAST_ROWS, MOST_ROWS, Page, levels_line
from migrate.report.values import columns, show, visible
from migrate.report.words import STATE_COLORS, VERDICTS

_COLORS = {
    **{verdict.value: VERDICTS[verdict].color for verdict in Verdict},
    **STATE_COLORS,
    "change": "blue",
    "del": "red",
    "ins": "green",
}

SCREEN = 40
"""Lines of a summary."""
LINES_AT_ONCE = 500
_STEP = 2
"""Columns of an indent."""


def render_text(parts: Iterable[Block], stream: TextIO, *, width: int, color: bool = False) -> None:
    """Write blocks as lines of at most `width` columns; what has no blank to break at may be longer."""
    lines = _lines(parts, width, color)
    # A stream without a buffer, as Python has in many a container, costs a call of the system for each write.
    while some := list(islice(lines, LINES_AT_ONCE)):
        stream.write("\n".join(some) + "\n")


def render_screen(page: Page, stream: TextIO, *, width: int, color: bool) -> None:
    """Write a summary that fits on one screen: with as many rows in its lists as there is room for."""
    for rows in range(MOST_ROWS, LEAST_ROWS - 1, -1):
        lines = list(_lines(page.screen(rows), width, color))
        if len(lines) <= SCREEN:
            break
    stream.write("\n".join(lines) + "\n")


def _lines(parts: Iterable[Block], width: int, color: bool) -> Iterator[str]:
    printer = _Printer(width, color)
    return (line.rstrip() for block in parts for line in printer.lines(block, 0))


@dataclass(frozen=True)
class _Printer:
    width: int
    color: bool

    @singledispatchmethod
    def lines(self, _block: object, _indent: int) -> Iterator[str]:
        """Yield the lines of a block; a picture and a filter are nothing for a terminal."""
        return iter(())

    @lines.register
    def _(self, block: blocks.Heading, indent: int) -> Iterator[str]:
        if block.level > 1:
            yield ""
        yield from self._wrap(tuple(Span(span.text, span.style or "strong") for span in block.text), indent)

    @lines.register
    def _(self, block: blocks.Prose, indent: int) -> Iterator[str]:
        if block.apart:
            yield ""
        yield from self._wrap(block.text, indent, width=sys.maxsize if block.whole else None)

    @lines.register
    def _(self, block: blocks.Facts, indent: int) -> Iterator[str]:
        breadth = max(len(label) for label, _ in block.rows) + _STEP
        for label, told in block.rows:
            yield from self._wrap((Span(label.ljust(breadth - 1)), Span(" "), *told), indent + _STEP, breadth)

    @lines.register
    def _(self, block: blocks.Bullets, indent: int) -> Iterator[str]:
        for item in block.items:
            yield from self._wrap((Span("- "), *item), indent + _STEP, _STEP)

    @lines.register
    def _(self, block: blocks.Card, indent: int) -> Iterator[str]:
        first, *rest = block.blocks
        yield from self.lines(first, indent + _STEP)
        for inner in rest:
            yield from self.lines(inner, indent + 2 * _STEP)
        if names := block.services.names:
            listed = ", ".join(show(name) if name.strip() else visible(sid) for name, sid in names)
            more = ", …" if len(names) < len(block.services.numbers) else ""
            yield from self._wrap((Span(f"in {listed}{more}"),), indent + 2 * _STEP)

    @lines.register
    def _(self, block: blocks.Fold, indent: int) -> Iterator[str]:
        yield from self._wrap((*block.summary, Span("" if block.aside else ":")), indent)
        for inner in () if block.aside else block.blocks:
            yield from self.lines(inner, indent + _STEP)

    @lines.register
    def _(self, block: blocks.ServiceBlock, indent: int) -> Iterator[str]:
        yield ""
        head = (Span(block.name, "strong"), Span(f" ({block.sids}): {levels_line(block)}"))
        yield from self._wrap(head, indent)
        for inner in block.blocks:
            yield from self.lines(inner, indent + _STEP)

    @lines.register
    def _(self, block: blocks.Table, indent: int) -> Iterator[str]:
        rows = [tuple((Span(cell, "quiet"),) for cell in block.head), *block.rows]
        breadths = None if block.by_field else _breadths(rows, self.width - indent - _STEP)
        if breadths is None:
            yield from self._stacked(block, indent)
            return
        for row in rows:
            cells = [self._wrap(cell, 0, 0, breadth) for cell, breadth in zip(row, breadths, strict=True)]
            for pieces in zip_longest(*cells, fillvalue=""):
                yield " " * (indent + _STEP) + (" " * _STEP).join(map(_padded, pieces, breadths))

    def _stacked(self, block: blocks.Table, indent: int) -> Iterator[str]:
        """Print the first cell of each row on a line, and the others below it."""
        for name, *others in block.rows:
            yield from self._wrap(name, indent)
            joined = tuple(span for cell in others for span in (*cell, Span("  ")))
            for cell in others if block.by_field else (joined,):
                yield from self._wrap(cell, indent + _STEP)

    def _styled(self, text: str, style: str) -> str:
        if not self.color or not text.strip():
            return text
        if style in {"strong", "quiet"}:
            return click.style(text, bold=style == "strong" or None, dim=style == "quiet" or None)
        return click.style(text, fg=_COLORS[style]) if style in _COLORS else text

    def _wrap(self, spans: Inline, indent: int, hanging: int = 0, width: int | None = None) -> Iterator[str]:
        """Break at blanks only: a SID, a URL or a name stays whole, so that it can be copied and found."""
        width = width or self.width
        line, room = " " * indent, width - indent
        whole = "".join(span.text for span in spans)
        if not self.color and columns(whole) <= room:
            # Most lines fit as they are, and a report on a large account has a million of them.
            if whole.strip():
                yield line + whole
            return
        for word in _words(spans):
            breadth = sum(columns(text) for text, _ in word)
            if breadth > room and line.strip():
                yield line
                line, room = " " * (indent + hanging), width - indent - hanging
                word[0] = (word[0][0].lstrip(), word[0][1])
                breadth = sum(columns(text) for text, _ in word)
            line += "".join(self._styled(text, style) for text, style in word)
            room -= breadth
        if line.strip():
            yield line


def _breadths(rows: Sequence[Sequence[Inline]], width: int) -> list[int] | None:
    """Take columns from the widest cells until a table fits; None if its longest words alone are too wide."""
    texts = [["".join(span.text for span in cell) for cell in column] for column in zip(*rows, strict=True)]
    breadths = [max(map(columns, column)) for column in texts]
    least = [max((columns(word) for cell in column for word in cell.split()), default=0) for column in texts]
    while sum(breadths) + _STEP * (len(breadths) - 1) > width:
        wide = [(breadth, place) for place, breadth in enumerate(breadths) if breadth > least[place]]
        if not wide:
            return None
        breadths[max(wide)[1]] -= 1
    return breadths


def _padded(piece: str, breadth: int) -> str:
    return piece + " " * (breadth - columns(click.unstyle(piece)))


_WORD = re.compile(" *[^ ]+| +")


def _words(spans: Inline) -> Iterator[list[tuple[str, str]]]:
    """Yield what must stay together: a word, in one or several styles, with the blanks before it."""
    word: list[tuple[str, str]] = []
    for span in spans:
        for piece in _WORD.findall(span.text):
            if piece.startswith(" ") and any(text.strip() for text, _ in word):
                yield word
                word = []
            word.append((piece, span.style))
    if word:
        yield word
