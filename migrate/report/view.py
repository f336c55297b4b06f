"""How much of a report a reader wants to see."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class View:
    """How much a reader wants to see, and what else there is to say.

    Attributes:
        full: everything; else one screen.
        width: columns of the terminal; the summary chooses what fits.
        notes: sentences to print below the outcome.
        next_commands: what to type now.
    """

    full: bool = True
    width: int = 100
    notes: tuple[str, ...] = ()
    next_commands: tuple[str, ...] = ()
