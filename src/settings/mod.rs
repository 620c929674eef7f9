//! The settings of the proxy: read at the start and at a reload, checked as a whole, taken as a whole or not at all.
//!
//! A directory of settings, `/etc/foreman-ipam-proxy` unless told otherwise, has `settings.yml`,
//! `settings.d/externalipam.yml` and `settings.d/externalipam_<provider>.yml`, or one with a name of its own for each of several IPAMs. Each file and each key may be left out
//! where there is a default. The layout and the spelling of keys as `:key:` are Foreman's, so that the directory of a
//! Ruby Smart Proxy can be used as it is. An [`Environment`] variable overrides any key.
//!
//! [`Settings::load`] finds the faults of all files in one go; each fault says where, what is wrong and what would be
//! right, and none shows a value.

mod api;
mod database;
mod environment;
#[cfg(test)]
mod examples;
mod faults;
mod foreman;
mod foreman_names;
mod holds;
mod ipam;
mod log;
mod routes;
mod server;
mod source;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod tls;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};

use ipam_provider::settings::{Problem, Section};
use ipam_provider::{Plan, Registration};
use serde_json::Value;

pub(crate) use api::{Api, ApiListener, ListedCertificate};
pub(crate) use environment::Environment;
pub(crate) use environment::variable_of;
pub(crate) use faults::Faults;
pub(crate) use foreman_names::ForemanNames;
pub(crate) use holds::Holds;
pub(crate) use ipam::{Enabled, ErrorStyle, Ipam};
pub(crate) use routes::{provider_named, stems_in};
#[cfg(feature = "internal")]
pub(crate) use server::STATE_DIRECTORY;
pub(crate) use server::web_url;
pub(crate) use server::{BindHost, Server};
pub(crate) use tls::Tls;

use crate::allocation::holds::Database;
use crate::routes::{Conditions, Table};
use crate::telemetry::Options;

use api::API;
use foreman_names::FOREMAN_NAMES;
use routes::Choice;

/// Where the settings are unless another directory is named.
pub(crate) const DIRECTORY: &str = "/etc/foreman-ipam-proxy";

/// The name of the file for External IPAM, and of the part of variables that stands for it.
pub(crate) const EXTERNALIPAM: &str = "externalipam";

/// All settings, without fault. `P` is what is made of the provider's own: the usual is how to build it.
pub(crate) struct Settings<P = Plan> {
    /// Where the proxy listens, and whom it trusts.
    pub server: Server,
    /// HTTPS, where it is on.
    pub tls: Option<Tls>,
    /// What several proxies share, where there are several.
    pub database: Option<Database>,
    /// Logging.
    pub log: Options,
    /// How the IPAM is asked and answered for.
    pub ipam: Ipam,
    /// For how long addresses are promised.
    pub holds: Holds,
    /// Where the names of hosts come from.
    pub foreman_names: ForemanNames,
    /// The management API.
    pub api: Api,
    /// The IPAMs, in the order in which they are tried; at least one.
    pub routes: Vec<Route<P>>,
    /// The files that were looked for, whether they exist or not.
    pub files: Vec<PathBuf>,
    /// What is odd, but no reason not to start. Sorted.
    pub warnings: Vec<Problem>,
}

/// An IPAM that the settings name, and for which subnets.
pub(crate) struct Route<P = Plan> {
    /// The provider's name, such as `netbox`. The commands for the embedded IPAM look for theirs.
    #[cfg_attr(not(feature = "internal"), expect(dead_code, reason = "there is no embedded IPAM in the build"))]
    pub provider: &'static str,
    /// The name of its settings file without `externalipam_` and `.yml`, such as `netbox` or `netbox_lab`; no two routes
    /// have the same.
    pub key: String,
    /// Which subnets it is for.
    pub conditions: Conditions,
    /// How to build the provider, from its own settings; or what else was made of these.
    pub plan: P,
}

impl Settings {
    /// Reads the settings in `directory` and in the environment of this process; `providers` are those of the build.
    ///
    /// # Errors
    /// All faults of all files and variables.
    pub(crate) fn load(directory: &Path, providers: &[Registration]) -> Result<Self, Faults> {
        Self::load_with(directory, providers, &Environment::of_process())
    }

    /// As [`load`](Self::load), with an environment of the caller's choice.
    ///
    /// # Errors
    /// All faults of all files and variables.
    pub(crate) fn load_with(
        directory: &Path,
        providers: &[Registration],
        environment: &Environment,
    ) -> Result<Self, Faults> {
        Self::load_as(directory, providers, environment, |chosen, section| (chosen.read)(section))
    }
}

impl<P> Settings<P> {
    /// As [`load_with`](Settings::load_with), but `read` reads the settings of each provider that is chosen: for those who
    /// need to know what is in them.
    ///
    /// # Errors
    /// All faults of all files and variables.
    pub(crate) fn load_as(
        directory: &Path,
        providers: &[Registration],
        environment: &Environment,
        read: impl Fn(Registration, &mut Section) -> P,
    ) -> Result<Self, Faults> {
        let mut reading = Reading::new(providers, environment);
        reading.expect_directory(directory);
        let global = reading.global(directory.join("settings.yml"));
        // Where settings.yml cannot be read, the usual place is as good a guess as any to find more faults in.
        let usual = directory.join("settings.d");
        let own = global.as_ref().and_then(|global| global.settings_directory.as_deref());
        let settings_directory = own.inspect(|own| reading.expect_directory(own)).unwrap_or(&usual);
        let external = reading.external(external_file(settings_directory));
        let foreman_names = reading.foreman_names(settings_directory.join(format!("{FOREMAN_NAMES}.yml")));
        let https = global.as_ref().is_none_or(|global| global.tls.is_some());
        let api = reading.api(settings_directory.join(format!("{API}.yml")), https);
        let choices = external.as_ref().map(|external| external.choices.clone()).unwrap_or_default();
        reading.expect_known_variables(&choices);
        let routes = choices.into_iter();
        let routes: Vec<_> = routes.filter_map(|choice| reading.route(settings_directory, choice, &read)).collect();
        reading.warnings.extend(source::readable_by_others(settings_directory));
        if let (Some(global), Some(external)) = (&global, &external) {
            reading.expect_listener(&global.server, external, settings_directory);
            reading.expect_time_for_database(global, &external.ipam, directory);
        }
        if let (Some(global), Some(names)) = (&global, &foreman_names) {
            reading.expect_foreman(global, names, directory);
        }
        if let (Some(global), Some(api)) = (&global, &api) {
            reading.expect_another_port(&global.server, api, settings_directory);
        }
        match (global, external, foreman_names, api) {
            (Some(global), Some(external), Some(foreman_names), Some(api)) if reading.faults.is_empty() => {
                reading.warnings.sort();
                Ok(Self {
                    server: global.server,
                    tls: global.tls,
                    database: global.database,
                    log: global.log,
                    ipam: external.ipam,
                    holds: external.holds,
                    foreman_names,
                    api,
                    routes,
                    files: reading.files,
                    warnings: reading.warnings,
                })
            }
            _ => Err(Faults::new(reading.faults)),
        }
    }

    /// The keys of all IPAMs, to be chosen by their conditions.
    pub(crate) fn keys(&self) -> Table<String> {
        Table::new(self.routes.iter().map(|route| (route.conditions.clone(), route.key.clone())).collect())
    }
}

/// Checks one file alone, as if it were the file `name` of a directory of settings, such as `externalipam.yml`. What
/// another file or the environment would add or contradict plays no part. The warnings are returned, sorted.
///
/// # Errors
/// All faults of the file, or that there is no file of settings with such a name.
pub(crate) fn check_file(name: &str, file: &Path, providers: &[Registration]) -> Result<Vec<Problem>, Faults> {
    let environment = Environment::default();
    let mut reading = Reading::new(providers, &environment);
    let chosen = routes::provider_of_file(name, providers);
    let path = file.to_owned();
    match (name, chosen) {
        _ if !file.exists() => reading.expect_file(file),
        ("settings.yml", _) => drop(reading.global(path)),
        ("externalipam.yml", _) => drop(reading.external(path)),
        ("foreman_names.yml", _) => drop(reading.foreman_names(path)),
        ("api.yml", _) => drop(reading.api(path, true)),
        (_, Some(chosen)) => {
            drop(reading.provider(path, chosen.name, chosen, &|chosen, section| (chosen.read)(section)));
        }
        (_, None) => reading.expect_name(name),
    }
    if reading.faults.is_empty() {
        reading.warnings.sort();
        Ok(reading.warnings)
    } else {
        Err(Faults::new(reading.faults))
    }
}

/// Where a proxy with the settings in `directory` keeps its state, whatever is wrong with them now: one that runs has
/// read them when they were right.
pub(crate) fn state_directory(directory: &Path) -> PathBuf {
    let environment = Environment::of_process();
    let mut section = source::read_what_can_be(&directory.join("settings.yml"), &environment);
    Server::read_state_directory(&mut section, &environment)
}

/// Everything but the plan, which is a function that may know secrets.
impl<P> fmt::Debug for Settings<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("server", &self.server)
            .field("tls", &self.tls)
            .field("database", &self.database)
            .field("log", &self.log)
            .field("ipam", &self.ipam)
            .field("holds", &self.holds)
            .field("foreman_names", &self.foreman_names)
            .field("api", &self.api)
            .field("routes", &self.routes.iter().map(|route| &route.key).collect::<Vec<_>>())
            .field("files", &self.files)
            .field("warnings", &self.warnings)
            .finish()
    }
}

/// What `settings.yml` says.
struct Global {
    server: Server,
    tls: Option<Tls>,
    database: Option<Database>,
    log: Options,
    settings_directory: Option<PathBuf>,
}

/// What `settings.d/externalipam.yml` says.
struct External {
    ipam: Ipam,
    holds: Holds,
    /// Those without fault.
    choices: Vec<Choice>,
}

/// The reading of one directory, and what was found so far.
struct Reading<'a> {
    providers: &'a [Registration],
    environment: &'a Environment,
    files: Vec<PathBuf>,
    faults: Vec<Problem>,
    warnings: Vec<Problem>,
}

impl<'a> Reading<'a> {
    fn new(providers: &'a [Registration], environment: &'a Environment) -> Self {
        Self { providers, environment, files: Vec::new(), faults: Vec::new(), warnings: Vec::new() }
    }

    /// A variable for a file that nothing reads is a mistyped one.
    fn expect_known_variables(&mut self, choices: &[Choice]) {
        let of_providers = self.providers.iter().map(|provider| provider.name);
        let keys: BTreeSet<&str> = of_providers.chain(choices.iter().map(|choice| choice.key.as_str())).collect();
        let files: Vec<String> = [EXTERNALIPAM, FOREMAN_NAMES, API]
            .map(str::to_owned)
            .into_iter()
            .chain(keys.into_iter().map(stem_of))
            .collect();
        self.faults.extend(self.environment.problems(&files));
    }

    /// Missing files are right, but a missing directory is a mistyped one.
    fn expect_directory(&mut self, directory: &Path) {
        if !directory.is_dir() {
            self.faults.push(Problem {
                file: directory.display().to_string(),
                key: None,
                what: "is no directory that can be read".to_owned(),
                right: "name the directory that has the settings".to_owned(),
            });
        }
    }

    /// A file that is named must be there.
    fn expect_file(&mut self, file: &Path) {
        self.faults.push(Problem {
            file: file.display().to_string(),
            key: None,
            what: "does not exist".to_owned(),
            right: "name the file to check".to_owned(),
        });
    }

    /// A mistyped name would have nothing checked.
    fn expect_name(&mut self, name: &str) {
        let of_providers = self.providers.iter().map(|provider| file_of(provider.name));
        let known: Vec<String> = ["settings.yml", "externalipam.yml", "foreman_names.yml", "api.yml"]
            .map(str::to_owned)
            .into_iter()
            .chain(of_providers)
            .collect();
        self.faults.push(Problem {
            file: name.to_owned(),
            key: None,
            what: "is no file of settings in this build".to_owned(),
            right: format!("name one of: {}", known.join(", ")),
        });
    }

    /// The section of a file, `None` when the file itself is at fault.
    fn section(&mut self, file: PathBuf, stem: Option<&str>) -> Option<Section> {
        let section = source::read(&file, self.environment, stem);
        self.files.push(file);
        section.map_err(|faults| self.faults.extend(faults)).ok()
    }

    fn global(&mut self, file: PathBuf) -> Option<Global> {
        let name = file.display().to_string();
        let mut section = self.section(file, None)?;
        let https = tls::is_wanted(&mut section);
        let global = Global {
            server: Server::read(&mut section, https, self.environment),
            tls: Tls::read(&mut section),
            database: database::read(&mut section),
            log: log::read(&mut section),
            settings_directory: section.path("settings_directory"),
        };
        let findings = section.finish();
        self.faults.extend(findings.problems);
        // The file serves other modules of the Ruby proxy too; a variable with our prefix serves only us.
        let (in_file, in_environment): (Vec<_>, Vec<_>) =
            findings.unknown.into_iter().partition(|unknown| unknown.file == name);
        self.faults.extend(in_environment);
        self.warnings.extend(in_file.into_iter().filter(|unknown| !foreman::is_known_elsewhere(unknown)));
        self.warnings.extend(global.database.as_ref().and_then(database::readable_by_others));
        if global.server.http_port.is_some() && global.server.trusted_hosts.is_none() {
            self.warnings.push(Problem {
                file: name,
                key: Some("http_port".to_owned()),
                what: "is set without trusted_hosts, so that every call on plain HTTP but /features, /version, /healthz and /readyz is refused".to_owned(),
                right: "list the hosts that may call in trusted_hosts, or remove http_port".to_owned(),
            });
        }
        Some(global)
    }

    /// What the database does not answer is answered for within the request's budget, with a call of the IPAM before it.
    fn expect_time_for_database(&mut self, global: &Global, ipam: &Ipam, directory: &Path) {
        let Some(database) = &global.database else { return };
        if 2 * database.timeout() >= ipam.request_budget {
            let below_half = (ipam.request_budget.as_secs() - 1) / 2;
            self.faults.push(Problem {
                file: directory.join("settings.yml").display().to_string(),
                key: Some("database_timeout_seconds".to_owned()),
                what: "is half of request_budget_seconds or more".to_owned(),
                right: format!("set it to {below_half} or less, or raise request_budget_seconds above twice of it"),
            });
        }
    }

    fn foreman_names(&mut self, file: PathBuf) -> Option<ForemanNames> {
        // A site that wants no names has no such file.
        let is_there = file.exists();
        let mut section = self.section(file, Some(FOREMAN_NAMES))?;
        if !is_there {
            self.files.pop();
        }
        let names = ForemanNames::read(&mut section);
        self.take_all(section);
        Some(names)
    }

    fn api(&mut self, file: PathBuf, https: bool) -> Option<Api> {
        // A site without the management API has no such file.
        let is_there = file.exists();
        let mut section = self.section(file, Some(API))?;
        if !is_there {
            self.files.pop();
        }
        let api = Api::read(&mut section, https);
        self.take_all(section);
        Some(api)
    }

    /// The API has a listener of its own.
    fn expect_another_port(&mut self, server: &Server, api: &Api, settings_directory: &Path) {
        let Some(listener) = &api.listener else { return };
        let taken = [server.https_port, server.http_port].into_iter().flatten().find(|port| *port == listener.port);
        if taken.is_some_and(|port| port != 0) {
            self.faults.push(Problem {
                file: settings_directory.join(format!("{API}.yml")).display().to_string(),
                key: Some("port".to_owned()),
                what: "is https_port or http_port of settings.yml too".to_owned(),
                right: "choose another port".to_owned(),
            });
        }
    }

    /// Names come from the Foreman that settings.yml names.
    fn expect_foreman(&mut self, global: &Global, names: &ForemanNames, directory: &Path) {
        if names.is_on() && global.server.foreman_url.is_none() {
            self.faults.push(Problem {
                file: directory.join("settings.yml").display().to_string(),
                key: Some("foreman_url".to_owned()),
                what: "is missing, and foreman_names.yml wants names of hosts from Foreman".to_owned(),
                right: "set the address of Foreman".to_owned(),
            });
        }
    }

    fn external(&mut self, file: PathBuf) -> Option<External> {
        let mut section = self.section(file, Some(EXTERNALIPAM))?;
        let (ipam, choices) = Ipam::read(&mut section, self.providers);
        let holds = Holds::read(&mut section);
        self.take_all(section);
        Some(External { ipam, holds, choices })
    }

    fn route<P>(
        &mut self,
        settings_directory: &Path,
        choice: Choice,
        read: &impl Fn(Registration, &mut Section) -> P,
    ) -> Option<Route<P>> {
        let Choice { registration, key, conditions } = choice;
        let file = settings_directory.join(file_of(&key));
        // The file of a name of its own is there, unless the environment has all of it.
        if key != registration.name
            && !file.exists()
            && self.environment.overrides(Some(&stem_of(&key))).next().is_none()
        {
            self.faults.push(Problem {
                file: file.display().to_string(),
                key: None,
                what: "does not exist, although a route of use_provider names it".to_owned(),
                right: "write it, or correct settings in the route".to_owned(),
            });
            return None;
        }
        let plan = self.provider(file, &key, registration, read)?;
        Some(Route { provider: registration.name, key, conditions, plan })
    }

    fn provider<P>(
        &mut self,
        file: PathBuf,
        key: &str,
        chosen: Registration,
        read: &impl Fn(Registration, &mut Section) -> P,
    ) -> Option<P> {
        let mut section = self.section(file, Some(&stem_of(key)))?;
        let plan = read(chosen, &mut section);
        self.take_all(section);
        Some(plan)
    }

    /// In a file of our own every finding is a fault.
    fn take_all(&mut self, section: Section) {
        let findings = section.finish();
        self.faults.extend(findings.problems);
        self.faults.extend(findings.unknown);
    }

    /// External IPAM on a listener that does not exist is offered to nobody.
    fn expect_listener(&mut self, server: &Server, external: &External, settings_directory: &Path) {
        let (missing, right) = match external.ipam.enabled {
            Enabled::HttpOnly => (server.http_port.is_none(), "set http_port in settings.yml, or write true"),
            Enabled::HttpsOnly => (
                server.https_port.is_none(),
                "set ssl_certificate, ssl_private_key and ssl_ca_file in settings.yml, or write true",
            ),
            Enabled::Everywhere | Enabled::Nowhere => return,
        };
        if missing {
            self.faults.push(Problem {
                file: external_file(settings_directory).display().to_string(),
                key: Some("enabled".to_owned()),
                what: "asks for a listener that is not there".to_owned(),
                right: right.to_owned(),
            });
        }
    }
}

/// What a settings file of this text says, key by key, without the colons of Foreman's files; for those that write
/// settings.
pub(crate) fn keys_of(name: &str, text: &str) -> Result<BTreeMap<String, Value>, Faults> {
    source::keys(name, text).map_err(Faults::new)
}

/// Where the file for External IPAM is.
pub(crate) fn external_file(settings_directory: &Path) -> PathBuf {
    settings_directory.join(format!("{EXTERNALIPAM}.yml"))
}

/// The name of the settings file of an IPAM, without its ending. The Ruby plugin calls the provider itself so.
pub(crate) fn stem_of(key: &str) -> String {
    format!("{EXTERNALIPAM}_{key}")
}

/// The name of the settings file of an IPAM.
pub(crate) fn file_of(key: &str) -> String {
    format!("{}.yml", stem_of(key))
}

/// Does the key have a value, be it right or wrong? Makes the key known.
fn is_given(section: &mut Section, key: &'static str) -> bool {
    section.read(key, "", |_| Some(())).is_some()
}
