"""Reports on streams that cannot encode every character: an old terminal, a pipe in another locale."""

from __future__ import annotations

import codecs
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TextIO, cast

SIGNS = {"→": "->", "…": "...", "—": "-", "·": "-"}
"""Our own signs, in ASCII."""


def fitting(stream: TextIO, format: str) -> TextIO:  # noqa: A002 - the word that --format uses
    """Return a stream that takes any text and never raises UnicodeEncodeError.

    What the stream cannot encode is spelled as the format allows: `\\u2192` in JSON, `&#8594;` in HTML, ASCII signs
    and Python's escapes in text and Markdown. A stream that encodes all of Unicode is returned as it is.
    """
    encoding = getattr(stream, "encoding", None)
    if not encoding or codecs.lookup(encoding).name.startswith("utf"):
        return stream
    # JSON is UTF-8 by its standard, and the HTML page says that it is: ASCII is the part that both share.
    in_ascii = _IN_ASCII.get(format)
    return cast(TextIO, _Fitting(stream, "ascii" if in_ascii else encoding, in_ascii or _IN_SIGNS))


@dataclass(frozen=True)
class _Fitting:
    """The part of a text stream that renderers use."""

    stream: TextIO
    encoding: str
    spelling: str

    def write(self, text: str) -> int:
        """Write the text, spelled so that the stream can encode it."""
        return self.stream.write(text.encode(self.encoding, self.spelling).decode(self.encoding))


def _spelled(name: str, spell: Callable[[str], str]) -> str:
    """Register how text that cannot be encoded is spelled, and return the name that stands for it."""

    def handle(error: UnicodeError) -> tuple[str, int]:
        if not isinstance(error, UnicodeEncodeError):
            raise error
        return spell(error.object[error.start : error.end]), error.end

    codecs.register_error(name, handle)
    return name


def _sign(character: str) -> str:
    return SIGNS.get(character) or character.encode("ascii", "backslashreplace").decode()


_IN_SIGNS = _spelled("report.signs", lambda text: "".join(map(_sign, text)))
_IN_ASCII = {
    "json": _spelled("report.json", lambda text: json.dumps(text)[1:-1]),
    "html": "xmlcharrefreplace",
}
