-- The management API's tables on PostgreSQL, in a schema of their own.

SET LOCAL search_path = ipam_api;

CREATE TABLE token (
    name        text COLLATE "C" PRIMARY KEY,
    -- SHA-256 of the token, which is kept nowhere.
    hash        bytea NOT NULL UNIQUE CHECK (octet_length(hash) = 32),
    role        text COLLATE "C" NOT NULL,
    -- The groups that the role counts in, as a JSON list of names; NULL for everywhere.
    group_names text COLLATE "C",
    -- Seconds since 1970-01-01 UTC.
    created_at  bigint NOT NULL,
    expires_at  bigint,
    used_at     bigint
);

-- Requests that carry an idempotency key, for a day.
CREATE TABLE request (
    -- SHA-256 of caller, method, path and key.
    key         bytea PRIMARY KEY CHECK (octet_length(key) = 32),
    -- SHA-256 of the body.
    digest      bytea NOT NULL,
    -- The attempt that is at work, and until when it has the key: seconds since 1970-01-01 UTC.
    attempt     bigint NOT NULL,
    taken_until bigint NOT NULL,
    -- What it is about to reserve, as JSON.
    intended    text COLLATE "C",
    -- How the request was answered, once it was.
    status      bigint,
    body        text COLLATE "C",
    created_at  bigint NOT NULL
);

CREATE INDEX request_by_time ON request (created_at);

-- What became of a commit whose answer was lost.
CREATE TABLE unit_of_work (
    token       text COLLATE "C" PRIMARY KEY,
    at          timestamptz NOT NULL DEFAULT now()
);

-- The version is noted where the connection has it.
SET LOCAL search_path TO DEFAULT;
