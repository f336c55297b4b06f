"""What a report says of a rehearsal: what was tried, what would go wrong, and how long the real run may take."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from migrate.report.blocks import Block, Bullets, Facts, Heading, more, text
from migrate.report.model import Difference, Estimate, Rehearsed
from migrate.report.values import cut, show, visible
from migrate.report.words import count

LONGEST_VALUE = 60
"""Characters of a value in a sentence."""


def rehearsal(told: Rehearsed, most: int | None) -> Iterator[Block]:
    """Yield what came of a rehearsal; each list has at most `most` items, or all."""
    yield Heading(text("The rehearsal"), anchor="rehearsal")
    yield Facts([(label, text(fact)) for label, fact in _facts(told)])
    differences = [_difference(one) for one in told.differences]
    lists = (
        ("The accounts do not hold what the plan says", differences, "field"),
        ("Stands twice", told.doubles, "case"),
        ("Warnings: Twilio's documents leave these open", told.warnings, "warning"),
    )
    for heading, sentences, noun in lists:
        yield from _listed(heading, sentences, noun, most)


def _facts(told: Rehearsed) -> Iterator[tuple[str, str]]:
    yield "end state", _end_state(told)
    reads, writes = count(told.reads, "read"), count(told.writes, "write")
    yield "requests", f"{told.reads + told.writes:,}: {reads}, {writes}"
    faults = ", ".join(
        f"{number:,} times {visible(kind).replace('_', ' ')}" for kind, number in told.faults.items()
    )
    survived = f"{count(sum(told.faults.values()), 'fault')}" + (f" ({faults})" if faults else "")
    yield "survived", f"{survived}; {count(told.kills, 'kill')}; {count(told.resumes, 'resume')} needed"
    options = (f"--{name} {value:g}" for name, value in told.options.items() if value is not None)
    yield "repeat with", " ".join(options)
    yield "took", f"{told.seconds:,.1f} seconds, with a settle time of {told.settle:g} seconds"
    yield "real run", _estimate(told.estimate)


def _end_state(told: Rehearsed) -> str:
    differences = len(told.differences)
    is_right = f"{count(differences, 'field')} not as planned" if differences else "as planned"
    twice = f"{count(len(told.doubles), 'thing')} twice" if told.doubles else "nothing stands twice"
    return f"{is_right}, {twice}"


def _estimate(estimate: Estimate) -> str:
    limit = "any number" if estimate.at_once is None else f"at most {estimate.at_once:,}"
    return (
        f"about {_duration(estimate.seconds)}, if {estimate.reads:,} reads and {estimate.writes:,} writes take "
        f"{estimate.latency * 1000:,.0f} ms each, {limit} may be under way at once, nothing has to be tried "
        f"again, and the program needs {estimate.idle_seconds:.1f} s before and after them and "
        f"{estimate.request_seconds * 1000:.1f} ms of a processor for each, as it did now"
    )


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:,.1f} seconds"
    return f"{seconds / 60:,.0f} minutes"


def _difference(one: Difference) -> str:
    place = f"{one.resource} {one.path}" + (f" (from {one.source})" if one.source else "")
    wanted, held = (cut(show(value), LONGEST_VALUE) for value in (one.wanted, one.held))
    return f"{one.friendly_name} ({one.source_sid}): {place} would be {held} instead of {wanted}."


def _listed(heading: str, sentences: Sequence[str], noun: str, most: int | None) -> Iterator[Block]:
    if not sentences:
        return
    yield Heading(text(f"{heading}: {count(len(sentences), noun)}"))
    yield Bullets([text(visible(sentence)) for sentence in sentences[:most]])
    yield from more(len(sentences) - len(sentences[:most]), noun)
