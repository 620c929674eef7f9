//! The tables of the ledger.

use ipam_provider::database::Tables;
use ipam_store::{DatabaseSchema, Durability, FileSchema, Schema, make_database_schema};

/// The ledger.
pub(super) static LEDGER: Schema = Schema {
    name: "ledger",
    file: FileSchema {
        // "IPAL" in ASCII.
        application_id: 0x4950_414c,
        oldest: 1,
        tables: include_str!("schema/sqlite.sql"),
        steps: &[],
        // A commit that waits for the disk would double what an addition costs. What a power cut undoes here is history; the
        // address itself is safe in the IPAM.
        durability: Durability::Kill,
    },
    database: DatabaseSchema {
        name: "ipam_ledger",
        make: make_database_schema!("ipam_ledger"),
        tables: Tables {
            subject: "ledger",
            versions: &[concat!(make_database_schema!("ipam_ledger"), include_str!("schema/postgres.sql"))],
        },
    },
};
