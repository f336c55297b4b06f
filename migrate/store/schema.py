"""The tables, as a list of migrations that sqlite-utils applies and records.

A row that people may read by itself carries its account's SID: one database can hold many accounts.
A finished snapshot and a finished plan are immutable, and the journal is append-only; triggers keep them so,
whoever writes. Where a row's place in an order matters, its integer key is that place.
"""

from __future__ import annotations

from sqlite_utils import Database
from sqlite_utils.migrations import Migrations

APPLICATION_ID = 0x43684D67
"""SQLite's `application_id` of our files ("ChMg"): tells them from other programs' databases."""

migrations = Migrations("chat-migrate")

SNAPSHOTS = """
CREATE TABLE snapshots (
    id INTEGER PRIMARY KEY, account_sid TEXT NOT NULL, source TEXT NOT NULL, taken_at TEXT NOT NULL,
    completed_at TEXT, services INTEGER, digest TEXT, examined TEXT
);
CREATE INDEX snapshots_of_account ON snapshots (account_sid, id);
CREATE TABLE items (
    id INTEGER PRIMARY KEY, snapshot INTEGER NOT NULL REFERENCES snapshots, kind TEXT NOT NULL, sid TEXT NOT NULL,
    api TEXT NOT NULL, parent TEXT, account_sid TEXT NOT NULL, name TEXT NOT NULL, origin TEXT NOT NULL,
    shape TEXT NOT NULL, not_held TEXT NOT NULL, digest TEXT NOT NULL, payload TEXT NOT NULL,
    UNIQUE (snapshot, kind, sid, api)
);
CREATE INDEX items_of_parent ON items (snapshot, kind, parent);
CREATE INDEX items_at_the_top ON items (snapshot, sid) WHERE parent IS NULL;
CREATE INDEX items_by_sid ON items (sid);
CREATE TABLE inventory_progress (
    snapshot INTEGER NOT NULL REFERENCES snapshots, kind TEXT NOT NULL, parent TEXT NOT NULL,
    account_sid TEXT NOT NULL, next_page TEXT, PRIMARY KEY (snapshot, kind, parent)
) WITHOUT ROWID
"""

PLANS = """
CREATE TABLE plans (
    number INTEGER PRIMARY KEY, id TEXT, snapshot_id INTEGER NOT NULL REFERENCES snapshots,
    account_sid TEXT NOT NULL, target_account_sid TEXT NOT NULL, target TEXT NOT NULL,
    mapping_version TEXT NOT NULL, options TEXT NOT NULL, offline INTEGER NOT NULL,
    created_at TEXT NOT NULL, completed_at TEXT,
    services INTEGER, services_to_change INTEGER, services_missing INTEGER, changes INTEGER, steps INTEGER,
    verdicts TEXT
);
CREATE INDEX plans_of_account ON plans (account_sid, number);
CREATE INDEX plans_by_id ON plans (id);
CREATE TABLE plan_services (
    plan INTEGER NOT NULL REFERENCES plans, source_sid TEXT NOT NULL, account_sid TEXT NOT NULL, target_sid TEXT,
    friendly_name TEXT NOT NULL, read_at TEXT, missing INTEGER NOT NULL, changes INTEGER NOT NULL,
    verdicts TEXT NOT NULL, refused TEXT NOT NULL, counterparts TEXT NOT NULL, items TEXT NOT NULL,
    digest TEXT NOT NULL, PRIMARY KEY (plan, source_sid)
) WITHOUT ROWID;
CREATE TABLE plan_rows (
    plan INTEGER NOT NULL REFERENCES plans, source_sid TEXT NOT NULL, account_sid TEXT NOT NULL, image TEXT,
    receivers TEXT, rows BLOB NOT NULL, UNIQUE (plan, source_sid)
);
CREATE TABLE findings (
    id INTEGER PRIMARY KEY, plan INTEGER NOT NULL REFERENCES plans, account_sid TEXT NOT NULL,
    source_sid TEXT NOT NULL, friendly_name TEXT NOT NULL, source TEXT NOT NULL, value TEXT, resource TEXT,
    target TEXT, before TEXT, after TEXT, change INTEGER NOT NULL, verdict TEXT NOT NULL, reason TEXT NOT NULL,
    cause TEXT NOT NULL
);
CREATE INDEX findings_of_plan ON findings (plan, source_sid);
CREATE TABLE plan_steps (
    id INTEGER PRIMARY KEY, plan INTEGER NOT NULL REFERENCES plans, key TEXT NOT NULL, phase INTEGER NOT NULL,
    ordinal INTEGER NOT NULL, kind TEXT NOT NULL, action TEXT NOT NULL, account_sid TEXT NOT NULL,
    source_sid TEXT NOT NULL, item_sid TEXT NOT NULL, service_sid TEXT, target_sid TEXT,
    before TEXT NOT NULL, after TEXT NOT NULL, detail TEXT NOT NULL, reversible INTEGER NOT NULL,
    UNIQUE (plan, key)
);
CREATE INDEX steps_in_order ON plan_steps (plan, ordinal);
CREATE INDEX steps_of_service ON plan_steps (plan, source_sid, ordinal);
CREATE INDEX steps_of_kind ON plan_steps (plan, kind);
CREATE INDEX steps_that_create ON plan_steps (plan, item_sid) WHERE action = 'create';
CREATE TABLE step_needs (
    plan INTEGER NOT NULL REFERENCES plans, key TEXT NOT NULL, need TEXT NOT NULL, PRIMARY KEY (plan, key, need)
) WITHOUT ROWID;
CREATE INDEX steps_by_need ON step_needs (plan, need, key);
CREATE TABLE verifications (
    id INTEGER PRIMARY KEY, plan INTEGER NOT NULL REFERENCES plans, account_sid TEXT NOT NULL, at TEXT NOT NULL,
    differences INTEGER NOT NULL
);
CREATE INDEX verifications_of_plan ON verifications (plan, id);
CREATE TABLE verified_services (
    plan INTEGER NOT NULL REFERENCES plans, source_sid TEXT NOT NULL, account_sid TEXT NOT NULL,
    at TEXT NOT NULL, found INTEGER NOT NULL, live BLOB NOT NULL, UNIQUE (plan, source_sid)
)
"""

RUNS = """
CREATE TABLE runs (
    id INTEGER PRIMARY KEY, account_sid TEXT NOT NULL, target_account_sid TEXT NOT NULL, command TEXT NOT NULL,
    phase TEXT NOT NULL, plan INTEGER REFERENCES plans, options TEXT NOT NULL, sessions INTEGER NOT NULL,
    started_at TEXT NOT NULL, finished_at TEXT, undoes INTEGER REFERENCES runs, snapshot INTEGER
);
CREATE INDEX runs_of_account ON runs (account_sid, id);
CREATE INDEX runs_of_plan ON runs (plan, id);
CREATE INDEX runs_that_undo ON runs (undoes, id);
CREATE TABLE journal (
    id INTEGER PRIMARY KEY, run INTEGER NOT NULL REFERENCES runs, account_sid TEXT NOT NULL, key TEXT NOT NULL,
    state TEXT NOT NULL, at TEXT NOT NULL, status INTEGER, code INTEGER, request_id TEXT, message TEXT NOT NULL,
    seen TEXT
);
CREATE INDEX journal_of_step ON journal (run, key, id);
CREATE TABLE step_state (
    run INTEGER NOT NULL REFERENCES runs, key TEXT NOT NULL, kind TEXT NOT NULL, source_sid TEXT NOT NULL,
    state TEXT NOT NULL, last INTEGER NOT NULL, session INTEGER NOT NULL, attempts INTEGER NOT NULL,
    undecided INTEGER NOT NULL, wrote INTEGER NOT NULL, known TEXT, overwritten TEXT, given_up TEXT,
    UNIQUE (run, key)
);
CREATE INDEX states_of_kind ON step_state (run, kind, state);
CREATE INDEX states_by_time ON step_state (run, last, state);
CREATE INDEX states_of_service ON step_state (run, source_sid, state);
CREATE INDEX states_undecided ON step_state (run, kind) WHERE undecided > 0;
CREATE TABLE counterparts (
    id INTEGER PRIMARY KEY, account_sid TEXT NOT NULL, kind TEXT NOT NULL, how TEXT NOT NULL, name TEXT NOT NULL,
    source_sid TEXT NOT NULL, target_sid TEXT NOT NULL, source_service_sid TEXT NOT NULL,
    target_service_sid TEXT NOT NULL, run INTEGER NOT NULL REFERENCES runs, at TEXT NOT NULL,
    UNIQUE (account_sid, source_sid, target_sid)
);
CREATE INDEX counterparts_by_source ON counterparts (source_sid, run);
CREATE INDEX counterparts_by_target ON counterparts (account_sid, target_sid);
CREATE INDEX counterparts_by_service ON counterparts (target_service_sid, source_sid);
CREATE TABLE own_writes (
    account_sid TEXT NOT NULL, kind TEXT NOT NULL, target_sid TEXT NOT NULL, service_sid TEXT NOT NULL,
    before TEXT NOT NULL, sent TEXT NOT NULL, held TEXT NOT NULL, run INTEGER NOT NULL REFERENCES runs,
    at TEXT NOT NULL, PRIMARY KEY (account_sid, kind, target_sid)
) WITHOUT ROWID;
CREATE INDEX own_writes_of_service ON own_writes (account_sid, service_sid);
CREATE TABLE refusals (
    account_sid TEXT NOT NULL, target_sid TEXT NOT NULL, kind TEXT NOT NULL, value TEXT NOT NULL, at TEXT NOT NULL,
    PRIMARY KEY (target_sid, kind, value)
) WITHOUT ROWID;
CREATE TABLE leftovers (
    run INTEGER NOT NULL REFERENCES runs, account_sid TEXT NOT NULL, kind TEXT NOT NULL, sid TEXT NOT NULL,
    service_sid TEXT NOT NULL, "values" TEXT NOT NULL, PRIMARY KEY (run, sid)
) WITHOUT ROWID;
CREATE TABLE lock (
    account_sid TEXT PRIMARY KEY, nonce TEXT NOT NULL, id TEXT NOT NULL, host TEXT NOT NULL, boot TEXT NOT NULL,
    namespace TEXT NOT NULL, pid INTEGER NOT NULL, process_started TEXT NOT NULL, command TEXT NOT NULL,
    started_at TEXT NOT NULL, beat INTEGER NOT NULL
)
"""

LATEST_PLANS = "(SELECT max(number) FROM plans WHERE completed_at IS NOT NULL GROUP BY account_sid)"
LATEST_SNAPSHOTS = "(SELECT max(id) FROM snapshots WHERE completed_at IS NOT NULL GROUP BY account_sid)"

VIEWS = {
    "needs_a_person": f"""
        SELECT verdict, friendly_name, source_sid, source AS field, value, reason, cause, account_sid, plan
        FROM findings WHERE plan IN {LATEST_PLANS} AND verdict IN ('manual', 'dropped', 'lossy')
        ORDER BY account_sid, verdict = 'manual' DESC, verdict = 'dropped' DESC, friendly_name, source_sid, source
    """,
    "changes": f"""
        SELECT friendly_name, source_sid, source AS field, resource, target, before, after, verdict, reason,
            account_sid, plan
        FROM findings WHERE plan IN {LATEST_PLANS} AND change
        ORDER BY account_sid, friendly_name, source_sid, source
    """,
    "steps": f"""
        SELECT v.friendly_name, p.source_sid, p.kind, p.action, coalesce(j.state, 'planned') AS state, j.at,
            j.message, j.status, j.code, j.request_id, p.reversible, p.key, p.plan, j.run, p.account_sid
        FROM plan_steps p
        JOIN plan_services v ON v.plan = p.plan AND v.source_sid = p.source_sid
        LEFT JOIN journal j ON j.id = (
            SELECT s.last FROM runs r JOIN step_state s ON s.run = r.id AND s.key = p.key
            WHERE r.plan = p.plan ORDER BY r.id DESC LIMIT 1
        )
        WHERE p.plan IN {LATEST_PLANS} OR p.plan IN (SELECT plan FROM runs)
        ORDER BY p.plan DESC, p.ordinal
    """,
    "what_happened": """
        SELECT j.at, CASE WHEN r.undoes IS NULL THEN 'run ' || r.id
                ELSE 'run ' || r.id || ', rollback of run ' || r.undoes END AS run,
            v.friendly_name, p.source_sid, p.kind, p.action, j.state, j.message, j.status, j.code,
            j.request_id, j.key, j.account_sid, j.id
        FROM journal j
        JOIN runs r ON r.id = j.run
        LEFT JOIN plan_steps p ON p.plan = r.plan AND p.key = j.key
        LEFT JOIN plan_services v ON v.plan = p.plan AND v.source_sid = p.source_sid
        ORDER BY j.id DESC
    """,
    "sid_map": """
        SELECT c.kind, coalesce(
                nullif(c.name, ''),
                (SELECT i.name FROM items i WHERE i.sid = c.source_sid ORDER BY i.snapshot DESC LIMIT 1),
                ''
            ) AS friendly_name,
            c.source_sid, c.target_sid, c.source_service_sid, c.target_service_sid, c.how, c.run, c.at,
            c.account_sid, c.id
        FROM counterparts c
        WHERE c.how != 'removed' AND c.target_service_sid = (
            SELECT n.target_sid FROM counterparts n
            WHERE n.account_sid = c.account_sid AND n.source_sid = c.source_service_sid AND n.how != 'removed'
            ORDER BY n.id DESC LIMIT 1
        )
        ORDER BY c.id
    """,
    "services": f"""
        SELECT i.sid, coalesce(max(CASE i.api WHEN 'v2' THEN i.name END), max(i.name)) AS friendly_name,
            CASE count(*) WHEN 2 THEN 'v1, v2' ELSE max(i.api) END AS apis, i.account_sid, s.source, s.taken_at
        FROM items i JOIN snapshots s ON s.id = i.snapshot
        WHERE i.snapshot IN {LATEST_SNAPSHOTS} AND i.parent IS NULL
        GROUP BY i.account_sid, i.sid ORDER BY i.account_sid, 2, 1
    """,
}
"""What people look at with sqlite-utils, Datasette or sqlite3; `sids` prints `sid_map`, the rest reads tables only."""

OF_A_PLAN = ("plan_services", "plan_rows", "findings", "plan_steps", "step_needs")
FROZEN = {"items": ("snapshots", "id", "snapshot"), **dict.fromkeys(OF_A_PLAN, ("plans", "number", "plan"))}
"""Tables whose rows are frozen with the snapshot or plan that they belong to: its table, key, and their reference."""


@migrations(name="0001")
def _first(db: Database) -> None:
    for statement in ";".join((SNAPSHOTS, PLANS, RUNS)).split(";"):
        db.execute(statement)
    for table, (owner, key, reference) in FROZEN.items():
        for event, row in (("INSERT", "NEW"), ("UPDATE", "OLD"), ("DELETE", "OLD")):
            finished = f"(SELECT completed_at FROM {owner} WHERE {key} = {row}.{reference}) IS NOT NULL"
            _forbid(db, table, event, finished, f"{owner} are immutable once finished")
    for table in ("snapshots", "plans"):
        for event in ("UPDATE", "DELETE"):
            _forbid(db, table, event, "OLD.completed_at IS NOT NULL", f"{table} are immutable once finished")
    for event in ("UPDATE", "DELETE"):
        _forbid(db, "journal", event, "1", "the journal is append-only")
    for name, select in VIEWS.items():
        db.create_view(name, select)


def _forbid(db: Database, table: str, event: str, condition: str, message: str) -> None:
    db.execute(
        f"CREATE TRIGGER {table}_no_{event.lower()} BEFORE {event} ON {table} WHEN {condition} "
        f"BEGIN SELECT RAISE(ABORT, '{message}'); END"
    )
