"""How a command has ended, as an exit code of DESIGN's table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from migrate.model.plan import Plan
from migrate.model.state import Run, State
from migrate.store import Store, plans, runs

DONE = 0
DIFFERENT = 3
INCOMPLETE = 4
REFUSED = 6
PRIORITY = (130, 5, 8, 7, REFUSED, INCOMPLETE, DIFFERENT)
"""Which code counts where several hold (DESIGN §3)."""
UNSETTLED = (State.FAILED, State.UNKNOWN, State.INTENT)


def worst(codes: Iterable[int]) -> int:
    """Return the code that counts."""
    found = set(codes)
    return next((code for code in PRIORITY if code in found), max(found, default=DONE))


def code_of_run(store: Store, run: Run, *, limited: bool = False) -> int:
    """Return the exit code of a run: done, incomplete, or something left alone that had drifted.

    Args:
        store: the database.
        run: the run or rollback.
        limited: whether an option has left steps for later on purpose.
    """
    if run.plan is None:
        return INCOMPLETE
    plan = plans.by_number(store, run.plan)
    codes = [_code_of_states(runs.counts(store, run), limited=limited)]
    if run.undoes is None and (plan.services_missing or runs.leftovers(store, run)):
        codes.append(INCOMPLETE)
    return worst(codes)


def _code_of_states(states: Mapping[str, int], *, limited: bool) -> int:
    codes = [INCOMPLETE for state in UNSETTLED if states.get(state.value)]
    if states.get(State.PLANNED.value) and not limited:
        codes.append(INCOMPLETE)
    if states.get(State.DRIFTED.value):
        codes.append(REFUSED)
    return worst(codes)


def code_of_plan(plan: Plan) -> int:
    """Return what `diff --exit-code` answers."""
    if plan.services_missing:
        return INCOMPLETE
    return DIFFERENT if plan.steps else DONE


def code_of_verification(plan: Plan, differences: int) -> int:
    """Return what `verify` answers."""
    if plan.services_missing:
        return INCOMPLETE
    return DIFFERENT if differences else DONE


def notes_on(store: Store, run: Run) -> tuple[str, ...]:
    """Return what a person must know of a run besides its steps: what it may have made, and nobody claims."""
    return tuple(
        f"{found.sid} ({found.kind}) in {found.service_sid or 'the account'} may have been made by a request whose "
        "answer was lost, and stands for nothing. Look at it in the Console; delete it if nobody uses it."
        for found in runs.leftovers(store, run)
    )
