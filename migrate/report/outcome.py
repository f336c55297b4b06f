"""The outcome of a report in a sentence or two, its numbers, and what it looked at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from migrate.model.state import State
from migrate.report.digest import Digest
from migrate.report.model import DIFFERING, Report, ReportKind
from migrate.report.values import age, moment, visible
from migrate.report.words import DONE, SOURCES, TARGETS, VERDICTS, count, spoken, verb


def outcome(report: Report, found: Digest) -> str:
    """Return what came of it; services that Conversations does not have come first."""
    if not report.summary.services:
        return "Nothing was examined: no service is in this report."
    missing = report.summary.services_missing
    services = count(report.summary.services, "service")
    found_not = f"{missing:,} of {services} {verb(missing, 'was', 'were')} not found in Conversations."
    told = [found_not] if missing else []
    told.append(_OUTCOMES[report.kind](report, found))
    if found.causes:
        told.append(f"{needs(found)}.")
    return " ".join(told)


def _diff(report: Report, _found: Digest) -> str:
    summary = report.summary
    if not summary.changes and not summary.steps:
        return f"Nothing to change: {_examined(report)}."
    services = f"{summary.services_to_change:,} of {count(summary.services, 'service')}"
    return f"{services} would change: {count(summary.changes, 'change')} in {count(summary.steps, 'step')}."


def _run(report: Report, found: Digest) -> str:
    summary = report.summary
    if not summary.steps:
        return f"Nothing had to change: {_examined(report)}."
    states = summary.steps_by_state
    done = sum(states.get(state, 0) for state in DONE)
    changes = f"{count(written(found), 'change')} in {count(found.done.services, 'service')}"
    told = [f"{done:,} of {count(summary.steps, 'step')} {verb(done)} done: {changes}."]
    told += _otherwise(states)
    if left := states.get(State.PLANNED, 0):
        services = count(found.left_over.services, "service")
        told.append(f"{count(left, 'step')} in {services} {verb(left)} left.")
    return " ".join(told)


def _otherwise(states: Mapping[State, int]) -> Iterator[str]:
    for these, *said in _OTHERWISE:
        if number := sum(states.get(state, 0) for state in these):
            yield f"{count(number, 'step')} {verb(number, *said)}."


def _rehearsal(report: Report, found: Digest) -> str:
    ends_well = report.rehearsed is not None and report.rehearsed.held
    verdict = "The plan would end well" if ends_well else "The plan would not end well"
    return f"{verdict}: {_run(report, found)}"


def written(found: Digest) -> int:
    """Return how many fields a run has written."""
    return sum(group.count for group in found.written.values())


_OTHERWISE: tuple[tuple[tuple[State, ...], str, str], ...] = (
    ((State.FAILED,), "failed", "failed"),
    ((State.UNKNOWN, State.INTENT), "is undecided", "are undecided"),
    ((State.DRIFTED,), "was left alone: the target has changed", "were left alone: targets have changed"),
    ((State.ALTERED,), "left another value than was sent", "left other values than were sent"),
    ((State.SKIPPED,), "was skipped", "were skipped"),
)  # fmt: skip


def _verify(report: Report, found: Digest) -> str:
    changes = report.summary.changes
    told = [f"{_fields(report)} {verb(changes, 'differs', 'differ')}."] if changes else []
    for kind, numbers in found.items.items():
        if differing := numbers[DIFFERING]:
            told.append(f"{count(differing, kind.removesuffix('s'))} {verb(differing, 'differs', 'differ')}.")
    return " ".join(told) or f"Nothing differs: {_examined(report)}."


def _rollback(report: Report, found: Digest) -> str:
    summary, states = report.summary, report.summary.steps_by_state
    if not summary.changes and not summary.steps:
        return f"Nothing to restore: {_examined(report)}."
    if not is_under_way(report):
        deleted = _deleted(found, State.PLANNED)
        and_deleted = f" Created by the run, and would be deleted: {deleted}." if deleted else ""
        return f"{_fields(report)} would be restored.{and_deleted}"
    number, services = written(found), count(services_written(found), "service")
    told = [f"{count(number, 'field')} in {services} {verb(number)} restored."]
    if deleted := _deleted(found, State.ROLLED_BACK):
        told.append(f"Created by the run, and deleted: {deleted}.")
    told += _otherwise(states)
    if left := states.get(State.PLANNED, 0) + states.get(State.APPLIED, 0):
        told.append(f"{count(left, 'step')} {verb(left)} left.")
    return " ".join(told)


def is_under_way(report: Report) -> bool:
    """Whether a run or rollback has sent something: a dry run only plans, skips and finds what has drifted."""
    return bool(report.summary.steps_by_state.keys() - {State.PLANNED, State.SKIPPED, State.DRIFTED})


def services_written(found: Digest) -> int:
    """Return in how many services a run or rollback has written fields."""
    return len({number for group in found.written.values() for number in group.numbers})


def _deleted(found: Digest, state: State) -> str:
    return ", ".join(
        count(number, resource.removesuffix("s"))
        for (resource, stands), number in found.deletes.items()
        if stands is state
    )


_OUTCOMES = {
    ReportKind.DIFF: _diff,
    ReportKind.RUN: _run,
    ReportKind.VERIFY: _verify,
    ReportKind.ROLLBACK: _rollback,
    ReportKind.REHEARSAL: _rehearsal,
}


def totals(report: Report, found: Digest) -> str:
    """Return the numbers of a report in one line."""
    summary = report.summary
    states = states_line(summary.steps_by_state)
    parts = [
        f"Total: {count(summary.services, 'service')}",
        *([f"{summary.services_missing:,} not found"] if summary.services_missing else []),
        count(summary.changes, "change"),
        count(summary.steps, "step") + (f" ({states})" if states else ""),
        needs(found) if found.causes else "nothing needs a person",
    ]
    return ", ".join(parts) + "."


def needs(found: Digest) -> str:
    """Return `3 fields in 2 services need a person`."""
    number = sum(group.count for group in found.causes.values())
    needy = count(found.needy.services, "service")
    return f"{count(number, 'field')} in {needy} {verb(number, 'needs', 'need')} a person"


def states_line(states: Mapping[State, int]) -> str:
    """Return `18 applied, 1 failed`, in the order of the state machine."""
    return ", ".join(f"{states[state]:,} {spoken(state.value)}" for state in State if states.get(state))


def _examined(report: Report) -> str:
    return f"{count(report.summary.services, 'service')} examined"


def _fields(report: Report) -> str:
    summary = report.summary
    return f"{count(summary.changes, 'field')} in {count(summary.services_to_change, 'service')}"


def facts(report: Report, found: Digest, *, brief: bool) -> list[tuple[str, str]]:
    """Return label and text of what was looked at: accounts, snapshot, plan, counts, and what was not examined."""
    snapshot, plan = report.snapshot, report.plan
    account = visible(report.account_sid)
    if report.target_account_sid != report.account_sid:
        account += f" → {visible(report.target_account_sid)}"
    old = age(snapshot.taken_at, report.planned_at) if report.planned_at else ""
    taken = f"taken {moment(snapshot.taken_at)}" + (f", {old} before this plan" if old else "")
    source = SOURCES.get(snapshot.source, visible(snapshot.source))
    told = [
        ("account", account),
        ("snapshot", f"{snapshot.id}, {source}, {taken}"),
        ("plan", f"{visible(plan.id[:12])}, {TARGETS.get(plan.target, visible(plan.target))}"),
        ("examined", _equal(report, found, brief=brief)),
    ]
    if set(report.summary.steps_by_state) - {State.PLANNED}:
        told.append(("steps", states_line(report.summary.steps_by_state)))
    for kind, numbers in found.items.items():
        told.append((kind, ", ".join(f"{number:,} {visible(what)}" for what, number in numbers.items())))
    warnings = snapshot.examined.warnings
    shown = warnings[:3] if brief else warnings
    told += [("warning", visible(warning)) for warning in shown]
    if len(shown) < len(warnings):
        told.append(("warning", f"{count(len(warnings) - len(shown), 'more warning')} in the whole report"))
    return told


def _equal(report: Report, found: Digest, *, brief: bool) -> str:
    services = f"{count(report.summary.services, 'service')}, {count(found.fields, 'field')}"
    if not found.equal.total():
        return services
    if brief:
        return f"{services}; nothing to do for {found.equal.total():,}"
    listed = ", ".join(f"{found.equal[one]:,} {spoken(one.value)}" for one in VERDICTS if found.equal[one])
    return f"{services}; nothing to do for {found.equal.total():,} ({listed})"
