"""The tries of one step: what is read, recorded and sent, in which order.

At-least-once calls, one effect: a write whose outcome nobody has seen is decided by reading the target
back before it is sent again. Each step runs in the one retry loop of `migrate.api.retry`; a try is

    1. read the target, if an earlier try is undecided or the before-image is old;
       done → applied, someone else's value → drifted
    2. commit the intent
    3. send
    4. commit the outcome, and `verified` if the answer shows the values that were wanted

A create has no idempotency key at Twilio. Its reading looks for what lost answers may have made: one, or no
more than there are undecided creates of that name → adopted; more → left `unknown` for a person to decide.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from migrate.api.gateway import DEFAULT_CONCURRENCY, Answer, Writer
from migrate.api.retry import Action, Retrier, action_for
from migrate.core.clock import seconds_since
from migrate.core.errors import CallFailed, CredentialsRefused
from migrate.kinds import registry as kinds
from migrate.model import step as steps
from migrate.model.step import Finding, Step, Values
from migrate.plan.planner import fitting_roles
from migrate.store import Store, journal, plans, sids
from migrate.store.journal import Entry, Run, State
from migrate.store.plans import Plan
from migrate.store.sids import Became

Json = Any

TRUST_SECONDS = 300.0
"""A before-image younger than this is trusted; an older one is read again before its write."""


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
    limits: Limits = field(default_factory=Limits)
    checked_at: str | None = None


class Attempt(ABC):
    """The tries of one step; `undecided` says whether a request of it may have had an unseen effect."""

    def __init__(self, work: Work, run: Run, step: Step, *, undecided: bool) -> None:
        self._work = work
        self._run = run
        self._step = step
        self.undecided = undecided

    @abstractmethod
    def once(self) -> State:
        """Try once and return the state that was recorded.

        Raises:
            CallFailed: for the retry loop to judge.
        """

    def to_end(self) -> State:
        """Try until the outcome is known or patience ends; return the state that was recorded last.

        Raises:
            CredentialsRefused: Twilio refuses the credentials for good.
            Interrupted: the retrier's `stop` was set.
        """
        try:
            return self._work.retrier.call(self.once)
        except CredentialsRefused as error:
            self.record(Entry(State.UNKNOWN if self.undecided else State.FAILED, str(error), status=401))
            raise
        except CallFailed as error:
            # Where the resource is gone, so is whatever the request may have done to it.
            gone = error.failure.status == 404 and self._step.target_sid is not None
            undecided = self.undecided and not gone
            return self.record(Entry.of_failure(State.UNKNOWN if undecided else State.FAILED, error.failure))

    def record(self, *entries: Entry, became: Became | None = None) -> State:
        """Append to the journal; return the last state."""
        journal.record(self._work.store, self._run, self._step.key, *entries, became=became)
        return entries[-1].state

    def _send(self, intent: Entry, became: Became | None = None) -> Answer:
        self.record(intent, became=became)
        self.undecided = True
        try:
            answer = kinds.send(self._work.writer, self._step)
        except CallFailed as error:
            if action_for(error.failure) is Action.READ_BACK:
                self.record(Entry.of_failure(State.UNKNOWN, error.failure))
            else:
                self.undecided = False
            raise
        self.undecided = False
        return answer

    def _judge(self, answer: Answer, became: Became | None = None) -> State:
        """The answer to a write is its first verification."""
        applied = Entry(State.APPLIED, status=answer.status, request_id=answer.request_id)
        held = kinds.values_of(self._step, answer.payload)
        if self._step.compare(held) is Finding.DONE:
            return self.record(applied, Entry(State.VERIFIED), became=became)
        message = "Twilio accepted the write, but its answer shows other values."
        return self.record(applied, Entry(State.FAILED, message, seen=held), became=became)


class Update(Attempt):
    """Sets values of a resource that exists; sending it twice does no harm."""

    def __init__(
        self, work: Work, run: Run, step: Step, *, undecided: bool = False, became: Became | None = None
    ) -> None:
        refused = journal.refused(work.store, step.target_sid or "")
        super().__init__(work, run, step.without(refused), undecided=undecided)
        self._became = became
        self._overwritten: Values | None = None
        self._given_up: tuple[str, ...] = ()

    def once(self) -> State:
        """See `Attempt.once`."""
        if not self._step.after:
            return self.record(Entry(State.SKIPPED, "Twilio refuses all that this step would set."))
        settled = self._settle() if self.undecided or self._image_is_old() else None
        if settled is not None:
            return settled
        try:
            return self._judge(self._send(Entry(State.INTENT, seen=self._overwritten), self._became))
        except CallFailed as error:
            return self._after_refusal(error)

    def overwrites(self, held: Values) -> None:
        """Note what is there already, though the plan does not know of it: a rollback restores it."""
        self._overwritten = held

    def _image_is_old(self) -> bool:
        if not self._step.before:
            return False
        read_at = plans.read_at(self._work.store, self._work.plan.number, self._step.source_sid)
        seen_at = max(read_at or "", self._work.checked_at or "")
        return not seen_at or seconds_since(seen_at) > self._work.limits.trust_seconds

    def _settle(self) -> State | None:
        """Read the target and decide; None means that the write is still to be sent."""
        live = kinds.read(self._work.writer, self._step)
        finding = self._step.compare(live)
        if finding is Finding.DONE:
            return self.record(*already(live))
        if finding is Finding.OTHER and not self._work.limits.allow_drift:
            message = "The target holds other values than when the plan was made; they were left as they are."
            return self.record(Entry(State.DRIFTED, message, seen=live))
        # A rollback restores what was really there, not what the plan expected.
        self._overwritten = live if finding is Finding.OTHER else None
        self.undecided = False
        return None

    def _after_refusal(self, error: CallFailed) -> State:
        """Go on without the values that Twilio may refuse, if the step has any; else raise the error again."""
        if action_for(error.failure) is not Action.FAIL:
            raise error
        if error.failure.status == 400 and self._step.optional:
            return self._without_optional(error)
        if self._given_up:
            # It was something else that Twilio refused: the next plan may try these again.
            journal.forget_refusals(self._work.store, self._step.target_sid or "", self._given_up)
        raise error

    def _without_optional(self, error: CallFailed) -> State:
        """Try once more without the values that Twilio may refuse.

        They are remembered first: a resume must know which of the two requests it has to look for.
        """
        self._given_up = self._step.optional
        refusal = Entry.of_failure(State.INTENT, error.failure)
        target_sid, account_sid = self._step.target_sid or "", self._run.account_sid
        journal.remember_refusals(self._work.store, account_sid, target_sid, self._given_up, refusal)
        self._step = self._step.without(frozenset(self._given_up))
        return self.once()


class NewService(Attempt):
    """Creates a Conversation Service, once. Services of one name must be created one after the other."""

    def once(self) -> State:
        """See `Attempt.once`."""
        found = self._made_by_lost_answers() if self.undecided else []
        if len(found) > max(1, self._lost_answers()):
            return self.record(Entry(State.UNKNOWN, _ambiguous("services", self._name, found)))
        if found:
            return self.record(*already({"sid": found[0]}), became=self._became(found[0]))
        answer = self._send(Entry(State.INTENT, seen={"since": self._work.writer.server_time()}))
        return self._judge(answer, self._became(answer.payload["sid"]))

    def _judge(self, answer: Answer, became: Became | None = None) -> State:
        """A service that Twilio has named a little otherwise stands: nothing renames it, and a second is too many."""
        held = kinds.values_of(self._step, answer.payload)
        if self._step.compare(held) is Finding.DONE:
            return super()._judge(answer, became)
        message = f"Twilio has named the service {held['friendly_name']!r}."
        entry = Entry(State.APPLIED, message, answer.status, request_id=answer.request_id, seen=held)
        return self.record(entry, became=became)

    @property
    def _name(self) -> str:
        return str(self._step.after["friendly_name"])

    def _lost_answers(self) -> int:
        """Return how many creates of this name are undecided: what they made is alike, so each may take any."""
        names = journal.undecided_names(self._work.store, self._run)
        return sum(name_key(name) == name_key(self._name) for name in names)

    def _made_by_lost_answers(self) -> list[str]:
        """Return services of this name, created since the first intent, that no other step has claimed."""
        since = journal.first_intent(self._work.store, self._run, self._step.key)
        claimed = sids.claimed(self._work.store, self._run.account_sid)
        return [
            service["sid"]
            for service in kinds.services(self._work.writer)
            if service["sid"] not in claimed
            and name_key(service.get("friendly_name")) == name_key(self._name)
            and _may_be_since(service.get("date_created"), since)
        ]

    def _became(self, target_sid: str) -> Became:
        source_sid = self._step.source_sid
        return Became(sids.SERVICE, sids.CREATED, self._name, source_sid, target_sid, source_sid, target_sid)


def name_key(name: object) -> str:
    """Return what two names have in common that Twilio might not tell apart."""
    return str(name).strip()


RoleList = Callable[[bool], tuple[dict[str, Json], ...]]
"""Returns the roles of the target service; with True, as they are at this moment."""


class NewRole(Attempt):
    """Gives a role exactly its permissions, or creates it with them if the service has none like it."""

    def __init__(self, work: Work, run: Run, step: Step, roles: RoleList, *, undecided: bool) -> None:
        super().__init__(work, run, step, undecided=undecided)
        self._roles = roles
        self._adopted: Update | None = None

    def once(self) -> State:
        """See `Attempt.once`."""
        return self._update(self._adopted) if self._adopted else self._find_or_create()

    def _find_or_create(self) -> State:
        role = self._step.role
        if role is None or self._step.target_sid is None:
            raise AssertionError("a role step that creates knows its role and its service")
        live = self._roles(self.undecided)
        taken = sids.roles_of(self._work.store, self._step.target_sid, self._step.source_sid)
        found = fitting_roles(role, live, taken=frozenset(taken.values()))
        if len(found) > 1:
            return self.record(Entry(State.UNKNOWN, _ambiguous("roles", role.friendly_name, found)))
        if found:
            permissions = next(each.get("permissions") for each in live if each["sid"] == found[0])
            return self._adopt(found[0], {"permissions": permissions})
        self._step = replace(self._step, action=steps.Action.CREATE)
        answer = self._send(Entry(State.INTENT))
        return self._judge(answer, self._became(answer.payload["sid"], sids.CREATED))

    def _adopt(self, role_sid: str, held: Values) -> State:
        """Make an existing role the counterpart; from here on it is an update like any other."""
        became = self._became(role_sid, sids.FOUND)
        if self._step.compare(held) is Finding.DONE:
            return self.record(*already(held), became=became)
        step = replace(self._step, action=steps.Action.UPDATE, item=role_sid)
        self._adopted = Update(self._work, self._run, step, became=became)
        self._adopted.overwrites(held)
        return self._update(self._adopted)

    def _update(self, adopted: Update) -> State:
        try:
            return adopted.once()
        finally:
            self.undecided = adopted.undecided

    def _became(self, role_sid: str, how: str) -> Became:
        role, step = self._step.role, self._step
        if role is None:
            raise AssertionError("a role step that creates knows its role")
        return Became(
            sids.ROLE,
            how,
            role.friendly_name,
            role.source_sid,
            role_sid,
            step.source_sid,
            step.target_sid or "",
        )


def already(held: Values) -> tuple[Entry, Entry]:
    """Return the entries on a step that needs no write (any more)."""
    return Entry(State.APPLIED, "The target already holds these values.", seen=held), Entry(State.VERIFIED)


def _ambiguous(what: str, name: str, found: list[str]) -> str:
    return (
        f"Twilio has {len(found)} {what} named {name!r} ({', '.join(sorted(found))}), and it is not certain which of "
        "them this run has made. Look at them in the Console, delete what is not wanted, then resume."
    )


def _may_be_since(date: object, since: str) -> bool:
    """Whether a date is not before a moment; one that nobody understands might be any."""
    try:
        return _moment(date) >= _moment(since)
    except (TypeError, ValueError):
        return True


def _moment(text: object) -> datetime:
    return datetime.fromisoformat(str(text).replace("Z", "+00:00"))
