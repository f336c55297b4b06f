"""One pass over a report that gathers what its reader must see first, so that equal things are said once."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TypeVar

from mappings.webhooks.receivers import EventChange, Routing
from migrate.report.model import FieldRow, Json, ServiceReport, StepError, StepRow
from migrate.report.receivers import folded
from migrate.report.words import NEEDS_A_PERSON, TROUBLED_STATES, VERDICT_RANK

Key = TypeVar("Key")


@dataclass(frozen=True)
class Place:
    """Where a finding was made: the service, its number in the report (from 0), and one value.

    `value` is the Chat value of a field, the key of a step, the `Receivers` of a service, or its SIDs.
    """

    number: int
    sid: str
    name: str
    value: Json

    @classmethod
    def of(cls, number: int, service: ServiceReport, value: Json) -> Place:
        """Returns a place in the service with that number."""
        return cls(number, service.source_sid, service.friendly_name, value)


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
class RoutingTable:
    """Per-event webhooks that one table tells, instead of two findings for each event.

    Attributes:
        routing: the table.
        fields: the source paths that it stands for, sorted.
        places: the services that have this table.
    """

    routing: Routing
    fields: tuple[str, ...]
    places: tuple[Place, ...]


@dataclass(frozen=True)
class Handlers:
    """Services whose webhook receivers see the same events; the `value` of a place is its `Receivers`."""

    events: tuple[EventChange, ...]
    places: tuple[Place, ...]


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
class Left:
    """Steps that a rollback does nothing about, for like reasons; each place has its own in `value`."""

    resources: tuple[str, ...]
    places: tuple[Place, ...]

    @property
    def reason(self) -> str:
        """The reason of the first place."""
        return str(self.places[0].value)

    @property
    def varied(self) -> bool:
        """Whether the others give this reason with other names and values in it."""
        return any(place.value != self.reason for place in self.places)


@dataclass(frozen=True)
class Digest:
    """What stands at the head of a report.

    Attributes:
        troubles: steps that failed, drifted or are undecided.
        findings: what needs a person: manual, dropped, lossy; the most widespread first.
        routings: per-event webhooks that need a person, as tables; the most widespread first.
        handlers: what the receivers of webhooks will see; the most widespread first.
        irreversible: steps that can't be undone, in any state.
        left: what a rollback leaves.
        became: services with another target, and in `value` what became of what.
        fields: how many fields were examined.
        changes: how many of them have a change.
        services_with_changes: how many services hold those.
        equal: verdict → how many fields without a change and without need of a person.
    """

    troubles: tuple[Trouble, ...]
    findings: tuple[Finding, ...]
    routings: tuple[RoutingTable, ...]
    handlers: tuple[Handlers, ...]
    irreversible: tuple[Irreversible, ...]
    left: tuple[Left, ...]
    became: tuple[Place, ...]
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
        for table in self.routings:
            counted["manual"] += len(table.fields) * len(table.places)
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
        self._routings: dict[tuple[Routing, tuple[str, ...]], list[Place]] = defaultdict(list)
        self._handlers: dict[tuple[EventChange, ...], list[Place]] = defaultdict(list)
        self._left: dict[str, list[tuple[str, Place]]] = defaultdict(list)
        self._became: list[Place] = []

    def add(self, number: int, service: ServiceReport) -> None:
        changes = 0
        tabled = folded(service)
        for row in service.fields:
            changes += row.change
            if row.source in tabled:
                continue
            if needs_a_person(row):
                self._add_need(Place.of(number, service, row.value), row)
            elif not row.change:
                self._equal[row.verdict] += 1
        for step in service.steps:
            self._add_step(Place.of(number, service, step.key), step)
        self._add_receivers(number, service, tabled)
        if service.target_sid not in (None, service.source_sid):
            self._became.append(Place.of(number, service, service.sids))
        self._fields += len(service.fields)
        self._changes += changes
        self._services_with_changes += changes > 0

    def _add_need(self, place: Place, row: FieldRow) -> None:
        key = (row.verdict, self._likeness(row.reason), row.source)
        self._needs[key].append(place)
        first = self._reasons.setdefault(key, _Reason(row.reason))
        if first.text != row.reason:
            self._reasons[key] = _Reason(first.text, varied=True)

    def _add_receivers(self, number: int, service: ServiceReport, tabled: frozenset[str]) -> None:
        receivers = service.receivers
        if receivers is None:
            return
        self._handlers[receivers.events].append(Place.of(number, service, receivers))
        if receivers.routing and tabled:
            key = (receivers.routing, tuple(sorted(tabled)))
            self._routings[key].append(Place.of(number, service, None))

    def _add_step(self, place: Place, step: StepRow) -> None:
        if step.action == "leave":
            message = step.error.message if step.error else ""
            self._left[self._likeness(message)].append((step.resource, replace(place, value=message)))
            return
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
            routings=tuple(RoutingTable(*key, places) for key, places in _widest(self._routings)),
            handlers=tuple(Handlers(events, places) for events, places in _widest(self._handlers)),
            irreversible=tuple(
                Irreversible(*key, tuple(places)) for key, places in self._irreversible.items()
            ),
            left=_left(self._left.values()),
            became=tuple(self._became),
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


def _widest(met: Mapping[Key, Iterable[Place]]) -> list[tuple[Key, tuple[Place, ...]]]:
    """Sorts groups by how many services they concern, and else by the first of them."""
    groups = [(key, tuple(places)) for key, places in met.items()]
    return sorted(groups, key=lambda group: (-len(group[1]), group[1][0].number))


def _left(met: Iterable[Iterable[tuple[str, Place]]]) -> tuple[Left, ...]:
    """Puts what a run has created first: whole services, then roles."""
    lefts = []
    for steps in met:
        resources, places = zip(*steps, strict=True)
        lefts.append(Left(tuple(sorted(set(resources))), tuple(dict.fromkeys(places))))
    return tuple(
        sorted(lefts, key=lambda left: ("service" not in left.resources, "roles" not in left.resources))
    )


def _most_pressing(finding: Finding) -> tuple[int, int, tuple[str, ...], str, int]:
    return (
        VERDICT_RANK[finding.verdict],
        -len(finding.places),
        finding.fields,
        finding.reason,
        finding.places[0].number,
    )
