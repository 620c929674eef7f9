-- Format 2: the tables on SQLite, and the constraints that hold whoever writes to them.
--
-- That an address is recorded once in a group follows from four constraints together: the leaf subnets of a group do
-- not overlap, their bounds never change, an allocation lies within its leaf subnet, and it is the only one there.

-- What every record has: an id that other programs keep (public_id), who recorded it (owner), its id in another system
-- (external_id), tags, sorted and separated by commas, a JSON object (metadata), and times in seconds since 1970-01-01 UTC.

-- Ids are never used twice (AUTOINCREMENT), so that a remembered id cannot come to mean another subnet.
CREATE TABLE ipam_group (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    name        TEXT NOT NULL UNIQUE CHECK (name <> ''),
    description TEXT NOT NULL,
    public_id   BLOB NOT NULL UNIQUE CHECK (length(public_id) = 12),
    owner       TEXT NOT NULL,
    external_id TEXT CHECK (external_id <> ''),
    tags        TEXT NOT NULL CHECK (tags = '' OR ',' || tags || ',' NOT LIKE '%,,%'),
    metadata    TEXT NOT NULL CHECK (metadata = '{}' OR (length(metadata) <= 16384
        AND CASE WHEN json_valid(metadata) THEN json_type(metadata) = 'object' ELSE 0 END)),
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX group_external_id ON ipam_group (external_id) WHERE external_id IS NOT NULL;

CREATE TABLE subnet (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    group_id    INTEGER REFERENCES ipam_group (id),
    -- NULL differs from NULL in a unique index, so the global table gets a number too; ids begin at 1.
    scope       INTEGER NOT NULL GENERATED ALWAYS AS (ifnull(group_id, 0)) VIRTUAL,
    -- The lowest address; of a prefix, its network address.
    network     BLOB NOT NULL CHECK (length(network) = 16),
    -- NULL: a range of addresses that is no prefix.
    length      INTEGER CHECK (length BETWEEN 0 AND 128),
    last        BLOB NOT NULL CHECK (length(last) = 16 AND last >= network),
    description TEXT NOT NULL,
    pool        INTEGER NOT NULL CHECK (pool IN (0, 1)),
    container   INTEGER NOT NULL CHECK (container IN (0, 1)),
    gateway     BLOB CHECK (gateway IS NULL
        OR (length(gateway) = 16 AND gateway BETWEEN network AND last AND container = 0)),
    public_id   BLOB NOT NULL UNIQUE CHECK (length(public_id) = 12),
    owner       TEXT NOT NULL,
    external_id TEXT CHECK (external_id <> ''),
    tags        TEXT NOT NULL CHECK (tags = '' OR ',' || tags || ',' NOT LIKE '%,,%'),
    metadata    TEXT NOT NULL CHECK (metadata = '{}' OR (length(metadata) <= 16384
        AND CASE WHEN json_valid(metadata) THEN json_type(metadata) = 'object' ELSE 0 END)),
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    CHECK (length IS NOT NULL OR (pool = 1 AND container = 0)),
    -- IPv4 lies in ::ffff:0:0/96; both ends are of one family.
    CHECK ((network BETWEEN x'00000000000000000000ffff00000000' AND x'00000000000000000000ffffffffffff')
        = (last BETWEEN x'00000000000000000000ffff00000000' AND x'00000000000000000000ffffffffffff'))
) STRICT;
CREATE UNIQUE INDEX subnet_external_id ON subnet (external_id) WHERE external_id IS NOT NULL;
CREATE UNIQUE INDEX subnet_bounds ON subnet (scope, network, last);
CREATE INDEX subnet_network ON subnet (network, last);
CREATE INDEX subnet_last ON subnet (scope, last);
CREATE UNIQUE INDEX subnet_leaf ON subnet (scope, network) WHERE container = 0;

CREATE TABLE excluded_range (
    subnet_id   INTEGER NOT NULL REFERENCES subnet (id) ON DELETE CASCADE,
    first       BLOB NOT NULL CHECK (length(first) = 16),
    last        BLOB NOT NULL CHECK (length(last) = 16 AND last >= first),
    comment     TEXT NOT NULL,
    public_id   BLOB NOT NULL UNIQUE CHECK (length(public_id) = 12),
    owner       TEXT NOT NULL,
    external_id TEXT CHECK (external_id <> ''),
    tags        TEXT NOT NULL CHECK (tags = '' OR ',' || tags || ',' NOT LIKE '%,,%'),
    metadata    TEXT NOT NULL CHECK (metadata = '{}' OR (length(metadata) <= 16384
        AND CASE WHEN json_valid(metadata) THEN json_type(metadata) = 'object' ELSE 0 END)),
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    PRIMARY KEY (subnet_id, first)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX range_external_id ON excluded_range (external_id) WHERE external_id IS NOT NULL;

-- The maximal free intervals of each leaf subnet: what is offerable, not excluded, not the gateway and not allocated.
CREATE TABLE free_extent (
    subnet_id   INTEGER NOT NULL REFERENCES subnet (id) ON DELETE CASCADE,
    first       BLOB NOT NULL CHECK (length(first) = 16),
    last        BLOB NOT NULL CHECK (length(last) = 16 AND last >= first),
    PRIMARY KEY (subnet_id, first)
) STRICT, WITHOUT ROWID;

CREATE TABLE allocation (
    subnet_id   INTEGER NOT NULL REFERENCES subnet (id),
    address     BLOB NOT NULL CHECK (length(address) = 16),
    mac         BLOB CHECK (length(mac) IN (6, 20)),
    hostname    TEXT CHECK (hostname <> ''),
    description TEXT NOT NULL,
    public_id   BLOB NOT NULL UNIQUE CHECK (length(public_id) = 12),
    owner       TEXT NOT NULL,
    external_id TEXT CHECK (external_id <> ''),
    tags        TEXT NOT NULL CHECK (tags = '' OR ',' || tags || ',' NOT LIKE '%,,%'),
    metadata    TEXT NOT NULL CHECK (metadata = '{}' OR (length(metadata) <= 16384
        AND CASE WHEN json_valid(metadata) THEN json_type(metadata) = 'object' ELSE 0 END)),
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    PRIMARY KEY (subnet_id, address)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX allocation_external_id ON allocation (external_id) WHERE external_id IS NOT NULL;

-- Leaf subnets share nothing. So of those at or below an address only the nearest can contain it, and one step in
-- subnet_leaf finds it. Containers are prefixes, which nest or share nothing.
CREATE TRIGGER subnet_added AFTER INSERT ON subnet BEGIN
    SELECT raise(ABORT, 'the subnet overlaps one that holds addresses') FROM (
        SELECT network, last FROM subnet WHERE scope = NEW.scope AND network <= NEW.network AND container = 0
        AND id <> NEW.id ORDER BY network DESC LIMIT 1
    ) WHERE last >= NEW.network AND NOT (NEW.container = 1 AND network = NEW.network AND last < NEW.last);
    SELECT raise(ABORT, 'the subnet overlaps one that holds addresses') WHERE NEW.container = 1 AND NEW.last < (
        SELECT last FROM subnet WHERE scope = NEW.scope AND network <= NEW.last AND container = 0 AND id <> NEW.id
        ORDER BY network DESC LIMIT 1);
    SELECT raise(ABORT, 'the subnet contains subnets') WHERE NEW.container = 0 AND EXISTS (
        SELECT 1 FROM subnet WHERE scope = NEW.scope AND network BETWEEN NEW.network AND NEW.last AND id <> NEW.id
        AND NOT (container = 1 AND network = NEW.network AND last > NEW.last));
    SELECT raise(ABORT, 'the subnet reaches out of a container') WHERE NEW.length IS NULL AND EXISTS (
        SELECT 1 FROM subnet WHERE scope = NEW.scope AND last >= NEW.network AND last < NEW.last
        AND network < NEW.network AND id <> NEW.id);
END;
CREATE TRIGGER subnet_moved AFTER UPDATE OF group_id, container ON subnet BEGIN
    SELECT raise(ABORT, 'the subnet overlaps one that holds addresses') FROM (
        SELECT network, last FROM subnet WHERE scope = NEW.scope AND network <= NEW.network AND container = 0
        AND id <> NEW.id ORDER BY network DESC LIMIT 1
    ) WHERE last >= NEW.network AND NOT (NEW.container = 1 AND network = NEW.network AND last < NEW.last);
    SELECT raise(ABORT, 'the subnet overlaps one that holds addresses') WHERE NEW.container = 1 AND NEW.last < (
        SELECT last FROM subnet WHERE scope = NEW.scope AND network <= NEW.last AND container = 0 AND id <> NEW.id
        ORDER BY network DESC LIMIT 1);
    SELECT raise(ABORT, 'the subnet contains subnets') WHERE NEW.container = 0 AND EXISTS (
        SELECT 1 FROM subnet WHERE scope = NEW.scope AND network BETWEEN NEW.network AND NEW.last AND id <> NEW.id
        AND NOT (container = 1 AND network = NEW.network AND last > NEW.last));
    SELECT raise(ABORT, 'the subnet reaches out of a container') WHERE NEW.length IS NULL AND EXISTS (
        SELECT 1 FROM subnet WHERE scope = NEW.scope AND last >= NEW.network AND last < NEW.last
        AND network < NEW.network AND id <> NEW.id);
    SELECT raise(ABORT, 'a container holds no addresses') WHERE NEW.container = 1 AND (
        EXISTS (SELECT 1 FROM allocation WHERE subnet_id = NEW.id)
        OR EXISTS (SELECT 1 FROM excluded_range WHERE subnet_id = NEW.id)
        OR EXISTS (SELECT 1 FROM free_extent WHERE subnet_id = NEW.id));
END;
CREATE TRIGGER subnet_fixed BEFORE UPDATE OF id, public_id, network, length, last ON subnet BEGIN
    SELECT raise(ABORT, 'the bounds and ids of a subnet do not change');
END;
CREATE TRIGGER group_fixed BEFORE UPDATE OF id, public_id ON ipam_group BEGIN
    SELECT raise(ABORT, 'the ids of a group do not change');
END;

CREATE TRIGGER range_added BEFORE INSERT ON excluded_range BEGIN
    SELECT raise(ABORT, 'the range is not within a subnet that holds addresses') WHERE NOT EXISTS (
        SELECT 1 FROM subnet WHERE id = NEW.subnet_id AND container = 0 AND network <= NEW.first AND NEW.last <= last);
    SELECT raise(ABORT, 'the range overlaps another') WHERE NEW.first <= (
        SELECT last FROM excluded_range WHERE subnet_id = NEW.subnet_id AND first <= NEW.last
        ORDER BY first DESC LIMIT 1);
END;
CREATE TRIGGER range_fixed BEFORE UPDATE OF subnet_id, first, last, public_id ON excluded_range BEGIN
    SELECT raise(ABORT, 'the bounds and the id of a range do not change');
END;

CREATE TRIGGER allocation_added BEFORE INSERT ON allocation BEGIN
    SELECT raise(ABORT, 'the address is not in a subnet that holds addresses') WHERE NOT EXISTS (
        SELECT 1 FROM subnet WHERE id = NEW.subnet_id AND container = 0 AND NEW.address BETWEEN network AND last);
END;
CREATE TRIGGER allocation_fixed BEFORE UPDATE OF subnet_id, address, public_id ON allocation BEGIN
    SELECT raise(ABORT, 'the address and the id of an allocation do not change');
END;
