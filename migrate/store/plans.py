"""Plans: what is to be done for one snapshot and one state of its targets, immutable once finished, and what `verify`
has seen of them: for each service the target's values beside the rows that were reviewed."""

from __future__ import annotations

import json
import zlib
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mappings import Verdict
from migrate.core.clock import now
from migrate.core.errors import BadInput
from migrate.model.image import TargetImage
from migrate.model.plan import ItemCount, Plan, PlannedService
from migrate.model.rows import FieldRow
from migrate.model.step import Step
from migrate.store.codec import all_rows, made, notable_rows, packed, unpacked
from migrate.store.database import CHUNK, Row, Store, insert, there, to_json

Json = Any
BATCH = 1000
SHORTEST_PREFIX = 8
SERVICES = """
SELECT s.source_sid, s.target_sid, s.friendly_name, s.read_at, s.refused, s.counterparts, s.items, s.verdicts,
    r.receivers, r.rows, {image} AS image
FROM plan_services s JOIN plan_rows r ON r.plan = s.plan AND r.source_sid = s.source_sid
WHERE s.plan = :plan
"""
WHOLE = SERVICES.format(image="r.image")
AT_A_GLANCE = SERVICES.format(
    image="""
    iif(r.image IS NULL, NULL, json_object('sid', coalesce(s.target_sid, s.source_sid), 'exists',
        json(iif(s.missing, 'false', 'true')), 'payloads', json_object()))
    """
)
STEPS_BY_KEY = """
SELECT p.* FROM json_each(:keys) wanted CROSS JOIN plan_steps p ON p.plan = :plan AND p.key = wanted.value
ORDER BY wanted.key
"""
STEPS_OF = """
SELECT p.* FROM json_each(:sids) wanted CROSS JOIN plan_steps p ON p.plan = :plan AND p.source_sid = wanted.value
WHERE +p.kind IN (SELECT value FROM json_each(:kinds)) ORDER BY p.ordinal
"""
NEEDS = """
SELECT n.key, n.need FROM json_each(:keys) wanted CROSS JOIN step_needs n ON n.plan = :plan AND n.key = wanted.value
ORDER BY 1, 2
"""


@dataclass(frozen=True)
class Verification:
    """One comparison of a plan with its targets: when (ISO 8601, UTC), and how many differences there were."""

    at: str
    differences: int


@dataclass(frozen=True)
class VerifiedService:
    """What one target held when it was compared with the plan.

    Attributes:
        live: for each field row of the planned service, in its order, the target's value.
        items: kind with many items → how many of them differ.
    """

    source_sid: str
    exists: bool
    live: tuple[Json, ...]
    items: Mapping[str, int] = field(default_factory=dict)


def get(store: Store, account_sid: str | None, plan_id: str) -> Plan:
    """Return the newest plan, of an account or of any, with this id or with an id that begins so.

    Raises:
        BadInput: there is none, or the beginning fits several.
    """
    where = "completed_at IS NOT NULL AND id GLOB :prefix AND coalesce(:account, account_sid) = account_sid"
    sql = f"SELECT id, max(number) AS number FROM plans WHERE {where} GROUP BY id"
    ids = store.rows(sql, prefix=plan_id + "*", account=account_sid)
    if not ids or len(plan_id) < SHORTEST_PREFIX or not plan_id.isalnum():
        raise BadInput(f"There is no plan {plan_id!r} in {store.path}. `chat-migrate history` lists them.")
    if len(ids) > 1:
        raise BadInput(f"{plan_id!r} fits {len(ids)} plans; give more of the id.")
    return by_number(store, ids[0]["number"])


def by_number(store: Store, number: int) -> Plan:
    """Return a plan, or raise BadInput if there is none with this number."""
    found = _find(store, "number = :number", number=number)
    return there(found, f"There is no plan number {number} in {store.path}.")


def latest(store: Store, account_sid: str) -> Plan:
    """Return the newest plan of an account, or raise BadInput if there is none."""
    otherwise = f"There is no plan for {account_sid} in {store.path}. Run `chat-migrate diff` first."
    return there(find_latest(store, account_sid), otherwise)


def find_latest(store: Store, account_sid: str | None) -> Plan | None:
    """Return the newest plan of an account, or of any with None; None if there is none."""
    return _find(store, "true" if account_sid is None else "account_sid = :account", account=account_sid)


def services_elsewhere(store: Store, number: int) -> Iterator[PlannedService]:
    """Yield the services of a plan that go to a service with another SID, which is known; likewise."""
    return map(_whole, _scan_services(store, number, f"{WHOLE} AND s.target_sid != s.source_sid"))


def services(store: Store, number: int, *, only: frozenset[str] = frozenset()) -> Iterator[PlannedService]:
    """Yield the services of a plan, or only some of them, in the order of their source SIDs, read a few at a time.

    What is wanted and not there is left out.
    """
    wanted = sorted(only)
    if not wanted:
        yield from map(_whole, _scan_services(store, number, WHOLE))
    sql = f"{WHOLE} AND s.source_sid IN (SELECT value FROM json_each(:sids)) ORDER BY s.source_sid"
    for start in range(0, len(wanted), CHUNK):
        for row in store.rows(sql, plan=number, sids=wanted[start : start + CHUNK]):
            yield _whole(row)


def glances(store: Store, number: int) -> Iterator[PlannedService]:
    """Yield the services of a plan as `services` does, with only what a summary tells.

    What their targets held is left out; rows that neither change nor have a step nor need a person are counted.
    """
    return map(_glance, _scan_services(store, number, AT_A_GLANCE))


def _scan_services(store: Store, number: int, which: str) -> Iterator[Row]:
    sql = f"{which} AND s.source_sid > :source_sid ORDER BY s.source_sid LIMIT :limit"
    return store.scan(sql, after={"source_sid": ""}, plan=number)


def service(store: Store, number: int, sid: str) -> PlannedService:
    """Return one service of a plan, by its source SID, or raise BadInput if it is not in there."""
    found = next(services(store, number, only=frozenset({sid})), None)
    return there(found, f"Service {sid} is not in plan number {number} of {store.path}.")


def _whole(row: Row) -> PlannedService:
    rows = _undamaged(row, all_rows)
    if len(rows) != sum(json.loads(row["verdicts"]).values()):
        raise _damaged(row)
    return _planned_service(row, rows, {})


def _glance(row: Row) -> PlannedService:
    rows = _undamaged(row, notable_rows)
    verdicts = {Verdict(name): number for name, number in json.loads(row["verdicts"]).items()}
    return _planned_service(row, rows, Counter(verdicts) - Counter(each.verdict for each in rows))


def _undamaged(row: Row, read: Callable[[bytes], tuple[FieldRow, ...]]) -> tuple[FieldRow, ...]:
    try:
        return read(row["rows"])
    except (ValueError, zlib.error) as error:
        raise _damaged(row) from error


def _damaged(row: Row) -> BadInput:
    return BadInput(
        f"The database is damaged: Service {row['source_sid']} of this plan cannot be read. "
        "Restore the file from a copy, or run `chat-migrate diff` to plan again."
    )


def _planned_service(row: Row, rows: tuple[FieldRow, ...], others: Mapping[Verdict, int]) -> PlannedService:
    items = {kind: ItemCount(**count) for kind, count in json.loads(row["items"]).items()}
    image = TargetImage(**json.loads(row["image"]), read_at=row["read_at"]) if row["image"] else None
    return made(PlannedService, row, image=image, rows=rows, others=others, items=items)


def _find(store: Store, where: str, **values: Any) -> Plan | None:
    where = f"completed_at IS NOT NULL AND {where} ORDER BY number DESC LIMIT 1"
    row = store.row(f"SELECT * FROM plans WHERE {where}", **values)
    return made(Plan, row) if row else None


def steps_by_kind(store: Store, plan: Plan) -> dict[str, int]:
    """Return how many steps of each kind a plan has."""
    sql = "SELECT kind, count(*) AS steps FROM plan_steps WHERE plan = :plan GROUP BY kind ORDER BY kind"
    return {row["kind"]: row["steps"] for row in store.rows(sql, plan=plan.number)}


def steps(
    store: Store,
    number: int,
    source_sid: str | None = None,
    *,
    kinds: Collection[str] | None = None,
    newest_first: bool = False,
) -> Iterator[Step]:
    """Yield the steps of a plan, or of one of its services or of some kinds, in order, read a few at a time."""
    where = "plan = :plan"
    if source_sid is not None:
        where += " AND source_sid = :source_sid"
    if kinds is not None:
        where += " AND kind IN (SELECT value FROM json_each(:kinds))"
    behind = "< :ordinal ORDER BY ordinal DESC" if newest_first else "> :ordinal ORDER BY ordinal"
    sql = f"SELECT * FROM plan_steps WHERE {where} AND ordinal {behind} LIMIT :limit"
    after = {"ordinal": 1 << 62 if newest_first else -1}
    for rows in store.batches(sql, after=after, plan=number, source_sid=source_sid, kinds=kinds):
        yield from _with_needs(store, number, rows)


def steps_of(
    store: Store, number: int, source_sids: Collection[str], kinds: Collection[str]
) -> dict[str, list[Step]]:
    """Return the steps of some kinds in a few services, in order, by the service; all stand in memory."""
    found: dict[str, list[Step]] = {}
    for step in _with_needs(store, number, store.rows(STEPS_OF, plan=number, sids=source_sids, kinds=kinds)):
        found.setdefault(step.source_sid, []).append(step)
    return found


def source_sids_to_change(store: Store, number: int) -> Iterator[str]:
    """Yield the source SIDs of the services that have steps, in order."""
    where = "plan = :plan AND source_sid > :source_sid ORDER BY source_sid LIMIT :limit"
    sql = f"SELECT DISTINCT source_sid FROM plan_steps WHERE {where}"
    rows = store.scan(sql, after={"source_sid": ""}, chunk=BATCH, plan=number)
    return (row["source_sid"] for row in rows)


def steps_by_key(store: Store, number: int, keys: Sequence[str]) -> list[Step]:
    """Return some steps of a plan, in the order of their keys as given."""
    return _with_needs(store, number, store.rows(STEPS_BY_KEY, plan=number, keys=keys))


def _with_needs(store: Store, number: int, rows: Sequence[Row]) -> list[Step]:
    needs: dict[str, list[str]] = {}
    for row in store.rows(NEEDS, plan=number, keys=[row["key"] for row in rows]):
        needs.setdefault(row["key"], []).append(row["need"])
    return [made(Step, row, needs=tuple(needs.get(row["key"], ()))) for row in rows]


def save_verified(store: Store, plan: Plan, services: Sequence[VerifiedService]) -> None:
    """Keep what was read of some targets, in one transaction; a later reading replaces it."""
    facts = {"plan": plan.number, "account_sid": plan.target_account_sid, "at": now()}
    rows = [
        {
            **facts,
            "source_sid": service.source_sid,
            "found": service.exists,
            "live": packed(to_json([service.live, service.items])),
        }
        for service in services
    ]
    with store.writing() as db:
        insert(db.conn, "verified_services", rows, unique=("plan", "source_sid"))


def verified(store: Store, number: int, source_sids: Iterable[str]) -> Mapping[str, VerifiedService]:
    """Return what was read last of some targets of a plan, by source SID; those that never were are left out."""
    found = {}
    where = "plan = :plan AND source_sid IN (SELECT value FROM json_each(:sids))"
    for row in store.rows(f"SELECT * FROM verified_services WHERE {where}", plan=number, sids=source_sids):
        live, items = json.loads(unpacked(row["live"]))
        found[row["source_sid"]] = VerifiedService(row["source_sid"], bool(row["found"]), tuple(live), items)
    return found


def note_verified(store: Store, plan: Plan, differences: int) -> None:
    """Note that a plan was compared with its targets, and how many differences there were."""
    row = {
        "plan": plan.number,
        "account_sid": plan.target_account_sid,
        "at": now(),
        "differences": differences,
    }
    with store.writing() as db:
        insert(db.conn, "verifications", [row])


def last_verification(store: Store, plan: Plan) -> Verification | None:
    """Return the newest comparison of a plan with its targets, or None."""
    sql = "SELECT at, differences FROM verifications WHERE plan = :plan ORDER BY id DESC LIMIT 1"
    row = store.row(sql, plan=plan.number)
    return made(Verification, row) if row else None
