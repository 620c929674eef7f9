//! The database that several proxies share.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use ipam_provider::settings::{Problem, Section};

use super::is_given;
use crate::allocation::holds::{Database, UrlError};

/// Settings of the database, in `settings.yml`; `None` without `database_url`, or when there was a fault.
pub(super) fn read(section: &mut Section) -> Option<Database> {
    let timeout = section.seconds("database_timeout_seconds", 1..=27).unwrap_or(Duration::from_secs(5));
    let password_file = section.path("database_password_file");
    let url = section.text("database_url");
    if url.is_none() && password_file.is_some() && !is_given(section, "database_url") {
        section.problem("database_password_file", "is set without database_url", "set both, or neither");
    }
    match Database::new(&url?, password_file, timeout) {
        Ok(database) => Some(database),
        Err(error @ UrlError::Malformed) => {
            section.problem("database_url", "has a value that cannot be used", error.to_string());
            None
        }
        Err(error @ UrlError::HasPassword) => {
            section.problem("database_url", "has a password in it", error.to_string());
            None
        }
    }
}

/// The password's file, if everybody on the machine may read it.
pub(super) fn readable_by_others(database: &Database) -> Option<Problem> {
    let file = database.password_file()?;
    let is_exposed = fs::metadata(file).is_ok_and(|found| found.permissions().mode() & 0o004 != 0);
    is_exposed.then(|| Problem {
        file: file.display().to_string(),
        key: None,
        what: "can be read by everybody on this machine and holds a secret".to_owned(),
        right: "take that right away with chmod o-r".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::settings::testing::{faults, section};

    fn wrong(settings: Value) -> String {
        let mut section = section(settings);
        assert_eq!(read(&mut section), None);
        faults(section)
    }

    #[test]
    fn without_a_url_there_is_no_database() {
        assert_eq!(wrong(json!({})), "");
        assert_eq!(wrong(json!({"database_timeout_seconds": 3})), "");
    }

    #[test]
    fn a_url_is_read() {
        let mut right = section(json!({
            "database_url": "postgresql://ipam@db.example.com/ipam", "database_password_file": "/etc/ipam/password",
            "database_timeout_seconds": 3,
        }));
        let database = read(&mut right).expect("a database");
        assert_eq!(database.to_string(), "ipam at db.example.com:5432");
        assert_eq!(database.timeout(), Duration::from_secs(3));
        assert_eq!(faults(right), "");
    }

    #[test]
    fn a_fault_never_shows_the_value() {
        insta::assert_snapshot!(wrong(json!({"database_url": "postgresql://ipam:geheim@db/ipam"})), @"test.yml: database_url has a password in it; leave the password out, and name a file that holds it in database_password_file");
        insta::assert_snapshot!(wrong(json!({"database_url": "geheim"})), @"test.yml: database_url has a value that cannot be used; write postgresql://user@host:port/database; of libpq's options sslmode, sslrootcert, sslcert and sslkey are known");
        insta::assert_snapshot!(wrong(json!({"database_password_file": "/etc/ipam/password"})), @"test.yml: database_password_file is set without database_url; set both, or neither");
    }
}
