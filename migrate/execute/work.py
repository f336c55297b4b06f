"""What writing to Twilio needs, shared by all tasks of a run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from migrate.api.gateway import Writer
from migrate.api.retry import Retrier
from migrate.core.clock import ticks
from migrate.core.settle import Settle
from migrate.kinds.registry import KINDS
from migrate.model.plan import Plan
from migrate.model.state import OwnWrite, Run
from migrate.model.step import ReadyStep
from migrate.store import Store, counterparts, own_writes
from migrate.store.journal import Journal

FRESH_SECONDS = 60.0
"""A target that this very command has read so short a time ago is not read again before its write (DESIGN §8)."""


@dataclass(frozen=True)
class Bounds:
    """How a run goes about its work.

    Attributes:
        concurrency: requests at once; None means as many as Twilio takes.
        services: stop after this many services; None means all.
        only: Chat Services to work on; empty means all.
        allow_drift: overwrite values that changed since the plan was made.
        consents: names of the options that allow what can't be undone.
        limits: name of a kind → the most steps of it to send now.
    """

    concurrency: int | None = None
    services: int | None = None
    only: frozenset[str] = frozenset()
    allow_drift: bool = False
    consents: frozenset[str] = frozenset()
    limits: Mapping[str, int] = field(default_factory=dict)

    def allowed(self, lasting: Mapping[str, int]) -> dict[str, int]:
        """Return how many of the steps that can't be undone will be sent, by kind."""
        return {
            name: min(steps, self.limits.get(name, steps))
            for name, steps in lasting.items()
            if KINDS[name].consent in self.consents
        }


@dataclass(frozen=True)
class Work:
    """One session of one run.

    Attributes:
        store: the database, to read from.
        journal: records what is done.
        writer: the target account.
        retrier: the retry layer.
        settle: how long Twilio's answers may lag.
        plan: what is executed or undone.
        run: as which run.
        session: which start or resume of it this is.
        bounds: how far it goes.
        read_at: Chat Service → `clock.ticks` of this command's own reading of its target.
        begun: `clock.ticks` of the session's start: no request of an earlier one was sent later.
        outages: name of a kind → how many of its steps in a row were refused as by an API that is gone.
        last_writes: key of a step that was just given out → the last write to its target, if that was known.
    """

    store: Store
    journal: Journal
    writer: Writer
    retrier: Retrier
    settle: Settle
    plan: Plan
    run: Run
    session: int
    bounds: Bounds = field(default_factory=Bounds)
    read_at: Mapping[str, float] = field(default_factory=dict)
    begun: float = field(default_factory=ticks)
    outages: Counter[str] = field(default_factory=Counter)
    last_writes: dict[str, OwnWrite | None] = field(default_factory=dict)

    def is_fresh(self, source_sid: str) -> bool:
        """Whether this command has read the target of a service moments ago."""
        moment = self.read_at.get(source_sid)
        return moment is not None and ticks() - moment < FRESH_SECONDS

    def counterparts(self, source_sid: str, sids: Collection[str]) -> dict[str, str]:
        """Return Chat SID → SID of its counterpart in the target that this run uses, as far as it is known."""
        if not sids:
            return {}
        return counterparts.lookup(self.store, self.run.target_account_sid, self.run, source_sid, sids)

    def last_write(self, step: ReadyStep) -> OwnWrite | None:
        """Return the last write of this database to what a step sets; the first answer was read ahead."""
        if step.key in self.last_writes:
            return self.last_writes.pop(step.key)
        return own_writes.own_write(
            self.store, self.run.target_account_sid, step.kind, step.target_sid or step.service_sid
        )
