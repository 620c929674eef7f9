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

-- What became of a commit whose answer was lost.
CREATE TABLE unit_of_work (
    token       text COLLATE "C" PRIMARY KEY,
    at          timestamptz NOT NULL DEFAULT now()
);

-- The version is noted where the connection has it.
SET LOCAL search_path TO DEFAULT;
