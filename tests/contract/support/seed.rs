//! What the embedded IPAM contains when a test begins, written through its own library.

use std::net::IpAddr;
use std::path::Path;

use ipam_provider::{GroupName, Prefix};
use ipam_store::{AddressDetails, NewSubnet, Result, Scope, Store, Writing};

/// Records to add to a store.
#[derive(Debug, Default)]
pub(crate) struct Seed {
    records: Vec<Record>,
}

#[derive(Debug)]
enum Record {
    Group { name: String, description: String },
    Subnet { group: Option<String>, prefix: Prefix, description: String, container: bool },
    Reserved { group: Option<String>, prefix: Prefix, address: IpAddr },
}

impl Seed {
    /// Nothing.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// A group.
    pub(crate) fn group(self, name: &str) -> Self {
        self.described_group(name, "")
    }

    /// A group with a description.
    pub(crate) fn described_group(self, name: &str, description: &str) -> Self {
        self.with(Record::Group { name: name.to_owned(), description: description.to_owned() })
    }

    /// A subnet in the global table.
    pub(crate) fn subnet(self, prefix: &str) -> Self {
        self.described_subnet(None, prefix, "")
    }

    /// A subnet of a group.
    pub(crate) fn subnet_in(self, group: &str, prefix: &str) -> Self {
        self.described_subnet(Some(group), prefix, "")
    }

    /// A subnet with a description.
    pub(crate) fn described_subnet(self, group: Option<&str>, prefix: &str, description: &str) -> Self {
        self.any_subnet(group, prefix, description, false)
    }

    /// A container: it has subnets in it, and no addresses of its own.
    pub(crate) fn container(self, prefix: &str) -> Self {
        self.any_subnet(None, prefix, "", true)
    }

    fn any_subnet(self, group: Option<&str>, prefix: &str, description: &str, container: bool) -> Self {
        self.with(Record::Subnet {
            group: group.map(str::to_owned),
            prefix: prefix.parse().expect("a prefix"),
            description: description.to_owned(),
            container,
        })
    }

    /// Reserved addresses of a subnet.
    pub(crate) fn reserved<'a>(
        self,
        group: Option<&str>,
        prefix: &str,
        addresses: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        addresses.into_iter().fold(self, |seed, address| {
            seed.with(Record::Reserved {
                group: group.map(str::to_owned),
                prefix: prefix.parse().expect("a prefix"),
                address: address.parse().expect("an address"),
            })
        })
    }

    fn with(mut self, record: Record) -> Self {
        self.records.push(record);
        self
    }

    /// Adds the records to the store, which is created when there is none.
    pub(super) fn write(&self, store: &Path) {
        let mut store = Store::open_or_create(store).expect("a store");
        let added = store.write(|writing| self.records.iter().try_for_each(|record| add(writing, record)));
        added.expect("records that fit together");
    }
}

fn add(writing: &Writing<'_>, record: &Record) -> Result<()> {
    let scope = |group: &Option<String>| group.as_ref().and_then(GroupName::new);
    match record {
        Record::Group { name, description } => {
            let name = GroupName::new(name).expect("a name");
            writing.add_group(&name, description).map(|_| ())
        }
        Record::Subnet { group, prefix, description, container } => {
            let subnet = NewSubnet {
                group: scope(group),
                description: description.clone(),
                container: *container,
                ..NewSubnet::of(*prefix)
            };
            writing.add_subnet(&subnet).map(|_| ())
        }
        Record::Reserved { group, prefix, address } => {
            let subnet = writing.one_subnet(*prefix, &Scope::from(scope(group)))?;
            writing.add_address(subnet.id, *address, AddressDetails::default())
        }
    }
}
