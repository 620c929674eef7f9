//! A proxy that the program starts itself: on the loopback, in a directory of its own, over an IPAM with the places of
//! the run.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::connection::Target;
use crate::identity::{Identities, SERVER};
use crate::ipam::{Ipam, Product};
use crate::knowledge::{Knowledge, holds};
use crate::places::{Place, csv};
use crate::usage::Usage;

/// Nothing that the proxy does of itself takes longer, however busy the machine.
const AT_MOST: Duration = Duration::from_secs(60);

/// How often the log is looked into for a line that is awaited.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// How to start a proxy.
#[derive(Debug, Clone)]
pub struct Setup {
    /// The binary.
    pub program: PathBuf,
    /// What is behind it.
    pub product: Product,
    /// Can the way to the IPAM be made longer while the proxy runs? Then a relay stands in between.
    pub with_relay: bool,
    /// Mutual TLS, or plain HTTP.
    pub tls: bool,
    /// How many threads answer requests.
    pub workers: usize,
    /// Lines for `settings.d/externalipam.yml`.
    pub settings: Vec<String>,
    /// Lines for `settings.yml`.
    pub global_settings: Vec<String>,
}

/// A proxy that cannot be started, or does not do what it must.
#[derive(Debug, thiserror::Error)]
pub enum ProxyError {
    /// The system refuses something.
    #[error("{doing}: {source}")]
    Io {
        /// What was being done.
        doing: String,
        /// Why not.
        source: io::Error,
    },
    /// The proxy itself said something else than was awaited.
    #[error("the proxy {0}")]
    Proxy(String),
}

fn io_error(doing: impl Into<String>) -> impl FnOnce(io::Error) -> ProxyError {
    let doing = doing.into();
    |source| ProxyError::Io { doing, source }
}

/// A running proxy. It ends when it is dropped.
pub struct OwnProxy {
    directory: TempDir,
    program: PathBuf,
    identities: Identities,
    ipam: Ipam,
    child: Child,
    target: Target,
    is_tls: bool,
    reloads: usize,
}

impl OwnProxy {
    /// Starts a proxy over a new IPAM with these places in it.
    ///
    /// # Errors
    /// When the binary does not start, or says that it cannot.
    pub async fn start(setup: &Setup, places: &[Place]) -> Result<Self, ProxyError> {
        let directory = TempDir::new().map_err(io_error("a directory for the proxy"))?;
        let path = |name: &str| directory.path().join(name);
        let identities = Identities::new();
        identities.write(directory.path());
        for name in ["etc", "etc/settings.d", "state"] {
            fs::create_dir(path(name)).map_err(io_error(name))?;
        }
        let embedded = || Ipam::embedded(places, path("state/ipam.sqlite"));
        let ipam = Ipam::simulated(places, setup.product, setup.with_relay).unwrap_or_else(embedded);
        let (provider, settings) = ipam.settings();
        write(&path(&format!("etc/settings.d/externalipam_{provider}.yml")), &settings)?;
        let lines = [vec![format!("use_provider: {provider}")], setup.settings.clone()].concat();
        write(&path("etc/settings.d/externalipam.yml"), &(lines.join("\n") + "\n"))?;
        write(&path("etc/settings.yml"), &global(setup, directory.path()))?;
        if setup.product == Product::Embedded {
            import(setup, directory.path(), places).await?;
        }
        let (child, address) = serve(&setup.program, directory.path()).await?;
        let target =
            if setup.tls { Target::tls(address, identities.connector(), SERVER) } else { Target::plain(address) };
        let (program, is_tls) = (setup.program.clone(), setup.tls);
        Ok(Self { directory, program, identities, ipam, child, target, is_tls, reloads: 0 })
    }

    /// Where it is, also when it has been started again.
    pub fn target(&self) -> Target {
        self.target.clone()
    }

    /// What is behind it.
    pub fn ipam(&self) -> &Ipam {
        &self.ipam
    }

    /// What the process has used; `None` when it is gone.
    pub fn usage(&self) -> Option<Usage> {
        self.child.id().and_then(Usage::of)
    }

    /// Everything that it has logged since it was first started.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn log(&self) -> io::Result<String> {
        log(self.directory.path())
    }

    /// Ends it as `kill -9` does.
    ///
    /// # Errors
    /// When the system refuses it.
    pub async fn kill(&mut self) -> Result<(), ProxyError> {
        self.child.kill().await.map_err(io_error("kill -9"))
    }

    /// Starts it again over the same files, on another port.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub async fn start_again(&mut self) -> Result<(), ProxyError> {
        let (child, address) = serve(&self.program, self.directory.path()).await?;
        self.child = child;
        self.target.move_to(address);
        Ok(())
    }

    /// Gives it a new certificate, tells it so as systemd does, and waits until it says that it has it.
    ///
    /// # Errors
    /// When it does not say so.
    pub async fn renew_certificate(&mut self) -> Result<(), ProxyError> {
        self.identities.renew_server(self.directory.path());
        self.reloads += 1;
        let id = self.child.id().ok_or_else(|| ProxyError::Proxy("has ended".to_owned()))?;
        let sent = Command::new("sh").args(["-c", &format!("kill -HUP {id}")]).status().await;
        sent.map_err(io_error("kill -HUP"))?;
        let reloads = self.reloads;
        let is_done = |log: &str| log.matches("Settings and certificates are reloaded").count() >= reloads;
        wait(&mut self.child, self.directory.path(), "reloads nothing", |log| is_done(log).then_some(())).await
    }

    /// How it shows that it knows of an address which the IPAM may have recorded for a host that failed: a line of its
    /// log, or the hold of a reservation whose answer was lost.
    ///
    /// # Errors
    /// When it does not answer, or its log cannot be read.
    pub async fn knowledge(&self) -> Result<Knowledge, ProxyError> {
        let holds = holds(&self.target()).await.map_err(io_error("the list of holds"))?;
        let holds = holds.ok_or_else(|| ProxyError::Proxy("lists no holds".to_owned()))?;
        Ok(Knowledge::new(holds, self.log().map_err(io_error("the log"))?))
    }

    /// Is it spoken to with TLS?
    pub fn is_tls(&self) -> bool {
        self.is_tls
    }
}

fn global(setup: &Setup, directory: &Path) -> String {
    let path = |name: &str| directory.join(name).display().to_string();
    let mut lines = vec![
        "bind_host: 127.0.0.1".to_owned(),
        "log_file: STDOUT".to_owned(),
        format!("workers: {}", setup.workers),
        format!("state_directory: {}", path("state")),
    ];
    if setup.tls {
        lines.push("https_port: 0".to_owned());
        lines.push(format!("ssl_certificate: {}", path("server.pem")));
        lines.push(format!("ssl_private_key: {}", path("server.key")));
        lines.push(format!("ssl_ca_file: {}", path("authority.pem")));
    } else {
        lines.extend(["http_port: 0".to_owned(), "trusted_hosts: [localhost]".to_owned()]);
    }
    lines.extend(setup.global_settings.iter().cloned());
    lines.join("\n") + "\n"
}

fn write(path: &Path, text: &str) -> Result<(), ProxyError> {
    let doing = || io_error(path.display().to_string());
    fs::write(path, text).map_err(doing())?;
    fs::set_permissions(path, PermissionsExt::from_mode(0o600)).map_err(doing())
}

/// A command of the proxy on the directory, with an empty environment.
fn command(program: &Path, directory: &Path) -> Command {
    let mut command = Command::new(program);
    command.arg("--config-dir").arg(directory.join("etc")).env_clear().stdin(Stdio::null()).kill_on_drop(true);
    command
}

/// Fills the embedded IPAM, with the proxy's own command.
async fn import(setup: &Setup, directory: &Path, places: &[Place]) -> Result<(), ProxyError> {
    let file = directory.join("places.csv");
    write(&file, &csv(places))?;
    let output = command(&setup.program, directory).arg("import").arg(&file).output().await;
    let output = output.map_err(io_error(setup.program.display().to_string()))?;
    if output.status.success() {
        return Ok(());
    }
    Err(ProxyError::Proxy(format!("imports nothing: {}", String::from_utf8_lossy(&output.stderr))))
}

fn log_path(directory: &Path) -> PathBuf {
    directory.join("proxy.log")
}

fn log(directory: &Path) -> io::Result<String> {
    Ok(String::from_utf8_lossy(&fs::read(log_path(directory))?).into_owned())
}

/// Starts the proxy and waits until it serves; where, it says itself.
async fn serve(program: &Path, directory: &Path) -> Result<(Child, SocketAddr), ProxyError> {
    let open = || -> io::Result<File> { OpenOptions::new().create(true).append(true).open(log_path(directory)) };
    let output = || open().map_err(io_error("a file for the log"));
    let before = output()?.metadata().map_or(0, |metadata| metadata.len());
    let mut proxy = command(program, directory);
    proxy.arg("serve").stdout(output()?).stderr(output()?);
    let mut child = proxy.spawn().map_err(io_error(program.display().to_string()))?;
    let before = usize::try_from(before).unwrap_or(usize::MAX);
    let address = wait(&mut child, directory, "does not become ready", |log| {
        // What an earlier process of it said is passed over.
        let new = log.get(before..)?;
        let (_, listening) = new.split_once("Listening on http").filter(|_| new.contains("] Ready"))?;
        let (_, address) = listening.split_once("://")?;
        address.split_whitespace().next()?.parse().ok()
    });
    let address = address.await?;
    Ok((child, address))
}

/// Looks into the log until something is there.
async fn wait<T>(
    child: &mut Child,
    directory: &Path,
    otherwise: &str,
    find: impl Fn(&str) -> Option<T>,
) -> Result<T, ProxyError> {
    let deadline = Instant::now() + AT_MOST;
    loop {
        let has_ended = child.try_wait().map_err(io_error("the process"))?.is_some();
        let log = log(directory).map_err(io_error("the log"))?;
        if let Some(found) = find(&log) {
            return Ok(found);
        }
        if has_ended || Instant::now() > deadline {
            return Err(ProxyError::Proxy(format!("{otherwise}; it wrote:\n{log}")));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
