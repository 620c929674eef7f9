//! `setup`: from nothing, or from the Ruby plugin, to a proxy that Foreman knows.
//!
//! Everything is asked first, then shown, then written, and only when the settings are without fault as a whole. It can be
//! run again: what is there is proposed, and where nothing differs nothing is written.

mod certificates;
mod draft;
mod files;
mod in_foreman;
mod provider;
mod questions;
mod ruby;
mod ruby_dhcp;
mod sheet;
mod yaml;

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::path::{Path, PathBuf};

use clap::{ArgGroup, Args};
use reqwest::Url;
use serde_json::{Value, json};

use super::output::{say, warn};
use super::prompt::Prompt;
use super::register::{self, Connection, Identity, variable};
use super::running::listens;
use super::{CommandError, Outcome, check, load};
use crate::app::control_socket;
use crate::registry::PROVIDERS;
#[cfg(feature = "internal")]
use crate::settings::STATE_DIRECTORY;
use crate::settings::{EXTERNALIPAM, Settings, external_file, file_of, provider_named, stems_in, variable_of};

use certificates::{about_key, usual_certificates};
use draft::Draft;
use provider::{Interview, Pair};
use questions::{Question, Questions};
use ruby::Ruby;
use sheet::Sheet;

/// Arguments of `setup`.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("in_foreman").multiple(true)))]
pub(super) struct Arguments {
    /// Take over the settings of the Ruby Smart Proxy and its plugin smart_proxy_ipam, which are in DIR; where that is not
    /// used, those of smart_proxy_dhcp_infoblox or smart_proxy_dhcp_bluecat.
    #[arg(long, value_name = "DIR", num_args = 0..=1, default_missing_value = ruby::DIRECTORY)]
    from_ruby: Option<PathBuf>,
    /// Ask nothing: what is missing is an error that lists all of it.
    #[arg(long)]
    non_interactive: bool,
    /// Register the proxy in Foreman when the settings are written. It must be running by then.
    #[arg(long)]
    register: bool,
    /// Do not register the proxy in Foreman, and do not ask.
    #[arg(long, conflicts_with = "register")]
    no_register: bool,
    /// The IPAM, by the name that use_provider has in externalipam.yml.
    #[arg(long, value_name = "NAME", help_heading = "IPAM")]
    provider: Option<String>,
    /// A setting of the provider's own file, such as url and the address of the IPAM; as often as needed.
    #[arg(long, value_name = "KEY=VALUE", help_heading = "IPAM", value_parser = provider::pair)]
    ipam: Vec<Pair<String>>,
    /// The same for a secret: it is in the first line of this file, such as token=/root/netbox-token.
    #[arg(long, value_name = "KEY=FILE", help_heading = "IPAM", value_parser = provider::pair_with_file)]
    ipam_file: Vec<Pair<PathBuf>>,
    /// The certificate of this host.
    #[arg(long, value_name = "FILE", help_heading = "Certificates and access")]
    ssl_certificate: Option<String>,
    /// The private key of that certificate.
    #[arg(long, value_name = "FILE", help_heading = "Certificates and access")]
    ssl_private_key: Option<String>,
    /// The CA that signed Foreman's client certificate.
    #[arg(long, value_name = "FILE", help_heading = "Certificates and access")]
    ssl_ca_file: Option<String>,
    /// The port that Foreman calls.
    #[arg(long, value_name = "PORT", help_heading = "Certificates and access")]
    https_port: Option<String>,
    /// The hosts that may call, separated by commas [default: the host of Foreman].
    #[arg(long, value_name = "NAMES", help_heading = "Certificates and access")]
    trusted_hosts: Option<String>,
    /// The version of Foreman, such as 3.12, so that it shows no warning.
    #[arg(long, value_name = "VERSION", help_heading = "Foreman")]
    foreman_version: Option<String>,
    /// The PostgreSQL in which several proxies share their holds, such as postgresql://ipam@db.example.com/ipam.
    #[arg(long, value_name = "URL", help_heading = "Several proxies")]
    database_url: Option<String>,
    /// The file that holds the password for the database.
    #[arg(long, value_name = "FILE", help_heading = "Several proxies")]
    database_password_file: Option<String>,
    /// Create the webhooks in Foreman that report changed hosts to this proxy, and do nothing else. The proxy takes them where
    /// webhooks is true in settings.d/foreman_names.yml.
    #[arg(long, help_heading = "Names of hosts", group = "in_foreman")]
    webhooks: bool,
    /// Create the report template in Foreman with which all addresses are read at once, and do nothing else. The proxy uses it
    /// where sweep_every_seconds is set in settings.d/foreman_names.yml.
    #[arg(long, help_heading = "Names of hosts", group = "in_foreman")]
    sweep: bool,
    /// With --webhooks or --sweep: remove them from Foreman.
    #[arg(long, help_heading = "Names of hosts", requires = "in_foreman")]
    remove: bool,
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    identity: Identity,
}

pub(super) const EXAMPLES: &str = "\
Secrets are read from files, from environment variables (FOREMAN_IPAM_PROXY__EXTERNALIPAM_NETBOX__TOKEN is the token of \
NetBox) or from the terminal, never from the command line.

Examples:
  With questions:
    foreman-ipam-proxy setup
  In place of a plugin of the Ruby Smart Proxy, with its settings:
    foreman-ipam-proxy setup --from-ruby
  In a script:
    foreman-ipam-proxy setup --non-interactive --foreman-url https://foreman.example.com \\
      --provider netbox --ipam url=https://netbox.example.com --ipam-file token=/root/netbox-token
    systemctl enable --now foreman-ipam-proxy
    foreman-ipam-proxy register --non-interactive";

/// What Foreman expects of a Smart Proxy.
const HTTPS_PORT: u16 = 8443;

/// The port beside another Smart Proxy: of those that SELinux lets Foreman connect to, one that nothing else is known by.
const OTHER_PORT: u16 = 8009;

pub(super) fn run(arguments: &Arguments, directory: &Path) -> Outcome {
    let prompt = if arguments.non_interactive { Prompt::Never } else { Prompt::Ask };
    if arguments.webhooks || arguments.sweep {
        return in_foreman::run(arguments, directory, prompt);
    }
    let mut global = Sheet::load(directory.join("settings.yml"))?;
    let mut ruby = arguments.from_ruby.as_deref().map(Ruby::read).transpose()?.unwrap_or_default();
    ruby.mind_port(global.get("https_port"));
    for note in &ruby.notes {
        say(note);
    }
    let mut questions = Questions::new(prompt, &ruby.global);
    ask_for_server(arguments, &mut questions, &mut global)?;
    take_over(&ruby, &mut global);

    let settings_directory = settings_directory(&global, directory);
    let mut external = Sheet::load(external_file(&settings_directory))?;
    let (of_ipams, secrets) = match external.get(questions::PROVIDER.key).and_then(stems_in) {
        Some(stems) => (leave_routes(arguments, &external, &stems, &settings_directory)?, BTreeSet::new()),
        None => {
            let chosen = choose_provider(arguments, &ruby, &mut questions, &mut external)?;
            let mut own = Sheet::load(settings_directory.join(file_of(chosen.name)))?;
            let mut interview = Interview::new(chosen, &mut own);
            if ruby.provider_name() == Some(chosen.name) {
                interview.take_over(&ruby.provider);
            }
            interview.take(&arguments.ipam, &arguments.ipam_file)?;
            interview.ask(&mut questions)?;
            let secrets = interview.into_secrets();
            #[cfg(feature = "internal")]
            ask_for_store(chosen, &mut questions, &global, &mut own)?;
            (vec![own], secrets)
        }
    };
    questions.finish()?;

    let draft = Draft {
        directory,
        settings_directory: &settings_directory,
        of_ipams: &of_ipams,
        external: &external,
        global: &global,
    };
    draft.validate()?;
    draft.write(prompt, &secrets)?;
    check::run(&check::Arguments::default(), directory).inspect_err(|_| {
        say("next          mend what is at fault above, then run this again; it proposes what is written now");
    })?;
    finish(arguments, &load(directory)?, prompt)
}

/// Everything in `settings.yml` that Foreman's calls need.
fn ask_for_server(arguments: &Arguments, questions: &mut Questions<'_>, sheet: &mut Sheet) -> Outcome {
    // As a package installs it, nobody may call.
    let is_locked = sheet.get("trusted_hosts") == Some(&json!([]));
    questions.settle(sheet, &questions::FOREMAN_URL, arguments.connection.foreman_url.as_deref(), None)?;
    let usual = usual_certificates();
    let [certificate, key, authority] =
        usual.map_or([None, None, None], |paths| paths.map(|path| Some(Value::from(path))));
    questions.settle(sheet, &questions::CERTIFICATE, arguments.ssl_certificate.as_deref(), certificate)?;
    questions.settle(sheet, &questions::PRIVATE_KEY, arguments.ssl_private_key.as_deref(), key)?;
    questions.settle(sheet, &questions::CA_FILE, arguments.ssl_ca_file.as_deref(), authority)?;
    questions.settle(
        sheet,
        &questions::HTTPS_PORT,
        arguments.https_port.as_deref(),
        Some(json!(port_beside(HTTPS_PORT))),
    )?;
    if is_locked {
        sheet.unset("trusted_hosts");
        sheet.unset("http_port");
        if sheet.get("bind_host") == Some(&json!("localhost")) {
            sheet.unset("bind_host");
        }
    }
    let foreman = sheet.get("foreman_url").and_then(Value::as_str).and_then(|url| Url::parse(url).ok());
    let foreman = foreman.and_then(|url| url.host_str().map(|host| json!([host])));
    questions.settle(sheet, &questions::TRUSTED_HOSTS, arguments.trusted_hosts.as_deref(), foreman)?;
    let authority = arguments.connection.foreman_ca.as_ref().map(|path| path.display().to_string());
    questions.settle_unasked(sheet, &questions::FOREMAN_CA, authority.as_deref())?;
    questions.settle_unasked(sheet, &questions::PROXY_URL, arguments.identity.proxy_url.as_deref())?;
    questions.settle_unasked(sheet, &questions::FOREMAN_VERSION, arguments.foreman_version.as_deref())?;
    questions.settle_unasked(sheet, &questions::DATABASE_URL, arguments.database_url.as_deref())?;
    let password_file = arguments.database_password_file.as_deref();
    questions.settle_unasked(sheet, &questions::DATABASE_PASSWORD_FILE, password_file)?;
    Ok(())
}

/// Several proxies need one store. One that is there already stays where it is: 'store copy' moves it.
#[cfg(feature = "internal")]
fn ask_for_store(
    chosen: ipam_provider::Registration,
    questions: &mut Questions<'_>,
    global: &Sheet,
    own: &mut Sheet,
) -> Outcome {
    let shares = global.get(questions::DATABASE_URL.key).is_some();
    let is_set = own.get(questions::STORE.key).is_some();
    let is_there = named_directory(global, "state_directory")
        .unwrap_or_else(|| STATE_DIRECTORY.into())
        .join(ipam_provider_internal::FILE)
        .exists();
    if chosen.name != super::store::PROVIDER || !shares || is_set || is_there {
        return Ok(());
    }
    questions.settle(own, &questions::STORE, None, Some(json!("database")))
}

/// The settings files of several IPAMs, unchanged: `use_provider` is a list of routes, which people write.
fn leave_routes(
    arguments: &Arguments,
    external: &Sheet,
    stems: &[String],
    settings_directory: &Path,
) -> Result<Vec<Sheet>, CommandError> {
    let Arguments { provider, ipam, ipam_file, from_ruby, .. } = arguments;
    let is_given = variable(&variable_of(Some(EXTERNALIPAM), questions::PROVIDER.key)).is_some();
    if provider.is_some() || !ipam.is_empty() || !ipam_file.is_empty() || from_ruby.is_some() || is_given {
        return Err(CommandError::failed(format!(
            "use_provider in {} is a list of routes, which setup does not change; change it there, or take it away to \
             choose one IPAM",
            external.path().display()
        )));
    }
    say(format!("IPAM          by the routes in {}, which stay as they are", external.path().display()));
    stems.iter().map(|stem| Sheet::load(settings_directory.join(format!("{stem}.yml")))).collect()
}

/// The rest of what the Ruby proxy was told about its server; answers to questions have been taken already.
fn take_over(ruby: &Ruby, sheet: &mut Sheet) {
    let asked: [&Question<'_>; 7] = [
        &questions::FOREMAN_URL,
        &questions::CERTIFICATE,
        &questions::PRIVATE_KEY,
        &questions::CA_FILE,
        &questions::HTTPS_PORT,
        &questions::TRUSTED_HOSTS,
        &questions::FOREMAN_CA,
    ];
    for (key, value) in &ruby.global {
        if !asked.iter().any(|question| question.key == key) {
            sheet.set(key, value.clone());
        }
    }
}

/// Where the files of the IPAM are: as the loader finds it.
fn settings_directory(global: &Sheet, directory: &Path) -> PathBuf {
    named_directory(global, "settings_directory").unwrap_or_else(|| directory.join("settings.d"))
}

/// A directory that the environment or else the file names.
fn named_directory(global: &Sheet, key: &str) -> Option<PathBuf> {
    let named = variable(&variable_of(None, key));
    named.or_else(|| global.get(key).and_then(Value::as_str).map(str::to_owned)).map(PathBuf::from)
}

fn choose_provider(
    arguments: &Arguments,
    ruby: &Ruby,
    questions: &mut Questions<'_>,
    sheet: &mut Sheet,
) -> Result<ipam_provider::Registration, CommandError> {
    for (key, value) in &ruby.external {
        sheet.set(key, value.clone());
    }
    let names: Vec<&str> = PROVIDERS.iter().map(|provider| provider.name).collect();
    let named = |sheet: &Sheet| {
        let name = sheet.get(questions::PROVIDER.key).and_then(Value::as_str).unwrap_or(names[0]);
        provider_named(name).to_owned()
    };
    let from_environment = variable(&variable_of(Some(EXTERNALIPAM), questions::PROVIDER.key));
    let given = arguments.provider.clone().or(from_environment);
    if ruby.external.is_empty() || given.is_some() {
        let before = named(sheet);
        let was = sheet.get(questions::PROVIDER.key).cloned();
        let text = format!("IPAM ({})", names.join(", "));
        let question = Question { text: &text, ..questions::PROVIDER };
        questions.settle(sheet, &question, given.as_deref(), Some(before.clone().into()))?;
        // The same provider in the other spelling is no change.
        if let Some(was) = was.filter(|_| named(sheet) == before) {
            sheet.set(questions::PROVIDER.key, was);
        }
    }
    let name = named(sheet);
    PROVIDERS.iter().find(|provider| provider.name == name).copied().ok_or_else(|| {
        CommandError::Unusable(format!(
            "{}: this build has no provider {name}; choose one with --provider: {}",
            sheet.path().display(),
            names.join(", ")
        ))
    })
}

/// The port, or another where somebody listens on it.
fn port_beside(port: u16) -> u16 {
    if TcpListener::bind(("0.0.0.0", port)).is_ok() { port } else { OTHER_PORT }
}

/// Registers the proxy, or says how.
fn finish(arguments: &Arguments, settings: &Settings, prompt: Prompt) -> Outcome {
    if let Some(warning) = about_key(settings) {
        warn(&warning);
    }
    let runs = listens(&control_socket(&settings.server.state_directory));
    let start = if runs { "systemctl restart foreman-ipam-proxy" } else { "systemctl enable --now foreman-ipam-proxy" };
    let wants = match (arguments.register, arguments.no_register) {
        (true, _) => true,
        (_, true) => false,
        _ => {
            if prompt == Prompt::Ask {
                say(format!("For Foreman to know it, the proxy must run with these settings: {start}"));
            }
            prompt.confirm("Does it run, and shall it be registered in Foreman now?", runs)? == Some(true)
        }
    };
    if wants {
        return register::register(settings, &arguments.connection, &arguments.identity, prompt);
    }
    say(format!("next          {start}"));
    say("next          foreman-ipam-proxy register");
    Ok(())
}
