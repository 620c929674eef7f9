//! One connection with its prepared statements.

use tokio_postgres::Client;

use super::schema;
use super::statements::Statements;
use super::{Database, DatabaseError};

/// How statements are planned. A database without one of these settings has no such plans.
///
/// The plan of a prepared statement would be made once, when a new table is still small, and read all of it later. Without
/// statistics the server takes the holds of a space for few: in place of the next ones in the order of an index it would read
/// and sort all of them.
const PLANS: [&str; 2] = ["SET plan_cache_mode = force_custom_plan", "SET enable_sort = off"];

/// A connection that is ready for use.
pub(super) struct Session {
    pub(super) client: Client,
    pub(super) statements: Statements,
}

impl Session {
    /// Connects, makes the tables where there are none, and prepares all statements.
    pub(super) async fn open(database: &Database) -> Result<Self, DatabaseError> {
        let client = database.connect().await?;
        let limit = database.timeout().as_millis();
        // The server gives up what this program has given up, and a lock is not kept for a proxy that is gone.
        let limits = format!(
            "SET statement_timeout = {limit}; SET lock_timeout = {limit}; SET idle_in_transaction_session_timeout = {limit}"
        );
        client.batch_execute(&limits).await?;
        for setting in PLANS {
            match client.batch_execute(setting).await {
                Err(error) if error.as_db_error().is_none() => return Err(error.into()),
                Ok(()) | Err(_) => {}
            }
        }
        schema::TABLES.ensure(&client).await?;
        let statements = Statements::prepare(&client).await?;
        Ok(Self { client, statements })
    }
}
