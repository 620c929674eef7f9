//! What is written of an address and read back: as a fixed address or a host record, with MAC, name and comment.
//!
//! A value that Infoblox would refuse is shortened or left out, so that it costs nobody a host.

use std::net::IpAddr;

use ipam_provider::{Annotation, Filling, Mac, Requester, Reservation, Subnet};

use crate::Settings;
use crate::settings::RecordType;
use crate::vendor::{HOSTS, Kind, WHAT, fixed};
use crate::wire::{Changes, FixedRow, HostAddress, HostRow, NewFixed, NewHost, client, mac};

/// A longer comment is refused.
const COMMENT_AT_MOST: usize = 256;

const NAME_AT_MOST: usize = 253;

/// A record of an address as it was found.
#[derive(Debug)]
pub(crate) enum Record {
    Fixed(FixedRow),
    Host(HostRow),
}

impl Record {
    pub(crate) fn view(&self) -> &str {
        match self {
            Self::Fixed(row) => &row.network_view,
            Self::Host(row) => &row.network_view,
        }
    }

    pub(crate) fn has(&self, address: IpAddr) -> bool {
        match self {
            Self::Fixed(row) => row.ipv4addr.or(row.ipv6addr) == Some(address),
            Self::Host(row) => row.addresses().any(|at| at.address() == Some(address)),
        }
    }

    fn comment(&self) -> &str {
        match self {
            Self::Fixed(row) => row.comment.as_deref(),
            Self::Host(row) => row.comment.as_deref(),
        }
        .unwrap_or_default()
    }

    /// Does the comment begin with the mark?
    pub(crate) fn is_ours(&self, settings: &Settings) -> bool {
        settings.description.is_ours(self.comment())
    }

    /// What the record says of the address.
    pub(crate) fn reservation(&self, settings: &Settings, address: IpAddr) -> Reservation {
        let (name, client) = match self {
            Self::Fixed(row) => (row.name.clone(), row.mac.as_ref().or(row.duid.as_ref())),
            Self::Host(row) => {
                let at = row.addresses().find(|at| at.address() == Some(address));
                (Some(row.name.clone()), at.and_then(|at| at.mac.as_ref().or(at.duid.as_ref())))
            }
        };
        let is_name = |name: &String| !name.is_empty() && *name != made_up_name(settings, address);
        Reservation {
            mac: shown_mac(settings, client.map(String::as_str)),
            hostname: name.filter(is_name),
            description: Some(self.comment().to_owned()),
            ours: self.is_ours(settings),
        }
    }
}

impl Record {
    /// What the record does not have yet of what is known of its host: an object each, by its reference.
    pub(crate) fn changes(
        &self,
        settings: &Settings,
        note: &Annotation,
        (subnet, address): (&Subnet, IpAddr),
    ) -> Vec<(Kind, &str, Changes)> {
        let recorded = self.reservation(settings, address);
        let new = note.besides(&recorded);
        let comment = settings.description.annotated(&recorded, note, (subnet, address), COMMENT_AT_MOST);
        let name = new.hostname_for(WHAT, address, is_name).map(str::to_ascii_lowercase);
        let has_place = |mac: &Mac| settings.record_type != RecordType::Reservation && !mac.is_infiniband();
        let client = new.mac.filter(has_place).map(|mac| client(address, Some(mac)));
        let (mac, duid) = if address.is_ipv6() { (None, client) } else { (client, None) };
        let all = match self {
            Self::Fixed(row) => vec![(fixed(address), row._ref.as_str(), Changes { name, comment, mac, duid })],
            Self::Host(row) => {
                let name = name.map(|name| with_zone(settings, name)).filter(|name| *name != row.name);
                let host = (HOSTS, row._ref.as_str(), Changes { name, comment, ..Changes::default() });
                // Each address of a host is an object of its own, so that what else the host has stays.
                let at = row.addresses().find(|at| at.address() == Some(address));
                let reference = at.and_then(|at| at.reference.as_deref());
                let at = reference.map(|reference| (HOSTS, reference, Changes { mac, duid, ..Changes::default() }));
                // The address first: the name is in its reference, too.
                at.into_iter().chain([host]).collect()
            }
        };
        all.into_iter().filter(|(_, _, changes)| *changes != Changes::default()).collect()
    }
}

/// The MAC that a record names. A reservation has no place for one, so that with those none is shown of others' either.
pub(crate) fn shown_mac(settings: &Settings, client: Option<&str>) -> Option<Mac> {
    client.filter(|_| settings.record_type != RecordType::Reservation).and_then(mac)
}

/// What is to be written.
#[derive(Debug)]
pub(crate) enum New {
    Fixed(Box<NewFixed>),
    Host(Box<NewHost>),
}

impl New {
    /// The record of an address with all that is known of the host.
    pub(crate) fn full(settings: &Settings, view: &str, subnet: &Subnet, address: IpAddr, by: &Requester) -> Self {
        let mac = by.mac.filter(|_| settings.record_type != RecordType::Reservation);
        if by.mac.is_some_and(|mac| mac.is_infiniband()) {
            log::warn!("{address} is recorded without its InfiniBand MAC: Infoblox takes MACs of 6 bytes");
        }
        let name = by.hostname_for(WHAT, address, is_name).map(str::to_ascii_lowercase);
        Self::of(settings, view, Filling { by, address, subnet }, mac, name)
    }

    /// The same with neither MAC nor host name in places that must be unique; the comment still has them.
    pub(crate) fn plain(settings: &Settings, view: &str, subnet: &Subnet, address: IpAddr, by: &Requester) -> Self {
        Self::of(settings, view, Filling { by, address, subnet }, None, None)
    }

    fn of(settings: &Settings, view: &str, filling: Filling<'_>, mac: Option<Mac>, name: Option<String>) -> Self {
        let (address, network_view) = (filling.address, view.to_owned());
        let client = client(address, mac);
        let comment = settings.description.fill(filling, COMMENT_AT_MOST);
        let extattrs = settings.attributes(filling);
        if settings.record_type == RecordType::Host {
            let at = vec![HostAddress::new(address, client)];
            let (ipv4addrs, ipv6addrs) = if address.is_ipv6() { (Vec::new(), at) } else { (at, Vec::new()) };
            let dns = &settings.dns;
            let name = name.map(|name| with_zone(settings, name)).unwrap_or_else(|| made_up_name(settings, address));
            return Self::Host(Box::new(NewHost {
                name,
                view: dns.view.clone().filter(|_| dns.is_configured),
                network_view,
                configure_for_dns: dns.is_configured,
                ipv4addrs,
                ipv6addrs,
                comment,
                extattrs,
            }));
        }
        let (mac, duid) = if address.is_ipv6() { (None, Some(client)) } else { (Some(client), None) };
        let (ipv4addr, ipv6addr) = if address.is_ipv6() { (None, Some(address)) } else { (Some(address), None) };
        // A name need not be unique here.
        let name =
            name.or_else(|| filling.by.hostname.as_deref().filter(|name| is_name(name)).map(str::to_ascii_lowercase));
        Self::Fixed(Box::new(NewFixed { ipv4addr, ipv6addr, network_view, mac, duid, name, comment, extattrs }))
    }

    pub(crate) fn kind(&self, address: IpAddr) -> Kind {
        match self {
            Self::Fixed(_) => fixed(address),
            Self::Host(_) => HOSTS,
        }
    }
}

/// A host record must have a name: this is that of a host whose name is not known.
fn made_up_name(settings: &Settings, address: IpAddr) -> String {
    let digits = address.to_string().replace(['.', ':'], "-");
    with_zone(settings, format!("ip-{digits}"))
}

/// In DNS a name ends with a zone. One with a point has one already.
fn with_zone(settings: &Settings, name: String) -> String {
    match &settings.dns.zone {
        Some(zone) if settings.dns.is_configured && !name.contains('.') => format!("{name}.{zone}"),
        _ => name,
    }
}

/// Letters, digits, hyphens, underscores and points: what every version takes, in DNS and outside.
fn is_name(hostname: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    (1..=NAME_AT_MOST).contains(&hostname.len())
        && hostname.bytes().all(is_allowed)
        && !hostname.split('.').any(str::is_empty)
}
