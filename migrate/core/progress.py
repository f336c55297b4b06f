"""Progress for people: a bar on stderr, only on a terminal, and notices that do not break it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tqdm import tqdm

from migrate.core.masking import mask_secrets


class Bar:
    """Counts what has been done."""

    def __init__(self, bar: tqdm[Any]) -> None:
        self._bar = bar

    def advance(self, by: int = 1) -> None:
        """Count some more."""
        self._bar.update(by)

    def describe(self, text: str) -> None:
        """Show a few words behind the bar."""
        self._bar.set_postfix_str(text)


class Progress:
    """Shows how far long work is. Silent with `quiet`, a bar only where stderr is a terminal."""

    def __init__(self, *, quiet: bool = False, verbose: bool = False) -> None:
        self.quiet = quiet
        self.verbose = verbose
        self._bars = not quiet and sys.stderr.isatty()

    @contextmanager
    def bar(self, label: str, *, total: int | None = None, unit: str = "service") -> Iterator[Bar]:
        """Show a bar while the block runs."""
        with tqdm(desc=label, total=total, unit=f" {unit}s", disable=not self._bars, file=sys.stderr) as bar:
            yield Bar(bar)

    def note(self, text: str) -> None:
        """Tell something that a person should know, unless `quiet`."""
        if not self.quiet:
            self.warn(text)

    def detail(self, text: str) -> None:
        """Tell something that only `verbose` asks for."""
        if self.verbose:
            self.warn(text)

    def warn(self, text: str) -> None:
        """Tell something that a person must know, also with `quiet`; secrets in it are masked."""
        tqdm.write(mask_secrets(text), file=sys.stderr)
