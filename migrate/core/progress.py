"""Progress for people: a bar on stderr, only on a terminal, and notices that do not break it."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import TypeVar

from tqdm import tqdm

Item = TypeVar("Item")


class Progress:
    """Shows how far long work is. Silent with `quiet`, a bar only where stderr is a terminal."""

    def __init__(self, *, quiet: bool = False, verbose: bool = False) -> None:
        self.quiet = quiet
        self.verbose = verbose
        self._bars = not quiet and sys.stderr.isatty()

    def track(self, items: Iterable[Item], label: str, *, total: int | None = None) -> Iterator[Item]:
        """Yield the items and count them in a bar."""
        yield from tqdm(
            items, desc=label, total=total, unit="service", disable=not self._bars, file=sys.stderr
        )

    def note(self, text: str) -> None:
        """Tell something that a person should know, unless `quiet`."""
        if not self.quiet:
            tqdm.write(text, file=sys.stderr)

    def detail(self, text: str) -> None:
        """Tell something that only `verbose` asks for."""
        if self.verbose:
            tqdm.write(text, file=sys.stderr)
