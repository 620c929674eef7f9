-- From format 1 to 2, before the tables of format 2 are created: those of format 1 make room.
DROP TRIGGER IF EXISTS subnet_added;
DROP TRIGGER IF EXISTS subnet_moved;
DROP TRIGGER IF EXISTS subnet_fixed;
DROP TRIGGER IF EXISTS range_added;
DROP TRIGGER IF EXISTS range_fixed;
DROP TRIGGER IF EXISTS allocation_added;
DROP TRIGGER IF EXISTS allocation_fixed;
DROP INDEX IF EXISTS subnet_prefix;
DROP INDEX IF EXISTS subnet_network;
DROP INDEX IF EXISTS subnet_leaf;
ALTER TABLE allocation RENAME TO allocation_1;
ALTER TABLE free_extent RENAME TO free_extent_1;
ALTER TABLE excluded_range RENAME TO excluded_range_1;
ALTER TABLE subnet RENAME TO subnet_1;
ALTER TABLE ipam_group RENAME TO ipam_group_1;
