//! The store as a whole, with a look into its tables where something has to be broken on purpose.

mod constraints;
mod csv;
mod files;
mod model;
mod records;
mod verify;

use std::net::IpAddr;
use std::path::PathBuf;

use ipam_provider::{AddressSet, GroupName, Prefix};
use rusqlite::Connection;
use tempfile::TempDir;

use super::{AddressDetails, ExcludedRange, NewSubnet, Result, Store, StoreError, SubnetRecord, file};

struct Fixture {
    directory: TempDir,
    store: Store,
}

impl Fixture {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let store = Store::open_or_create(&directory.path().join("ipam.sqlite")).expect("a store");
        Self { directory, store }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// A connection that may do what the store never would, apart from what the database itself refuses.
    fn raw(&self) -> Connection {
        file::open(self.store.path(), file::Access::Write).expect("a connection")
    }

    fn group(&mut self, name: &str) {
        self.store.write(|writing| writing.add_group(&group(name), "")).expect("a group");
    }

    fn subnet(&mut self, text: &str) -> SubnetRecord {
        self.try_subnet(NewSubnet::of(prefix(text))).expect("a subnet")
    }

    fn try_subnet(&mut self, new: NewSubnet) -> Result<SubnetRecord> {
        self.store.write(|writing| writing.add_subnet(&new))
    }

    fn take(&mut self, subnet: &SubnetRecord, address: &str) -> Result<()> {
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

fn group(name: &str) -> GroupName {
    GroupName::new(name).expect("a name")
}

fn prefix(text: &str) -> Prefix {
    text.parse().expect("a prefix")
}

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

fn in_group(name: &str, text: &str) -> NewSubnet {
    NewSubnet { group: Some(group(name)), ..NewSubnet::of(prefix(text)) }
}

fn container(text: &str) -> NewSubnet {
    NewSubnet { container: true, ..NewSubnet::of(prefix(text)) }
}

fn message<T: std::fmt::Debug>(outcome: Result<T>) -> String {
    outcome.expect_err("an error").to_string()
}
