"""The bytes of a file, pipe or standard input → text, whatever they are packed and encoded in."""

from __future__ import annotations

import codecs
import zlib
from collections.abc import Iterator
from itertools import chain
from typing import BinaryIO

from migrate.source.saved.items import Unusable

BLOCK = 1 << 18
"""Bytes that are read, and unpacked, at a time."""

_GZIP = b"\x1f\x8b"
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
"""Byte order marks. UTF-32's stand before UTF-16's, whose mark its own begins with."""


def pieces(stream: BinaryIO, block: int = BLOCK) -> Iterator[str]:
    """Yield the text of a stream, piece by piece; unpack gzip, and find the encoding by its first bytes.

    Raises:
        Unusable: the packing is damaged or cut off, or it is not text.
        OSError: the stream cannot be read.
    """
    head, blocks = _with_head(iter(lambda: stream.read(block), b""))
    if head.startswith(_GZIP):
        head, blocks = _with_head(_unpacked(blocks, block))
    return _decoded(blocks, _encoding_of(head))


def _with_head(blocks: Iterator[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """Return the first four bytes or more, and all blocks; a pipe may give one byte at a time."""
    head = b""
    for block in blocks:
        head += block
        if len(head) >= 4:
            break
    return head, chain([head] if head else [], blocks)


def _unpacked(blocks: Iterator[bytes], size: int) -> Iterator[bytes]:
    member = zlib.decompressobj(wbits=31)
    for block in blocks:
        packed = block
        while packed:
            try:
                yield member.decompress(packed, size)
            except zlib.error as error:
                raise Unusable("", "is damaged: its gzip data cannot be unpacked") from error
            packed = member.unconsumed_tail
            if member.eof:
                # gzip files may follow each other, and be padded with zeros.
                packed = member.unused_data.lstrip(b"\0")
                member = zlib.decompressobj(wbits=31) if packed else member
    if not member.eof:
        raise Unusable("", "is cut off: its gzip data ends too early")


def _encoding_of(head: bytes) -> str:
    """Return the encoding: by the byte order mark, else by where the first character, which is ASCII, has zeros."""
    marked = next((encoding for mark, encoding in _MARKS if head.startswith(mark)), None)
    if marked:
        return marked
    zeros = head[0:1] == b"\0", head[1:2] == b"\0"
    return {(False, True): "utf-16-le", (True, False): "utf-16-be"}.get(zeros, "utf-8")


def _decoded(blocks: Iterator[bytes], encoding: str) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder(encoding)()
    before = 0
    try:
        for block in blocks:
            # What the decoder has kept of the block before is decoded, and counted, with this one.
            kept = len(decoder.getstate()[0])
            before -= kept
            yield decoder.decode(block)
            before += kept + len(block)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        name = encoding.removesuffix("-sig").upper()
        reason = f"is not {name} text (byte {before + error.start + 1}), so it is not JSON"
        raise Unusable("", reason, is_foreign=True) from error
