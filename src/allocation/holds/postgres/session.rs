//! One connection with its prepared statements.

use ipam_provider::database::plan_each_time;
use tokio_postgres::Client;

use super::schema;
use super::statements::Statements;
use super::{Database, DatabaseError};

/// Without statistics the server takes the holds of a space for few: in place of the next ones in the order of an index it
/// would read and sort all of them.
const PLANS: &str = "SET enable_sort = off";

/// A connection that is ready for use.
pub(super) struct Session {
    pub(super) client: Client,
    pub(super) statements: Statements,
}

impl Session {
    /// Connects, makes the tables where there are none, and prepares all statements.
    pub(super) async fn open(database: &Database) -> Result<Self, DatabaseError> {
        let client = database.connect().await?;
        client.batch_execute(&database.limits()).await?;
        plan_each_time(&client, PLANS).await?;
        schema::TABLES.ensure(&client).await?;
        let statements = Statements::prepare(&client).await?;
        Ok(Self { client, statements })
    }
}
