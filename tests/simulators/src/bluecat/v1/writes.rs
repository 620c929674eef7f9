//! What v1 changes.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde_json::Value;

use super::entities::{entity_of, parse_properties};
use super::free::next;
use super::{Call, Refused};
use crate::bluecat::state::{Address, Host, Network, State, mac_text};

impl Call<'_> {
    pub(super) fn write(&self, state: &mut State) -> Result<Value, Refused> {
        if state.user.read_only {
            return Err("API method cannot be invoked from a read only session".into());
        }
        if !state.user.writes {
            return Err("You do not have permission to perform this action".into());
        }
        match (self.request.method.as_str(), self.method) {
            ("POST", "assignIP4Address") => {
                let configuration = self.number("configurationId")?;
                state.configuration(configuration).ok_or("Object was not found")?;
                let address = self.address("ip4Address")?;
                let network = state.network_around(configuration, address).ok_or("Parent network was not found")?;
                let network = network.clone();
                self.assign(state, &network, address)
            }
            ("POST", "assignNextAvailableIP4Address") => {
                let network = self.network(state, "parentId")?.clone();
                let free = next(state, &network, &self.properties(), 1, "offset")?.pop();
                let address = free.ok_or("No available IP addresses")?;
                let id = self.assign(state, &network, address)?;
                Ok(entity_of(state, id.as_u64().unwrap_or_default()))
            }
            ("POST", "addIP6Address") => {
                let network = self.network(state, "containerId")?.clone();
                let address = self.address("address")?;
                if self.text("type")? != "IP6Address" || !network.net.contains(address) {
                    return Err("Invalid IP address".into());
                }
                if state.addresses.iter().any(|known| known.network == network.id && known.address == address) {
                    return Err("Duplicate of another item".into());
                }
                let fields = self.fields(state);
                let name = self.request.parameter("name").filter(|name| !name.is_empty());
                let record = state.insert(&network, address, "UNALLOCATED").expect("there is no record");
                (record.name, record.fields) = (name, fields);
                Ok(record.id.into())
            }
            ("POST", "assignIP6Address") => {
                let network = self.network(state, "containerId")?.id;
                let (address, action) = (self.address("address")?, self.action()?);
                let mac = self.mac()?;
                let is_it = |known: &&mut Address| known.network == network && known.address == address;
                let record = state.addresses.iter_mut().find(is_it).ok_or("Object was not found")?;
                if record.state != "UNALLOCATED" {
                    return Err("Duplicate of another item".into());
                }
                (record.state, record.mac) = (action, mac);
                Ok(true.into())
            }
            ("DELETE", "delete") => self.delete(state, "objectId"),
            ("DELETE", "clearIP6Address") => self.delete(state, "addressId").map(|_| true.into()),
            ("PUT", "changeStateIP4Address") => {
                let (id, target) = (self.number("addressId")?, self.text("targetState")?);
                let record = state.addresses.iter_mut().find(|known| known.id == id).ok_or("Object was not found")?;
                record.state = target.strip_prefix("MAKE_").ok_or("Invalid state")?.to_owned();
                Ok(Value::Null)
            }
            ("PUT", "update") => self.update(state),
            ("POST", "addHostRecord") => self.add_host(state),
            ("POST", "quickDeploy") => {
                let id = self.number("entityId")?;
                if !state.zones.iter().any(|zone| zone.id == id) && state.network(id).is_none() {
                    return Err("Object was not found".into());
                }
                state.deployed.push(id);
                Ok(Value::Null)
            }
            _ => Err(Refused::NoMethod),
        }
    }

    fn action(&self) -> Result<String, Refused> {
        match self.text("action")?.as_str() {
            "MAKE_STATIC" => Ok("STATIC".to_owned()),
            "MAKE_RESERVED" => Ok("RESERVED".to_owned()),
            "MAKE_DHCP_RESERVED" if self.mac()?.is_some() => Ok("DHCP_RESERVED".to_owned()),
            _ => Err("Invalid action".into()),
        }
    }

    fn mac(&self) -> Result<Option<String>, Refused> {
        let given = self.request.parameter("macAddress").filter(|text| !text.is_empty());
        given.map(|text| mac_text(&text).ok_or_else(|| "Invalid MAC address".into())).transpose()
    }

    /// The fields of the properties that the site has defined. Others are dropped.
    fn fields(&self, state: &State) -> BTreeMap<String, String> {
        let mut fields = self.properties();
        fields.retain(|field, _| state.fields.contains(field));
        fields
    }

    fn assign(&self, state: &mut State, network: &Network, address: IpAddr) -> Result<Value, Refused> {
        let (action, mac, fields) = (self.action()?, self.mac()?, self.fields(state));
        let name = self.properties().remove("name").filter(|_| self.site.assigns_names);
        let record = state.insert(network, address, &action).ok_or("Duplicate of another item")?;
        (record.name, record.mac, record.fields) = (name, mac, fields);
        Ok(record.id.into())
    }

    fn delete(&self, state: &mut State, name: &str) -> Result<Value, Refused> {
        let id = self.number(name)?;
        if state.hosts.iter().any(|host| host.id == id) {
            state.hosts.retain(|host| host.id != id);
            return Ok(Value::Null);
        }
        let known = state.addresses.iter().find(|known| known.id == id).ok_or("Object was not found")?;
        if known.state == "GATEWAY" {
            return Err("Gateway address cannot be deleted".into());
        }
        state.remove_address(id);
        Ok(Value::Null)
    }

    /// The whole entity in the body: what it leaves out is taken from the record. The state has a method of its own.
    fn update(&self, state: &mut State) -> Result<Value, Refused> {
        let entity = self.request.json().ok_or("Invalid entity")?;
        let properties = parse_properties(entity["properties"].as_str().unwrap_or_default());
        let mac = properties.get("macAddress").filter(|text| !text.is_empty());
        let mac = mac.map(|text| mac_text(text).ok_or("Invalid MAC address")).transpose()?;
        let fields: BTreeMap<String, String> =
            properties.into_iter().filter(|(field, _)| state.fields.contains(field)).collect();
        let id = entity["id"].as_u64().ok_or("Invalid entity")?;
        let record = state.addresses.iter_mut().find(|known| known.id == id).ok_or("Object was not found")?;
        if mac.is_some() && mac != record.mac && !self.site.changes_macs {
            return Err("Invalid property: macAddress".into());
        }
        record.name = entity["name"].as_str().map(str::to_owned);
        (record.mac, record.fields) = (mac, fields);
        Ok(Value::Null)
    }

    fn add_host(&self, state: &mut State) -> Result<Value, Refused> {
        let (view, absolute) = (self.number("viewId")?, self.text("absoluteName")?);
        let configuration = state.views.iter().find(|known| known.id == view).ok_or("Object was not found")?;
        let configuration = configuration.configuration;
        let (zone, name) = state.zone_of(view, &absolute).ok_or("Zone was not found")?;
        let (zone, name) = (zone.id, name);
        if state.hosts.iter().any(|host| host.zone == zone && host.name == name) {
            return Err("Duplicate of another item".into());
        }
        let mut addresses = Vec::new();
        for text in self.text("addresses")?.split(',') {
            let address: IpAddr = text.parse().map_err(|_| "Invalid IP address")?;
            addresses.push(state.address(configuration, address).ok_or("Object was not found")?.id);
        }
        let has_reverse = self.properties().get("reverseRecord").is_some_and(|value| value == "true");
        let id = state.new_id();
        state.hosts.push(Host { id, zone, name, absolute, has_reverse, addresses });
        Ok(id.into())
    }
}
