"""How values look to a person: short, unambiguous, and unable to play tricks on the reader."""

from __future__ import annotations

import json
import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import lru_cache

from migrate.model.rows import FieldRow, Json

NOT_SET = "—"
_JOINER = "\u200d"
"""The zero-width joiner holds emoji together and moves no text, so it may stay."""


def visible(text: str) -> str:
    """Return the text with control, format, bidirectional and unassigned characters written as escapes."""
    if text.isprintable():
        return text
    return "".join(map(_escaped, text))


def _escaped(character: str) -> str:
    is_harmless = character.isprintable() or character == _JOINER
    return character if is_harmless else character.encode("unicode_escape").decode()


def show(value: Json) -> str:
    """Return a value in one visible line: `—` for None, `""`, `true`, `a, b` for a list."""
    if value is None:
        return NOT_SET
    if isinstance(value, str):
        # Blanks at either end are invisible, and sometimes all that has changed.
        return visible(value) if value and value == value.strip() else f'"{visible(value)}"'
    if isinstance(value, list) and value and all(isinstance(item, str) for item in value):
        return ", ".join(show(item) for item in value)
    return visible(json.dumps(value, ensure_ascii=False))


def shorten(text: str, limit: int) -> str:
    """Cut a text to `limit` characters and say how long it was."""
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text):,} characters)"


def columns(text: str) -> int:
    """Return how many columns of a terminal a text takes: East Asian characters and emoji take two."""
    if text.isascii():
        return len(text)
    return len(text) + sum(_columns(character) - 1 for character in _BEYOND_ASCII.findall(text))


_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]")


@lru_cache(4096)
def _columns(character: str) -> int:
    if character == _JOINER or unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def cut(text: str, limit: int) -> str:
    """Cut a name to `limit` columns; an ellipsis says so."""
    if columns(text) <= limit:
        return text
    kept = ""
    for character in text:
        if columns(kept + character) >= limit:
            break
        kept += character
    return kept.rstrip() + "…"


@dataclass(frozen=True)
class Delta:
    """A change as a person reads it. `added` and `removed` are given where two lists are compared."""

    before: str
    after: str
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    kept: int = 0
    note: str = ""

    @property
    def has_before(self) -> bool:
        """Whether there was a value to replace."""
        return self.before != NOT_SET

    @property
    def is_list(self) -> bool:
        """Whether the change is best told as what came and what went."""
        return bool(self.added or self.removed) and bool(self.kept or self.removed)


def delta(row: FieldRow) -> Delta:
    """Return how a changed field reads, `before` to `after`."""
    if row.before == row.after:
        return Delta(show(row.before), show(row.after), note="they differ in a part that is hidden here")
    if not (isinstance(row.before, list) and isinstance(row.after, list)):
        return Delta(show(row.before), show(row.after))
    before, after = [show(item) for item in row.before], [show(item) for item in row.after]
    return Delta(
        show(row.before),
        show(row.after),
        added=tuple(item for item in after if item not in before),
        removed=tuple(item for item in before if item not in after),
        kept=sum(item in after for item in before),
    )


def age(earlier: str, later: str) -> str:
    """Return how long before `later` an ISO 8601 instant lies: `3 hours`; `""` if one can't be read."""
    try:
        seconds = (_instant(later) - _instant(earlier)).total_seconds()
    except ValueError:
        return ""
    for unit, length in (("day", 86400), ("hour", 3600), ("minute", 60)):
        number = int(seconds // length)
        if number >= 1:
            return f"{number} {unit}{'' if number == 1 else 's'}"
    return "less than a minute"


def moment(text: str) -> str:
    """Return an ISO 8601 instant as `2026-11-20 21:00 UTC`; what is none, as it is."""
    try:
        return f"{_instant(text).astimezone(timezone.utc):%Y-%m-%d %H:%M} UTC"
    except ValueError:
        return visible(text)


def _instant(text: str) -> datetime:
    # Python 3.10 does not read the "Z" that ISO 8601 allows.
    instant = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return instant if instant.tzinfo else instant.replace(tzinfo=timezone.utc)
