"""Tables of the control database, in the SQL that SQLite and PostgreSQL share but for two words."""

from __future__ import annotations

# What differs: how a numbered table is keyed, and how a small one is kept in a single tree.
SQLITE_WORDS = {"number": "INTEGER", "flat": "WITHOUT ROWID"}
POSTGRES_WORDS = {"number": "BIGINT", "flat": ""}

TABLES = (
    "CREATE TABLE IF NOT EXISTS schema_fingerprint (value BIGINT PRIMARY KEY)",
    """CREATE TABLE IF NOT EXISTS runs (
        id TEXT PRIMARY KEY, thread_id TEXT, graph TEXT NOT NULL, tenant TEXT NOT NULL,
        user_id TEXT NOT NULL, roles TEXT NOT NULL, subject TEXT, verified TEXT NOT NULL,
        policy_version TEXT NOT NULL, contract TEXT NOT NULL, input TEXT NOT NULL,
        created TEXT NOT NULL, state TEXT NOT NULL, ended TEXT, outcome TEXT)""",
    "CREATE INDEX IF NOT EXISTS runs_by_tenant ON runs (tenant, created)",
    "CREATE INDEX IF NOT EXISTS runs_by_thread ON runs (thread_id)",
    """CREATE TABLE IF NOT EXISTS run_trusts (
        run TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (run, name, value)) {flat}""",
    """CREATE TABLE IF NOT EXISTS agents (
        name TEXT NOT NULL, version TEXT NOT NULL, kind TEXT NOT NULL, owner TEXT NOT NULL,
        status TEXT NOT NULL, first_seen TEXT NOT NULL, PRIMARY KEY (name, version)) {flat}""",
    """CREATE TABLE IF NOT EXISTS journal (
        key TEXT PRIMARY KEY, run TEXT NOT NULL, seam TEXT NOT NULL, action TEXT NOT NULL,
        agent TEXT NOT NULL, repeatable INTEGER NOT NULL, attempt INTEGER NOT NULL, state TEXT NOT NULL,
        worker TEXT NOT NULL, lease TEXT NOT NULL, begun TEXT NOT NULL, ended TEXT,
        decision TEXT NOT NULL, approved_by TEXT, result TEXT, error TEXT)""",
    "CREATE INDEX IF NOT EXISTS journal_by_action ON journal (run, action) WHERE seam = 'tool'",
    """CREATE TABLE IF NOT EXISTS budget (
        scope TEXT PRIMARY KEY, within TEXT NOT NULL,
        reserved_model_calls BIGINT NOT NULL, reserved_tool_calls BIGINT NOT NULL,
        reserved_handoffs BIGINT NOT NULL, reserved_tokens BIGINT NOT NULL, reserved_micros BIGINT NOT NULL,
        spent_model_calls BIGINT NOT NULL, spent_tool_calls BIGINT NOT NULL,
        spent_handoffs BIGINT NOT NULL, spent_tokens BIGINT NOT NULL, spent_micros BIGINT NOT NULL) {flat}""",
    "CREATE INDEX IF NOT EXISTS budget_within ON budget (within)",
    """CREATE TABLE IF NOT EXISTS reservations (
        key TEXT PRIMARY KEY, scopes TEXT NOT NULL, cost TEXT NOT NULL) {flat}""",
    """CREATE TABLE IF NOT EXISTS approvals (
        id TEXT PRIMARY KEY, run TEXT NOT NULL, tenant TEXT NOT NULL, action TEXT NOT NULL,
        asked_key TEXT NOT NULL, asked_hash TEXT NOT NULL, args_hash TEXT NOT NULL,
        policy_version TEXT NOT NULL, requester TEXT NOT NULL, act TEXT NOT NULL, args TEXT NOT NULL,
        description TEXT NOT NULL, allowed TEXT NOT NULL, roles TEXT NOT NULL, state TEXT NOT NULL,
        created TEXT NOT NULL, expires TEXT NOT NULL, decision TEXT, decided_by TEXT, on_behalf_of TEXT,
        decided TEXT, message TEXT, answer_hash TEXT, consumed_by TEXT, later TEXT)""",
    "CREATE INDEX IF NOT EXISTS approvals_by_binding ON approvals (run, action, policy_version)",
    "CREATE INDEX IF NOT EXISTS approvals_by_state ON approvals (tenant, state)",
    """CREATE TABLE IF NOT EXISTS choices (
        run TEXT NOT NULL, position TEXT NOT NULL, tenant TEXT NOT NULL, job TEXT NOT NULL,
        pattern TEXT NOT NULL, status TEXT NOT NULL, quality INTEGER NOT NULL,
        model_calls BIGINT NOT NULL, tokens BIGINT NOT NULL, micros BIGINT NOT NULL,
        millis BIGINT NOT NULL, ended TEXT NOT NULL, PRIMARY KEY (run, position)) {flat}""",
    "CREATE INDEX IF NOT EXISTS choices_by_job ON choices (tenant, job, ended)",
    """CREATE TABLE IF NOT EXISTS events (
        key TEXT PRIMARY KEY, tenant TEXT NOT NULL, kind TEXT NOT NULL, run TEXT NOT NULL,
        place TEXT NOT NULL, body TEXT NOT NULL, entry BIGINT NOT NULL)""",
    "CREATE INDEX IF NOT EXISTS events_by_place ON events (place) WHERE place <> ''",
    """CREATE TABLE IF NOT EXISTS delegations (
        tenant TEXT NOT NULL, giver TEXT NOT NULL, roles TEXT NOT NULL, receiver TEXT NOT NULL,
        until TEXT NOT NULL, PRIMARY KEY (tenant, giver, receiver))""",
    """CREATE TABLE IF NOT EXISTS run_times (
        run TEXT PRIMARY KEY, idle {number} NOT NULL, waits_since TEXT, active TEXT NOT NULL) {flat}""",
    """CREATE TABLE IF NOT EXISTS breakers (
        name TEXT PRIMARY KEY, failures INTEGER NOT NULL, opened TEXT, probe TEXT) {flat}""",
    """CREATE TABLE IF NOT EXISTS rates (bucket TEXT PRIMARY KEY, free_at {number} NOT NULL) {flat}""",
    """CREATE TABLE IF NOT EXISTS manifests (
        hash TEXT PRIMARY KEY, files TEXT NOT NULL, seen TEXT NOT NULL)""",
    """CREATE TABLE IF NOT EXISTS approved_manifests (
        time TEXT PRIMARY KEY, hash TEXT NOT NULL, approved_by TEXT NOT NULL)""",
    "CREATE TABLE IF NOT EXISTS file_contents (hash TEXT PRIMARY KEY, content TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS run_manifests (run TEXT PRIMARY KEY, hash TEXT NOT NULL) {flat}",
    """CREATE TABLE IF NOT EXISTS manifest_steps (
        manifest TEXT NOT NULL, graph TEXT NOT NULL, steps TEXT NOT NULL, PRIMARY KEY (manifest, graph))""",
    """CREATE TABLE IF NOT EXISTS audit (
        seq {number} PRIMARY KEY, time TEXT NOT NULL, prev TEXT NOT NULL, kind TEXT NOT NULL,
        tenant TEXT, run TEXT, seam TEXT, actor TEXT, agent_version TEXT, user_id TEXT, action TEXT,
        resource TEXT, decision TEXT, policies TEXT, policy_version TEXT, model TEXT, cost TEXT,
        key TEXT, body TEXT NOT NULL, hash TEXT NOT NULL)""",
    "CREATE INDEX IF NOT EXISTS audit_by_run ON audit (run, seq)",
    "CREATE INDEX IF NOT EXISTS audit_seals ON audit (seq) WHERE kind = 'audit_sealed'",
    """CREATE TABLE IF NOT EXISTS audit_head (
        one INTEGER PRIMARY KEY, seq BIGINT NOT NULL, hash TEXT NOT NULL)""",
    """CREATE TABLE IF NOT EXISTS audit_anchors (
        seq {number} PRIMARY KEY, hash TEXT NOT NULL, time TEXT NOT NULL, every INTEGER NOT NULL,
        key_id TEXT NOT NULL, signature TEXT NOT NULL)""",
)

GENESIS = "0" * 64
HEAD = f"INSERT INTO audit_head VALUES (1, 0, '{GENESIS}') ON CONFLICT (one) DO NOTHING"

# The database itself refuses a fork, a gap and a change, whoever writes; and by its own clock a
# deletion of what no seal lets go.
SQLITE_GUARDS = (
    """CREATE TRIGGER IF NOT EXISTS audit_follows BEFORE INSERT ON audit
       BEGIN
         SELECT RAISE(ABORT, 'audit entry does not follow the head of the log')
           FROM audit_head WHERE seq <> NEW.seq - 1 OR hash <> NEW.prev;
         UPDATE audit_head SET seq = NEW.seq, hash = NEW.hash;
       END""",
    "DROP TRIGGER IF EXISTS audit_no_delete",
    """CREATE TRIGGER IF NOT EXISTS audit_keep BEFORE DELETE ON audit
       WHEN NOT EXISTS (
         SELECT 1 FROM audit WHERE kind = 'audit_sealed' AND seq > OLD.seq
         AND OLD.seq BETWEEN json_extract(body, '$.first') AND json_extract(body, '$.last')
         AND json_extract(body, '$.until') <= strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
       BEGIN SELECT RAISE(ABORT, 'audit is append-only'); END""",
    *(
        f"""CREATE TRIGGER IF NOT EXISTS {table}_no_{verb.lower()} BEFORE {verb} ON {table}
            BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"""
        for table, verb in (("audit", "UPDATE"), ("audit_anchors", "UPDATE"), ("audit_anchors", "DELETE"))
    ),
)

POSTGRES_GUARDS = (
    """CREATE OR REPLACE FUNCTION audit_follows() RETURNS trigger LANGUAGE plpgsql AS $$
       BEGIN
         UPDATE audit_head SET seq = NEW.seq, hash = NEW.hash WHERE seq = NEW.seq - 1 AND hash = NEW.prev;
         IF NOT FOUND THEN RAISE EXCEPTION 'audit entry does not follow the head of the log'; END IF;
         RETURN NEW;
       END $$""",
    """CREATE OR REPLACE FUNCTION audit_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
       BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$""",
    """CREATE OR REPLACE FUNCTION audit_keep() RETURNS trigger LANGUAGE plpgsql AS $$
       BEGIN
         IF NOT EXISTS (
           SELECT 1 FROM audit WHERE kind = 'audit_sealed' AND seq > OLD.seq
           AND OLD.seq BETWEEN (body::json->>'first')::bigint AND (body::json->>'last')::bigint
           AND body::json->>'until' <= to_char(now() AT TIME ZONE 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))
         THEN RAISE EXCEPTION 'audit is append-only'; END IF;
         RETURN OLD;
       END $$""",
    """CREATE OR REPLACE TRIGGER audit_follows BEFORE INSERT ON audit
       FOR EACH ROW EXECUTE FUNCTION audit_follows()""",
    """CREATE OR REPLACE TRIGGER audit_keep BEFORE DELETE ON audit
       FOR EACH ROW EXECUTE FUNCTION audit_keep()""",
    *(
        f"""CREATE OR REPLACE TRIGGER {table}_append_only BEFORE {verbs} ON {table}
            FOR EACH STATEMENT EXECUTE FUNCTION audit_append_only()"""
        for table, verbs in (
            ("audit", "UPDATE OR TRUNCATE"),
            ("audit_anchors", "UPDATE OR DELETE OR TRUNCATE"),
        )
    ),
)
