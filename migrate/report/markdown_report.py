"""The report for a pull request: blocks as GitHub-flavoured Markdown."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator
from functools import singledispatch
from typing import TextIO

from migrate.report import blocks
from migrate.report.blocks import Block, Inline, Span
from migrate.report.layout import levels_line
from migrate.report.values import show, visible
from migrate.report.words import count

_PUNCTUATION = re.compile(r"([\\`*_\[\]~$])")
_LEADING = re.compile(r"^(\d*)([-+=#.)])")
"""What would make a heading, a rule or an item of a list at the beginning of a line."""
_BREAK = "<!-- -->"
"""Stands inside what GitHub would make a mention, a reference or a link of; a reader never sees it."""
_TRIGGER = re.compile(r"(@|#|://|www)(?=\S)")
_BACKTICKS = re.compile("`+")
_OPEN_PLACES = 6
"""So many services are listed; more are folded."""


def render_markdown(parts: Iterable[Block], stream: TextIO) -> None:
    """Write blocks, one after the other."""
    for block in parts:
        for line in _lines(block):
            stream.write(line + "\n")


def code(text: str) -> str:
    """Return a code span that shows the text as it is, also inside a table.

    A pipe would end the cell even in a code span, so it stands between spans, as an entity.
    """
    return "&#124;".join(_span(part) for part in visible(text).split("|") if part) or _span('""')


def _span(text: str) -> str:
    fence = "`" * (1 + max((len(run) for run in _BACKTICKS.findall(text)), default=0))
    # Code spans lose one blank at either end if they have one at both: give them one to lose.
    pad = " " if text.startswith(("`", " ")) or text.endswith(("`", " ")) else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def prose(text: str) -> str:
    """Return a text in which nothing is markup, a mention, a reference or a link."""
    return _LEADING.sub(r"\1\\\2", _inner(visible(text).strip()))


def _inner(text: str) -> str:
    pieces = _TRIGGER.split(text)
    # Every second piece is a trigger: with a capturing group, split returns the separators too.
    return "".join(_literal(piece) + (_BREAK if number % 2 else "") for number, piece in enumerate(pieces))


def _literal(text: str) -> str:
    escaped = html.escape(text, quote=False)
    return _PUNCTUATION.sub(r"\\\1", escaped).replace("|", "&#124;")


def inline(spans: Inline) -> str:
    """Return spans as Markdown on one line."""
    told = "".join(_styled(span) for span in spans if span.text)
    return _LEADING.sub(r"\1\\\2", told.strip())


def _styled(span: Span) -> str:
    if span.link:
        return f"[{_inner(visible(span.text))}]({span.link})"
    core = span.text.strip()
    if not core or span.style in {"", "quiet"}:
        return _inner(visible(span.text))
    before, after = span.text[: span.text.index(core)], span.text[span.text.index(core) + len(core) :]
    shown = code(core) if span.style in {"code", "del", "ins"} else f"**{_inner(visible(core))}**"
    return before + shown + after


@singledispatch
def _lines(_block: object) -> Iterator[str]:
    """Yield the lines of a block; a picture and a filter are nothing for Markdown."""
    return iter(())


@_lines.register
def _(block: blocks.Heading) -> Iterator[str]:
    yield from (f"{'#' * (block.level + 1)} {inline(block.text)}", "")


@_lines.register
def _(block: blocks.Prose) -> Iterator[str]:
    yield from (inline(block.text), "")


@_lines.register
def _(block: blocks.Facts) -> Iterator[str]:
    yield from (_row("", ""), _row("---", "---"))
    yield from (_row(label, inline(told)) for label, told in block.rows)
    yield ""


@_lines.register
def _(block: blocks.Table) -> Iterator[str]:
    yield from (_row(*block.head), _row(*["---"] * len(block.head)))
    yield from (_row(*map(inline, row)) for row in block.rows)
    yield ""


@_lines.register
def _(block: blocks.Bullets) -> Iterator[str]:
    yield from (f"- {inline(item)}" for item in block.items)
    yield ""


@_lines.register
def _(block: blocks.Card) -> Iterator[str]:
    for inner in block.blocks:
        yield from _lines(inner)
    yield from _places(block.services)


@_lines.register
def _(block: blocks.Fold) -> Iterator[str]:
    if block.aside:
        yield from (inline(block.summary), "")
        return
    yield from _fold(html.escape("".join(span.text for span in block.summary)), block.blocks)


@_lines.register
def _(block: blocks.ServiceBlock) -> Iterator[str]:
    name, sids = html.escape(block.name), html.escape(block.sids)
    yield from _fold(f"<code>{name}</code> <code>{sids}</code>: {levels_line(block)}", block.blocks)


def _fold(summary: str, parts: Iterable[Block]) -> Iterator[str]:
    """Fold blocks; `summary` is HTML."""
    yield from ("<details>", f"<summary>{summary}</summary>", "")
    for block in parts:
        yield from _lines(block)
    yield from ("</details>", "")


def _places(places: blocks.Places) -> Iterator[str]:
    if not places.names:
        return
    listed: list[Inline] = [
        (Span(show(name), "code"), Span(" "), Span(sid, "code")) for name, sid in places.names
    ]
    more = len(places.numbers) - len(listed)
    if more:
        listed.append((Span(f"… and {more:,} more"),))
    if len(listed) > _OPEN_PLACES:
        yield from _fold(count(len(places.numbers), "service"), (blocks.Bullets(listed),))
    else:
        yield from _lines(blocks.Bullets(listed))


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"
