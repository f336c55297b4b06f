"""The outcome of a report in a sentence or two, its numbers, and what it looked at."""

from __future__ import annotations

from collections.abc import Mapping

from migrate.model.state import State
from migrate.report.digest import Digest
from migrate.report.model import Report, ReportKind
from migrate.report.values import age, moment, visible
from migrate.report.words import DONE, SOURCES, TARGETS, VERDICTS, count, spoken


def outcome(report: Report, found: Digest) -> str:
    """Return what came of it; services that Conversations does not have come first."""
    if not report.summary.services:
        return "Nothing was examined: no service is in this report."
    missing = report.summary.services_missing
    told = [
        f"{missing:,} of {count(report.summary.services, 'service')} "
        f"{'was' if missing == 1 else 'were'} not found in Conversations."
    ] if missing else []  # fmt: skip
    told.append(_OUTCOMES[report.kind](report, found))
    if found.causes:
        told.append(f"{needs(found)}.")
    return " ".join(told)


def _diff(report: Report, _found: Digest) -> str:
    summary = report.summary
    if not summary.changes and not summary.steps:
        return f"Nothing to change: {_examined(report)}."
    return f"{_of_services(report)} would change: {_changes_and_steps(report)}."


def _run(report: Report, found: Digest) -> str:
    summary = report.summary
    if not summary.steps:
        return f"Nothing had to change: {_examined(report)}."
    states = summary.steps_by_state
    done = sum(states.get(state, 0) for state in DONE)
    told = [
        f"{done:,} of {count(summary.steps, 'step')} {'is' if done == 1 else 'are'} done: "
        f"{count(written(found), 'change')} in {count(found.done.services, 'service')}."
    ]
    for these, one, many in _OTHERWISE:
        if number := sum(states.get(state, 0) for state in these):
            told.append(f"{count(number, 'step')} {one if number == 1 else many}.")
    if left := states.get(State.PLANNED, 0):
        told.append(
            f"{count(left, 'step')} in {count(found.left_over.services, 'service')} "
            f"{'is' if left == 1 else 'are'} left."
        )
    return " ".join(told)


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


def _verify(report: Report, _found: Digest) -> str:
    summary = report.summary
    if not summary.changes:
        return f"Nothing differs: {_examined(report)}."
    differ = "differs" if summary.changes == 1 else "differ"
    return f"{count(summary.changes, 'field')} in {count(summary.services_to_change, 'service')} {differ}."


def _rollback(report: Report, _found: Digest) -> str:
    summary = report.summary
    if not summary.changes and not summary.steps:
        return f"Nothing to restore: {_examined(report)}."
    done = summary.steps_by_state.get(State.ROLLED_BACK)
    verb = ("is" if summary.changes == 1 else "are") + " restored" if done else "would be restored"
    return f"{count(summary.changes, 'field')} in {count(summary.services_to_change, 'service')} {verb}."


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
    missing = [f"{summary.services_missing:,} not found"] if summary.services_missing else []
    parts = [
        f"Total: {count(summary.services, 'service')}",
        *missing,
        f"{count(summary.changes, 'change')}",
        count(summary.steps, "step") + (f" ({states})" if states else ""),
        needs(found) if found.causes else "nothing needs a person",
    ]
    return ", ".join(parts) + "."


def needs(found: Digest) -> str:
    """Return `3 fields in 2 services need a person`."""
    number = sum(group.count for group in found.causes.values())
    verb = "needs" if number == 1 else "need"
    return f"{count(number, 'field')} in {count(found.needy.services, 'service')} {verb} a person"


def states_line(states: Mapping[State, int]) -> str:
    """Return `18 applied, 1 failed`, in the order of the state machine."""
    return ", ".join(f"{states[state]:,} {spoken(state.value)}" for state in State if states.get(state))


def _of_services(report: Report) -> str:
    return f"{report.summary.services_to_change:,} of {count(report.summary.services, 'service')}"


def _examined(report: Report) -> str:
    return f"{count(report.summary.services, 'service')} examined"


def _changes_and_steps(report: Report) -> str:
    return f"{count(report.summary.changes, 'change')} in {count(report.summary.steps, 'step')}"


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
