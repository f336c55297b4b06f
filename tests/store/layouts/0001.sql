BEGIN TRANSACTION;
CREATE TABLE "_sqlite_migrations" (
   "id" INTEGER PRIMARY KEY,
   "migration_set" TEXT,
   "name" TEXT,
   "applied_at" TEXT
);
INSERT INTO "_sqlite_migrations" VALUES(1,'chat-migrate','0001','2026-11-21 12:41:11.823109+00:00');
CREATE TABLE counterparts (
    id INTEGER PRIMARY KEY, account_sid TEXT NOT NULL, kind TEXT NOT NULL, how TEXT NOT NULL, name TEXT NOT NULL,
    source_sid TEXT NOT NULL, target_sid TEXT NOT NULL, source_service_sid TEXT NOT NULL,
    target_service_sid TEXT NOT NULL, run INTEGER NOT NULL REFERENCES runs, at TEXT NOT NULL,
    UNIQUE (account_sid, source_sid, target_sid)
);
CREATE TABLE findings (
    id INTEGER PRIMARY KEY, plan INTEGER NOT NULL REFERENCES plans, account_sid TEXT NOT NULL,
    source_sid TEXT NOT NULL, friendly_name TEXT NOT NULL, source TEXT NOT NULL, value TEXT, resource TEXT,
    target TEXT, before TEXT, after TEXT, change INTEGER NOT NULL, verdict TEXT NOT NULL, reason TEXT NOT NULL,
    cause TEXT NOT NULL
);
INSERT INTO "findings" VALUES(1,1,'ACaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa','IS00000000000000000000000000000001','Service 1','limits.members','100',NULL,NULL,'null','null',0,'dropped','Conversations has no such limit.','limit_lost');
INSERT INTO "findings" VALUES(2,1,'ACaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa','IS00000000000000000000000000000001','Service 1','b','100',NULL,NULL,'null','null',1,'exact','Conversations has no such limit.','limit_lost');
CREATE TABLE inventory_progress (
    snapshot INTEGER NOT NULL REFERENCES snapshots, kind TEXT NOT NULL, parent TEXT NOT NULL,
    account_sid TEXT NOT NULL, next_page TEXT, PRIMARY KEY (snapshot, kind, parent)
) WITHOUT ROWID
;
CREATE TABLE items (
    id INTEGER PRIMARY KEY, snapshot INTEGER NOT NULL REFERENCES snapshots, kind TEXT NOT NULL, sid TEXT NOT NULL,
    api TEXT NOT NULL, parent TEXT, account_sid TEXT NOT NULL, name TEXT NOT NULL, origin TEXT NOT NULL,
    shape TEXT NOT NULL, not_held TEXT NOT NULL, digest TEXT NOT NULL, payload TEXT NOT NULL,
    UNIQUE (snapshot, kind, sid, api)
);
INSERT INTO "items" VALUES(1,1,'thing','IS00000000000000000000000000000001','v1',NULL,'ACaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa','Service 1','GET /v1','','[]','cb9e2bd346854350789f9edc74aa96df96829f7955d219077fbb1d977951ef83','{"sid": "IS00000000000000000000000000000001", "friendly_name": "Service 1"}');
INSERT INTO "items" VALUES(2,1,'thing','IS00000000000000000000000000000001','v2',NULL,'ACaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa','Service 1','GET /v2','','[]','cb9e2bd346854350789f9edc74aa96df96829f7955d219077fbb1d977951ef83','{"sid": "IS00000000000000000000000000000001", "friendly_name": "Service 1"}');
INSERT INTO "items" VALUES(3,1,'roles','RL1','v2','IS00000000000000000000000000000001','ACaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa','','','','[]','de56e20cdb7b7e057c3da13b7548606c81d9485605697a6eb520a74321d20a87','{"sid": "RL1"}');
INSERT INTO "items" VALUES(4,1,'thing','IS00000000000000000000000000000002','v1',NULL,'ACaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa','Service 2','GET /v1','','[]','1d84099be59fc883d8c1b8f4d41961dffb27e13f8e72f5b340298c28cfb527da','{"sid": "IS00000000000000000000000000000002", "friendly_name": "Service 2"}');
INSERT INTO "items" VALUES(5,1,'thing','IS00000000000000000000000000000002','v2',NULL,'ACaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa','Service 2','GET /v2','','[]','1d84099be59fc883d8c1b8f4d41961dffb27e13f8e72f5b340298c28cfb527da','{"sid": "IS00000000000000000000000000000002", "friendly_name": "Service 2"}');
INSERT INTO "items" VALUES(6,1,'roles','RL2','v2','IS00000000000000000000000000000002','ACaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa','','','','[]','8ec4d007d98fbdaf27fe88157d0e9a379d6d5df0f2c6474890ab6135904d8e6f','{"sid": "RL2"}');
CREATE TABLE journal (
    id INTEGER PRIMARY KEY, run INTEGER NOT NULL REFERENCES runs, account_sid TEXT NOT NULL, key TEXT NOT NULL,
    state TEXT NOT NULL, at TEXT NOT NULL, status INTEGER, code INTEGER, request_id TEXT, message TEXT NOT NULL,
    seen TEXT
);
CREATE TABLE leftovers (
    run INTEGER NOT NULL REFERENCES runs, account_sid TEXT NOT NULL, kind TEXT NOT NULL, sid TEXT NOT NULL,
    service_sid TEXT NOT NULL, "values" TEXT NOT NULL, PRIMARY KEY (run, sid)
) WITHOUT ROWID;
CREATE TABLE lock (
    account_sid TEXT PRIMARY KEY, nonce TEXT NOT NULL, id TEXT NOT NULL, host TEXT NOT NULL, boot TEXT NOT NULL,
    namespace TEXT NOT NULL, pid INTEGER NOT NULL, process_started TEXT NOT NULL, command TEXT NOT NULL,
    started_at TEXT NOT NULL, beat INTEGER NOT NULL
);
CREATE TABLE own_writes (
    account_sid TEXT NOT NULL, kind TEXT NOT NULL, target_sid TEXT NOT NULL, service_sid TEXT NOT NULL,
    before TEXT NOT NULL, sent TEXT NOT NULL, held TEXT NOT NULL, run INTEGER NOT NULL REFERENCES runs,
    at TEXT NOT NULL, PRIMARY KEY (account_sid, kind, target_sid)
) WITHOUT ROWID;
CREATE TABLE plan_rows (
    plan INTEGER NOT NULL REFERENCES plans, source_sid TEXT NOT NULL, account_sid TEXT NOT NULL, image TEXT,
    receivers TEXT, rows BLOB NOT NULL, UNIQUE (plan, source_sid)
);
INSERT INTO "plan_rows" VALUES(1,'IS00000000000000000000000000000001','ACaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa','{"exists":true,"payloads":{"settings":{"a":1}},"sid":"IS00000000000000000000000000000001"}',NULL,X'7801858CBD0EC2300C845F25F21C558591959D17482294B68646CA0F8A93AA12EABB63C2525858ECD3DD7DA714A8A7069BEFA4E1C42ADA806FA9D8D420350C1ACCC67FB49590030D9724A88EB3F02EB8D23A6E6A4133AE3ED1C72DB8B260E09CE282996C712992982D89B89FE8346C068C540ADA027501C3C00048588E200F7D2F63F5FEF7DCAC279430E5F478E00472D7E23118FEE02557A671B563F9668D790171EF5D4D');
CREATE TABLE plan_services (
    plan INTEGER NOT NULL REFERENCES plans, source_sid TEXT NOT NULL, account_sid TEXT NOT NULL, target_sid TEXT,
    friendly_name TEXT NOT NULL, read_at TEXT, missing INTEGER NOT NULL, changes INTEGER NOT NULL,
    verdicts TEXT NOT NULL, refused TEXT NOT NULL, counterparts TEXT NOT NULL, items TEXT NOT NULL,
    digest TEXT NOT NULL, PRIMARY KEY (plan, source_sid)
) WITHOUT ROWID;
INSERT INTO "plan_services" VALUES(1,'IS00000000000000000000000000000001','ACaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa','IS00000000000000000000000000000001','Service 1','2026-11-20T21:00:00.000Z',0,1,'{"dropped":1,"exact":1}','[]','{}','{}','5012f26cd214d57be16a2f68cdd815478c7c149e1d8963ace89998fb9b6c00e3');
CREATE TABLE plan_steps (
    id INTEGER PRIMARY KEY, plan INTEGER NOT NULL REFERENCES plans, key TEXT NOT NULL, phase INTEGER NOT NULL,
    ordinal INTEGER NOT NULL, kind TEXT NOT NULL, action TEXT NOT NULL, account_sid TEXT NOT NULL,
    source_sid TEXT NOT NULL, item_sid TEXT NOT NULL, service_sid TEXT, target_sid TEXT,
    before TEXT NOT NULL, after TEXT NOT NULL, detail TEXT NOT NULL, reversible INTEGER NOT NULL,
    UNIQUE (plan, key)
);
INSERT INTO "plan_steps" VALUES(1,1,'a',0,1,'thing','update','ACaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa','IS00000000000000000000000000000001','IS00000000000000000000000000000001',NULL,NULL,'{"a":1}','{"a":2}','{}',1);
INSERT INTO "plan_steps" VALUES(2,1,'b',1,1099511627778,'thing','update','ACaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa','IS00000000000000000000000000000001','IS00000000000000000000000000000001',NULL,NULL,'{"a":1}','{"a":2}','{}',1);
CREATE TABLE plans (
    number INTEGER PRIMARY KEY, id TEXT, snapshot_id INTEGER NOT NULL REFERENCES snapshots,
    account_sid TEXT NOT NULL, target_account_sid TEXT NOT NULL, target TEXT NOT NULL,
    mapping_version TEXT NOT NULL, options TEXT NOT NULL, offline INTEGER NOT NULL,
    created_at TEXT NOT NULL, completed_at TEXT,
    services INTEGER, services_to_change INTEGER, services_missing INTEGER, changes INTEGER, steps INTEGER,
    verdicts TEXT
);
INSERT INTO "plans" VALUES(1,'4bf434f3710784dd6cffbd9993f069beb28dbc3ebc12ad7dbed8e5b3a513f126',1,'ACaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa','ACaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa','same','2','{}',0,'2026-11-21T12:41:11.827Z','2026-11-21T12:41:11.829Z',1,1,0,1,2,'{"dropped":1,"exact":1}');
CREATE TABLE refusals (
    account_sid TEXT NOT NULL, target_sid TEXT NOT NULL, kind TEXT NOT NULL, value TEXT NOT NULL, at TEXT NOT NULL,
    PRIMARY KEY (target_sid, kind, value)
) WITHOUT ROWID;
CREATE TABLE runs (
    id INTEGER PRIMARY KEY, account_sid TEXT NOT NULL, target_account_sid TEXT NOT NULL, command TEXT NOT NULL,
    phase TEXT NOT NULL, plan INTEGER REFERENCES plans, options TEXT NOT NULL, sessions INTEGER NOT NULL,
    started_at TEXT NOT NULL, finished_at TEXT, undoes INTEGER REFERENCES runs, snapshot INTEGER
);
CREATE TABLE snapshots (
    id INTEGER PRIMARY KEY, account_sid TEXT NOT NULL, source TEXT NOT NULL, taken_at TEXT NOT NULL,
    completed_at TEXT, services INTEGER, digest TEXT, examined TEXT
);
INSERT INTO "snapshots" VALUES(1,'ACaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa','live','2026-11-21T12:41:11.824Z','2026-11-21T12:41:11.826Z',2,'25c908308ea44665201a0b96fd698e030201bd27131e9e7857f451c2b1a1b33b','{"apis":["v1","v2"],"channels":false,"files":[],"roles":true,"warnings":[]}');
CREATE TABLE step_needs (
    plan INTEGER NOT NULL REFERENCES plans, key TEXT NOT NULL, need TEXT NOT NULL, PRIMARY KEY (plan, key, need)
) WITHOUT ROWID;
INSERT INTO "step_needs" VALUES(1,'b','a');
CREATE TABLE step_state (
    run INTEGER NOT NULL REFERENCES runs, key TEXT NOT NULL, kind TEXT NOT NULL, source_sid TEXT NOT NULL,
    state TEXT NOT NULL, last INTEGER NOT NULL, session INTEGER NOT NULL, attempts INTEGER NOT NULL,
    undecided INTEGER NOT NULL, wrote INTEGER NOT NULL, known TEXT, overwritten TEXT, given_up TEXT,
    UNIQUE (run, key)
);
CREATE TABLE verifications (
    id INTEGER PRIMARY KEY, plan INTEGER NOT NULL REFERENCES plans, account_sid TEXT NOT NULL, at TEXT NOT NULL,
    differences INTEGER NOT NULL
);
CREATE TABLE verified_services (
    plan INTEGER NOT NULL REFERENCES plans, source_sid TEXT NOT NULL, account_sid TEXT NOT NULL,
    at TEXT NOT NULL, found INTEGER NOT NULL, live BLOB NOT NULL, UNIQUE (plan, source_sid)
);
CREATE UNIQUE INDEX "idx__sqlite_migrations_migration_set_name"
    ON "_sqlite_migrations" ("migration_set", "name");
CREATE INDEX snapshots_of_account ON snapshots (account_sid, id);
CREATE INDEX items_of_parent ON items (snapshot, kind, parent);
CREATE INDEX items_at_the_top ON items (snapshot, sid) WHERE parent IS NULL;
CREATE INDEX items_by_sid ON items (sid);
CREATE INDEX plans_of_account ON plans (account_sid, number);
CREATE INDEX plans_by_id ON plans (id);
CREATE INDEX findings_of_plan ON findings (plan, source_sid);
CREATE INDEX steps_in_order ON plan_steps (plan, ordinal);
CREATE INDEX steps_of_service ON plan_steps (plan, source_sid, ordinal);
CREATE INDEX steps_of_kind ON plan_steps (plan, kind);
CREATE INDEX steps_that_create ON plan_steps (plan, item_sid) WHERE action = 'create';
CREATE INDEX steps_by_need ON step_needs (plan, need, key);
CREATE INDEX verifications_of_plan ON verifications (plan, id);
CREATE INDEX runs_of_account ON runs (account_sid, id);
CREATE INDEX runs_of_plan ON runs (plan, id);
CREATE INDEX runs_that_undo ON runs (undoes, id);
CREATE INDEX journal_of_step ON journal (run, key, id);
CREATE INDEX states_of_kind ON step_state (run, kind, state);
CREATE INDEX states_by_time ON step_state (run, last, state);
CREATE INDEX states_of_service ON step_state (run, source_sid, state);
CREATE INDEX states_undecided ON step_state (run, kind) WHERE undecided > 0;
CREATE INDEX counterparts_by_source ON counterparts (source_sid, run);
CREATE INDEX counterparts_by_target ON counterparts (account_sid, target_sid);
CREATE INDEX counterparts_by_service ON counterparts (target_service_sid, source_sid);
CREATE INDEX own_writes_of_service ON own_writes (account_sid, service_sid);
CREATE TRIGGER items_no_insert BEFORE INSERT ON items WHEN (SELECT completed_at FROM snapshots WHERE id = NEW.snapshot) IS NOT NULL BEGIN SELECT RAISE(ABORT, 'snapshots are immutable once finished'); END;
CREATE TRIGGER items_no_update BEFORE UPDATE ON items WHEN (SELECT completed_at FROM snapshots WHERE id = OLD.snapshot) IS NOT NULL BEGIN SELECT RAISE(ABORT, 'snapshots are immutable once finished'); END;
CREATE TRIGGER items_no_delete BEFORE DELETE ON items WHEN (SELECT completed_at FROM snapshots WHERE id = OLD.snapshot) IS NOT NULL BEGIN SELECT RAISE(ABORT, 'snapshots are immutable once finished'); END;
CREATE TRIGGER plan_services_no_insert BEFORE INSERT ON plan_services WHEN (SELECT completed_at FROM plans WHERE number = NEW.plan) IS NOT NULL BEGIN SELECT RAISE(ABORT, 'plans are immutable once finished'); END;
CREATE TRIGGER plan_services_no_update BEFORE UPDATE ON plan_services WHEN (SELECT completed_at FROM plans WHERE number = OLD.plan) IS NOT NULL BEGIN SELECT RAISE(ABORT, 'plans are immutable once finished'); END;
CREATE TRIGGER plan_services_no_delete BEFORE DELETE ON plan_services WHEN (SELECT completed_at FROM plans WHERE number = OLD.plan) IS NOT NULL BEGIN SELECT RAISE(ABORT, 'plans are immutable once finished'); END;
CREATE TRIGGER plan_rows_no_insert BEFORE INSERT ON plan_rows WHEN (SELECT completed_at FROM plans WHERE number = NEW.plan) IS NOT NULL BEGIN SELECT RAISE(ABORT, 'plans are immutable once finished'); END;
CREATE TRIGGER plan_rows_no_update BEFORE UPDATE ON plan_rows WHEN (SELECT completed_at FROM plans WHERE number = OLD.plan) IS NOT NULL BEGIN SELECT RAISE(ABORT, 'plans are immutable once finished'); END;
CREATE TRIGGER plan_rows_no_delete BEFORE DELETE ON plan_rows WHEN (SELECT completed_at FROM plans WHERE number = OLD.plan) IS NOT NULL BEGIN SELECT RAISE(ABORT, 'plans are immutable once finished'); END;
CREATE TRIGGER findings_no_insert BEFORE INSERT ON findings WHEN (SELECT completed_at FROM plans WHERE number = NEW.plan) IS NOT NULL BEGIN SELECT RAISE(ABORT, 'plans are immutable once finished'); END;
CREATE TRIGGER findings_no_update BEFORE UPDATE ON findings WHEN (SELECT completed_at FROM plans WHERE number = OLD.plan) IS NOT NULL BEGIN SELECT RAISE(ABORT, 'plans are immutable once finished'); END;
CREATE TRIGGER findings_no_delete BEFORE DELETE ON findings WHEN (SELECT completed_at FROM plans WHERE number = OLD.plan) IS NOT NULL BEGIN SELECT RAISE(ABORT, 'plans are immutable once finished'); END;
CREATE TRIGGER plan_steps_no_insert BEFORE INSERT ON plan_steps WHEN (SELECT completed_at FROM plans WHERE number = NEW.plan) IS NOT NULL BEGIN SELECT RAISE(ABORT, 'plans are immutable once finished'); END;
CREATE TRIGGER plan_steps_no_update BEFORE UPDATE ON plan_steps WHEN (SELECT completed_at FROM plans WHERE number = OLD.plan) IS NOT NULL BEGIN SELECT RAISE(ABORT, 'plans are immutable once finished'); END;
CREATE TRIGGER plan_steps_no_delete BEFORE DELETE ON plan_steps WHEN (SELECT completed_at FROM plans WHERE number = OLD.plan) IS NOT NULL BEGIN SELECT RAISE(ABORT, 'plans are immutable once finished'); END;
CREATE TRIGGER step_needs_no_insert BEFORE INSERT ON step_needs WHEN (SELECT completed_at FROM plans WHERE number = NEW.plan) IS NOT NULL BEGIN SELECT RAISE(ABORT, 'plans are immutable once finished'); END;
CREATE TRIGGER step_needs_no_update BEFORE UPDATE ON step_needs WHEN (SELECT completed_at FROM plans WHERE number = OLD.plan) IS NOT NULL BEGIN SELECT RAISE(ABORT, 'plans are immutable once finished'); END;
CREATE TRIGGER step_needs_no_delete BEFORE DELETE ON step_needs WHEN (SELECT completed_at FROM plans WHERE number = OLD.plan) IS NOT NULL BEGIN SELECT RAISE(ABORT, 'plans are immutable once finished'); END;
CREATE TRIGGER snapshots_no_update BEFORE UPDATE ON snapshots WHEN OLD.completed_at IS NOT NULL BEGIN SELECT RAISE(ABORT, 'snapshots are immutable once finished'); END;
CREATE TRIGGER snapshots_no_delete BEFORE DELETE ON snapshots WHEN OLD.completed_at IS NOT NULL BEGIN SELECT RAISE(ABORT, 'snapshots are immutable once finished'); END;
CREATE TRIGGER plans_no_update BEFORE UPDATE ON plans WHEN OLD.completed_at IS NOT NULL BEGIN SELECT RAISE(ABORT, 'plans are immutable once finished'); END;
CREATE TRIGGER plans_no_delete BEFORE DELETE ON plans WHEN OLD.completed_at IS NOT NULL BEGIN SELECT RAISE(ABORT, 'plans are immutable once finished'); END;
CREATE TRIGGER journal_no_update BEFORE UPDATE ON journal WHEN 1 BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER journal_no_delete BEFORE DELETE ON journal WHEN 1 BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE VIEW "needs_a_person" AS 
        SELECT verdict, friendly_name, source_sid, source AS field, value, reason, cause, account_sid, plan
        FROM findings WHERE plan IN (SELECT max(number) FROM plans WHERE completed_at IS NOT NULL GROUP BY account_sid) AND verdict IN ('manual', 'dropped', 'lossy')
        ORDER BY account_sid, verdict = 'manual' DESC, verdict = 'dropped' DESC, friendly_name, source_sid, source;
CREATE VIEW "changes" AS 
        SELECT friendly_name, source_sid, source AS field, resource, target, before, after, verdict, reason,
            account_sid, plan
        FROM findings WHERE plan IN (SELECT max(number) FROM plans WHERE completed_at IS NOT NULL GROUP BY account_sid) AND change
        ORDER BY account_sid, friendly_name, source_sid, source;
CREATE VIEW "steps" AS 
        SELECT v.friendly_name, p.source_sid, p.kind, p.action, coalesce(j.state, 'planned') AS state, j.at,
            j.message, j.status, j.code, j.request_id, p.reversible, p.key, p.plan, j.run, p.account_sid
        FROM plan_steps p
        JOIN plan_services v ON v.plan = p.plan AND v.source_sid = p.source_sid
        LEFT JOIN journal j ON j.id = (
            SELECT s.last FROM runs r JOIN step_state s ON s.run = r.id AND s.key = p.key
            WHERE r.plan = p.plan ORDER BY r.id DESC LIMIT 1
        )
        WHERE p.plan IN (SELECT max(number) FROM plans WHERE completed_at IS NOT NULL GROUP BY account_sid) OR p.plan IN (SELECT plan FROM runs)
        ORDER BY p.plan DESC, p.ordinal;
CREATE VIEW "what_happened" AS 
        SELECT j.at, CASE WHEN r.undoes IS NULL THEN 'run ' || r.id
                ELSE 'run ' || r.id || ', rollback of run ' || r.undoes END AS run,
            v.friendly_name, p.source_sid, p.kind, p.action, j.state, j.message, j.status, j.code,
            j.request_id, j.key, j.account_sid, j.id
        FROM journal j
        JOIN runs r ON r.id = j.run
        LEFT JOIN plan_steps p ON p.plan = r.plan AND p.key = j.key
        LEFT JOIN plan_services v ON v.plan = p.plan AND v.source_sid = p.source_sid
        ORDER BY j.id DESC;
CREATE VIEW "sid_map" AS 
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
        ORDER BY c.id;
CREATE VIEW "services" AS 
        SELECT i.sid, coalesce(max(CASE i.api WHEN 'v2' THEN i.name END), max(i.name)) AS friendly_name,
            CASE count(*) WHEN 2 THEN 'v1, v2' ELSE max(i.api) END AS apis, i.account_sid, s.source, s.taken_at
        FROM items i JOIN snapshots s ON s.id = i.snapshot
        WHERE i.snapshot IN (SELECT max(id) FROM snapshots WHERE completed_at IS NOT NULL GROUP BY account_sid) AND i.parent IS NULL
        GROUP BY i.account_sid, i.sid ORDER BY i.account_sid, 2, 1;
COMMIT;
