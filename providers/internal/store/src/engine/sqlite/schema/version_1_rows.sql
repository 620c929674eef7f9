-- Rows as the commands of version 1 left them: ids of deleted groups and subnets are missing.
INSERT INTO ipam_group (id, name, description) VALUES (1, 'Lab & "Test"', 'Büro; =1+1'), (2, ' blank ', ''), (7, 'c', ''), (9, 'gone', '');
DELETE FROM ipam_group WHERE id = 9;
INSERT INTO subnet (id, group_id, network, length, last, description, pool, container) VALUES
    (1, NULL, x'00000000000000000000ffff0a000000', 8, x'00000000000000000000ffff0affffff', 'all', 0, 1),
    (2, NULL, x'00000000000000000000ffff0a000100', 24, x'00000000000000000000ffff0a0001ff', 'servers', 0, 0),
    (3, 1, x'00000000000000000000ffff0a000100', 24, x'00000000000000000000ffff0a0001ff', '', 0, 0),
    (4, 1, x'00000000000000000000ffff0a000208', 29, x'00000000000000000000ffff0a00020f', 'two routers', 1, 0),
    (6, 7, x'20010db8000000000000000000000000', 64, x'20010db800000000ffffffffffffffff', 'IPv6', 0, 0),
    (8, NULL, x'00000000000000000000ffffac100000', 31, x'00000000000000000000ffffac100001', 'link', 0, 0);
INSERT INTO excluded_range (subnet_id, first, last, comment) VALUES
    (2, x'00000000000000000000ffff0a000101', x'00000000000000000000ffff0a000101', 'gateway'),
    (2, x'00000000000000000000ffff0a000180', x'00000000000000000000ffff0a0001ff', 'DHCP, dynamic'),
    (4, x'00000000000000000000ffff0a000209', x'00000000000000000000ffff0a000209', 'gateway'),
    (4, x'00000000000000000000ffff0a00020a', x'00000000000000000000ffff0a00020a', 'gateway');
INSERT INTO free_extent (subnet_id, first, last) VALUES
    (2, x'00000000000000000000ffff0a000102', x'00000000000000000000ffff0a000104'),
    (2, x'00000000000000000000ffff0a000108', x'00000000000000000000ffff0a00017f'),
    (3, x'00000000000000000000ffff0a000101', x'00000000000000000000ffff0a0001fe'),
    (4, x'00000000000000000000ffff0a000208', x'00000000000000000000ffff0a000208'),
    (4, x'00000000000000000000ffff0a00020b', x'00000000000000000000ffff0a00020e'),
    (6, x'20010db8000000000000000000000001', x'20010db80000000000000000000000fe'),
    (6, x'20010db8000000000000000000000100', x'20010db800000000ffffffffffffffff'),
    (8, x'00000000000000000000ffffac100001', x'00000000000000000000ffffac100001');
INSERT INTO allocation (subnet_id, address, mac, hostname, description, owner, created_at, updated_at) VALUES
    (2, x'00000000000000000000ffff0a000105', x'001a2b3c4d60', 'a.example.com', 'of 1950', 'me', -631152000, 1735689600),
    (2, x'00000000000000000000ffff0a000106', x'001a2b3c4d61', 'b.example.com', '', 'foreman-ipam-proxy', 1735689600, 1735689660),
    (2, x'00000000000000000000ffff0a000107', NULL, NULL, 'of 2200', '', 7258118400, 7258118400),
    (2, x'00000000000000000000ffff0a000190', NULL, 'router', 'in the excluded range', '', 1735689600, 1735689600),
    (4, x'00000000000000000000ffff0a00020f', x'80000048fe8000000000000000000002c9030005', NULL, 'the last of a pool', '', 1735689600, 1735689600),
    (6, x'20010db80000000000000000000000ff', NULL, 'six', ' blank kept ', '', 1735689600, 1735689600),
    (8, x'00000000000000000000ffffac100000', NULL, NULL, '', '', 1735689600, 1735689600);
