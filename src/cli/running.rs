//! The running proxy, asked over its control socket, which only its user and root can open.

use std::fs;
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::{Client, Method};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::CommandError;
use super::output::warn;
use crate::app::control_socket;
use crate::telemetry::with_causes;

/// How long the running proxy may take to forget free addresses.
const END_WITHIN: Duration = Duration::from_secs(5);

/// Does a proxy listen at this control socket? A link there is not followed: it could lead root to another program.
pub(super) fn listens(socket: &Path) -> bool {
    let is_socket = fs::symlink_metadata(socket).is_ok_and(|found| found.file_type().is_socket());
    is_socket && UnixStream::connect(socket).is_ok()
}

/// Asks it. The routes are those of HTTPS, without a certificate.
pub(super) struct Running {
    client: Client,
}

impl Running {
    /// `within`: how long an answer may take.
    pub(super) fn at(socket: PathBuf, within: Duration) -> Result<Self, CommandError> {
        let client = Client::builder().unix_socket(socket).timeout(within).no_proxy().build();
        Ok(Self { client: client.map_err(|error| CommandError::failed(with_causes(&error)))? })
    }

    /// What it answers; an answer with an `error` fails with that.
    pub(super) async fn read<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, String)],
    ) -> Result<T, CommandError> {
        // The host is not looked at: the socket is where the request goes.
        let request = self.client.request(method, format!("http://localhost{path}")).query(query);
        let response = request.send().await.map_err(no_answer)?;
        let strange = || {
            CommandError::failed(format!(
                "the running proxy answers {path} as no proxy of this version does; restart it after an upgrade"
            ))
        };
        let answer = response.json::<Value>().await;
        let answer = answer.map_err(|error| if error.is_timeout() { no_answer(error) } else { strange() })?;
        match answer.get("error").and_then(Value::as_str) {
            Some(error) => Err(CommandError::failed(error)),
            None => serde_json::from_value(answer).map_err(|_| strange()),
        }
    }
}

/// Has a running proxy forget which addresses were free before a change. It would offer them for a few seconds more.
pub(super) async fn end_batches(state_directory: &Path) {
    let socket = control_socket(state_directory);
    if !listens(&socket) {
        return;
    }
    let end = async { Running::at(socket, END_WITHIN)?.read::<Value>(Method::DELETE, "/ipam/candidates", &[]).await };
    if let Err(error) = end.await {
        warn(&format!(
            "{error}; for as long as candidate_seconds it may offer an address that was free before this change"
        ));
    }
}

fn no_answer(error: reqwest::Error) -> CommandError {
    // The URL says nothing: its host is made up.
    CommandError::failed(format!("the running proxy gives no answer: {}", with_causes(&error.without_url())))
}
