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
        schema::TABLES.ensure(&client).await?;
        let statements = Statements::prepare(&client).await?;
        Ok(Self { client, statements })
    }
}
