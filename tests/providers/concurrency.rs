//! Many hosts at once: no address is given twice, and no host is refused without a reason.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::mpsc;
use std::thread;

use ipam_conformance::{Role, SeededSubnet};

use crate::support::{Foreman, Place, Simulated, Vendor, at_once, mac, named};

const HOSTS: usize = 200;

/// IPv4 and, where the product has it, IPv6, in two groups.
const ROLES: [Role; 3] = [Role::Wide, Role::Wider, Role::Ipv6];

/// How many addresses somebody else takes meanwhile, one for each few hosts.
const TAKEN: usize = 30;
const HOSTS_FOR_EACH: usize = 6;

/// On a busy machine the last of two hundred waits long for its turn.
const PATIENT: &str = "request_budget_seconds: 54\nattempt_seconds: 20";

fn places<V: Vendor>(ipam: &Simulated<V>) -> Vec<&SeededSubnet> {
    ROLES.into_iter().filter_map(|role| ipam.seed.subnet(role)).collect()
}

fn place<V: Vendor>(ipam: &Simulated<V>, number: usize) -> &SeededSubnet {
    let places = places(ipam);
    places[number % places.len()]
}

/// Everything that is recorded is of a host, of the seed or of somebody else, each once; and every host is.
fn assert_recorded<V: Vendor>(ipam: &Simulated<V>, hosts: &[IpAddr], others: &BTreeMap<usize, BTreeSet<IpAddr>>) {
    let places = places(ipam);
    for (index, seeded) in places.iter().enumerate() {
        let mut left: BTreeMap<IpAddr, Option<usize>> = BTreeMap::new();
        for (number, address) in hosts.iter().enumerate().filter(|(number, _)| number % places.len() == index) {
            assert_eq!(left.insert(*address, Some(number)), None, "{address} was given twice");
        }
        for address in seeded.taken.keys().chain(others.get(&index).into_iter().flatten()) {
            assert_eq!(left.insert(*address, None), None, "{address} was somebody else's");
        }
        for record in ipam.vendor.records(seeded) {
            let owner = left.remove(&record.address);
            let owner = owner.unwrap_or_else(|| panic!("{record:?} is recorded twice, or for nobody"));
            if let Some(number) = owner {
                assert_eq!(record.mac, Some(mac(number)), "{record:?}");
            }
        }
        assert!(left.is_empty(), "not recorded: {left:?}");
    }
}

pub(crate) fn two_hundred_hosts_get_two_hundred_addresses<V: Vendor>() {
    let ipam = Simulated::<V>::start();
    let proxy = Place::over(&ipam).ipam(PATIENT).start();
    let foreman = proxy.foreman();
    let hosts = at_once(HOSTS, |number| {
        let (prefix, group) = named(place(&ipam, number));
        let address = foreman.create_host(&prefix, Some(&mac(number)), group);
        address.unwrap_or_else(|text| panic!("host {number}: {text}")).parse().expect("an address")
    });
    assert_recorded(&ipam, &hosts, &BTreeMap::new());
    proxy.assert_sound();
}

/// A host that was created after refusals.
struct Created {
    address: IpAddr,
    refused: Vec<IpAddr>,
}

/// Asks and asks again, as the person in front of Foreman does who is told that an address is taken. Each time another
/// one must be offered.
fn create(foreman: &Foreman, seeded: &SeededSubnet, number: usize) -> Created {
    let (prefix, group) = named(seeded);
    let mut refused = Vec::new();
    loop {
        let text = match foreman.create_host(&prefix, Some(&mac(number)), group) {
            Ok(address) => return Created { address: address.parse().expect("an address"), refused },
            Err(text) => text,
        };
        assert!(text.contains("already") && text.contains("reserved in External IPAM"), "host {number}: {text}");
        let word = text.split(' ').find_map(|word| word.parse::<IpAddr>().ok());
        let address = word.unwrap_or_else(|| panic!("host {number}: no address in {text}"));
        assert!(!refused.contains(&address), "host {number} is offered {address} again, which was refused: {text}");
        refused.push(address);
    }
}

/// Only what somebody else took is refused.
pub(crate) fn two_hundred_hosts_beside_another_writer<V: Vendor>() {
    let ipam = Simulated::<V>::start();
    let proxy = Place::over(&ipam).ipam(PATIENT).start();
    let foreman = proxy.foreman();
    let (created, others) = thread::scope(|scope| {
        let ipam = &ipam;
        // In here, so that a host that fails ends the other one too.
        let (done, is_done) = mpsc::channel();
        let other = scope.spawn(move || {
            let mut others: BTreeMap<usize, BTreeSet<IpAddr>> = BTreeMap::new();
            for turn in 0..TAKEN {
                let seeded = place(ipam, turn);
                let address = ipam.lowest_free(seeded);
                if ipam.vendor.take(seeded, address) {
                    others.entry(turn % places(ipam).len()).or_default().insert(address);
                }
                // Ends early only when a host has failed, which says so itself.
                if is_done.iter().take(HOSTS_FOR_EACH).count() < HOSTS_FOR_EACH {
                    break;
                }
            }
            others
        });
        let created = at_once(HOSTS, |number| {
            let created = create(&foreman, place(ipam, number), number);
            // Nobody listens any more when the other one has had enough.
            let _ = done.send(());
            created
        });
        drop(done);
        (created, other.join().expect("the other writer ends"))
    });
    for (number, created) in created.iter().enumerate() {
        for address in &created.refused {
            let is_others = others.get(&(number % places(&ipam).len())).is_some_and(|others| others.contains(address));
            assert!(is_others, "host {number} was refused {address}, which nobody else took");
        }
    }
    let hosts: Vec<IpAddr> = created.iter().map(|created| created.address).collect();
    assert_recorded(&ipam, &hosts, &others);
    proxy.assert_sound();
}
