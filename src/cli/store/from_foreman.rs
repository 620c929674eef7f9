//! What Foreman has, into the store: all of it in one transaction, or none of it.

use std::net::IpAddr;
use std::path::Path;

use ipam_provider::{GroupName, Requester, next_address};
use ipam_store::{
    AddressDetails, Attributes, ExcludedRange, NewSubnet, OWNER, Result, Scope, StoreError, SubnetRecord, Writing,
};

use super::place::Place;
use super::subnets::titled;
use crate::cli::CommandError;
use crate::cli::import::{ForemanSubnet, Inventory, Kind, Report, before, difference, named};

/// Imports it, or finds out what an import would do.
pub(in crate::cli) fn import_inventory(
    inventory: &Inventory,
    group: Option<&GroupName>,
    is_dry_run: bool,
    place: &Place,
    directory: &Path,
) -> Result<Report, CommandError> {
    let located = place.locate(directory)?;
    let work = |writing: &Writing<'_>| {
        let mut report = Report::default();
        add_group(writing, group, &mut report)?;
        for subnet in &inventory.subnets {
            add(writing, subnet, group, &mut report)?;
        }
        Ok(report)
    };
    if is_dry_run { located.try_out(work) } else { located.write_or_create(work) }
}

fn add_group(writing: &Writing<'_>, group: Option<&GroupName>, report: &mut Report) -> Result<()> {
    let Some(name) = group else { return Ok(()) };
    match writing.group(name) {
        Ok(_) => report.is_there(),
        Err(StoreError::NoGroup(_)) => {
            writing.add_group(name, "")?;
            report.added(Kind::Group, name);
        }
        Err(error) => return Err(error),
    }
    Ok(())
}

/// Adds a subnet with all that is in it.
fn add(writing: &Writing<'_>, wanted: &ForemanSubnet, group: Option<&GroupName>, report: &mut Report) -> Result<()> {
    let found = writing.find_subnets(wanted.prefix, &Scope::from(group.cloned()))?;
    let subnet = match found.into_iter().next() {
        Some(found) => {
            report.is_there();
            found
        }
        None => {
            let new = NewSubnet {
                group: group.cloned(),
                description: wanted.description.clone(),
                gateway: wanted.gateway,
                ..NewSubnet::of(wanted.prefix)
            };
            match writing.add_subnet(&new) {
                Ok(added) => {
                    report.added(Kind::Subnet, format!("{}  {}", titled(&added), added.description));
                    added
                }
                Err(error) => return without(wanted, error, report),
            }
        }
    };
    if subnet.container {
        return without(wanted, StoreError::Container(subnet.bounds), report);
    }
    for (first, last, why) in &wanted.excluded {
        exclude(writing, &subnet, (*first, *last), why, report)?;
    }
    for (address, by) in &wanted.addresses {
        record(writing, &subnet, *address, by, report)?;
    }
    Ok(())
}

/// The subnet cannot be in the store, nor can its addresses.
fn without(wanted: &ForemanSubnet, error: StoreError, report: &mut Report) -> Result<()> {
    let error = refusal(error)?;
    report.failed(Kind::Subnet, format!("{} and its addresses ({}): {error}", wanted.prefix, wanted.addresses.len()));
    Ok(())
}

/// Excludes what of a range is not excluded yet.
fn exclude(
    writing: &Writing<'_>,
    subnet: &SubnetRecord,
    (first, last): (IpAddr, IpAddr),
    why: &str,
    report: &mut Report,
) -> Result<()> {
    let others = writing.excluded_ranges(subnet.id)?.into_iter().map(|record| record.range).collect::<Vec<_>>();
    let gaps = gaps(&others, first, last);
    if gaps.is_empty() {
        report.is_there();
    }
    for (first, last) in gaps {
        writing.exclude(subnet.id, &ExcludedRange { first, last, comment: why.to_owned() })?;
        report.added(Kind::Excluded, format!("{first} to {last} of {}: {why}", subnet.bounds));
    }
    Ok(())
}

/// The parts of a range that none of the others has, which are sorted and do not overlap.
fn gaps(others: &[ExcludedRange], first: IpAddr, last: IpAddr) -> Vec<(IpAddr, IpAddr)> {
    let mut gaps = Vec::new();
    let mut next = Some(first);
    for other in others.iter().filter(|other| other.last >= first && other.first <= last) {
        let end = before(other.first);
        if let (Some(start), Some(end)) = (next, end)
            && start <= end
        {
            gaps.push((start, end));
        }
        next = next_address(other.last);
    }
    gaps.extend(next.filter(|start| *start <= last).map(|start| (start, last)));
    gaps
}

/// Records an address that is not recorded yet.
fn record(
    writing: &Writing<'_>,
    subnet: &SubnetRecord,
    address: IpAddr,
    by: &Requester,
    report: &mut Report,
) -> Result<()> {
    if let Some(found) = writing.find_address(subnet.id, address)? {
        match difference(&Requester { mac: found.mac, hostname: found.hostname, ..Requester::default() }, by) {
            Some(difference) => report.differs(Kind::Address, format!("{address} {difference}")),
            None => report.is_there(),
        }
        return Ok(());
    }
    let Requester { mac, hostname, .. } = by.clone();
    // They are Foreman's, and the proxy deletes them when Foreman does.
    let details = AddressDetails { mac, hostname, description: String::new(), attributes: Attributes::of_owner(OWNER) };
    match writing.add_address(subnet.id, address, details) {
        Ok(()) => report.added(Kind::Address, format!("{address}  {}", named(by))),
        Err(error) => {
            let error = refusal(error)?;
            report.failed(Kind::Address, format!("{address}: {error}"));
        }
    }
    Ok(())
}

/// A refusal of one record, which has changed nothing.
///
/// # Errors
/// With every other error: then nothing is imported.
fn refusal(error: StoreError) -> Result<StoreError> {
    match error {
        StoreError::Overlap { .. }
        | StoreError::Invalid(_)
        | StoreError::Container(_)
        | StoreError::NotOfferable { .. } => Ok(error),
        _ => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_not_excluded_yet_is_left() {
        let ip = |text: &str| text.parse::<IpAddr>().expect("an address");
        let range =
            |(first, last): &(&str, &str)| ExcludedRange { first: ip(first), last: ip(last), comment: String::new() };
        let left = |others: &[(&str, &str)], first: &str, last: &str| {
            let others: Vec<ExcludedRange> = others.iter().map(range).collect();
            let gaps = gaps(&others, ip(first), ip(last));
            gaps.into_iter().map(|(first, last)| format!("{first}-{last}")).collect::<Vec<_>>()
        };
        assert_eq!(left(&[], "10.0.0.1", "10.0.0.9"), ["10.0.0.1-10.0.0.9"]);
        assert_eq!(left(&[("10.0.0.1", "10.0.0.9")], "10.0.0.1", "10.0.0.9"), [""; 0]);
        assert_eq!(
            left(
                &[("10.0.0.0", "10.0.0.1"), ("10.0.0.4", "10.0.0.4"), ("10.0.0.8", "10.0.0.20")],
                "10.0.0.1",
                "10.0.0.9"
            ),
            ["10.0.0.2-10.0.0.3", "10.0.0.5-10.0.0.7"]
        );
        assert_eq!(left(&[("10.0.0.20", "10.0.0.30")], "10.0.0.1", "10.0.0.9"), ["10.0.0.1-10.0.0.9"]);
        let end = "255.255.255.255";
        assert_eq!(left(&[("255.255.255.250", end)], "255.255.255.240", end), ["255.255.255.240-255.255.255.249"]);
        assert_eq!(left(&[("0.0.0.0", "0.0.0.5")], "0.0.0.0", "0.0.0.9"), ["0.0.0.6-0.0.0.9"]);
    }
}
