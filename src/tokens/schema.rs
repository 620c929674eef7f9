//! The tables of the management API.

use ipam_provider::database::Tables;
use ipam_store::{DatabaseSchema, Durability, FileSchema, Schema, make_database_schema};

/// Its tokens, and whatever else it has to remember.
pub(super) static API: Schema = Schema {
    name: "management API",
    file: FileSchema {
        // "IPAA" in ASCII.
        application_id: 0x4950_4141,
        oldest: 1,
        tables: include_str!("schema/sqlite.sql"),
        steps: &[],
        // A token that was revoked stays so.
        durability: Durability::PowerCut,
    },
    database: DatabaseSchema {
        name: "ipam_api",
        make: make_database_schema!("ipam_api"),
        tables: Tables {
            subject: "management API",
            versions: &[concat!(make_database_schema!("ipam_api"), include_str!("schema/postgres.sql"))],
        },
    },
};
