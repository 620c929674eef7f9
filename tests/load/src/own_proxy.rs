//! Proxies that the program starts itself: on the loopback, in a directory of their own, over an IPAM with the places of
//! the run. Mostly it is one; several share a database, behind a balancer.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use tempfile::TempDir;

use crate::balancer::Balancer;
use crate::connection::Target;
use crate::database::{Choice, Database};
use crate::hosts::Targets;
use crate::identity::{Identities, SERVER};
use crate::ipam::{Home, Ipam, Product};
use crate::knowledge::{Knowledge, holds};
use crate::node::Node;
use crate::places::{Place, csv};
use crate::usage::Usage;

/// How to start proxies.
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
    /// How many proxies there are.
    pub proxies: usize,
    /// What they keep their holds in, if not in memory.
    pub database: Option<Choice>,
    /// How much later the clock of each proxy is than that of the one before.
    pub clocks_apart: Duration,
    /// Is the management API on? Foreman's certificate is then listed for it too.
    pub with_api: bool,
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
    /// The run needs what was not asked for.
    #[error("{0}")]
    Setup(&'static str),
}

pub(crate) fn io_error(doing: impl Into<String>) -> impl FnOnce(io::Error) -> ProxyError {
    let doing = doing.into();
    |source| ProxyError::Io { doing, source }
}

impl Setup {
    /// Can proxies be started like this?
    ///
    /// # Errors
    /// When several proxies would share nothing, or the database is in nobody's hand.
    pub fn check(&self) -> Result<(), ProxyError> {
        if self.proxies > 1 && self.database.is_none() {
            return Err(ProxyError::Setup(
                "several proxies need a database that they keep their holds in together, or they promise each other's \
                 addresses: --database own starts a PostgreSQL, --database postgresql://… names one",
            ));
        }
        Ok(())
    }
}

/// Running proxies, one or several behind a balancer. They end when they are dropped.
pub struct OwnProxy {
    // In the order in which they end.
    nodes: Vec<Node>,
    balancer: Option<Balancer>,
    _api_balancer: Option<Balancer>,
    database: Option<Database>,
    ipam: Ipam,
    identities: Identities,
    target: Target,
    api: Option<Target>,
    is_tls: bool,
    _directory: TempDir,
}

impl OwnProxy {
    /// Starts proxies over a new IPAM with these places in it.
    ///
    /// # Errors
    /// When the setup is not sound, the binary does not start, or says that it cannot.
    pub async fn start(setup: &Setup, places: &[Place]) -> Result<Self, ProxyError> {
        setup.check()?;
        let directory = TempDir::new().map_err(io_error("a directory for the proxy"))?;
        let identities = Identities::new();
        let of_node = |number: usize| directory.path().join(format!("proxy-{number}"));
        let database = match &setup.database {
            Some(choice) => Some(Database::start(choice).await?),
            None => None,
        };
        let home = match &database {
            Some(database) => Home::Database(Box::new(database.options()?)),
            None => Home::File(of_node(0).join("state/ipam.sqlite")),
        };
        let ipam = Ipam::simulated(places, setup.product, setup.with_relay);
        let ipam = ipam.unwrap_or_else(|| Ipam::embedded(places, home));
        let global = database.as_ref().map(Database::settings).unwrap_or_default();
        let (provider, settings) = ipam.settings();
        let (mut nodes, mut addresses, mut of_api) = (Vec::new(), Vec::new(), Vec::new());
        for (number, behind) in (0..setup.proxies.max(1)).zip(0..) {
            let mut node = Node::prepare(&of_node(number), setup, &identities, (provider, &settings), &global)?;
            if !setup.clocks_apart.is_zero() {
                node.set(another_clock(setup.clocks_apart * behind));
            }
            if setup.product == Product::Embedded && number == 0 {
                node.import(&csv(places)).await?;
            }
            addresses.push(node.start().await?);
            if setup.with_api {
                of_api.push(node.api_address()?);
            }
            nodes.push(node);
        }
        let balancer = match addresses.len() {
            1 => None,
            _ => Some(Balancer::start(addresses.clone()).await.map_err(io_error("the balancer"))?),
        };
        let api_balancer = match of_api.len() {
            0 | 1 => None,
            _ => Some(Balancer::start(of_api.clone()).await.map_err(io_error("the balancer"))?),
        };
        let api = api_balancer.as_ref().map(Balancer::address).or_else(|| of_api.first().copied());
        let api = api.map(|address| Target::tls(address, identities.connector(), SERVER));
        let address = balancer.as_ref().map_or(addresses[0], Balancer::address);
        let target =
            if setup.tls { Target::tls(address, identities.connector(), SERVER) } else { Target::plain(address) };
        Ok(Self {
            nodes,
            balancer,
            _api_balancer: api_balancer,
            database,
            ipam,
            identities,
            target,
            api,
            is_tls: setup.tls,
            _directory: directory,
        })
    }

    /// Where they are, also when they have been started again.
    pub fn target(&self) -> Target {
        self.target.clone()
    }

    /// The same, and where the management API is. One that is started again is not followed.
    pub fn targets(&self) -> Targets {
        Targets { foreman: self.target(), api: self.api.clone() }
    }

    /// What is behind them.
    pub fn ipam(&self) -> &Ipam {
        &self.ipam
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.nodes.len()
    }

    /// What the processes have used together; `None` when one is gone.
    pub fn usage(&self) -> Option<Usage> {
        self.nodes.iter().map(Node::usage).sum()
    }

    /// Everything that they have logged since they were first started, one after the other.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn log(&self) -> io::Result<String> {
        self.nodes.iter().map(Node::log).collect()
    }

    /// Ends one as `kill -9` does.
    ///
    /// # Errors
    /// When the system refuses it.
    pub async fn kill(&mut self, number: usize) -> Result<(), ProxyError> {
        self.nodes[number].kill().await
    }

    /// Starts it again over the same files, on another port.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub async fn start_again(&mut self, number: usize) -> Result<(), ProxyError> {
        let address = self.nodes[number].start().await?;
        match &self.balancer {
            Some(balancer) => balancer.move_to(number, address),
            None => self.target.move_to(address),
        }
        Ok(())
    }

    /// Ends the database with all its connections, and starts it again.
    ///
    /// # Errors
    /// When the database is not the program's own, or does not start.
    pub async fn restart_database(&self) -> Result<(), ProxyError> {
        match &self.database {
            Some(database) => database.restart().await,
            None => Err(ProxyError::Setup("there is no database to restart; --database own starts one")),
        }
    }

    /// Gives each a new certificate, tells it so as systemd does, and waits until it says that it has it.
    ///
    /// # Errors
    /// When one does not say so.
    pub async fn renew_certificate(&mut self) -> Result<(), ProxyError> {
        for node in &mut self.nodes {
            node.renew_certificate(&self.identities).await?;
        }
        Ok(())
    }

    /// How they show that they know of an address which the IPAM may have recorded for a host that failed: a line of a
    /// log, or the hold of a reservation whose answer was lost.
    ///
    /// # Errors
    /// When there is no answer, or a log cannot be read.
    pub async fn knowledge(&self) -> Result<Knowledge, ProxyError> {
        let holds = holds(&self.target()).await.map_err(io_error("the list of holds"))?;
        let holds = holds.ok_or_else(|| ProxyError::Proxy("lists no holds".to_owned()))?;
        Ok(Knowledge::new(holds, self.log().map_err(io_error("the log"))?))
    }

    /// Are they spoken to with TLS?
    pub fn is_tls(&self) -> bool {
        self.is_tls
    }
}

/// Why the clock of a proxy cannot be set; `None` when it can.
pub fn missing_clock() -> Option<&'static str> {
    libfaketime().is_none().then_some("libfaketime is not installed")
}

/// Variables that set a process's clock ahead, but for its monotonic one, which no administrator can set.
fn another_clock(ahead: Duration) -> Vec<(&'static str, String)> {
    let Some(library) = libfaketime() else { return Vec::new() };
    vec![
        ("LD_PRELOAD", library.display().to_string()),
        ("FAKETIME", format!("+{}s", ahead.as_secs())),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
    ]
}

/// `/usr/lib/<architecture>/faketime` at Debian, `/usr/lib64/faketime` at Fedora.
fn libfaketime() -> Option<PathBuf> {
    let of_architectures = fs::read_dir("/usr/lib").into_iter().flatten().flatten().map(|entry| entry.path());
    let mut directories = of_architectures.chain(["/usr/lib64".into(), "/usr/lib".into()]);
    directories.find_map(|directory: PathBuf| {
        Some(directory.join("faketime/libfaketime.so.1")).filter(|library| library.exists())
    })
}
