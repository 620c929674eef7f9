//! What a reload leaves as it was at the start: sockets that are bound, a directory whose lock is held, threads that run.

use crate::allocation::holds::Database;
use crate::settings::{ApiListener, Server, Settings};
use crate::telemetry::Options;

/// The settings of the start that only a restart changes.
#[derive(Debug, Clone)]
pub(super) struct RestartOnly {
    server: Server,
    database: Option<Database>,
    log: Options,
    has_tls: bool,
    api: Option<ApiListener>,
}

impl RestartOnly {
    /// Those of these settings.
    pub(super) fn of(settings: &Settings) -> Self {
        Self {
            server: settings.server.clone(),
            database: settings.database.clone(),
            log: settings.log.clone(),
            has_tls: settings.tls.is_some(),
            api: settings.api.listener.clone(),
        }
    }

    /// Puts the settings of the start back in, and names the keys that were to be changed.
    pub(super) fn restore(&self, settings: &mut Settings) -> Vec<&'static str> {
        let mut changed = Vec::new();
        let mut keep = |key, is_changed| {
            if is_changed {
                changed.push(key);
            }
        };
        let (old, new) = (&self.server, &settings.server);
        keep("bind_host", old.bind != new.bind);
        keep("http_port", old.http_port != new.http_port);
        keep("https_port", old.https_port != new.https_port && self.has_tls == settings.tls.is_some());
        keep("ssl_certificate, ssl_private_key and ssl_ca_file", self.has_tls != settings.tls.is_some());
        keep("state_directory", old.state_directory != new.state_directory);
        keep("database_url, database_password_file and database_timeout_seconds", self.database != settings.database);
        keep("dns_resolv_timeouts", old.dns_timeouts != new.dns_timeouts);
        keep("workers", old.workers != new.workers);
        keep("shutdown_seconds", old.shutdown != new.shutdown);
        keep("log_file", self.log.destination != settings.log.destination);
        keep("log_buffer", self.log.buffer != settings.log.buffer);
        keep("log_buffer_errors", self.log.error_buffer != settings.log.error_buffer);
        keep("enabled, bind_host and port of api.yml", self.api != settings.api.listener);
        settings.api.listener = self.api.clone();
        settings.database = self.database.clone();
        settings.log = Options { level: settings.log.level, ..self.log.clone() };
        settings.server = Server {
            trusted_hosts: settings.server.trusted_hosts.take(),
            forward_verify: settings.server.forward_verify,
            foreman_url: settings.server.foreman_url.take(),
            foreman_ssl_ca: settings.server.foreman_ssl_ca.take(),
            foreman_version: std::mem::take(&mut settings.server.foreman_version),
            ..self.server.clone()
        };
        changed
    }
}
