//! The tables of the store.
//!
//! `sqlite/schema/version_N.sql` has the tables of format N (from 3 on, what they have beside those of the format before), and
//! stays as it is once it is released: the way from an older format leads over it. Likewise `postgres/version_N.sql`.

use ipam_provider::database::Tables;

use super::schema::{DatabaseSchema, Durability, FileSchema, Schema};
use crate::make_database_schema;

/// The store.
pub(crate) static STORE: Schema = Schema {
    name: "internal",
    file: FileSchema {
        // "IPAM" in ASCII.
        application_id: 0x4950_414d,
        oldest: 1,
        tables: concat!(include_str!("sqlite/schema/version_2.sql"), include_str!("sqlite/schema/version_3.sql")),
        steps: &[
            &[
                include_str!("sqlite/schema/to_2_set_aside.sql"),
                include_str!("sqlite/schema/version_2.sql"),
                include_str!("sqlite/schema/to_2_take_over.sql"),
            ],
            &[include_str!("sqlite/schema/version_3.sql")],
        ],
        // A commit that is lost to a power cut is an address given twice.
        durability: Durability::PowerCut,
    },
    database: DatabaseSchema {
        name: "ipam_store",
        make: make_database_schema!("ipam_store"),
        tables: Tables {
            subject: "store",
            versions: &[
                concat!(make_database_schema!("ipam_store"), include_str!("postgres/version_1.sql")),
                include_str!("postgres/version_2.sql"),
            ],
        },
    },
};
