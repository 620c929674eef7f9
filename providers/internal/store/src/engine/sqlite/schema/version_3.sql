-- What format 3 has beside the tables of format 2: plans, which allocate prefixes from linked pools.
--
-- That no two prefixes overlap follows from two constraints together: the pools of a group do not overlap, and neither do
-- the prefixes of a pool. A subnet within a pool lies in a prefix that is allocated there.

CREATE TABLE prefix_plan (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    group_id    INTEGER REFERENCES ipam_group (id),
    -- As in the table subnet.
    scope       INTEGER NOT NULL CHECK (scope = ifnull(group_id, 0)),
    name        TEXT NOT NULL CHECK (name <> ''),
    description TEXT NOT NULL,
    -- The lengths that prefixes of the first pool may have.
    shortest    INTEGER NOT NULL CHECK (shortest BETWEEN 0 AND 128),
    longest     INTEGER NOT NULL CHECK (longest BETWEEN shortest AND 128),
    -- How many addresses of each prefix no host gets.
    kept_back   INTEGER NOT NULL CHECK (kept_back >= 0),
    hosts_at_most INTEGER CHECK (hosts_at_most > 0),
    -- The labels that an allocation may have: a JSON object of their names, each with its values, or none for any.
    labels      TEXT NOT NULL,
    public_id   BLOB NOT NULL UNIQUE CHECK (length(public_id) = 12),
    owner       TEXT NOT NULL,
    external_id TEXT CHECK (external_id <> ''),
    tags        TEXT NOT NULL CHECK (tags = '' OR ',' || tags || ',' NOT LIKE '%,,%'),
    metadata    TEXT NOT NULL CHECK (metadata = '{}' OR (length(metadata) <= 16384
        AND CASE WHEN json_valid(metadata) THEN json_type(metadata) = 'object' ELSE 0 END)),
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    UNIQUE (scope, name),
    UNIQUE (id, scope)
) STRICT;
CREATE UNIQUE INDEX plan_external_id ON prefix_plan (external_id) WHERE external_id IS NOT NULL;

CREATE TABLE plan_pool (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    plan_id     INTEGER NOT NULL,
    scope       INTEGER NOT NULL,
    -- 0 is the pool that sizes are asked for.
    position    INTEGER NOT NULL CHECK (position >= 0),
    name        TEXT NOT NULL CHECK (name <> ''),
    network     BLOB NOT NULL CHECK (length(network) = 16),
    length      INTEGER NOT NULL CHECK (length BETWEEN 0 AND 128),
    last        BLOB NOT NULL CHECK (length(last) = 16 AND last >= network),
    -- What is added to the length of a prefix of the first pool for the length of one of this pool.
    shift       INTEGER NOT NULL CHECK (shift BETWEEN -128 AND 128 AND (position > 0 OR shift = 0)),
    UNIQUE (plan_id, position),
    UNIQUE (plan_id, name),
    FOREIGN KEY (plan_id, scope) REFERENCES prefix_plan (id, scope) ON DELETE CASCADE
) STRICT;
CREATE UNIQUE INDEX plan_pool_network ON plan_pool (scope, network);

-- The free space of each pool: the largest prefixes of which nothing is allocated.
CREATE TABLE plan_block (
    pool_id     INTEGER NOT NULL REFERENCES plan_pool (id) ON DELETE CASCADE,
    length      INTEGER NOT NULL CHECK (length BETWEEN 0 AND 128),
    first       BLOB NOT NULL CHECK (length(first) = 16),
    PRIMARY KEY (pool_id, length, first)
) STRICT, WITHOUT ROWID;

CREATE TABLE plan_allocation (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    plan_id     INTEGER NOT NULL REFERENCES prefix_plan (id),
    -- The owner in lower case, and the first address in the first pool: what lists are sorted by.
    owner_key   TEXT NOT NULL,
    first       BLOB NOT NULL CHECK (length(first) = 16),
    -- What was asked for: one of both.
    hosts       INTEGER CHECK (hosts > 0),
    length      INTEGER CHECK (length BETWEEN 0 AND 128),
    labels      TEXT NOT NULL,
    description TEXT NOT NULL,
    public_id   BLOB NOT NULL UNIQUE CHECK (length(public_id) = 12),
    owner       TEXT NOT NULL,
    external_id TEXT CHECK (external_id <> ''),
    tags        TEXT NOT NULL CHECK (tags = '' OR ',' || tags || ',' NOT LIKE '%,,%'),
    metadata    TEXT NOT NULL CHECK (metadata = '{}' OR (length(metadata) <= 16384
        AND CASE WHEN json_valid(metadata) THEN json_type(metadata) = 'object' ELSE 0 END)),
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    CHECK ((hosts IS NULL) <> (length IS NULL))
) STRICT;
CREATE UNIQUE INDEX plan_allocation_external_id ON plan_allocation (external_id) WHERE external_id IS NOT NULL;
CREATE UNIQUE INDEX plan_allocation_order ON plan_allocation (plan_id, owner_key, first);

CREATE TABLE plan_prefix (
    pool_id       INTEGER NOT NULL REFERENCES plan_pool (id),
    first         BLOB NOT NULL CHECK (length(first) = 16),
    last          BLOB NOT NULL CHECK (length(last) = 16 AND last >= first),
    length        INTEGER NOT NULL CHECK (length BETWEEN 0 AND 128),
    allocation_id INTEGER NOT NULL REFERENCES plan_allocation (id) ON DELETE CASCADE,
    PRIMARY KEY (pool_id, first),
    UNIQUE (allocation_id, pool_id)
) STRICT, WITHOUT ROWID;

-- Pools of a group share nothing, so of those at or below an address only the nearest can contain it.
CREATE TRIGGER plan_pool_added AFTER INSERT ON plan_pool BEGIN
    SELECT raise(ABORT, 'the pool overlaps another') WHERE NEW.network <= (
        SELECT last FROM plan_pool WHERE scope = NEW.scope AND network <= NEW.last AND id <> NEW.id
        ORDER BY network DESC LIMIT 1);
    SELECT raise(ABORT, 'a subnet lies in the pool of a plan, and in no prefix that is allocated there') WHERE EXISTS (
        SELECT 1 FROM subnet WHERE scope = NEW.scope AND network <= NEW.last AND last >= NEW.network
        AND NOT (container = 1 AND network <= NEW.network AND last >= NEW.last));
END;
CREATE TRIGGER plan_pool_resized AFTER UPDATE OF scope, network, last ON plan_pool BEGIN
    SELECT raise(ABORT, 'the pool overlaps another') WHERE NEW.network <= (
        SELECT last FROM plan_pool WHERE scope = NEW.scope AND network <= NEW.last AND id <> NEW.id
        ORDER BY network DESC LIMIT 1);
    SELECT raise(ABORT, 'a prefix that is allocated lies outside of the pool') WHERE EXISTS (
        SELECT 1 FROM plan_prefix WHERE pool_id = NEW.id AND (first < NEW.network OR last > NEW.last));
    SELECT raise(ABORT, 'a subnet lies in the pool of a plan, and in no prefix that is allocated there') WHERE EXISTS (
        SELECT 1 FROM subnet WHERE scope = NEW.scope AND network <= NEW.last AND last >= NEW.network
        AND NOT (container = 1 AND network <= NEW.network AND last >= NEW.last)
        AND ifnull(last <= (SELECT prefix.last FROM plan_prefix prefix WHERE prefix.pool_id = NEW.id
            AND prefix.first <= subnet.network ORDER BY prefix.first DESC LIMIT 1), 0) = 0);
END;
CREATE TRIGGER plan_prefix_added BEFORE INSERT ON plan_prefix BEGIN
    SELECT raise(ABORT, 'the prefix is not in its pool') WHERE NOT EXISTS (
        SELECT 1 FROM plan_pool WHERE id = NEW.pool_id AND network <= NEW.first AND NEW.last <= last);
    SELECT raise(ABORT, 'the prefix overlaps another') WHERE NEW.first <= (
        SELECT last FROM plan_prefix WHERE pool_id = NEW.pool_id AND first <= NEW.last ORDER BY first DESC LIMIT 1);
END;
CREATE TRIGGER plan_prefix_released BEFORE DELETE ON plan_prefix BEGIN
    SELECT raise(ABORT, 'the prefix holds subnets') WHERE EXISTS (
        SELECT 1 FROM subnet WHERE scope = (SELECT scope FROM plan_pool WHERE id = OLD.pool_id)
        AND network BETWEEN OLD.first AND OLD.last AND last <= OLD.last);
END;
CREATE TRIGGER plan_fixed BEFORE UPDATE OF id, public_id, group_id, scope ON prefix_plan BEGIN
    SELECT raise(ABORT, 'the group and ids of a plan do not change');
END;
CREATE TRIGGER plan_pool_fixed BEFORE UPDATE OF id, plan_id, scope, position ON plan_pool BEGIN
    SELECT raise(ABORT, 'the place of a pool does not change');
END;
CREATE TRIGGER plan_allocation_fixed BEFORE UPDATE OF id, public_id, plan_id, first ON plan_allocation BEGIN
    SELECT raise(ABORT, 'the prefixes and ids of an allocation do not change');
END;
CREATE TRIGGER plan_prefix_fixed BEFORE UPDATE ON plan_prefix BEGIN
    SELECT raise(ABORT, 'the prefixes and ids of an allocation do not change');
END;

-- A container around a pool is in nobody's way.
CREATE TRIGGER subnet_added_in_pool AFTER INSERT ON subnet BEGIN
    SELECT raise(ABORT, 'the subnet lies in the pool of a plan, and in no prefix that is allocated there') WHERE EXISTS (
        SELECT 1 FROM plan_pool pool WHERE pool.scope = NEW.scope AND pool.network <= NEW.last AND pool.last >= NEW.network
        AND NOT (NEW.container = 1 AND NEW.network <= pool.network AND NEW.last >= pool.last)
        AND ifnull(NEW.last <= (SELECT prefix.last FROM plan_prefix prefix WHERE prefix.pool_id = pool.id
            AND prefix.first <= NEW.network ORDER BY prefix.first DESC LIMIT 1), 0) = 0);
END;
CREATE TRIGGER subnet_moved_in_pool AFTER UPDATE OF group_id, container ON subnet BEGIN
    SELECT raise(ABORT, 'the subnet lies in the pool of a plan, and in no prefix that is allocated there') WHERE EXISTS (
        SELECT 1 FROM plan_pool pool WHERE pool.scope = NEW.scope AND pool.network <= NEW.last AND pool.last >= NEW.network
        AND NOT (NEW.container = 1 AND NEW.network <= pool.network AND NEW.last >= pool.last)
        AND ifnull(NEW.last <= (SELECT prefix.last FROM plan_prefix prefix WHERE prefix.pool_id = pool.id
            AND prefix.first <= NEW.network ORDER BY prefix.first DESC LIMIT 1), 0) = 0);
END;
