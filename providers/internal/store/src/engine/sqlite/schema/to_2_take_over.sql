-- From format 1 to 2, after the tables of format 2 are created: they take over the rows. The constraints and triggers of
-- format 2 look at each.
--
-- Only addresses had times; what had none is of now. An id begins with the second of its record's making; after it comes
-- the number of the row.

INSERT INTO ipam_group (id, name, description, public_id, owner, external_id, tags, metadata, created_at, updated_at)
SELECT id, name, description, unhex(printf('%08x%016x', unixepoch(), id)), '', NULL, '', '{}', unixepoch(), unixepoch()
FROM ipam_group_1 ORDER BY id;

-- 'subnet add --gateway' excluded the gateway with this comment, and 'import --from-foreman' with that. The range stays.
INSERT INTO subnet (id, group_id, network, length, last, description, pool, container, gateway,
    public_id, owner, external_id, tags, metadata, created_at, updated_at)
SELECT id, group_id, network, length, last, description, pool, container,
    (SELECT CASE WHEN count(*) = 1 THEN min(first) END FROM excluded_range_1
     WHERE subnet_id = subnet_1.id AND first = excluded_range_1.last AND comment IN ('gateway', 'gateway in Foreman')),
    unhex(printf('%08x%016x', unixepoch(), id)), '', NULL, '', '{}', unixepoch(), unixepoch()
FROM subnet_1 ORDER BY id;

INSERT INTO excluded_range (subnet_id, first, last, comment, public_id, owner, external_id, tags, metadata,
    created_at, updated_at)
SELECT subnet_id, first, last, comment,
    unhex(printf('%08x%016x', unixepoch(), row_number() OVER (ORDER BY subnet_id, first))),
    '', NULL, '', '{}', unixepoch(), unixepoch()
FROM excluded_range_1 ORDER BY subnet_id, first;

INSERT INTO free_extent (subnet_id, first, last)
SELECT subnet_id, first, last FROM free_extent_1 ORDER BY subnet_id, first;

-- An import may have given a time that has no room in 4 bytes.
INSERT INTO allocation (subnet_id, address, mac, hostname, description, public_id, owner, external_id, tags, metadata,
    created_at, updated_at)
SELECT subnet_id, address, mac, hostname, description,
    unhex(printf('%08x%016x', min(max(created_at, 0), 4294967295), row_number() OVER (ORDER BY subnet_id, address))),
    owner, NULL, '', '{}', created_at, updated_at
FROM allocation_1 ORDER BY subnet_id, address;

-- The ids of deleted groups and subnets stay used.
INSERT INTO sqlite_sequence (name, seq)
SELECT name, 0 FROM (SELECT 'ipam_group' AS name UNION ALL SELECT 'subnet') AS known
WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE sqlite_sequence.name = known.name);
UPDATE sqlite_sequence
SET seq = max(seq, ifnull((SELECT old.seq FROM sqlite_sequence AS old WHERE old.name = sqlite_sequence.name || '_1'), 0))
WHERE name IN ('ipam_group', 'subnet');

DROP TABLE allocation_1;
DROP TABLE free_extent_1;
DROP TABLE excluded_range_1;
DROP TABLE subnet_1;
DROP TABLE ipam_group_1;
