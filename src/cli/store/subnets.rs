//! `subnet`: add, list, show, edit and delete subnets, and exclude ranges of them.

use std::net::IpAddr;

use clap::{ArgAction, Args, Subcommand};
use ipam_provider::GroupName;
use ipam_store::{
    Attributes, Bounds, ExcludedRange, ExternalId, NewSubnet, RangeRecord, Reading, Result, SubnetEdit, SubnetRecord,
    Usage,
};
use serde::Serialize;

use super::place::{Located, not_deleted};
use super::say_fields;
use super::values::{Range, attributes_edit, contents, group_name, scope, shown, shown_or_dash, tag, tags};
use crate::cli::output::{say, say_json, say_table};
use crate::cli::{CommandError, Outcome};

/// Arguments of `subnet`.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Command {
    /// Add a subnet; all its addresses are free, that of the gateway too unless it is named.
    Add(New),
    /// List all subnets, or those of a group.
    List {
        /// Only the subnets of this group.
        #[arg(long, value_name = "NAME", value_parser = group_name)]
        group: Option<GroupName>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Show a subnet: how many addresses are used, free and excluded, and its excluded ranges.
    Show {
        #[command(flatten)]
        which: Which,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Change a subnet; what is not given stays. Its prefix never changes.
    Edit {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        changes: Changes,
    },
    /// Delete a subnet. The subnets inside a container stay.
    Delete {
        #[command(flatten)]
        which: Which,
        /// Delete its addresses too.
        #[arg(long)]
        with_contents: bool,
    },
    /// Never offer the addresses of a range. Those that are taken stay taken.
    Exclude {
        #[command(flatten)]
        which: Which,
        /// The range, such as 10.1.2.200-10.1.2.254, or one address.
        #[arg(value_name = "FIRST-LAST")]
        range: Range,
        /// Why.
        #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
        comment: String,
    },
    /// Offer the addresses of an excluded range again.
    Include {
        #[command(flatten)]
        which: Which,
        /// The range as it was excluded.
        #[arg(value_name = "FIRST-LAST")]
        range: Range,
    },
}

/// Arguments of `subnet add`.
#[derive(Debug, Args)]
pub(in crate::cli) struct New {
    /// The prefix, such as 10.1.2.0/24 or 2001:db8::/64, or a range, such as 10.1.2.10-10.1.2.20, which Foreman does not see.
    prefix: Bounds,
    /// The group it is in; without one it is in none.
    #[arg(long, value_name = "NAME", value_parser = group_name)]
    group: Option<GroupName>,
    /// What it is for.
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    description: String,
    /// Offer every address, also the first and the last: the prefix is a range of addresses, not a network.
    #[arg(long)]
    pool: bool,
    /// It holds subnets and no addresses of its own.
    #[arg(long, conflicts_with = "pool")]
    container: bool,
    /// The address of the gateway, which is never offered. More that are given after it are excluded.
    #[arg(long, value_name = "ADDRESS", conflicts_with = "container")]
    gateway: Vec<IpAddr>,
    /// A range that is never offered, such as 10.1.2.200-10.1.2.254, or one address; may be given several times.
    #[arg(long, value_name = "FIRST-LAST", conflicts_with = "container")]
    exclude: Vec<Range>,
    /// A word to find it by; may be given several times.
    #[arg(long, value_name = "TAG", value_parser = tag)]
    tag: Vec<String>,
    /// Its id in another system.
    #[arg(long, value_name = "ID")]
    external_id: Option<ExternalId>,
}

/// The subnet that is meant.
#[derive(Debug, Args)]
#[group(skip)]
pub(in crate::cli) struct Which {
    /// The prefix, such as 10.1.2.0/24, or the range.
    prefix: Bounds,
    /// Its group, when several have this prefix.
    #[arg(long, value_name = "NAME", value_parser = group_name)]
    group: Option<GroupName>,
}

impl Which {
    fn find(&self, reading: &Reading<'_>) -> Result<SubnetRecord> {
        reading.one_subnet(self.prefix, &scope(self.group.clone()))
    }
}

/// What to change.
#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub(in crate::cli) struct Changes {
    /// The group to move it to.
    #[arg(long, value_name = "NAME", value_parser = group_name, conflicts_with = "no_group")]
    move_to: Option<GroupName>,
    /// Take it out of its group.
    #[arg(long)]
    no_group: bool,
    /// The new description.
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// Whether to offer every address, also the first and the last.
    #[arg(long, value_name = "true|false", action = ArgAction::Set)]
    pool: Option<bool>,
    /// Whether it holds subnets and no addresses of its own.
    #[arg(long, value_name = "true|false", action = ArgAction::Set)]
    container: Option<bool>,
    /// The new address of the gateway, which is never offered; the former is offered from now on.
    #[arg(long, value_name = "ADDRESS", conflicts_with = "no_gateway")]
    gateway: Option<IpAddr>,
    /// Forget the address of the gateway, which is offered from now on.
    #[arg(long)]
    no_gateway: bool,
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
    fn edit(self) -> Result<SubnetEdit, CommandError> {
        let external_id = (self.external_id, self.no_external_id);
        Ok(SubnetEdit {
            group: if self.no_group { Some(None) } else { self.move_to.map(Some) },
            description: self.description,
            pool: self.pool,
            container: self.container,
            gateway: if self.no_gateway { Some(None) } else { self.gateway.map(Some) },
            attributes: attributes_edit(None, (&self.tag, self.no_tags), external_id)?,
        })
    }
}

/// A subnet with all that is counted and excluded in it.
#[derive(Serialize)]
struct Details {
    #[serde(flatten)]
    subnet: SubnetRecord,
    #[serde(flatten)]
    usage: Usage,
    excluded_ranges: Vec<RangeRecord>,
}

pub(super) fn run(command: Command, located: &Located) -> Outcome {
    match command {
        Command::Add(new) => {
            let may_offer_gateway = new.gateway.is_empty() && new.exclude.is_empty();
            let subnet = add(new, located)?;
            say(format!("Subnet {} is added", titled(&subnet)));
            if may_offer_gateway && !subnet.pool && !subnet.container {
                say(
                    "Its gateway is offered to hosts like any address, unless --gateway or --exclude names it; 'subnet exclude' does it now",
                );
            }
        }
        Command::List { group, json } => {
            let subnets = located.open()?.read(|reading| {
                if let Some(name) = &group {
                    reading.group(name)?;
                }
                reading.subnets_in(&scope(group))
            })?;
            list(&subnets, json);
        }
        Command::Show { which, json } => {
            let details = located.open()?.read(|reading| {
                let subnet = which.find(reading)?;
                Ok(Details {
                    usage: reading.usage(&subnet)?,
                    excluded_ranges: reading.excluded_ranges(subnet.id)?,
                    subnet,
                })
            })?;
            show(&details, json);
        }
        Command::Edit { which, changes } => {
            let edit = changes.edit()?;
            let subnet =
                located.open_to_change()?.write(|writing| writing.edit_subnet(which.find(writing)?.id, edit))?;
            say(format!("Subnet {} is changed", titled(&subnet)));
        }
        Command::Delete { which, with_contents } => {
            let delete = located.open_to_change()?.write(|writing| {
                let subnet = which.find(writing)?;
                writing.delete_subnet(subnet.id, contents(with_contents))?;
                Ok(subnet)
            });
            say(format!("Subnet {} is deleted", titled(&delete.map_err(not_deleted)?)));
        }
        Command::Exclude { which, range, comment } => {
            let subnet = located.open_to_change()?.write(|writing| {
                let subnet = which.find(writing)?;
                writing.exclude(subnet.id, &excluded(range, comment))?;
                Ok(subnet)
            })?;
            say(format!("{} to {} of subnet {} is never offered", range.first, range.last, titled(&subnet)));
        }
        Command::Include { which, range } => {
            let subnet = located.open_to_change()?.write(|writing| {
                let subnet = which.find(writing)?;
                writing.include(subnet.id, range.first, range.last)?;
                Ok(subnet)
            })?;
            say(format!("{} to {} of subnet {} is offered again", range.first, range.last, titled(&subnet)));
        }
    }
    Ok(())
}

fn add(new: New, located: &Located) -> Result<SubnetRecord, CommandError> {
    let New { prefix, group, description, pool, container, gateway, exclude, tag, external_id } = new;
    let attributes = Attributes { external_id, tags: tags(&tag)?, ..Attributes::default() };
    let mut gateways = gateway.into_iter();
    let gateway = gateways.next();
    let new = NewSubnet { group, bounds: prefix, description, pool, container, gateway, attributes };
    located.write_or_create(|writing| {
        let subnet = writing.add_subnet(&new)?;
        let is_excluded = |address: &IpAddr| {
            gateway == Some(*address) || exclude.iter().any(|range| range.first <= *address && *address <= range.last)
        };
        for address in gateways.filter(|address| !is_excluded(address)) {
            let range = Range { first: address, last: address };
            writing.exclude(subnet.id, &excluded(range, "gateway".to_owned()))?;
        }
        for range in &exclude {
            writing.exclude(subnet.id, &excluded(*range, String::new()))?;
        }
        Ok(subnet)
    })
}

fn excluded(Range { first, last }: Range, comment: String) -> ExcludedRange {
    ExcludedRange { first, last, comment }
}

/// The subnet as sentences name it.
pub(super) fn titled(subnet: &SubnetRecord) -> String {
    shown(&subnet.to_string())
}

/// Prints subnets.
pub(super) fn list(subnets: &[SubnetRecord], json: bool) {
    if json {
        say_json(&subnets);
        return;
    }
    let row = |subnet: &SubnetRecord| {
        [
            subnet.bounds.to_string(),
            shown_or_dash(subnet.group.as_ref()),
            kind(subnet).to_owned(),
            shown(&subnet.description),
        ]
    };
    say_table(["SUBNET", "GROUP", "KIND", "DESCRIPTION"], &subnets.iter().map(row).collect::<Vec<_>>());
}

/// What a subnet is, in one word.
fn kind(subnet: &SubnetRecord) -> &'static str {
    match (subnet.container, subnet.pool) {
        _ if subnet.bounds.prefix().is_none() => "range",
        (true, _) => "container",
        (false, true) => "pool",
        (false, false) => "network",
    }
}

fn show(details: &Details, json: bool) {
    if json {
        say_json(details);
        return;
    }
    let Details { subnet, usage, excluded_ranges } = details;
    say_fields([
        ("Subnet", subnet.bounds.to_string()),
        ("Group", shown_or_dash(subnet.group.as_ref())),
        ("Description", shown(&subnet.description)),
        ("Kind", kind(subnet).to_owned()),
        ("Gateway", shown_or_dash(subnet.gateway)),
        ("Used", usage.used.to_string()),
        ("Free", usage.free.to_string()),
        ("Excluded", usage.excluded.to_string()),
        ("Tags", shown(&subnet.attributes.tags.to_string())),
        ("External id", shown_or_dash(subnet.attributes.external_id.as_ref())),
        ("Metadata", shown(subnet.attributes.metadata.as_str())),
        ("Id", subnet.public_id.to_string()),
        ("Created", subnet.created_at.to_string()),
        ("Changed", subnet.updated_at.to_string()),
    ]);
    if !excluded_ranges.is_empty() {
        say("");
        let row = |RangeRecord { range, .. }: &RangeRecord| {
            [range.first.to_string(), range.last.to_string(), shown(&range.comment)]
        };
        let rows: Vec<[String; 3]> = excluded_ranges.iter().map(row).collect();
        say_table(["EXCLUDED FROM", "TO", "COMMENT"], &rows);
    }
}
