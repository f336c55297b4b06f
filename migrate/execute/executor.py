"""Plan → Twilio: services side by side, the steps of each in order."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from mappings import Resource
from migrate.core.pool import parallel
from migrate.execute.attempts import Attempt, NewRole, NewService, RoleList, Update, Work, name_key
from migrate.kinds import registry as kinds
from migrate.model.step import Action, Step
from migrate.store import journal, plans, sids
from migrate.store.journal import SETTLED, UNDECIDED, Run, State

Json = Any

STOPPING = frozenset({State.FAILED, State.UNKNOWN})
"""States after which the later steps of the same service are left for a resume."""


@dataclass(frozen=True)
class _Execution:
    """One run being executed; `turns` lets services of one name be created one after the other."""

    work: Work
    run: Run
    turns: defaultdict[str, threading.Lock] = field(default_factory=lambda: defaultdict(threading.Lock))


def execute(work: Work, run: Run) -> Iterator[str]:
    """Do what is left of a run; yield the source SID of each service when it has been worked on.

    Raises:
        CredentialsRefused: Twilio refuses the credentials for good; what was done is recorded.
        Interrupted: the retrier's `stop` was set; calls in flight have been finished and recorded.
    """
    execution = _Execution(work, run)
    open_sids = journal.open_services(work.store, run)[: work.limits.services]
    stop = work.retrier.stop.set

    def work_on(sid: str) -> str:
        return _Service(execution, sid).work_on()

    yield from parallel(work_on, open_sids, work.limits.concurrency, stop=stop)
    if not journal.open_services(work.store, run):
        journal.finish(work.store, run)


class _Service:
    """The steps of one service, taken in order until one fails."""

    def __init__(self, execution: _Execution, source_sid: str) -> None:
        self._execution = execution
        self._work = execution.work
        self._run = execution.run
        self._source_sid = source_sid
        self._live_roles: tuple[dict[str, Json], ...] | None = None

    def work_on(self) -> str:
        """Do what is left, and return the source SID."""
        last = journal.last_entries(self._work.store, self._run, self._source_sid)
        for step in plans.steps_of(self._work.store, self._work.plan.number, self._source_sid):
            state = last[step.key].state if step.key in last else State.PLANNED
            if state in SETTLED or (state is State.DRIFTED and not self._work.limits.allow_drift):
                continue
            if self._take(step, undecided=state in UNDECIDED) in STOPPING:
                break
        return self._source_sid

    def _take(self, step: Step, *, undecided: bool) -> State:
        """Take one step as far as it goes and return the state that was recorded last."""
        if step.resource is Resource.SERVICE:
            with self._execution.turns[name_key(step.after["friendly_name"])]:
                return NewService(self._work, self._run, step, undecided=undecided).to_end()
        return self._attempt(self._resolved(step), undecided=undecided).to_end()

    def _attempt(self, step: Step, *, undecided: bool) -> Attempt:
        if step.resource is Resource.ROLES:
            if step.item is None:
                return NewRole(self._work, self._run, step, self._roles_of(step), undecided=undecided)
            # The run has made or found it by now, whatever the plan had to expect.
            step = replace(step, action=Action.UPDATE)
        return Update(self._work, self._run, step, undecided=undecided)

    def _resolved(self, step: Step) -> Step:
        """Fill in the SIDs that the run has learnt by now."""
        store = self._work.store
        planned, counterparts = plans.target_of(store, self._work.plan.number, self._source_sid)
        target_sid = planned or sids.created_by(store, self._run.id, self._source_sid)
        if target_sid is None:
            raise AssertionError(
                "the service step comes first and has stopped the others unless it was settled"
            )
        return step.resolved(
            target_sid, {**counterparts, **sids.roles_of(store, target_sid, self._source_sid)}
        )

    def _roles_of(self, step: Step) -> RoleList:
        def roles(fresh: bool) -> tuple[dict[str, Json], ...]:
            if fresh or self._live_roles is None:
                self._live_roles = tuple(kinds.roles(self._work.writer, str(step.target_sid)))
            return self._live_roles

        return roles
