"""The report as one self-contained HTML page, without network, useful without JavaScript."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from functools import singledispatch
from html import escape
from importlib.resources import files
from typing import TextIO

from migrate.report import blocks
from migrate.report.blocks import Block, Inline, Span
from migrate.report.model import Report
from migrate.report.picture import LEVELS, Level, Picture
from migrate.report.values import show, visible
from migrate.report.words import KINDS, count

_OPEN_PLACES = 12
"""So many services are listed; more are folded."""
_SHOWN = [level for level in LEVELS if level.mark]
_MARKS = {level.name: level.mark for level in LEVELS}


def render_html(report: Report, parts: Iterable[Block], stream: TextIO) -> None:
    """Write the blocks of a report; every level-2 heading begins a section."""
    services = count(report.summary.services, "service")
    title = f"{KINDS[report.kind].title}, {services}, plan {report.plan.id[:12]}"
    render_page(title, "services", parts, stream)


def render_page(title: str, subject: str, parts: Iterable[Block], stream: TextIO) -> None:
    """Write blocks as a page; `subject` is the anchor of its main part, and what that is about."""
    style, script = (
        files("migrate.report").joinpath("templates", name).read_text("utf-8")
        for name in ("report.css", "report.js")
    )
    digests = {"style_digest": _digest(style), "script_digest": _digest(script)}
    stream.write(_HEAD.format(title=escape(visible(title)), subject=subject, style=style, **digests))
    opened = "header"
    for block in parts:
        if isinstance(block, blocks.Heading | blocks.Filter) and getattr(block, "level", 2) == 2:
            stream.write(f"</{opened}>\n")
            opened = "div" if isinstance(block, blocks.Filter) else "section"
            stream.write(f"<{opened}>\n")
        for piece in _html(block):
            stream.write(piece)
    stream.write(f"</{opened}>\n<footer><p>Secrets in URLs are shown as ***.</p></footer>\n")
    stream.write(f"</main>\n<script>{script}</script>\n</body>\n</html>\n")


def _digest(source: str) -> str:
    """Return the digest by which the page's policy allows its own style and script, and no other."""
    return "sha256-" + base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()


_HEAD = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src '{style_digest}'; \
script-src '{script_digest}'; img-src data:; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<link rel="icon" href="data:,">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<a class="skip" href="#{subject}">Skip to the {subject}</a>
<main>
<header>
"""


def _inline(spans: Inline) -> str:
    """Return spans as HTML: the only place where text that is not our own enters the page."""
    return "".join(map(_span, spans))


_TAGS = {"code": "code", "strong": "strong", "quiet": "small", "del": "del", "ins": "ins"}


def _span(span: Span) -> str:
    shown = escape(visible(span.text))
    if span.link:
        return f'<a href="{escape(span.link)}">{shown}</a>'
    if span.service is not None:
        return f'<a href="#s{span.service}">{shown}</a>'
    if not span.style or not shown.strip():
        return shown
    if tag := _TAGS.get(span.style):
        return f"<{tag}>{shown}</{tag}>"
    return f'<span class="pill {span.style}">{shown}</span>'


@singledispatch
def _html(block: object) -> Iterator[str]:
    """Yield the pieces of a block."""
    raise TypeError(f"no HTML for {type(block).__name__}")


@_html.register
def _(block: blocks.Heading) -> Iterator[str]:
    anchor = f' id="{block.anchor}"' if block.anchor else ""
    yield f"<h{block.level}{anchor}>{_inline(block.text)}</h{block.level}>\n"


@_html.register
def _(block: blocks.Prose) -> Iterator[str]:
    yield f'<p class="why">{_inline(block.text)}</p>\n'


@_html.register
def _(block: blocks.Facts) -> Iterator[str]:
    rows = (f"<div><dt>{escape(label)}</dt><dd>{_inline(told)}</dd></div>" for label, told in block.rows)
    yield f'<dl class="facts">{"".join(rows)}</dl>\n'


@_html.register
def _(block: blocks.Table) -> Iterator[str]:
    head = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in block.head)
    name = "rows" if block.by_field else "routes"
    yield f'<div class="scroll"><table class="{name}"><thead><tr>{head}</tr></thead>\n'
    for first, *others in block.rows:
        cells = "".join(f"<td><bdi>{_inline(cell)}</bdi></td>" for cell in others)
        yield f'<tr><th scope="row">{_inline(first)}</th>{cells}</tr>\n'
    yield "</table></div>\n"


@_html.register
def _(block: blocks.Bullets) -> Iterator[str]:
    yield "<ul>"
    for item in block.items:
        yield f"<li>{_inline(item)}</li>\n"
    yield "</ul>\n"


@_html.register
def _(block: blocks.Card) -> Iterator[str]:
    yield f'<article class="card {block.level}" data-services="{_spans(block.services.numbers)}">\n'
    for inner in block.blocks:
        yield from _html(inner)
    yield from _places(block.services)
    yield "</article>\n"


@_html.register
def _(block: blocks.Fold) -> Iterator[str]:
    yield f"<details><summary>{_inline(block.summary)}</summary>\n"
    for inner in block.blocks:
        yield from _html(inner)
    yield "</details>\n"


@_html.register
def _(block: blocks.ServiceBlock) -> Iterator[str]:
    levels = " ".join(level for level, _ in block.levels)
    badges = "".join(
        f'<span class="badge {level}"><i aria-hidden="true">{_MARKS[level]}</i> {number:,} <u>{level}</u></span> '
        for level, number in block.levels
    )
    yield (
        f'<details class="service lazy" id="s{block.number}" data-levels="{levels}"><summary>'
        f'<span class="name"><bdi>{escape(block.name)}</bdi></span> <code class="sid">{escape(block.sids)}</code> '
        f'<span class="counts">{badges}</span></summary><noscript>\n'
    )
    for inner in block.blocks:
        yield from _html(inner)
    yield "</noscript></details>\n"


@_html.register
def _(_block: blocks.Filter) -> Iterator[str]:
    boxes = "".join(_CHIP.format(name=level.name) for level in _SHOWN if level.name != "equal")
    yield _FILTER.format(boxes=boxes)


_CHIP = '<label class="chip {name}"><input type="checkbox" name="level" value="{name}"> {name}</label>\n'
_FILTER = """<form class="filter" id="filter" role="search" hidden>
<label>Service <input type="search" id="by-service" placeholder="Name or SID (press /)" autocomplete="off" \
spellcheck="false"></label>
<label>Text <input type="search" id="by-text" placeholder="Field, value or reason" autocomplete="off" \
spellcheck="false"></label>
<fieldset><legend>Show what is</legend>
{boxes}</fieldset>
<p><output id="shown" aria-live="polite"></output> <button type="reset">Clear</button> \
<button type="button" id="open">Open services</button> <button type="button" id="close">Close services</button></p>
</form>
"""


@_html.register
def _(block: Picture) -> Iterator[str]:
    legend = "".join(
        f'<li><span class="cell {level.name}" aria-hidden="true">{level.mark}</span> <b>{level.name}</b> '
        f"{escape(level.meaning)}</li>\n"
        for level in _SHOWN
    )
    yield f'<ul class="legend">\n{legend}</ul>\n'
    yield from _matrix(block) if block.rows else _bars(block)


def _matrix(block: Picture) -> Iterator[str]:
    head = "".join(f'<th scope="col"><span>{group}</span></th>' for group in block.groups)
    yield f'<div class="scroll"><table class="matrix"><thead><tr><th scope="col">Service</th>{head}</tr></thead>\n'
    for number, (name, levels) in enumerate(block.rows):
        cells = "".join(map(_cell, block.groups, levels))
        link = f'<a href="#s{number}">{escape(show(name))}</a>'
        yield f'<tr data-service="{number}"><th scope="row">{link}</th>{cells}</tr>\n'
    yield "</table></div>\n"


def _cell(group: str, level: Level) -> str:
    return (
        f'<td><span class="cell {level.name}" title="{group}: {escape(level.meaning)}" role="img" '
        f'aria-label="{level.name}">{level.mark}</span></td>'
    )


def _bars(block: Picture) -> Iterator[str]:
    yield '<table class="bars"><caption>Services by their worst field in each group</caption>\n'
    for group, parts in zip(block.groups, block.bars, strict=True):
        rects, before = "", 0
        for level, number in parts:
            rects += f'<rect class="{level.name}" x="{before}" width="{number}" height="10"/>'
            before += number
        told = " ".join(
            f'<span><b class="mark {level.name}">{level.mark}</b> {number:,} {level.name}</span>'
            for level, number in parts
        )
        svg = f'<svg viewBox="0 0 {block.services} 10" preserveAspectRatio="none" aria-hidden="true">{rects}</svg>'
        yield f'<tr><th scope="row">{group}</th><td>{svg}<p>{told}</p></td></tr>\n'
    yield "</table>\n"


def _places(places: blocks.Places) -> Iterator[str]:
    """Yield the services of a card; a long list is text until it is opened, which makes it cheap."""
    if not places.names:
        return
    folded = len(places.names) > _OPEN_PLACES
    if folded:
        yield f'<details class="lazy places"><summary>{count(len(places.numbers), "service")}</summary><noscript>'
    yield '<ul class="places">'
    for number, (name, sid) in zip(places.numbers, places.names, strict=True):
        yield f'<li><a href="#s{number}">{escape(show(name))}</a> <small>{escape(visible(sid))}</small></li>\n'
    yield "</ul></noscript></details>\n" if folded else "</ul>\n"


def _spans(numbers: Sequence[int]) -> str:
    """Return the numbers of the services, ascending, as `0-3 7`, for the script to find the cards of a service."""
    spans: list[list[int]] = []
    for number in numbers:
        if not spans or spans[-1][1] < number - 1:
            spans.append([number, number])
        spans[-1][1] = number
    return " ".join(str(first) if first == last else f"{first}-{last}" for first, last in spans)
