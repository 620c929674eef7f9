-- The tables on SQLite, and the constraints that hold whoever writes to them.
--
-- That an address is recorded once in a group follows from four constraints together: the leaf subnets of a group do
-- not overlap, their bounds never change, an allocation lies within its leaf subnet, and it is the only one there.

-- Ids are never used twice (AUTOINCREMENT), so that a remembered id cannot come to mean another subnet.
CREATE TABLE ipam_group (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    name        TEXT NOT NULL UNIQUE CHECK (name <> ''),
    description TEXT NOT NULL
) STRICT;

CREATE TABLE subnet (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    group_id    INTEGER REFERENCES ipam_group (id),
    -- NULL differs from NULL in a unique index, so the global table gets a number too; ids begin at 1.
    scope       INTEGER NOT NULL GENERATED ALWAYS AS (ifnull(group_id, 0)) VIRTUAL,
    network     BLOB NOT NULL CHECK (length(network) = 16),
    length      INTEGER NOT NULL CHECK (length BETWEEN 0 AND 128),
    last        BLOB NOT NULL CHECK (length(last) = 16 AND last >= network),
    description TEXT NOT NULL,
    pool        INTEGER NOT NULL CHECK (pool IN (0, 1)),
    container   INTEGER NOT NULL CHECK (container IN (0, 1))
) STRICT;
CREATE UNIQUE INDEX subnet_prefix ON subnet (scope, network, length);
CREATE INDEX subnet_network ON subnet (network, length);
CREATE UNIQUE INDEX subnet_leaf ON subnet (scope, network) WHERE container = 0;

CREATE TABLE excluded_range (
    subnet_id   INTEGER NOT NULL REFERENCES subnet (id) ON DELETE CASCADE,
    first       BLOB NOT NULL CHECK (length(first) = 16),
    last        BLOB NOT NULL CHECK (length(last) = 16 AND last >= first),
    comment     TEXT NOT NULL,
    PRIMARY KEY (subnet_id, first)
) STRICT, WITHOUT ROWID;

-- The maximal free intervals of each leaf subnet: what is offerable, not excluded and not allocated.
CREATE TABLE free_extent (
    subnet_id   INTEGER NOT NULL REFERENCES subnet (id) ON DELETE CASCADE,
    first       BLOB NOT NULL CHECK (length(first) = 16),
    last        BLOB NOT NULL CHECK (length(last) = 16 AND last >= first),
    PRIMARY KEY (subnet_id, first)
) STRICT, WITHOUT ROWID;

-- Times are seconds since 1970-01-01 UTC.
CREATE TABLE allocation (
    subnet_id   INTEGER NOT NULL REFERENCES subnet (id),
    address     BLOB NOT NULL CHECK (length(address) = 16),
    mac         BLOB CHECK (length(mac) IN (6, 20)),
    hostname    TEXT CHECK (hostname <> ''),
    description TEXT NOT NULL,
    owner       TEXT NOT NULL,
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    PRIMARY KEY (subnet_id, address)
) STRICT, WITHOUT ROWID;

-- Prefixes either nest or are disjoint. So of the leaf subnets at or below an address only the nearest can contain
-- it, and one step in subnet_leaf finds it.
CREATE TRIGGER subnet_added AFTER INSERT ON subnet BEGIN
    SELECT raise(ABORT, 'the subnet lies in one that holds addresses') WHERE NEW.last <= (
        SELECT last FROM subnet WHERE scope = NEW.scope AND network <= NEW.network AND container = 0 AND id <> NEW.id
        ORDER BY network DESC LIMIT 1);
    SELECT raise(ABORT, 'the subnet contains subnets') WHERE NEW.container = 0 AND EXISTS (
        SELECT 1 FROM subnet WHERE scope = NEW.scope AND network BETWEEN NEW.network AND NEW.last
        AND last <= NEW.last AND id <> NEW.id);
END;
CREATE TRIGGER subnet_moved AFTER UPDATE OF group_id, container ON subnet BEGIN
    SELECT raise(ABORT, 'the subnet lies in one that holds addresses') WHERE NEW.last <= (
        SELECT last FROM subnet WHERE scope = NEW.scope AND network <= NEW.network AND container = 0 AND id <> NEW.id
        ORDER BY network DESC LIMIT 1);
    SELECT raise(ABORT, 'the subnet contains subnets') WHERE NEW.container = 0 AND EXISTS (
        SELECT 1 FROM subnet WHERE scope = NEW.scope AND network BETWEEN NEW.network AND NEW.last
        AND last <= NEW.last AND id <> NEW.id);
    SELECT raise(ABORT, 'a container holds no addresses') WHERE NEW.container = 1 AND (
        EXISTS (SELECT 1 FROM allocation WHERE subnet_id = NEW.id)
        OR EXISTS (SELECT 1 FROM excluded_range WHERE subnet_id = NEW.id)
        OR EXISTS (SELECT 1 FROM free_extent WHERE subnet_id = NEW.id));
END;
CREATE TRIGGER subnet_fixed BEFORE UPDATE OF id, network, length, last ON subnet BEGIN
    SELECT raise(ABORT, 'the bounds of a subnet do not change');
END;

CREATE TRIGGER range_added BEFORE INSERT ON excluded_range BEGIN
    SELECT raise(ABORT, 'the range is not within a subnet that holds addresses') WHERE NOT EXISTS (
        SELECT 1 FROM subnet WHERE id = NEW.subnet_id AND container = 0 AND network <= NEW.first AND NEW.last <= last);
    SELECT raise(ABORT, 'the range overlaps another') WHERE NEW.first <= (
        SELECT last FROM excluded_range WHERE subnet_id = NEW.subnet_id AND first <= NEW.last
        ORDER BY first DESC LIMIT 1);
END;
CREATE TRIGGER range_fixed BEFORE UPDATE OF subnet_id, first, last ON excluded_range BEGIN
    SELECT raise(ABORT, 'the bounds of a range do not change');
END;

CREATE TRIGGER allocation_added BEFORE INSERT ON allocation BEGIN
    SELECT raise(ABORT, 'the address is not in a subnet that holds addresses') WHERE NOT EXISTS (
        SELECT 1 FROM subnet WHERE id = NEW.subnet_id AND container = 0 AND NEW.address BETWEEN network AND last);
END;
CREATE TRIGGER allocation_fixed BEFORE UPDATE OF subnet_id, address ON allocation BEGIN
    SELECT raise(ABORT, 'the address of an allocation does not change');
END;
