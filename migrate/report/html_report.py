"""The report as one self-contained HTML page, without network, useful without JavaScript."""

from __future__ import annotations

import base64
import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TextIO

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from mappings.webhooks.receivers import Routing
from migrate.report.digest import Place, digest, needs_a_person
from migrate.report.heading import conclusion, equal_line, error_facts, examined, why
from migrate.report.model import FieldRow, Report, ServiceReport, StepRow
from migrate.report.picture import LEVELS, Level, Strip, level_of, picture, strip
from migrate.report.receivers import (
    ANSWERS,
    HEADING,
    INTRODUCTION,
    NO_EVENTS,
    PARAMETERS_HEADING,
    events_of,
    folded,
    method_text,
    parameters,
    routing_reason,
)
from migrate.report.values import Delta, delta, shorten, show, visible
from migrate.report.words import NEEDS_A_PERSON, VERDICTS, count, kind_words

EQUAL_CHARACTERS = 80
"""Longest value in the folded list of equal fields; the JSON report has them whole."""

_CHUNK = 500
"""Template pieces that are written at once."""


def render_html(report: Report, stream: TextIO) -> None:
    """Writes a masked report. Reads its services twice: for the head of the page, and for their sections."""
    strips: list[Strip] = []
    found = digest(_watched(report.services, strips))
    environment = _environment()
    page = environment.get_template("report.html.j2").stream(
        report=report,
        words=kind_words(report.kind),
        examined=examined(report, found),
        conclusion=conclusion(report, found),
        equal=equal_line(found),
        found=found,
        picture=picture(strips),
        levels=[level for level in LEVELS if level.name != "absent"],
        needs=NEEDS_A_PERSON,
        receivers_heading=HEADING,
        introduction=INTRODUCTION,
        no_events=NO_EVENTS,
        parameters_heading=PARAMETERS_HEADING,
        parameters=parameters(),
        answers=ANSWERS,
        services=map(_section, report.services, range(len(strips))),
        **_embedded(environment),
    )
    page.enable_buffering(_CHUNK)
    for piece in page:
        stream.write(piece)


def _watched(services: Iterable[ServiceReport], strips: list[Strip]) -> Iterator[ServiceReport]:
    for service in services:
        strips.append(strip(service))
        yield service


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("migrate.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "show": show,
        "visible": visible,
        "count": count,
        "facts": error_facts,
        "why": why,
        "spans": _spans,
        "routing_reason": routing_reason,
        "events_of": events_of,
        "method_text": method_text,
    }
    return environment


def _embedded(environment: Environment) -> dict[str, Any]:
    """Returns style and script with their digests, so that the page's policy allows these two and no other."""
    embedded: dict[str, Any] = {}
    for name, file in (("style", "report.css"), ("script", "report.js")):
        source = environment.loader.get_source(environment, file)[0] if environment.loader else ""
        # Our own files, not data: they are the only text that enters the page unescaped.
        embedded[name] = Markup(source)  # noqa: S704
        digest_ = base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()
        embedded[f"{name}_digest"] = f"sha256-{digest_}"
    return embedded


def _spans(places: Sequence[Place]) -> str:
    """Returns the numbers of the services as `0-3 7`, for the script to find the cards of a service."""
    spans: list[list[int]] = []
    for number in sorted({place.number for place in places}):
        if spans and spans[-1][1] == number - 1:
            spans[-1][1] = number
        else:
            spans.append([number, number])
    return " ".join(str(first) if first == last else f"{first}-{last}" for first, last in spans)


@dataclass(frozen=True)
class _Row:
    """A field that changes or needs a person, ready to print."""

    source: str
    target: str
    value: str
    change: Delta | None


@dataclass(frozen=True)
class _Section:
    """A service, ready to print.

    Attributes:
        levels: its fields counted by level, worst first.
        rows: (verdict, reason) → the fields that share them: what changes first, then what needs a person.
        equal: verdict → source and value of the fields that ask for nothing.
        routing: the table of its per-event webhooks, which then are not among the rows.
        sids: what became of what, where the target is another service.
    """

    number: int
    name: str
    sid: str
    target: str
    levels: Sequence[tuple[Level, int]]
    rows: Mapping[tuple[str, str], Sequence[_Row]]
    equal: Mapping[str, Sequence[tuple[str, str]]]
    steps: Sequence[StepRow]
    routing: Routing | None
    sids: Mapping[str, str]


def _section(service: ServiceReport, number: int) -> _Section:
    counted = Counter(level_of(row) for row in service.fields)
    moved = service.target_sid != service.source_sid
    tabled = folded(service)
    untold = [row for row in service.fields if row.source not in tabled]
    return _Section(
        number=number,
        name=show(service.friendly_name),
        sid=visible(service.source_sid),
        target=visible(service.target_sid or "a new service") if moved else "",
        levels=[(level, counted[level.name]) for level in LEVELS if counted[level.name]],
        rows=_rows(untold),
        equal=_equal(service.fields),
        steps=service.steps,
        routing=service.receivers.routing if service.receivers and tabled else None,
        sids=service.sids if moved else {},
    )


def _rows(fields: Sequence[FieldRow]) -> Mapping[tuple[str, str], Sequence[_Row]]:
    rows: dict[tuple[str, str], list[_Row]] = defaultdict(list)
    changing = [row for row in fields if row.change]
    for row in changing + [row for row in fields if needs_a_person(row) and not row.change]:
        where = f"{row.resource}.{visible(row.target)}" if row.resource and row.target else ""
        ready = _Row(visible(row.source), where, show(row.value), delta(row) if row.change else None)
        rows[row.verdict, visible(row.reason)].append(ready)
    return rows


def _equal(fields: Sequence[FieldRow]) -> Mapping[str, Sequence[tuple[str, str]]]:
    equal: dict[str, list[tuple[str, str]]] = {word.name: [] for word in VERDICTS}
    for row in fields:
        if level_of(row) == "equal":
            equal[row.verdict].append((visible(row.source), shorten(show(row.value), EQUAL_CHARACTERS)))
    return {verdict.replace("_", " "): values for verdict, values in equal.items() if values}
