//! One connection with its prepared statements.

use tokio_postgres::Client;

use super::schema;
use super::statements::Statements;
use super::{Database, DatabaseError};

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
        // The plan of a prepared statement would be made once, when a new table is still small, and read all of it later. A
        // database without this setting has no such plans.
        match client.batch_execute("SET plan_cache_mode = force_custom_plan").await {
            Err(error) if error.as_db_error().is_none() => return Err(error.into()),
            Ok(()) | Err(_) => {}
        }
        schema::TABLES.ensure(&client).await?;
        let statements = Statements::prepare(&client).await?;
        Ok(Self { client, statements })
    }
}
