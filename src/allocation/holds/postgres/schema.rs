//! The tables, by version.

use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use super::error::DatabaseError;

/// What makes each version of the tables out of the one before. A version that was released is never changed.
///
/// An address is its family, 4 or 6, and its bytes: the order of bytes is the order of addresses. Times are milliseconds
/// since 1970. The event of a space is that of the last transaction that changed one of its holds. The sequence has no
/// cache: its numbers are compared between connections. What a proxy has to see to is pending, with the time of it.
const VERSIONS: [&str; 1] = ["
    CREATE SEQUENCE ipam_proxy_event CACHE 1;
    CREATE TABLE ipam_proxy_space (
        id bigint PRIMARY KEY DEFAULT nextval('ipam_proxy_event'),
        provider text NOT NULL,
        name text NOT NULL,
        held bigint NOT NULL DEFAULT 0,
        event bigint NOT NULL DEFAULT 0,
        UNIQUE (provider, name)
    );
    CREATE TABLE ipam_proxy_hold (
        space bigint NOT NULL REFERENCES ipam_proxy_space (id),
        address bytea NOT NULL,
        prefix text NOT NULL,
        group_name text,
        mac bytea,
        state text NOT NULL,
        granted bigint NOT NULL,
        ends bigint NOT NULL,
        request bigint,
        event bigint NOT NULL,
        confirmed bigint NOT NULL,
        trace text,
        trace_request text,
        pending bigint,
        PRIMARY KEY (space, address)
    );
    CREATE INDEX ipam_proxy_hold_mac ON ipam_proxy_hold (space, mac, address);
    CREATE INDEX ipam_proxy_hold_ends ON ipam_proxy_hold (space, ends);
    CREATE INDEX ipam_proxy_hold_trace ON ipam_proxy_hold (trace_request) WHERE trace_request IS NOT NULL;
    CREATE INDEX ipam_proxy_hold_pending ON ipam_proxy_hold (pending) WHERE pending IS NOT NULL;
"];

/// What this program knows.
pub(super) fn newest() -> i32 {
    i32::try_from(VERSIONS.len()).expect("there are few versions")
}

/// The version of the tables in the database; 0 when there are none.
pub(super) async fn version(client: &Client) -> Result<i32, DatabaseError> {
    match client.query_opt("SELECT version FROM ipam_proxy_schema WHERE subject = 'holds'", &[]).await {
        Ok(row) => Ok(row.map_or(0, |row| row.get(0))),
        Err(error) if error.code() == Some(&SqlState::UNDEFINED_TABLE) => Ok(0),
        Err(error) => Err(error.into()),
    }
}

/// Makes the tables, or brings them to the newest version, in one transaction. Of several programs that do so at once one
/// does it, and the others find it done.
pub(super) async fn ensure(client: &Client) -> Result<(), DatabaseError> {
    const TRIES: usize = 10;
    for _ in 0..TRIES {
        let found = version(client).await?;
        if found == newest() {
            return Ok(());
        }
        if found > newest() {
            return Err(DatabaseError::Newer { found, known: newest() });
        }
        match upgrade(client).await {
            Ok(()) => log::info!("The tables for holds in the database have version {} now", newest()),
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

async fn upgrade(client: &Client) -> Result<(), tokio_postgres::Error> {
    client
        .batch_execute(
            "BEGIN ISOLATION LEVEL READ COMMITTED;
            CREATE TABLE IF NOT EXISTS ipam_proxy_schema (subject text PRIMARY KEY, version integer NOT NULL);
            INSERT INTO ipam_proxy_schema VALUES ('holds', 0) ON CONFLICT DO NOTHING",
        )
        .await?;
    let select = "SELECT version FROM ipam_proxy_schema WHERE subject = 'holds' FOR UPDATE";
    let found: i32 = client.query_one(select, &[]).await?.get(0);
    let found = usize::try_from(found).unwrap_or(VERSIONS.len());
    for statements in VERSIONS.iter().skip(found) {
        client.batch_execute(statements).await?;
    }
    let update = format!(
        "UPDATE ipam_proxy_schema SET version = {} WHERE subject = 'holds' AND version < {0}; COMMIT",
        newest()
    );
    client.batch_execute(&update).await
}

/// Did another program do the same at the same moment? PostgreSQL refuses the second table of a name, even with IF NOT
/// EXISTS.
fn is_race(error: &tokio_postgres::Error) -> bool {
    let codes = [
        SqlState::UNIQUE_VIOLATION,
        SqlState::DUPLICATE_TABLE,
        SqlState::DUPLICATE_OBJECT,
        SqlState::T_R_SERIALIZATION_FAILURE,
        SqlState::T_R_DEADLOCK_DETECTED,
    ];
    error.code().is_some_and(|code| codes.contains(code))
}
