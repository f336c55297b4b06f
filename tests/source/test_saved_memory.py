"""Memory does not grow with the size of a file, whatever its shape."""

from __future__ import annotations

import json
import subprocess
import sys
import zlib

import pytest
from shapes import channel
from taking import LONG

MEGABYTE = 1_000_000
NUMBER = 1_000_000 if LONG else 16_000
ATTRIBUTES = '{"x":"y"}' if LONG else json.dumps({"x": "y" * 3000})
MOST = (150 if LONG else 50) * MEGABYTE
"""Less than the smaller file alone would take; an interpreter that reads one resource takes about 20 MB."""

READER = """
import re, resource, sys
from pathlib import Path
from migrate.source.saved import SavedFiles

found = sum(1 for _ in SavedFiles(["-"]))
status = Path("/proc/self/status")
if status.exists():
    # What the system counts for a process begins with the memory of the one that started it; this does not.
    peak = int(re.search(r"VmHWM:\\s+(\\d+) kB", status.read_text())[1]) * 1024
else:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
print(found, peak)
"""
TEMPLATE = json.dumps({**channel("CH@", "Any", "public"), "attributes": ATTRIBUTES})
"""Half a kilobyte for the long test, which makes a file of half a gigabyte; else four kilobytes, for 60 MB."""


def resources(between):
    """Channels as text."""
    for number in range(NUMBER):
        yield (between if number else "") + TEMPLATE.replace("CH@", f"CH{number:032x}")


def lines():
    """JSON lines."""
    yield from resources("\n")


def array():
    """One array."""
    yield "["
    yield from resources(", ")
    yield "]"


def page():
    """One page."""
    yield '{"meta": {"page": 0, "next_page_url": null}, "channels": ['
    yield from resources(",\n")
    yield '], "more": 1}'


def packed(pieces):
    """Pieces of text as gzip."""
    press = zlib.compressobj(level=1, wbits=31)
    for piece in pieces:
        yield press.compress(piece.encode())
    yield press.flush()


def peak_of(pieces):
    """The number of resources that a process of its own finds in what is piped into it, and its peak memory."""
    with subprocess.Popen(
        [sys.executable, "-c", READER], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as reader:
        for piece in pieces:
            reader.stdin.write(piece)
        reader.stdin.close()
        found, peak = map(int, reader.stdout.read().split())
    assert reader.returncode == 0
    return found, peak


@pytest.mark.parametrize("layout", [lines, array, page], ids=lambda layout: layout.__name__)
def test_memory_does_not_grow_with_the_file(layout):
    """A file of 60 MB, or of half a gigabyte where the long tests are asked for, is read in bounded memory."""
    found, peak = peak_of(piece.encode() for piece in layout())
    assert found == NUMBER
    assert peak < MOST, f"{peak / MEGABYTE:.0f} MB"


def test_memory_does_not_grow_with_what_gzip_hides():
    """A small packed file that unpacks to a large one is read in bounded memory."""
    found, peak = peak_of(packed(lines()))
    assert found == NUMBER
    assert peak < MOST, f"{peak / MEGABYTE:.0f} MB"
