//! From `bind_host` to sockets: which addresses, each once, and how they are opened.

use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};

use socket2::SockRef;
use tokio::net::TcpSocket;

use super::StartError;
use crate::settings::BindHost;

/// How many connections may wait to be accepted: Foreman opens one for each call.
const BACKLOG: u32 = 4096;

/// The error of Linux for a family of addresses that the kernel is without; the standard library has no kind for it.
const NO_SUCH_FAMILY: i32 = 97;

/// One socket, bound to its address or not.
#[derive(Debug)]
pub(super) struct Attempt {
    /// The address for people.
    pub(super) place: String,
    pub(super) outcome: io::Result<TcpSocket>,
    /// The entry of `bind_host`, where that may stand for several addresses.
    name: Option<String>,
}

impl Attempt {
    /// Is the failure that this machine does not have the address?
    fn is_elsewhere(&self) -> bool {
        self.outcome.as_ref().is_err_and(is_elsewhere)
    }

    /// Is the failure that the port is taken?
    pub(super) fn is_taken(&self) -> bool {
        self.outcome.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::AddrInUse)
    }
}

pub(super) fn failed(what: impl std::fmt::Display, error: impl std::fmt::Display) -> StartError {
    StartError::Listen(format!("cannot listen on {what}: {error}"))
}

/// Listens on all addresses.
pub(super) async fn open_all(hosts: &[BindHost], port: u16) -> Result<Vec<TcpListener>, StartError> {
    listen(bind_all(hosts, port).await?)
}

fn listen(attempts: Vec<Attempt>) -> Result<Vec<TcpListener>, StartError> {
    let listen = |Attempt { place, outcome, .. }: Attempt| {
        let listener = outcome.and_then(|socket| socket.listen(BACKLOG)?.into_std());
        listener.map_err(|error| failed(place, error))
    };
    attempts.into_iter().map(listen).collect()
}

/// Binds a socket to each address that the hosts stand for.
///
/// A name may have addresses that this machine does not have, as `::1` where there is no IPv6: those are left out as long
/// as there is another.
pub(super) async fn bind_all(hosts: &[BindHost], port: u16) -> Result<Vec<Attempt>, StartError> {
    if hosts.contains(&BindHost::All) {
        let outcome = bind_everywhere(port);
        return Ok(vec![Attempt { place: format!("port {port}"), outcome, name: None }]);
    }
    let mut found = Vec::new();
    for host in hosts {
        match host {
            BindHost::All => {}
            BindHost::Address(address) => found.push(Found { name: None, addresses: vec![*address] }),
            BindHost::Name(name) => {
                let addresses = tokio::net::lookup_host((name.as_str(), port)).await;
                let addresses = addresses.map_err(|error| failed(name, error))?.map(|address| address.ip());
                found.push(Found { name: Some(name.clone()), addresses: addresses.collect() });
            }
        }
    }
    Ok(bind_planned(plan(found), port))
}

/// What an entry of `bind_host` stands for.
struct Found {
    name: Option<String>,
    addresses: Vec<IpAddr>,
}

/// An address to bind to.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Planned {
    address: IpAddr,
    /// `::` takes IPv4 too, unless addresses of IPv4 are listed beside it.
    is_only_v6: bool,
    name: Option<String>,
    /// Another address of the name is listened on by another entry.
    has_another: bool,
}

/// Each address once, and none that `0.0.0.0` or `::` beside it has in it already.
fn plan(found: Vec<Found>) -> Vec<Planned> {
    let all: BTreeSet<IpAddr> = found.iter().flat_map(|found| found.addresses.iter().copied()).collect();
    let is_covered = |address: IpAddr| !address.is_unspecified() && all.contains(&everywhere(address));
    let has_both = all.contains(&V4) && all.contains(&V6);
    let mut planned: Vec<Planned> = Vec::new();
    // Addresses before names: those that are given must be there.
    let (given, named): (Vec<_>, Vec<_>) = found.into_iter().partition(|found| found.name.is_none());
    for Found { name, addresses } in given.into_iter().chain(named) {
        let (known, new): (BTreeSet<_>, BTreeSet<_>) = addresses
            .into_iter()
            .partition(|address| is_covered(*address) || planned.iter().any(|planned| planned.address == *address));
        planned.extend(new.into_iter().map(|address| Planned {
            address,
            is_only_v6: address == V6 && all.iter().any(IpAddr::is_ipv4),
            // A machine without IPv6 is no fault of a list that has both.
            name: name.clone().or_else(|| (has_both && address.is_unspecified()).then(|| V6.to_string())),
            has_another: !known.is_empty(),
        }));
    }
    planned
}

const V4: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
const V6: IpAddr = IpAddr::V6(Ipv6Addr::UNSPECIFIED);

/// All addresses of the family.
fn everywhere(address: IpAddr) -> IpAddr {
    if address.is_ipv4() { V4 } else { V6 }
}

fn bind_planned(planned: Vec<Planned>, port: u16) -> Vec<Attempt> {
    let bind = |Planned { address, is_only_v6, name, has_another }: Planned| {
        let address = SocketAddr::new(address, port);
        (Attempt { place: address.to_string(), outcome: bind(address, is_only_v6), name }, has_another)
    };
    let attempts: Vec<(Attempt, bool)> = planned.into_iter().map(bind).collect();
    let are_here: BTreeSet<String> = attempts
        .iter()
        .filter(|(attempt, _)| !attempt.is_elsewhere())
        .filter_map(|(attempt, _)| attempt.name.clone())
        .collect();
    let is_left_out = |(attempt, has_another): &(Attempt, bool)| {
        let has_another = *has_another || attempt.name.as_ref().is_some_and(|name| are_here.contains(name));
        attempt.is_elsewhere() && attempt.name.is_some() && has_another
    };
    let (left_out, attempts): (Vec<_>, Vec<_>) = attempts.into_iter().partition(is_left_out);
    for (Attempt { place, outcome, name }, _) in left_out {
        if let (Err(error), Some(name)) = (outcome, name) {
            log::warn!("Nothing listens on {place}, which is {name} of bind_host too: {error}");
        }
    }
    attempts.into_iter().map(|(attempt, _)| attempt).collect()
}

/// Is the address none of this machine's?
fn is_elsewhere(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::AddrNotAvailable || error.raw_os_error() == Some(NO_SUCH_FAMILY)
}

/// All addresses of the machine: by one IPv6 socket that takes IPv4 too, or by one for IPv4 where there is no IPv6.
fn bind_everywhere(port: u16) -> io::Result<TcpSocket> {
    match TcpSocket::new_v6().and_then(|socket| bind_both(socket, port)) {
        Err(error) if error.kind() != io::ErrorKind::AddrInUse => bind(SocketAddr::new(V4, port), false),
        outcome => outcome,
    }
}

/// An IPv6 socket on all addresses of both families, whatever the machine's `net.ipv6.bindv6only`.
fn bind_both(socket: TcpSocket, port: u16) -> io::Result<TcpSocket> {
    SockRef::from(&socket).set_only_v6(false)?;
    bind_to(socket, SocketAddr::new(V6, port))
}

fn bind(address: SocketAddr, is_only_v6: bool) -> io::Result<TcpSocket> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if is_only_v6 {
        SockRef::from(&socket).set_only_v6(true)?;
    }
    bind_to(socket, address)
}

fn bind_to(socket: TcpSocket, address: SocketAddr) -> io::Result<TcpSocket> {
    // A restart must not wait for the last connections of the old process to be forgotten.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;

    use super::*;

    #[tokio::test]
    async fn all_addresses_are_those_of_ipv4_too_where_the_machine_keeps_the_families_apart() {
        // A machine without IPv6 takes the other way, which has nothing to tell apart.
        let Ok(socket) = TcpSocket::new_v6() else { return };
        // As net.ipv6.bindv6only=1 makes each one.
        SockRef::from(&socket).set_only_v6(true).expect("set");
        let listener = bind_both(socket, 0).and_then(|socket| socket.listen(1)?.into_std()).expect("a listener");
        let port = listener.local_addr().expect("an address").port();
        TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("a connection by IPv4");
    }

    /// Documentation has this address, and no machine; where there is no IPv6 at all it is no less absent.
    const ABSENT: &str = "2001:db8::1";

    fn found(name: &str, addresses: &[&str]) -> Found {
        let name = (!name.is_empty()).then(|| name.to_owned());
        Found { name, addresses: addresses.iter().map(|text| ip(text)).collect() }
    }

    fn opened_of(entries: Vec<Found>, port: u16) -> Result<Vec<IpAddr>, String> {
        let listeners = listen(bind_planned(plan(entries), port)).map_err(|error| error.to_string())?;
        Ok(listeners.iter().map(|listener| listener.local_addr().expect("an address").ip()).collect())
    }

    fn opened(addresses: &[&str], port: u16) -> Result<Vec<IpAddr>, String> {
        opened_of(vec![found("localhost", addresses)], port)
    }

    #[tokio::test]
    async fn an_address_that_a_name_has_twice_is_listened_on_once() {
        assert_eq!(opened(&["127.0.0.1", "127.0.0.2", "127.0.0.1"], 0), Ok(["127.0.0.1", "127.0.0.2"].map(ip).into()));
    }

    #[tokio::test]
    async fn an_address_of_a_name_that_this_machine_does_not_have_is_passed_over_beside_another() {
        assert_eq!(opened(&[ABSENT, "127.0.0.1"], 0), Ok(vec![ip("127.0.0.1")]));
        let error = opened(&[ABSENT], 0).expect_err("nowhere to listen");
        assert!(error.starts_with(&format!("cannot listen on [{ABSENT}]:0: ")), "{error}");
        assert!(is_elsewhere(&io::Error::from_raw_os_error(NO_SUCH_FAMILY)), "a kernel without IPv6 says this");
        let beside_itself = vec![found("", &["127.0.0.1"]), found("localhost", &["127.0.0.1", ABSENT])];
        assert_eq!(opened_of(beside_itself, 0), Ok(vec![ip("127.0.0.1")]));
        let beside_another = vec![found("", &["127.0.0.1"]), found("other.example.com", &[ABSENT])];
        assert!(opened_of(beside_another, 0).is_err(), "the name stands for nothing");
        assert!(opened_of(vec![found("", &["127.0.0.1"]), found("", &[ABSENT])], 0).is_err(), "it is given");
    }

    #[tokio::test]
    async fn a_port_of_a_name_that_is_taken_is_an_error_beside_another_address_too() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let address = taken.local_addr().expect("an address");
        let error = opened(&["127.0.0.1", ABSENT], address.port()).expect_err("taken");
        assert!(error.starts_with(&format!("cannot listen on {address}: ")), "{error}");
    }

    #[test]
    fn no_address_is_planned_twice_and_none_that_another_has_in_it() {
        let planned = |entries: &[(&str, &[&str])]| {
            let entries = entries.iter().map(|(name, addresses)| found(name, addresses)).collect();
            let texts = plan(entries)
                .into_iter()
                .map(|planned| format!("{}{}", planned.address, if planned.is_only_v6 { " only" } else { "" }));
            texts.collect::<Vec<_>>()
        };
        let localhost: (&str, &[&str]) = ("localhost", &["127.0.0.1", "::1"]);
        assert_eq!(planned(&[("", &["0.0.0.0"]), ("", &["::"])]), ["0.0.0.0", ":: only"]);
        assert_eq!(planned(&[("", &["::"]), ("", &["0.0.0.0"]), localhost]), [":: only", "0.0.0.0"]);
        assert_eq!(planned(&[("", &["::"])]), ["::"], "takes IPv4 too, as the system has it");
        assert_eq!(planned(&[localhost, ("", &["127.0.0.1"])]), ["127.0.0.1", "::1"]);
        assert_eq!(planned(&[("", &["0.0.0.0"]), localhost]), ["0.0.0.0", "::1"]);
        assert_eq!(planned(&[("", &["10.1.2.3"]), ("", &["10.1.2.3"])]), ["10.1.2.3"]);
    }

    #[tokio::test]
    async fn all_addresses_of_both_families_can_be_listed() {
        // One port for both, as in the settings; another process may take it in between.
        let is_opened = (0..20).any(|_| {
            let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port").local_addr().expect("known").port();
            opened_of(vec![found("", &["0.0.0.0"]), found("", &["::"])], port).is_ok()
        });
        assert!(is_opened);
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }
}
