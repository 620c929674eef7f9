//! The tables in the database, and what `check` says of it.

use std::time::Duration;

use foreman_ipam_proxy::allocation::holds::{Database, Place, check_database};
use foreman_ipam_proxy::telemetry::request_id::RequestId;
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

/// What a server without statistics reads of the table of holds.
fn read_rows(server: &Server) -> u64 {
    let read = "SELECT (SELECT sum(seq_tup_read) FROM pg_stat_user_tables WHERE relname = 'ipam_proxy_hold') \
        + (SELECT sum(idx_tup_read) FROM pg_stat_user_indexes WHERE relname = 'ipam_proxy_hold')";
    server.sql("ipam", read).parse().expect("a number")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_question_reads_what_it_does_not_need_without_statistics() {
    let Some(server) = Server::start_with("-c autovacuum=off") else { return };
    let (wide, narrow) = (scope("vrf 1", "10.0.0.0/8"), scope("vrf 1", "10.0.100.0/24"));
    granted(&*place(&server.url()), &wide, None).await;
    let fill = "INSERT INTO ipam_proxy_hold (space, address, prefix, state, granted, ends, event, confirmed, trace_request) \
        SELECT id, '\\x04'::bytea || decode(lpad(to_hex(167772160 + n), 8, '0'), 'hex'), '10.0.0.0/8', 'offered', 0, \
        (extract(epoch FROM now()) * 1000)::bigint + 3600000, n, 0, 'request-' || n \
        FROM ipam_proxy_space, generate_series(2, 50001) n";
    server.sql("ipam", fill);
    server.sql("ipam", "UPDATE ipam_proxy_space SET held = held + 50000");
    let questions = [
        ("list", 1000),
        ("held in a small subnet", 1000),
        // A slice of 10,000 after the other, each row once.
        ("held in a large subnet", 60_000),
        ("find", 10),
        ("traced", 10),
        ("pending", 10),
        ("sweep with nothing ended", 10),
        // Each of the 3000 is found and removed.
        ("sweep", 15_000),
    ];
    for (question, at_most) in questions {
        if question == "sweep" {
            server.sql("ipam", "UPDATE ipam_proxy_hold SET ends = 0 WHERE event BETWEEN 2 AND 3001");
        }
        let before = read_rows(&server);
        let place = place(&server.url());
        let is_right = match question {
            "list" => place.list(None, 100).await.is_ok_and(|held| held.len() == 100),
            "held in a small subnet" => place.held(&narrow).await.is_ok_and(|held| held.addresses.len() == 256),
            "held in a large subnet" => place.held(&wide).await.is_ok_and(|held| held.addresses.len() == 50_001),
            "find" => place.find(crate::support::ip("10.0.0.9")).await.is_ok_and(|held| held.len() == 1),
            "traced" => {
                let request = RequestId::parse("request-9").expect("an id");
                place.traced(&request).await.is_ok_and(|held| held.len() == 1)
            }
            "pending" => place.pending().await.is_ok_and(|held| held.is_empty()),
            _ => place.sweep().await.is_ok(),
        };
        assert!(is_right, "{question}");
        // A connection counts what it has read when it ends.
        drop(place);
        tokio::time::sleep(Duration::from_secs(1)).await;
        let read = read_rows(&server) - before;
        assert!(read <= at_most, "{question} reads {read} rows");
    }
    assert_eq!(server.sql("ipam", "SELECT count(*) FROM ipam_proxy_hold WHERE ends = 0"), "0");
}
