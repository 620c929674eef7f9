//! `address`: add, list, show, edit and delete addresses.

use std::net::IpAddr;

use clap::{Args, Subcommand};
use ipam_provider::{AddressSet, GroupName, Mac};
use ipam_store::{
    AddressDetails, AddressEdit, AddressRecord, Attributes, Bounds, ExternalId, Reading, Result, StoreError,
    SubnetRecord,
};
use serde::Serialize;

use super::place::Located;
use super::say_fields;
use super::subnets::titled;
use super::values::{attributes_edit, group_name, hostname, owner, scope, shown, shown_or_dash, tag, tags};
use crate::allocation::{HeldAddress, HoldState};
use crate::cli::output::{say, say_json, say_table, warn};
use crate::cli::{CommandError, Outcome};

/// Arguments of `address`.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Command {
    /// Record an address as taken; with --next, the lowest that is free and not held, and print it.
    Add(New),
    /// List the addresses that are taken.
    List {
        #[command(flatten)]
        within: Within,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Show what is recorded of an address.
    Show {
        /// The address, such as 10.1.2.3.
        address: IpAddr,
        #[command(flatten)]
        within: Within,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Change what is recorded of an address; what is not given stays.
    Edit {
        /// The address, such as 10.1.2.3.
        address: IpAddr,
        #[command(flatten)]
        within: Within,
        #[command(flatten)]
        changes: Changes,
    },
    /// Delete the record of an address, which is free then.
    Delete {
        /// The address, such as 10.1.2.3.
        address: IpAddr,
        #[command(flatten)]
        within: Within,
    },
}

/// Arguments of `address add`.
#[derive(Debug, Args)]
pub(in crate::cli) struct New {
    /// The address, such as 10.1.2.3.
    #[arg(required_unless_present = "next")]
    address: Option<IpAddr>,
    /// Take the lowest address of --subnet that is free and not held.
    #[arg(long, requires = "subnet", conflicts_with = "address")]
    next: bool,
    #[command(flatten)]
    within: Within,
    /// The interface's MAC.
    #[arg(long)]
    mac: Option<Mac>,
    /// The host's name.
    #[arg(long, value_name = "NAME", value_parser = hostname)]
    hostname: Option<String>,
    /// What it is for.
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    description: String,
    /// Who it belongs to.
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true, value_parser = owner)]
    owner: String,
    /// A word to find it by; may be given several times.
    #[arg(long, value_name = "TAG", value_parser = tag)]
    tag: Vec<String>,
    /// Its id in another system.
    #[arg(long, value_name = "ID")]
    external_id: Option<ExternalId>,
    /// Print the record as JSON.
    #[arg(long)]
    json: bool,
}

/// The subnet that is meant.
#[derive(Debug, Args)]
#[group(skip)]
pub(in crate::cli) struct Within {
    /// The subnet, such as 10.1.2.0/24, or 10.1.2.10-10.1.2.20 if it is a range.
    #[arg(long, value_name = "PREFIX")]
    subnet: Option<Bounds>,
    /// The subnet's group, when several have it.
    #[arg(long, value_name = "NAME", value_parser = group_name)]
    group: Option<GroupName>,
}

/// What to change.
#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub(in crate::cli) struct Changes {
    /// The interface's new MAC.
    #[arg(long, conflicts_with = "no_mac")]
    mac: Option<Mac>,
    /// Forget the MAC.
    #[arg(long)]
    no_mac: bool,
    /// The host's new name.
    #[arg(long, value_name = "NAME", value_parser = hostname, conflicts_with = "no_hostname")]
    hostname: Option<String>,
    /// Forget the host's name.
    #[arg(long)]
    no_hostname: bool,
    /// The new description.
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// The new owner.
    #[arg(long, value_name = "TEXT", value_parser = owner)]
    owner: Option<String>,
    /// A tag that it is to have, in place of those it has; may be given several times.
    #[arg(long, value_name = "TAG", value_parser = tag, conflicts_with = "no_tags")]
    tag: Vec<String>,
    /// Remove its tags.
    #[arg(long)]
    no_tags: bool,
    /// Its new id in another system.
    #[arg(long, value_name = "ID", conflicts_with = "no_external_id")]
    external_id: Option<ExternalId>,
    /// Forget its id in another system.
    #[arg(long)]
    no_external_id: bool,
}

impl Changes {
    fn edit(self) -> Result<AddressEdit, CommandError> {
        let external_id = (self.external_id, self.no_external_id);
        Ok(AddressEdit {
            mac: if self.no_mac { Some(None) } else { self.mac.map(Some) },
            hostname: if self.no_hostname { Some(None) } else { self.hostname.map(Some) },
            description: self.description,
            attributes: attributes_edit(self.owner, (&self.tag, self.no_tags), external_id)?,
        })
    }
}

/// A recorded address and where it is.
#[derive(Serialize)]
struct Placed {
    group: Option<GroupName>,
    #[serde(rename = "prefix")]
    subnet: Bounds,
    #[serde(flatten)]
    record: AddressRecord,
}

impl Placed {
    fn new(subnet: &SubnetRecord, record: AddressRecord) -> Self {
        Self { group: subnet.group.clone(), subnet: subnet.bounds, record }
    }
}

impl Within {
    /// The subnets to list.
    fn all(&self, reading: &Reading<'_>) -> Result<Vec<SubnetRecord>> {
        match self.subnet {
            Some(prefix) => Ok(vec![reading.one_subnet(prefix, &scope(self.group.clone()))?]),
            None => {
                if let Some(name) = &self.group {
                    reading.group(name)?;
                }
                reading.subnets_in(&scope(self.group.clone()))
            }
        }
    }

    /// The one subnet that the address is in, or would be.
    fn of(&self, reading: &Reading<'_>, address: IpAddr) -> Result<SubnetRecord> {
        let subnets = self.all(reading)?;
        match self.subnet {
            Some(_) => Ok(subnets.into_iter().next().expect("exactly the named one")),
            None => around(subnets, address),
        }
    }
}

/// The only subnet around an address; among several that of no group, as for prefixes.
fn around(subnets: Vec<SubnetRecord>, address: IpAddr) -> Result<SubnetRecord> {
    let mut around: Vec<SubnetRecord> = subnets;
    around.retain(|subnet| !subnet.container && subnet.bounds.contains(address));
    let global = around.iter().position(|subnet| subnet.group.is_none());
    match (global, around.len()) {
        (Some(global), _) => Ok(around.swap_remove(global)),
        (None, 1) => Ok(around.swap_remove(0)),
        (None, 0) => Err(StoreError::NoSubnet(format!("that contains {address}"))),
        (None, _) => {
            let titles: Vec<String> = around.iter().map(ToString::to_string).collect();
            let what =
                format!("Address {address} is in several subnets: {}; choose one with --group", titles.join(", "));
            Err(StoreError::Invalid(what))
        }
    }
}

pub(super) fn run(command: Command, located: &Located) -> Outcome {
    match command {
        Command::Add(new) => return add(new, located),
        Command::List { within, json } => {
            let mut addresses = Vec::new();
            located.open()?.read(|reading| {
                for subnet in within.all(reading)? {
                    reading.each_address(subnet.id, |record| {
                        addresses.push(Placed::new(&subnet, record));
                        Ok(())
                    })?;
                }
                Ok(())
            })?;
            list(&addresses, json);
        }
        Command::Show { address, within, json } => {
            let placed = located.open()?.read(|reading| {
                let subnet = within.of(reading, address)?;
                Ok(Placed::new(&subnet, reading.address(subnet.id, address)?))
            })?;
            show(&placed, json);
        }
        Command::Edit { address, within, changes } => {
            let edit = changes.edit()?;
            let subnet = located.open_to_change()?.write(|writing| {
                let subnet = within.of(writing, address)?;
                writing.edit_address(subnet.id, address, edit)?;
                Ok(subnet)
            })?;
            say(format!("Address {address} in subnet {} is changed", titled(&subnet)));
        }
        Command::Delete { address, within } => {
            let subnet = located.open_to_change()?.write(|writing| {
                let subnet = within.of(writing, address)?;
                match writing.delete_address(subnet.id, address)? {
                    Some(_) => Ok(subnet),
                    None => Err(StoreError::NoAddress { address, subnet: subnet.bounds }),
                }
            })?;
            say(format!("Address {address} in subnet {} is deleted", titled(&subnet)));
        }
    }
    Ok(())
}

fn add(new: New, located: &Located) -> Outcome {
    let New { address, next, within, mac, hostname, description, owner, tag, external_id, json } = new;
    let attributes = Attributes { owner, external_id, tags: tags(&tag)?, ..Attributes::default() };
    let details = AddressDetails { mac, hostname, description, attributes };
    let mut store = located.open_to_change()?;
    // Read before the transaction, which keeps a running proxy from writing.
    let holds = located.holds()?;
    let (subnet, record) = store.write(|writing| {
        let (subnet, address) = match address {
            Some(address) => (within.of(writing, address)?, address),
            None => {
                let subnet = within.all(writing)?.into_iter().next().expect("--next demands --subnet");
                let held: AddressSet = held_in(&holds, &subnet).map(|hold| hold.address).collect();
                let free = writing.free_addresses(subnet.id, 1, &held)?;
                let address = *free.first().ok_or(StoreError::Full(subnet.bounds))?;
                (subnet, address)
            }
        };
        writing.add_address(subnet.id, address, details)?;
        let record = writing.address(subnet.id, address)?;
        Ok((subnet, record))
    })?;
    let address = record.address;
    let is_promised = |hold: &HeldAddress| {
        hold.address == address && !matches!(hold.state, HoldState::Reserved | HoldState::Released)
    };
    if let Some(hold) = held_in(&holds, &subnet).find(|hold| is_promised(hold)) {
        warn(&format!("{address} is held until {}; the host that is being created with it needs another", hold.until));
    }
    match (json, next) {
        (true, _) => say_json(&Placed::new(&subnet, record)),
        (false, true) => say(address),
        (false, false) => say(format!("Address {address} in subnet {} is added", titled(&subnet))),
    }
    Ok(())
}

/// The holds of a subnet.
fn held_in<'a>(holds: &'a [HeldAddress], subnet: &SubnetRecord) -> impl Iterator<Item = &'a HeldAddress> {
    let space = subnet.space();
    holds.iter().filter(move |hold| hold.scope.space.name == space && subnet.bounds.contains(hold.address))
}

fn list(addresses: &[Placed], json: bool) {
    if json {
        say_json(&addresses);
        return;
    }
    let row = |placed: &Placed| {
        let Placed { group, subnet, record } = placed;
        [
            record.address.to_string(),
            subnet.to_string(),
            shown_or_dash(group.as_ref()),
            shown_or_dash(record.mac),
            shown_or_dash(record.hostname.as_ref()),
            shown(&record.attributes.owner),
            shown(&record.description),
        ]
    };
    let headings = ["ADDRESS", "SUBNET", "GROUP", "MAC", "HOSTNAME", "OWNER", "DESCRIPTION"];
    say_table(headings, &addresses.iter().map(row).collect::<Vec<_>>());
}

fn show(placed: &Placed, json: bool) {
    if json {
        say_json(placed);
        return;
    }
    let Placed { group, subnet, record } = placed;
    say_fields([
        ("Address", record.address.to_string()),
        ("Subnet", subnet.to_string()),
        ("Group", shown_or_dash(group.as_ref())),
        ("MAC", shown_or_dash(record.mac)),
        ("Hostname", shown_or_dash(record.hostname.as_ref())),
        ("Description", shown(&record.description)),
        ("Owner", shown(&record.attributes.owner)),
        ("Tags", shown(&record.attributes.tags.to_string())),
        ("External id", shown_or_dash(record.attributes.external_id.as_ref())),
        ("Metadata", shown(record.attributes.metadata.as_str())),
        ("Id", record.public_id.to_string()),
        ("Created", record.created_at.to_string()),
        ("Changed", record.updated_at.to_string()),
    ]);
}
