//! The PostgreSQL that several proxies share: one of the program's own, or one that runs.

use std::sync::Arc;
use std::time::Duration;

use ipam_provider::database::Database as Options;
use ipam_simulators::postgres::{Server, Stop};

use crate::own_proxy::ProxyError;

/// How long the database may take to answer a reader.
const TIMEOUT: Duration = Duration::from_secs(20);

/// Which database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// A PostgreSQL that the program starts itself, in a directory of its own, and ends with the run.
    Own,
    /// The one at this URL, as in the proxy's setting `database_url`.
    Url(String),
}

impl From<&str> for Choice {
    fn from(text: &str) -> Self {
        match text {
            "own" => Self::Own,
            url => Self::Url(url.to_owned()),
        }
    }
}

/// What the proxies are told of it.
pub(crate) enum Database {
    Own(Arc<Server>),
    Url(String),
}

impl Database {
    /// Starts it, or takes the one that runs.
    pub(crate) async fn start(choice: &Choice) -> Result<Self, ProxyError> {
        match choice {
            Choice::Url(url) => Ok(Self::Url(url.clone())),
            Choice::Own => {
                let started = tokio::task::spawn_blocking(Server::start).await.expect("no panic");
                let server = started.ok_or(ProxyError::Setup("PostgreSQL's programs are not installed"))?;
                Ok(Self::Own(Arc::new(server)))
            }
        }
    }

    /// Ends it with all its connections, as a crash does, and starts it again.
    pub(crate) async fn restart(&self) -> Result<(), ProxyError> {
        let Self::Own(server) = self else {
            return Err(ProxyError::Setup("only a database of the program's own is restarted: --database own"));
        };
        let server = server.clone();
        let restarted = tokio::task::spawn_blocking(move || {
            server.stop(Stop::Immediate);
            server.start_again();
        });
        restarted.await.expect("no panic");
        Ok(())
    }

    fn url(&self) -> String {
        match self {
            Self::Url(url) => url.clone(),
            Self::Own(server) => server.url(),
        }
    }

    /// Lines of settings that name it.
    pub(crate) fn settings(&self) -> Vec<String> {
        vec![format!("database_url: '{}'", self.url())]
    }

    /// For those who read what the proxies have written.
    pub(crate) fn options(&self) -> Result<Options, ProxyError> {
        Options::new(&self.url(), None, TIMEOUT).map_err(|_| ProxyError::Setup("the database's URL cannot be read"))
    }
}

/// Why no PostgreSQL can be started here; `None` when one can.
pub fn missing() -> Option<&'static str> {
    (!ipam_simulators::postgres::is_installed()).then_some("PostgreSQL's programs are not installed")
}
