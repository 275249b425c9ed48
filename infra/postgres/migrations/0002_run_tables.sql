-- What a run of Hindsight keeps beside its history.

-- A cache: every actor's state between two inputs, compressed. May be deleted at any moment.
CREATE TABLE {checkpoints} (
    input_seq bigint NOT NULL,
    seq bigint NOT NULL,
    schema_name text NOT NULL,
    body bytea NOT NULL,
    taken_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (input_seq, schema_name)
);

ALTER TABLE {checkpoints} ALTER COLUMN body SET STORAGE EXTERNAL;

-- Trained models and whatever else events name by its hash.
CREATE TABLE {artifacts} (
    sha256 bytea PRIMARY KEY CHECK (sha256 = sha256(body)),
    body bytea NOT NULL,
    kind text NOT NULL,
    stored_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- The operator's door. A running system takes a command as an Input (`input_seq`), or refuses it with `answer`.
CREATE TABLE {commands} (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    issued_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    who text NOT NULL,
    kind text NOT NULL,
    argument text NOT NULL DEFAULT '',
    state text NOT NULL DEFAULT 'asked' CHECK (state IN ('asked', 'taken', 'refused')),
    input_seq bigint,
    answer text NOT NULL DEFAULT '',
    CHECK (state <> 'taken' OR input_seq IS NOT NULL)
);

CREATE INDEX ON {commands} (id) WHERE state = 'asked';

-- Who may write: one row, rewritten by each owner (infra/postgres/lease.py). `owner` is JSON that names the process.
CREATE TABLE {lease} (
    token bigint NOT NULL,
    owner text NOT NULL,
    lease_ms bigint NOT NULL,
    taken_at timestamptz,
    released_at timestamptz
);

CREATE UNIQUE INDEX ON {lease} ((true));
INSERT INTO {lease} (token, owner, lease_ms) VALUES (0, '', 0);
