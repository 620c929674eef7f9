//! Addresses that are added in v1: in one step for IPv4 and in two for IPv6, and what a refusal means.

use std::net::IpAddr;

use ipam_provider::http::Method;
use ipam_provider::{Error, ErrorKind, Result};

use super::client::{Client, STATIC};
use super::networks;
use super::properties::{parse, property};
use super::refusal::{chain, error, refused};
use super::rest::Refusal;
use crate::address_manager::{NewAddress, Place, is_free};
use crate::vendor::{FULL_ADDRESSES, WHAT};

impl Client {
    /// See [`AddressManager::add`](crate::address_manager::AddressManager::add).
    pub(super) async fn record_new(&self, place: Place<'_>, new: &NewAddress) -> Result<u64> {
        let added = match new.address {
            IpAddr::V4(_) => self.add_ipv4(place, new).await,
            IpAddr::V6(_) => self.add_ipv6(place, new).await,
        };
        match added {
            Ok(id) => {
                self.complete(place, new).await;
                Ok(id)
            }
            Err(refusal) => Err(self.explained(place, new.address, refusal).await),
        }
    }

    /// Adds an IPv4 address in one step.
    async fn add_ipv4(&self, place: Place<'_>, new: &NewAddress) -> Result<u64, Refusal> {
        let (configuration, address, mac) = (place.configuration.to_string(), new.address.to_string(), mac(new));
        let name = new.name.as_deref().map(|name| property("name", name)).unwrap_or_default();
        let properties = name + &field(new);
        let parameters = [
            ("configurationId", configuration.as_str()),
            ("ip4Address", &address),
            ("macAddress", &mac),
            ("hostInfo", ""),
            ("action", STATIC),
            ("properties", &properties),
        ];
        self.rest.add("assignIP4Address", &parameters, FULL_ADDRESSES).await
    }

    /// Adds an IPv6 address: a record, whose making is what only one caller succeeds with, and then its state and MAC.
    async fn add_ipv6(&self, place: Place<'_>, new: &NewAddress) -> Result<u64, Refusal> {
        let (network, address, mac) = (place.network.to_string(), new.address.to_string(), mac(new));
        let properties = field(new);
        let parameters = [
            ("containerId", network.as_str()),
            ("address", &address),
            ("type", "IP6Address"),
            ("name", new.name.as_deref().unwrap_or_default()),
            ("properties", &properties),
        ];
        let id = self.rest.add("addIP6Address", &parameters, FULL_ADDRESSES).await?;
        let parameters = [
            ("containerId", network.as_str()),
            ("address", &address),
            ("action", STATIC),
            ("macAddress", &mac),
            ("hostInfo", ""),
            ("properties", ""),
        ];
        let error = match self.rest.call(Method::POST, "assignIP6Address", &parameters).await {
            Ok(answer) if answer.is_success() => return Ok(id),
            Ok(answer) => error(&answer, FULL_ADDRESSES),
            // No connection, or no session: the first step has been done all the same.
            Err(error) => error,
        };
        // Between the two steps somebody else may have completed the record, which is theirs then.
        if error.kind() == ErrorKind::AlreadyExists
            && let Ok(Some(found)) = self.entity(place.configuration, new.address).await
            && !is_free(&self.read(&found).state)
        {
            return Err(Refusal { error, is_own: false });
        }
        // Half an address is nobody's: the record goes again. Where that fails too, what was written is open.
        let removed = self.rest.call(Method::DELETE, "delete", &[("objectId", &id.to_string())]).await;
        match removed {
            Ok(answer) if answer.is_success() => {
                // A conflict here is not that of the address, which was just made.
                let error = if error.kind() == ErrorKind::AlreadyExists { refused().because(error) } else { error };
                Err(Refusal { error, is_own: false })
            }
            _ => {
                let text = format!("{WHAT} has recorded {address} in part: its state could not be set");
                Err(Error::new(ErrorKind::Unexpected, text).because(error).into())
            }
        }
    }

    /// What a refusal in words that are not known means: the address may be there, or the network may have gone. If the look
    /// fails too, the meaning stays unknown.
    async fn explained(&self, place: Place<'_>, address: IpAddr, refusal: Refusal) -> Error {
        if !refusal.is_open() {
            return refusal.error;
        }
        match self.record(place.configuration, address).await {
            Ok(Some(_)) => {
                let text = format!("The record already exists in {WHAT}");
                return Error::new(ErrorKind::AlreadyExists, text).because(refusal.error);
            }
            Ok(None) => {}
            Err(_) => return refusal.error,
        }
        match networks::is_there(&self.rest, place.network, place.subnet.prefix).await {
            Ok(true) => refused().because(chain(refusal.error)),
            Ok(false) => place.subnet.gone(WHAT).because(refusal.error),
            Err(_) => refusal.error,
        }
    }

    /// Completes a record that lacks its name or field: a client has seen that an assignment drops them. The address is
    /// recorded, so that a failure here costs nobody a host.
    async fn complete(&self, place: Place<'_>, new: &NewAddress) {
        let completed = async {
            let Some(mut entity) = self.entity(place.configuration, new.address).await? else { return Ok(()) };
            let record = self.read(&entity);
            let wanted = new.field.as_ref().map(|(_, text)| text);
            // What v1 cannot write is not missed.
            let written = |text: &str| parse(&property("x", text)).remove("x");
            let has_name = record.name.is_some() || new.name.as_ref().is_none_or(String::is_empty);
            let has_field = wanted.is_none_or(|text| record.field == written(text));
            if has_name && has_field {
                return Ok(());
            }
            entity.name.clone_from(&new.name);
            if !has_field && let Some((field, text)) = &new.field {
                entity.set(field, text);
            }
            self.rest.update(&entity, FULL_ADDRESSES).await.map_err(|refusal| refusal.error)
        };
        if let Err(error) = completed.await {
            let error: Error = error;
            log::warn!("bluecat: {} is recorded, perhaps without name and description: {error}", new.address);
        }
    }
}

fn mac(new: &NewAddress) -> String {
    new.mac.map(|mac| mac.to_string()).unwrap_or_default()
}

fn field(new: &NewAddress) -> String {
    new.field.as_ref().map(|(field, text)| property(field, text)).unwrap_or_default()
}
