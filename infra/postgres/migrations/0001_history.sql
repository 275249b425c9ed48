-- A history: the event table of the `eventsourcing` library (column for column as the library makes it), the commits
-- that chain it, and the tapes. Names in braces are quoted identifiers that migrate.py fills in.

CREATE TABLE IF NOT EXISTS {events} (
    originator_id {originator_id_type} NOT NULL,
    originator_version bigint NOT NULL,
    topic text,
    state bytea,
    notification_id bigserial,
    PRIMARY KEY (originator_id, originator_version)
) WITH (
    autovacuum_enabled = true,
    autovacuum_vacuum_threshold = 100000000,
    autovacuum_vacuum_scale_factor = 0.5,
    autovacuum_analyze_threshold = 1000,
    autovacuum_analyze_scale_factor = 0.01
);

CREATE UNIQUE INDEX IF NOT EXISTS {notification_id_index} ON {events} (notification_id ASC);

DO $check$
BEGIN
    IF EXISTS (SELECT FROM {events}) THEN
        RAISE EXCEPTION 'the event table % already holds events that were written without commits', {events_text}
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = 'Choose another schema or application name, or copy the events through the recorder.';
    END IF;
END
$check$;

-- One row a transaction. infra/postgres/commit.py says what the hashes cover.
CREATE TABLE {commits} (
    commit_id bigint PRIMARY KEY,
    first_seq bigint NOT NULL,
    last_seq bigint NOT NULL,
    first_input bigint NOT NULL,
    last_input bigint NOT NULL,
    at_ms bigint NOT NULL,
    committed_at timestamptz NOT NULL,
    writer text NOT NULL,
    token bigint NOT NULL,
    environment text NOT NULL,
    events_root bytea NOT NULL,
    tape_hash bytea NOT NULL,
    content_hash bytea NOT NULL,
    row_hash bytea NOT NULL
);

CREATE INDEX ON {commits} (last_seq);
CREATE INDEX ON {commits} (last_input);
CREATE INDEX ON {commits} (at_ms);

-- The compressed frames of a commit. A commit without frames has no row here.
CREATE TABLE {tapes} (
    commit_id bigint PRIMARY KEY,
    frames bytea NOT NULL
);

ALTER TABLE {tapes} ALTER COLUMN frames SET STORAGE EXTERNAL; -- compressed already: don't try again

CREATE OR REPLACE FUNCTION {refuse_change}() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    IF TG_OP = 'DELETE' AND TG_ARGV[0] = 'prunable' AND current_setting('hindsight.pruning', true) = 'on' THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION 'history is append-only: % of %.% is refused', TG_OP, TG_TABLE_SCHEMA, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation',
              HINT = 'A mistake is corrected by a new event. Only tapes may be dropped, by `run.py prune`.';
END
$body$;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {events}
    FOR EACH STATEMENT EXECUTE FUNCTION {refuse_change}();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {commits}
    FOR EACH STATEMENT EXECUTE FUNCTION {refuse_change}();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {tapes}
    FOR EACH STATEMENT EXECUTE FUNCTION {refuse_change}('prunable');
