-- The ledger on SQLite. A record is added to `recent`, which has no index, so that a commit changes few pages. From there records
-- go to `indexed`, many at once: a page of an index that several of them change is written once. `record` is both.

CREATE TABLE recent (
    -- Never used again, also when the table is empty.
    sequence   INTEGER PRIMARY KEY AUTOINCREMENT,
    -- Microseconds since 1970-01-01 UTC.
    at         INTEGER NOT NULL,
    door       TEXT,
    caller     TEXT,
    request    TEXT,
    operation  TEXT NOT NULL,
    outcome    TEXT NOT NULL,
    provider   TEXT NOT NULL,
    group_name TEXT,
    -- Addresses are 16 bytes; IPv4 lies in ::ffff:0:0/96. The length is that of the prefix in its own family.
    network    BLOB NOT NULL CHECK (length(network) = 16),
    length     INTEGER NOT NULL,
    address    BLOB NOT NULL CHECK (length(address) = 16),
    mac        BLOB,
    -- In lower case.
    host_name  TEXT,
    message    TEXT
) STRICT;

CREATE TABLE indexed (
    sequence   INTEGER PRIMARY KEY,
    at         INTEGER NOT NULL,
    door       TEXT,
    caller     TEXT,
    request    TEXT,
    operation  TEXT NOT NULL,
    outcome    TEXT NOT NULL,
    provider   TEXT NOT NULL,
    group_name TEXT,
    network    BLOB NOT NULL,
    length     INTEGER NOT NULL,
    address    BLOB NOT NULL,
    mac        BLOB,
    host_name  TEXT,
    message    TEXT
) STRICT;

-- Each index ends with the row's sequence, as SQLite adds it.
CREATE INDEX record_at ON indexed (at);
CREATE INDEX record_address ON indexed (address, at);
CREATE INDEX record_mac ON indexed (mac, at) WHERE mac IS NOT NULL;
CREATE INDEX record_host_name ON indexed (host_name, at) WHERE host_name IS NOT NULL;
-- None by group: it would double what a record costs where there are many groups. Records of a group are found in those of a
-- time.

CREATE VIEW record AS SELECT * FROM indexed UNION ALL SELECT * FROM recent;
