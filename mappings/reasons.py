"""Why a field becomes what it becomes: reasons as data. What they say stands in one table, `causes`.

    reason = causes.PERMISSION_LOST(permissions=("inviteMember",))
    reason.id, reason.args      what a program goes by
    reason.text                 whole sentences, with this field's names and values
    reason.cause                a short heading for all that share the cause

Whoever has a reason of their own makes a `Cause` of their own; nothing has to be registered.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

Arg = str | int | tuple[str, ...]
"""What a reason speaks of: a name or value, a count, or several names."""
REASONS_KEPT = 4096
"""Most services have the same reasons: so many of them are made once only."""


@dataclass(frozen=True)
class Reason:
    """Why one field becomes what it becomes. It carries its words, so a stored one reads as it was reviewed.

    Attributes:
        cause: a heading without a full stop. Reasons of one id and one heading have one cause.
    """

    id: str
    cause: str
    text: str
    args: Mapping[str, Arg] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.text

    def __hash__(self) -> int:
        return hash(self.text)

    def to_json(self) -> dict[str, Any]:
        """Return the reason as a JSON object."""
        args = {name: list(arg) if isinstance(arg, tuple) else arg for name, arg in self.args.items()}
        return {"id": self.id, "cause": self.cause, "text": self.text, "args": args}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Reason:
        """Return the reason that `to_json` has written; raises KeyError if it is none."""
        args = {name: tuple(arg) if isinstance(arg, list) else arg for name, arg in value["args"].items()}
        return cls(value["id"], value["cause"], value["text"], args)


@dataclass(frozen=True)
class Cause:
    """What all reasons of one id have in common. Call it with the arguments to get a reason.

    Attributes:
        id: unique, `permission_lost`.
        heading: what `Reason.cause` says. It may name an argument that stands for a cause of its own.
        sentences: what `Reason.text` says, in `str.format`'s notation. A name is replaced by the argument, several
            names by `a, b`, and `{count:retry is|retries are}` by `1 retry is` or `2 retries are`.
    """

    id: str
    heading: str
    sentences: str

    def __hash__(self) -> int:
        return hash(self.id)

    def __call__(self, **args: Arg) -> Reason:
        """Return the reason for these arguments; raises KeyError if one that the sentences name is missing."""
        return _reason(self, tuple(args.items()))


@lru_cache(REASONS_KEPT)
def _reason(cause: Cause, args: tuple[tuple[str, Arg], ...]) -> Reason:
    words = {name: _word(arg) for name, arg in args}
    return Reason(cause.id, cause.heading.format_map(words), cause.sentences.format_map(words), dict(args))


class _Count(int):
    def __format__(self, words: str) -> str:
        if not words:
            return str(int(self))
        one, many = words.split("|")
        return f"{int(self)} {one if self == 1 else many}"


def _word(arg: Arg) -> str | _Count:
    if isinstance(arg, str):
        return arg
    return _Count(arg) if isinstance(arg, int) else ", ".join(arg)


def reason_text(reasons: Iterable[Reason]) -> str:
    """Return the sentences of several reasons as one paragraph."""
    return " ".join(reason.text for reason in reasons)
