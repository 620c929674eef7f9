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
