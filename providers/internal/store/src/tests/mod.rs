//! The store as a whole, over every engine: what is asked and changed, what the tables refuse, what verify finds.
//!
//! A case is a function of an [`Engine`]; [`over_each_engine`] makes the tests of them. What only one engine has is tested
//! in its own module.

mod constraints;
mod copy;
mod csv;
mod engines;
mod model;
mod plans;
mod records;
mod verify;

use std::net::IpAddr;

use ipam_provider::{AddressSet, GroupName};

use engines::over_each_engine;
pub(crate) use engines::{COMMON, Engine, Fixture};

use crate::{AddressDetails, Attributes, Bounds, ExcludedRange, NewSubnet, Result, StoreError, SubnetRecord, Writing};

impl Fixture {
    pub(crate) fn group(&mut self, name: &str) {
        self.store.write(|writing| writing.add_group(&group(name), "")).expect("a group");
    }

    pub(crate) fn subnet(&mut self, text: &str) -> SubnetRecord {
        self.try_subnet(NewSubnet::of(prefix(text))).expect("a subnet")
    }

    pub(crate) fn try_subnet(&mut self, new: NewSubnet) -> Result<SubnetRecord> {
        self.store.write(|writing| writing.add_subnet(&new))
    }

    pub(crate) fn take(&mut self, subnet: &SubnetRecord, address: &str) -> Result<()> {
        self.store.write(|writing| writing.add_address(subnet.id, ip(address), AddressDetails::default()))
    }

    fn exclude(&mut self, subnet: &SubnetRecord, first: &str, last: &str) -> Result<()> {
        let range = ExcludedRange { first: ip(first), last: ip(last), comment: String::new() };
        self.store.write(|writing| writing.exclude(subnet.id, &range))
    }

    fn free(&self, subnet: &SubnetRecord) -> Vec<String> {
        let free = self
            .store
            .read(|reading| reading.free_addresses(subnet.id, 300, &AddressSet::default()))
            .expect("free addresses");
        free.iter().map(ToString::to_string).collect()
    }

    fn findings(&self) -> Vec<String> {
        let findings = self.store.verify().expect("a readable store");
        findings.into_iter().map(|finding| format!("{:?} {}", finding.subnet, finding.what)).collect()
    }
}

pub(crate) fn group(name: &str) -> GroupName {
    GroupName::new(name).expect("a name")
}

pub(crate) fn prefix(text: &str) -> Bounds {
    text.parse().expect("a prefix")
}

pub(crate) fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

fn in_group(name: &str, text: &str) -> NewSubnet {
    NewSubnet { group: Some(group(name)), ..NewSubnet::of(prefix(text)) }
}

fn container(text: &str) -> NewSubnet {
    NewSubnet { container: true, ..NewSubnet::of(prefix(text)) }
}

pub(crate) fn message<T: std::fmt::Debug>(outcome: Result<T>) -> String {
    outcome.expect_err("an error").to_string()
}
