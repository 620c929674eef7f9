//! `serve`: runs the proxy.

use std::path::Path;

use clap::Args;

use super::{CommandError, Outcome};
use crate::app::{self, Mode, StartError};
use crate::telemetry::{FATAL, with_causes};

/// Arguments of `serve`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Try it out: plain HTTP on loopback and an embedded IPAM with samples, all gone when it ends.
    #[cfg(feature = "internal")]
    #[arg(long)]
    demo: bool,
}

pub(super) fn run(arguments: Arguments, directory: &Path) -> Outcome {
    #[cfg(feature = "internal")]
    if arguments.demo {
        let demo = super::demo::Demo::prepare()?;
        return start(demo.directory(), Mode::Demo, |app| demo.explain(app));
    }
    let _ = arguments;
    start(directory, Mode::Production, |_| {})
}

fn start(directory: &Path, mode: Mode, when_ready: impl FnOnce(&app::App)) -> Outcome {
    actix_web::rt::System::new().block_on(async {
        let app = app::App::build(directory, mode).await;
        let app = app.inspect_err(|error| log_fatal(&format!("The proxy does not start: {}", with_causes(error))))?;
        when_ready(&app);
        let served = app.run().await;
        served.inspect_err(|error| log_fatal(&format!("The proxy has failed: {error}"))).map_err(CommandError::failed)
    })
}

/// Standard error may go nowhere; the log, if it came so far, is where people look.
fn log_fatal(text: &str) {
    log::error!(target: FATAL, "{text}");
    log::logger().flush();
}

impl From<StartError> for CommandError {
    fn from(error: StartError) -> Self {
        match error {
            StartError::Settings(faults) => Self::Settings(faults),
            // The files are named in the settings, and `check` says the same of them.
            StartError::Tls(_) => Self::Unusable(with_causes(&error)),
            other => Self::failed(with_causes(&other)),
        }
    }
}
