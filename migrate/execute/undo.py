"""How each step of a run is undone, by what the journal saw of it. Pure but for reading the database."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from copy import copy
from dataclasses import dataclass, replace
from enum import Enum

from mappings.reasons import Cause, Reason
from migrate.kinds.registry import few_kinds, kind_of
from migrate.model.state import CREATED, REMOVED, Run, State, StepState
from migrate.model.step import Action, Comparison, ReadyStep, Step
from migrate.store import Store, counterparts, plans, runs

NOTHING_WRITTEN = Cause("nothing_written", "The run wrote nothing here", "The run has written nothing here.")
GOES_WITH_SERVICE = Cause(
    "goes_with_service",
    "It belongs to a Service that the run created",
    "It belongs to the Service {service} that the run created.",
)
CREATED_STAYS = Cause(
    "created_stays",
    "The run created it; `--delete-created` removes it",
    "The run created {sid}; `--delete-created` removes it.",
)
WILL_BE_REMOVED = Cause(
    "will_be_removed",
    "The run created it, and it is removed if it is as the run left it",
    "The run created {sid}; it is removed if it is as the run left it.",
)
NO_WAY_BACK = Cause(
    "no_way_back", "Twilio offers no way back", "Twilio offers no way back from this step: it stays."
)
TAKES_NO_EMPTY_VALUE = Cause(
    "takes_no_empty_value",
    "Twilio takes no empty value",
    "Twilio takes no empty value for {paths}, so what the run wrote stays.",
)
SAME_IN_NEW_WORDS = Cause(
    "same_in_new_words",
    "The earlier values were Chat's words for the same",
    "What was there before was in Chat's words, which Twilio no longer takes; the target says the same in "
    "Conversations' words.",
)


class Undoes(str, Enum):
    """What a rollback does about one step."""

    RESTORE = "restore"
    REMOVE = "remove"
    LEAVE = "leave"


@dataclass(frozen=True)
class Undo:
    """How one step of a run is undone.

    Attributes:
        step: as planned.
        how: see `Undoes`.
        ready: for `restore`: its inverse; for `remove`: the step, with the SIDs that the run has learnt.
        sid: what the step has created, where it did.
        reasons: why it, or a part of it, is left, and what a person should know beforehand.
        is_notable: whether a person should be told before anything is undone.
    """

    step: Step
    how: Undoes
    ready: ReadyStep | None = None
    sid: str | None = None
    reasons: tuple[Reason, ...] = ()
    is_notable: bool = False


class Undoer:
    """Tells how the steps of one service are undone.

    Args:
        store: the database.
        run: that is undone.
        source_sid: the Chat Service.
        delete_created: whether what the run has created is removed.
    """

    def __init__(self, store: Store, run: Run, source_sid: str, *, delete_created: bool) -> None:
        self._delete_created = delete_created
        self._store, self._run = store, run
        pairs = counterparts.of_run(store, run, source_sid, few_kinds())
        self._pairs = {pair.source_sid: pair for pair in pairs}
        self._known = {sid: pair.target_sid for sid, pair in self._pairs.items()}
        service = self._pairs.get(source_sid)
        self._own_service = (
            service.target_sid if service is not None and service.how in (CREATED, REMOVED) else None
        )

    def of(self, step: Step, state: StepState | None) -> Undo:
        """Return how one step is undone.

        Args:
            step: as planned.
            state: where it stands in the run; None if it was never begun.
        """
        if state is None or not state.wrote:
            return Undo(step, Undoes.LEAVE, reasons=(NOTHING_WRITTEN(),))
        if step.makes_service:
            return self._uncreate(step)
        if self._own_service is not None and not kind_of(step.kind).many:
            return Undo(step, Undoes.LEAVE, reasons=(GOES_WITH_SERVICE(service=self._own_service),))
        if kind_of(step.kind).many:
            return self._with_pair_of(step)._of_item(step, state)
        return self._of_item(step, state)

    def _with_pair_of(self, step: Step) -> Undoer:
        """Return an undoer that knows the pair of one of many items too."""
        found = counterparts.of_items(self._store, self._run, step.source_sid, [step.item_sid])
        knowing = copy(self)
        knowing._pairs = self._pairs | {pair.source_sid: pair for pair in found}
        knowing._known = self._known | {pair.source_sid: pair.target_sid for pair in found}
        return knowing

    def _of_item(self, step: Step, state: StepState) -> Undo:
        pair = self._pairs.get(step.item_sid)
        if step.action is Action.CREATE and pair is not None and pair.how in (CREATED, REMOVED):
            return self._uncreate(step)
        return self._restore(step, state)

    def _uncreate(self, step: Step) -> Undo:
        sid = self._known.get(step.item_sid)
        if sid is None:
            return Undo(step, Undoes.LEAVE, reasons=(NOTHING_WRITTEN(),))
        if not self._delete_created:
            return Undo(step, Undoes.LEAVE, sid=sid, reasons=(CREATED_STAYS(sid=sid),), is_notable=True)
        ready = replace(step.resolved(self._known), target_sid=sid)
        return Undo(step, Undoes.REMOVE, ready, sid, (WILL_BE_REMOVED(sid=sid),), is_notable=True)

    def _restore(self, step: Step, state: StepState) -> Undo:
        if not step.reversible:
            return Undo(step, Undoes.LEAVE, reasons=(NO_WAY_BACK(),), is_notable=True)
        kind = kind_of(step.kind)
        written = kind.without(step.resolved(self._known), frozenset(state.given_up))
        if state.last.state is State.ALTERED and state.last.seen is not None:
            # What stands there now is what Twilio has made of the values.
            written = replace(written, after={path: state.last.seen.get(path) for path in written.after})
        before = state.overwritten if state.overwritten is not None else step.before
        inverse = written.inverse(kind.acceptable(before), kind.not_clearable)
        stuck = tuple(sorted(written.after.keys() - inverse.after.keys()))
        reasons: tuple[Reason, ...] = (TAKES_NO_EMPTY_VALUE(paths=stuck),) if stuck else ()
        if inverse.compare(inverse.before, kind.same) is Comparison.DONE:
            return Undo(step, Undoes.LEAVE, reasons=reasons or (SAME_IN_NEW_WORDS(),), is_notable=bool(stuck))
        reasons += kind.undo_notes(inverse)
        return Undo(step, Undoes.RESTORE, inverse, reasons=reasons, is_notable=bool(reasons))


def undos(
    store: Store, run: Run, source_sid: str, kinds: Collection[str] | None = None, *, delete_created: bool
) -> Iterator[Undo]:
    """Return how each step of one service, or those of some kinds, that was written is undone, newest first."""
    undoing = Undoer(store, run, source_sid, delete_created=delete_created)
    steps = plans.steps(store, plan_of(run), source_sid, kinds=kinds, newest_first=True)
    states = runs.with_states(store, run, steps)
    return (undoing.of(step, state) for step, state in states if state is not None and state.wrote)


def plan_of(run: Run) -> int:
    """Return the number of the plan that a run executes.

    Raises:
        KeyError: it was cut off before it had one.
    """
    if run.plan is None:
        raise KeyError(f"run {run.id} has no plan yet")
    return run.plan
