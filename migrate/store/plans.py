"""Plans: what is to be done for one snapshot and one state of its targets, immutable once finished."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from mappings import MAPPING_VERSION, Resource, RoleTranslation
from migrate.core.clock import now
from migrate.core.errors import BadInput
from migrate.model.step import Action, Step
from migrate.model.target import TargetState
from migrate.report.model import FieldRow
from migrate.store.database import Store, to_json
from migrate.store.snapshots import VOLATILE, Snapshot

Json = Any
CHUNK = 200
SHORTEST_PREFIX = 8


@dataclass(frozen=True)
class Plan:
    """The head of one plan.

    Attributes:
        number: its number in this database.
        id: SHA-256 over snapshot, before-images, target mode and mapping version.
        snapshot_id: the snapshot that it was made from.
        account_sid: the source account.
        target_account_sid: the account that is written to.
        target: `same`, `new` or `map`.
        mapping_version: of the mappings that made it.
        created_at: ISO 8601, UTC.
        offline: made without looking at the targets; it cannot be applied.
    """

    number: int
    id: str
    snapshot_id: int
    account_sid: str
    target_account_sid: str
    target: str
    mapping_version: str
    created_at: str
    offline: bool


@dataclass(frozen=True)
class Verification:
    """One comparison of a plan with its targets: when (ISO 8601, UTC), and how many services differed."""

    at: str
    differences: int


@dataclass(frozen=True)
class PlannedService:
    """One service of a plan.

    Attributes:
        source_sid: the Chat Service.
        target_sid: the Conversation Service, or None if there is none.
        friendly_name: the Chat Service's name.
        state: the target as read; None if the plan is offline or the target is still to be created.
        counterparts: Chat role SID → SID of its counterpart in the target, as far as known.
        refused: filters that Twilio was known to refuse for the target.
        verdicts: how many fields have each verdict.
    """

    source_sid: str
    target_sid: str | None
    friendly_name: str
    state: TargetState | None
    refused: frozenset[str]
    counterparts: Mapping[str, str]
    verdicts: Mapping[str, int]


def begin(store: Store, snapshot: Snapshot, *, target: str, target_account_sid: str, offline: bool) -> int:
    """Start a plan and return its number; unfinished ones that a killed diff left are removed."""
    with store.writing() as db:
        for table in ("plan_services", "plan_steps", "findings"):
            db.table(table).delete_where("plan IN (SELECT number FROM plans WHERE completed_at IS NULL)")
        db.table("plans").delete_where("completed_at IS NULL")
        row = {
            "snapshot_id": snapshot.id,
            "account_sid": snapshot.account_sid,
            "target_account_sid": target_account_sid,
            "target": target,
            "mapping_version": MAPPING_VERSION,
            "created_at": now(),
            "offline": int(offline),
        }
        return int(db.table("plans").insert(row).last_pk or 0)


def add_service(
    store: Store,
    number: int,
    account_sid: str,
    service: PlannedService,
    steps: Iterable[Step],
    findings: Iterable[FieldRow] = (),
) -> None:
    """Add one service with its before-image and steps, in one transaction.

    Args:
        store: the database.
        number: of the plan.
        account_sid: the source account.
        service: what is known of it.
        steps: its writes, in order.
        findings: the rows that people shall find in the database, with secrets hidden.
    """
    image = service.state.to_json() if service.state else None
    refused = sorted(service.refused)
    with store.writing() as db:
        db.table("plan_services").insert(
            {
                "plan": number,
                "source_sid": service.source_sid,
                "account_sid": account_sid,
                "target_sid": service.target_sid,
                "friendly_name": service.friendly_name,
                "before_image": json.dumps(image) if image else None,
                "read_at": service.state.read_at if service.state else None,
                "refused": json.dumps(refused),
                "counterparts": to_json(service.counterparts),
                "digest": _digest([_stable(image), refused, dict(service.counterparts)]),
                "verdicts": to_json(service.verdicts),
            }
        )
        rows = [_step_row(number, account_sid, position, step) for position, step in enumerate(steps)]
        db.table("plan_steps").insert_all(rows)
        db.table("findings").insert_all(_finding_row(number, account_sid, service, row) for row in findings)


def finish(store: Store, number: int, snapshot: Snapshot) -> Plan:
    """Seal the plan, give it its id and return it."""
    head = store.row("SELECT * FROM plans WHERE number = :number", {"number": number}) or {}
    digest = hashlib.sha256()
    facts = [
        snapshot.digest,
        head["target"],
        head["target_account_sid"],
        head["mapping_version"],
        head["offline"],
    ]
    digest.update(to_json(facts).encode())
    for row in _service_rows(store, number):
        digest.update(f"{row['source_sid']} {row['target_sid']} {row['digest']}\n".encode())
    with store.writing() as db:
        db.table("plans").update(number, {"id": digest.hexdigest(), "completed_at": now()})
    return get(store, digest.hexdigest())


def get(store: Store, plan_id: str) -> Plan:
    """Return the newest plan with this id, or with an id that begins so.

    Raises:
        BadInput: there is none, or the beginning fits several.
    """
    matching = {"prefix": plan_id + "*"}
    ids = store.rows(
        "SELECT DISTINCT id FROM plans WHERE completed_at IS NOT NULL AND id GLOB :prefix", matching
    )
    if not ids or len(plan_id) < SHORTEST_PREFIX or not plan_id.isalnum():
        raise BadInput(
            f"There is no plan {plan_id!r} in {store.path}. `chat-migrate status` names the plans."
        )
    if len(ids) > 1:
        raise BadInput(f"{plan_id!r} fits {len(ids)} plans; give more of the id.")
    found = _find(store, "id GLOB :prefix", matching)
    if found is None:
        raise AssertionError("a plan that was just found is gone")
    return found


def by_number(store: Store, number: int) -> Plan:
    """Return the plan that a run executes."""
    found = _find(store, "number = :number", {"number": number})
    if found is None:
        raise BadInput(f"There is no plan number {number} in {store.path}.")
    return found


def latest(store: Store) -> Plan:
    """Return the newest plan.

    Raises:
        BadInput: there is none.
    """
    found = find_latest(store)
    if found is None:
        raise BadInput(f"There is no plan in {store.path}. Run `chat-migrate diff` first.")
    return found


def find_latest(store: Store) -> Plan | None:
    """Return the newest plan, or None."""
    return _find(store, "1", {})


def services_of(store: Store, number: int) -> Iterator[PlannedService]:
    """Return the services of a plan in the order of their source SIDs, read a few at a time."""
    return (_planned_service(row) for row in _service_rows(store, number))


def service_count(store: Store, number: int) -> int:
    """Return how many services a plan looks at."""
    return int(store.value("SELECT count(*) FROM plan_services WHERE plan = :plan", {"plan": number}))


def verdicts(store: Store, number: int) -> Counter[str]:
    """Return how many fields have each verdict, over all services of a plan."""
    total: Counter[str] = Counter()
    for service in services_of(store, number):
        total.update(service.verdicts)
    return total


def target_of(store: Store, number: int, source_sid: str) -> tuple[str | None, dict[str, str]]:
    """Return the target of one service as planned: its SID, or None, and the counterparts of the roles."""
    row = store.row(
        "SELECT target_sid, counterparts FROM plan_services WHERE plan = :plan AND source_sid = :sid",
        {"plan": number, "sid": source_sid},
    )
    return (row["target_sid"], json.loads(row["counterparts"])) if row else (None, {})


def read_at(store: Store, number: int, source_sid: str) -> str | None:
    """Return when the before-image of one service was read, or None if it was not."""
    moment = store.value(
        "SELECT read_at FROM plan_services WHERE plan = :plan AND source_sid = :sid",
        {"plan": number, "sid": source_sid},
    )
    return str(moment) if moment else None


def save_reading(store: Store, plan: Plan, source_sid: str, state: TargetState) -> None:
    """Keep what `verify` has read of one service's target; a later reading replaces it."""
    row = {
        "plan": plan.number,
        "source_sid": source_sid,
        "account_sid": plan.target_account_sid,
        "image": json.dumps(state.to_json()),
        "read_at": state.read_at,
    }
    with store.writing() as db:
        db.table("readings").upsert(row, pk=("plan", "source_sid"))


def note_verified(store: Store, plan: Plan, differences: int) -> None:
    """Note that `verify` has compared the plan with its targets, and how many services differed."""
    row = {
        "plan": plan.number,
        "account_sid": plan.target_account_sid,
        "at": now(),
        "differences": differences,
    }
    with store.writing() as db:
        db.table("verifications").insert(row)


def last_verification(store: Store, plan: Plan) -> Verification | None:
    """Return the newest comparison of a plan with its targets, or None."""
    row = store.row(
        "SELECT at, differences FROM verifications WHERE plan = :plan ORDER BY id DESC LIMIT 1",
        {"plan": plan.number},
    )
    return Verification(**row) if row else None


def reading_of(store: Store, number: int, source_sid: str) -> TargetState | None:
    """Return what `verify` has read last of one service's target, or None."""
    row = store.row(
        "SELECT image, read_at FROM readings WHERE plan = :plan AND source_sid = :sid",
        {"plan": number, "sid": source_sid},
    )
    return TargetState.from_json(json.loads(row["image"]), row["read_at"]) if row else None


def steps_of(store: Store, number: int, source_sid: str) -> list[Step]:
    """Return the steps of one service, in order."""
    rows = store.rows(
        "SELECT * FROM plan_steps WHERE plan = :plan AND source_sid = :sid ORDER BY position",
        {"plan": number, "sid": source_sid},
    )
    return [_step(row) for row in rows]


def step_count(store: Store, number: int) -> int:
    """Return how many steps a plan has."""
    return int(store.value("SELECT count(*) FROM plan_steps WHERE plan = :plan", {"plan": number}))


def sids_to_change(store: Store, number: int) -> list[str]:
    """Return the source SIDs of the services that have steps, sorted."""
    rows = store.rows(
        "SELECT DISTINCT source_sid FROM plan_steps WHERE plan = :plan ORDER BY source_sid", {"plan": number}
    )
    return [row["source_sid"] for row in rows]


def _service_rows(store: Store, number: int) -> Iterator[dict[str, Any]]:
    after = ""
    while chunk := store.rows(
        "SELECT * FROM plan_services WHERE plan = :plan AND source_sid > :after ORDER BY source_sid LIMIT :limit",
        {"plan": number, "after": after, "limit": CHUNK},
    ):
        yield from chunk
        after = chunk[-1]["source_sid"]


def _planned_service(row: Mapping[str, Any]) -> PlannedService:
    image = row["before_image"]
    return PlannedService(
        source_sid=row["source_sid"],
        target_sid=row["target_sid"],
        friendly_name=row["friendly_name"],
        state=TargetState.from_json(json.loads(image), row["read_at"]) if image else None,
        refused=frozenset(json.loads(row["refused"])),
        counterparts=json.loads(row["counterparts"]),
        verdicts=json.loads(row["verdicts"]),
    )


def _step_row(number: int, account_sid: str, position: int, step: Step) -> dict[str, Any]:
    return {
        "plan": number,
        "key": step.key,
        "position": position,
        "source_sid": step.source_sid,
        "account_sid": account_sid,
        "target_sid": step.target_sid,
        "resource": step.resource.value,
        "action": step.action.value,
        "item": step.item,
        "role": json.dumps(asdict(step.role)) if step.role else None,
        "before": json.dumps(step.before),
        "after": json.dumps(step.after),
        "optional": json.dumps(step.optional),
        "reversible": int(step.reversible),
    }


def _finding_row(number: int, account_sid: str, service: PlannedService, row: FieldRow) -> dict[str, Any]:
    return {
        "plan": number,
        "account_sid": account_sid,
        "source_sid": service.source_sid,
        "friendly_name": service.friendly_name,
        "source": _storable(row.source),
        "value": _readable(row.value),
        "resource": row.resource,
        "target": row.target,
        "before": _readable(row.before),
        "after": _readable(row.after),
        "change": int(row.change),
        "verdict": row.verdict,
        "reason": _storable(row.reason),
    }


def _readable(value: Json) -> str:
    """Return a value as JSON that a person can read: no letter is escaped that SQLite can hold."""
    return _storable(json.dumps(value, ensure_ascii=False))


def _storable(text: str) -> str:
    """Spell half surrogate pairs, which JSON may hold and SQLite may not, as JSON does."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _step(row: Mapping[str, Any]) -> Step:
    return Step(
        key=row["key"],
        source_sid=row["source_sid"],
        target_sid=row["target_sid"],
        resource=Resource(row["resource"]),
        action=Action(row["action"]),
        before=json.loads(row["before"]),
        after=json.loads(row["after"]),
        item=row["item"],
        role=_role(row["role"]),
        optional=tuple(json.loads(row["optional"])),
        reversible=bool(row["reversible"]),
    )


def _role(text: str | None) -> RoleTranslation | None:
    if text is None:
        return None
    role = json.loads(text)
    return RoleTranslation(**{**role, "permissions": tuple(role["permissions"]), "lost": tuple(role["lost"])})


def _find(store: Store, where: str, parameters: dict[str, Any]) -> Plan | None:
    row = store.row(
        "SELECT number, id, snapshot_id, account_sid, target_account_sid, target, mapping_version, created_at, "
        f"offline FROM plans WHERE completed_at IS NOT NULL AND {where} ORDER BY number DESC LIMIT 1",
        parameters,
    )
    return Plan(**{**row, "offline": bool(row["offline"])}) if row else None


def _digest(value: Json) -> str:
    return hashlib.sha256(to_json(value).encode()).hexdigest()


def _stable(image: Json) -> Json:
    """Return a before-image without what changes by itself; it nests no deeper than Twilio's resources do."""
    if isinstance(image, dict):
        return {key: _stable(value) for key, value in image.items() if key not in VOLATILE}
    return [_stable(item) for item in image] if isinstance(image, list) else image
