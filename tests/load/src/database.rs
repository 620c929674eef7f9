//! The PostgreSQL that several proxies share: one of the program's own, or one that runs.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use tempfile::TempDir;

use crate::node::write;
use crate::own_proxy::{ProxyError, io_error};

/// The account that PostgreSQL runs as when this program is root's: as root it refuses to run.
const OTHER_USER: &str = "postgres";

const ROLE: &str = "ipam";
const PASSWORD: &str = "of the load";

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
    Own(Arc<Postgres>),
    Url(String),
}

impl Database {
    /// Starts it, or takes the one that runs.
    pub(crate) async fn start(choice: &Choice) -> Result<Self, ProxyError> {
        match choice {
            Choice::Url(url) => Ok(Self::Url(url.clone())),
            Choice::Own => {
                let started = tokio::task::spawn_blocking(Postgres::start).await;
                Ok(Self::Own(Arc::new(started.expect("no panic")?)))
            }
        }
    }

    /// Ends it with all its connections and starts it again.
    pub(crate) async fn restart(&self) -> Result<(), ProxyError> {
        match self {
            Self::Own(postgres) => {
                let postgres = postgres.clone();
                tokio::task::spawn_blocking(move || postgres.restart()).await.expect("no panic")
            }
            Self::Url(_) => Err(ProxyError::Setup("only a database of the program's own is restarted: --database own")),
        }
    }

    /// Lines for `settings.yml`.
    pub(crate) fn settings(&self) -> Vec<String> {
        match self {
            Self::Url(url) => vec![format!("database_url: '{url}'")],
            Self::Own(postgres) => vec![
                format!("database_url: 'postgresql://{ROLE}@127.0.0.1:{}/postgres?sslmode=disable'", postgres.port),
                format!("database_password_file: {}", postgres.password_file().display()),
            ],
        }
    }
}

/// A PostgreSQL in a directory of its own. It ends when it is dropped.
pub(crate) struct Postgres {
    directory: TempDir,
    programs: PathBuf,
    /// User and group, where they are not this process's.
    owner: Option<(u32, u32)>,
    port: u16,
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // A failure leaves a process on a directory that is gone; it ends by itself.
        let _ = self.control(&["stop", "--mode", "immediate"]);
    }
}

impl Postgres {
    fn start() -> Result<Self, ProxyError> {
        let programs = programs().ok_or_else(|| ProxyError::Proxy(format!("needs PostgreSQL: {MISSING}")))?;
        let directory = TempDir::new().map_err(io_error("a directory for PostgreSQL"))?;
        let owner = owner(directory.path())?;
        if let Some((user, group)) = owner {
            chown(directory.path(), Some(user), Some(group)).map_err(io_error("chown"))?;
        }
        let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let port = free.map_err(io_error("a free port"))?.port();
        let postgres = Self { directory, programs, owner, port };
        write(&postgres.password_file(), PASSWORD)?;
        if let Some((user, group)) = owner {
            chown(postgres.password_file(), Some(user), Some(group)).map_err(io_error("chown"))?;
        }
        let mut initdb = postgres.command("initdb");
        initdb.arg("--pgdata").arg(postgres.data()).arg("--pwfile").arg(postgres.password_file());
        run(initdb.args([
            "--username",
            ROLE,
            "--auth",
            "scram-sha-256",
            "--encoding",
            "UTF8",
            "--no-locale",
            "--no-sync",
        ]))?;
        // The processes end now and then, the machine does not: nothing need be forced to the disk.
        let settings = format!(
            "port = {port}\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = '{}'\nfsync = off\n",
            postgres.directory.path().display()
        );
        let file = postgres.data().join("postgresql.conf");
        let before = fs::read_to_string(&file).map_err(io_error("postgresql.conf"))?;
        fs::write(&file, before + &settings).map_err(io_error("postgresql.conf"))?;
        postgres.go()?;
        Ok(postgres)
    }

    /// Ends it, with all connections, and starts it again.
    fn restart(&self) -> Result<(), ProxyError> {
        self.control(&["stop", "--mode", "immediate"])?;
        self.go()
    }

    fn go(&self) -> Result<(), ProxyError> {
        let log = self.directory.path().join("postgres.log").display().to_string();
        self.control(&["start", "--wait", "--log", &log]).map(drop)
    }

    fn control(&self, arguments: &[&str]) -> Result<Output, ProxyError> {
        run(self.command("pg_ctl").arg("--pgdata").arg(self.data()).args(arguments))
    }

    fn command(&self, name: &str) -> Command {
        let mut command = Command::new(self.programs.join(name));
        command.stdin(Stdio::null()).current_dir(self.directory.path());
        if let Some((user, group)) = self.owner {
            command.uid(user).gid(group);
        }
        command
    }

    fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    fn password_file(&self) -> PathBuf {
        self.directory.path().join("password")
    }
}

const MISSING: &str = "its programs (initdb, pg_ctl) are not installed, or no user that they may run as";

/// Why no PostgreSQL can be started here; `None` when one can.
pub fn missing() -> Option<&'static str> {
    let is_there = programs().is_some() && TempDir::new().is_ok_and(|directory| owner(directory.path()).is_ok());
    (!is_there).then_some(MISSING)
}

/// The directory of the server's programs: that of Debian's newest version, or that of another distribution.
fn programs() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let debian = versions.map(|version| version.path().join("bin"));
    let others = ["/usr/bin", "/usr/local/bin", "/usr/pgsql/bin"].map(PathBuf::from);
    let is_there = |directory: &PathBuf| directory.join("initdb").exists() && directory.join("pg_ctl").exists();
    debian.filter(is_there).max().or_else(|| others.into_iter().find(is_there))
}

/// Whom the directory must be given to, if this process may not run PostgreSQL itself.
fn owner(directory: &Path) -> Result<Option<(u32, u32)>, ProxyError> {
    if fs::metadata(directory).map_err(io_error("a directory"))?.uid() != 0 {
        return Ok(None);
    }
    let id = |which: &str| -> Result<u32, ProxyError> {
        let output = run(Command::new("id").args([which, OTHER_USER]))?;
        let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        text.parse().map_err(|_| ProxyError::Proxy(format!("cannot read '{text}' as the id of {OTHER_USER}")))
    };
    Ok(Some((id("-u")?, id("-g")?)))
}

fn run(command: &mut Command) -> Result<Output, ProxyError> {
    let name = command.get_program().display().to_string();
    let output = command.output().map_err(io_error(name.clone()))?;
    if output.status.success() {
        return Ok(output);
    }
    let said = String::from_utf8_lossy(&[&*output.stdout, &*output.stderr].concat()).into_owned();
    Err(ProxyError::Proxy(format!("needs {name}, which says: {said}")))
}
