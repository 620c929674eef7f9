//! `check --running`: does the proxy that runs serve, and what trouble does it know of?
//!
//! It asks nothing of the IPAM: the proxy tells how the last call ended that needed the IPAM, which costs nearly nothing,
//! however often a container engine wants to know. Trouble is printed and is no failure, because a restart of the proxy
//! would mend neither the IPAM nor the settings.

use std::collections::BTreeMap;
use std::io::{Error, ErrorKind};
use std::path::Path;
use std::time::Duration;

use reqwest::Method;
use serde::Deserialize;
use serde_json::json;
use tokio::net::UnixStream;

use super::output::{say, say_json};
use super::running::Running;
use super::{CommandError, Outcome, load};
use crate::app::control_socket;
use crate::settings;

/// How long each answer may take: both together less than the ten seconds that a container engine may wait.
const ANSWER_WITHIN: Duration = Duration::from_secs(4);

/// A time after every log record, in seconds since 1970: only what stands beside the records is wanted.
const NO_RECORDS: &str = "1e18";

/// Of `/v2/features`, as [`details_of`](crate::http::foreman::details_of) makes it.
#[derive(Deserialize)]
struct Features {
    externalipam: Module,
}

#[derive(Deserialize)]
struct Module {
    /// `running` or `disabled`.
    state: String,
    settings: ModuleSettings,
}

#[derive(Deserialize)]
struct ModuleSettings {
    use_provider: String,
}

/// Of `/logs/`, whose `failed_modules` Foreman shows on the proxy's page.
#[derive(Deserialize)]
struct Logs {
    info: LogsInfo,
}

#[derive(Deserialize)]
struct LogsInfo {
    /// Trouble, one a line, by module.
    failed_modules: BTreeMap<String, String>,
}

pub(super) fn run(json: bool, directory: &Path) -> Outcome {
    // The settings may have become wrong since the proxy has read them; that is no reason to think it dead.
    let socket = control_socket(&settings::state_directory(directory));
    let (features, logs) = actix_web::rt::System::new().block_on(async {
        UnixStream::connect(&socket).await.map_err(|error| not_reached(&socket, &error, directory))?;
        let running = Running::at(socket, ANSWER_WITHIN)?;
        let features: Features = running.read(Method::GET, "/v2/features", &[]).await?;
        let no_records = [("from_timestamp", NO_RECORDS.to_owned())];
        let logs: Logs = running.read(Method::GET, "/logs/", &no_records).await?;
        Ok::<_, CommandError>((features, logs))
    })?;
    let Module { state, settings: ModuleSettings { use_provider } } = features.externalipam;
    let trouble: Vec<&str> = logs.info.failed_modules.values().flat_map(|text| text.lines()).collect();
    if json {
        say_json(&json!({"external_ipam": {"state": state, "use_provider": use_provider}, "trouble": trouble}));
        return Ok(());
    }
    say("proxy         serves");
    say(format!("External IPAM {state}, {use_provider}"));
    for line in &trouble {
        say(format!("trouble       {line}"));
    }
    if trouble.is_empty() {
        say("trouble       none");
    }
    Ok(())
}

/// Why there is nobody to ask. Wrong settings come first: with them no start would help.
fn not_reached(socket: &Path, error: &Error, directory: &Path) -> CommandError {
    let socket = socket.display();
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::ConnectionRefused => load(directory).err().unwrap_or_else(|| {
            CommandError::failed(format!(
                "no proxy listens at {socket}; start it, or name the directory of its settings with --config-dir"
            ))
        }),
        ErrorKind::PermissionDenied => {
            CommandError::failed(format!("{socket} may not be opened; run this as root or as the user of the service"))
        }
        _ => CommandError::failed(format!("{socket} cannot be opened: {error}")),
    }
}
