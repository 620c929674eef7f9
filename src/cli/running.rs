//! The running proxy, asked over its control socket, which only its user and root can open.

use std::path::PathBuf;
use std::time::Duration;

use reqwest::{Client, Method, Response};

use super::CommandError;

/// Asks it. The routes are those of HTTPS, without a certificate.
pub(super) struct Running {
    client: Client,
}

impl Running {
    /// `within`: how long an answer may take.
    pub(super) fn at(socket: PathBuf, within: Duration) -> Result<Self, CommandError> {
        let client = Client::builder().unix_socket(socket).timeout(within).no_proxy().build();
        Ok(Self { client: client.map_err(CommandError::failed)? })
    }

    pub(super) async fn ask(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, String)],
    ) -> Result<Response, CommandError> {
        // The host is not looked at: the socket is where the request goes.
        let request = self.client.request(method, format!("http://localhost{path}")).query(query);
        let answer = request.send().await;
        answer.map_err(|error| no_answer(&error))
    }
}

pub(super) fn no_answer(error: &reqwest::Error) -> CommandError {
    CommandError::failed(format!("the running proxy gives no answer: {error}"))
}
