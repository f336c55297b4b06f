"""Undoing a run, newest step first, journaled and resumable like the run itself.

A value is restored only where the target still holds what the run wrote; what someone changed since is left
and reported as drifted. What the run created is removed only on demand, and only while nobody uses it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import Enum
from functools import partial

from mappings import Resource, new_name
from migrate.api.gateway import Reader, Remover, Surface
from migrate.api.retry import Action as Remedy
from migrate.api.retry import Retrier, action_for
from migrate.core.clock import now
from migrate.core.errors import CallFailed
from migrate.core.pool import parallel
from migrate.execute.attempts import Attempt, Work
from migrate.kinds import registry as kinds
from migrate.model.step import Action, Finding, Step, Values
from migrate.model.target import TargetState
from migrate.plan.planner import Destination, is_born_role, plan_service
from migrate.store import Store, journal, plans, sids, snapshots
from migrate.store.journal import SETTLED, UNDECIDED, UNDONE, Entry, Run, State

WEBHOOK_URLS = ("pre_webhook_url", "post_webhook_url")


class How(str, Enum):
    """What a rollback does about one step."""

    RESTORE = "restore"
    REMOVE = "remove"
    LEAVE = "leave"


@dataclass(frozen=True)
class Undo:
    """How one step of a run is undone.

    Attributes:
        step: as executed, with the SIDs that the run has learnt; for `restore`, its inverse.
        how: see `How`.
        sid: what the step has created, for `remove`, and for `leave` where it stays.
        reason: why it, or a part of it, is left; "" otherwise.
        special: whether a person should know of it beforehand: it is removed, or something stays as the run left it.
    """

    step: Step
    how: How
    sid: str | None = None
    reason: str = ""
    special: bool = False


NOTHING_WRITTEN = "The run has written nothing here."
SAME_IN_NEW_WORDS = (
    "What was there before was in Chat's words, which Twilio does not take any more; the target says the same "
    "in Conversations' words."
)
CLEARED = (
    'There was no webhook before, and Twilio has no way back to "never set": the URLs are emptied. Whether the '
    "account-level webhook is called again is not documented, so try it."
)


def undos(store: Store, run: Run, source_sid: str, *, delete_created: bool) -> list[Undo]:
    """Return how each step of one service is undone, newest first."""
    teller = _Teller(store, run, source_sid, delete_created)
    return [teller.undo(step) for step in reversed(plans.steps_of(store, run.plan, source_sid))]


class _Teller:
    """Knows what a run has done to one service."""

    def __init__(self, store: Store, run: Run, source_sid: str, delete_created: bool) -> None:
        planned, counterparts = plans.target_of(store, run.plan, source_sid)
        self._store = store
        self._run = run
        self._delete_created = delete_created
        self._created_sid = None if planned else sids.created_by(store, run.id, source_sid)
        self._target_sid = planned or self._created_sid
        found = sids.roles_of(store, self._target_sid, source_sid) if self._target_sid else {}
        created = sids.created_roles(store, run.id, source_sid)
        self._created_roles = frozenset(created.values())
        self._counterparts = {**counterparts, **found, **created}

    def undo(self, planned: Step) -> Undo:
        """Say how one step is undone."""
        entries = journal.history(self._store, self._run.id, planned.key)
        if self._target_sid is None or not _may_have_written(entries):
            return Undo(planned, How.LEAVE, reason=NOTHING_WRITTEN)
        step = planned.resolved(self._target_sid, self._counterparts)
        if step.resource is Resource.SERVICE:
            return self._undo_create(step, self._created_sid)
        if self._created_sid:
            reason = f"It goes with the service {self._created_sid} that the run created."
            return Undo(step, How.LEAVE, reason=reason)
        if step.item in self._created_roles:
            return self._undo_create(step, step.item)
        return self._restore(step, entries)

    def _undo_create(self, step: Step, sid: str | None) -> Undo:
        if self._delete_created:
            return Undo(step, How.REMOVE, sid, special=True)
        what = "service" if step.resource is Resource.SERVICE else "role"
        reason = f"The run created the {what} {sid}; --delete-created removes it."
        return Undo(step, How.LEAVE, sid, reason, special=True)

    def _restore(self, step: Step, entries: list[Entry]) -> Undo:
        if not step.reversible:
            return Undo(step, How.LEAVE, reason="Twilio offers no way back from this step.", special=True)
        if step.resource is Resource.ROLES:
            # A role that the plan had to create, and is not the run's own, was there after all.
            step = replace(step, action=Action.UPDATE)
        written = step.without(journal.refused(self._store, step.target_sid or ""))
        overwritten = next(
            (entry.seen for entry in entries if entry.state is State.INTENT and entry.seen), None
        )
        inverse = written.inverse(_acceptable(overwritten or step.before))
        stuck = sorted(written.after.keys() - inverse.after.keys())
        reason = f"Twilio takes no empty value, so this stays as it is: {', '.join(stuck)}." if stuck else ""
        if inverse.compare(inverse.before) is Finding.DONE:
            return Undo(step, How.LEAVE, reason=reason or SAME_IN_NEW_WORDS, special=bool(stuck))
        if _empties_all_urls(inverse):
            reason = f"{reason} {CLEARED}".strip()
        return Undo(inverse, How.RESTORE, reason=reason, special=bool(reason))


def _empties_all_urls(inverse: Step) -> bool:
    urls = [inverse.after[path] for path in WEBHOOK_URLS if path in inverse.after]
    return bool(urls) and not any(urls)


def _acceptable(before: Values) -> Values:
    """Put a before-image into words that Twilio takes: a shared service may have shown Chat's event names."""
    filters = before.get("filters")
    if not isinstance(filters, list):
        return before
    return {**before, "filters": list(dict.fromkeys(new_name(name) for name in filters))}


def _may_have_written(entries: list[Entry]) -> bool:
    """Whether a request was sent that has, or may have, changed something."""
    sent = any(entry.state is State.INTENT for entry in entries)
    ended = {entry.state for entry in entries}
    return sent and bool(ended & SETTLED or entries[-1].state in UNDECIDED)


def roll_back(work: Work, rollback: Run, undone: Run) -> Iterator[str]:
    """Do what is left of a rollback; yield the source SID of each service when it has been worked on.

    Raises:
        CredentialsRefused: Twilio refuses the credentials for good; what was done is recorded.
        Interrupted: the retrier's `stop` was set; calls in flight have been finished and recorded.
    """
    open_sids = journal.open_services(work.store, rollback)
    undo = partial(_undo_service, work, rollback, undone)
    yield from parallel(undo, open_sids, work.limits.concurrency)
    if not journal.open_services(work.store, rollback):
        journal.finish(work.store, rollback)


def _undo_service(work: Work, rollback: Run, undone: Run, source_sid: str) -> str:
    last = journal.last_entries(work.store, rollback, source_sid)
    for undo in undos(work.store, undone, source_sid, delete_created=rollback.delete_created):
        entry = last.get(undo.step.key)
        if entry is None or entry.state not in UNDONE:
            _take(work, rollback, undo)
    return source_sid


def _take(work: Work, rollback: Run, undo: Undo) -> State:
    attempt = (Restore if undo.how is How.RESTORE else Remove)(work, rollback, undo)
    if undo.how is How.LEAVE:
        return attempt.record(Entry(State.SKIPPED, undo.reason))
    return attempt.to_end()


class Restore(Attempt):
    """Writes a before-image back where the target still holds what the run wrote."""

    def __init__(self, work: Work, run: Run, undo: Undo) -> None:
        super().__init__(work, run, undo.step, undecided=False)

    def once(self) -> State:
        """See `Attempt.once`. It always reads first: a run may be old."""
        live = kinds.read(self._work.writer, self._step)
        finding = self._step.compare(live)
        if finding is Finding.DONE:
            return self.record(
                Entry(State.ROLLED_BACK, "The target already holds the earlier values.", seen=live)
            )
        if finding is Finding.OTHER:
            return self.record(Entry(State.DRIFTED, CHANGED_SINCE, seen=live))
        answer = self._send(Entry(State.INTENT))
        held = kinds.values_of(self._step, answer.payload)
        if self._step.compare(held) is Finding.DONE:
            return self.record(Entry(State.ROLLED_BACK, status=answer.status, request_id=answer.request_id))
        message = "Twilio accepted the write, but its answer shows other values."
        return self.record(Entry(State.FAILED, message, seen=held))


CHANGED_SINCE = "Someone has changed this since the run; it was left as it is."


class Remove(Attempt):
    """Deletes a service or role that the run has created, while it is as the run left it and nobody uses it."""

    def __init__(self, work: Work, run: Run, undo: Undo) -> None:
        super().__init__(work, run, undo.step, undecided=False)
        self._sid = undo.sid or ""

    def once(self) -> State:
        """See `Attempt.once`. Deleting twice does no harm: what is gone is gone."""
        try:
            if not self._is_as_the_run_left_it():
                return self.record(Entry(State.DRIFTED, CHANGED_SINCE))
            self.record(Entry(State.INTENT))
            self._delete()
        except CallFailed as error:
            if error.failure.status != 404:
                self.undecided = action_for(error.failure) is Remedy.READ_BACK
                raise
        gone = Entry(State.ROLLED_BACK)
        removed = (self._step.target_sid or "", self._sid)
        journal.record(self._work.store, self._run, self._step.key, gone, removed=removed)
        return gone.state

    def _delete(self) -> None:
        if not isinstance(self._work.writer, Remover):
            raise AssertionError("removing what a run has created takes a client that can delete")
        self._work.writer.delete(Surface.CONVERSATIONS, kinds.delete_path(self._step, self._sid))

    def _is_as_the_run_left_it(self) -> bool:
        reader, store = self._work.writer, self._work.store
        if self._step.resource is not Resource.SERVICE:
            update = replace(self._step, action=Action.UPDATE)
            return update.compare(kinds.read(reader, update)) is Finding.DONE
        undone = journal.get(store, self._run.undoes or 0)
        unchanged = _is_unchanged(store, undone, self._step.source_sid, _read_once(reader, self._sid))
        return unchanged and not kinds.has_contents(reader, self._sid)


def _read_once(reader: Reader, sid: str) -> TargetState:
    """Read a service without any retry; a 404 means that the service itself is gone."""
    moment = now()
    settings = {
        resource: reader.get(Surface.CONVERSATIONS, path.format(sid=sid)).payload
        for resource, path in kinds.SETTINGS_PATHS.items()
    }
    return TargetState(sid, True, settings, tuple(kinds.roles(reader, sid)), moment)


def _is_unchanged(store: Store, undone: Run, source_sid: str, state: TargetState) -> bool:
    """Whether a created service holds what the run gave it and nothing else: a new plan would find nothing to do.

    What the run itself has not finished does not count.
    """
    counterparts = sids.roles_of(store, state.sid, source_sid)
    known = {*counterparts.values(), *(role["sid"] for role in state.roles if is_born_role(role))}
    if not {role["sid"] for role in state.roles} <= known:
        return False
    destination = Destination(
        account_sid=undone.account_sid,
        sid=state.sid,
        in_place=False,
        state=state,
        refused=journal.refused(store, state.sid),
        counterparts=counterparts,
    )
    snapshot_id = plans.by_number(store, undone.plan).snapshot_id
    fresh = plan_service(snapshots.service(store, snapshot_id, source_sid), destination)
    last = journal.last_entries(store, undone, source_sid)
    steps = plans.steps_of(store, undone.plan, source_sid)
    unfinished = {step.key for step in steps if step.key not in last or last[step.key].state not in SETTLED}
    return {step.key for step in fresh.steps} <= unfinished


def preview(reader: Reader, retrier: Retrier, undo: Undo) -> Entry:
    """Return what would become of one step if it were rolled back now; only reads."""
    if undo.how is How.LEAVE:
        return Entry(State.SKIPPED, undo.reason)
    if undo.how is How.REMOVE:
        return Entry(State.PLANNED)
    finding = undo.step.compare(retrier.call(partial(kinds.read, reader, undo.step)))
    if finding is Finding.DONE:
        return Entry(State.ROLLED_BACK)
    return Entry(State.DRIFTED, CHANGED_SINCE) if finding is Finding.OTHER else Entry(State.PLANNED)
