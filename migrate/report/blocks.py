"""What a report for people is made of. The layout makes these blocks, one after the other; renderers print them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from migrate.report.picture import Picture
from migrate.report.words import count

ELSEWHERE = "add --full, or -o FILE"


@dataclass(frozen=True)
class Span:
    """A piece of text in one style.

    `style` is `""`, `code`, `strong`, `quiet`, `del`, `ins`, or a name that has a colour: a verdict or a state.
    `service` is the number of the service that it names, for a link; `link` is a file beside the report.
    """

    text: str
    style: str = ""
    service: int | None = None
    link: str = ""


Inline = tuple[Span, ...]


def text(said: str, style: str = "") -> Inline:
    """Return a sentence in one style, or without any."""
    return (Span(said, style),)


@dataclass(frozen=True)
class Heading:
    """A heading: level 1 names the report, 2 a part of it, 3 a part of that. `anchor` names it in a link."""

    text: Inline
    level: int = 2
    anchor: str = ""


@dataclass(frozen=True)
class Prose:
    """A paragraph; `apart` keeps it at a distance from what stands before it, `whole` on one line."""

    text: Inline
    apart: bool = False
    whole: bool = False


@dataclass(frozen=True)
class Facts:
    """Short labels, each with what there is to say about it."""

    rows: Sequence[tuple[str, Inline]]


@dataclass(frozen=True)
class Table:
    """A table; every row has a cell for each heading.

    `by_field` says that the first cell names a field and the others may be long values: on a narrow medium they
    are better read below it than beside it.
    """

    head: Sequence[str]
    rows: Sequence[Sequence[Inline]]
    by_field: bool = False


@dataclass(frozen=True)
class Bullets:
    """A list; it may be long, and is read once."""

    items: Iterable[Inline]


@dataclass(frozen=True)
class Places:
    """Services that have something in common: their numbers in the report, names and SIDs, in its order."""

    numbers: Sequence[int]
    names: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Card:
    """What services have in common. `level` says how bad it is; filters go by it and by `services`."""

    level: str
    blocks: Sequence[Block]
    services: Places


@dataclass(frozen=True)
class Fold:
    """Blocks that are shown when asked for. `aside`: where nothing can be folded, the summary will do."""

    summary: Inline
    blocks: Sequence[Block]
    aside: bool = False


@dataclass(frozen=True)
class ServiceBlock:
    """All about one service, which has a number in the report, from 0.

    Attributes:
        sids: its SID, and that of the target where it is another.
        levels: (level, how many of its fields are on it), worst first.
    """

    number: int
    name: str
    sids: str
    levels: Sequence[tuple[str, int]]
    blocks: Sequence[Block]


@dataclass(frozen=True)
class Filter:
    """Where a reader can choose which services and findings to see, if the medium can do that."""


Block = Heading | Prose | Facts | Table | Bullets | Card | Fold | ServiceBlock | Filter | Picture


def more(number: int, noun: str) -> Sequence[Block]:
    """Return what says that a list goes on elsewhere, if it does."""
    return (
        (Prose(text(f"… and {count(number, f'more {noun}')}: {ELSEWHERE}.", "quiet")),) if number > 0 else ()
    )
