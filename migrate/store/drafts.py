"""A plan that is being made: services and steps come one by one and are committed in batches; then it is sealed."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from typing import Any

from mappings import MAPPING_VERSION
from migrate.core.clock import now
from migrate.model.item import Snapshot
from migrate.model.plan import Plan, PlannedService
from migrate.model.rows import FieldRow
from migrate.model.step import Step
from migrate.store import plans
from migrate.store.codec import image_to_json, packed, rows_texts, settings_of
from migrate.store.database import Row, Store, delete, insert, to_json

Json = Any
SERVICES = 20
"""So many services fill a draft, or"""
STEPS = 1000
"""so many steps."""
PHASE_BITS = 40
"""An ordinal is a step's phase and, in its lower bits, a number that grows from step to step."""
PARTS = ("plan_services", "plan_rows", "findings", "step_needs", "plan_steps")
"""Tables whose rows belong to one plan."""
REVIEWED = """
SELECT s.digest, p.account_sid, p.target_account_sid, p.target, p.options, p.mapping_version, p.offline
FROM plans p JOIN snapshots s ON s.id = p.snapshot_id WHERE p.number = :plan
"""
"""What a plan's id covers besides its services and steps."""
HEADS = """
SELECT source_sid, target_sid, digest, verdicts FROM plan_services
WHERE plan = :plan AND source_sid > :source_sid ORDER BY source_sid LIMIT :limit
"""
TOTALS = """
SELECT count(*) AS services, coalesce(sum(missing), 0) AS services_missing, coalesce(sum(changes), 0) AS changes,
    (SELECT count(*) FROM plan_steps WHERE plan = :plan) AS steps,
    (SELECT count(DISTINCT source_sid) FROM plan_steps WHERE plan = :plan) AS services_to_change
FROM plan_services WHERE plan = :plan
"""


class Draft:
    """A plan that is being made. An unfinished one of the account, which a killed diff has left, is removed first.

    What is added waits in memory; whoever adds is to `commit` when it `is_full`.

    Args:
        store: the database.
        snapshot: what is planned.
        target: see `Plan`, as for `offline`.
        target_account_sid: the account that is written to.
        offline: whether no target was read.
        options: every option that shapes the steps, as JSON.

    Attributes:
        number: the plan's.
    """

    def __init__(
        self,
        store: Store,
        snapshot: Snapshot,
        *,
        target: str,
        target_account_sid: str,
        offline: bool,
        options: Mapping[str, Json],
    ) -> None:
        self._store = store
        self._steps = 0
        self._waiting: dict[str, list[Row]] = {table: [] for table in PARTS}
        head = {
            "snapshot_id": snapshot.id,
            "account_sid": snapshot.account_sid,
            "target_account_sid": target_account_sid,
            "target": target,
            "mapping_version": MAPPING_VERSION,
            "options": options,
            "created_at": now(),
            "offline": offline,
        }
        self.number = _begin(store, head)
        self._facts: Row = {"plan": self.number, "account_sid": snapshot.account_sid}

    @property
    def is_full(self) -> bool:
        """Whether so much waits that it is time to commit it."""
        return len(self._waiting["plan_services"]) >= SERVICES or len(self._waiting["plan_steps"]) >= STEPS

    def add(self, service: PlannedService, *, masked: Callable[[FieldRow], FieldRow]) -> None:
        """Add a service with its before-image and rows.

        Args:
            masked: hides the secrets of a row, for people who look into the database.
        """
        texts = rows_texts(service.rows)
        self._wait("plan_services", _head(service, texts))
        self._wait("plan_rows", _bulk(service, texts))
        for row in service.rows:
            if row.change or row.needs_a_person:
                self._wait("findings", _finding(service, masked(row)))

    def add_step(self, phase: int, step: Step) -> None:
        """Add a step; those of a phase come in the order in which they were added."""
        self._steps += 1
        facts = vars(step) | {"phase": phase, "ordinal": (phase << PHASE_BITS) + self._steps}
        for need in dict.fromkeys(facts.pop("needs")):
            self._waiting["step_needs"].append({"plan": self.number, "key": step.key, "need": need})
        self._wait("plan_steps", facts)

    def commit(self) -> None:
        """Store what was added; any thread may do so, as long as nothing is added meanwhile."""
        with self._store.writing() as db:
            for table, rows in self._waiting.items():
                insert(db.conn, table, rows)
                rows.clear()

    def finish(self) -> Plan:
        """Seal the plan, give it its id and return it."""
        self.commit()
        store, number = self._store, self.number
        totals = store.row(TOTALS, plan=number) or {}
        verdicts: Counter[str] = Counter()
        digest = hashlib.sha256(to_json(list((store.row(REVIEWED, plan=number) or {}).values())).encode())
        for row in store.scan(HEADS, after={"source_sid": ""}, chunk=STEPS, plan=number):
            verdicts.update(json.loads(row["verdicts"]))
            digest.update(f"{row['source_sid']} {row['target_sid']} {row['digest']}\n".encode())
        for each in plans.steps(store, number):
            digest.update(to_json(vars(each)).encode())
        sealed = {"verdicts": to_json(verdicts), "id": digest.hexdigest(), "completed_at": now()}
        with store.writing() as db:
            db.table("plans").update(number, {**totals, **sealed})
        return plans.by_number(store, number)

    def _wait(self, table: str, row: Row) -> None:
        self._waiting[table].append({**self._facts, **row})


def _begin(store: Store, head: Row) -> int:
    abandoned = "account_sid = :account AND completed_at IS NULL"
    with store.writing() as db:
        its = f"plan IN (SELECT number FROM plans WHERE {abandoned})"
        delete(db, PARTS, its, account=head["account_sid"])
        delete(db, ["plans"], abandoned, account=head["account_sid"])
        return insert(db.conn, "plans", [head])


def _head(service: PlannedService, texts: Iterable[str]) -> Row:
    image = settings_of(image_to_json(service.image)) if service.image else None
    items = {kind: asdict(count) for kind, count in service.items.items()}
    reviewed = to_json([image, sorted(service.refused), service.counterparts, items, service.receivers])
    return {
        "source_sid": service.source_sid,
        "target_sid": service.target_sid,
        "friendly_name": service.friendly_name,
        "read_at": service.image.read_at if service.image else None,
        "missing": service.is_missing,
        "changes": sum(row.change for row in service.rows),
        "verdicts": Counter(row.verdict.value for row in service.rows),
        "refused": service.refused,
        "counterparts": service.counterparts,
        "items": items,
        "digest": hashlib.sha256("".join([reviewed, *texts]).encode()).hexdigest(),
    }


def _bulk(service: PlannedService, texts: Iterable[str]) -> Row:
    return {
        "source_sid": service.source_sid,
        "image": json.dumps(image_to_json(service.image)) if service.image else None,
        "receivers": service.receivers,
        "rows": b"".join(map(packed, texts)),
    }


def _finding(service: PlannedService, row: FieldRow) -> Row:
    return {
        "source_sid": service.source_sid,
        "friendly_name": service.friendly_name,
        "source": row.source,
        "value": _readable(row.value),
        "resource": row.resource,
        "target": row.target,
        "before": _readable(row.before),
        "after": _readable(row.after),
        "change": row.change,
        "verdict": row.verdict.value,
        "reason": row.reason,
        "cause": ", ".join(reason.id for reason in row.reasons),
    }


_readable = json.JSONEncoder(ensure_ascii=False).encode
"""Returns a value as JSON that a person can read: no letter is escaped that SQLite can hold."""
