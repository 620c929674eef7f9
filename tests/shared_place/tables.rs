//! The tables in the database, and what `check` says of it.

use foreman_ipam_proxy::allocation::holds::{Database, Place, check_database};
use futures_util::future::join_all;
use ipam_simulators::postgres::{Server, Stop};

use crate::support::{LIMIT, database, granted, place, scope};

#[tokio::test]
async fn proxies_that_start_at_once_make_the_tables_once() {
    let Some(server) = Server::start() else { return };
    let places: Vec<_> = (0..8).map(|_| place(&server.url())).collect();
    let moments = join_all(places.iter().map(|place| place.moment())).await;
    assert!(moments.iter().all(Result::is_ok), "{moments:?}");
    assert_eq!(server.sql("ipam", "SELECT subject, version FROM ipam_proxy_schema"), "holds|1");
}

#[tokio::test]
async fn tables_of_a_newer_program_are_left_alone() {
    let Some(server) = Server::start() else { return };
    assert!(place(&server.url()).moment().await.is_ok());
    server.sql("ipam", "UPDATE ipam_proxy_schema SET version = 2");
    let place = place(&server.url());
    assert!(place.moment().await.is_err());
    assert!(place.trouble().is_some_and(|trouble| trouble.contains("the tables in the database have version 2")));
    assert!(said(&database(&server.url())).await.contains("FAULT the tables in the database have version 2"));
}

async fn said(database: &Database) -> String {
    let findings = check_database(database).await;
    let lines = findings.iter().map(|found| match found {
        Ok(what) => format!(
            "ok {what}
"
        ),
        Err(what) => format!(
            "FAULT {what}
"
        ),
    });
    lines.collect()
}

#[tokio::test]
async fn check_names_what_is_wrong() {
    let Some(server) = Server::start() else { return };
    let found = said(&database(&server.url())).await;
    assert!(
        found.contains("ok it has no tables for holds; the proxy makes them when it starts")
            && !found.contains("FAULT"),
        "{found}"
    );
    assert_eq!(server.sql("ipam", "SELECT to_regclass('ipam_proxy_schema')"), "", "a check makes nothing");

    server.sql("ipam", "CREATE USER other");
    let other = database(&server.url_through(server.directory(), "other", "ipam"));
    let is_fault = said(&other).await.contains("FAULT its user may not make tables");
    let public_may: bool = server.sql("ipam", "SHOW server_version_num").parse::<u32>().expect("a number") < 150_000;
    assert_eq!(is_fault, !public_may);

    granted(&*place(&server.url()), &scope("vrf 1", "10.0.0.0/24"), None).await;
    let found = said(&database(&server.url())).await;
    assert!(found.contains("ok its user may read and change holds"), "{found}");
    server.sql("ipam", "GRANT SELECT ON ipam_proxy_schema, ipam_proxy_hold, ipam_proxy_space TO other");
    let found = said(&other).await;
    assert!(found.contains("FAULT its user lacks the right INSERT on ipam_proxy_hold"), "{found}");

    let found = said(&database(&server.url_through(server.directory(), "ipam", "absent"))).await;
    assert!(
        found.contains(r#"FAULT the database absent at "#) && found.contains(r#"database "absent" does not exist"#),
        "{found}"
    );

    let missing = Database::new(&server.url(), Some("/nonexistent/password".into()), LIMIT).expect("a right URL");
    assert!(
        said(&missing).await.contains("FAULT /nonexistent/password cannot be used for the connection to the database")
    );

    server.stop(Stop::Fast);
    let found = said(&database(&server.url())).await;
    assert!(found.starts_with("FAULT the database ipam at ") && found.contains("cannot be connected to"), "{found}");
}

#[tokio::test]
async fn a_restored_backup_with_other_spaces_is_no_danger() {
    let Some(server) = Server::start() else { return };
    let place = place(&server.url());
    let scope = scope("vrf 1", "10.0.0.0/24");
    granted(&*place, &scope, None).await;
    // Another database in place of this one: the tables are made again, whatever the connections knew.
    server
        .sql("ipam", "DROP TABLE ipam_proxy_hold, ipam_proxy_space, ipam_proxy_schema; DROP SEQUENCE ipam_proxy_event");
    assert!(place.moment().await.is_err() || place.count().await.is_err());
    server.stop(Stop::Fast);
    server.start_again();
    assert_eq!(granted(&*place, &scope, None).await, crate::support::ip("10.0.0.1"));
}
