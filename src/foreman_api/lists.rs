//! The lists that Foreman's API has of its records, each read to its end.

use super::{Error, Foreman, Host, Interface, SmartProxy, Subnet};

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
}
