"""What is ready to be worked on: the steps whose needs are settled, batch by batch.

The plan is gone through once, in order. A step that is met before its needs are settled is passed by; it is found
again through the last of them, when that is settled. So a batch costs the same however many steps there are, and no
more is kept than what is under way.

A rollback goes the other way: newest first, what was needed after what needed it, and only what was written.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from migrate.core.clock import now
from migrate.model.state import SETTLED, UNDECIDED, Run, State
from migrate.model.step import Step
from migrate.store import plans
from migrate.store.database import Row, Store
from migrate.store.runs import WRITTEN, sql_list

LOOK = 500
"""So many rows are looked at with one query."""
BATCH = 2000


@dataclass(frozen=True)
class _Way:
    """What the two directions differ in, as SQL. `{key}` stands for the key of the step in question.

    Attributes:
        behind: the steps behind a place in the order.
        first: the place before the first step.
        counts: whether a step is to be worked on at all.
        own: the column of `step_needs` that names a step which waits.
        other: the one that names what it waits for.
    """

    behind: str
    first: int
    counts: str
    own: str
    other: str


FORWARD = _Way("p.ordinal > :ordinal ORDER BY p.ordinal", -1, "true", "key", "need")
BACKWARD = _Way("p.ordinal < :ordinal ORDER BY p.ordinal DESC", 1 << 62, WRITTEN, "need", "key")
FACTS = """
SELECT p.ordinal, p.key, p.kind, p.source_sid, coalesce(s.state, 'planned') AS state, s.session, EXISTS (
    SELECT 1 FROM step_needs n LEFT JOIN step_state b ON b.run = :run AND b.key = n.{other}
    WHERE n.plan = :plan AND n.{own} = p.key AND {other_counts} AND coalesce(b.state, 'planned') NOT IN ({settled})
) AS is_blocked
FROM {steps} LEFT JOIN step_state s ON s.run = :run AND s.key = p.key
WHERE p.plan = :plan AND {counts} AND {which}
"""
"""`{steps}` and `{which}` choose the steps: those behind a place in the order, or those of some keys."""
BEHIND = "plan_steps p"
OF_KEYS = "json_each(:keys) wanted CROSS JOIN plan_steps p"
DEPENDENTS = """
SELECT DISTINCT {own} AS key FROM step_needs
WHERE plan = :plan AND {other} IN (SELECT value FROM json_each(:settled)) AND {own} > :key
ORDER BY {own} LIMIT :limit
"""
SERVICES = """
SELECT p.source_sid FROM plan_services p
WHERE p.plan = :plan AND EXISTS (
    SELECT 1 FROM plan_steps t LEFT JOIN step_state s ON s.run = :run AND s.key = t.key
    WHERE t.plan = :plan AND t.source_sid = p.source_sid AND coalesce(s.state, 'planned') NOT IN ({done})
)
ORDER BY EXISTS (SELECT 1 FROM step_state s WHERE s.run = :run AND s.source_sid = p.source_sid), p.source_sid
"""
SKIP = f"""
INSERT INTO journal (run, account_sid, key, state, at, message)
SELECT :run, :account, p.key, 'skipped', :at, :message
FROM plan_steps p LEFT JOIN step_state s ON s.run = :run AND s.key = p.key
WHERE p.plan = :plan AND p.kind = :kind AND p.id BETWEEN :first AND :upto AND (
    s.state IS NULL OR (s.undecided = 0 AND s.state NOT IN ({sql_list(SETTLED | UNDECIDED)}))
) AND (:undoes IS NULL OR {WRITTEN.format(key="p.key")})
ORDER BY p.id
"""
MARK = """
INSERT INTO step_state (run, key, kind, source_sid, state, last, session, attempts, undecided, wrote)
SELECT :run, j.key, p.kind, p.source_sid, 'skipped', j.id, r.sessions, 0, 0, 0
FROM journal j CROSS JOIN plan_steps p ON p.plan = :plan AND p.key = j.key CROSS JOIN runs r ON r.id = :run
WHERE j.id > :last AND +j.run = :run
ON CONFLICT (run, key) DO UPDATE SET state = excluded.state, last = excluded.last, session = excluded.session
"""


@dataclass(frozen=True)
class Scope:
    """Which steps of a run are wanted in this session.

    Attributes:
        only: the source SIDs of the services that are wanted; None for all.
        limit: at most so many services: those that were never worked on first, then those that failed before.
        skip_kinds: kinds whose steps are left for another session.
        allow_drift: whether steps that have drifted are worked on again.
        most: name of a kind → at most so many of its steps.
    """

    only: frozenset[str] | None = None
    limit: int | None = None
    skip_kinds: frozenset[str] = frozenset()
    allow_drift: bool = False
    most: Mapping[str, int] = field(default_factory=dict)


class Frontier:
    """What is ready in one session of a run or rollback that has a plan."""

    def __init__(self, store: Store, run: Run, session: int, scope: Scope | None = None) -> None:
        self._store = store
        self._session = session
        self._scope = scope or Scope()
        self._where: dict[str, Any] = {"plan": run.plan, "run": run.id, "undoes": run.undoes}
        self._settled = run.settled
        self._way = FORWARD if run.undoes is None else BACKWARD
        self._dependents = DEPENDENTS.format(own=self._way.own, other=self._way.other)
        self._place = self._way.first
        self._is_exhausted = False
        self._found: deque[str] = deque()
        self._newly_settled: list[str] = []
        self._passing_on: tuple[list[str], str] | None = None
        self._taken: set[str] = set()
        self._given_out: Counter[str] = Counter()
        self._only = self._services()

    @property
    def under_way(self) -> int:
        """How many steps were given out and not reported back: while there are some, others may become ready."""
        return len(self._taken) - len(self._found)

    def ready(self, limit: int) -> list[Step]:
        """Return the next steps to work on, at most `limit`; each is given out once a session.

        Nothing will be ready any more once this is empty while nothing is under way.
        """
        keys: list[str] = []
        while len(keys) < limit and (self._found or self._look()):
            if self._found:
                keys.append(self._found.popleft())
        return plans.steps_by_key(self._store, int(self._where["plan"]), keys)

    def settled(self, key: str) -> None:
        """Say that a step is settled, and that on disk: what needs it may become ready."""
        self._taken.discard(key)
        self._newly_settled.append(key)

    def left(self, key: str) -> None:
        """Say that a step was worked on in this session and is not settled: what needs it has to wait."""
        self._taken.discard(key)

    def _look(self) -> bool:
        """Look for more steps with one batch; return whether there was anything to look at."""
        if self._newly_settled or self._passing_on:
            self._look_at_dependents()
        elif not self._is_exhausted:
            self._look_further()
        else:
            return False
        return True

    def _look_at_dependents(self) -> None:
        """Find again what was passed by and needs what was settled, a batch of it."""
        if self._passing_on is None:
            self._passing_on, self._newly_settled = (self._newly_settled, ""), []
        settled, after = self._passing_on
        rows = self._store.rows(self._dependents, **self._where, settled=settled, key=after, limit=LOOK)
        keys = [row["key"] for row in rows]
        self._passing_on = (settled, keys[-1]) if len(keys) == LOOK else None
        if keys:
            facts = self._rows(OF_KEYS, "p.key = wanted.value ORDER BY p.ordinal", keys=keys)
            self._take(fact for fact in facts if self._was_passed(fact))

    def _look_further(self) -> None:
        """Go on through the plan."""
        facts = self._rows(BEHIND, f"{self._way.behind} LIMIT :limit", ordinal=self._place, limit=LOOK)
        self._is_exhausted = len(facts) < LOOK
        if facts:
            self._place = facts[-1]["ordinal"]
        self._take(facts)

    def _rows(self, steps: str, which: str, **values: Any) -> list[Row]:
        own, other, counts = self._way.own, self._way.other, self._way.counts
        sql = FACTS.format(
            own=own,
            other=other,
            counts=counts.format(key="p.key"),
            other_counts=counts.format(key=f"n.{other}"),
            settled=sql_list(self._settled),
            steps=steps,
            which=which,
        )
        return self._store.rows(sql, **self._where, **values)

    def _was_passed(self, fact: Row) -> bool:
        """Whether the way through the plan has come past a step; it meets all others by itself."""
        here, there = self._place, fact["ordinal"]
        return self._is_exhausted or (there <= here if self._way is FORWARD else there >= here)

    def _take(self, facts: Iterable[Row]) -> None:
        for fact in facts:
            if fact["key"] not in self._taken and self._is_wanted(fact):
                self._taken.add(fact["key"])
                self._given_out[fact["kind"]] += 1
                self._found.append(fact["key"])

    def _is_wanted(self, fact: Row) -> bool:
        state = State(fact["state"])
        if fact["is_blocked"] or fact["session"] == self._session or state in self._settled:
            return False
        if state is State.DRIFTED and not self._scope.allow_drift:
            return False
        most = self._scope.most.get(fact["kind"])
        if most is not None and self._given_out[fact["kind"]] >= most:
            return False
        return fact["kind"] not in self._scope.skip_kinds and (
            self._only is None or fact["source_sid"] in self._only
        )

    def _services(self) -> frozenset[str] | None:
        """Return the services to work on; None for all of them."""
        limit, only = self._scope.limit, self._scope.only
        if limit is None:
            return only
        done = self._settled if self._scope.allow_drift else {*self._settled, State.DRIFTED}
        chosen: list[str] = []
        for row in self._store.rows(SERVICES.format(done=sql_list(done)), **self._where):
            if len(chosen) == limit:
                break
            if only is None or row["source_sid"] in only:
                chosen.append(row["source_sid"])
        return frozenset(chosen)


def skip_all(store: Store, run: Run, kinds: Collection[str], message: str) -> None:
    """Mark all open steps of some kinds as skipped, a batch at a time; of a rollback, those that were written.

    What a request may have changed already stays as it is: it has to be decided first.

    Args:
        kinds: names of kinds that nobody has consented to, or that cannot be undone.
        message: why, for people.
    """
    facts = {"run": run.id, "plan": run.plan, "account": run.target_account_sid, "undoes": run.undoes}
    sql = (
        "SELECT id FROM plan_steps WHERE plan = :plan AND kind = :kind AND id > :id ORDER BY id LIMIT :limit"
    )
    for kind in sorted(kinds):
        facts |= {"kind": kind, "message": message}
        for rows in store.batches(sql, after={"id": 0}, chunk=BATCH, plan=run.plan, kind=kind):
            facts |= {"at": now(), "first": rows[0]["id"], "upto": rows[-1]["id"]}
            with store.writing() as db:
                facts["last"] = db.execute("SELECT coalesce(max(id), 0) FROM journal").fetchone()[0]
                db.execute(SKIP, facts)
                db.execute(MARK, facts)
