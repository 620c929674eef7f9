//! The lists that Foreman's API has of its records, each read to its end.

use std::net::IpAddr;

use super::{Error, Foreman, Host, HostDetails, Interface, SmartProxy, Subnet};

impl Foreman {
    /// The Smart Proxies that a search finds; an empty search finds all.
    ///
    /// # Errors
    /// When Foreman cannot be asked or refuses, as for all lists.
    pub(crate) async fn smart_proxies(&self, search: &str) -> Result<Vec<SmartProxy>, Error> {
        self.list(&["smart_proxies"], &[("search", search)]).await
    }

    /// All subnets that the user may see.
    ///
    /// # Errors
    /// When Foreman cannot be asked or refuses.
    pub(crate) async fn subnets(&self) -> Result<Vec<Subnet>, Error> {
        self.list(&["subnets"], &[]).await
    }

    /// All hosts that the user may see.
    ///
    /// # Errors
    /// When Foreman cannot be asked or refuses.
    pub(crate) async fn hosts(&self) -> Result<Vec<Host>, Error> {
        self.list(&["hosts"], &[("thin", "1")]).await
    }

    /// All interfaces of a host; none when the host does not exist any more.
    ///
    /// # Errors
    /// When Foreman cannot be asked or refuses.
    pub(crate) async fn interfaces(&self, host: &Host) -> Result<Vec<Interface>, Error> {
        match self.list(&["hosts", &host.id.to_string(), "interfaces"], &[]).await {
            Err(Error::NoRecord { .. }) => Ok(Vec::new()),
            outcome => outcome,
        }
    }

    /// The hosts that have one of these addresses of one family on any interface. Which one, their interfaces say. More than
    /// 300 addresses make the URL too long.
    ///
    /// # Errors
    /// When Foreman cannot be asked or refuses; [`Error::Refused`] for IPv6 before Foreman 3.5.
    pub(crate) async fn hosts_with(&self, addresses: &[IpAddr]) -> Result<Vec<Host>, Error> {
        let Some(first) = addresses.first() else { return Ok(Vec::new()) };
        let field = if first.is_ipv6() { "has_ip6" } else { "has_ip" };
        // The comparison is of texts: IPv6 as Rust writes it, short and in lower case.
        let list: Vec<String> = addresses.iter().map(IpAddr::to_string).collect();
        let search = format!("{field} ^ ({})", list.join(","));
        self.list(&["hosts"], &[("search", &search), ("thin", "1")]).await
    }

    /// A host with all its interfaces.
    ///
    /// # Errors
    /// When Foreman cannot be asked or refuses.
    pub(crate) async fn host(&self, id: u64) -> Result<Option<HostDetails>, Error> {
        self.find(&["hosts", &id.to_string()]).await
    }
}
