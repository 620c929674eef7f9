//! What people write of plans on the command line, as the types of the store.

use std::str::FromStr;

use ipam_provider::Prefix;
use ipam_store::{Bounds, NewPool, Size};

/// A pool: `NAME=PREFIX`, or `NAME=PREFIX,SHIFT`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cli) struct Pool {
    pub(super) name: String,
    pub(super) prefix: Prefix,
    shift: i16,
}

impl Pool {
    pub(super) fn into_new(self) -> NewPool {
        NewPool { name: self.name, prefix: self.prefix, shift: self.shift }
    }
}

/// Reads a pool.
pub(super) fn pool(text: &str) -> Result<Pool, String> {
    let form = || "write NAME=PREFIX or NAME=PREFIX,SHIFT such as cgnat=100.64.0.0/10,-5".to_owned();
    let (name, rest) = text.split_once('=').ok_or_else(form)?;
    let (prefix, shift) = rest.split_once(',').unwrap_or((rest, "0"));
    let bounds: Bounds = prefix.trim().parse().map_err(|error: ipam_store::BoundsError| error.to_string())?;
    let prefix = bounds.prefix().ok_or_else(form)?;
    let shift = shift.trim().parse().map_err(|_| form())?;
    Ok(Pool { name: name.trim().to_owned(), prefix, shift })
}

/// A label and the values that it may have: `NAME`, or `NAME=VALUE,VALUE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cli) struct LabelValues(pub(super) String, pub(super) Vec<String>);

impl FromStr for LabelValues {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, values) = text.split_once('=').unwrap_or((text, ""));
        let values = values.split(',').map(str::trim).filter(|value| !value.is_empty()).map(str::to_owned);
        Ok(Self(name.trim().to_owned(), values.collect()))
    }
}

/// A label: `NAME=VALUE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cli) struct Label(pub(super) String, pub(super) String);

impl FromStr for Label {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, value) = text.split_once('=').ok_or("write NAME=VALUE such as environment=prod")?;
        Ok(Self(name.trim().to_owned(), value.trim().to_owned()))
    }
}

/// The size that one of two options asks for; the command line has one.
pub(super) fn size(hosts: Option<u64>, length: Option<u8>) -> Size {
    match (hosts, length) {
        (Some(hosts), _) => Size::Hosts(hosts),
        (None, length) => Size::Length(length.unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pool_has_a_name_a_prefix_and_perhaps_a_shift() {
        let read = |text: &str| pool(text).map(|pool| (pool.name, pool.prefix.to_string(), pool.shift));
        assert_eq!(read("primary=10.0.0.0/16"), Ok(("primary".to_owned(), "10.0.0.0/16".to_owned(), 0)));
        assert_eq!(read("a = 2001:db8::/48, -5"), Ok(("a".to_owned(), "2001:db8::/48".to_owned(), -5)));
        for wrong in ["", "10.0.0.0/16", "a=10.0.0.0", "a=10.0.0.1-10.0.0.9", "a=10.0.0.0/16,x", "a=10.0.0.1/16"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn labels_have_names_and_values() {
        assert_eq!("region".parse(), Ok(LabelValues("region".to_owned(), Vec::new())));
        let values = ["dev", "prod"].map(str::to_owned).to_vec();
        assert_eq!("environment=dev, prod".parse(), Ok(LabelValues("environment".to_owned(), values)));
        assert_eq!("region=us east".parse(), Ok(Label("region".to_owned(), "us east".to_owned())));
        assert!("region".parse::<Label>().is_err());
    }
}
