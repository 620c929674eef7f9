//! TLS and passwords on the way to the database.

use std::net::TcpListener;
use std::path::PathBuf;

use foreman_ipam_proxy::allocation::holds::{Database, check_database};
use ipam_simulators::postgres::Server;

use crate::certificates::{Certificate, Wish};
use crate::support::LIMIT;

/// What a check of the database says first.
async fn said(url: &str, password: &std::path::Path) -> String {
    let database = Database::new(url, Some(password.to_owned()), LIMIT).expect("a right URL");
    match check_database(&database).await.remove(0) {
        Ok(what) | Err(what) => what,
    }
}

#[tokio::test]
async fn certificates_and_passwords_are_checked_as_the_url_says() {
    let Some(mut server) = Server::start() else { return };
    let authority = Certificate::root("Authority of the database");
    let localhost = authority.sign(&Wish { addresses: vec!["127.0.0.1".to_owned()], ..Wish::host("db.example.com") });
    let certificate = server.write("server.pem", &localhost.pem());
    let key = server.write("server.key", &localhost.key_pem());
    let trusted = server.write("authority.pem", &authority.pem());
    server.sql("ipam", "ALTER USER ipam PASSWORD 'geheim'");
    server.write("data/pg_hba.conf", "hostssl all all 127.0.0.1/32 scram-sha-256 clientcert=verify-ca\n");
    let port = TcpListener::bind(("127.0.0.1", 0)).expect("a port").local_addr().expect("an address").port();
    let shown = |path: &PathBuf| path.display().to_string();
    let (certificate, key, trusted) = (shown(&certificate), shown(&key), shown(&trusted));
    server.restart_with(&format!(
        "-c listen_addresses=127.0.0.1 -c port={port} -c ssl=on -c ssl_cert_file={certificate} -c ssl_key_file={key} \
         -c ssl_ca_file={trusted}"
    ));
    let files = tempfile::tempdir().expect("a directory");
    let (own, own_key) = authority.host("proxy.example.com").write(files.path(), "proxy");
    let (right, wrong) = (files.path().join("right"), files.path().join("wrong"));
    std::fs::write(&right, "geheim\n").expect("written");
    std::fs::write(&wrong, "falsch\n").expect("written");
    let own = format!("sslcert={}&sslkey={}", shown(&own), shown(&own_key));
    let url = |host: &str, options: &str| format!("postgresql://ipam@{host}:{port}/ipam?{own}&{options}");
    let known = format!("sslrootcert={trusted}");

    assert_eq!(said(&url("127.0.0.1", &known), &right).await, format!("ipam at 127.0.0.1:{port} answers"));
    for options in ["sslmode=require", "sslmode=prefer"] {
        assert!(said(&url("127.0.0.1", options), &right).await.ends_with(" answers"), "{options}");
    }
    let other_name = format!("sslmode=verify-ca&{known}");
    assert!(said(&url("localhost", &other_name), &right).await.ends_with(" answers"));
    let refused = said(&url("localhost", &known), &right).await;
    assert!(refused.contains("cannot be connected to") && refused.contains("certificate verify failed"), "{refused}");
    let refused = said(&url("127.0.0.1", "sslrootcert=system"), &right).await;
    assert!(refused.contains("certificate verify failed"), "{refused}");
    let refused = said(&url("127.0.0.1", "sslmode=disable"), &right).await;
    assert!(refused.contains("no pg_hba.conf entry"), "{refused}");
    let refused = said(&url("127.0.0.1", &known), &wrong).await;
    assert!(refused.contains("password authentication failed") && !refused.contains("falsch"), "{refused}");
    let stranger = format!("postgresql://ipam@127.0.0.1:{port}/ipam?{known}");
    let refused = said(&stranger, &right).await;
    assert!(!refused.ends_with(" answers"), "{refused}");
}
