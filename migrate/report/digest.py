"""One pass over a report that gathers what its reader must see first, so that equal things are said once."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from migrate.report.model import FieldRow, Json, ServiceReport, StepError, StepRow
from migrate.report.words import NEEDS_A_PERSON, TROUBLED_STATES, VERDICT_RANK


@dataclass(frozen=True)
class Place:
    """Where a finding was made: the service, its number in the report (from 0), and one value.

    `value` is the Chat value of a field, or the key of a step.
    """

    number: int
    sid: str
    name: str
    value: Json


@dataclass(frozen=True)
class Finding:
    """A verdict and a reason that one or more fields of one or more services share.

    Attributes:
        verdict: one of `NEEDS_A_PERSON`.
        reason: why, and what to do, in the words of the first field and service.
        varied: whether the others give this reason with other names and values in it.
        fields: source paths, sorted.
        places: in the order of the report; with several fields, `value` is that of the first field.
        values: source path → value, if the finding concerns one service only.
    """

    verdict: str
    reason: str
    varied: bool
    fields: tuple[str, ...]
    places: tuple[Place, ...]
    values: Mapping[str, Json]


@dataclass(frozen=True)
class Trouble:
    """Steps that did not end well for the same reason. `error` is without its request id."""

    state: str
    resource: str
    action: str
    error: StepError
    places: tuple[Place, ...]
    request_ids: tuple[str | None, ...]


@dataclass(frozen=True)
class Irreversible:
    """Steps of one sort that can't be undone."""

    resource: str
    action: str
    places: tuple[Place, ...]


@dataclass(frozen=True)
class Digest:
    """What stands at the head of a report.

    Attributes:
        troubles: steps that failed, drifted or are undecided.
        findings: what needs a person: manual, dropped, lossy; the most widespread first.
        irreversible: steps that can't be undone, in any state.
        fields: how many fields were examined.
        changes: how many of them have a change.
        services_with_changes: how many services hold those.
        equal: verdict → how many fields without a change and without need of a person.
    """

    troubles: tuple[Trouble, ...]
    findings: tuple[Finding, ...]
    irreversible: tuple[Irreversible, ...]
    fields: int
    changes: int
    services_with_changes: int
    equal: Mapping[str, int]

    @property
    def needs(self) -> Mapping[str, int]:
        """Verdict → how many fields need a person."""
        counted = Counter[str]()
        for finding in self.findings:
            counted[finding.verdict] += len(finding.fields) * len(finding.places)
        return counted


def needs_a_person(row: FieldRow) -> bool:
    """Whether the verdict asks a person to decide, to act or to know."""
    return row.verdict in NEEDS_A_PERSON


def troubled(step: StepRow) -> bool:
    """Whether a step waits for a person or for `resume`."""
    return step.error is not None or step.state in TROUBLED_STATES


def skeleton(reason: str) -> str:
    """Returns what stays of a reason when names, values and numbers are taken out of it.

    A reason names the event, the URL or the permission that it is about; by its skeleton it is told once for
    all services.
    """
    return _BLANKS.sub("… ", _NAME.sub("…", _QUOTED.sub("…", reason)))


_QUOTED = re.compile(r"\"[^\"]*\"|`[^`]*`|“[^”]*”")
_NAME = re.compile(r"[^\s,;()]*(?:[_/:$\d<>|=@]|[a-z][A-Z]|\w\.\w)[^\s,;()]*|\b[A-Z]{2,}\b")
_BLANKS = re.compile(r"(?:…[\s,]*)+")


def digest(services: Iterable[ServiceReport], *, whole: bool = False) -> Digest:
    """Reads the services once. Memory grows with the findings, not with the fields.

    With `whole`, only reasons that are equal to the letter are told together.
    """
    gathered = _Gathering(str if whole else lru_cache(maxsize=65536)(skeleton))
    for number, service in enumerate(services):
        gathered.add(number, service)
    return gathered.digest()


@dataclass(frozen=True)
class _Reason:
    text: str
    varied: bool = False


class _Gathering:
    """The mutable half of `digest`."""

    def __init__(self, likeness: Callable[[str], str]) -> None:
        self._likeness = likeness
        self._reasons: dict[tuple[str, str, str], _Reason] = {}
        self._fields = self._changes = self._services_with_changes = 0
        self._equal = Counter[str]()
        self._needs: dict[tuple[str, str, str], list[Place]] = defaultdict(list)
        self._troubles: dict[tuple[str, str, str, StepError], list[tuple[Place, str | None]]] = defaultdict(
            list
        )
        self._irreversible: dict[tuple[str, str], list[Place]] = defaultdict(list)

    def add(self, number: int, service: ServiceReport) -> None:
        changes = 0
        for row in service.fields:
            changes += row.change
            if needs_a_person(row):
                self._add_need(Place(number, service.source_sid, service.friendly_name, row.value), row)
            elif not row.change:
                self._equal[row.verdict] += 1
        for step in service.steps:
            self._add_step(Place(number, service.source_sid, service.friendly_name, step.key), step)
        self._fields += len(service.fields)
        self._changes += changes
        self._services_with_changes += changes > 0

    def _add_need(self, place: Place, row: FieldRow) -> None:
        key = (row.verdict, self._likeness(row.reason), row.source)
        self._needs[key].append(place)
        first = self._reasons.setdefault(key, _Reason(row.reason))
        if first.text != row.reason:
            self._reasons[key] = _Reason(first.text, varied=True)

    def _add_step(self, place: Place, step: StepRow) -> None:
        if not step.reversible:
            self._irreversible[step.resource, step.action].append(place)
        if troubled(step):
            error = step.error or StepError(_NO_MESSAGE.get(step.state, ""))
            shared = StepError(error.message, error.status, error.code, None, error.advice)
            key = (step.state, step.resource, step.action, shared)
            self._troubles[key].append((place, error.request_id))

    def digest(self) -> Digest:
        return Digest(
            troubles=tuple(
                Trouble(*key, tuple(place for place, _ in met), tuple(request for _, request in met))
                for key, met in self._troubles.items()
            ),
            findings=tuple(sorted(_merge(self._needs, self._reasons), key=_most_pressing)),
            irreversible=tuple(
                Irreversible(*key, tuple(places)) for key, places in self._irreversible.items()
            ),
            fields=self._fields,
            changes=self._changes,
            services_with_changes=self._services_with_changes,
            equal={verdict: self._equal[verdict] for verdict in VERDICT_RANK if self._equal[verdict]},
        )


_NO_MESSAGE = {
    "intent": "The request may or may not have reached Twilio.",
    "unknown": "No answer told whether Twilio carried out the request.",
    "drifted": "The target holds neither the value before nor the value that was to be written.",
}


def _merge(
    needs: Mapping[tuple[str, str, str], Iterable[Place]], reasons: Mapping[tuple[str, str, str], _Reason]
) -> Iterable[Finding]:
    """Joins fields that have the same verdict and reason in the same services."""
    joined: dict[tuple[str, str, tuple[int, ...]], dict[str, tuple[Place, ...]]] = defaultdict(dict)
    for (verdict, likeness, source), found in needs.items():
        places = tuple(found)
        joined[verdict, likeness, tuple(place.number for place in places)][source] = places
    for (verdict, likeness, numbers), by_source in joined.items():
        fields = tuple(sorted(by_source))
        told = [reasons[verdict, likeness, source] for source in fields]
        varied = any(reason.varied or reason.text != told[0].text for reason in told)
        values = {source: by_source[source][0].value for source in fields} if len(numbers) == 1 else {}
        yield Finding(verdict, told[0].text, varied, fields, by_source[fields[0]], values)


def _most_pressing(finding: Finding) -> tuple[int, int, tuple[str, ...], str, int]:
    return (
        VERDICT_RANK[finding.verdict],
        -len(finding.places),
        finding.fields,
        finding.reason,
        finding.places[0].number,
    )
