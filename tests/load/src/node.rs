//! One process of the proxy, in a directory of its own.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use tokio::process::{Child, Command};

use crate::identity::{FOREMAN, Identities};
use crate::own_proxy::{ProxyError, Setup, io_error};
use crate::usage::Usage;

/// Nothing that the proxy does of itself takes longer, however busy the machine.
const AT_MOST: Duration = Duration::from_secs(60);

/// In its directory.
const LOG: &str = "proxy.log";

/// How often the log is looked into for a line that is awaited.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// A proxy with its files. It may run or not; it ends when it is dropped.
pub(crate) struct Node {
    directory: PathBuf,
    program: PathBuf,
    /// Of the process, besides an empty environment.
    environment: Vec<(&'static str, String)>,
    child: Option<Child>,
    reloads: usize,
}

impl Node {
    /// Prepares a directory for a proxy with this provider and its settings.
    pub(crate) fn prepare(
        directory: &Path,
        setup: &Setup,
        identities: &Identities,
        (provider, settings): (&str, &str),
        global: &[String],
    ) -> Result<Self, ProxyError> {
        let path = |name: &str| directory.join(name);
        for name in ["", "etc", "etc/settings.d", "state"] {
            fs::create_dir_all(path(name)).map_err(io_error(name))?;
        }
        identities.write(directory);
        write(&path(&format!("etc/settings.d/externalipam_{provider}.yml")), settings)?;
        let lines = [vec![format!("use_provider: {provider}")], setup.settings.clone()].concat();
        write(&path("etc/settings.d/externalipam.yml"), &(lines.join("\n") + "\n"))?;
        let lines = [own_settings(setup, directory), global.to_vec()].concat();
        write(&path("etc/settings.yml"), &(lines.join("\n") + "\n"))?;
        if setup.with_api {
            let listed = format!("certificates: [{{ name: {FOREMAN}, role: operator }}]");
            let lines = ["enabled: true", "bind_host: 127.0.0.1", "port: 0", &listed];
            write(&path("etc/settings.d/api.yml"), &(lines.join("\n") + "\n"))?;
        }
        let (directory, program) = (directory.to_owned(), setup.program.clone());
        Ok(Self { directory, program, environment: Vec::new(), child: None, reloads: 0 })
    }

    /// Whenever it is started from now on, these variables are set.
    pub(crate) fn set(&mut self, variables: Vec<(&'static str, String)>) {
        self.environment = variables;
    }

    /// Imports this CSV into the embedded IPAM, with the proxy's own command.
    pub(crate) async fn import(&self, csv: &str) -> Result<(), ProxyError> {
        let file = self.directory.join("places.csv");
        write(&file, csv)?;
        let output = self.command().arg("import").arg(&file).output().await;
        let output = output.map_err(io_error(self.program.display().to_string()))?;
        if output.status.success() {
            return Ok(());
        }
        Err(ProxyError::Proxy(format!("imports nothing: {}", String::from_utf8_lossy(&output.stderr))))
    }

    /// Starts it and waits until it serves; where, it says itself.
    pub(crate) async fn start(&mut self) -> Result<SocketAddr, ProxyError> {
        let log = || -> io::Result<File> { OpenOptions::new().create(true).append(true).open(self.log_path()) };
        let output = || log().map_err(io_error("a file for the log"));
        let before = output()?.metadata().map_or(0, |metadata| metadata.len());
        let mut proxy = self.command();
        proxy.arg("serve").stdout(output()?).stderr(output()?);
        let mut child = proxy.spawn().map_err(io_error(self.program.display().to_string()))?;
        let before = usize::try_from(before).unwrap_or(usize::MAX);
        let file = self.log_path();
        let address = wait(&mut child, &file, "does not become ready", |log| {
            // What an earlier process of it said is passed over.
            let new = log.get(before..)?;
            let (_, listening) = new.split_once("Listening on http").filter(|_| new.contains("] Ready"))?;
            let (_, address) = listening.split_once("://")?;
            address.split_whitespace().next()?.parse().ok()
        });
        let address = address.await?;
        self.child = Some(child);
        Ok(address)
    }

    /// Where its management API listens, as it said when it was first started.
    pub(crate) fn api_address(&self) -> Result<SocketAddr, ProxyError> {
        let log = self.log().map_err(io_error("the log"))?;
        let url = log.split_once("The management API listens on https://").map(|(_, rest)| rest);
        let address = url.and_then(|rest| rest.split_whitespace().next()?.parse().ok());
        address.ok_or_else(|| ProxyError::Proxy("does not say where its management API is".to_owned()))
    }

    /// Ends it as `kill -9` does.
    pub(crate) async fn kill(&mut self) -> Result<(), ProxyError> {
        match &mut self.child {
            Some(child) => child.kill().await.map_err(io_error("kill -9")),
            None => Ok(()),
        }
    }

    /// Gives it a new certificate, tells it so as systemd does, and waits until it says that it has it.
    pub(crate) async fn renew_certificate(&mut self, identities: &Identities) -> Result<(), ProxyError> {
        identities.renew_server(&self.directory);
        self.reloads += 1;
        let child = self.child.as_mut().ok_or_else(|| ProxyError::Proxy("does not run".to_owned()))?;
        let id = child.id().ok_or_else(|| ProxyError::Proxy("has ended".to_owned()))?;
        let sent = Command::new("sh").args(["-c", &format!("kill -HUP {id}")]).status().await;
        sent.map_err(io_error("kill -HUP"))?;
        let is_done = |log: &str| log.matches("Settings and certificates are reloaded").count() >= self.reloads;
        let log = self.directory.join(LOG);
        wait(child, &log, "reloads nothing", |log| is_done(log).then_some(())).await
    }

    /// What the process has used; `None` when it is gone.
    pub(crate) fn usage(&self) -> Option<Usage> {
        self.child.as_ref()?.id().and_then(Usage::of)
    }

    /// Everything that it has logged since it was first started.
    pub(crate) fn log(&self) -> io::Result<String> {
        read(&self.log_path())
    }

    fn log_path(&self) -> PathBuf {
        self.directory.join(LOG)
    }

    /// A command of the proxy on the directory.
    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("--config-dir").arg(self.directory.join("etc")).env_clear().envs(self.environment.iter().cloned());
        command.stdin(Stdio::null()).kill_on_drop(true);
        command
    }
}

fn own_settings(setup: &Setup, directory: &Path) -> Vec<String> {
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
    lines
}

/// Writes a file that only this user may read.
pub(crate) fn write(path: &Path, text: &str) -> Result<(), ProxyError> {
    let doing = || io_error(path.display().to_string());
    fs::write(path, text).map_err(doing())?;
    fs::set_permissions(path, PermissionsExt::from_mode(0o600)).map_err(doing())
}

fn read(log: &Path) -> io::Result<String> {
    Ok(String::from_utf8_lossy(&fs::read(log)?).into_owned())
}

/// Looks into the log until something is there.
async fn wait<T>(
    child: &mut Child,
    log: &Path,
    otherwise: &str,
    find: impl Fn(&str) -> Option<T>,
) -> Result<T, ProxyError> {
    let deadline = Instant::now() + AT_MOST;
    loop {
        let has_ended = child.try_wait().map_err(io_error("the process"))?.is_some();
        let log = read(log).map_err(io_error("the log"))?;
        if let Some(found) = find(&log) {
            return Ok(found);
        }
        if has_ended || Instant::now() > deadline {
            return Err(ProxyError::Proxy(format!("{otherwise}; it wrote:\n{log}")));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
