//! Tables, by version.

use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use super::error::DatabaseError;

/// The tables of one subject. The version that a database has is in its table `ipam_proxy_schema`.
#[derive(Debug, Clone, Copy)]
pub struct Tables {
    /// What they are for, as that table has it.
    pub subject: &'static str,
    /// What makes each version of the tables out of the one before. A version that was released is never changed.
    pub versions: &'static [&'static str],
}

impl Tables {
    /// What this program knows.
    pub fn newest(&self) -> i32 {
        i32::try_from(self.versions.len()).expect("there are few versions")
    }

    /// The version of the tables in the database; 0 when there are none.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn version(&self, client: &Client) -> Result<i32, DatabaseError> {
        let select = "SELECT version FROM ipam_proxy_schema WHERE subject = $1";
        match client.query_opt(select, &[&self.subject]).await {
            Ok(row) => Ok(row.map_or(0, |row| row.get(0))),
            Err(error) if error.code() == Some(&SqlState::UNDEFINED_TABLE) => Ok(0),
            Err(error) => Err(error.into()),
        }
    }

    /// Makes the tables, or brings them to the newest version, in one transaction. Of several programs that do so at once
    /// one does it, and the others find it done.
    ///
    /// # Errors
    /// When the tables are those of a newer program, and when the database fails.
    pub async fn ensure(&self, client: &Client) -> Result<(), DatabaseError> {
        const TRIES: usize = 10;
        for _ in 0..TRIES {
            let found = self.version(client).await?;
            if found == self.newest() {
                return Ok(());
            }
            if found > self.newest() {
                return Err(DatabaseError::Newer { found, known: self.newest() });
            }
            match self.upgrade(client).await {
                Ok(()) => {
                    log::info!("The tables for {} in the database have version {} now", self.subject, self.newest());
                }
                Err(error) => {
                    client.batch_execute("ROLLBACK").await?;
                    if !is_race(&error) {
                        return Err(error.into());
                    }
                }
            }
        }
        Err(DatabaseError::Row("version of the tables"))
    }

    async fn upgrade(&self, client: &Client) -> Result<(), tokio_postgres::Error> {
        client
            .batch_execute(
                "BEGIN ISOLATION LEVEL READ COMMITTED;
                CREATE TABLE IF NOT EXISTS ipam_proxy_schema (subject text PRIMARY KEY, version integer NOT NULL)",
            )
            .await?;
        let insert = "INSERT INTO ipam_proxy_schema VALUES ($1, 0) ON CONFLICT DO NOTHING";
        client.execute(insert, &[&self.subject]).await?;
        let select = "SELECT version FROM ipam_proxy_schema WHERE subject = $1 FOR UPDATE";
        let found: i32 = client.query_one(select, &[&self.subject]).await?.get(0);
        let found = usize::try_from(found).unwrap_or(self.versions.len());
        for statements in self.versions.iter().skip(found) {
            client.batch_execute(statements).await?;
        }
        let update = "UPDATE ipam_proxy_schema SET version = $2 WHERE subject = $1 AND version < $2";
        client.execute(update, &[&self.subject, &self.newest()]).await?;
        client.batch_execute("COMMIT").await
    }
}

/// Did another program do the same at the same moment? PostgreSQL refuses the second table of a name, even with IF NOT
/// EXISTS.
fn is_race(error: &tokio_postgres::Error) -> bool {
    let codes = [
        SqlState::UNIQUE_VIOLATION,
        SqlState::DUPLICATE_TABLE,
        SqlState::DUPLICATE_OBJECT,
        SqlState::DUPLICATE_SCHEMA,
        SqlState::T_R_SERIALIZATION_FAILURE,
        SqlState::T_R_DEADLOCK_DETECTED,
    ];
    error.code().is_some_and(|code| codes.contains(code))
}
