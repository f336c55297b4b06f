"""Plan → Twilio, journaled: the intent is on disk before a request leaves, the outcome right after its answer.

At-least-once calls, one effect: a write whose outcome nobody has seen is decided by reading the target
back before it is sent again. Each step runs in the one retry loop of `migrate.retry`; a try is

    1. read the target, if an earlier try is undecided or the before-image is old;
       done → applied, someone else's value → drifted
    2. commit the intent
    3. send
    4. commit the outcome, and `verified` if the answer shows the values that were wanted
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from migrate import kinds
from migrate.clock import seconds_since
from migrate.errors import CallFailed, CredentialsRefused
from migrate.gateway import DEFAULT_CONCURRENCY, Writer
from migrate.pool import parallel
from migrate.retry import Action, Retrier, action_for
from migrate.steps import Finding, Step, Values
from migrate.store import Store, journal, plans
from migrate.store.journal import SETTLED, UNDECIDED, Entry, Run, State
from migrate.store.plans import Plan

TRUST_SECONDS = 300.0
"""A before-image younger than this is trusted; an older one is read again before its write."""
STOPPING = frozenset({State.FAILED, State.UNKNOWN})
"""States after which the later steps of the same service are left for a resume."""


@dataclass(frozen=True)
class Limits:
    """How a run goes about its work.

    Attributes:
        concurrency: services worked on at once.
        services: stop after this many services; None means all.
        allow_drift: overwrite values that changed since the plan was made.
        trust_seconds: how old, in seconds, a before-image may be to be trusted.
    """

    concurrency: int = DEFAULT_CONCURRENCY
    services: int | None = None
    allow_drift: bool = False
    trust_seconds: float = TRUST_SECONDS


@dataclass(frozen=True)
class Work:
    """Everything that writing to Twilio needs, shared by all threads.

    Attributes:
        checked_at: when all targets were last found unchanged, if they were.
    """

    store: Store
    writer: Writer
    retrier: Retrier
    plan: Plan
    limits: Limits
    checked_at: str | None = None


def execute(work: Work, run: Run) -> Iterator[str]:
    """Do what is left of a run; yield the source SID of each service when it has been worked on.

    Raises:
        CredentialsRefused: Twilio refuses the credentials for good; what was done is recorded.
        Interrupted: the retrier's `stop` was set; calls in flight have been finished and recorded.
    """
    sids = journal.open_services(work.store, run)[: work.limits.services]
    yield from parallel(lambda sid: _work_on(work, run, sid), sids, work.limits.concurrency)
    if not journal.open_services(work.store, run):
        journal.finish(work.store, run)


def _work_on(work: Work, run: Run, sid: str) -> str:
    """Take the steps of one service in order, until one fails."""
    last = journal.last_entries(work.store, run, sid)
    for step in plans.steps_of(work.store, work.plan.number, sid):
        state = last[step.key].state if step.key in last else State.PLANNED
        if state in SETTLED or (state is State.DRIFTED and not work.limits.allow_drift):
            continue
        if _take(work, run, step, state) in STOPPING:
            break
    return sid


def _take(work: Work, run: Run, step: Step, state: State) -> State:
    """Take one step as far as it goes and return the state that was recorded last."""
    attempt = _Attempt(work, run, step, undecided=state in UNDECIDED)
    try:
        return work.retrier.call(attempt.once)
    except CredentialsRefused as error:
        attempt.record(Entry(State.FAILED, str(error), status=401))
        raise
    except CallFailed as error:
        final = State.UNKNOWN if attempt.undecided and error.failure.status != 404 else State.FAILED
        attempt.record(Entry.of_failure(final, error.failure))
        return final


class _Attempt:
    """The tries of one step; `undecided` says whether a request of it may have had an unseen effect."""

    def __init__(self, work: Work, run: Run, step: Step, *, undecided: bool) -> None:
        self._work = work
        self._run = run
        self._step = step.without(journal.refused(work.store, step.target_sid))
        self.undecided = undecided
        self._given_up: tuple[str, ...] = ()

    def once(self) -> State:
        """Try once. Raises CallFailed for the retry loop to judge."""
        if not self._step.after:
            return self.record(Entry(State.SKIPPED, "Twilio refuses all that this step would set."))
        if self.undecided or self._image_is_old():
            settled = self._settle()
            if settled is not None:
                return settled
        return self._send()

    def record(self, *entries: Entry) -> State:
        """Append to the journal; return the last state."""
        journal.record(self._work.store, self._run, self._step.key, *entries)
        return entries[-1].state

    def _image_is_old(self) -> bool:
        read_at = plans.read_at(self._work.store, self._work.plan.number, self._step.source_sid)
        seen_at = max(read_at or "", self._work.checked_at or "")
        return not seen_at or seconds_since(seen_at) > self._work.limits.trust_seconds

    def _settle(self) -> State | None:
        """Read the target and decide; None means that the write is still to be sent."""
        live = kinds.read(self._work.writer, self._step)
        finding = self._step.compare(live)
        if finding is Finding.DONE:
            message = "The target already holds these values."
            return self.record(Entry(State.APPLIED, message, seen=live), Entry(State.VERIFIED))
        if finding is Finding.OTHER and not self._work.limits.allow_drift:
            message = "The target holds other values than when the plan was made; they were left as they are."
            return self.record(Entry(State.DRIFTED, message, seen=live))
        self.undecided = False
        return None

    def _send(self) -> State:
        self.record(Entry(State.INTENT))
        self.undecided = True
        try:
            answer = kinds.send(self._work.writer, self._step)
        except CallFailed as error:
            return self._after_failure(error)
        applied = Entry(State.APPLIED, status=answer.status, request_id=answer.request_id)
        self.undecided = False
        return self._judge(applied, kinds.values_of(self._step, answer.payload))

    def _judge(self, applied: Entry, held: Values) -> State:
        """The answer to a write is its first verification."""
        if self._step.compare(held) is Finding.DONE:
            return self.record(applied, Entry(State.VERIFIED))
        message = "Twilio accepted the write, but its answer shows other values."
        return self.record(applied, Entry(State.FAILED, message, seen=held))

    def _after_failure(self, error: CallFailed) -> State:
        action = action_for(error.failure)
        if action is Action.READ_BACK:
            self.record(Entry.of_failure(State.UNKNOWN, error.failure))
            raise error
        self.undecided = False
        if action is Action.FAIL and error.failure.status == 400 and self._step.optional:
            return self._without_optional(error)
        if action is Action.FAIL and self._given_up:
            # It was something else that Twilio refused: the next plan may try these again.
            journal.forget_refusals(self._work.store, self._step.target_sid, self._given_up)
        raise error

    def _without_optional(self, error: CallFailed) -> State:
        """Try once more without the values that Twilio may refuse.

        They are remembered first: a resume must know which of the two requests it has to look for.
        """
        self._given_up = self._step.optional
        refusal = Entry.of_failure(State.INTENT, error.failure)
        target_sid, account_sid = self._step.target_sid, self._run.account_sid
        journal.remember_refusals(self._work.store, account_sid, target_sid, self._given_up, refusal)
        self._step = self._step.without(frozenset(self._given_up))
        return self.once()
