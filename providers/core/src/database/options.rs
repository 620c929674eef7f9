//! What `database_url` says, and how a connection is opened by it.
//!
//! The URL is libpq's: `postgresql://user@host:port,host2/database?sslmode=verify-full`. The client library leaves libpq's
//! options for TLS to its users, so they are taken out here.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use openssl::ssl::{SslConnector, SslFiletype, SslMethod, SslVerifyMode};
use percent_encoding::percent_decode_str;
use postgres_openssl::MakeTlsConnector;
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};
use tokio_postgres::{Client, Config};

use super::error::DatabaseError;

/// What is wrong with a `database_url`, never with the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// It cannot be read.
    #[error(
        "write postgresql://user@host:port/database; of libpq's options sslmode, sslrootcert, sslcert and sslkey are known"
    )]
    Malformed,
    /// It has a password.
    #[error("leave the password out, and name a file that holds it in database_password_file")]
    HasPassword,
}

/// How much of the server's certificate is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verify {
    Nothing,
    Authority,
    Name,
}

/// The database that several proxies share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Database {
    config: Config,
    verify: Verify,
    authorities: Option<PathBuf>,
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
    password_file: Option<PathBuf>,
    timeout: Duration,
}

impl Database {
    /// The database that a URL names. Nothing that is asked of it takes longer than `timeout`. The password is read
    /// from the file for each connection, so that it can be changed while the proxy runs.
    ///
    /// # Errors
    /// When the URL cannot be read, or has a password.
    pub fn new(url: &str, password_file: Option<PathBuf>, timeout: Duration) -> Result<Self, UrlError> {
        let (base, query) = url.split_once('?').unwrap_or((url, ""));
        let (mut mode, mut authorities, mut certificate, mut key) = (None, None, None, None);
        let mut others = Vec::new();
        for option in query.split('&').filter(|option| !option.is_empty()) {
            let (name, value) = option.split_once('=').ok_or(UrlError::Malformed)?;
            let value = percent_decode_str(value).decode_utf8().map_err(|_| UrlError::Malformed)?;
            match name {
                "sslmode" => mode = Some(value.into_owned()),
                "sslrootcert" if value == "system" => {}
                "sslrootcert" => authorities = Some(path(&value)?),
                "sslcert" => certificate = Some(path(&value)?),
                "sslkey" => key = Some(path(&value)?),
                _ => others.push(option),
            }
        }
        let is_postgres = ["postgresql://", "postgres://"].iter().any(|scheme| base.starts_with(scheme));
        if !is_postgres || certificate.is_some() != key.is_some() {
            return Err(UrlError::Malformed);
        }
        let url = if others.is_empty() { base.to_owned() } else { format!("{base}?{}", others.join("&")) };
        let mut config: Config = url.parse().map_err(|_| UrlError::Malformed)?;
        if config.get_password().is_some() {
            return Err(UrlError::HasPassword);
        }
        if config.get_hosts().is_empty() || config.get_user().is_none() {
            return Err(UrlError::Malformed);
        }
        let (ssl_mode, verify) = match mode.as_deref() {
            Some("disable") => (SslMode::Disable, Verify::Nothing),
            Some("allow" | "prefer") => (SslMode::Prefer, Verify::Nothing),
            // As libpq: with a file of authorities they are checked.
            Some("require") if authorities.is_none() => (SslMode::Require, Verify::Nothing),
            Some("require" | "verify-ca") => (SslMode::Require, Verify::Authority),
            None | Some("verify-full") => (SslMode::Require, Verify::Name),
            Some(_) => return Err(UrlError::Malformed),
        };
        let hosts = u32::try_from(config.get_hosts().len()).unwrap_or(u32::MAX);
        config.ssl_mode(ssl_mode);
        // There is no TLS over a socket of the machine.
        if config.get_hosts().iter().all(|host| matches!(host, Host::Unix(_))) {
            config.ssl_mode(SslMode::Disable);
        }
        if config.get_application_name().is_none() {
            config.application_name("foreman-ipam-proxy");
        }
        // Of several hosts the one that takes writes.
        if !query.contains("target_session_attrs=") {
            config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(timeout / (hosts + 1));
        }
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(timeout);
        }
        Ok(Self { config, verify, authorities, certificate, key, password_file, timeout })
    }

    /// How long anything that is asked of the database may take.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// The file that holds the password.
    pub fn password_file(&self) -> Option<&Path> {
        self.password_file.as_deref()
    }

    /// Opens a connection, and runs it in the background of the caller's runtime.
    ///
    /// # Errors
    /// When there is no connection in time, and when a file that is needed for it cannot be read.
    pub async fn connect(&self) -> Result<Client, DatabaseError> {
        let mut config = self.config.clone();
        if let Some(file) = &self.password_file {
            let password = fs::read_to_string(file).map_err(|error| unusable(file, error))?;
            config.password(password.trim_end_matches(['\r', '\n']));
        }
        let connecting = tokio::time::timeout(self.timeout, config.connect(self.tls()?)).await;
        let connected = connecting.map_err(|_| DatabaseError::TimedOut(self.timeout))?;
        let (client, connection) = connected.map_err(|error| DatabaseError::Connect(self.to_string(), error))?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                log::debug!("A connection to the database ended: {error}");
            }
        });
        Ok(client)
    }

    /// Time limits of a connection: the server gives up what this program has given up, and keeps no lock for a proxy that is
    /// gone.
    pub fn limits(&self) -> String {
        let limit = self.timeout.as_millis();
        format!(
            "SET statement_timeout = {limit}; SET lock_timeout = {limit}; SET idle_in_transaction_session_timeout = {limit}"
        )
    }

    /// TLS as the URL asks for it. The files are read for each connection, so that they can be replaced.
    fn tls(&self) -> Result<MakeTlsConnector, DatabaseError> {
        let failed = |error| DatabaseError::File("OpenSSL".to_owned(), Box::new(error));
        let mut builder = SslConnector::builder(SslMethod::tls_client()).map_err(failed)?;
        if let Some(file) = &self.authorities {
            builder.set_ca_file(file).map_err(|error| unusable(file, error))?;
        }
        if let (Some(certificate), Some(key)) = (&self.certificate, &self.key) {
            builder.set_certificate_chain_file(certificate).map_err(|error| unusable(certificate, error))?;
            builder.set_private_key_file(key, SslFiletype::PEM).map_err(|error| unusable(key, error))?;
        }
        if self.verify == Verify::Nothing {
            builder.set_verify(SslVerifyMode::NONE);
        }
        let mut connector = MakeTlsConnector::new(builder.build());
        let checks_name = self.verify == Verify::Name;
        connector.set_callback(move |connection, _| {
            connection.set_verify_hostname(checks_name);
            Ok(())
        });
        Ok(connector)
    }
}

/// Sets how the statements of a connection are planned. The plan of a prepared statement would be made once, when a new table
/// is still small, and read all of it later, so each is planned when it is used; `further` are settings of the tables' own. A
/// database without one of these settings has no such plans.
///
/// # Errors
/// When the connection is lost.
pub async fn plan_each_time(client: &Client, further: &'static str) -> Result<(), tokio_postgres::Error> {
    for setting in ["SET plan_cache_mode = force_custom_plan", further] {
        match client.batch_execute(setting).await {
            Err(error) if error.as_db_error().is_none() => return Err(error),
            Ok(()) | Err(_) => {}
        }
    }
    Ok(())
}

/// The hosts and the name of the database: nothing that is secret.
impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hosts = self.config.get_hosts().iter().map(|host| match host {
            Host::Tcp(name) => name.clone(),
            Host::Unix(directory) => directory.display().to_string(),
        });
        let ports: Vec<u16> = self.config.get_ports().to_vec();
        let port = |index: usize| ports.get(index).or(ports.first()).copied().unwrap_or(5432);
        let hosts: Vec<String> = hosts.enumerate().map(|(index, host)| format!("{host}:{}", port(index))).collect();
        let name = self.config.get_dbname().or(self.config.get_user()).unwrap_or_default();
        write!(f, "{name} at {}", hosts.join(" or "))
    }
}

fn path(value: &str) -> Result<PathBuf, UrlError> {
    Some(PathBuf::from(value)).filter(|path| path.is_absolute()).ok_or(UrlError::Malformed)
}

fn unusable(file: &Path, error: impl std::error::Error + Send + Sync + 'static) -> DatabaseError {
    DatabaseError::File(file.display().to_string(), Box::new(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(url: &str) -> Result<Database, UrlError> {
        Database::new(url, None, Duration::from_secs(5))
    }

    fn right(url: &str) -> Database {
        read(url).expect("a right URL")
    }

    #[test]
    fn certificates_are_verified_with_the_name_unless_the_url_says_otherwise() {
        let modes = [
            ("", SslMode::Require, Verify::Name),
            ("?sslmode=disable", SslMode::Disable, Verify::Nothing),
            ("?sslmode=prefer", SslMode::Prefer, Verify::Nothing),
            ("?sslmode=require", SslMode::Require, Verify::Nothing),
            ("?sslmode=require&sslrootcert=/etc/ssl/db.pem", SslMode::Require, Verify::Authority),
            ("?sslmode=verify-ca", SslMode::Require, Verify::Authority),
            ("?sslmode=verify-full&sslrootcert=system", SslMode::Require, Verify::Name),
        ];
        for (options, mode, verify) in modes {
            let database = right(&format!("postgresql://ipam@db.example.com/ipam{options}"));
            assert_eq!((database.config.get_ssl_mode(), database.verify), (mode, verify), "{options}");
        }
    }

    #[test]
    fn several_hosts_are_shown_without_anything_secret() {
        let database = right("postgresql://ipam@db1.example.com:5433,db2.example.com:5434/holds?keepalives_idle=30");
        assert_eq!(database.to_string(), "holds at db1.example.com:5433 or db2.example.com:5434");
        let database = right("postgresql://ipam@%2Fvar%2Frun%2Fpostgresql/holds");
        assert_eq!(database.to_string(), "holds at /var/run/postgresql:5432");
        assert_eq!(database.config.get_ssl_mode(), SslMode::Disable);
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        assert_eq!(read("postgresql://ipam:geheim@db/ipam"), Err(UrlError::HasPassword));
        for url in [
            "mysql://ipam@db/ipam",
            "db.example.com",
            "postgresql://db/ipam",
            "postgresql://ipam@db/ipam?sslmode=maybe",
            "postgresql://ipam@db/ipam?sslcert=/a.pem",
            "postgresql://ipam@db/ipam?sslrootcert=a.pem",
            "postgresql://ipam@db/ipam?unknown=1",
            "host=db user=ipam",
        ] {
            assert_eq!(read(url), Err(UrlError::Malformed), "{url}");
        }
    }
}
