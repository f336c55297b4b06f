"""The tables, as a list of migrations that sqlite-utils applies and records.

Every row that belongs to an account carries its account SID: one database can hold many accounts.
A finished snapshot and a finished plan are immutable; triggers keep them so, whoever writes.
"""

from __future__ import annotations

from sqlite_utils import Database
from sqlite_utils.migrations import Migrations

APPLICATION_ID = 0x43684D67
"""SQLite's `application_id` of our files ("ChMg"): tells them from other programs' databases."""

migrations = Migrations("chat-migrate")


@migrations(name="0001_snapshots")
def _snapshots(db: Database) -> None:
    db.table("snapshots").create(
        {
            "id": int,
            "account_sid": str,
            "source": str,
            "apis": str,
            "taken_at": str,
            "completed_at": str,
            "services": int,
            "digest": str,
        },
        pk="id",
        not_null={"account_sid", "source", "apis", "taken_at"},
    )
    db.table("chat_services").create(
        {
            "snapshot_id": int,
            "service_sid": str,
            "api": str,
            "account_sid": str,
            "friendly_name": str,
            "provenance": str,
            "payload": str,
        },
        pk=("snapshot_id", "service_sid", "api"),
        not_null={"account_sid", "provenance", "payload"},
        foreign_keys=[("snapshot_id", "snapshots", "id")],
    )
    db.table("chat_roles").create(
        {
            "snapshot_id": int,
            "service_sid": str,
            "role_sid": str,
            "position": int,
            "account_sid": str,
            "friendly_name": str,
            "payload": str,
        },
        pk=("snapshot_id", "service_sid", "role_sid"),
        not_null={"account_sid", "payload"},
        foreign_keys=[("snapshot_id", "snapshots", "id")],
    )
    for table in ("chat_services", "chat_roles"):
        _freeze(db, table, "snapshots", "id", "snapshot_id")


@migrations(name="0002_plans")
def _plans(db: Database) -> None:
    db.table("plans").create(
        {
            "number": int,
            "id": str,
            "snapshot_id": int,
            "account_sid": str,
            "target_account_sid": str,
            "target": str,
            "mapping_version": str,
            "offline": int,
            "created_at": str,
            "completed_at": str,
        },
        pk="number",
        not_null={"snapshot_id", "account_sid", "target_account_sid", "target", "created_at"},
        foreign_keys=[("snapshot_id", "snapshots", "id")],
    )
    db.table("plan_services").create(
        {
            "plan": int,
            "source_sid": str,
            "account_sid": str,
            "target_sid": str,
            "friendly_name": str,
            "before_image": str,
            "read_at": str,
            "refused": str,
            "counterparts": str,
            "digest": str,
            "verdicts": str,
        },
        pk=("plan", "source_sid"),
        foreign_keys=[("plan", "plans", "number")],
    )
    db.table("plan_steps").create(
        {
            "plan": int,
            "key": str,
            "position": int,
            "source_sid": str,
            "account_sid": str,
            "target_sid": str,
            "resource": str,
            "action": str,
            "item": str,
            "role": str,
            "before": str,
            "after": str,
            "optional": str,
            "reversible": int,
        },
        pk=("plan", "key"),
        foreign_keys=[("plan", "plans", "number")],
    )
    db.table("plan_steps").create_index(["plan", "source_sid", "position"])
    for table in ("plan_services", "plan_steps"):
        _freeze(db, table, "plans", "number", "plan")


@migrations(name="0003_readings")
def _readings(db: Database) -> None:
    db.table("readings").create(
        {"plan": int, "source_sid": str, "account_sid": str, "image": str, "read_at": str},
        pk=("plan", "source_sid"),
        not_null={"account_sid", "image", "read_at"},
        foreign_keys=[("plan", "plans", "number")],
    )


@migrations(name="0004_verifications")
def _verifications(db: Database) -> None:
    db.table("verifications").create(
        {"id": int, "plan": int, "account_sid": str, "at": str, "differences": int},
        pk="id",
        not_null={"plan", "account_sid", "at", "differences"},
        foreign_keys=[("plan", "plans", "number")],
    )


@migrations(name="0005_runs")
def _runs(db: Database) -> None:
    db.table("runs").create(
        {
            "id": int,
            "plan": int,
            "undoes": int,
            "delete_created": int,
            "account_sid": str,
            "started_at": str,
            "finished_at": str,
        },
        pk="id",
        not_null={"plan", "account_sid", "started_at"},
        foreign_keys=[("plan", "plans", "number")],
    )
    db.table("journal").create(
        {
            "id": int,
            "run": int,
            "account_sid": str,
            "key": str,
            "state": str,
            "at": str,
            "status": int,
            "code": int,
            "request_id": str,
            "message": str,
            "seen": str,
        },
        pk="id",
        not_null={"run", "account_sid", "key", "state", "at"},
        foreign_keys=[("run", "runs", "id")],
    )
    db.table("journal").create_index(["run", "key", "id"])
    db.execute(
        "CREATE VIEW step_states AS SELECT * FROM journal "
        "WHERE id IN (SELECT max(id) FROM journal GROUP BY run, key)"
    )
    for event in ("UPDATE", "DELETE"):
        db.execute(
            f"CREATE TRIGGER journal_no_{event.lower()} BEFORE {event} ON journal "
            "BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END"
        )
    db.table("refusals").create(
        {
            "account_sid": str,
            "target_sid": str,
            "resource": str,
            "value": str,
            "code": int,
            "message": str,
            "at": str,
        },
        pk=("target_sid", "resource", "value"),
        not_null={"account_sid", "at"},
    )


@migrations(name="0006_sids")
def _sids(db: Database) -> None:
    db.table("sids").create(
        {
            "id": int,
            "account_sid": str,
            "kind": str,
            "how": str,
            "friendly_name": str,
            "source_sid": str,
            "target_sid": str,
            "source_service_sid": str,
            "target_service_sid": str,
            "run": int,
            "at": str,
        },
        pk="id",
        not_null={
            "account_sid",
            "kind",
            "source_sid",
            "target_sid",
            "source_service_sid",
            "target_service_sid",
        },
        foreign_keys=[("run", "runs", "id")],
    )
    db.table("sids").create_index(["account_sid", "source_service_sid", "kind"])
    db.table("sids").create_index(["source_sid", "kind"])
    db.table("sids").create_index(["source_service_sid", "kind"])
    db.table("sids").create_index(["target_service_sid"])
    db.table("sids").create_index(["account_sid", "source_sid", "target_sid"], unique=True)


@migrations(name="0007_lock")
def _lock(db: Database) -> None:
    db.table("lock").create(
        {
            "id": int,
            "nonce": str,
            "host": str,
            "pid": int,
            "command": str,
            "started_at": str,
            "heartbeat": float,
        },
        pk="id",
        not_null={"nonce", "host", "pid", "command", "started_at", "heartbeat"},
    )


@migrations(name="0007_sealed_heads")
def _sealed_heads(db: Database) -> None:
    """A finished head stays as it is: opening it again would open its rows."""
    for table in ("snapshots", "plans"):
        for event in ("UPDATE", "DELETE"):
            db.execute(
                f"CREATE TRIGGER {table}_sealed_{event.lower()} BEFORE {event} ON {table} "
                f"WHEN OLD.completed_at IS NOT NULL "
                f"BEGIN SELECT RAISE(ABORT, '{table} are immutable once finished'); END"
            )


@migrations(name="0008_findings")
def _findings(db: Database) -> None:
    """What a plan changes and what needs a person, one row per field, for people who look into the database."""
    db.table("findings").create(
        {
            "plan": int,
            "account_sid": str,
            "source_sid": str,
            "friendly_name": str,
            "source": str,
            "value": str,
            "resource": str,
            "target": str,
            "before": str,
            "after": str,
            "change": int,
            "verdict": str,
            "reason": str,
        },
        pk=("plan", "source_sid", "source"),
        not_null={"account_sid", "change", "verdict", "reason"},
        foreign_keys=[("plan", "plans", "number")],
    )
    _freeze(db, "findings", "plans", "number", "plan")


LATEST_PLAN = "(SELECT max(number) FROM plans WHERE completed_at IS NOT NULL)"
LATEST_SNAPSHOT = "(SELECT max(id) FROM snapshots WHERE completed_at IS NOT NULL)"

VIEWS = {
    "needs_a_person": f"""
        SELECT verdict, friendly_name, source_sid, source AS field, value, reason, account_sid, plan
        FROM findings WHERE plan = {LATEST_PLAN} AND verdict IN ('manual', 'dropped', 'lossy')
        ORDER BY verdict = 'manual' DESC, verdict = 'dropped' DESC, friendly_name, source_sid, source
    """,
    "changes": f"""
        SELECT friendly_name, source_sid, source AS field, resource, target, before, after, verdict, reason,
            account_sid, plan
        FROM findings WHERE plan = {LATEST_PLAN} AND change ORDER BY friendly_name, source_sid, source
    """,
    "steps": f"""
        SELECT p.friendly_name, s.source_sid, s.resource, s.action, coalesce(j.state, 'planned') AS state, j.at,
            j.message, j.status, j.code, j.request_id, s.reversible, s.key, s.plan, j.run, s.account_sid
        FROM plan_steps s
        JOIN plan_services p ON p.plan = s.plan AND p.source_sid = s.source_sid
        LEFT JOIN journal j ON j.id = (
            SELECT max(e.id) FROM runs r JOIN journal e ON e.run = r.id AND e.key = s.key WHERE r.plan = s.plan
        )
        WHERE s.plan = {LATEST_PLAN} OR s.plan IN (SELECT plan FROM runs)
        ORDER BY s.plan DESC, p.friendly_name, s.source_sid, s.position
    """,
    "what_happened": """
        SELECT j.at, CASE WHEN r.undoes IS NULL THEN 'run ' || r.id
                ELSE 'run ' || r.id || ', rollback of run ' || r.undoes END AS run,
            p.friendly_name, s.source_sid, s.resource, s.action, j.state, j.message, j.status, j.code,
            j.request_id, j.key, j.account_sid, j.id
        FROM journal j
        JOIN runs r ON r.id = j.run
        LEFT JOIN plan_steps s ON s.plan = r.plan AND s.key = j.key
        LEFT JOIN plan_services p ON p.plan = s.plan AND p.source_sid = s.source_sid
        ORDER BY j.id DESC
    """,
    "sid_map": """
        SELECT s.kind, coalesce(
                nullif(s.friendly_name, ''),
                (SELECT c.friendly_name FROM chat_roles c WHERE c.role_sid = s.source_sid
                    ORDER BY c.snapshot_id DESC LIMIT 1)
            ) AS friendly_name,
            s.source_sid, s.target_sid, s.source_service_sid, s.target_service_sid, s.how, s.run, s.at,
            s.account_sid, s.id
        FROM sids s
        WHERE s.how != 'removed' AND s.target_service_sid = (
            SELECT n.target_sid FROM sids n
            WHERE n.account_sid = s.account_sid AND n.source_sid = s.source_service_sid AND n.kind = 'service'
                AND n.how != 'removed'
            ORDER BY n.id DESC LIMIT 1
        )
        ORDER BY s.id
    """,
    "services": f"""
        SELECT c.service_sid AS sid,
            coalesce(max(CASE c.api WHEN 'v2' THEN c.friendly_name END), max(c.friendly_name)) AS friendly_name,
            CASE count(*) WHEN 2 THEN 'v1, v2' ELSE max(c.api) END AS apis, c.account_sid, s.source, s.taken_at
        FROM chat_services c JOIN snapshots s ON s.id = c.snapshot_id
        WHERE c.snapshot_id = {LATEST_SNAPSHOT} GROUP BY c.service_sid ORDER BY 2, 1
    """,
}
"""Views that people open in sqlite-utils or Datasette; nothing in this program reads them."""


@migrations(name="0009_views")
def _views(db: Database) -> None:
    for name, select in VIEWS.items():
        db.create_view(name, select)


def _freeze(db: Database, table: str, owner: str, owner_key: str, reference: str) -> None:
    """Let nobody change the rows of a finished snapshot or plan."""
    for event, row in (("INSERT", "NEW"), ("UPDATE", "OLD"), ("DELETE", "OLD")):
        db.execute(
            f"CREATE TRIGGER {table}_frozen_{event.lower()} BEFORE {event} ON {table} "
            f"WHEN (SELECT completed_at FROM {owner} WHERE {owner_key} = {row}.{reference}) IS NOT NULL "
            f"BEGIN SELECT RAISE(ABORT, '{owner} are immutable once finished'); END"
        )
