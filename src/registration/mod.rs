//! Registering this proxy in Foreman, through Foreman's own API.
//!
//! [`Registrar::register`] can be repeated: it finds the record by name or address, changes what differs, has Foreman fetch
//! our features again and looks whether it has those that we are for. Foreman calls the proxy back before it answers, so
//! the proxy must serve by then.

mod address;
mod error;
mod host;
mod records;
pub(crate) mod report;
pub(crate) mod webhooks;

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};

pub(crate) use address::Address;
pub(crate) use error::Error;
pub(crate) use host::own_url;

use crate::foreman_api::{self, Answer, Foreman, SmartProxy, Subnet};
use error::advice;

/// The features that Foreman must find, by the names that it shows.
pub(crate) const FEATURES: [&str; 2] = ["External IPAM", "Logs"];

/// Where the records are.
const SMART_PROXIES: &str = "smart_proxies";

/// How this proxy is to be known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// The name that people see; unique in Foreman.
    pub name: String,
    /// Was the name asked for? A name that is only our default gives way to the one that Foreman has.
    pub is_name_chosen: bool,
    /// The address that Foreman calls, without a slash at the end; unique in Foreman.
    pub url: String,
    address: Address,
}

impl Wanted {
    /// An address, and the name that was asked for; without one it is the host with `-ipam` behind it.
    ///
    /// # Errors
    /// [`Error::Unusable`] for what Foreman would not take.
    pub(crate) fn new(name: Option<String>, url: &str) -> Result<Self, Error> {
        let address = Address::parse(url).ok_or_else(|| {
            Error::Unusable(format!("{url} is no address of a Smart Proxy; write https://, the host and the port"))
        })?;
        if address.port() == Some(0) {
            return Err(Error::Unusable("the proxy listens on any free port, which changes; set https_port, or name the address with --proxy-url".to_owned()));
        }
        let is_name_chosen = name.is_some();
        let name = name.unwrap_or_else(|| format!("{}-ipam", address.host()));
        // A quotation mark would end the name in Foreman's search.
        if name.is_empty() || name.contains(['"', '\\']) || name.chars().any(char::is_control) {
            return Err(Error::Unusable("the name cannot be used; choose another with --name".to_owned()));
        }
        Ok(Self { name, is_name_chosen, url: address.to_string(), address })
    }

    /// Foreman's search for the record, which compares texts: `~` finds a part of one without regard to case
    /// (`scoped_search`, `lib/scoped_search/query_builder.rb`). It finds more than is meant, of which
    /// [`is_at`](Self::is_at) chooses.
    fn search(&self) -> String {
        format!("name = \"{}\" or url ~ \"://{}\"", self.name, self.address.beginning())
    }

    fn is_at(&self, proxy: &SmartProxy) -> bool {
        Address::parse(&proxy.url).as_ref() == Some(&self.address)
    }
}

/// What was done to the record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Change {
    /// It is new.
    Created,
    /// Its address was another.
    Moved {
        /// The former address.
        from: String,
    },
    /// Its name was another.
    Renamed {
        /// The former name.
        from: String,
    },
    /// Nothing but the features was asked for again.
    Refreshed,
}

/// A registration that Foreman has confirmed: the record has [`FEATURES`].
#[derive(Debug)]
pub(crate) struct Registered {
    /// The record as Foreman has it now.
    pub proxy: SmartProxy,
    /// What was done.
    pub change: Change,
    /// Foreman's version, where it tells it.
    pub foreman_version: Option<String>,
}

impl Registered {
    /// Features that this proxy does not have: another one answers at the address.
    pub(crate) fn strange_features(&self) -> Vec<&str> {
        strange_features(&self.proxy)
    }
}

/// A record that was removed, and how that was known to be right.
#[derive(Debug)]
pub(crate) struct Unregistered {
    /// The record as it was.
    pub proxy: SmartProxy,
    /// How many subnets were looked at, none of which used it; `None` when that was not asked for.
    pub looked_at: Option<usize>,
}

/// Registers this proxy in one Foreman.
#[derive(Debug)]
pub(crate) struct Registrar {
    foreman: Foreman,
}

impl Registrar {
    /// Registers in this Foreman.
    pub(crate) fn new(foreman: Foreman) -> Self {
        Self { foreman }
    }

    /// The caller as Foreman knows it, for messages.
    pub(crate) fn who(&self) -> String {
        self.foreman.who()
    }

    /// Makes Foreman know this proxy under the wanted address, with all features.
    ///
    /// # Errors
    /// When Foreman cannot be asked or refuses, when the name belongs to another Smart Proxy, or when Foreman does not
    /// find the features.
    pub(crate) async fn register(&self, wanted: &Wanted) -> Result<Registered, Error> {
        let (proxy, change) = match self.find(wanted).await? {
            None => {
                let body = json!({"smart_proxy": {"name": wanted.name, "url": wanted.url}});
                let answer = self.change(Method::POST, &[SMART_PROXIES], &body, &wanted.url).await?;
                (self.foreman.understood(answer.body)?, Change::Created)
            }
            Some(proxy) if !wanted.is_at(&proxy) => {
                let from = proxy.url.clone();
                self.update(&proxy, &json!({"url": wanted.url}), wanted).await?;
                (proxy, Change::Moved { from })
            }
            Some(proxy) if wanted.is_name_chosen && proxy.name != wanted.name => {
                let from = proxy.name.clone();
                self.update(&proxy, &json!({"name": wanted.name}), wanted).await?;
                (proxy, Change::Renamed { from })
            }
            Some(proxy) => {
                self.fetch_features(&proxy, wanted).await?;
                (proxy, Change::Refreshed)
            }
        };
        self.confirm(&proxy, change).await
    }

    /// Makes Foreman fetch the features of this proxy again.
    ///
    /// # Errors
    /// As [`register`](Self::register), and [`Error::Unknown`] when there is no record.
    pub(crate) async fn refresh(&self, wanted: &Wanted) -> Result<Registered, Error> {
        let Some(proxy) = self.find(wanted).await? else {
            return Err(Error::Unknown { name: wanted.name.clone(), url: wanted.url.clone() });
        };
        self.fetch_features(&proxy, wanted).await?;
        self.confirm(&proxy, Change::Refreshed).await
    }

    /// Removes the record; `None` when there was none. Foreman protects a Smart Proxy that its subnets use for DHCP, but
    /// not for External IPAM: unless `force` is set, the subnets are looked at first.
    ///
    /// # Errors
    /// When Foreman cannot be asked or refuses, and [`Error::InUse`].
    pub(crate) async fn unregister(&self, wanted: &Wanted, force: bool) -> Result<Option<Unregistered>, Error> {
        let Some(proxy) = self.find(wanted).await? else { return Ok(None) };
        // Somebody else's, though it has our address.
        only_ours(&proxy)?;
        let looked_at = if force { None } else { Some(self.must_be_unused(&proxy).await?) };
        self.foreman.call(Method::DELETE, &[SMART_PROXIES, &proxy.id.to_string()], None).await?;
        Ok(Some(Unregistered { proxy, looked_at }))
    }

    /// Subnets that refer to a Smart Proxy that Foreman does not have any more, as people name them.
    ///
    /// # Errors
    /// When Foreman cannot be asked.
    pub(crate) async fn orphaned_subnets(&self) -> Result<Vec<String>, Error> {
        let mut orphaned = self.foreman.subnets().await?;
        orphaned.retain(|subnet| subnet.externalipam_id.is_some() && subnet.externalipam_name.is_none());
        if !orphaned.is_empty() {
            // The short form of a record may lack the name.
            let proxies = self.foreman.smart_proxies("").await?;
            let known: BTreeSet<Option<u64>> = proxies.iter().map(|proxy| Some(proxy.id)).collect();
            orphaned.retain(|subnet| !known.contains(&subnet.externalipam_id));
        }
        Ok(orphaned.iter().map(titled).collect())
    }

    /// How many subnets there are, none of which uses this Smart Proxy, in whatever mode: Foreman remembers it for a
    /// subnet whose IPAM is another one now.
    async fn must_be_unused(&self, proxy: &SmartProxy) -> Result<usize, Error> {
        let subnets = self.foreman.subnets().await?;
        let using = subnets.iter().filter(|subnet| subnet.externalipam_id == Some(proxy.id));
        let using: Vec<String> = using.map(titled).collect();
        if using.is_empty() {
            Ok(subnets.len())
        } else {
            Err(Error::InUse { name: proxy.name.clone(), subnets: using })
        }
    }

    /// The record of this proxy: it has the wanted address, or else the wanted name.
    async fn find(&self, wanted: &Wanted) -> Result<Option<SmartProxy>, Error> {
        let results = self.foreman.smart_proxies(&wanted.search()).await?;
        // Foreman's database may compare without regard to case; names that differ so are two.
        let by_name = results.iter().find(|proxy| proxy.name == wanted.name);
        // Foreman takes each spelling of one address for another, so that there may be several.
        let at_url = by_name.filter(|proxy| wanted.is_at(proxy));
        let at_url = at_url.or_else(|| results.iter().find(|proxy| wanted.is_at(proxy)));
        let found = match (at_url, by_name) {
            (Some(at_url), Some(by_name)) if at_url.id != by_name.id && wanted.is_name_chosen => {
                let (name, url) = (wanted.name.clone(), wanted.url.clone());
                return Err(Error::Ambiguous { name, url, other: at_url.name.clone() });
            }
            (Some(at_url), _) => at_url,
            (None, Some(by_name)) => {
                only_ours(by_name)?;
                by_name
            }
            (None, None) => return Ok(None),
        };
        Ok(Some(found.clone()))
    }

    async fn update(&self, proxy: &SmartProxy, attributes: &Value, wanted: &Wanted) -> Result<(), Error> {
        let path = [SMART_PROXIES, &proxy.id.to_string()];
        self.change(Method::PUT, &path, &json!({"smart_proxy": attributes}), &wanted.url).await?;
        Ok(())
    }

    async fn fetch_features(&self, proxy: &SmartProxy, wanted: &Wanted) -> Result<(), Error> {
        let path = [SMART_PROXIES, &proxy.id.to_string(), "refresh"];
        // A PUT of anything but JSON is 415, even without a body.
        self.change(Method::PUT, &path, &json!({}), &proxy_url(proxy, wanted)).await?;
        Ok(())
    }

    /// A change that makes Foreman call the proxy at `url`.
    async fn change(&self, method: Method, path: &[&str], body: &Value, url: &str) -> Result<Answer, Error> {
        self.foreman.call(method, path, Some(body)).await.map_err(|error| match error {
            foreman_api::Error::Refused { messages, attributes } => {
                match why_refused(&messages, &attributes, &self.who(), url) {
                    Some(right) => Error::Refused { messages, right },
                    None => foreman_api::Error::Refused { messages, attributes }.into(),
                }
            }
            error => error.into(),
        })
    }

    /// Reads the record again, because answers to changes are short in some versions, and looks at its features.
    async fn confirm(&self, proxy: &SmartProxy, change: Change) -> Result<Registered, Error> {
        let answer = self.foreman.call(Method::GET, &[SMART_PROXIES, &proxy.id.to_string()], None).await?;
        let foreman_version = answer.version.clone();
        let proxy: SmartProxy = self.foreman.understood(answer.body)?;
        let missing: Vec<&'static str> =
            FEATURES.into_iter().filter(|wanted| !proxy.features().any(|feature| feature == *wanted)).collect();
        if missing.is_empty() {
            return Ok(Registered { proxy, change, foreman_version });
        }
        let right = why_missing(&missing, foreman_version.as_deref());
        Err(Error::WithoutFeatures { name: proxy.name, missing, right })
    }
}

/// What would be right after a refusal, where that is known.
fn why_refused(messages: &[String], attributes: &[String], who: &str, url: &str) -> Option<String> {
    let is_about = |name: &str| attributes.iter().any(|attribute| attribute == name);
    if is_about("name") {
        Some(format!("Another Smart Proxy has this name, and {who} cannot see it; choose another with --name."))
    } else if is_about("url") {
        Some(format!(
            "Another Smart Proxy has the address {url}, and {who} cannot see it; remove that one in Foreman, or give another address with --proxy-url."
        ))
    } else {
        advice(messages, url)
    }
}

/// A subnet as people name it, with the id that `hammer` takes.
fn titled(subnet: &Subnet) -> String {
    format!("{} ({}, id {})", subnet.name, subnet.network_address, subnet.id)
}

/// The address that Foreman asks when it fetches features.
fn proxy_url(proxy: &SmartProxy, wanted: &Wanted) -> String {
    if wanted.is_at(proxy) { wanted.url.clone() } else { proxy.url.clone() }
}

fn strange_features(proxy: &SmartProxy) -> Vec<&str> {
    proxy.features().filter(|feature| !FEATURES.contains(feature)).collect()
}

/// A record that has features besides ours is of another Smart Proxy.
fn only_ours(proxy: &SmartProxy) -> Result<(), Error> {
    let features: Vec<String> = strange_features(proxy).into_iter().map(str::to_owned).collect();
    if features.is_empty() {
        return Ok(());
    }
    Err(Error::OtherProxy { name: proxy.name.clone(), url: proxy.url.clone(), features })
}

fn why_missing(missing: &[&str], foreman: Option<&str>) -> String {
    let is_old = foreman.and_then(numbers).is_some_and(|version| version < (2, 1));
    match foreman {
        Some(foreman) if is_old => format!("this Foreman is {foreman}, and External IPAM came with 2.1"),
        _ if missing.contains(&FEATURES[0]) => {
            "see whether enabled in externalipam.yml leaves it on for this address, and \
                                                 whether it is this proxy that answers there"
                .to_owned()
        }
        _ => "see whether it is this proxy that answers at this address".to_owned(),
    }
}

/// The first two numbers of a version, as Foreman compares them.
pub(crate) fn numbers(version: &str) -> Option<(u32, u32)> {
    let mut numbers = version.split(|c: char| !c.is_ascii_digit()).filter(|part| !part.is_empty());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(name: Option<&str>, url: &str) -> Result<Wanted, Error> {
        Wanted::new(name.map(str::to_owned), url)
    }

    #[test]
    fn the_name_is_that_of_the_host_unless_another_is_chosen() {
        let usual = wanted(None, "https://Proxy.example.com.:443/").expect("wanted");
        assert_eq!((usual.name.as_str(), usual.is_name_chosen), ("proxy.example.com-ipam", false));
        assert_eq!(usual.url, "https://proxy.example.com.");
        let chosen = wanted(Some("ipam"), "https://proxy.example.com:8443/").expect("wanted");
        assert_eq!((chosen.name.as_str(), chosen.is_name_chosen), ("ipam", true));
        assert_eq!(chosen.url, "https://proxy.example.com:8443");
    }

    #[test]
    fn foreman_is_asked_for_more_than_one_spelling_of_the_address() {
        for (url, part) in [
            ("https://A.example.com:8443/", "://a.example.com"),
            ("https://a.example.com.", "://a.example.com"),
            ("http://[2001:db8::5]/ipam/", "://["),
        ] {
            let search = wanted(Some("ipam"), url).expect("wanted").search();
            assert_eq!(search, format!("name = \"ipam\" or url ~ \"{part}\""));
        }
    }

    #[test]
    fn what_foreman_could_not_take_is_refused_before_it_is_asked() {
        let refused = |name: &str, url: &str| wanted(Some(name), url).expect_err("a refusal").to_string();
        assert!(refused("a", "proxy.example.com:8443").contains("write https://"));
        assert!(refused("a", "https://proxy.example.com:0").contains("set https_port"));
        for name in ["", "a\"b", "a\nb"] {
            assert!(refused(name, "https://proxy.example.com").contains("--name"), "{name}");
        }
    }

    #[test]
    fn versions_are_compared_by_their_first_two_numbers() {
        assert_eq!(numbers("3.12.1-develop"), Some((3, 12)));
        assert_eq!(numbers("1.24.3"), Some((1, 24)));
        assert_eq!(numbers("develop"), None);
        assert!(why_missing(&FEATURES, Some("1.24.3")).contains("2.1"));
        assert!(why_missing(&FEATURES, Some("3.12.0")).contains("externalipam.yml"));
        assert!(why_missing(&FEATURES[1..], None).contains("this proxy that answers"));
    }
}
