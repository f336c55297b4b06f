"""Reports on streams that cannot encode every character: an old terminal, a pipe in another locale."""

from __future__ import annotations

import codecs
from typing import TextIO, cast

SIGNS = {"→": "->", "…": "...", "—": "-", "·": "-"}
"""Our own signs, in ASCII."""


def fitting(stream: TextIO, format: str) -> TextIO:  # noqa: A002 - the word that --format uses
    """Returns a stream that takes any text and never raises UnicodeEncodeError.

    What the stream cannot encode is spelled as the format allows: `\\u2192` in JSON, `&#8594;` in HTML, ASCII signs
    and Python's escapes in text and Markdown. A stream that encodes all of Unicode is returned as it is.
    """
    encoding = getattr(stream, "encoding", None)
    if not encoding or codecs.lookup(encoding).name.startswith("utf"):
        return stream
    # JSON is UTF-8 by its standard, and the HTML page says that it is: ASCII is the part that both share.
    return cast(TextIO, _Fitting(stream, "ascii" if format in _SPELLINGS else encoding, format))


class _Fitting:
    """The part of a text stream that renderers use."""

    def __init__(self, stream: TextIO, encoding: str, format_: str) -> None:
        self._stream = stream
        self._encoding = encoding
        self._spell = _SPELLINGS.get(format_, _sign)

    def write(self, text: str) -> int:
        """Write the text, spelled so that the stream can encode it."""
        try:
            text.encode(self._encoding)
        except UnicodeEncodeError:
            text = "".join(map(self._fit, text))
        return self._stream.write(text)

    def _fit(self, character: str) -> str:
        try:
            character.encode(self._encoding)
        except UnicodeEncodeError:
            return self._spell(character)
        return character


def _sign(character: str) -> str:
    return SIGNS.get(character) or character.encode("ascii", "backslashreplace").decode()


def _json_escape(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))


def _reference(character: str) -> str:
    return f"&#{ord(character)};"


_SPELLINGS = {"json": _json_escape, "html": _reference}
