//! The command line.

use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, Parser};
use indicatif::{ProgressBar, ProgressStyle};
use ipam_provider::{GroupName, Prefix};

use crate::audit::{Audit, Record};
use crate::bare::{self, Bare};
use crate::connection::{Connections, Target};
use crate::database::Choice;
use crate::hosts::{Door, Life, Plan, Progress, existing, play};
use crate::identity::connector_from_pem;
use crate::ipam::Product;
use crate::knowledge::Knowledge;
use crate::ledger::Written;
use crate::own_proxy::{Setup, missing_clock};
use crate::places::{Generated, Place};
use crate::promise::Clock;
use crate::report::{Report, Surroundings};
use crate::run::run;
use crate::trouble::{Course, Trouble};
use crate::usage::Usage;

/// How often the progress bar is drawn.
const DRAW_EVERY: Duration = Duration::from_millis(200);

/// Clocks may round: an offer is certain for so much less than the server is set to.
const ROUNDING: u64 = 1;

/// How long a server of somebody else may refuse connections, such as during a restart. A proxy of our own is started by
/// the run itself, which counts the hosts that fail meanwhile.
const PATIENCE: Duration = Duration::from_secs(60);

/// Plays many Foremans against an External IPAM proxy and tells whether an address was given twice.
///
/// Each Foreman creates one host after the other: next_ip, exists, add, and later delete. Exit codes: 0 all is well, 1 an
/// address was given twice or the IPAM and the ledger disagree, 2 the command line is wrong or the run failed.
#[derive(Debug, Parser)]
#[command(name = "ipam-load", max_term_width = 100)]
pub struct Arguments {
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    behind: Behind,
    #[command(flatten)]
    places: Places,
    #[command(flatten)]
    load: Load,
    #[command(flatten)]
    troubles: Troubles,
    /// Write the report as JSON to this file; with - to standard output, and the table to standard error.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// How many threads play the Foremans.
    #[arg(long, default_value_t = 2)]
    threads: usize,
}

/// What is called.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Server {
    /// A server that runs: http://HOST:PORT or https://HOST:PORT.
    #[arg(long)]
    url: Option<String>,
    /// Start this binary of the proxy, on the loopback and in a directory of its own.
    #[arg(long, value_name = "PROGRAM")]
    own_proxy: Option<PathBuf>,
    /// Start a server that does nothing, to compare with.
    #[arg(long)]
    bare: bool,
    /// Be that server.
    #[arg(long, hide = true, value_name = "DIR")]
    serve_bare: Option<PathBuf>,
}

/// How it is reached, and what is behind it.
#[derive(Debug, Args)]
struct Behind {
    /// For --own-proxy: the IPAM behind it. Those that are not embedded are simulated.
    #[arg(long, default_value = "embedded")]
    ipam: Product,
    /// For --own-proxy and --bare: plain HTTP instead of mutual TLS.
    #[arg(long)]
    plain: bool,
    /// For --own-proxy and --bare: how many threads answer requests.
    #[arg(long, default_value_t = 2)]
    workers: usize,
    /// For --own-proxy: a line for settings.d/externalipam.yml, such as 'holds_at_most: 2000000'. May be repeated.
    #[arg(long, value_name = "LINE")]
    setting: Vec<String>,
    /// For --own-proxy: a line for settings.yml, such as 'log_level: WARN'. May be repeated.
    #[arg(long, value_name = "LINE")]
    global_setting: Vec<String>,
    /// For --own-proxy: how many proxies there are, behind a TCP balancer and over one database.
    #[arg(long, value_name = "COUNT", default_value_t = 1, requires = "own_proxy", value_parser = clap::value_parser!(u8).range(1..=9))]
    proxies: u8,
    /// For --own-proxy: the PostgreSQL that keeps the holds, as in database_url; with own the program starts one.
    #[arg(long, value_name = "own|URL", requires = "own_proxy")]
    database: Option<Choice>,
    /// For --proxies: how many minutes the clock of each proxy is ahead of that of the one before.
    #[arg(long, value_name = "MINUTES", default_value_t = 0, requires = "own_proxy")]
    clocks_apart: u64,
    /// For --url: the PEM certificates that the server's own may be signed by.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// For --url: the PEM certificate to show.
    #[arg(long, value_name = "FILE", requires = "key")]
    certificate: Option<PathBuf>,
    /// For --url: its key.
    #[arg(long, value_name = "FILE", requires = "certificate")]
    key: Option<PathBuf>,
    /// For --url: the log of the server. Without it the lines that the server still shows to Foreman are looked through.
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
    /// For --url: the process of the server, to read its memory and processor time.
    #[arg(long)]
    pid: Option<u32>,
}

/// The subnets.
#[derive(Debug, Args)]
struct Places {
    /// A subnet to make hosts in. May be repeated; no two may be the same subnet of the IPAM.
    #[arg(long, value_name = "PREFIX")]
    subnet: Vec<Prefix>,
    /// The group of the subnets; give it once for all, or once for each subnet in their order, '' for none.
    #[arg(long, value_name = "NAME")]
    group: Vec<String>,
    /// For --own-proxy: generate so many IPv4 subnets. [default: 8, when no subnet is named]
    #[arg(long, value_name = "COUNT", conflicts_with = "subnet")]
    generate: Option<usize>,
    /// For --own-proxy: their prefix length.
    #[arg(long, default_value_t = 24)]
    length: u8,
    /// For --own-proxy: generate so many IPv6 subnets. [default: 2, when no subnet is named and --generate is not given]
    #[arg(long, value_name = "COUNT", conflicts_with = "subnet")]
    generate_ipv6: Option<usize>,
    /// For --own-proxy: over how many groups the generated subnets are spread; 0 for the global table.
    #[arg(long, default_value_t = 2)]
    groups: usize,
    /// Ask without a group, whatever group a subnet is in. Each prefix must be in one group only.
    #[arg(long)]
    without_group: bool,
}

/// The hosts.
#[derive(Debug, Args)]
struct Load {
    /// How many Foremans call at the same time.
    #[arg(long, default_value_t = 64)]
    callers: usize,
    /// How many hosts are made.
    #[arg(long, default_value_t = 10_000)]
    hosts: u64,
    /// Through which door hosts get their addresses; for --own-proxy.
    #[arg(long, default_value = "foreman")]
    door: Door,
    /// How far the life of a host goes.
    #[arg(long, default_value = "deleted")]
    life: Life,
    /// How many hosts each Foreman keeps before it deletes its oldest.
    #[arg(long, default_value_t = 4)]
    keep: usize,
    /// How many of a hundred hosts ask without a MAC.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u8).range(..=100))]
    without_mac: u8,
    /// How often a host asks for another address when somebody else was faster.
    #[arg(long, default_value_t = 5)]
    attempts: u32,
    /// Keep connections alive; Foreman opens one for each call.
    #[arg(long)]
    kept_alive: bool,
    /// The server's hold_seconds.
    #[arg(long, default_value_t = 1800)]
    hold_seconds: u64,
    /// The server's hold_seconds_without_mac, but not more than the 60 after which it may hand such an address on.
    #[arg(long, default_value_t = 60)]
    hold_seconds_without_mac: u64,
}

/// What goes wrong meanwhile.
#[derive(Debug, Args)]
struct Troubles {
    /// For --own-proxy: what goes wrong while hosts are made. Hosts are then made until the last round is over.
    #[arg(long, requires = "own_proxy")]
    trouble: Option<Trouble>,
    /// How often it goes wrong.
    #[arg(long, default_value_t = 3)]
    rounds: u64,
    /// How many hosts are created before each time, and after the last.
    #[arg(long, default_value_t = 200)]
    calm: u64,
    /// How many hosts end, well or not, before it is right again.
    #[arg(long, default_value_t = 100)]
    during: u64,
    /// How long it is wrong at least, in seconds.
    #[arg(long, default_value_t = 0)]
    trouble_seconds: u64,
    /// How much later a slow IPAM answers, in milliseconds.
    #[arg(long, default_value_t = 100)]
    late_milliseconds: u64,
}

type Failed = Box<dyn std::error::Error + Send + Sync>;

/// Runs what the arguments say, and writes what it has shown.
pub fn main(arguments: &Arguments) -> ExitCode {
    let outcome = match &arguments.server.serve_bare {
        Some(directory) => {
            let served = bare::serve(directory, !arguments.behind.plain, arguments.behind.workers);
            return if served.is_ok() { ExitCode::SUCCESS } else { ExitCode::from(2) };
        }
        None => report(arguments),
    };
    match outcome.and_then(|report| show(arguments, &report, &mut io::stdout(), &mut io::stderr()).map(|()| report)) {
        Ok(report) if report.is_sound() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            // Nobody is left to be told when that fails.
            let _ = writeln!(io::stderr(), "{error}");
            ExitCode::from(2)
        }
    }
}

/// Runs what the arguments say.
///
/// # Errors
/// When the arguments do not fit together, or the run cannot be made.
pub fn report(arguments: &Arguments) -> Result<Report, Failed> {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.worker_threads(arguments.threads.max(1)).enable_all().build()?.block_on(arguments.run())
}

fn show(arguments: &Arguments, report: &Report, out: &mut dyn Write, aside: &mut dyn Write) -> Result<(), Failed> {
    match &arguments.json {
        None => write!(out, "{report}")?,
        Some(file) => {
            let json = serde_json::to_string_pretty(report)?;
            if file.as_os_str() == "-" {
                writeln!(out, "{json}")?;
                write!(aside, "{report}")?;
            } else {
                fs::write(file, json + "\n")?;
                write!(out, "{report}")?;
            }
        }
    }
    Ok(())
}

impl Arguments {
    async fn run(&self) -> Result<Report, Failed> {
        let progress = Arc::new(Progress::default());
        let plan = Arc::new(self.plan()?);
        let bar = tokio::spawn(draw(progress.clone(), plan.hosts));
        let report = if self.server.bare {
            self.over_nothing(&plan, progress).await
        } else if let Some(program) = &self.server.own_proxy {
            self.over_own_proxy(program, &plan, progress).await
        } else {
            self.over_another(&plan, progress).await
        };
        bar.abort();
        report
    }

    fn plan(&self) -> Result<Plan, Failed> {
        let Load { callers, hosts, keep, without_mac, attempts, .. } = self.load;
        let seconds = |setting: u64| Duration::from_secs(setting.saturating_sub(ROUNDING));
        Ok(Plan {
            places: if self.server.bare { vec![Bare::place()] } else { self.places()? },
            door: self.load.door,
            callers: callers.max(1),
            hosts: self.troubles.trouble.is_none().then_some(hosts),
            life: self.load.life,
            keep,
            without_mac,
            attempts: attempts.max(1),
            connections: if self.load.kept_alive { Connections::Kept } else { Connections::PerCall },
            patience: if self.server.url.is_some() { PATIENCE } else { Duration::ZERO },
            hold: seconds(self.load.hold_seconds),
            hold_without_mac: seconds(self.load.hold_seconds_without_mac),
        })
    }

    fn places(&self) -> Result<Vec<Place>, Failed> {
        let mut places = self.named_places()?;
        if self.places.without_group {
            places = places.into_iter().map(Place::without_naming_the_group).collect();
        }
        Ok(places)
    }

    fn named_places(&self) -> Result<Vec<Place>, Failed> {
        let Places { subnet, group, generate, length, generate_ipv6, groups, .. } = &self.places;
        if subnet.is_empty() {
            if self.server.own_proxy.is_none() {
                return Err("name the subnets of the server with --subnet and --group".into());
            }
            let ipv6 = generate_ipv6.unwrap_or(if generate.is_none() { 2 } else { 0 });
            let generated = Generated { ipv4: generate.unwrap_or(8), length: *length, ipv6, groups: *groups };
            return Ok(generated.places()?);
        }
        let group_of = |index: usize| match group.as_slice() {
            [] => Ok(None),
            [one] => Ok(GroupName::new(one)),
            several if several.len() == subnet.len() => Ok(GroupName::new(&several[index])),
            _ => Err("give --group once, or once for each --subnet"),
        };
        let place = |(index, prefix): (usize, &Prefix)| Ok(Place::new(*prefix, group_of(index)?));
        subnet.iter().enumerate().map(place).collect()
    }

    async fn over_own_proxy(
        &self,
        program: &PathBuf,
        plan: &Arc<Plan>,
        progress: Arc<Progress>,
    ) -> Result<Report, Failed> {
        let Behind { ipam, plain, workers, setting, global_setting, proxies, database, clocks_apart, .. } =
            &self.behind;
        let Troubles { trouble, rounds, calm, during, trouble_seconds, late_milliseconds } = self.troubles;
        if trouble.is_some_and(Trouble::is_of_the_ipam) && *ipam == Product::Embedded {
            return Err("the embedded IPAM cannot be made to fail; choose another with --ipam".into());
        }
        let has_no_group = |place: &Place| place.group.is_none();
        if !ipam.has_global_table() && plan.places.iter().any(has_no_group) {
            return Err("this IPAM has every subnet in a group; name them, and ask without with --without-group".into());
        }
        if !ipam.has_ipv6() && plan.places.iter().any(|place| place.prefix.is_ipv6()) {
            return Err("this IPAM has no IPv6; leave it out with --generate-ipv6 0".into());
        }
        if trouble.is_some_and(Trouble::is_of_several) && self.behind.database.is_none() {
            return Err("this trouble is of proxies that share a database; name it with --database".into());
        }
        if *clocks_apart > 0
            && let Some(missing) = missing_clock()
        {
            writeln!(io::stderr(), "SKIPPED: --clocks-apart; all clocks are the same, because {missing}")?;
        }
        let setup = Setup {
            program: fs::canonicalize(program).map_err(|error| format!("{}: {error}", program.display()))?,
            product: *ipam,
            with_relay: trouble.is_some_and(Trouble::needs_relay),
            tls: !plain,
            workers: *workers,
            settings: setting.clone(),
            global_settings: global_setting.clone(),
            proxies: (*proxies).into(),
            database: database.clone(),
            clocks_apart: Duration::from_secs(60 * clocks_apart),
            with_api: plan.door.needs_api(),
        };
        if plan.door.needs_api() && (*plain || trouble.is_some() || plan.life == Life::Offered) {
            return Err("the management API is used over TLS, without trouble, and reserves its addresses".into());
        }
        setup.check()?;
        let at_least = Duration::from_secs(trouble_seconds);
        let course = Course { rounds, calm, during, at_least, late: Duration::from_millis(late_milliseconds) };
        let outcome = run(&setup, plan.clone(), trouble.map(|trouble| (trouble, course)), progress).await?;
        let around = Surroundings {
            server: match proxies {
                1 => format!("a proxy of its own over {ipam:?}"),
                several => format!("{several} proxies of its own over one database and {ipam:?}"),
            },
            tls: setup.tls,
            audit: Some(outcome.audit),
            ipam_requests: outcome.requests,
            server_usage: outcome.usage,
        };
        Ok(Report::new(plan, &outcome.played, around))
    }

    async fn over_nothing(&self, plan: &Arc<Plan>, progress: Arc<Progress>) -> Result<Report, Failed> {
        let tls = !self.behind.plain;
        let server = Bare::start(tls, self.behind.workers).await?;
        let played = play(plan.clone(), server.target(), progress, Clock::start()).await;
        let server_usage = server.usage();
        let around = Surroundings {
            server: "a server that does nothing".to_owned(),
            tls,
            server_usage,
            ..Surroundings::default()
        };
        Ok(Report::new(plan, &played, around))
    }

    async fn over_another(&self, plan: &Arc<Plan>, progress: Arc<Progress>) -> Result<Report, Failed> {
        if plan.door.needs_api() {
            return Err("--door is for --own-proxy".into());
        }
        let url = self.server.url.as_deref().unwrap_or_default();
        let target = self.target(url).await?;
        target.wait(plan.patience).await;
        let played = play(plan.clone(), target.clone(), progress, Clock::start()).await;
        target.wait(plan.patience).await;
        let server_usage = self.behind.pid.and_then(Usage::of);
        let may_exist = played.ledger.claims.iter().filter(|claim| claim.add != Written::Not);
        let mut addresses: Vec<_> = may_exist.map(|claim| (claim.place, claim.address)).collect();
        addresses.sort();
        addresses.dedup();
        // Before the records: what the proxy learns of them later, it need not know now.
        let knowledge = Knowledge::of_server(&target, self.behind.log.as_deref()).await?;
        let found = existing(&plan.places, addresses, target, plan.patience).await?;
        let record = |(place, address)| Record { place, address, mac: None };
        let records: Vec<Record> = found.into_iter().map(record).collect();
        let audit = Some(Audit::new(&plan.places, &played.ledger, &records, |place, claim| knowledge.of(place, claim)));
        let tls = url.starts_with("https://");
        let around = Surroundings { server: url.to_owned(), tls, audit, server_usage, ..Surroundings::default() };
        Ok(Report::new(plan, &played, around))
    }

    async fn target(&self, url: &str) -> Result<Target, Failed> {
        let wrong = || format!("'{url}' is not http://HOST:PORT or https://HOST:PORT");
        let (scheme, rest) = url.split_once("://").ok_or_else(wrong)?;
        let authority = rest.trim_end_matches('/');
        let (name, _) = authority.rsplit_once(':').ok_or_else(wrong)?;
        let address = tokio::net::lookup_host(authority).await?.next().ok_or_else(wrong)?;
        match scheme {
            "http" => Ok(Target::plain(address)),
            "https" => {
                let Behind { ca, certificate, key, .. } = &self.behind;
                let (Some(ca), Some(certificate), Some(key)) = (ca, certificate, key) else {
                    return Err("https needs --ca, --certificate and --key".into());
                };
                let connector = connector_from_pem(&fs::read(ca)?, &fs::read(certificate)?, &fs::read(key)?)?;
                Ok(Target::tls(address, connector, name))
            }
            _ => Err(wrong().into()),
        }
    }
}

/// Draws how far it has come, on a terminal only.
async fn draw(progress: Arc<Progress>, hosts: Option<u64>) {
    let bar = hosts.map_or_else(ProgressBar::new_spinner, ProgressBar::new);
    let template = "{elapsed_precise} {wide_bar} {pos}/{len} hosts, {per_sec}, {msg}";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    loop {
        tokio::time::sleep(DRAW_EVERY).await;
        bar.set_position(progress.created() + progress.failed());
        bar.set_message(format!("{} failed", progress.failed()));
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn parsed(arguments: &[&str]) -> Arguments {
        Arguments::try_parse_from([&["ipam-load"], arguments].concat()).expect("arguments that fit")
    }

    #[test]
    fn the_command_line_is_sound() {
        Arguments::command().debug_assert();
        for wrong in [
            &["--own-proxy", "x", "--proxies", "0"][..],
            &[],
            &["--bare", "--own-proxy", "x"],
            &["--bare", "--without-mac", "101"],
        ] {
            assert!(Arguments::try_parse_from([&["ipam-load"], wrong].concat()).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_group_is_for_all_subnets_or_each_has_its_own() {
        let two = ["--url", "http://x:1", "--subnet", "10.0.0.0/24", "--subnet", "2001:db8::/64"];
        let groups = |more: &[&str]| {
            let places = parsed(&[&two, more].concat()).places();
            places.map(|places| {
                places.iter().map(|place| place.group.as_ref().map(ToString::to_string)).collect::<Vec<_>>()
            })
        };
        let some = |name: &str| Some(name.to_owned());
        assert_eq!(groups(&[]).expect("places"), [None, None]);
        assert_eq!(groups(&["--group", "A"]).expect("places"), [some("A"), some("A")]);
        assert_eq!(groups(&["--group", "", "--group", "B"]).expect("places"), [None, some("B")]);
        assert!(groups(&["--group", "A", "--group", "B", "--group", "C"]).is_err());
        assert!(parsed(&["--url", "http://x:1"]).places().is_err(), "another server's subnets must be named");
        let asked = parsed(&[&two[..], &["--group", "A", "--without-group"]].concat()).places().expect("places");
        assert_eq!(asked[0].next_ip(None), "/ipam/subnet/10.0.0.0/24/next_ip?mac&group=");
    }

    #[test]
    fn subnets_of_both_families_are_generated_where_none_are_named() {
        let places = |more: &[&str]| parsed(&[&["--own-proxy", "x"], more].concat()).places().expect("places").len();
        assert_eq!((places(&[]), places(&["--generate", "3"]), places(&["--generate-ipv6", "1"])), (10, 3, 9));
    }
}
