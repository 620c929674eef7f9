//! Where log lines go, and how one gets there.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use ipam_provider::state_files::{self, directory_of};
use rustix::fs::Access;
use syslog::LoggerBackend;

use super::line::Shape;
use super::lines::Lines;

/// A new log file is for its owner and group only: it names hosts and addresses.
const FILE_MODE: u32 = 0o640;

/// A syslog daemon that hangs holds up the log no longer than this per line.
const SYSLOG_TIMEOUT: Duration = Duration::from_secs(2);

/// Where log lines go: `log_file` in the settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Destination {
    /// A file, opened for appending and opened anew by [`reopen`](super::Telemetry::reopen).
    File(PathBuf),
    /// Standard output.
    Stdout,
    /// The syslog daemon on this machine.
    Syslog,
    /// The systemd journal, which reads our standard error.
    Journal,
}

/// The text names no destination.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("write STDOUT, SYSLOG, JOURNAL or an absolute path, such as /var/log/foreman-ipam-proxy/proxy.log")]
pub(crate) struct DestinationError;

impl Destination {
    pub(super) fn shape(&self) -> Shape {
        match self {
            Self::File(_) | Self::Stdout => Shape::Full,
            Self::Syslog => Shape::Syslog,
            Self::Journal => Shape::Journal,
        }
    }
}

impl Destination {
    /// Could it be opened? Nothing is created, and nothing is written.
    pub(super) fn check(&self) -> io::Result<()> {
        match self {
            Self::Stdout | Self::Journal => Ok(()),
            Self::Syslog => connect_syslog().map(drop),
            Self::File(path) => match check_file(path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => is_writable(directory_of(path)),
                checked => checked,
            },
        }
    }
}

/// Could the file be opened, if it is there?
fn check_file(path: &Path) -> io::Result<()> {
    if !only_we_write(directory_of(path))? {
        return state_files::append(path).map(drop);
    }
    let found = fs::metadata(path)?;
    // A pipe that nobody reads would hold up whoever opens it.
    if found.is_file() || found.is_dir() { OpenOptions::new().append(true).open(path).map(drop) } else { Ok(()) }
}

/// Can only root and the user of this process change what is in the directory? Then a link there is the administrator's, such
/// as `/dev/stdout`. Elsewhere the owner of a link could lead root to one of root's files.
fn only_we_write(directory: &Path) -> io::Result<bool> {
    let found = fs::metadata(directory)?;
    let is_ours = found.uid() == 0 || found.uid() == rustix::process::geteuid().as_raw();
    Ok(is_ours && found.mode() & 0o022 == 0)
}

/// Fails if this process cannot create files in the directory.
pub(crate) fn is_writable(directory: &Path) -> io::Result<()> {
    Ok(rustix::fs::access(directory, Access::WRITE_OK | Access::EXEC_OK)?)
}

impl FromStr for Destination {
    type Err = DestinationError;

    fn from_str(text: &str) -> Result<Self, DestinationError> {
        match text.to_ascii_uppercase().as_str() {
            "STDOUT" => Ok(Self::Stdout),
            "SYSLOG" => Ok(Self::Syslog),
            // The Ruby smart proxy accepts both.
            "JOURNAL" | "JOURNALD" => Ok(Self::Journal),
            _ if Path::new(text).is_absolute() => Ok(Self::File(text.into())),
            _ => Err(DestinationError),
        }
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Stdout => f.write_str("STDOUT"),
            Self::Syslog => f.write_str("SYSLOG"),
            Self::Journal => f.write_str("JOURNAL"),
        }
    }
}

/// A destination that has been opened.
pub(super) enum Sink {
    File { path: PathBuf, file: File },
    Stdout,
    Stderr,
    Syslog { connect: fn() -> io::Result<LoggerBackend>, backend: LoggerBackend },
}

impl Sink {
    pub(super) fn open(destination: &Destination) -> io::Result<Self> {
        Ok(match destination {
            Destination::File(path) => Self::File { path: path.clone(), file: open_file(path)? },
            Destination::Stdout => Self::Stdout,
            Destination::Journal => Self::Stderr,
            Destination::Syslog => Self::Syslog { connect: connect_syslog, backend: connect_syslog()? },
        })
    }

    /// Writes lines.
    pub(super) fn write(&mut self, lines: &Lines) -> io::Result<()> {
        match self {
            Self::File { file, .. } => file.write_all(lines.as_bytes()),
            Self::Stdout => write_through(io::stdout().lock(), lines.as_bytes()),
            Self::Stderr => write_through(io::stderr().lock(), lines.as_bytes()),
            Self::Syslog { connect, backend } => lines.iter().try_for_each(|line| {
                // Not `write_all`: a datagram is a line.
                let written = backend.write(line).or_else(|_| {
                    // The daemon was restarted; the old socket leads nowhere.
                    *backend = connect()?;
                    backend.write(line)
                });
                written.map(drop)
            }),
        }
    }

    /// Opens the path of a file anew, after logrotate has moved the old file away. On failure the old one stays in use.
    pub(super) fn reopen(&mut self) -> io::Result<()> {
        match self {
            Self::File { path, file } => *file = open_file(path)?,
            Self::Syslog { connect, backend } => *backend = connect()?,
            Self::Stdout | Self::Stderr => {}
        }
        Ok(())
    }
}

fn open_file(path: &Path) -> io::Result<File> {
    if !only_we_write(directory_of(path))? {
        return state_files::append_or_create(path, FILE_MODE);
    }
    OpenOptions::new().append(true).create(true).mode(FILE_MODE).open(path)
}

fn write_through(mut stream: impl Write, lines: &[u8]) -> io::Result<()> {
    stream.write_all(lines)?;
    stream.flush()
}

/// Connects to the local syslog daemon: `/dev/log`, `/var/run/syslog` or `/var/run/log`.
fn connect_syslog() -> io::Result<LoggerBackend> {
    // We write whole lines ourselves: the crate's formats have UTC where syslog daemons read local time.
    let backend = syslog::unix(()).map_err(io::Error::other)?.backend;
    match &backend {
        LoggerBackend::Unix(socket) => socket.set_write_timeout(Some(SYSLOG_TIMEOUT))?,
        LoggerBackend::UnixStream(stream) => stream.get_ref().set_write_timeout(Some(SYSLOG_TIMEOUT))?,
        LoggerBackend::Udp(..) | LoggerBackend::Tcp(_) => {}
    }
    Ok(backend)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, chown, symlink};
    use std::os::unix::net::UnixDatagram;
    use std::sync::OnceLock;

    use super::*;

    fn lines(line: &str) -> Lines {
        let mut lines = Lines::default();
        lines.push(line.as_bytes());
        lines
    }

    #[test]
    fn destinations_are_read_as_the_ruby_proxy_reads_them() {
        assert_eq!("STDOUT".parse(), Ok(Destination::Stdout));
        assert_eq!("SYSLOG".parse(), Ok(Destination::Syslog));
        assert_eq!("JOURNALD".parse(), Ok(Destination::Journal));
        assert_eq!("/var/log/x.log".parse(), Ok(Destination::File("/var/log/x.log".into())));
        assert_eq!("x.log".parse::<Destination>(), Err(DestinationError));
    }

    #[test]
    fn a_look_finds_what_cannot_be_opened_and_creates_nothing() {
        let directory = tempfile::tempdir().expect("a directory");
        let check = |path: PathBuf| Destination::File(path).check().map_err(|error| error.kind());
        assert_eq!(check(directory.path().join("proxy.log")), Ok(()));
        assert!(!directory.path().join("proxy.log").exists());
        assert_eq!(check(directory.path().to_owned()), Err(io::ErrorKind::IsADirectory));
        assert_eq!(check(directory.path().join("absent/proxy.log")), Err(io::ErrorKind::NotFound));
        fs::write(directory.path().join("proxy.log"), "one\n").expect("written");
        assert_eq!(check(directory.path().join("proxy.log")), Ok(()));
        assert_eq!(check(directory.path().join("proxy.log/proxy.log")), Err(io::ErrorKind::NotADirectory));
        assert_eq!(fs::read_to_string(directory.path().join("proxy.log")).expect("text"), "one\n");
    }

    #[test]
    fn links_are_followed_only_where_no_other_user_can_make_them() {
        let directory = tempfile::tempdir().expect("a directory");
        let [target, link, logs, log] =
            ["target", "link", "logs", "link/proxy.log"].map(|name| directory.path().join(name));
        fs::create_dir(&logs).expect("a directory");
        // The directory itself may be a link.
        symlink(&logs, &link).expect("a link");
        symlink(&target, &log).expect("a link");
        let destination = Destination::File(log.clone());
        let set_mode = |mode| fs::set_permissions(&logs, PermissionsExt::from_mode(mode)).expect("permissions");
        let outcome = || (destination.check(), Sink::open(&destination).map(drop));
        for (mode, is_followed) in [(0o777, false), (0o775, false), (0o1777, false), (0o755, true)] {
            set_mode(mode);
            for is_there in [false, true] {
                let _ = fs::remove_file(&target);
                if is_there {
                    fs::write(&target, "of root").expect("written");
                }
                match outcome() {
                    (Ok(()), Ok(())) => assert!(is_followed, "{mode:o}"),
                    (Err(checked), Err(opened)) => {
                        assert!(!is_followed, "{mode:o}: {opened}");
                        assert_eq!(checked.to_string(), opened.to_string());
                        assert_eq!(opened.to_string(), "it is a symbolic link, which is not followed");
                        assert_eq!(target.exists(), is_there, "{mode:o}");
                    }
                    odd => panic!("check and the log do not agree: {odd:?}"),
                }
            }
        }
        // Only root can give a directory away.
        if chown(&logs, Some(12_345), None).is_ok() {
            let (checked, opened) = outcome();
            assert!(checked.is_err() && opened.is_err(), "the owner of the directory could have made the link");
        }
        set_mode(0o777);
        fs::remove_file(&log).expect("removed");
        for _ in 0..2 {
            assert!(matches!(outcome(), (Ok(()), Ok(()))), "a file of its own");
        }
        assert_eq!(fs::metadata(&log).expect("a file").permissions().mode() & 0o137, 0);
    }

    #[test]
    fn a_new_file_is_not_for_everybody_and_an_old_one_is_appended_to() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("proxy.log");
        for line in ["one\n", "two\n"] {
            Sink::open(&Destination::File(path.clone())).expect("a file").write(&lines(line)).expect("written");
        }
        assert_eq!(fs::read_to_string(&path).expect("text"), "one\ntwo\n");
        let mode = fs::metadata(&path).expect("a file").permissions().mode();
        assert_eq!(mode & 0o137, 0, "{mode:o}");
    }

    #[test]
    fn syslog_is_connected_again_after_its_daemon_was_restarted() {
        static SOCKET: OnceLock<PathBuf> = OnceLock::new();
        fn connect() -> io::Result<LoggerBackend> {
            let path = SOCKET.get().expect("set below");
            Ok(syslog::unix_custom((), path).map_err(io::Error::other)?.backend)
        }
        let directory = tempfile::tempdir().expect("a directory");
        let path = SOCKET.get_or_init(|| directory.path().join("log"));
        let receive = |daemon: &UnixDatagram| {
            let mut line = [0; 64];
            let length = daemon.recv(&mut line).expect("a line");
            String::from_utf8_lossy(&line[..length]).into_owned()
        };

        let daemon = UnixDatagram::bind(path).expect("a socket");
        let mut sink = Sink::Syslog { connect, backend: connect().expect("a daemon") };
        sink.write(&lines("<30>one")).expect("written");
        assert_eq!(receive(&daemon), "<30>one");
        drop(daemon);
        fs::remove_file(path).expect("removed");
        assert!(sink.write(&lines("<30>two")).is_err());
        let daemon = UnixDatagram::bind(path).expect("a socket");
        sink.write(&lines("<30>three")).expect("written");
        assert_eq!(receive(&daemon), "<30>three");
    }
}
