"""JSON text of any length, cut into values that fit in memory.

The standard library's decoder does the parsing, one value at a time, on a window that moves over the text. It is
as strict as `migrate.core.strict_json`, and refuses a key that stands twice in one object. (ijson, tried for this,
turns a lone surrogate into a question mark and keeps the last of two equal keys, both without a word.)
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from migrate.core.strict_json import DEEPEST, finite, is_deeper, no_constant
from migrate.source.saved.items import Unusable

Json = Any
LARGEST = 8_000_000
"""Characters that one value may have. A Service has about 2,500, a Channel's attributes up to 16,000."""
SMALL = 1 << 18
"""Characters up to which a document is read at once rather than member by member."""

_SPACE = re.compile(r"[ \t\n\r]*")
_LONGEST_TOKEN = 16
"""An error that stands this far before the end of the window is none that more text would heal."""
_CUT_OFF = "is cut off: it ends in the middle of a value"


class TooLong:
    """What `JsonText.value` returns for a value that is longer than the limit given."""


TOO_LONG = TooLong()


class JsonText:
    """A text that holds JSON values, read from front to back."""

    def __init__(self, pieces: Iterator[str]) -> None:
        self._pieces = pieces
        self._window = ""
        self._at = 0
        self._is_all = False
        self._counted = 0
        self._lines = 0
        self.taken = 0
        """Characters read so far."""

    @property
    def line(self) -> int:
        """The number of the line that the next character stands in."""
        self._lines += self._window.count("\n", self._counted, self._at)
        self._counted = self._at
        return self._lines + 1

    def peek(self) -> str:
        """Return the next character that is not white space, or "" at the end."""
        while True:
            self._move(_end_of_space(self._window, self._at))
            if self._at < len(self._window):
                return self._window[self._at]
            if not self._extend(1):
                return ""

    def value(self, limit: int = LARGEST) -> Json | TooLong:
        """Return the value that begins here, or `TOO_LONG`, reading nothing, if `limit` characters don't hold it.

        Raises:
            Unusable: there is no value, it is cut off, or it is not JSON by the standard.
        """
        self.peek()
        while True:
            found = self._attempt()
            if found is not None:
                value, end = found
                self._check(value, end)
                self._move(end)
                return value
            held = len(self._window) - self._at
            if held >= limit:
                return TOO_LONG
            self._extend(max(held, 1))

    def element(self) -> Json:
        """Return the value that begins here.

        Raises:
            Unusable: as `value`; also where it is longer than `LARGEST`.
        """
        value = self.value()
        if isinstance(value, TooLong):
            raise self.refusal(f"holds a single value of more than {LARGEST:,} characters")
        return value

    def array(self) -> Iterator[Json]:
        """Yield the elements of the array that begins here, one at a time."""
        self._take("[")
        if self.peek() == "]":
            self._take("]")
            return
        while True:
            yield self.element()
            if self._take(",", "]") == "]":
                return

    def members(self) -> Iterator[str]:
        """Yield the keys of the object that begins here; whoever asks reads the value before the next key."""
        self._take("{")
        if self.peek() == "}":
            self._take("}")
            return
        while True:
            if self.peek() not in ('"', ""):
                raise self.refusal("is not JSON: a key in double quotes is missing here", is_foreign=True)
            key = str(self.element())
            self._take(":")
            yield key
            if self._take(",", "}") == "}":
                return

    def refusal(self, reason: str, *, is_foreign: bool = False) -> Unusable:
        """Return the error that says what is wrong at the next character."""
        return Unusable(f"line {self.line}", reason, is_foreign=is_foreign)

    def _take(self, *expected: str) -> str:
        found = self.peek()
        if not found:
            raise self.refusal(_CUT_OFF)
        if found not in expected:
            wanted = " or ".join(f"'{character}'" for character in expected)
            raise self.refusal(f"is not JSON: {wanted} is missing here", is_foreign=True)
        self._move(self._at + 1)
        return found

    def _move(self, end: int) -> None:
        self.taken += end - self._at
        self._at = end

    def _extend(self, wanted: int) -> bool:
        """Add that many characters or more to the window, and drop what was read; return whether any came."""
        self._lines, self._counted = self.line - 1, 0
        parts = [self._window[self._at :]]
        self._at = 0
        added = 0
        while added < wanted and not self._is_all:
            piece = next(self._pieces, None)
            self._is_all = piece is None
            parts.append(piece or "")
            added += len(piece or "")
        self._window = "".join(parts)
        return added > 0

    def _attempt(self) -> tuple[Json, int] | None:
        """Return the value and where it ends, or None if the window has to be extended first."""
        try:
            value, end = _DECODER.raw_decode(self._window, self._at)
        except json.JSONDecodeError as error:
            if self._is_all or self._is_definite(error):
                raise self._syntax_error(error) from error
            return None
        except RecursionError as error:
            raise self.refusal(_TOO_DEEP) from error
        except ValueError as error:
            raise self.refusal(str(error)) from error
        # A number may go on in the next piece.
        return (value, end) if end < len(self._window) or self._is_all else None

    def _is_definite(self, error: json.JSONDecodeError) -> bool:
        is_open = error.msg.startswith("Unterminated string")
        return not is_open and error.pos < len(self._window) - _LONGEST_TOKEN

    def _syntax_error(self, error: json.JSONDecodeError) -> Unusable:
        is_open = error.msg.startswith("Unterminated string")
        if is_open or _end_of_space(self._window, error.pos) >= len(self._window):
            return self.refusal(_CUT_OFF)
        line = self.line + self._window.count("\n", self._at, error.pos)
        return Unusable(f"line {line}", f"is not JSON: {error.msg}", is_foreign=True)

    def _check(self, value: Json, end: int) -> None:
        text, start = self._window, self._at
        if text.find("\\ud", start, end) >= 0 or text.find("\\uD", start, end) >= 0:
            try:
                json.dumps(value, ensure_ascii=False).encode()
            except UnicodeEncodeError as error:
                raise self.refusal("holds a lone surrogate, which is no character") from error
        brackets = text.count("[", start, end) + text.count("{", start, end)
        if brackets > DEEPEST and is_deeper(value):
            raise self.refusal(_TOO_DEEP)


def loads(text: str, place: str) -> Json:
    """Return the value of a JSON text that stands inside another one, by the same rules.

    Raises:
        Unusable: it is not one JSON value; tells `place`.
    """
    inner = JsonText(iter([text]))
    try:
        value = inner.element()
        rest = inner.peek()
    except Unusable as error:
        raise Unusable(place, f"holds a string that {error.reason}", is_foreign=error.is_foreign) from error
    if rest:
        raise Unusable(place, "holds a string that is not one JSON value")
    return value


_TOO_DEEP = f"is nested more than {DEEPEST} levels deep"


def _end_of_space(text: str, start: int) -> int:
    found = _SPACE.match(text, start)
    return found.end() if found else start


def _without_doubles(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        double = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"holds the key {json.dumps(double[:60])} twice in one object")
    return found


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError as error:
        raise ValueError(f"holds a number of {len(text):,} digits") from error


_DECODER = json.JSONDecoder(
    object_pairs_hook=_without_doubles, parse_float=finite, parse_int=_whole, parse_constant=no_constant
)
