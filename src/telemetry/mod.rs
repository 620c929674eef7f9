//! The log: one line per record to one destination, and the last records in memory for Foreman's log page.
//!
//! Records are written with the macros of `log`. Our own modules log from the level in the settings up; other crates
//! only from warnings up. Nothing here reads `RUST_LOG`. A line is
//!
//! ```text
//! 2026-11-20T17:49:08 0a1b2c3d [I] Started GET /version
//! ```
//!
//! with the local time, the first 8 characters of the [request id](request_id) (`--------` outside of requests), the
//! first letter of the `Level`, and the message on one line. Syslog and the journal, which have time and level
//! already, get `0a1b2c3d message`, or only the message outside of requests.

mod causes;
mod destination;
mod level;
mod line;
mod lines;
mod panics;
pub mod request_id;
mod ring;
mod writer;

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use jiff::Timestamp;
use log::{LevelFilter, Log, Metadata, Record};

pub(crate) use self::causes::with_causes;
pub(crate) use self::destination::{Destination, is_writable};
pub(crate) use self::level::Level;
pub(crate) use self::ring::{Entry, Ring};

use self::destination::Sink;
use self::line::{Shape, one_line};
use self::writer::Writer;

/// The target of records that end the process: `log::error!(target: telemetry::FATAL, "…")`.
pub(crate) const FATAL: &str = "fatal";

/// How the targets of our own crates begin: this one, the providers, and the embedded IPAM's store.
const OUR_TARGETS: [&str; 3] = ["foreman_ipam_proxy", "ipam_provider", "ipam_store"];

/// How long the end of the process, a panic or `log::logger().flush()` waits for the destination.
const FLUSH_AT_MOST: Duration = Duration::from_secs(2);

/// How long [`Telemetry::reopen`] waits for lines that are still being written.
const REOPEN_AT_MOST: Duration = Duration::from_secs(5);

/// What the settings say about the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Options {
    /// Where lines go.
    pub(crate) destination: Destination,
    /// The least level that is logged and buffered.
    pub(crate) level: Level,
    /// How many records the buffer holds.
    pub(crate) buffer: usize,
    /// How many older warnings and errors it holds beyond those.
    pub(crate) error_buffer: usize,
}

/// The log cannot be started.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    /// The destination cannot be opened.
    #[error("the log cannot be written to {destination}")]
    Destination {
        /// The destination.
        destination: Destination,
        /// Why not.
        source: io::Error,
    },
    /// This process has a logger already.
    #[error("the log has been started before")]
    Twice,
}

/// The running log. Clones are handles on the same one.
#[derive(Clone)]
pub(crate) struct Telemetry {
    shared: Arc<Shared>,
}

struct Shared {
    shape: Shape,
    writer: Writer,
    ring: Arc<Ring>,
    /// env_logger fixes its filter when it is built; a new level is a new one.
    filtered: ArcSwap<env_logger::Logger>,
    is_global: AtomicBool,
}

impl Telemetry {
    /// Starts the log and makes it the logger of the process, for panics too.
    ///
    /// # Errors
    ///
    /// When the destination cannot be opened, and on a second call.
    pub(crate) fn init(options: &Options) -> Result<Self, StartError> {
        let telemetry = Self::build(options)?;
        log::set_boxed_logger(Box::new(telemetry.clone())).map_err(|_| StartError::Twice)?;
        telemetry.shared.is_global.store(true, Ordering::Relaxed);
        log::set_max_level(options.level.filter());
        panics::log_from_now_on();
        Ok(telemetry)
    }

    /// Could the log be started? Creates nothing.
    ///
    /// # Errors
    ///
    /// When the destination cannot be opened.
    pub(crate) fn check(options: &Options) -> Result<(), StartError> {
        let failed = |source| StartError::Destination { destination: options.destination.clone(), source };
        options.destination.check().map_err(failed)
    }

    /// Starts the log without making it the logger of the process: only what is given to [`Log::log`] is logged.
    ///
    /// # Errors
    ///
    /// When the destination cannot be opened.
    pub(crate) fn build(options: &Options) -> Result<Self, StartError> {
        let shape = options.destination.shape();
        let failed = |source| StartError::Destination { destination: options.destination.clone(), source };
        let complain = match shape {
            Shape::Full => |lost| losses(Shape::Full, lost),
            Shape::Journal => |lost| losses(Shape::Journal, lost),
            Shape::Syslog => |lost| losses(Shape::Syslog, lost),
        };
        let sink = Sink::open(&options.destination).map_err(failed)?;
        let writer = Writer::start(sink, complain).map_err(failed)?;
        Ok(Self {
            shared: Arc::new(Shared {
                shape,
                filtered: ArcSwap::from_pointee(filtered(options.level, shape, writer.clone())),
                writer,
                ring: Arc::new(Ring::new(options.buffer, options.error_buffer)),
                is_global: AtomicBool::new(false),
            }),
        })
    }

    /// The last records.
    pub(crate) fn ring(&self) -> Arc<Ring> {
        Arc::clone(&self.shared.ring)
    }

    /// Logs from another level on.
    pub(crate) fn set_level(&self, level: Level) {
        let logger = filtered(level, self.shared.shape, self.shared.writer.clone());
        self.shared.filtered.store(Arc::new(logger));
        if self.shared.is_global.load(Ordering::Relaxed) {
            log::set_max_level(level.filter());
        }
    }

    /// Opens the log file anew, as logrotate asks for; other destinations need nothing. Waits up to 5 seconds, for a
    /// destination that hangs.
    ///
    /// # Errors
    ///
    /// When that fails. The old file stays in use, and an error in it says so.
    pub(crate) fn reopen(&self) -> io::Result<()> {
        let reopened = self.shared.writer.reopen(REOPEN_AT_MOST);
        if let Err(error) = &reopened {
            let text = format_args!("The log file cannot be opened anew, so the old one stays in use: {error}");
            self.log(&Record::builder().level(log::Level::Error).target(module_path!()).args(text).build());
        }
        reopened
    }
}

impl fmt::Debug for Telemetry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Telemetry").field("shape", &self.shared.shape).finish_non_exhaustive()
    }
}

impl Log for Telemetry {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.shared.filtered.load().enabled(metadata)
    }

    fn log(&self, record: &Record<'_>) {
        let filtered = self.shared.filtered.load();
        if !filtered.matches(record) {
            return;
        }
        let message = one_line(record.args());
        let metadata = record.metadata();
        filtered.log(&Record::builder().metadata(metadata.clone()).args(format_args!("{message}")).build());
        self.shared.ring.push(Entry {
            timestamp: Timestamp::now().as_microsecond() as f64 / 1e6,
            level: Level::of(metadata),
            message,
            request_id: request_id::current(),
            backtrace: panics::take_backtrace(),
        });
    }

    /// Waits until what was logged is written, for at most 2 seconds.
    fn flush(&self) {
        // A destination that hangs is no reason to hang with it, and there is nowhere to say so.
        let _ = self.shared.writer.flush(FLUSH_AT_MOST);
    }
}

/// An env_logger that lets the right records through and writes them as lines of `shape`.
fn filtered(level: Level, shape: Shape, writer: Writer) -> env_logger::Logger {
    let ours = if level < Level::Fatal { level.filter() } else { LevelFilter::Off };
    let mut builder = env_logger::Builder::new();
    builder.filter_level(ours.min(LevelFilter::Warn)).filter_module(FATAL, level.filter());
    for target in OUR_TARGETS {
        builder.filter_module(target, ours);
    }
    builder.target(env_logger::Target::Pipe(Box::new(writer)));
    builder.format(move |buffer, record| {
        let id = request_id::current();
        let id = id.as_ref().map(request_id::RequestId::short);
        shape.write(buffer, Level::of(record.metadata()), id, record.args())
    });
    builder.build()
}

fn losses(shape: Shape, lost: u64) -> Vec<u8> {
    let message = format!("{lost} log lines were lost because they could not be written fast enough or at all");
    let mut line = Vec::new();
    shape.write(&mut line, Level::Warn, None, message).expect("memory takes every line");
    line
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use super::request_id::RequestId;
    use super::*;

    struct Subject {
        telemetry: Telemetry,
        path: PathBuf,
        _directory: tempfile::TempDir,
    }

    impl Subject {
        fn new(level: Level) -> Self {
            let directory = tempfile::tempdir().expect("a directory");
            let path = directory.path().join("proxy.log");
            let destination = Destination::File(path.clone());
            let options = Options { destination, level, buffer: 10, error_buffer: 10 };
            let telemetry = Telemetry::build(&options).expect("a log");
            Self { telemetry, path, _directory: directory }
        }

        fn log(&self, level: log::Level, target: &str, message: &str) {
            self.telemetry.log(&Record::builder().level(level).target(target).args(format_args!("{message}")).build());
        }

        /// What is in the file, without the times.
        fn lines(&self) -> Vec<String> {
            self.telemetry.flush();
            let text = fs::read_to_string(&self.path).expect("a log");
            text.lines().map(|line| line["2026-11-20T17:49:08 ".len()..].to_owned()).collect()
        }

        fn buffered(&self) -> Vec<String> {
            self.telemetry.ring().snapshot(None).into_iter().map(|entry| entry.message).collect()
        }
    }

    const OURS: &str = "foreman_ipam_proxy::http";

    #[test]
    fn a_record_becomes_a_line_and_an_entry() {
        let subject = Subject::new(Level::Info);
        let before = Timestamp::now().as_microsecond() as f64 / 1e6;
        subject.log(log::Level::Info, OURS, "Ready\nor not");
        assert_eq!(subject.lines(), [r"-------- [I] Ready\nor not"]);
        let entries = subject.telemetry.ring().snapshot(None);
        assert_eq!((entries[0].level, entries[0].message.as_str()), (Level::Info, r"Ready\nor not"));
        assert!((before..before + 60.0).contains(&entries[0].timestamp));
        assert_eq!((&entries[0].request_id, &entries[0].backtrace), (&None, &None));
    }

    #[tokio::test]
    async fn inside_a_request_its_id_is_on_the_line_and_in_the_entry() {
        let subject = Subject::new(Level::Info);
        let id = RequestId::parse("0a1b2c3d-0000-4000-8000-000000000000").expect("an id");
        request_id::scope(id, async { subject.log(log::Level::Warn, OURS, "Slow") }).await;
        assert_eq!(subject.lines(), ["0a1b2c3d [W] Slow"]);
        let entries = subject.telemetry.ring().snapshot(None);
        assert_eq!(entries[0].request_id.as_ref().map(RequestId::short), Some("0a1b2c3d"));
    }

    #[test]
    fn only_records_of_the_level_are_written_and_buffered() {
        let subject = Subject::new(Level::Warn);
        subject.log(log::Level::Info, OURS, "quiet");
        subject.log(log::Level::Warn, OURS, "loud");
        subject.telemetry.set_level(Level::Debug);
        subject.log(log::Level::Debug, "ipam_provider_netbox::client", "detail");
        subject.log(log::Level::Info, "ipam_store::engine::sqlite::shared", "open again");
        subject.log(log::Level::Trace, OURS, "noise");
        subject.telemetry.set_level(Level::Fatal);
        subject.log(log::Level::Error, OURS, "not grave enough");
        subject.log(log::Level::Error, FATAL, "the end");
        subject.telemetry.set_level(Level::Unknown);
        subject.log(log::Level::Error, FATAL, "unheard");
        assert_eq!(subject.buffered(), ["loud", "detail", "open again", "the end"]);
        assert_eq!(
            subject.lines(),
            ["-------- [W] loud", "-------- [D] detail", "-------- [I] open again", "-------- [F] the end"]
        );
    }

    #[test]
    fn other_crates_are_heard_from_warnings_up() {
        let subject = Subject::new(Level::Debug);
        for target in ["actix_http::h1", "h2::proto", "mio::poll", "reqwest::connect"] {
            subject.log(log::Level::Info, target, "noise");
            subject.log(log::Level::Warn, target, target);
        }
        assert_eq!(subject.buffered(), ["actix_http::h1", "h2::proto", "mio::poll", "reqwest::connect"]);
        subject.telemetry.set_level(Level::Error);
        subject.log(log::Level::Warn, "mio::poll", "below the level of the settings");
        assert_eq!(subject.buffered().len(), 4);
    }

    #[test]
    fn a_file_that_cannot_be_reopened_is_complained_about_in_the_old_one() {
        let subject = Subject::new(Level::Info);
        let moved = subject.path.with_extension("1");
        fs::rename(&subject.path, &moved).expect("moved");
        fs::create_dir(&subject.path).expect("a directory in the way");
        assert!(subject.telemetry.reopen().is_err());
        subject.telemetry.flush();
        let text = fs::read_to_string(&moved).expect("text");
        assert!(text.contains("[E] The log file cannot be opened anew"), "{text}");
    }

    #[test]
    fn a_destination_that_cannot_be_opened_is_named() {
        let destination = Destination::File("/nonexistent/proxy.log".into());
        let options = Options { destination, level: Level::Info, buffer: 1, error_buffer: 1 };
        let error = Telemetry::build(&options).expect_err("no such directory");
        assert_eq!(error.to_string(), "the log cannot be written to /nonexistent/proxy.log");
    }

    /// The one test that sets the logger of the process.
    #[test]
    fn panics_are_logged_with_their_backtrace() {
        let directory = tempfile::tempdir().expect("a directory");
        let destination = Destination::File(directory.path().join("proxy.log"));
        let options = Options { destination, level: Level::Error, buffer: 1000, error_buffer: 10 };
        let telemetry = Telemetry::init(&options).expect("the first logger");
        assert!(matches!(Telemetry::init(&options), Err(StartError::Twice)));
        let panicked = std::thread::spawn(|| panic!("of {}", "our own")).join();
        assert!(panicked.is_err());
        // Other tests' panics belong on their own output.
        drop(std::panic::take_hook());
        let entries = telemetry.ring().snapshot(None);
        let entry = entries.iter().find(|entry| entry.message.contains("of our own")).expect("an entry");
        assert_eq!(entry.level, Level::Error);
        assert!(entry.message.starts_with("Panic at "), "{}", entry.message);
        assert!(entry.backtrace.as_ref().is_some_and(|backtrace| !backtrace.contains('\n')));
    }
}
