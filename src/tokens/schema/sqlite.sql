-- The management API's tables on SQLite.

CREATE TABLE token (
    name        TEXT PRIMARY KEY,
    -- SHA-256 of the token, which is kept nowhere.
    hash        BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),
    role        TEXT NOT NULL,
    -- The groups that the role counts in, as a JSON list of names; NULL for everywhere.
    group_names TEXT,
    -- Seconds since 1970-01-01 UTC.
    created_at  INTEGER NOT NULL,
    expires_at  INTEGER,
    used_at     INTEGER
) STRICT;

-- Requests that carry an idempotency key, for a day.
CREATE TABLE request (
    -- SHA-256 of caller, method, path and key.
    key         BLOB PRIMARY KEY CHECK (length(key) = 32),
    -- SHA-256 of the body.
    digest      BLOB NOT NULL,
    -- The attempt that is at work, and until when it has the key: seconds since 1970-01-01 UTC.
    attempt     INTEGER NOT NULL,
    taken_until INTEGER NOT NULL,
    -- What it is about to reserve, as JSON.
    intended    TEXT,
    -- How the request was answered, once it was.
    status      INTEGER,
    body        TEXT,
    created_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX request_by_time ON request (created_at);
