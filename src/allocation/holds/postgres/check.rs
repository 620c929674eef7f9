//! What `foreman-ipam-proxy check` asks of the database. It changes nothing.

use tokio_postgres::Client;

use super::schema;
use super::{Database, DatabaseError};

/// The oldest PostgreSQL that this program is tested with.
const OLDEST: i32 = 130_000;

/// What was found, for people: all is well with it, or not.
type Finding = Result<String, String>;

/// Looks whether the database can be used: connection, version, tables, rights.
pub async fn check(database: &Database) -> Vec<Result<String, String>> {
    let outcome = async {
        let client = database.connect().await?;
        look(&client).await
    };
    match outcome.await {
        Ok(mut findings) => {
            findings.insert(0, Ok(format!("{database} answers")));
            findings
        }
        Err(error) => vec![Err(crate::telemetry::with_causes(&error))],
    }
}

async fn look(client: &Client) -> Result<Vec<Finding>, DatabaseError> {
    let mut findings = Vec::new();
    let row = client
        .query_one("SELECT current_setting('server_version_num'), current_setting('server_version')", &[])
        .await?;
    let (number, version): (&str, &str) = (row.get(0), row.get(1));
    findings.push(match number.parse() {
        Ok(number) if i32::ge(&number, &OLDEST) => Ok(format!("its version is {version}")),
        _ => Err(format!("its version is {version}; 13 or newer is needed")),
    });
    let found = schema::TABLES.version(client).await?;
    let known = schema::TABLES.newest();
    if found > known {
        findings.push(Err(DatabaseError::Newer { found, known }.to_string()));
    } else if found < known {
        let may_create = "SELECT coalesce(has_schema_privilege(current_schema(), 'CREATE'), false)";
        let may_create: bool = client.query_one(may_create, &[]).await?.get(0);
        findings.push(match (may_create, found) {
            (true, 0) => Ok("it has no tables for holds; the proxy makes them when it starts".to_owned()),
            (true, _) => Ok(format!("its tables have version {found}; the proxy brings them to version {known}")),
            (false, _) => {
                Err("its user may not make tables; grant CREATE on the schema, or make the user its owner".to_owned())
            }
        });
    } else {
        findings.push(Ok(format!("its tables have version {found}")));
        findings.push(match missing_right(client).await? {
            None => Ok("its user may read and change holds".to_owned()),
            Some((right, table)) => Err(format!("its user lacks the right {right} on {table}")),
        });
    }
    Ok(findings)
}

async fn missing_right(client: &Client) -> Result<Option<(&'static str, &'static str)>, DatabaseError> {
    let needed = [
        ("ipam_proxy_hold", ["SELECT", "INSERT", "UPDATE", "DELETE"].as_slice()),
        ("ipam_proxy_space", ["SELECT", "INSERT", "UPDATE"].as_slice()),
        ("ipam_proxy_schema", ["SELECT"].as_slice()),
    ];
    for (table, rights) in needed {
        for right in rights {
            let has: bool =
                client.query_one("SELECT has_table_privilege($1::text, $2::text)", &[&table, right]).await?.get(0);
            if !has {
                return Ok(Some((right, table)));
            }
        }
    }
    let sequence = "SELECT has_sequence_privilege('ipam_proxy_event', 'USAGE')";
    let has: bool = client.query_one(sequence, &[]).await?.get(0);
    Ok((!has).then_some(("USAGE", "ipam_proxy_event")))
}
