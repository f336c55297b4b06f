"""One pass over the services of a report that counts what its reader must see first, equal things together."""

from __future__ import annotations

from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache, partial

from mappings import NEEDS_A_PERSON, Verdict
from mappings.webhooks.receivers import EventChange
from migrate.model.rows import FieldRow
from migrate.model.state import State
from migrate.report.blocks import Places
from migrate.report.model import DELETE, LEAVE, ServiceReport, StepError, StepRow
from migrate.report.picture import Cause, Cell, Strips
from migrate.report.words import DONE, GROUPS, TROUBLED, VERDICTS, group_of

FEW = 5
"""Of so many services or steps a group remembers more than that they are there."""

WIDESPREAD_SHARE = 0.8
WIDESPREAD_SERVICES = 5
"""A cause that so large a share, and so many, of the services have is told once, for all."""


@dataclass
class Group:
    """What several services, in so many fields or steps, have in common.

    Attributes:
        numbers: the services, by their numbers in the report (from 0), each once.
        examples: the first few, with the names of their services.
    """

    numbers: array[int] = field(default_factory=lambda: array("L"))
    count: int = 0
    examples: list[tuple[str, str]] = field(default_factory=list)

    def add(self, number: int, service: ServiceReport) -> None:
        """Count one more field or step of a service; services come in order."""
        self.count += 1
        if self.numbers and self.numbers[-1] == number:
            return
        self.numbers.append(number)
        if len(self.examples) < FEW:
            self.examples.append((service.friendly_name, service.source_sid))

    @property
    def services(self) -> int:
        """How many services have it."""
        return len(self.numbers)


@dataclass
class CauseGroup(Group):
    """Fields that need a person for the same cause, which `heading` names.

    Attributes:
        text: what the first of them says.
        varied: whether others say it with other names and values.
        fields: their source paths, `*` for the name of a role.
    """

    verdict: Verdict = Verdict.MANUAL
    heading: str = ""
    text: str = ""
    varied: bool = False
    fields: dict[str, None] = field(default_factory=dict)


@dataclass(frozen=True)
class StepExample:
    """A step that stands for others like it."""

    number: int
    service: str
    sid: str
    step: StepRow


@dataclass
class StepGroup(Group):
    """Steps of one sort that came to the same, for the same reason; `steps` are the first few."""

    steps: list[StepExample] = field(default_factory=list)

    def keep(self, number: int, service: ServiceReport, step: StepRow) -> None:
        """Count one more step, as an example if it is one of the first."""
        self.add(number, service)
        if len(self.steps) < FEW:
            self.steps.append(StepExample(number, service.friendly_name, service.source_sid, step))


@dataclass
class Digest:
    """What stands at the head of a report. Groups keep the order of the report unless sorted.

    Attributes:
        names: friendly name and SID of every service, if they are kept; else empty.
        strips: what the picture shows, if there is to be one.
        causes: what needs a person, by verdict and cause.
        troubles: steps that failed, drifted or are undecided.
        altered: steps after which Twilio holds something else than was sent.
        irreversible: steps that can't be undone, in any state; by resource and action.
        left: what a rollback leaves, by reason.
        deletes: what the run has created and a rollback deletes: resource and state → how many.
        changes: fields that change, by the kind of resource that receives them.
        handlers: services whose webhook receivers see the same events.
        missing: services that Conversations does not have.
        items: kind → number of what, summed over all services.
        equal: verdict → how many fields without a change and without need of a person.
        needy: services with a field that needs a person.
        written: those of `changes` whose step is done.
        done: services with a step that is done.
        left_over: services with a step that was not begun; `count` is how many steps.
    """

    names: list[tuple[str, str]] = field(default_factory=list)
    strips: Strips = field(default_factory=Strips)
    causes: dict[Cause, CauseGroup] = field(default_factory=dict)
    troubles: dict[tuple[object, ...], StepGroup] = field(default_factory=partial(defaultdict, StepGroup))
    altered: dict[tuple[object, ...], StepGroup] = field(default_factory=partial(defaultdict, StepGroup))
    irreversible: dict[tuple[str, str], Group] = field(default_factory=partial(defaultdict, Group))
    left: dict[str, StepGroup] = field(default_factory=partial(defaultdict, StepGroup))
    deletes: Counter[tuple[str, State]] = field(default_factory=Counter)
    changes: dict[str, Group] = field(default_factory=partial(defaultdict, Group))
    handlers: dict[tuple[EventChange, ...], Group] = field(default_factory=partial(defaultdict, Group))
    missing: Group = field(default_factory=Group)
    items: dict[str, Counter[str]] = field(default_factory=partial(defaultdict, Counter))
    equal: Counter[Verdict] = field(default_factory=Counter)
    fields: int = 0
    services: int = 0
    needy: Group = field(default_factory=Group)
    written: dict[str, Group] = field(default_factory=partial(defaultdict, Group))
    done: Group = field(default_factory=Group)
    left_over: Group = field(default_factory=Group)

    def ranked(self) -> list[CauseGroup]:
        """Return the causes that only some services have, the most pressing and widespread first."""
        return sorted((one for one in self.causes.values() if not self.is_widespread(one)), key=_rank)

    def widespread(self) -> list[CauseGroup]:
        """Return the causes that nearly all services have."""
        return sorted((one for one in self.causes.values() if self.is_widespread(one)), key=_rank)

    def is_widespread(self, group: Group) -> bool:
        """Whether nearly all services have it."""
        return group.services >= max(WIDESPREAD_SERVICES, WIDESPREAD_SHARE * self.services)

    def places(self, group: Group) -> Places:
        """Return the services of a group; without `names`, the first few of them."""
        if not self.names:
            return Places(group.numbers, group.examples)
        return Places(group.numbers, [self.names[number] for number in group.numbers])


def digest(services: Iterable[ServiceReport], *, names: bool = False, picture: bool = False) -> Digest:
    """Read the services once. Without `names` and `picture`, four bytes a service and group are kept."""
    found = Digest()
    for number, service in enumerate(services):
        found.services += 1
        if names:
            found.names.append((service.friendly_name, service.source_sid))
        if picture:
            found.strips.add(service.friendly_name, tuple(_cells(service)))
        _add_service(found, number, service)
    return found


def _add_service(found: Digest, number: int, service: ServiceReport) -> None:
    if service.is_missing:
        found.missing.add(number, service)
    if service.receivers is not None:
        found.handlers[service.receivers.events].add(number, service)
    states = {step.key: step.state for step in service.steps}
    found.fields += sum(service.others.values())
    found.equal.update(service.others)
    for row in service.fields:
        _add_field(found, number, service, row)
        if row.change:
            resource = row.resource or "other"
            found.changes[resource].add(number, service)
            if states.get(row.step or "") in DONE:
                found.written[resource].add(number, service)
    for step in service.steps:
        _add_step(found, number, service, step)
    _add_items(found, number, service)


def _add_field(found: Digest, number: int, service: ServiceReport, row: FieldRow) -> None:
    found.fields += 1
    if not row.needs_a_person:
        found.equal[row.verdict] += not row.change
        return
    found.needy.add(number, service)
    key, text = cause_of(row), row.reason
    group = found.causes.get(key)
    if group is None:
        group = found.causes[key] = CauseGroup(verdict=row.verdict, heading=key[2], text=text)
    group.varied |= group.text != text
    group.fields[general(row)] = None
    group.add(number, service)


def cause_of(row: FieldRow) -> Cause:
    """Return what makes fields one group: verdict, id and heading of the first reason."""
    if not row.reasons:
        return row.verdict.value, "", VERDICTS[row.verdict].meaning
    return row.verdict.value, row.reasons[0].id, row.reasons[0].cause


def general(row: FieldRow) -> str:
    """Return the source path, without the name in it where there are many alike: `roles.*.permissions`."""
    if row.item_sid is None and not row.source.startswith("webhooks.on_"):
        return row.source
    return f"{row.source.split('.', 1)[0]}.*.{row.source.rsplit('.', 1)[-1]}"


def _add_step(found: Digest, number: int, service: ServiceReport, step: StepRow) -> None:
    if step.action == LEAVE:
        reason = step.error.cause or step.error.message if step.error else ""
        found.left[reason].keep(number, service, step)
        return
    if step.action == DELETE:
        found.deletes[step.resource, step.state] += 1
    if not step.reversible:
        found.irreversible[step.resource, step.action].add(number, service)
    if step.state in DONE:
        found.done.add(number, service)
    elif step.state is State.PLANNED:
        found.left_over.add(number, service)
    _add_trouble(found, number, service, step)


def _add_trouble(found: Digest, number: int, service: ServiceReport, step: StepRow) -> None:
    if step.state is State.ALTERED:
        paths = tuple(one.path for one in step.altered)
        found.altered[step.resource, paths].keep(number, service, step)
    elif step.state in TROUBLED or (step.error is not None and step.action != DELETE):
        error = step.error or StepError("")
        # Twilio's messages name SIDs and values; where it gives a code, that is the cause.
        cause = error.code or error.cause or error.message
        alike = (step.state, step.resource, step.action, error.status, cause, error.advice)
        found.troubles[alike].keep(number, service, step)


def _add_items(found: Digest, number: int, service: ServiceReport) -> None:
    for one in service.items:
        sums = found.items[one.kind]
        sums.update({"found": one.found, "to change": one.to_change, **one.facts})
        sums.update({f"skipped ({what.rstrip('.')})": number for what, number in one.skipped.items()})
        steps = sum(one.steps_by_state.values())
        if steps and not one.reversible:
            group = found.irreversible[one.kind, "migrate"]
            group.add(number, service)
            group.count += steps - 1
        if one.steps_by_state.get(State.PLANNED):
            found.left_over.add(number, service)
    for step in service.item_troubles:
        _add_trouble(found, number, service, step)


def _cells(service: ServiceReport) -> Iterable[Cell]:
    """Return for each of `GROUPS` what the picture needs to know."""
    needs: dict[str, dict[Cause, None]] = {}
    present: dict[str, bool] = {}
    for row in service.fields:
        group = group_of(row.source)
        present[group] = present.get(group, False) or row.change
        if row.needs_a_person:
            needs.setdefault(group, {})[cause_of(row)] = None
    for name in GROUPS:
        base = "absent" if name not in present else "change" if present[name] else "equal"
        yield _cell(base, tuple(needs.get(name, ())))


# The same few cells come back in each service.
_cell = lru_cache(maxsize=4096)(Cell)


def _rank(group: CauseGroup) -> tuple[int, int, int]:
    return (NEEDS_A_PERSON.index(group.verdict), -group.services, group.numbers[0])
