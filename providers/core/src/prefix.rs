//! Prefixes such as `10.1.2.0/24`: canonical, without host bits, and the addresses that may be offered in them.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use serde::{Serialize, Serializer};

/// An IPv4 or IPv6 prefix without host bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Prefix(IpNet);

/// The text is no prefix. `Display` says what is wrong and what would be right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PrefixError {
    /// The part before the slash.
    #[error("'{0}' is not an IP address; use IPv4 such as 10.1.2.0 or IPv6 such as 2001:db8::")]
    Address(String),
    /// The part after the slash.
    #[error("'{length}' is not a prefix length; use a number from 0 to {at_most}")]
    Length {
        /// What was given.
        length: String,
        /// 32 or 128.
        at_most: u8,
    },
    /// Address and length do not fit. The wording is the Ruby plugin's.
    #[error("Network address {given} should be {network} with prefix {length}")]
    HostBits {
        /// The address that was given.
        given: IpAddr,
        /// The address without host bits.
        network: IpAddr,
        /// The prefix length.
        length: u8,
    },
    /// There is no slash.
    #[error("'{0}' is not a prefix; use address/length such as 10.1.2.0/24")]
    Form(String),
}

impl Prefix {
    /// A prefix of a network address and a length in bits.
    pub fn new(network: IpAddr, length: u8) -> Result<Self, PrefixError> {
        let too_long = |_| PrefixError::Length { length: length.to_string(), at_most: bits(network) };
        let net = IpNet::new(network, length).map_err(too_long)?;
        if net.network() != network {
            return Err(PrefixError::HostBits { given: network, network: net.network(), length });
        }
        Ok(Self(net))
    }

    /// The prefix of this length in bits that an address is in.
    pub fn around(address: IpAddr, length: u8) -> Result<Self, PrefixError> {
        let too_long = |_| PrefixError::Length { length: length.to_string(), at_most: bits(address) };
        Ok(Self(IpNet::new(address, length).map_err(too_long)?.trunc()))
    }

    /// A prefix of the two texts that Foreman puts into the path: `10.1.2.0` and `24`.
    pub fn parse(address: &str, length: &str) -> Result<Self, PrefixError> {
        let network: IpAddr = address.parse().map_err(|_| PrefixError::Address(address.to_owned()))?;
        // `u8::from_str` takes "+24" and "024"; neither is a prefix length.
        let is_number =
            length.bytes().all(|digit| digit.is_ascii_digit()) && (length == "0" || !length.starts_with('0'));
        let invalid = || PrefixError::Length { length: length.to_owned(), at_most: bits(network) };
        let length = length.parse().ok().filter(|_| is_number).ok_or_else(invalid)?;
        Self::new(network, length)
    }

    /// The network address, the lowest of the prefix.
    pub fn network(&self) -> IpAddr {
        self.0.network()
    }

    /// The highest address of the prefix; for IPv4 up to /30 the broadcast address.
    pub fn last(&self) -> IpAddr {
        self.0.broadcast()
    }

    /// The length in bits.
    pub fn length(&self) -> u8 {
        self.0.prefix_len()
    }

    /// Is it an IPv6 prefix?
    pub fn is_ipv6(&self) -> bool {
        matches!(self.0, IpNet::V6(_))
    }

    /// Does the address lie in the prefix?
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address)
    }

    /// Does the whole other prefix lie in this one?
    pub fn contains_prefix(&self, other: &Prefix) -> bool {
        self.0.contains(&other.0)
    }

    /// Do the two share an address?
    pub fn overlaps(&self, other: &Prefix) -> bool {
        self.contains_prefix(other) || other.contains_prefix(self)
    }

    /// The first and the last address that a host may be given.
    ///
    /// Left out are the network and broadcast address of IPv4 up to /30 and the subnet-router anycast address of IPv6 up
    /// to /126 (RFC 4291, section 2.6.1). The two addresses of a /31 (RFC 3021) and a /127 (RFC 6164) and the one of a
    /// /32 and a /128 are hosts. In a `pool` every address is.
    pub fn offerable(&self, pool: bool) -> (IpAddr, IpAddr) {
        let (first, last) = (self.network(), self.last());
        match (first, last) {
            (IpAddr::V4(first), IpAddr::V4(last)) if !pool && self.length() <= 30 => {
                (Ipv4Addr::from_bits(first.to_bits() + 1).into(), Ipv4Addr::from_bits(last.to_bits() - 1).into())
            }
            (IpAddr::V6(first), IpAddr::V6(_)) if !pool && self.length() <= 126 => {
                (Ipv6Addr::from_bits(first.to_bits() + 1).into(), last)
            }
            _ => (first, last),
        }
    }

    /// May a host be given this address? See [`offerable`](Self::offerable).
    pub fn is_offerable(&self, address: IpAddr, pool: bool) -> bool {
        let (first, last) = self.offerable(pool);
        self.contains(address) && first <= address && address <= last
    }
}

fn bits(address: IpAddr) -> u8 {
    if address.is_ipv6() { Ipv6Net::default().max_prefix_len() } else { Ipv4Net::default().max_prefix_len() }
}

impl FromStr for Prefix {
    type Err = PrefixError;

    fn from_str(text: &str) -> Result<Self, PrefixError> {
        let (address, length) = text.split_once('/').ok_or_else(|| PrefixError::Form(text.to_owned()))?;
        Self::parse(address, length)
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Prefix {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn prefix(text: &str) -> Prefix {
        text.parse().expect("a prefix")
    }

    fn offerable(text: &str, pool: bool) -> [String; 2] {
        let (first, last) = prefix(text).offerable(pool);
        [first.to_string(), last.to_string()]
    }

    #[test]
    fn network_and_broadcast_are_not_offered_up_to_30_bits() {
        assert_eq!(offerable("10.1.2.0/24", false), ["10.1.2.1", "10.1.2.254"]);
        assert_eq!(offerable("10.1.2.4/30", false), ["10.1.2.5", "10.1.2.6"]);
        assert_eq!(offerable("0.0.0.0/0", false), ["0.0.0.1", "255.255.255.254"]);
    }

    #[test]
    fn point_to_point_and_host_prefixes_offer_all_they_have() {
        assert_eq!(offerable("10.1.2.4/31", false), ["10.1.2.4", "10.1.2.5"]);
        assert_eq!(offerable("10.1.2.4/32", false), ["10.1.2.4", "10.1.2.4"]);
        assert_eq!(offerable("2001:db8::2/127", false), ["2001:db8::2", "2001:db8::3"]);
        assert_eq!(offerable("2001:db8::2/128", false), ["2001:db8::2", "2001:db8::2"]);
    }

    #[test]
    fn the_subnet_router_anycast_address_is_not_offered() {
        assert_eq!(offerable("2001:db8::/64", false), ["2001:db8::1", "2001:db8::ffff:ffff:ffff:ffff"]);
        assert_eq!(offerable("2001:db8::4/126", false), ["2001:db8::5", "2001:db8::7"]);
    }

    #[test]
    fn a_pool_offers_every_address() {
        assert_eq!(offerable("10.1.2.0/24", true), ["10.1.2.0", "10.1.2.255"]);
        assert_eq!(offerable("2001:db8::/64", true), ["2001:db8::", "2001:db8::ffff:ffff:ffff:ffff"]);
    }

    #[test]
    fn faults_are_named() {
        let fault = |address: &str, length: &str| Prefix::parse(address, length).expect_err("a fault").to_string();
        assert_eq!(fault("10.0.0.5", "24"), "Network address 10.0.0.5 should be 10.0.0.0 with prefix 24");
        assert_eq!(fault("10.0.0.0", "33"), "'33' is not a prefix length; use a number from 0 to 32");
        assert_eq!(fault("2001:db8::", "129"), "'129' is not a prefix length; use a number from 0 to 128");
        for length in ["+24", "024", "", "24 ", "255.255.255.0", "-1", "999"] {
            assert!(fault("10.0.0.0", length).contains("is not a prefix length"), "{length:?}");
        }
        for address in ["010.0.0.0", "10.0.0", "", "::1%eth0", "10.0.0.0\0", "[::1]"] {
            assert!(fault(address, "24").contains("is not an IP address"), "{address:?}");
        }
    }

    #[test]
    fn upper_case_ipv6_is_the_same_prefix() {
        assert_eq!(prefix("2001:DB8:0:0::/64"), prefix("2001:db8::/64"));
        assert_eq!(prefix("2001:DB8:0:0::/64").to_string(), "2001:db8::/64");
    }

    proptest! {
        #[test]
        fn offerable_addresses_lie_inside_and_edges_do_not(bits in any::<u32>(), length in 0u8..=32, pool: bool) {
            let network = Ipv4Net::new(bits.into(), length).expect("a prefix").network();
            let prefix = Prefix::new(network.into(), length).expect("a prefix");
            let (first, last) = prefix.offerable(pool);
            prop_assert!(first <= last && prefix.contains(first) && prefix.contains(last));
            if !pool && length <= 30 {
                prop_assert!(!prefix.is_offerable(prefix.network(), pool));
                prop_assert!(!prefix.is_offerable(prefix.last(), pool));
            } else {
                prop_assert_eq!((first, last), (prefix.network(), prefix.last()));
            }
        }

        #[test]
        fn what_is_written_reads_back(bits in any::<u128>(), length in 0u8..=128) {
            let network = Ipv6Net::new(bits.into(), length).expect("a prefix").network();
            let prefix = Prefix::new(network.into(), length).expect("a prefix");
            prop_assert_eq!(prefix.to_string().parse(), Ok(prefix));
            prop_assert_eq!(prefix.is_offerable(prefix.network(), false), length > 126);
        }

        #[test]
        fn no_text_panics(text in ".*") {
            let _ = text.parse::<Prefix>();
        }
    }
}
